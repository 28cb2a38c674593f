//! One alert and one summary instead of a thousand alerts.

mod common;

use common::{Run, SECOND, process_rule, shell, watch};
use lapwing_engine::{
    alert::ActionResult,
    event::{BootTime, FileOp},
    spec::{ProcessRuleEvent, ScoreSettings, Severity, Specs},
    synthetic::Synthetic,
};

/// A watch without points, so that there are no score alerts.
fn quiet(id: &str, path: &str) -> Specs {
    Specs {
        watches: vec![watch(id, path, Severity::Info)],
        ..Specs::default()
    }
}

fn later(stream: &Synthetic, seconds: u64) -> BootTime {
    BootTime(stream.now().0 + seconds * SECOND)
}

#[test]
fn the_first_goes_out_at_once_and_repeats_as_one_summary() {
    let mut run = Run::new(quiet("w", "/w"));
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/w/x");
    let first = run.observe(&stream.take()).take();
    assert_eq!((first.len(), first[0].count, first[0].objects), (1, 1, None));

    let opened = first[0].time;
    for _ in 0..9 {
        stream.wait(5.0).file(10, FileOp::Write, "/w/x");
    }
    assert!(run.observe(&stream.take()).take().is_empty());
    assert!(run.tick(BootTime(opened.0 + 60 * SECOND - 1)).take().is_empty());
    let summary = run.tick(BootTime(opened.0 + 60 * SECOND)).take();
    assert_eq!((summary.len(), summary[0].count, summary[0].objects), (1, 9, None));
    assert_ne!(summary[0].id, first[0].id);
    assert!(
        summary[0].message.starts_with("9 times more in 60 s: "),
        "{}",
        summary[0].message
    );
    assert_eq!(run.engine.counters().folded, 9);

    // A new window: at once again. One match alone leaves no summary.
    stream.wait(60.0).file(10, FileOp::Write, "/w/x");
    assert_eq!(run.observe(&stream.take()).take().len(), 1);
    assert!(run.tick(later(&stream, 100)).take().is_empty());
}

#[test]
fn an_event_after_the_window_closes_it_without_a_tick() {
    let mut run = Run::new(quiet("w", "/w"));
    let mut stream = shell();
    stream
        .file(10, FileOp::Write, "/w/x")
        .file(10, FileOp::Write, "/w/x")
        .wait(61.0)
        .file(10, FileOp::Write, "/w/x");
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.iter().map(|alert| alert.count).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(alerts[1].message.starts_with("1 times more"));
}

#[test]
fn another_operation_subject_or_result_is_another_alert() {
    let mut run = Run::new(quiet("w", "/w"));
    let mut stream = shell();
    stream.snapshot_with(20, 1, "/bin/zsh", |process| process.session = 4);
    stream
        .file_failure(10, FileOp::Write, "/w/x", 13)
        .file(10, FileOp::Write, "/w/x")
        .file(10, FileOp::Delete, "/w/x")
        .file(20, FileOp::Delete, "/w/x")
        .file(20, FileOp::Delete, "/w/x");
    let alerts = run.observe(&stream.take()).take();
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (alert.event, alert.result, alert.errno.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("file.write", ActionResult::Failure, Some("EACCES")),
            ("file.write", ActionResult::Success, None),
            ("file.delete", ActionResult::Success, None),
            ("file.delete", ActionResult::Success, None),
        ]
    );
}

#[test]
fn past_five_objects_further_ones_join_one_summary() {
    let mut run = Run::new(quiet("w", "/w"));
    let mut stream = shell();
    for number in 0..20 {
        stream
            .file(10, FileOp::Create, &format!("/w/{number}"))
            .file(10, FileOp::Write, &format!("/w/{number}"));
    }
    // The first five, each created and written.
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 10);
    let summaries = run.tick(later(&stream, 61)).take();
    assert_eq!(summaries.len(), 1);
    assert_eq!((summaries[0].count, summaries[0].objects), (30, Some(15)));
    assert!(
        summaries[0].message.starts_with("30 more on 15 other objects in 60 s"),
        "{}",
        summaries[0].message
    );
}

