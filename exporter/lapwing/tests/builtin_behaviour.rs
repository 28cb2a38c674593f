//! What the built-in rules do with what people and attackers do: the right number of alerts, and none for the ordinary.
//!
//! The events are made by hand; the scenarios (vm-tests) do the same with a real kernel.

use lapwing::config::{Input, parse};
use lapwing_engine::{
    alert::Alert,
    engine::{Engine, Settings},
    event::{Event, FileOp, Value},
    synthetic::Synthetic,
};

const ROOT_SHELL: u32 = 500;
const USER_SHELL: u32 = 600;

/// A host with a login of root and one of a user.
fn host() -> Synthetic {
    let mut events = Synthetic::new();
    events
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .snapshot(400, 1, "/usr/sbin/sshd");
    events
        .snapshot(ROOT_SHELL, 400, "/usr/bin/bash")
        .snapshot(USER_SHELL, 400, "/usr/bin/bash");
    events.change(USER_SHELL, |process| {
        let credentials = &mut process.credentials;
        (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (1000, 1000, 1000, 1000);
    });
    events
}

fn run(profile: &str, events: &[Event]) -> Vec<Alert> {
    let input = Input {
        flags: vec![("--profile".into(), "", "profile", profile.into())],
        ..Input::default()
    };
    let loaded = parse(&input).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let settings = Settings {
        score: loaded.specs.score.clone(),
        ..Settings::default()
    };
    let (mut engine, mut alerts) = (Engine::new(loaded.rules, settings), Vec::new());
    for event in events {
        engine.observe(event, &mut alerts);
    }
    engine.finish(&mut alerts);
    alerts
}

fn rules_of(alerts: &[Alert]) -> Vec<String> {
    alerts
        .iter()
        .map(|alert| format!("{} {} {}", alert.rule, alert.event, alert.severity.name()))
        .collect()
}

/// The same in both profiles.
fn expect(name: &str, mut act: impl FnMut(&mut Synthetic), expected: &[&str]) {
    for profile in ["production", "demo"] {
        let mut events = host();
        act(&mut events);
        assert_eq!(rules_of(&run(profile, &events.take())), expected, "{name}, {profile}");
    }
}

/// A program run by the root shell.
fn program(events: &mut Synthetic, executable: &str) {
    events
        .fork(ROOT_SHELL, 700)
        .exec(700, executable, &[executable])
        .exit(700, 0);
}

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
fn the_negative_twins_give_none() {
    let twins = |events: &mut Synthetic| {
        for op in FileOp::ALL {
            events
                .file(ROOT_SHELL, op, "/srv/etc/file")
                .file(ROOT_SHELL, op, "/etcetera");
        }
        events
            .file(ROOT_SHELL, FileOp::Read, "/etc/passwd")
            .file_failure(USER_SHELL, FileOp::Write, "/etc/passwd", 13);
        program(events, "/usr/bin/true");
        program(events, "/tmpx/true");
        events
            .fork(USER_SHELL, 700)
            .exec_setuid_root(700, "/usr/bin/passwd")
            .exit(700, 0);
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/bin/sleep", &["sleep"])
            .kill(700, 9);
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/bin/sleep", &["sleep"])
            .kill(700, 15);
    };
    expect("twins", twins, &[]);
    let failing = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/bin/false", &["false"])
            .exit(700, 1);
    };
    let mut events = host();
    failing(&mut events);
    assert_eq!(rules_of(&run("production", &events.take())), Vec::<String>::new());
}

