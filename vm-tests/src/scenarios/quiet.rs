//! Silence: on an idle host the production default says nothing, also when its own output is watched besides.

use std::{thread, time::Duration};

use crate::{
    agent::Agent,
    error::{Error, Result},
    scenario::{brief, fence, session_alerts},
    scenarios::{Check, Setting},
    verdict::Verdict,
    world::World,
};

/// A minute in CI; `LAPWING_IDLE_SECONDS=600` for the ten minutes that the noise budget is about.
const IDLE: Duration = Duration::from_secs(60);

pub fn checks() -> Vec<Check> {
    vec![Check::shared("idle-production-is-silent", Setting::Production, idle)]
}

fn idle(agent: &Agent, _: &World) -> Result<Verdict> {
    let seconds = std::env::var("LAPWING_IDLE_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    thread::sleep(seconds.map_or(IDLE, Duration::from_secs));
    let alerts = agent.alerts()?;
    if !alerts.is_empty() {
        let shown: Vec<_> = alerts.iter().map(brief).collect();
        return Err(Error(format!(
            "{} alerts on an idle host:\n{}",
            alerts.len(),
            shown.join("\n")
        )));
    }
    // It was silent because nothing happened, not because it was deaf.
    fence(agent)?;
    if session_alerts(agent, std::process::id())?.is_empty() {
        return Err(Error("no alert of this program's children".into()));
    }
    Ok(Verdict::Seen)
}
