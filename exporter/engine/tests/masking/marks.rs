//! What a masked match does not add, and what its alert says.

use super::*;

#[test]
fn a_masked_match_adds_no_points_and_its_alert_says_who_masked_it() {
    let mut run = Run::new(etc_and_tmp());
    mask(&mut run, &[("rule", "etc")]);
    let mut stream = shell();
    // 60 points each: the second would reach the lineage's threshold.
    for number in 0..4 {
        stream.file(10, FileOp::Write, &format!("/etc/{number}"));
    }
    stream.file(10, FileOp::Write, "/tmp/x");
    let alerts = run.observe(&stream.take()).take();
    let told: Vec<_> = alerts
        .iter()
        .map(|alert| (&*alert.rule, alert.masked.as_ref().map(|mask| &*mask.silence)))
        .collect();
    assert_eq!(
        told,
        [
            ("etc", Some("s1")),
            ("etc", Some("s1")),
            ("etc", Some("s1")),
            ("etc", Some("s1")),
            ("tmp", None)
        ]
    );
    let view = alerts[0].masked.as_ref().expect("a mask");
    assert_eq!(
        (&*view.author, &*view.comment, &*view.until),
        ("ada", "upgrade", "2026-01-01T00:00:00Z")
    );
    let score = alerts[4].score.as_ref().expect("a score");
    assert_eq!((score.points, score.contributions.len()), (60.0, 1));
    assert!(alerts[0].score.is_none());
    assert_eq!((counts(&run, "etc"), counts(&run, "tmp")), ((0, 4), (1, 0)));
    let rules = &run.engine.counters().rules;
    assert_eq!((rules[0].matches, rules[0].masked, rules[1].masked), (4, 4, 0));
    let now = stream.now();
    assert!(!active(&run, "etc", now) && active(&run, "tmp", now));
}

#[test]
fn dropped_alerts_are_counted_but_not_given() {
    let mut run = Run::new(etc_and_tmp());
    let settings = MaskSettings {
        action: Action::Drop,
        ..MaskSettings::default()
    };
    mask_with(&mut run, vec![silence(&[("rule", "etc")], BootTime(0), END)], &settings);
    let mut stream = shell();
    stream
        .file(10, FileOp::Write, "/etc/a")
        .file(10, FileOp::Write, "/tmp/x")
        .file(10, FileOp::Write, "/etc/a");
    assert_eq!(run.observe(&stream.take()).rules(), ["tmp"]);
    // The summary of the second match.
    run.tick(after(stream.now(), 61));
    assert!(run.alerts.is_empty());
    assert_eq!(counts(&run, "etc"), (0, 2));
}

#[test]
fn masked_and_unmasked_matches_are_folded_apart() {
    let mut run = Run::new(etc_and_tmp());
    let mut stream = shell();
    stream.wait(1.0);
    let starts = after(stream.now(), 1);
    let ends = after(stream.now(), 3);
    mask_with(
        &mut run,
        vec![silence(&[("rule", "etc")], starts, ends)],
        &MaskSettings::default(),
    );
    for _ in 0..8 {
        stream.file(10, FileOp::Write, "/etc/a").wait(0.5);
    }
    let alerts = run.observe(&stream.take()).take();
    let masked: Vec<_> = alerts
        .iter()
        .filter(|alert| alert.rule == "etc")
        .map(|alert| alert.masked.is_some())
        .collect();
    // Before; in the silence. After it the matches join the first window.
    assert_eq!(masked, [false, true]);
    run.tick(after(stream.now(), 120));
    let summaries: Vec<_> = run
        .take()
        .iter()
        .map(|alert| (alert.masked.is_some(), alert.count))
        .collect();
    assert_eq!(
        summaries.iter().map(|(_, count)| count).sum::<u64>(),
        6,
        "{summaries:?}"
    );
    assert!(
        summaries.contains(&(true, 3)) && summaries.contains(&(false, 3)),
        "{summaries:?}"
    );
}

#[test]
fn a_masked_match_of_a_score_only_rule_adds_nothing() {
    let specs = Specs {
        watches: vec![watch_points("forty", "/w", 40, AlertMode::Score)],
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    mask(&mut run, &[("rule", "forty")]);
    let mut stream = shell();
    for number in 0..10 {
        stream.file(10, FileOp::Write, &format!("/w/{number}"));
    }
    assert!(run.observe(&stream.take()).take().is_empty());
    assert_eq!(run.engine.counters().rules[0].masked, 10);
}

#[test]
fn a_masked_score_alert_is_marked_and_told_again_after_the_silence() {
    let specs = Specs {
        watches: vec![watch_points("forty", "/w", 40, AlertMode::Score)],
        ..Specs::default()
    };
    let mut run = Run::new(specs);
    let mut stream = shell();
    let ends = after(stream.now(), 60);
    mask_with(
        &mut run,
        vec![silence(&[("rule", "score.lineage")], BootTime(0), ends)],
        &MaskSettings::default(),
    );
    for number in 0..4 {
        stream.file(10, FileOp::Write, &format!("/w/{number}")).wait(1.0);
    }
    let alerts = run.observe(&stream.take()).take();
    assert_eq!(alerts.len(), 1, "the third reaches the threshold, the fourth is folded");
    assert_eq!((&*alerts[0].rule, alerts[0].masked.is_some()), ("score.lineage", true));
    assert!(!active(&run, "score.lineage", stream.now()));
    stream.wait(60.0).file(10, FileOp::Write, "/w/5");
    let alerts = run.observe(&stream.take()).take();
    let unmasked: Vec<_> = alerts
        .iter()
        .filter(|alert| alert.masked.is_none())
        .map(|alert| &*alert.rule)
        .collect();
    assert_eq!(unmasked, ["score.lineage"]);
    assert!(active(&run, "score.lineage", stream.now()));
}