#[test]
fn limits_are_per_rule_and_never_hide_what_is_worse() {
    let mut specs = quiet("noisy", "/w");
    specs.watches.push(watch("other", "/w/deep", Severity::Info));
    let mut rule = process_rule("exec", ProcessRuleEvent::BinExecution, Severity::Info);
    rule.failure_severity = Some(Severity::High);
    rule.common.points = Some(0);
    specs.process.push(rule);
    let mut run = Run::new(specs);
    let mut stream = shell();
    for number in 0..1000 {
        stream
            .file(10, FileOp::Write, &format!("/w/{number}"))
            .exec(10, &format!("/tmp/{number}"), &["x"]);
    }
    stream
        .file(10, FileOp::Write, "/w/deep/x")
        .exec_failure(10, "/tmp/refused", 13);
    let alerts = run.observe(&stream.take()).take();
    let last: Vec<_> = alerts
        .iter()
        .rev()
        .take(2)
        .map(|alert| (alert.rule.as_str(), alert.severity))
        .collect();
    assert_eq!(last, [("exec", Severity::High), ("other", Severity::Info)]);
    assert_eq!(alerts.len(), 5 + 5 + 2);
}

#[test]
fn many_subjects_of_one_rule_join_one_summary() {
    let mut run = Run::new(quiet("w", "/w"));
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init");
    for pid in 100..1100 {
        stream
            .snapshot_with(pid, 1, "/bin/daemon", |process| process.session = pid)
            .file(pid, FileOp::Write, "/w/x");
    }
    assert_eq!(run.observe(&stream.take()).take().len(), 100);
    let summaries = run.tick(later(&stream, 61)).take();
    assert_eq!(summaries.len(), 1);
    assert_eq!((summaries[0].count, summaries[0].objects), (900, Some(1)));
}

#[test]
fn every_match_is_told_by_an_alert_or_counted_in_a_summary() {
    let specs = Specs {
        watches: (0..50)
            .map(|number| watch(&format!("w{number}"), &format!("/w{number}"), Severity::Info))
            .collect(),
        score: ScoreSettings {
            fold_after: 3,
            ..ScoreSettings::default()
        },
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init");
    let mut seed = 9u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for pid in 100..400 {
        stream.snapshot_with(pid, 1, "/bin/daemon", |process| process.session = pid);
    }
    for _ in 0..50_000 {
        let path = format!("/w{}/{}", random(50), random(20));
        stream.file(100 + random(300) as u32, FileOp::ALL[random(6) as usize], &path);
    }
    run.observe(&stream.take());
    let folds = run
        .engine
        .tables()
        .into_iter()
        .find(|table| table.name == "folds")
        .expect("folds");
    assert!(folds.entries <= folds.capacity);
    run.engine.finish(&mut run.alerts);
    let told: u64 = run.alerts.iter().map(|alert| alert.count).sum();
    let counted: u64 = run.engine.counters().alerts.values().sum();
    assert_eq!((told, counted), (50_000, run.alerts.len() as u64));
    assert!(run.alerts.len() < 15_000, "{}", run.alerts.len());
    let ids: std::collections::HashSet<_> = run.alerts.iter().map(|alert| &alert.id).collect();
    assert_eq!(ids.len(), run.alerts.len(), "ids are unique");
}

#[test]
fn open_windows_are_bounded_and_closing_early_loses_nothing() {
    let specs = Specs {
        watches: (0..120)
            .map(|number| watch(&format!("w{number}"), &format!("/w{number}"), Severity::Info))
            .collect(),
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init");
    for pid in 100..200 {
        stream.snapshot_with(pid, 1, "/bin/daemon", |process| process.session = pid);
        for number in 0..120 {
            let path = format!("/w{number}/x");
            stream.file(pid, FileOp::Write, &path).file(pid, FileOp::Write, &path);
        }
    }
    run.observe(&stream.take());
    let folds = run
        .engine
        .tables()
        .into_iter()
        .find(|table| table.name == "folds")
        .expect("folds");
    assert_eq!(
        (folds.entries, folds.evicted),
        (folds.capacity, 12_000 - folds.capacity)
    );
    run.engine.finish(&mut run.alerts);
    assert_eq!(run.alerts.iter().map(|alert| alert.count).sum::<u64>(), 24_000);
}

#[test]
fn a_window_of_zero_folds_nothing() {
    let score = ScoreSettings {
        fold_window: 0,
        ..ScoreSettings::default()
    };
    let mut run = Run::new(Specs {
        score,
        ..quiet("w", "/w")
    });
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/w/x").file(10, FileOp::Write, "/w/x");
    assert_eq!(run.observe(&stream.take()).take().len(), 2);
}
