//! Tests on the real kernel that need to reach inside.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use lapwing_engine::{event::Body, interest::Interest};
use libbpf_rs::{MapCore, MapFlags};

use crate::{Options, Sensors};

/// `struct lw_memory`: all ids are `id`, no capability.
fn memory(id: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [id; 6].iter().flat_map(|id| id.to_ne_bytes()).collect();
    bytes.resize(48, 0);
    bytes
}

/// An exploit overwrites the credentials in kernel memory. Here the kernel's programs are made to remember the process as somebody who
/// could never become root by a call; that it is root then has the same look.
#[test]
fn root_without_a_call_is_an_exploits_mark() {
    let interest = Interest {
        generation: 1,
        process: true,
        exec_failures: false,
        credentials: true,
        watches: Vec::new(),
        network: None,
    };
    let (sensors, mut reader) = Sensors::open(&Options::default(), &interest).unwrap();
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "read x; /bin/true; exit 0"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // It has its own memory once it has run exec, which spawn waits for.
    let remembered = sensors.base.map("lw_remembered").unwrap();
    remembered
        .update(&shell.id().to_ne_bytes(), &memory(1000), MapFlags::EXIST)
        .unwrap();
    shell.stdin.take().unwrap().write_all(b"go\n").unwrap();
    shell.wait().unwrap();

    let mut changes = Vec::new();
    while reader.drain(1000, &mut |event| {
        if let Body::Credentials(change) = &event.body
            && event.header.process.pid == shell.id()
        {
            changes.push((change.before.euid, change.after.euid, change.by_call));
        }
    }) > 0
    {}
    assert_eq!(
        changes,
        [(1000, 0, false)],
        "told once, at the next fork, and not again at the exit"
    );
}
