//! What each act of the list gives.

use lapwing_engine::{
    event::{FileOp, Value},
    synthetic::Synthetic,
};

use crate::{ROOT_SHELL, USER_SHELL, expect, host, program, rules_of, run};

#[test]
fn each_action_on_the_list_gives_one_alert() {
    for (op, event) in [
        (FileOp::Create, "etc file.create high"),
        (FileOp::Write, "etc file.write high"),
        (FileOp::Permission, "etc file.permission high"),
        (FileOp::Delete, "etc file.delete high"),
    ] {
        expect(
            event,
            |events| {
                events.file(ROOT_SHELL, op, "/etc/lapwing-test");
            },
            &[event],
        );
    }
    let rename = |events: &mut Synthetic| {
        events.file_with(ROOT_SHELL, FileOp::Rename, "/etc/a", |file| {
            file.target = lapwing_engine::event::Value::Known("/etc/b".into());
        });
    };
    expect("rename", rename, &["etc file.rename high"]);
    expect(
        "/tmp",
        |events| program(events, "/tmp/true"),
        &["exec-from-tmp process.exec high"],
    );
    expect(
        "/dev/shm",
        |events| program(events, "/dev/shm/true"),
        &["exec-from-tmp process.exec high"],
    );
    expect(
        "/var/tmp",
        |events| program(events, "/var/tmp/x/true"),
        &["exec-from-tmp process.exec high"],
    );
    let setuid = |events: &mut Synthetic| {
        events
            .fork(USER_SHELL, 700)
            .exec_setuid_root(700, "/usr/local/lib/test-setuid")
            .exit(700, 0);
    };
    expect("setuid", setuid, &["root-escalation process.escalation high"]);
    let crash = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/local/lib/test-crash", &["crash"])
            .kill(700, 11);
    };
    expect("SIGSEGV", crash, &["killed-by-fault process.exit medium"]);
}

/// The whole list in one go, from one shell: still one alert for each, no score alert on top.
#[test]
fn the_list_in_one_session_gives_no_more_than_one_alert_each() {
    let mut events = host();
    for op in [
        FileOp::Create,
        FileOp::Write,
        FileOp::Permission,
        FileOp::Rename,
        FileOp::Delete,
    ] {
        events.file(ROOT_SHELL, op, "/etc/lapwing-test");
    }
    program(&mut events, "/tmp/true");
    program(&mut events, "/dev/shm/true");
    events
        .fork(USER_SHELL, 700)
        .exec_setuid_root(700, "/usr/local/lib/test-setuid")
        .exit(700, 0);
    events
        .fork(ROOT_SHELL, 700)
        .exec(700, "/usr/local/lib/test-crash", &["crash"])
        .kill(700, 11);
    events
        .fork(ROOT_SHELL, 700)
        .exec(700, "/usr/local/lib/test-exit", &["exit"])
        .exit(700, 3);
    let events = events.take();
    assert_eq!(
        run("production", &events).len(),
        9,
        "{:#?}",
        rules_of(&run("production", &events))
    );
    let demo = rules_of(&run("demo", &events));
    assert_eq!(demo.len(), 10, "{demo:#?}");
    assert!(
        demo.contains(&"demo-exit-code process.exit low".to_owned()),
        "{demo:#?}"
    );
}

#[test]
fn programs_in_memory_and_scripts_are_seen() {
    let memfd = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec_with(700, "/memfd:x", &["x"], |exec| exec.links = 0);
    };
    expect("memfd", memfd, &["exec-from-memory process.exec high"]);
    let deep = |events: &mut Synthetic| {
        events.fork(ROOT_SHELL, 700).exec_with(700, "/d/d/x", &["./x"], |exec| {
            exec.snapshot.executable = Value::Partial("/d/d/x".into());
        });
    };
    expect(
        "a path too long to be known",
        deep,
        &["exec-too-deep process.exec high"],
    );
    let runc = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 690)
            .exec(690, "/usr/bin/runc", &["runc"])
            .fork(690, 700);
        events.exec_with(700, "/memfd:runc_cloned:/proc/self/exe", &["runc", "init"], |exec| {
            exec.links = 0
        });
    };
    expect("runc", runc, &[]);
    let deleted = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec_with(700, "/opt/x", &["x"], |exec| exec.links = 0);
    };
    expect("deleted", deleted, &["exec-deleted process.exec medium"]);
    for (given, cwd) in [("/tmp/x.sh", "/"), ("./x.sh", "/dev/shm")] {
        let script = |events: &mut Synthetic| {
            events
                .fork(ROOT_SHELL, 700)
                .exec_with(700, "/usr/bin/dash", &["sh", given], |exec| {
                    exec.filename = lapwing_engine::event::Value::Known(given.into());
                    exec.snapshot.cwd = lapwing_engine::event::Value::Known(cwd.into());
                });
        };
        expect(given, script, &["exec-from-tmp process.exec high"]);
    }
}

/// Each special file has one watch, which is not `etc`.
#[test]
fn special_files_have_one_watch() {
    for (path, expected) in [
        ("/etc/ld.so.preload", "ld-preload file.write critical"),
        ("/etc/sudoers", "sudoers file.write high"),
        ("/etc/sudoers.d/x", "sudoers-d file.write high"),
        ("/etc/pam.d/sshd", "pam file.write high"),
        ("/etc/crontab", "crontab file.write high"),
        ("/etc/cron.d/x", "cron-d file.write high"),
        ("/etc/cron.daily/x", "cron-daily file.write high"),
        ("/var/spool/cron/crontabs/root", "cron-spool file.write high"),
        ("/etc/systemd/system/x.service", "systemd-units file.write high"),
        (
            "/usr/lib/systemd/system/x.service",
            "systemd-units-vendor file.write high",
        ),
        ("/root/.ssh/authorized_keys", "root-authorized-keys file.write high"),
        ("/usr/bin/ls", "usr-bin file.write high"),
        ("/usr/sbin/sshd", "usr-sbin file.write high"),
        ("/usr/local/bin/x", "usr-local-bin file.write medium"),
        ("/usr/lib/modules/6.1/x.ko", "kernel-modules file.write high"),
        ("/etc/ssh/sshd_config", "etc file.write high"),
        ("/etc/resolv.conf", "etc file.write high"),
    ] {
        expect(
            path,
            |events| {
                events.file(ROOT_SHELL, FileOp::Write, path);
            },
            &[expected],
        );
    }
}
