//! Lapwing's detection core: events go in, alerts come out.
//!
//! Nothing here reads a clock, opens a file or starts a thread. Time comes with the events, so that the same events give the same
//! alerts in a test, in a replay and live.

#![forbid(unsafe_code)]
#![warn(clippy::missing_errors_doc)]

pub mod alert;
pub mod container;
pub mod engine;
pub mod event;
pub mod field;
pub mod fold;
pub mod interest;
pub mod mask;
pub mod names;
pub mod net;
pub mod paths;
pub mod predicate;
pub mod process;
pub mod redact;
pub mod reorder;
pub mod rule;
pub mod score;
pub mod spec;
pub mod synthetic;
mod view;
