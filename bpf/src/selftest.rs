//! The self-test of delivery: does a harmless act that each hook must notice, and looks whether it did.
//!
//! That a program loads and attaches proves little: LSM programs on 5.10 attach and never run. So each program must have run, and the
//! process records must have come through the ring.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, Stdio},
};

use lapwing_engine::event::{Body, Event};

use crate::{
    cost::Stats,
    loader::{Loaded, Refusals},
    reader::Reader,
};

/// A path that nobody has: running it must fail.
const NOWHERE: &str = "/proc/self/lapwing-self-test";
/// Programs that do nothing; the first that exists is run.
const IDLERS: &[&[&str]] = &[
    &["/bin/true"],
    &["/usr/bin/true"],
    &["/bin/busybox", "true"],
    &["/bin/sh", "-c", ":"],
];

/// Those of the attached `programs` that did not notice the act. The records of the act are taken out of `reader`.
pub(crate) fn run(loaded: &[Loaded], programs: &[&'static str], reader: &mut Reader) -> Refusals {
    if programs.is_empty() {
        return Refusals::new();
    }
    let stats = Stats::enable();
    let before = runs(loaded);
    let ran = act(programs);
    // It runs for no entry, too.
    if let Err(error) = crate::net::walk(loaded) {
        tracing::warn!(%error, "the connections could not be walked in the self-test");
    }
    let after = runs(loaded);
    let own = sift(reader);

    let mut refused = Refusals::new();
    for program in programs {
        let idle = before
            .get(program)
            .zip(after.get(program))
            .is_none_or(|(before, after)| before == after);
        // Without the statistics (they need CAP_SYS_ADMIN) only the records can tell.
        if idle && stats.is_ok() && (ran || *program != "lw_on_exec") {
            refused.insert(program, "attached, but it did not run in the self-test".to_owned());
        }
    }
    let came = |wanted: fn(&Body) -> bool| own.iter().any(|event| wanted(&event.body));
    for (program, delivered) in [
        ("lw_on_fork", came(|body| matches!(body, Body::Fork(_)))),
        ("lw_on_exec", !ran || came(|body| matches!(body, Body::Exec(_)))),
        ("lw_on_exit", came(|body| matches!(body, Body::Exit(_)))),
    ] {
        if programs.contains(&program) && !delivered {
            refused
                .entry(program)
                .or_insert_with(|| "it ran in the self-test, but no record came".to_owned());
        }
    }
    refused
}

fn runs(loaded: &[Loaded]) -> BTreeMap<&'static str, u64> {
    loaded
        .iter()
        .flat_map(Loaded::programs)
        .map(|(name, info)| (name, info.run_cnt))
        .collect()
}

/// Everything that the hooks watch, to no effect. Whether a program could be run.
fn act(programs: &[&str]) -> bool {
    let quiet = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status()
    };
    let _ = quiet(&[NOWHERE]);
    let ran = IDLERS.iter().any(|words| quiet(words).is_ok());
    let user = rustix::process::getuid();
    if user == rustix::process::geteuid() {
        let _ = rustix::thread::set_thread_uid(user);
        let _ = rustix::thread::set_thread_res_uid(user, user, user);
    }
    crate::file::act();
    if programs.iter().any(|program| program.starts_with("lw_net_")) {
        crate::net::act();
    }
    ran
}

/// The records of this process and of the children that it made for the test.
fn sift(reader: &mut Reader) -> Vec<Event> {
    let me = std::process::id();
    let mut mine = BTreeSet::from([me]);
    reader.sift(|event| {
        if let Body::Fork(fork) = &event.body
            && event.header.process.pid == me
        {
            mine.insert(fork.child.pid);
        }
        mine.contains(&event.header.process.pid)
    })
}
