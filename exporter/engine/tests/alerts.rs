//! What an alert shows, and that there is exactly one.

mod common;

use common::{Run, process_rule, shell, watch};
use lapwing_engine::{
    alert::ActionResult,
    engine::{Engine, Settings},
    event::{Bytes, FileOp, ObjectKey, Sensor, Value},
    process::Limits,
    spec::{ProcessRuleEvent, Severity, Specs},
    synthetic::Synthetic,
};

fn process_rules() -> Specs {
    let mut exec = process_rule("exec", ProcessRuleEvent::BinExecution, Severity::Low);
    exec.common.when = Some(r#"proc.exepath pmatch ("/tmp")"#.to_owned());
    Specs {
        process: vec![
            exec,
            process_rule("root", ProcessRuleEvent::RootEscalation, Severity::Low),
            process_rule("crash", ProcessRuleEvent::TerminationFailure, Severity::Low),
        ],
        ..Specs::default()
    }
}

#[test]
fn a_file_alert_shows_process_lineage_and_file() {
    let mut run = Run::new(Specs {
        watches: vec![watch("etc", "/etc", Severity::High)],
        ..Specs::default()
    });
    let mut stream = shell();
    stream
        .fork(10, 11)
        .exec(11, "/usr/bin/tee", &["tee", "--token=abc", "/etc/x"]);
    stream.file_with(11, FileOp::Create, "/etc/x", |file| {
        file.flags = 0o1101;
        file.key = Some(ObjectKey {
            device: 0x800001,
            generation: 7,
            inode: 42,
            layer: 0,
        });
    });
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!(
        (alert.rule.as_str(), alert.sensor, alert.event),
        ("etc", Sensor::File, "file.create")
    );
    assert_eq!(
        (alert.result, alert.errno.as_deref(), alert.count),
        (ActionResult::Success, None, 1)
    );
    assert!(
        alert.message.contains("/etc/x") && alert.message.contains("tee"),
        "{}",
        alert.message
    );
    let process = alert.process.as_ref().expect("a process");
    assert_eq!(
        (process.pid, process.name.as_str(), process.executable.as_deref()),
        (11, "tee", Some("/usr/bin/tee"))
    );
    assert_eq!(
        process.args.as_deref(),
        Some(&["tee".to_owned(), "--token=[redacted]".to_owned(), "/etc/x".to_owned()][..])
    );
    assert_eq!(
        (process.uid, process.loginuid, process.capabilities.as_slice()),
        (Some(0), None, &["all".to_owned()][..])
    );
    assert_eq!(
        alert
            .lineage
            .iter()
            .map(|process| process.name.as_str())
            .collect::<Vec<_>>(),
        ["bash", "init"]
    );
    let file = alert.file.as_ref().expect("a file");
    assert_eq!(
        (file.path.as_str(), file.key.as_deref()),
        ("/etc/x", Some("800001:42:7"))
    );
    assert_eq!(
        (file.mode.as_deref(), file.flags.as_slice()),
        (Some("644 file"), &["O_WRONLY", "O_CREAT", "O_TRUNC"][..])
    );
    let score = alert.score.as_ref().expect("a score");
    assert_eq!(
        (score.points, score.threshold, score.contributions.len()),
        (60.0, 100, 1)
    );
    assert_eq!(score.contributions[0].alert.as_deref(), Some(alert.id.as_str()));
    assert!(alert.partial.is_empty());
}

#[test]
fn what_is_known_in_part_or_not_at_all_is_said() {
    let mut run = Run::new(Specs {
        watches: vec![watch("etc", "/etc", Severity::Low)],
        ..Specs::default()
    });
    let mut stream = Synthetic::new();
    stream.file_with(99, FileOp::Delete, "/etc/x", |file| {
        file.path = Value::Partial(Bytes::from("/etc/x"))
    });
    let alerts = run.observe(&stream.take()).take();
    let process = alerts[0].process.as_ref().expect("its key");
    assert_eq!(
        (process.pid, process.uid, process.executable.as_deref()),
        (99, None, None)
    );
    assert_eq!(alerts[0].partial, ["process", "file.path"]);
    assert_eq!(run.engine.counters().table.unknown, 1);
}

#[test]
fn a_crash_shows_the_process_that_ended() {
    let mut run = Run::new(process_rules());
    let mut stream = shell();
    stream.fork(10, 11).exec(11, "/opt/app", &["app"]).kill(11, 11);
    stream.fork(10, 12).exec(12, "/opt/fine", &["fine"]).exit(12, 0);
    stream.fork(10, 13).exec(13, "/opt/ended", &["ended"]).kill(13, 15);
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1);
    let process = alerts[0].process.as_ref().expect("a process");
    assert_eq!((process.pid, process.executable.as_deref()), (11, Some("/opt/app")));
    assert_eq!(
        (process.exit_signal.as_deref(), process.exit_code),
        (Some("SIGSEGV"), None)
    );
    assert_eq!((alerts[0].rule.as_str(), alerts[0].event), ("crash", "process.exit"));
}

