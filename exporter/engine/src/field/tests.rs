use std::collections::HashSet;

use super::*;
use crate::{
    event::{Event, FileOp, Value},
    process::{Limits, Table},
    synthetic::Synthetic,
};

/// Every value of a field in the last of the events, as text.
fn values(events: &[Event], name: &str, selector: Option<u32>) -> Vec<String> {
    let mut table = Table::new(Limits::default());
    events.iter().for_each(|event| table.update(event));
    let mut scratch = Scratch::default();
    let context = Context::new(&events[events.len() - 1], &table, &mut scratch);
    let field = find(name).unwrap_or_else(|| panic!("{name}"));
    let mut values = Vec::new();
    let selector = selector.map(Selector::Index);
    FieldRef { field, selector }.any(&context, |value| {
        values.push(match value {
            Scalar::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Address(address) => address.to_string(),
        });
        false
    });
    values
}

fn value(events: &[Event], name: &str) -> String {
    values(events, name, None).join("|")
}

fn shell() -> Synthetic {
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .fork(1, 700)
        .exec(700, "/usr/sbin/sshd", &["sshd: alice"]);
    source.fork(700, 800).exec(800, "/bin/bash", &["-bash"]);
    source
}

#[test]
fn every_name_is_unique_documented_and_lower_case() {
    let mut names = HashSet::new();
    for field in all() {
        assert!(names.insert(field.name), "{} is there twice", field.name);
        assert!(field.doc.len() > 5, "{} has no documentation", field.name);
        assert!(
            field
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte)),
            "{}",
            field.name
        );
    }
    assert!(names.len() > 60);
    assert_eq!(listing().lines().count(), names.len());
    assert!(listing().contains("proc.aname[n]"));
}

#[test]
fn no_field_has_a_value_at_an_event_that_does_not_carry_it() {
    let mut source = shell();
    source
        .fork(800, 900)
        .exec(900, "/bin/id", &["id"])
        .exec_failure(900, "/x", 2);
    source
        .credentials(900, true, |credentials| credentials.euid = 5)
        .file(900, FileOp::Read, "/etc/passwd");
    let events = source.exit(900, 1).take();
    for last in events.len() - 5..events.len() {
        let events = &events[..=last];
        let kind = Kinds::of(&events[last].body);
        assert_ne!(kind, Kinds::NONE);
        for field in all().filter(|field| !field.on.meets(kind)) {
            assert_eq!(
                values(events, field.name, None),
                Vec::<String>::new(),
                "{} at {kind}",
                field.name
            );
        }
    }
}

#[test]
fn a_process_is_read_after_the_event() {
    let events = shell().exec(800, "/usr/bin/vim", &["vim", "-R", "/etc/passwd"]).take();
    let expected = [
        ("proc.name", "vim"),
        ("proc.exepath", "/usr/bin/vim"),
        ("proc.is_exepath_partial", "0"),
        ("proc.exe", "vim"),
        ("proc.args", "-R /etc/passwd"),
        ("proc.arg", "vim|-R|/etc/passwd"),
        ("proc.nargs", "2"),
        ("proc.cmdline", "vim -R /etc/passwd"),
        ("proc.pid", "800"),
        ("proc.ppid", "700"),
        ("proc.cwd", "/"),
        ("proc.tty", ""),
        ("proc.is_setuid", "0"),
        ("proc.exe.mode", "33261"),
        ("evt.kind", "process.exec"),
        ("evt.failed", "0"),
        ("evt.res", "SUCCESS"),
        ("evt.arg.filename", "/usr/bin/vim"),
        ("user.uid", "0"),
        ("user.loginuid", "-1"),
        ("proc.ns.net", "3"),
    ];
    for (name, text) in expected {
        assert_eq!(value(&events, name), text, "{name}");
    }
    assert_eq!(values(&events, "proc.arg", Some(2)), ["/etc/passwd"]);
    assert!(values(&events, "proc.arg", Some(3)).is_empty());
}

#[test]
fn ancestors_are_read_by_number_or_all() {
    let events = shell().exec(800, "/usr/bin/vim", &["vim", "x"]).take();
    assert_eq!(value(&events, "proc.pname"), "sshd");
    assert_eq!(value(&events, "proc.pcmdline"), "sshd");
    assert_eq!(value(&events, "proc.pexepath"), "/usr/sbin/sshd");
    assert_eq!(value(&events, "proc.aname"), "sshd|systemd");
    assert_eq!(value(&events, "proc.apid"), "700|1");
    assert_eq!(values(&events, "proc.aname", Some(0)), ["vim"]);
    assert_eq!(values(&events, "proc.aname", Some(1)), ["sshd"]);
    assert_eq!(values(&events, "proc.aexepath", Some(2)), ["/usr/lib/systemd/systemd"]);
    assert_eq!(values(&events, "proc.acmdline", Some(0)), ["vim x"]);
    assert!(values(&events, "proc.aname", Some(3)).is_empty());
}

#[test]
fn what_is_not_known_has_no_value() {
    let unknown = Synthetic::new().file(42, FileOp::Write, "/etc/passwd").take();
    for name in [
        "proc.name",
        "proc.exepath",
        "proc.cmdline",
        "user.uid",
        "proc.aname",
        "proc.pname",
        "container.id",
    ] {
        assert!(
            values(&unknown, name, None).is_empty(),
            "{name} of a process that nobody told of"
        );
    }
    let events = shell()
        .change(800, |snapshot| snapshot.args = Value::Missing)
        .exec_with(800, "/bin/x", &["x"], |exec| {
            exec.snapshot.args = Value::Missing;
            exec.snapshot.executable = Value::Missing;
        })
        .take();
    for name in [
        "proc.exepath",
        "proc.exe",
        "proc.args",
        "proc.arg",
        "proc.nargs",
        "proc.cmdline",
        "proc.exe_ino",
    ] {
        assert!(values(&events, name, None).is_empty(), "{name}");
    }
    let events = shell()
        .file_with(800, FileOp::Write, "/x", |file| {
            (file.path, file.mode) = (Value::Missing, 0)
        })
        .take();
    for name in [
        "fs.path.name",
        "fd.directory",
        "fd.filename",
        "file.mode",
        "file.type",
        "file.is_setuid",
        "fd.ino",
    ] {
        assert!(values(&events, name, None).is_empty(), "{name}");
    }
}

