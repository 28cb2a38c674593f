//! All scenarios, and the checks that need an agent of their own.

mod escape;
mod file;
mod flavour;
mod itself;
mod loss;
mod network;
mod process;
mod quiet;
mod refused;
mod reload;
mod replay;
mod score;

use crate::{error::Result, place::watched, scenario::Scenario};

/// A test that starts its own agent.
pub struct Check {
    /// Unique.
    pub name: &'static str,
    /// The test.
    pub run: fn() -> Result<()>,
}

/// Rules for the scenarios that no built-in rule is about.
pub fn own_rules() -> String {
    let text = |name| watched(name).display().to_string();
    include_str!("../rules/own.toml")
        .replace("{tree}", &text("tree"))
        .replace("{single}", &text("single"))
}

/// "Do this, expect exactly these alerts, and none for the twin."
pub fn scenarios() -> Vec<Scenario> {
    [
        file::scenarios(),
        process::scenarios(),
        escape::scenarios(),
        refused::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Everything else.
pub fn checks() -> Vec<Check> {
    [
        flavour::checks(),
        quiet::checks(),
        loss::checks(),
        reload::checks(),
        score::checks(),
        itself::checks(),
        replay::checks(),
        network::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