#[test]
fn one_escalation_is_one_alert_however_it_happens() {
    let mut run = Run::new(process_rules());
    let mut stream = shell();
    let nobody = |stream: &mut Synthetic, pid| {
        stream.fork(10, pid).credentials(pid, true, |credentials| {
            (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (65534, 65534, 65534, 65534);
            (credentials.cap_effective, credentials.cap_permitted) = (0, 0);
        });
    };
    // By a setuid file, which then makes itself root altogether.
    nobody(&mut stream, 11);
    stream
        .exec_setuid_root(11, "/opt/suid")
        .credentials(11, true, |credentials| credentials.uid = 0);
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].rule.as_str(), alerts[0].event),
        ("root", "process.escalation")
    );
    let process = alerts[0].process.as_ref().expect("a process");
    assert_eq!(
        (process.uid, process.euid, process.executable.as_deref()),
        (Some(65534), Some(0), Some("/opt/suid"))
    );

    // Without a call, and refused.
    nobody(&mut stream, 12);
    stream.credentials(12, false, |credentials| credentials.euid = 0);
    nobody(&mut stream, 13);
    stream.credentials_failure(13, 1);
    let alerts = run.observe(&stream.take()).take();
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.rule.as_str(), alert.result, alert.errno.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("root", ActionResult::Success, None),
            ("root", ActionResult::Failure, Some("EPERM"))
        ]
    );

    // Root that executes a setuid file escalates nothing.
    stream.fork(10, 14).exec_setuid_root(14, "/opt/suid").exit(14, 0);
    assert!(run.observe(&stream.take()).take().is_empty());
}

#[test]
fn a_refused_exec_names_the_program_and_who_tried() {
    let mut run = Run::new(Specs {
        process: vec![process_rule("exec", ProcessRuleEvent::BinExecution, Severity::Low)],
        ..Specs::default()
    });
    let mut stream = shell();
    stream.exec_failure(10, "/root/secret", 13);
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(
        (alerts[0].errno.as_deref(), alerts[0].result),
        (Some("EACCES"), ActionResult::Failure)
    );
    assert_eq!(
        alerts[0].file.as_ref().map(|file| file.path.as_str()),
        Some("/root/secret")
    );
    assert_eq!(
        alerts[0].process.as_ref().map(|process| process.name.as_str()),
        Some("bash")
    );
    assert_eq!(alerts[0].partial, ["file.path"]);
}

#[test]
fn secrets_do_not_leave_in_messages_either() {
    let mut specs = process_rules();
    specs.process[0].common.message = Some("{proc.cmdline} was run".to_owned());
    let mut run = Run::new(specs);
    let mut stream = shell();
    stream.exec(10, "/tmp/mysql", &["mysql", "--password", "hunter2", "-h", "db"]);
    let alerts = run.observe(&stream.take()).take();
    assert!(
        alerts[0].message.contains("[redacted]") && !format!("{:?}", alerts[0]).contains("hunter2"),
        "{:?}",
        alerts[0]
    );
}

#[test]
fn the_same_events_give_the_same_alerts() {
    let mut specs = process_rules();
    specs.watches.push(watch("etc", "/etc", Severity::High));
    let mut stream = shell();
    for pid in 11..400 {
        stream
            .fork(10, pid)
            .exec(pid, &format!("/tmp/{}", pid % 7), &["x"])
            .wait(0.3);
        stream.file(pid, FileOp::Write, &format!("/etc/{}", pid % 13));
        if pid % 3 == 0 {
            stream.kill(pid, 11)
        } else {
            stream.exit(pid, 0)
        };
    }
    let events = stream.take();
    let run = |ticks: bool| {
        let mut run = Run::with(&specs, Settings::default());
        for event in &events {
            run.observe(std::slice::from_ref(event));
            // When it is told how far time has come changes nothing about what is said.
            if ticks {
                run.tick(event.header.time);
            }
        }
        run.engine.finish(&mut run.alerts);
        run.take()
    };
    let first = run(false);
    assert!(first.len() > 30 && first.iter().any(|alert| alert.rule == "score.lineage"));
    assert_eq!(first, run(false));
    assert_eq!(first, run(true));
}