#[test]
fn files_are_read_by_what_was_done() {
    let events = shell().file(800, FileOp::Read, "/etc/passwd").take();
    assert_eq!(value(&events, "fs.path.name"), "/etc/passwd");
    assert_eq!(
        (value(&events, "fd.directory"), value(&events, "fd.filename")),
        ("/etc".into(), "passwd".into())
    );
    assert_eq!(
        (value(&events, "evt.is_open_read"), value(&events, "evt.is_open_write")),
        ("1".into(), "0".into())
    );
    assert_eq!(
        (value(&events, "file.mode"), value(&events, "file.type")),
        ("420".into(), "file".into())
    );
    assert_eq!(value(&events, "fs.path.source"), "");

    let events = shell().file(800, FileOp::Read, "/vmlinuz").take();
    assert_eq!(value(&events, "fd.directory"), "/");

    let rename = |file: &mut crate::event::FileEvent| file.target = Value::Known("/etc/b".into());
    let events = shell().file_with(800, FileOp::Rename, "/etc/a", rename).take();
    assert_eq!(
        (value(&events, "fs.path.source"), value(&events, "fs.path.target")),
        ("/etc/a".into(), "/etc/b".into())
    );
    let events = shell().file_with(800, FileOp::Create, "/etc/new", rename).take();
    assert_eq!(
        (value(&events, "fs.path.source"), value(&events, "fs.path.target")),
        ("/etc/b".into(), "/etc/new".into())
    );

    let events = shell()
        .file_with(800, FileOp::Create, "/etc/x", |file| {
            file.flags = 0o101;
        })
        .take();
    assert_eq!(value(&events, "evt.arg.flags"), "O_WRONLY|O_CREAT");
    assert_eq!(
        (value(&events, "evt.is_open_create"), value(&events, "evt.is_open_read")),
        ("1".into(), "0".into())
    );

    let events = shell()
        .file_with(800, FileOp::Permission, "/x", |file| file.owner = Some((0, u32::MAX)))
        .take();
    assert_eq!(
        (value(&events, "file.owner.uid"), value(&events, "file.owner.gid")),
        ("0".into(), String::new())
    );
    assert_eq!(value(&events, "evt.is_open_write"), "0");
}

#[test]
fn refusals_say_their_errno() {
    let events = shell().file_failure(800, FileOp::Write, "/etc/shadow", 13).take();
    assert_eq!(
        (value(&events, "evt.res"), value(&events, "evt.rawres")),
        ("EACCES".into(), "-13".into())
    );
    assert_eq!(value(&events, "evt.failed"), "1");
}

#[test]
fn ends_say_code_or_signal() {
    let events = shell().exit(800, 3).take();
    assert_eq!(
        (value(&events, "proc.exit.code"), value(&events, "proc.exit.signal")),
        ("3".into(), String::new())
    );
    assert_eq!(value(&events, "proc.name"), "bash", "the process that ended");
    let events = shell().kill(800, 11).take();
    assert_eq!(
        (value(&events, "proc.exit.code"), value(&events, "proc.exit.signal")),
        (String::new(), "11".into())
    );
    assert_eq!(value(&events, "proc.exit.signal_name"), "SIGSEGV");
}

#[test]
fn credentials_say_before_and_after() {
    let mut source = shell();
    source.change(800, |snapshot| {
        let credentials = &mut snapshot.credentials;
        (
            credentials.uid,
            credentials.euid,
            credentials.suid,
            credentials.cap_effective,
        ) = (1000, 1000, 1000, 0);
    });
    let events = source.exec_setuid_root(800, "/usr/bin/sudo").take();
    assert_eq!(
        (value(&events, "cred.before.euid"), value(&events, "user.uid")),
        ("1000".into(), "0".into())
    );
    assert_eq!(
        (value(&events, "user.ruid"), value(&events, "proc.is_setuid")),
        ("1000".into(), "1".into())
    );
    assert!(value(&events, "thread.cap_effective").contains("CAP_SYS_ADMIN"));
    assert_eq!(value(&events, "cred.by_call"), "1");
    let events = shell()
        .credentials(800, false, |credentials| credentials.euid = 1)
        .take();
    assert_eq!(value(&events, "cred.by_call"), "0");
}

#[test]
fn a_container_is_known_by_its_cgroup_and_the_host_by_having_none() {
    let id = "0123456789abcdef".repeat(4);
    let mut inside = shell();
    inside.change(800, |snapshot| {
        snapshot.cgroup = Value::Known(format!("/docker/{id}").as_str().into())
    });
    let events = inside.exec(800, "/bin/sh", &["sh"]).take();
    assert_eq!(
        (value(&events, "container.id"), value(&events, "container.full_id")),
        (id[..12].into(), id.clone())
    );
    let mut outside = shell();
    outside.change(800, |snapshot| snapshot.cgroup = Value::Known("/user.slice".into()));
    assert_eq!(
        value(&outside.exec(800, "/bin/sh", &["sh"]).take(), "container.id"),
        "host"
    );
}
