//! Lapwing never alerts on itself: one attack is one alert, also when the agent's own output lies in a watch.

use std::{sync::OnceLock, thread, time::Duration};

use crate::{
    act::Act,
    agent::Agent,
    error::{Error, Result},
    http::Receiver,
    place::{Place, copy_program, executable},
    scenario::{Expected, check, is_of_session, observe},
    scenarios::{Check, Setting},
    verdict::Verdict,
    world::World,
};

pub fn checks() -> Vec<Check> {
    vec![Check::shared(
        "one-attack-is-one-alert-and-no-loop",
        Setting::Production,
        no_loop,
    )]
}

/// It listens until this program ends, whatever becomes of its agents.
fn receiver() -> Result<&'static Receiver> {
    static RECEIVER: OnceLock<Receiver> = OnceLock::new();
    if RECEIVER.get().is_none() {
        // One that comes second goes unused.
        let _ = RECEIVER.set(Receiver::start()?);
    }
    RECEIVER.get().ok_or_else(|| Error("no receiver".into()))
}

/// The agent whose output is watched, and goes to a receiver too.
pub(super) fn start() -> Result<Agent> {
    let config = format!(
        "[otlp]\nendpoint = \"http://{}\"\nprotocol = \"http/protobuf\"\n\n\
         [[file.watch]]\nid = \"own-output\"\npath = \"{{home}}\"\nrecursive = true\naccess = [\"create\", \"write\", \"delete\", \"rename\"]\n\
         severity = \"low\"\n",
        receiver()?.address
    );
    Agent::start("production", &config)
}

fn no_loop(agent: &Agent, _: &World) -> Result<Verdict> {
    let receiver = receiver()?;
    let place = Place::new("itself")?;
    let program = copy_program("true", &place.tmp)?;
    let attack = [Expected {
        rule: "exec-from-tmp",
        sensor: "process",
        event: "process.exec",
        ..Expected::default()
    }];
    check(&attack, &observe(agent, &Act::new(&program, &[]), 1)?)?;

    thread::sleep(Duration::from_secs(2));
    let (alerts, requests) = (agent.alerts()?.len(), receiver.requests());
    thread::sleep(Duration::from_secs(2));
    let (alerts_later, requests_later) = (agent.alerts()?.len(), receiver.requests());
    if requests == 0 {
        return Err(Error(format!("the OTLP receiver got nothing\n{}", agent.log_end())));
    }
    if (alerts, requests) != (alerts_later, requests_later) {
        return Err(Error(format!(
            "a loop: {alerts} alerts and {requests} requests became {alerts_later} and {requests_later}"
        )));
    }
    if agent.alerts()?.iter().any(|alert| is_of_session(alert, agent.pid())) {
        return Err(Error("an alert on the agent itself".into()));
    }

    // Another who touches the agent's output is told of.
    let output = agent.home.join("alerts.json");
    let meddling = Act::shell(&format!("echo >>{}", output.display()));
    let expected = [Expected {
        rule: "own-output",
        sensor: "file",
        event: "file.write",
        executable: Some(executable("sh")?.display().to_string()),
        file: Some(output.display().to_string()),
        ..Expected::default()
    }];
    check(&expected, &observe(agent, &meddling, 1)?)?;
    Ok(Verdict::Seen)
}
