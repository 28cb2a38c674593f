//! The life of real agents: two at once, ended and killed and started again, reloaded, and under hostile traffic.

#![allow(clippy::unwrap_used)]

#[path = "../common/agent.rs"]
mod agent;
#[path = "../common/receivers.rs"]
mod receivers;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/servers.rs"]
mod servers;

mod beside;
mod reload;
mod restart;
mod stopped;
