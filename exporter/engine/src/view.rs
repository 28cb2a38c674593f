//! From what the engine knows to what an alert shows.

pub(crate) mod network;

use crate::{
    alert::{ContainerView, FileView, NamespacesView, ProcessView},
    container::id_of_cgroup,
    event::{Body, Bytes, Event, ExitReason, FileEvent, FileOp, FlowChange, ProcessKey, ProcessSnapshot, Value},
    names,
    process::{Process, Table},
    redact,
};

pub(crate) use network::{excerpt, http, network};

const UNSET: u32 = u32::MAX;
const LEAVE: u32 = u32::MAX;
/// Up to this many lacking capabilities are named instead of all the others.
const FEW: usize = 5;

/// The id of an alert: the same whenever the same event meets the same rule, and different for every other.
pub(crate) fn alert_id(rule: &str, event: &Event) -> String {
    let header = &event.header;
    // Of one event several things may have been made.
    let number = match &event.body {
        Body::Traffic(traffic) => traffic.number.to_le_bytes().to_vec(),
        _ => Vec::new(),
    };
    // FNV-1a: short, and the same on every machine and in every version.
    let hash = rule.bytes().chain(number).fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{:x}-{:x}-{:x}-{hash:08x}", header.time.0, header.cpu, header.seq)
}

/// The process as of now; its key alone when nothing else is known.
pub(crate) fn process(table: &Table, key: &ProcessKey) -> ProcessView {
    table.get(key).map_or_else(
        || ProcessView {
            pid: key.pid,
            key: *key,
            ..ProcessView::default()
        },
        known_process,
    )
}

/// Its ancestors, nearest first, without their capabilities: up to forty names each would be most of the alert.
pub(crate) fn lineage(table: &Table, key: &ProcessKey) -> Vec<ProcessView> {
    table.ancestors(key).map(ancestor).collect()
}

/// What an event says of a file: the file sensor's object, or the program that the kernel refused to run.
pub(crate) fn file(event: &Event) -> Option<FileView> {
    match &event.body {
        Body::File(file) => Some(file_view(file)),
        Body::ExecFailure(failure) => Some(FileView {
            path: text(&failure.filename)?,
            ..FileView::default()
        }),
        _ => None,
    }
}

/// The container that the process is in.
pub(crate) fn container(table: &Table, key: &ProcessKey) -> Option<ContainerView> {
    let id = container_id(table, key)?;
    Some(ContainerView {
        id: String::from_utf8_lossy(id).into_owned(),
    })
}

/// The id of the container that the process is in.
pub(crate) fn container_id<'a>(table: &'a Table, key: &ProcessKey) -> Option<&'a [u8]> {
    id_of_cgroup(table.get(key)?.snapshot.cgroup.get()?)
}

/// The errno of an action that was refused, by name, or as a number when it has none.
pub(crate) fn errno(event: &Event) -> Option<String> {
    let number = match &event.body {
        Body::File(file) => file.errno,
        Body::ExecFailure(failure) => failure.errno,
        Body::Credentials(change) => change.errno,
        Body::Flow(flow) => match flow.change {
            FlowChange::Refused(errno) => errno,
            _ => 0,
        },
        _ => 0,
    };
    (number != 0).then(|| names::errno(number).map_or_else(|| number.to_string(), str::to_owned))
}

/// The keys of the alert whose values are known only in part, or not at all because the beginning of the process was lost.
pub(crate) fn partial(table: &Table, event: &Event) -> Vec<&'static str> {
    let mut names = Vec::new();
    match table.get(&event.header.process) {
        Some(process) => partial_process(&process.snapshot, &mut names),
        None => names.push("process"),
    }
    match &event.body {
        Body::File(file) => {
            add(
                &mut names,
                file.path.is_partial() || file.path == Value::Missing,
                "file.path",
            );
            add(&mut names, file.target.is_partial(), "file.target");
        }
        Body::ExecFailure(failure) => add(&mut names, failure.filename.is_partial(), "file.path"),
        Body::Traffic(traffic) => network::partial(traffic, &mut names),
        _ => {}
    }
    names
}

fn partial_process(snapshot: &ProcessSnapshot, names: &mut Vec<&'static str>) {
    add(names, snapshot.executable.is_partial(), "process.executable");
    add(names, snapshot.args.is_partial(), "process.args");
    add(names, snapshot.cwd.is_partial(), "process.cwd");
    add(names, snapshot.tty.is_partial(), "process.tty");
    add(names, snapshot.cgroup.is_partial(), "process.cgroup");
}

fn add(names: &mut Vec<&'static str>, really: bool, name: &'static str) {
    if really {
        names.push(name);
    }
}

