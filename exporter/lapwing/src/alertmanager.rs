//! Alertmanager: its silences are the agent's masks.
//!
//! `settings` says which peers there are and how they are spoken to, `client` speaks to one of them, `wire` reads what it answers (foreign bytes),
//! `poll` asks again and again and keeps what is known, `save` keeps it over a restart, `masks` brings it to the engine's clock, `state` is what there
//! is to say of it.

mod client;
mod error;
mod masks;
mod poll;
mod save;
mod settings;
mod state;
mod wire;

pub use client::Client;
pub use error::ClientError;
pub use masks::{masks, settings as mask_settings};
pub use poll::Poller;
pub use settings::{Refusal, check};
pub use state::{PollState, RESULTS, RefusedSilence, WIRE_REASONS};
pub use wire::{Answer, Found, NewSilence, WireMatcher, good_id, rfc3339, silences};
