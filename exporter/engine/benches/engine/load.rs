//! A load that looks like a busy host: sessions and services that start short programs, which read, write and rename files. One event in
//! two hundred matches something.

use lapwing_engine::{
    event::{Event, FileOp, Value},
    spec::{AlertMode, Common, FileWatch, Outcome, ProcessRule, ProcessRuleEvent, Severity, Specs},
    synthetic::Synthetic,
};

const PROGRAMS: [&str; 16] = [
    "/usr/bin/ls",
    "/usr/bin/grep",
    "/usr/bin/sed",
    "/usr/bin/cat",
    "/usr/bin/git",
    "/usr/bin/make",
    "/usr/bin/cc1",
    "/usr/bin/ld",
    "/usr/bin/python3.11",
    "/usr/bin/perl",
    "/usr/bin/find",
    "/usr/bin/dash",
    "/usr/bin/curl",
    "/usr/sbin/runc",
    "/usr/bin/awk",
    "/usr/bin/ps",
];

const FILES: [&str; 12] = [
    "/var/log/nginx/access.log",
    "/home/alice/src/app/main.rs",
    "/home/alice/src/app/target/release/deps/libx.rmeta",
    "/run/lock/x",
    "/var/lib/postgresql/15/main/base/5/2619",
    "/tmp/tmp.Qx81Ls",
    "/var/cache/apt/pkgcache.bin",
    "/home/alice/.bash_history",
    "/var/lib/docker/overlay2/9f/diff/usr/lib/os-release",
    "/srv/www/index.html",
    "/var/spool/postfix/active/4A1",
    "/opt/app/data/db.sqlite",
];

const OPS: [FileOp; 6] = [
    FileOp::Write,
    FileOp::Create,
    FileOp::Write,
    FileOp::Delete,
    FileOp::Permission,
    FileOp::Read,
];

/// About 24,000 events: per program a fork, an exec, five operations on files, an exit.
pub fn events() -> Vec<Event> {
    let mut source = Synthetic::new();
    source.snapshot(1, 0, "/usr/lib/systemd/systemd");
    for service in 10..30 {
        source
            .fork(1, service)
            .exec(service, "/usr/sbin/sshd", &["sshd: alice [priv]"]);
        source
            .fork(service, service + 100)
            .exec(service + 100, "/usr/bin/bash", &["-bash"]);
    }
    for index in 0..3000usize {
        let (shell, pid) = (110 + (index % 20) as u32, 1000 + index as u32);
        let program = PROGRAMS[index % PROGRAMS.len()];
        source.fork(shell, pid).exec(
            pid,
            program,
            &[
                program,
                "-r",
                "--color=auto",
                "--exclude-dir=.git",
                "pattern",
                "src/main.rs",
            ],
        );
        for file in 0..5 {
            let path = FILES[(index + file * 5) % FILES.len()];
            source.file(pid, OPS[(index + file) % OPS.len()], path);
        }
        if index % 50 == 0 {
            source.file_with(pid, FileOp::Write, "/etc/app/0/settings.conf", |file| {
                file.target = Value::Missing
            });
        }
        if index % 100 == 7 {
            source.exec(pid, "/tmp/.x/0/miner", &["miner", "--url", "stratum+tcp://pool:3333"]);
        }
        source.exit(pid, 0);
    }
    source.take()
}

/// Of ten rules: five on executions, one each on escalation and ends, three watches.
pub fn specs(count: usize) -> Specs {
    let mut specs = Specs::default();
    for n in 0..count {
        match n % 10 {
            0..=4 => specs.process.push(execution(n)),
            5 => specs.process.push(process(
                n,
                ProcessRuleEvent::RootEscalation,
                "cred.before.suid != 0".into(),
            )),
            6 => specs.process.push(process(
                n,
                ProcessRuleEvent::TerminationFailure,
                format!("proc.exit.signal exists and proc.name = daemon{n}"),
            )),
            _ => specs.watches.push(watch(n)),
        }
    }
    specs
}

fn execution(n: usize) -> ProcessRule {
    let when = match n % 10 {
        0 => format!("proc.exepath pmatch (\"/tmp/.x/{n}\", \"/dev/shm/{n}\", \"/var/tmp/{n}\")"),
        1 => format!("proc.name in (nc, ncat, socat, tool{n}) and proc.pname in (nginx, apache2, php-fpm, service{n})"),
        2 => format!(
            "proc.pexepath = \"/usr/sbin/service{n}\" and not proc.exepath pmatch (\"/usr/lib\", \"/usr/libexec\")"
        ),
        3 => format!("user.uid = 0 and proc.cmdline contains \"--flag{n}\""),
        _ => format!(
            "proc.name = tool{n} and proc.aname in (sshd, login) and proc.args regex \"(curl|wget).*[|] *(ba|da)?sh\""
        ),
    };
    let mut rule = process(n, ProcessRuleEvent::BinExecution, when);
    rule.common.except = Some("proc.aexepath = \"/usr/bin/dpkg\"".into());
    rule.skip_paths = vec!["/usr/bin/apt".into(), "/usr/lib/apt".into()];
    rule
}

fn process(n: usize, event: ProcessRuleEvent, when: String) -> ProcessRule {
    let common = Common {
        when: Some(when),
        ..common(n)
    };
    let severity = Some(Severity::Medium);
    ProcessRule {
        common,
        event,
        success_severity: severity,
        failure_severity: None,
        skip_paths: Vec::new(),
        skip_commands: Vec::new(),
    }
}

fn watch(n: usize) -> FileWatch {
    FileWatch {
        common: common(n),
        path: if n % 10 == 7 {
            format!("/etc/app/{}", n / 10)
        } else {
            format!("/srv/data/{n}")
        },
        recursive: true,
        access: vec![
            FileOp::Create,
            FileOp::Write,
            FileOp::Permission,
            FileOp::Delete,
            FileOp::Rename,
        ],
        exclude: vec!["*.swp".into(), "*~".into()],
        severity: Severity::Medium,
        on: Outcome::Any,
        skip_paths: vec!["/usr/bin/dpkg".into(), "/usr/bin/apt".into()],
    }
}

fn common(n: usize) -> Common {
    Common {
        id: format!("rule-{n}"),
        enabled: true,
        points: None,
        message: None,
        tags: Vec::new(),
        when: None,
        except: None,
        alert: AlertMode::Each,
        ruleset: "bench".into(),
    }
}
