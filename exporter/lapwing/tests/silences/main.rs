//! Silences as masks, with a real Alertmanager: read by the agent, made and ended by `lapwing mask`.

#![allow(clippy::unwrap_used)]

#[path = "../common/alertmanager.rs"]
mod alertmanager;
#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/agent.rs"]
mod running;
#[path = "../common/servers.rs"]
mod servers;

mod agent;
mod command;
mod hostile;
mod poll;
