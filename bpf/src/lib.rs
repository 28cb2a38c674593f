//! Lapwing's probes: all the BPF C, all the unsafe code, and nothing else.
//!
//! The hooks (`c/*.bpf.c`) write records into rings. [`Sensors`] loads and attaches what an [`Interest`] needs, [`Reader`] turns the
//! records into [`Event`]s.
//!
//! [`Interest`]: lapwing_engine::interest::Interest
//! [`Event`]: lapwing_engine::event::Event

#![warn(clippy::missing_errors_doc)]

mod base;
mod capability;
mod check;
mod cost;
pub mod decode;
mod faults;
mod file;
mod fill;
mod hooks;
mod libbpf_log;
mod loader;
mod lockdown;
mod net;
mod object;
mod options;
mod present;
mod process;
mod reader;
mod ring;
mod seed;
mod selftest;
mod sensors;
#[cfg(test)]
mod tests;
mod tls;
mod unavailable;
mod verifier;
mod watch;
mod wire;

pub use capability::keep_capabilities;
pub use cost::{Loss, ProgramCost};
pub use fill::KernelTable;
pub use hooks::{HookState, State};
pub use options::Options;
pub use present::{Present, present};
pub use reader::Reader;
pub use seed::SeedError;
pub use sensors::Sensors;
pub use tls::{TlsObject, tls_doors};
pub use unavailable::{ApplyError, Unavailable};
pub use verifier::{Verified, verify};