/// Who it was; what it could do is said of the acting process only, or an alert would be ten times as long.
fn ancestor(process: &Process) -> ProcessView {
    ProcessView {
        capabilities: Vec::new(),
        namespaces: None,
        ..known_process(process)
    }
}

fn known_process(process: &Process) -> ProcessView {
    let Process {
        key, snapshot, exit, ..
    } = process;
    let credentials = &snapshot.credentials;
    let (exit_code, exit_signal) = match exit.map(|(_, reason)| reason) {
        Some(ExitReason::Code(code)) => (Some(code), None),
        Some(ExitReason::Signal { number, .. }) => (None, Some(signal(number))),
        None => (None, None),
    };
    let namespaces = snapshot.namespaces;
    ProcessView {
        pid: key.pid,
        key: *key,
        name: snapshot.name.to_text(),
        executable: text(&snapshot.executable),
        args: snapshot
            .args
            .get()
            .map(|args| redact::args(&args.iter().map(Bytes::to_text).collect::<Vec<_>>())),
        cwd: text(&snapshot.cwd),
        tty: text(&snapshot.tty),
        uid: Some(credentials.uid),
        gid: Some(credentials.gid),
        euid: Some(credentials.euid),
        loginuid: (snapshot.loginuid != UNSET).then_some(snapshot.loginuid),
        capabilities: capabilities(credentials.cap_effective),
        cgroup: text(&snapshot.cgroup),
        namespaces: (namespaces.pid != 0).then_some(NamespacesView {
            pid: namespaces.pid,
            mnt: namespaces.mnt,
            net: namespaces.net,
            user: namespaces.user,
        }),
        exit_code,
        exit_signal,
    }
}

fn file_view(file: &FileEvent) -> FileView {
    let opened = matches!(file.op, FileOp::Create | FileOp::Write | FileOp::Read) && file.flags != 0;
    FileView {
        path: text(&file.path).unwrap_or_default(),
        target: text(&file.target),
        key: file.key.map(|key| match key.layer {
            0 => format!("{:x}:{}:{}", key.device, key.inode, key.generation),
            layer => format!("{:x}:{}:{}:{layer}", key.device, key.inode, key.generation),
        }),
        mode: (file.mode != 0).then(|| match names::file_type(file.mode) {
            Some(kind) => format!("{:o} {kind}", file.mode & 0o7777),
            None => format!("{:o}", file.mode & 0o7777),
        }),
        owner: file.owner.map(owner),
        flags: if opened {
            names::open_flags(file.flags).collect()
        } else {
            Vec::new()
        },
    }
}

/// As `chown` takes it: `0:0`, `0`, `:0`.
fn owner((uid, gid): (u32, u32)) -> String {
    let part = |id: u32| if id == LEAVE { String::new() } else { id.to_string() };
    match gid {
        LEAVE => part(uid),
        gid => format!("{}:{gid}", part(uid)),
    }
}

/// By name; a set that lacks only a few says which (`["all", "-CAP_SYS_RESOURCE"]`).
fn capabilities(set: u64) -> Vec<String> {
    let lacking: Vec<_> = names::capabilities(!set).collect();
    if lacking.len() > FEW {
        return names::capabilities(set).map(str::to_owned).collect();
    }
    std::iter::once("all".to_owned())
        .chain(lacking.into_iter().map(|name| format!("-{name}")))
        .collect()
}

fn signal(number: u8) -> String {
    names::signal(number).map_or_else(|| format!("signal {number}"), str::to_owned)
}

/// Bytes for people, at most `most` of them: no control characters, which could forge lines or steer a terminal.
pub(crate) fn printable(bytes: &[u8], most: usize) -> String {
    let cut = &bytes[..bytes.len().min(most)];
    let mut out = String::with_capacity(cut.len());
    for char in String::from_utf8_lossy(cut).chars() {
        match char {
            char if char.is_control() => out.extend(char.escape_default()),
            char => out.push(char),
        }
    }
    if cut.len() < bytes.len() {
        out.push_str("...");
    }
    out
}

fn text(value: &Value<Bytes>) -> Option<String> {
    value.get().map(Bytes::to_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_lacks_few_capabilities_says_which() {
        let full = 0x1ff_ffff_ffff;
        assert_eq!(capabilities(full), ["all"]);
        assert_eq!(capabilities(full & !(1 << 24)), ["all", "-CAP_SYS_RESOURCE"]);
        assert_eq!(capabilities(1 << 7), ["CAP_SETUID"]);
        assert!(capabilities(0).is_empty());
    }
}
