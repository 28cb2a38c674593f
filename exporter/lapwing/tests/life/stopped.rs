//! An agent that the host leaves no time.

use std::{fs, process::Command};

use rustix::process::Signal;

use crate::{
    agent::{Agent, QUIET},
    root::skipped,
    servers::wait_until,
};

/// More of them than one batch has events. The ring of processes is read first: what the other one has happened in between.
const ROUNDS: usize = 800;

#[test]
fn what_waited_in_several_rings_is_judged_in_its_order() {
    if skipped() {
        return;
    }
    let agent = Agent::start(&format!(
        "{QUIET}[[file.watch]]\nid = \"watched\"\npath = \"{{home}}/watched\"\nrecursive = true\naccess = [\"create\"]\n\
         severity = \"info\"\nalert = \"score\"\npoints = 0\n"
    ));
    let created = || agent.metric("lapwing_events_total", &["sensor=\"file\"", "kind=\"create\""]);
    let watched = agent.path("watched");
    fs::create_dir(&watched).unwrap();
    agent.fence("before");
    let late = agent.metric("lapwing_events_late_total", &[]);

    agent.signal(Signal::STOP);
    for round in 0..ROUNDS {
        assert!(Command::new("/bin/true").status().unwrap().success());
        fs::write(watched.join(round.to_string()), "").unwrap();
    }
    agent.signal(Signal::CONT);

    wait_until("each created file to be counted", || created() >= ROUNDS as f64);
    assert_eq!(agent.metric("lapwing_events_late_total", &[]), late);
}
