//! How processes begin and end, and those that were there before.

use std::{fs, process::Command};

use lapwing_engine::event::{Body, ExitReason, Value};

use crate::{exit_of, rig, run};

#[test]
fn a_fork_tells_its_child() {
    let mut rig = rig();
    let pid = run(&mut rig, &mut Command::new("/bin/true"));
    let me = std::process::id();
    let forks: Vec<_> = rig
        .of(me)
        .into_iter()
        .filter_map(|event| match &event.body {
            Body::Fork(fork) if fork.child.pid == pid => Some(fork),
            _ => None,
        })
        .collect();
    assert_eq!(forks.len(), 1);
    let exec = rig.of(pid)[0].header.process;
    assert_eq!(
        forks[0].child, exec,
        "the key of the fork is that of what the child does"
    );
    assert_eq!(forks[0].snapshot.parent.pid, me);
}

#[test]
fn a_signal_is_told_as_one() {
    let mut rig = rig();
    let pid = run(&mut rig, Command::new("/bin/sh").args(["-c", "kill -SEGV $$"]));
    assert!(matches!(exit_of(&rig, pid), ExitReason::Signal { number: 11, .. }));
    let pid = run(&mut rig, Command::new("/bin/sh").args(["-c", "kill -KILL $$"]));
    assert_eq!(
        exit_of(&rig, pid),
        ExitReason::Signal {
            number: 9,
            core_dumped: false
        }
    );
}

#[test]
fn many_threads_end_once() {
    let mut rig = rig();
    let test = std::env::current_exe().unwrap();
    for _ in 0..20 {
        let pid = run(
            &mut rig,
            Command::new(&test)
                .args(["--exact", "life::helper_threads", "--ignored"])
                .env("LAPWING_HELPER", "1"),
        );
        assert_eq!(exit_of(&rig, pid), ExitReason::Code(7));
    }
}

/// Not a test: what `many_threads_end_once` runs.
#[test]
#[ignore = "run by many_threads_end_once"]
fn helper_threads() {
    if std::env::var_os("LAPWING_HELPER").is_some() {
        for _ in 0..16 {
            std::thread::spawn(std::thread::park);
        }
        std::process::exit(7);
    }
}

#[test]
fn what_runs_already_is_seeded_parents_first() {
    let mut rig = rig();
    let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let events = rig.sensors.seed().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let place = |pid: u32| events.iter().position(|event| event.header.process.pid == pid);
    let (me, sleep) = (place(std::process::id()).unwrap(), place(child.id()).unwrap());
    assert!(place(1).unwrap() < me && me < sleep);
    let Body::Snapshot(snapshot) = &events[sleep].body else {
        panic!("{:?}", events[sleep])
    };
    assert_eq!(snapshot.parent, events[me].header.process);
    assert_eq!(
        snapshot
            .args
            .get()
            .unwrap()
            .iter()
            .map(|a| a.to_text())
            .collect::<Vec<_>>(),
        ["/bin/sleep", "60"]
    );
    assert_eq!(
        snapshot.executable.get().unwrap().to_text(),
        fs::canonicalize("/bin/sleep").unwrap().to_string_lossy()
    );
    let kernel_thread = events.iter().find(|event| event.header.process.pid == 2).unwrap();
    assert!(matches!(&kernel_thread.body, Body::Snapshot(s) if s.executable == Value::Missing));
}
