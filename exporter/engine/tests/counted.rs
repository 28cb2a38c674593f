//! What the engine counts for others to show: active series, highest scores, what rules cost.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::{Run, SECOND, shell, watch, watch_points};
use lapwing_engine::{
    engine::AlertSeries,
    event::{BootTime, FileOp, Sensor},
    score::SubjectKind,
    spec::{AlertMode, Severity, Specs},
};

fn etc() -> Specs {
    Specs {
        watches: vec![watch("etc", "/etc", Severity::High)],
        ..Specs::default()
    }
}

fn series() -> AlertSeries {
    AlertSeries {
        rule: "etc".into(),
        severity: Severity::High,
        sensor: Sensor::File,
    }
}

#[test]
fn the_last_alert_of_a_series_is_known_by_its_id() {
    let mut run = Run::new(etc());
    assert!(run.engine.counters().last_alerts.is_empty());
    let mut stream = shell();
    stream.wait(7.0).file(10, FileOp::Write, "/etc/passwd");
    stream.wait(100.0).file(10, FileOp::Write, "/etc/shadow");
    let events = stream.take();
    run.observe(&events);
    let alert = run.alerts.iter().rfind(|alert| alert.rule == "etc").unwrap();
    let (time, id) = &run.engine.counters().last_alerts[&series()];
    assert_eq!((*time, &**id), (events.last().unwrap().header.time, &*alert.id));
}

#[test]
fn the_highest_score_halves_with_time() {
    let specs = Specs {
        watches: vec![watch_points("forty", "/w", 40, AlertMode::Score)],
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    let zero = SubjectKind::ALL.map(|kind| (kind, 0.0));
    assert_eq!(run.engine.highest_scores(BootTime(0)), zero);
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/w/a");
    let events = stream.take();
    let now = events.last().unwrap().header.time.0;
    run.observe(&events);
    let scores = |seconds: u64| run.engine.highest_scores(BootTime(now + seconds * SECOND));
    let expected = |points| {
        [
            (SubjectKind::Lineage, points),
            (SubjectKind::Container, 0.0),
            (SubjectKind::Host, points),
            (SubjectKind::Transaction, 0.0),
            (SubjectKind::Remote, 0.0),
        ]
    };
    assert_eq!(scores(0), expected(40.0));
    assert_eq!(scores(600), expected(20.0));
}

#[test]
fn rules_are_timed_on_a_sample_and_alerts_do_not_depend_on_it() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    let specs = Specs {
        watches: vec![
            watch("etc", "/etc", Severity::High),
            watch("usr", "/usr", Severity::High),
        ],
        ..Specs::default()
    };
    let (mut timed, mut untimed) = (Run::new(specs.clone()), Run::new(specs));
    // Every look at the stopwatch finds it 10 ns further.
    timed.engine.measure(|| NOW.fetch_add(10, Ordering::Relaxed));
    let mut stream = shell();
    for number in 0..6_100 {
        stream.file(10, FileOp::Write, &format!("/etc/{number}"));
    }
    let events = stream.take();
    timed.observe(&events);
    untimed.observe(&events);
    assert_eq!(timed.alerts, untimed.alerts);
    let spent = |run: &Run| -> Vec<u64> { run.engine.counters().rules.iter().map(|rule| rule.evaluation).collect() };
    // 100 of the 6,100 are timed, 10 ns each, and stand for all.
    assert_eq!(spent(&timed), [61_000, 0]);
    assert_eq!(spent(&untimed), [0, 0]);
}
