//! What is not told is counted: the agent's own acts, and what a full ring did not take.

use std::{fs, io::Write as _};

use lapwing_bpf::Options;
use lapwing_engine::event::{Access, Body, FileOp};

use crate::{Place, common::Rig, interest, rig, told, value};

#[test]
fn the_agent_itself_is_excluded_and_counted() {
    let place = Place::new();
    let mut rig = rig(&place);
    rig.sensors.exclude_self(std::process::id());
    let before = rig.lost_at("self");
    fs::write(place.inside("file"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
    assert_eq!(rig.lost_at("self"), before + 1);
    assert!(
        std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("echo x >> {}", place.inside("file").display()))
            .status()
            .unwrap()
            .success()
    );
    rig.drain();
    assert!(
        rig.events
            .iter()
            .any(|e| matches!(&e.body, Body::File(f) if f.path == value(&place.inside("file"))))
    );
}

#[test]
fn seen_and_lost_is_all_that_was_done() {
    const TIMES: usize = 20_000;
    let place = Place::new();
    let mut watch = place.watch("in", true);
    watch.access = Access::from_iter([FileOp::Write]);
    let mut rig = Rig::open(
        &Options {
            file_ring: 1 << 20,
            ..Options::default()
        },
        &interest(vec![watch]),
    );
    let path = place.inside("file");
    fs::write(&path, "x").unwrap();
    told(&mut rig);
    let before = rig.lost();
    for turn in 0..TIMES {
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"")
            .unwrap();
        // Half of the time nobody reads, so that the ring overflows.
        if turn > TIMES / 2 && turn % 500 == 0 {
            rig.drain();
        }
    }
    let seen = told(&mut rig).len();
    let lost = (rig.lost() - before) as usize;
    assert_eq!(seen + lost, TIMES, "seen {seen}, lost {lost}");
    assert!(lost > 0 && seen > 0, "seen {seen}, lost {lost}: both shall be tested");
}
