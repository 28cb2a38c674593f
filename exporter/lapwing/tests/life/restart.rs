//! The time in which nobody watched is measured and told.

use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    agent::{Agent, QUIET},
    receivers::{Record, Tap},
    root::skipped,
    servers::{free, wait_until},
};

const GAP: &str = "agent.unwatched";

/// The record of the last start, once it is written.
fn told(agent: &Agent, starts: usize) -> Value {
    wait_until("the record of the gap", || agent.alerts_of(GAP).len() == starts);
    agent.alerts_of(GAP).pop().unwrap()
}

/// The records of gaps at the collector, once so many are there.
fn collected(tap: &Tap, gaps: usize) -> Vec<Record> {
    let mut records = Vec::new();
    wait_until("the gap's record at the collector", || {
        records = tap.wait(1);
        records.retain(|record| record.json["eventName"] == "lapwing.agent.unwatched");
        records.len() == gaps
    });
    records
}

fn seconds(record: &Value) -> f64 {
    record["unwatched"]["seconds"].as_f64().unwrap()
}

#[test]
fn a_restart_tells_how_long_nobody_watched_and_whether_the_agent_was_killed() {
    if skipped() {
        return;
    }
    let tap = Tap::start(free());
    let otlp = format!(
        "[otlp]\nendpoint = \"http://{}\"\nprotocol = \"http/protobuf\"\n",
        tap.address
    );
    let mut agent = Agent::start(&format!("{QUIET}{otlp}"));
    assert_eq!(
        agent.metric("lapwing_unwatched_seconds", &[]),
        0.0,
        "the first start knows of none before"
    );
    assert!(agent.alerts_of(GAP).is_empty());

    let ended = Instant::now();
    agent.stop();
    agent.start_again();
    let between = ended.elapsed().as_secs_f64();
    let clean = told(&agent, 1);
    assert_eq!(
        (&clean["unwatched"]["end"], &clean["unwatched"]["reboot"]),
        (&"clean".into(), &false.into())
    );
    assert_eq!(
        (&clean["severity"], &clean["sensor"]),
        (&"info".into(), &"agent".into())
    );
    assert!(
        seconds(&clean) > 0.0 && seconds(&clean) < between,
        "{clean} of {between} s"
    );
    let shown = agent.metric("lapwing_unwatched_seconds", &["end=\"clean\"", "reboot=\"false\""]);
    assert_eq!(shown, seconds(&clean));
    let status = String::from_utf8(agent.command(&["status"]).stdout).unwrap();
    assert!(status.contains("not watched for"), "{status}");

    // Once its first sign is there, so that it is this run's.
    agent.fence("before-the-end");
    wait_until("the sign of this run", || {
        let sign = std::fs::read_to_string(agent.path("state/alive")).unwrap();
        sign.contains("\"ended\":false")
    });
    // What waits for the collector dies with the agent.
    collected(&tap, 1);
    let killed_at = Instant::now();
    agent.kill();
    agent.start_again();
    let between = killed_at.elapsed().as_secs_f64();
    let killed = told(&agent, 2);
    assert_eq!(
        (&killed["unwatched"]["end"], &killed["result"]),
        (&"killed".into(), &"failure".into())
    );
    assert_eq!(killed["severity"], "high");
    let uncertain = killed["unwatched"]["uncertain_seconds"].as_f64().unwrap();
    assert!(
        seconds(&killed) > 0.0 && seconds(&killed) - uncertain < between,
        "{killed} of {between} s"
    );
    assert!(killed["unwatched"]["from"].as_str() < killed["unwatched"]["until"].as_str());
    assert_eq!(killed["mask"], Value::Null, "there is nothing to mask");
    let records = collected(&tap, 2);
    let ends = [0, 1].map(|n| records[n].text("lapwing.unwatched.end").to_owned());
    assert_eq!(ends, ["clean", "killed"], "{records:?}");
    assert_eq!(records[1].text("lapwing.sensor"), "agent");
    assert_eq!(records[1].body(), killed["message"].as_str().unwrap());
    let shown = &records[1].attributes["lapwing.unwatched.seconds"]["doubleValue"];
    assert_eq!(shown.as_f64(), Some(seconds(&killed)));
    assert!(agent.metric("lapwing_unwatched_seconds", &["end=\"killed\""]) > 0.0);

    // One that never came to watch closes no gap: its metrics' address is taken.
    agent.signal(Signal::KILL);
    agent.child.wait().unwrap();
    let taken = std::net::TcpListener::bind(agent.metrics).unwrap();
    let failed = agent.command(&["run"]);
    assert_eq!(failed.status.code(), Some(4));
    assert_eq!(agent.alerts_of(GAP).len(), 2);
    drop(taken);
    agent.start_again();
    let after = told(&agent, 3);
    assert_eq!(after["unwatched"]["end"], "killed");
}
