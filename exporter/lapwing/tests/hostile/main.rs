//! Hostile traffic against a running agent: seen + counted as lost = sent, memory stays bounded, and it still detects afterwards.
//!
//! `LAPWING_HOSTILE_CONNECTIONS=100000` makes the flood as large as it is meant to be; the default is for every day.

#![allow(clippy::unwrap_used)]

#[path = "../common/agent.rs"]
mod agent;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/servers.rs"]
mod servers;

mod flood;
mod messages;
mod traffic;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One at a time: this process' traffic is what is counted.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `[network]` about this process alone, for others of the host have traffic too.
pub fn mine(keys: &str) -> String {
    let me = std::env::current_exe().unwrap();
    format!(
        "[network]\nenabled = true\nmode = \"only\"\nprocesses = [\"{}\"]\n{keys}",
        me.display()
    )
}

/// A rule that counts, without points and alerts.
pub fn counting(id: &str, protocol: &str, event: &str, when: &str) -> String {
    format!(
        "[[network.rule]]\nid = \"{id}\"\nprotocol = \"{protocol}\"\nevent = \"{event}\"\nwhen = '{when}'\nseverity = \"info\"\npoints = 0\nalert = \"score\"\n"
    )
}