/// A daemon that takes back the root it had, a setuid program that changes to and fro: nobody became root who was not.
#[test]
fn only_those_who_become_root_escalate() {
    let daemon = |events: &mut Synthetic| {
        events.credentials(400, true, |credentials| credentials.euid = 1000);
        events.credentials(400, true, |credentials| credentials.euid = 0);
    };
    expect("sshd", daemon, &[]);
    let exploit = |events: &mut Synthetic| {
        events.fork(USER_SHELL, 700).exec(700, "/usr/bin/sudo", &["sudo"]);
        events.credentials(700, false, |credentials| {
            (credentials.uid, credentials.euid, credentials.suid) = (0, 0, 0)
        });
    };
    expect(
        "a skip does not hide a change without a call",
        exploit,
        &["root-escalation process.escalation high"],
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

/// What an ordinary day brings: no alert.
#[test]
fn ordinary_work_is_quiet() {
    let upgrade = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/bin/apt-get", &["apt-get", "upgrade"]);
        events.fork(700, 701).exec(701, "/usr/bin/dpkg", &["dpkg", "--unpack"]);
        events
            .fork(701, 702)
            .exec(702, "/usr/bin/dash", &["sh", "/var/lib/dpkg/info/x.postinst"]);
        events.fork(702, 703).exec(703, "/usr/sbin/ldconfig", &["ldconfig"]);
        for index in 0..200 {
            let file = |directory: &str| format!("{directory}/f{index}.dpkg-new");
            for directory in [
                "/etc",
                "/usr/bin",
                "/usr/sbin",
                "/usr/lib/systemd/system",
                "/usr/lib/modules/6.1",
                "/etc/cron.daily",
            ] {
                events
                    .file(701, FileOp::Create, &file(directory))
                    .file(701, FileOp::Permission, &file(directory));
                events
                    .file(701, FileOp::Rename, &file(directory))
                    .file(702, FileOp::Write, &file(directory));
            }
        }
        events
            .file(703, FileOp::Create, "/etc/ld.so.cache~")
            .file(703, FileOp::Rename, "/etc/ld.so.cache~");
    };
    expect("package upgrade", upgrade, &[]);
    let network = |events: &mut Synthetic| {
        events
            .snapshot(410, 1, "/usr/sbin/dhclient")
            .fork(410, 411)
            .exec(411, "/usr/bin/dash", &["dhclient-script"]);
        events.file(411, FileOp::Create, "/etc/resolv.conf.dhclient-new.411");
        events.file_with(411, FileOp::Rename, "/etc/resolv.conf.dhclient-new.411", |file| {
            file.target = lapwing_engine::event::Value::Known("/etc/resolv.conf".into());
        });
        events.snapshot(420, 1, "/usr/sbin/NetworkManager").file(
            420,
            FileOp::Rename,
            "/etc/.resolv.conf.NetworkManager",
        );
    };
    expect("a new lease", network, &[]);
    let edit = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/bin/vim.basic", &["vim", "/etc/hosts"]);
        events
            .file(700, FileOp::Create, "/etc/.hosts.swp")
            .file(700, FileOp::Delete, "/etc/.hosts.swp")
            .exit(700, 0);
    };
    expect("looking into a file with vim", edit, &[]);
}

/// A new account is news, once for each file that changes; how the tool goes about it is not.
#[test]
fn a_new_account_gives_one_alert_for_each_file() {
    let useradd = |events: &mut Synthetic| {
        events
            .fork(ROOT_SHELL, 700)
            .exec(700, "/usr/sbin/useradd", &["useradd", "alice"]);
        for file in ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"] {
            let path = |suffix: &str| format!("/etc/{file}{suffix}");
            let known = |path: String| lapwing_engine::event::Value::Known(path.as_str().into());
            events.file(700, FileOp::Create, &path(".700"));
            // The lock is a hard link to the file just made.
            events.file_with(700, FileOp::Create, &path(".lock"), |link| {
                link.target = known(path(".700"))
            });
            events
                .file(700, FileOp::Delete, &path(".700"))
                .file(700, FileOp::Write, &path(""));
            events
                .file(700, FileOp::Create, &path("-"))
                .file(700, FileOp::Permission, &path("-"));
            events
                .file(700, FileOp::Create, &path("+"))
                .file(700, FileOp::Permission, &path("+"));
            events.file_with(700, FileOp::Rename, &path("+"), |rename| {
                rename.target = known(path(""))
            });
            events.file(700, FileOp::Delete, &path(".lock"));
        }
    };
    expect("useradd", useradd, &["etc file.rename high"; 4]);
    let password = |events: &mut Synthetic| {
        events.fork(ROOT_SHELL, 700).exec(700, "/usr/bin/passwd", &["passwd"]);
        events
            .file(700, FileOp::Create, "/etc/nshadow")
            .file(700, FileOp::Permission, "/etc/nshadow");
        events.file_with(700, FileOp::Rename, "/etc/nshadow", |rename| {
            rename.target = lapwing_engine::event::Value::Known("/etc/shadow".into());
        });
    };
    expect("passwd", password, &["etc file.rename high"]);
    let by_hand = |events: &mut Synthetic| {
        events.file(ROOT_SHELL, FileOp::Write, "/etc/passwd");
    };
    expect("an editor", by_hand, &["etc file.write high"]);
}

/// What nobody told us of gives a bounded number of alerts: the first few, then one summary for each rule.
#[test]
fn an_unknown_installer_is_folded() {
    let mut events = host();
    events
        .fork(ROOT_SHELL, 700)
        .exec(700, "/usr/bin/make", &["make", "install"]);
    for index in 0..300 {
        events.file(700, FileOp::Create, &format!("/usr/local/bin/tool{index}"));
    }
    let alerts = rules_of(&run("production", &events.take()));
    let own = alerts.iter().filter(|alert| alert.starts_with("usr-local-bin")).count();
    assert!((2..=6).contains(&own) && alerts.len() <= 10, "{alerts:#?}");
}
