//! A replay says what the live engine said: the same alerts, in the same order, with the same ids, times and scores.

#![allow(clippy::unwrap_used)]

use std::{fs, process::Command, sync::Arc};

use lapwing::{
    cli::{ConfigArgs, Profile},
    config,
    outputs::{AlertRecord, Host, WallClock},
    record,
    recording::{Limits, Reader, Writer},
    replay::{replay, settings},
};
use lapwing_engine::{
    alert::Alert,
    engine::Engine,
    event::{BootTime, Credentials, Event, FileOp, Sensor},
    rule::RuleSet,
    synthetic::Synthetic,
};
use tempfile::TempDir;

/// What an intruder could do in half an hour: single alerts, folded ones, a score that reaches its threshold, and much that is no alert.
fn story() -> Vec<Event> {
    let mut events = Synthetic::new();
    events
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .snapshot(800, 1, "/usr/sbin/sshd")
        .fork(800, 900);
    events.exec(900, "/bin/bash", &["-bash"]);
    for round in 0..30 {
        let pid = 1000 + round;
        events
            .fork(900, pid)
            .exec(pid, "/tmp/tool", &["tool", "--password=hunter2"]);
        events
            .file(pid, FileOp::Create, &format!("/etc/cron.d/job{round}"))
            .file(pid, FileOp::Write, "/etc/passwd");
        events
            .file_failure(pid, FileOp::Delete, "/etc/shadow", 13)
            .file(pid, FileOp::Write, "/home/user/notes");
        match round % 3 {
            0 => events.kill(pid, 11),
            1 => events.exit(pid, 3),
            _ => events.exit(pid, 0),
        };
        events.wait(if round < 20 { 1.0 } else { 120.0 });
    }
    let nobody = Credentials {
        uid: 65534,
        euid: 65534,
        suid: 65534,
        fsuid: 65534,
        ..Credentials::default()
    };
    events.snapshot_with(2000, 1, "/usr/bin/tool", |process| process.credentials = nobody);
    events.credentials(2000, false, |after| after.euid = 0);
    events.take()
}

/// Feeds the story as the agent does, with a tick every 200 ms of event time, and records it. Gives the live alerts.
fn live(engine: &mut Engine, writer: &mut Writer<impl std::io::Write>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut ticked = 0;
    for event in story() {
        let now = event.header.time.0;
        while ticked != 0 && now - ticked >= 200_000_000 {
            ticked += 200_000_000;
            writer.tick(BootTime(ticked));
            engine.tick(BootTime(ticked), &mut alerts);
        }
        ticked = ticked.max(now - now % 200_000_000);
        writer.event(&event);
        engine.observe(&event, &mut alerts);
    }
    writer.lost(Sensor::File, "ring_full", 7);
    engine.finish(&mut alerts);
    alerts
}

/// The demo profile under a configuration of its own, so that the machine's has no say. Gives the directory, for other files.
fn demo() -> (config::Loaded, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lapwing.toml");
    fs::write(&file, "config_version = 1\n").unwrap();
    let args = ConfigArgs {
        config: Some(file),
        profile: Some(Profile::Demo),
        ..ConfigArgs::default()
    };
    (config::load(&args).unwrap(), dir)
}

fn engine(loaded: &config::Loaded) -> Engine {
    Engine::new(
        Arc::new(RuleSet::compile(&loaded.specs).unwrap()),
        settings(loaded, "host"),
    )
}

fn host() -> Host {
    Host {
        name: "host".into(),
        kernel: "6.12".into(),
        ..Host::default()
    }
}

/// Equal, or what the first difference is.
fn same<T: PartialEq + std::fmt::Debug>(replayed: &[T], said: &[T]) {
    let difference = replayed.iter().zip(said).find(|(replayed, said)| replayed != said);
    assert!(difference.is_none(), "replayed and said: {difference:#?}");
    assert_eq!(replayed.len(), said.len());
}

#[test]
fn a_replay_gives_the_live_alerts() {
    let (loaded, _dir) = demo();
    let mut file = Vec::new();
    let meta = record::meta(
        &loaded,
        &host(),
        WallClock {
            boot: 1_700_000_000_000_000_000,
        },
    );
    let mut writer = Writer::new(&mut file, &meta, Limits::default()).unwrap();
    let said = live(&mut engine(&loaded), &mut writer);
    writer.finish();
    assert!(said.len() > 10, "the story makes {} alerts", said.len());
    for what in ["score", "process.exec", "file.create", "process.escalation"] {
        assert!(
            said.iter().any(|alert| alert.event == what),
            "no {what} in the story's alerts"
        );
    }
    assert!(said.iter().any(|alert| alert.count > 1), "nothing is folded");

    let mut replayed = Vec::new();
    let outcome = replay(Reader::new(&file[..]).unwrap(), &mut engine(&loaded), |alert| {
        replayed.push(alert);
        Ok(())
    });
    let outcome = outcome.unwrap();
    same(&replayed, &said);
    assert_eq!(
        (outcome.events, outcome.alerts),
        (story().len() as u64, said.len() as u64)
    );
    assert_eq!(outcome.lost[&(Sensor::File, "ring_full".to_owned())], 7);
    assert!(outcome.damage.is_none());
}

#[test]
fn the_command_prints_the_live_lines_and_fails_on_damage_after_what_was_before_it() {
    let (loaded, dir) = demo();
    let path = dir.path().join("story.lapwing");
    let wall = WallClock {
        boot: 1_700_000_000_123_456_789,
    };
    let mut writer = Writer::create(&path, false, &record::meta(&loaded, &host(), wall), Limits::default()).unwrap();
    let said = live(&mut engine(&loaded), &mut writer);
    writer.finish();
    let host = Arc::new(host());
    let lines: Vec<String> = said
        .into_iter()
        .map(|alert| {
            AlertRecord {
                alert,
                wall,
                host: host.clone(),
                unwatched: None,
            }
            .to_json_line()
        })
        .collect();

    let replay = || {
        let output = Command::new(env!("CARGO_BIN_EXE_lapwing"))
            .arg("--config")
            .arg(dir.path().join("lapwing.toml"))
            .arg("replay")
            .arg(&path)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (success, stdout, stderr) = replay();
    assert!(success, "{stderr}");
    same(
        &stdout.lines().collect::<Vec<_>>(),
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert!(
        stderr.contains(&format!("{} events replayed, {} alerts", story().len(), lines.len())),
        "{stderr}"
    );
    assert!(
        stderr.contains("7 file events were lost while recording (ring_full)"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("hunter2") && !stdout.contains("hunter2"),
        "secrets are redacted"
    );

    // Half of it: the first alerts as they were, then summaries of what was folded so far, then the damage.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (success, stdout, stderr) = replay();
    assert!(!success);
    assert!(stderr.contains("ends within the frame at byte"), "{stderr}");
    let same = stdout
        .lines()
        .zip(&lines)
        .take_while(|(replayed, said)| *replayed == *said)
        .count();
    assert!(same > 5, "only {same} alerts before the damage");
}