#[test]
fn a_reload_keeps_scores_windows_processes_and_counts() {
    let two = |first: &str| Specs {
        watches: vec![watch(first, "/new", Severity::Info), watch("w", "/w", Severity::High)],
        ..Specs::default()
    };
    let before = Specs {
        watches: vec![watch("w", "/w", Severity::High)],
        ..Specs::default()
    };
    let mut run = Run::new(before);
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/w/x");
    assert_eq!(run.observe(&stream.take()).rules(), ["w"]);

    let settings = Settings {
        hostname: "h".to_owned(),
        ..Settings::default()
    };
    run.engine.reload(common::compile(&two("a")), settings.clone());
    // A repeat stays folded although the rule has another index now; a second object reaches the threshold with what was there.
    stream.file(10, FileOp::Write, "/w/x").file(10, FileOp::Write, "/w/y");
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(
        alerts.iter().map(|alert| alert.rule.as_str()).collect::<Vec<_>>(),
        ["w", "score.lineage"]
    );
    assert_eq!(alerts[0].lineage.len(), 1);
    let counts: Vec<_> = run
        .engine
        .counters()
        .rules
        .iter()
        .map(|rule| (&*rule.id, rule.matches, rule.folded))
        .collect();
    assert_eq!(counts, [("a", 0, 0), ("w", 3, 1)]);
    run.engine.reload(common::compile(&two("b")), settings);
    assert_eq!(
        run.engine
            .counters()
            .rules
            .iter()
            .map(|rule| rule.matches)
            .collect::<Vec<_>>(),
        [0, 3]
    );
}

#[test]
fn every_series_that_the_rules_can_give_is_there_from_zero() {
    let mut specs = process_rules();
    specs.watches.push(watch("etc", "/etc", Severity::High));
    let engine = Engine::new(common::compile(&specs), Settings::default());
    let series: Vec<String> = engine
        .counters()
        .alerts
        .iter()
        .map(|(series, count)| {
            format!(
                "{} {} {} {count}",
                series.rule,
                series.severity.name(),
                series.sensor.name()
            )
        })
        .collect();
    for wanted in [
        "etc high file 0",
        "exec low process 0",
        "score.lineage high file 0",
        "score.host low process 0",
        "score.lineage high process 0",
    ] {
        assert!(series.iter().any(|line| line == wanted), "{wanted} in {series:?}");
    }
    assert!(engine.counters().events.iter().all(|(_, _, count)| count == 0));
    let kinds: Vec<_> = engine
        .counters()
        .events
        .iter()
        .map(|(sensor, kind, _)| (sensor, kind))
        .collect();
    assert!(kinds.contains(&(Sensor::File, "execute")) && kinds.contains(&(Sensor::Network, "listen")));
    assert_eq!(engine.counters().rules.len(), 4);
    assert!(engine.counters().alerts_masked.values().all(|count| *count == 0));
    assert!(
        engine
            .counters()
            .alerts_masked
            .keys()
            .eq(engine.counters().alerts.keys())
    );
}

#[test]
fn a_million_processes_do_not_make_the_engine_grow() {
    let mut specs = process_rules();
    specs.watches.push(watch("etc", "/etc", Severity::Info));
    let table = Limits {
        max_processes: 2000,
        ..Limits::default()
    };
    let mut run = Run::with(
        &specs,
        Settings {
            table,
            ..Settings::default()
        },
    );
    let mut stream = shell();
    run.observe(&stream.take());
    for pid in 0..1_000_000 {
        stream.fork(10, 100 + pid);
        if pid % 50 == 0 {
            stream.file(100 + pid, FileOp::Write, &format!("/etc/{pid}"));
        }
        stream.exit(100 + pid, 0);
        run.observe(&stream.take());
        run.alerts.clear();
    }
    let tables = run.engine.tables();
    let [processes, subjects, folds, ..] = &tables[..] else {
        panic!("{tables:?}")
    };
    assert_eq!(processes.entries, processes.capacity);
    assert!(
        processes.evicted > 900_000 && subjects.entries <= 2 && folds.entries <= 10,
        "{processes:?} {subjects:?} {folds:?}"
    );
    assert_eq!(run.engine.counters().events.total(), 2 + 2_000_000 + 20_000);
}
