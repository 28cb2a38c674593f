//! The life of real agents: two at once, ended and killed and started again, reloaded, and under hostile traffic.

#![allow(clippy::unwrap_used)]

#[path = "../common/receivers.rs"]
mod receivers;
#[path = "../common/servers.rs"]
mod servers;

mod agent;
mod beside;
mod restart;
