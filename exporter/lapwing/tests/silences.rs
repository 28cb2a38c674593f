//! Silences as masks, with a real Alertmanager: read by the agent, made and ended by `lapwing mask`.

#![allow(clippy::unwrap_used)]

#[path = "silences/agent.rs"]
mod agent;
#[path = "common/alertmanager.rs"]
mod alertmanager;
#[path = "silences/command.rs"]
mod command;
#[path = "silences/hostile.rs"]
mod hostile;
#[path = "common/pki.rs"]
mod pki;
#[path = "silences/poll.rs"]
mod poll;
#[path = "common/root.rs"]
mod root;
#[path = "common/servers.rs"]
mod servers;
