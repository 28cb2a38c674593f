//! Points, half-life, thresholds and re-arming.

mod common;

use common::{Run, SECOND, shell, watch, watch_points};
use lapwing_engine::{
    event::{BootTime, Bytes, FileOp, Value},
    spec::{AlertMode, ScoreSettings, Severity, Specs},
    synthetic::Synthetic,
};

const HALF_LIFE: f64 = 600.0;

/// One watch of 40 points that only scores.
fn forty() -> Specs {
    Specs {
        watches: vec![watch_points("forty", "/w", 40, AlertMode::Score)],
        ..Specs::default()
    }
}

/// Writes to different files, so many seconds apart.
fn writes(stream: &mut Synthetic, pid: u32, count: usize, apart: f64) {
    for number in 0..count {
        stream.file(pid, FileOp::Write, &format!("/w/{number}")).wait(apart);
    }
}

#[test]
fn three_matches_of_forty_alert_at_the_third() {
    let mut run = Run::new(forty());
    let mut stream = shell();
    writes(&mut stream, 10, 2, 1.0);
    assert!(run.observe(&stream.take()).alerts.is_empty());
    writes(&mut stream, 10, 1, 1.0);
    run.observe(&stream.take());
    let alerts = run.take();
    assert_eq!(alerts.len(), 1);
    let alert = &alerts[0];
    assert_eq!(
        (alert.rule.as_str(), alert.event, alert.severity),
        ("score.lineage", "score", Severity::Medium)
    );
    assert_eq!(alert.tags, ["tag-forty"]);
    let score = alert.score.as_ref().expect("a score");
    assert_eq!(
        (score.subject_kind, score.subject.as_str(), score.threshold),
        ("lineage", "bash[10]", 100)
    );
    let listed: Vec<_> = score
        .contributions
        .iter()
        .map(|c| (c.rule.as_str(), c.points, c.object.as_str()))
        .collect();
    assert_eq!(
        listed,
        [("forty", 40, "/w/0"), ("forty", 40, "/w/1"), ("forty", 40, "/w/0")]
    );
    assert!(score.contributions.iter().all(|c| c.alert.is_none()));
    let ages: Vec<_> = score.contributions.iter().map(|c| c.seconds_ago.round()).collect();
    assert_eq!(ages, [2.0, 1.0, 0.0]);
}

#[test]
fn what_is_shown_as_the_threshold_reaches_it() {
    let mut run = Run::new(Specs {
        watches: vec![watch_points("fifty", "/w", 50, AlertMode::Score)],
        ..Specs::default()
    });
    let mut stream = shell();
    writes(&mut stream, 10, 2, 0.5);
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts[0].score.as_ref().map(|score| score.points), Some(100.0));
}

#[test]
fn spread_over_hours_they_never_do() {
    let mut run = Run::new(forty());
    let mut stream = shell();
    writes(&mut stream, 10, 50, 3600.0);
    assert!(run.observe(&stream.take()).alerts.is_empty());
}

#[test]
fn half_of_the_points_are_left_after_a_half_life() {
    let mut specs = forty();
    specs.watches[0].common.alert = AlertMode::Each;
    let mut run = Run::new(specs);
    let mut stream = shell();
    writes(&mut stream, 10, 3, HALF_LIFE);
    run.observe(&stream.take());
    let points: Vec<f64> = run
        .take()
        .iter()
        .map(|alert| alert.score.as_ref().expect("a score").points)
        .collect();
    // 40, then 40/2 + 40, then that halved + 40; the step between events is a millisecond more.
    assert_eq!(points, [40.0, 60.0, 70.0]);
}

#[test]
fn it_rearms_at_the_next_multiple() {
    let mut run = Run::new(forty());
    let mut stream = shell();
    // 120 at the third, 200 at the fifth minus what decayed: the sixth.
    writes(&mut stream, 10, 6, 1.0);
    let mut at = Vec::new();
    for (number, event) in stream.take().iter().enumerate() {
        run.observe(std::slice::from_ref(event));
        if !run.take().is_empty() {
            at.push(number - 1);
        }
    }
    assert_eq!(at, [3, 6]);
}

#[test]
fn it_rearms_below_half_of_the_threshold() {
    let mut run = Run::new(forty());
    let mut stream = shell();
    writes(&mut stream, 10, 3, 1.0);
    // 120 halves to 60: still at 100 once two more come, but not armed. 60 + 40 + 40 = 140.
    stream.wait(HALF_LIFE);
    writes(&mut stream, 10, 2, 1.0);
    assert_eq!(run.observe(&stream.take()).rules(), ["score.lineage"]);
    // 140 to 35: armed. 35 + 40 + 40 = 115.
    stream.wait(2.0 * HALF_LIFE);
    writes(&mut stream, 10, 2, 1.0);
    assert_eq!(run.observe(&stream.take()).rules(), ["score.lineage"]);
}

#[test]
fn lineages_are_scored_apart_and_the_host_together() {
    let settings = ScoreSettings {
        host_threshold: Some(150),
        ..ScoreSettings::default()
    };
    let mut run = Run::new(Specs {
        score: settings,
        ..forty()
    });
    let mut stream = shell();
    stream.snapshot_with(20, 1, "/bin/zsh", |process| process.session = 4);
    writes(&mut stream, 10, 2, 1.0);
    writes(&mut stream, 20, 2, 1.0);
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1);
    let score = alerts[0].score.as_ref().expect("a score");
    assert_eq!(
        (score.subject_kind, score.subject.as_str(), score.contributions.len()),
        ("host", "testhost", 4)
    );
}

