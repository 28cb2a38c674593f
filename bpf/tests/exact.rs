//! Nothing is lost in silence: seen + counted as lost = happened.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod common;

use std::process::{Child, Command, Stdio};

use common::{Rig, everything};
use lapwing_bpf::Options;
use lapwing_engine::event::{Body, Event, Sensor};

/// 5,000; LAPWING_TEST_PROCESSES says otherwise where a process takes long (an emulated guest).
fn processes() -> usize {
    std::env::var("LAPWING_TEST_PROCESSES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5_000)
}

/// Runs a program `processes()` times from one shell.
fn flood() -> Child {
    let script = format!("i=0; while [ $i -lt {} ]; do /bin/true; i=$((i+1)); done", processes());
    Command::new("/bin/sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// Execs of children of `shell`.
fn execs(events: &[Event], shell: u32) -> usize {
    events
        .iter()
        .filter(|event| matches!(&event.body, Body::Exec(exec) if exec.snapshot.parent.pid == shell))
        .count()
}

#[test]
fn five_thousand_short_processes_are_seen_or_counted() {
    let mut rig = Rig::open(&Options::default(), &everything());
    let mut shell = flood();
    while shell.try_wait().unwrap().is_none() {
        rig.drain();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    rig.until_exit(shell.id());
    let (seen, lost) = (execs(&rig.events, shell.id()), rig.lost());
    println!("seen {seen}, lost {lost}");
    assert_eq!(
        lost,
        0,
        "a reader that keeps up loses nothing: {:?}",
        rig.sensors.losses()
    );
    assert_eq!(seen, processes());
    let forks = rig
        .of(shell.id())
        .iter()
        .filter(|event| matches!(event.body, Body::Fork(_)))
        .count();
    assert_eq!(forks, processes());
}

#[test]
fn what_a_full_ring_refuses_is_counted() {
    let options = Options {
        lifecycle_ring: 65536,
        ..Options::default()
    };
    let mut rig = Rig::open(&options, &everything());
    rig.drain();
    let (before, lost_before) = (rig.sensors.tried(Sensor::Process), rig.lost());
    rig.events.clear();
    let mut shell = flood();
    shell.wait().unwrap();
    // Others' processes go on: read until the counters stand still around the reading.
    let (tried, lost) = loop {
        rig.drain();
        let counters = (rig.sensors.tried(Sensor::Process), rig.lost());
        let had = rig.events.len();
        rig.drain();
        if rig.events.len() == had && counters == (rig.sensors.tried(Sensor::Process), rig.lost()) {
            break counters;
        }
    };
    let (seen, lost, tried) = (rig.events.len() as u64, lost - lost_before, tried - before);
    println!("seen {seen}, lost {lost}, tried {tried}");
    assert!(lost > 0, "a ring of 64 KiB cannot hold 15,000 records");
    assert!(tried >= 3 * processes() as u64);
    assert_eq!(seen + lost, tried);
}
