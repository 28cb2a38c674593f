//! What looks alike, and what an ordinary day brings: no alert, or few.

use lapwing_engine::{event::FileOp, synthetic::Synthetic};

use crate::{ROOT_SHELL, USER_SHELL, expect, host, program, rules_of, run};

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