#[test]
fn children_of_a_login_add_to_it_and_a_container_is_a_subject() {
    let settings = ScoreSettings {
        container_threshold: Some(110),
        ..ScoreSettings::default()
    };
    let mut run = Run::new(Specs {
        score: settings,
        ..forty()
    });
    let mut stream = shell();
    for child in 11..14 {
        stream.fork(10, child).exec(child, "/bin/sh", &["sh"]);
        writes(&mut stream, child, 1, 0.0);
    }
    assert_eq!(run.observe(&stream.take()).rules(), ["score.lineage"]);
    // Two lineages of one container (their parent, outside, does not join them).
    let id = "cd".repeat(32);
    for (pid, count) in [(50, 2), (51, 1)] {
        stream.snapshot_with(pid, 1, "/entry", |process| {
            process.cgroup = Value::Known(Bytes::from(format!("/docker/{id}").as_str()));
        });
        writes(&mut stream, pid, count, 0.0);
    }
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1);
    let score = alerts[0].score.as_ref().expect("a score");
    assert_eq!((score.subject_kind, score.subject.as_str()), ("container", id.as_str()));
    assert_eq!(
        alerts[0].container.as_ref().map(|container| container.id.as_str()),
        Some(id.as_str())
    );
}

#[test]
fn a_score_alert_never_only_repeats_one_alert() {
    // A match that reaches the threshold alone has its own alert; so have its repeats.
    let specs = Specs {
        watches: vec![watch("a", "/a", Severity::Critical), watch("b", "/b", Severity::Low)],
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    let mut stream = shell();
    stream
        .file(10, FileOp::Write, "/a/x")
        .file(10, FileOp::Write, "/a/x")
        .file(10, FileOp::Write, "/a/x");
    assert_eq!(run.observe(&stream.take()).rules(), ["a"]);
    assert_eq!(run.engine.counters().told, 3);
    // Something else makes it more than that alert said.
    stream.file(10, FileOp::Write, "/b/y");
    let alerts = run.observe(&stream.take()).take();
    let rules: Vec<_> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
    assert_eq!(rules, ["b", "score.lineage"]);
    assert_eq!(alerts[1].severity, Severity::Critical);
    let score = alerts[1].score.as_ref().expect("a score");
    let told: Vec<_> = score
        .contributions
        .iter()
        .map(|c| c.alert.clone().expect("an alert"))
        .collect();
    assert_eq!(told[3], alerts[0].id);
    assert!(told[0] == told[1] && told[1] == told[2] && told[2] != told[3]);
}

#[test]
fn the_host_does_not_repeat_what_one_lineage_said() {
    let settings = ScoreSettings {
        host_threshold: Some(100),
        ..ScoreSettings::default()
    };
    let mut run = Run::new(Specs {
        score: settings,
        ..forty()
    });
    let mut stream = shell();
    writes(&mut stream, 10, 3, 1.0);
    assert_eq!(run.observe(&stream.take()).rules(), ["score.lineage"]);
    stream.snapshot_with(20, 1, "/bin/zsh", |process| process.session = 4);
    writes(&mut stream, 20, 1, 1.0);
    assert_eq!(run.observe(&stream.take()).rules(), ["score.host"]);
}

#[test]
fn points_of_zero_raise_nothing() {
    let mut run = Run::new(Specs {
        watches: vec![watch("info", "/w", Severity::Info)],
        ..Specs::default()
    });
    let mut stream = shell();
    writes(&mut stream, 10, 3, 1.0);
    let alerts = run.observe(&stream.take()).take();
    assert!(alerts.len() == 3 && alerts.iter().all(|alert| alert.score.is_none()));
}

#[test]
fn a_storm_gives_a_few_score_alerts_and_a_summary() {
    let mut run = Run::new(forty());
    let mut stream = shell();
    writes(&mut stream, 10, 20_000, 0.0);
    run.observe(&stream.take())
        .tick(BootTime(stream.now().0 + 120 * SECOND));
    let alerts = run.take();
    assert!(alerts.len() <= 6, "{} alerts", alerts.len());
    let summary = alerts.last().expect("a summary");
    assert!(summary.count > 1000 && summary.objects.is_some());
    assert!(
        alerts
            .iter()
            .all(|alert| alert.score.as_ref().expect("a score").contributions.len() <= 100)
    );
}

#[test]
fn subjects_are_bounded_and_the_least_recently_raised_goes() {
    let score = ScoreSettings {
        max_subjects: 100,
        ..ScoreSettings::default()
    };
    let mut run = Run::new(Specs { score, ..forty() });
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init");
    for pid in 100..1100 {
        stream.snapshot_with(pid, 1, "/bin/daemon", |process| process.session = pid);
        writes(&mut stream, pid, 1, 0.0);
    }
    run.observe(&stream.take());
    let subjects = run
        .engine
        .tables()
        .into_iter()
        .find(|table| table.name == "subjects")
        .expect("subjects");
    assert_eq!((subjects.entries, subjects.evicted), (101, 900));
    // Without points they are forgotten, which is no eviction.
    run.tick(BootTime(stream.now().0 + 24 * 3600 * SECOND));
    let subjects = run
        .engine
        .tables()
        .into_iter()
        .find(|table| table.name == "subjects")
        .expect("subjects");
    assert_eq!((subjects.entries, subjects.evicted), (0, 900));
}
