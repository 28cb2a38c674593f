//! What /proc tells that the kernel's iterator does not.

use std::{collections::BTreeSet, fs, io::Read, os::unix::ffi::OsStringExt};

use lapwing_engine::event::{Body, Bytes, Credentials, Event, ProcessKey, ProcessSnapshot, Value};

use crate::decode::arguments;

/// Most bytes of a command line that are read.
const ARGS_MAX: usize = 4096;
/// Nanoseconds of a clock tick, the unit of times in /proc/PID/stat (USER_HZ is 100 everywhere).
const TICK: u64 = 10_000_000;

/// The command line: the iterator cannot read another process's memory before 6.1; /proc can, if it is still the same process.
pub(super) fn add_arguments(event: &mut Event) {
    let key = event.header.process;
    if let Body::Snapshot(snapshot) = &mut event.body {
        snapshot.args = args(key);
    }
}

/// Parents that the iterator did not show (a hardened kernel hides some, pid 1 among them): what /proc tells of them.
pub(super) fn parents(events: &[Event]) -> Vec<Event> {
    let known: BTreeSet<_> = events.iter().map(|event| event.header.process).collect();
    let mut hidden = BTreeSet::new();
    let mut found = Vec::new();
    for event in events {
        let Body::Snapshot(snapshot) = &event.body else {
            continue;
        };
        let parent = snapshot.parent;
        if parent.pid != 0 && !known.contains(&parent) && is_still(parent) && hidden.insert(parent) {
            let mut header = event.header.clone();
            (header.process, header.tid) = (parent, parent.pid);
            found.push(Event {
                header,
                body: Body::Snapshot(Box::new(snapshot_of(parent))),
            });
        }
    }
    found
}

fn snapshot_of(key: ProcessKey) -> ProcessSnapshot {
    let status = fs::read_to_string(path(key, "status")).unwrap_or_default();
    let line = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
    };
    let ids = |name: &str| -> Vec<u32> {
        line(name)
            .split_ascii_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect()
    };
    let id = |ids: &[u32], at: usize| ids.get(at).copied().unwrap_or_default();
    let capabilities = |name: &str| u64::from_str_radix(line(name).trim(), 16).unwrap_or_default();
    let (uids, gids) = (ids("Uid:"), ids("Gid:"));
    let number = |name: &str| {
        fs::read_to_string(path(key, name))
            .ok()
            .and_then(|id| id.trim().parse().ok())
            .unwrap_or(u32::MAX)
    };
    ProcessSnapshot {
        parent: ProcessKey {
            pid: line("PPid:").trim().parse().unwrap_or_default(),
            start: 0,
        },
        name: Bytes::from(line("Name:").trim()),
        executable: link(key, "exe"),
        args: args(key),
        cwd: link(key, "cwd"),
        credentials: Credentials {
            uid: id(&uids, 0),
            gid: id(&gids, 0),
            euid: id(&uids, 1),
            egid: id(&gids, 1),
            suid: id(&uids, 2),
            fsuid: id(&uids, 3),
            cap_effective: capabilities("CapEff:"),
            cap_permitted: capabilities("CapPrm:"),
        },
        loginuid: number("loginuid"),
        session: number("sessionid"),
        ..ProcessSnapshot::default()
    }
}

fn args(key: ProcessKey) -> Value<Vec<Bytes>> {
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path(key, "cmdline")).and_then(|file| file.take(ARGS_MAX as u64 + 1).read_to_end(&mut bytes));
    if read.is_err() || bytes.is_empty() || !is_still(key) {
        return Value::Missing;
    }
    match bytes.get(..ARGS_MAX) {
        Some(part) if bytes.len() > ARGS_MAX => Value::Partial(titled(arguments(part))),
        _ => Value::Known(titled(arguments(&bytes))),
    }
}

/// A program that writes its state over its arguments (as nginx and PostgreSQL do) leaves NULs behind it: those are no arguments.
fn titled(mut args: Vec<Bytes>) -> Vec<Bytes> {
    while args.len() > 1 && args.last().is_some_and(|arg| arg.is_empty()) {
        args.pop();
    }
    args
}

fn link(key: ProcessKey, name: &str) -> Value<Bytes> {
    match fs::read_link(path(key, name)) {
        Ok(target) => Value::Known(Bytes::from(target.into_os_string().into_vec())),
        Err(_) => Value::Missing,
    }
}

fn path(key: ProcessKey, name: &str) -> String {
    format!("/proc/{}/{name}", key.pid)
}

/// Whether it runs, or is not reaped yet.
pub(crate) fn is_still(key: ProcessKey) -> bool {
    let Ok(stat) = fs::read_to_string(path(key, "stat")) else {
        return false;
    };
    // Behind the name, which may hold anything, the start is the 20th field.
    let start = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_ascii_whitespace().nth(19)?.parse().ok());
    start == Some(key.start / TICK)
}

#[cfg(test)]
mod tests {
    use super::{Bytes, arguments, titled};

    #[test]
    fn what_a_program_wrote_over_its_arguments_has_no_empty_ones_behind_it() {
        let args = |cmdline: &[u8]| titled(arguments(cmdline));
        let of = |texts: &[&str]| texts.iter().map(|text| Bytes::from(*text)).collect::<Vec<_>>();
        assert_eq!(args(b"nginx: worker process\0\0\0\0\0"), of(&["nginx: worker process"]));
        assert_eq!(args(b"grep\0\0file\0"), of(&["grep", "", "file"]));
        assert_eq!(args(b"\0\0"), of(&[""]));
    }
}
