//! The process sensor on the real kernel: a real program does the thing, the event must tell it.

#![allow(clippy::unwrap_used)] // helpers of tests, too

#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod execs;
mod hooks;
mod life;

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use common::{Rig, everything};
use lapwing_bpf::Options;
use lapwing_engine::event::{Body, Exec, ExitReason};

fn rig() -> Rig {
    Rig::open(&Options::default(), &everything())
}

fn run(rig: &mut Rig, command: &mut Command) -> u32 {
    let mut child: Child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    child.wait().unwrap();
    rig.until_exit(pid);
    pid
}

fn exec_of(rig: &Rig, pid: u32) -> &Exec {
    let mut execs = rig.of(pid).into_iter().filter_map(|event| match &event.body {
        Body::Exec(exec) => Some(&**exec),
        _ => None,
    });
    let exec = execs
        .next()
        .unwrap_or_else(|| panic!("no exec of {pid}: {:#?}", rig.of(pid)));
    assert!(execs.next().is_none(), "{pid} ran one program");
    exec
}

fn exit_of(rig: &Rig, pid: u32) -> ExitReason {
    let exits: Vec<_> = rig
        .of(pid)
        .into_iter()
        .filter_map(|event| match &event.body {
            Body::Exit(exit) => Some(exit.reason),
            _ => None,
        })
        .collect();
    assert_eq!(exits.len(), 1, "a process ends once: {:#?}", rig.of(pid));
    exits[0]
}

/// A directory of this test, which outlives it in /tmp only when the test fails.
fn tempdir(name: &str) -> String {
    let path = format!("/tmp/lapwing-test-{}-{name}", std::process::id());
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
