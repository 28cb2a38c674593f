//! One event of every kind, with every field set to something of its own.

use lapwing_engine::event::{
    Abi, Body, BootTime, Bytes, CredentialChange, Credentials, Event, Exec, ExecFailure, Exit, ExitReason, FileEvent,
    FileOp, Flavour, Fork, Header, Namespaces, ObjectKey, ProcessKey, ProcessSnapshot, RawPath, Syscall, Value,
};

fn known(text: &str) -> Value<Bytes> {
    Value::Known(text.into())
}

fn credentials(uid: u32) -> Credentials {
    Credentials {
        uid,
        gid: 2,
        euid: uid,
        egid: 4,
        suid: 5,
        fsuid: 6,
        cap_effective: 0x1ff_ffff_ffff,
        cap_permitted: 8,
    }
}

fn snapshot(parent: ProcessKey) -> ProcessSnapshot {
    ProcessSnapshot {
        parent,
        name: "tool".into(),
        executable: known("/tmp/tool"),
        executable_key: Some(ObjectKey {
            device: 1,
            generation: 2,
            inode: 3,
            layer: 4,
        }),
        args: Value::Partial(vec!["tool".into(), Bytes::from(&b"\xff\x00raw"[..])]),
        cwd: known("/root"),
        tty: known("pts3"),
        cgroup: known("/system.slice/x.service"),
        credentials: credentials(1),
        loginuid: 1000,
        session: 7,
        sid: 100,
        namespaces: Namespaces {
            pid: 1,
            mnt: 2,
            net: 3,
            user: 4,
        },
    }
}

/// A stream with each kind of event; the times rise.
pub fn every_kind() -> Vec<Event> {
    let parent = ProcessKey { pid: 100, start: 1_000 };
    let child = ProcessKey { pid: 101, start: 2_000 };
    let object = Some(ObjectKey {
        device: 9,
        generation: 8,
        inode: 7,
        layer: 6,
    });
    let file = |op| FileEvent {
        op,
        errno: 0,
        path: known("/etc/passwd"),
        target: Value::Missing,
        key: object,
        mode: 0o100_644,
        flags: 0o1101,
        owner: None,
        hits: Some(vec!["etc".into()]),
        raw: None,
    };
    let raw = RawPath {
        base: known("/etc"),
        given: known("../etc/shadow"),
        root: Some("/srv/root".into()),
    };
    let renamed = FileEvent {
        errno: 13,
        path: Value::Partial("/etc/shadow".into()),
        target: known("/etc/shadow-"),
        owner: Some((0, u32::MAX)),
        hits: None,
        raw: Some(Box::new((raw.clone(), Some(raw)))),
        ..file(FileOp::Rename)
    };
    let exec = Exec {
        snapshot: snapshot(parent),
        filename: known("./tool"),
        before: credentials(65534),
        mode: 0o104_755,
        links: 1,
    };
    let change = CredentialChange {
        before: credentials(1),
        after: credentials(0),
        by_call: false,
        errno: 0,
    };
    let bodies = vec![
        (
            parent,
            Body::Snapshot(Box::new(snapshot(ProcessKey { pid: 1, start: 0 }))),
        ),
        (
            parent,
            Body::Fork(Box::new(Fork {
                child,
                snapshot: snapshot(parent),
            })),
        ),
        (
            child,
            Body::ExecFailure(Box::new(ExecFailure {
                filename: Value::Partial("/tmp/none".into()),
                errno: 2,
            })),
        ),
        (child, Body::Exec(Box::new(exec))),
        (child, Body::Credentials(Box::new(change))),
        (child, Body::File(Box::new(file(FileOp::Create)))),
        (child, Body::File(Box::new(renamed))),
        (
            child,
            Body::Exit(Exit {
                reason: ExitReason::Signal {
                    number: 11,
                    core_dumped: true,
                },
            }),
        ),
        (
            parent,
            Body::Exit(Exit {
                reason: ExitReason::Code(3),
            }),
        ),
    ];
    let event = |(index, (process, body)): (usize, (ProcessKey, Body))| Event {
        header: Header {
            time: BootTime(10_000 + index as u64),
            process,
            tid: process.pid,
            cpu: 1,
            seq: index as u64,
            syscall: (index % 2 == 0).then_some(Syscall {
                number: 257,
                abi: Abi::X86_64,
            }),
            generation: 1,
            flavour: Flavour::Syscall,
        },
        body,
    };
    bodies.into_iter().enumerate().map(event).collect()
}
