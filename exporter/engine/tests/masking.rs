//! Masked matches: no points, alerts of their own that say so, counters of their own, and what is active.

mod common;

use std::sync::Arc;

use common::{Run, SECOND, common, shell, watch, watch_points};
use lapwing_engine::{
    engine::{AlertSeries, MAX_DETAILS, Settings},
    event::{BootTime, Direction, FileOp, FlowChange, Sensor, Value},
    mask::{Action, Masks, Matcher, Settings as MaskSettings, Silence},
    rule::RuleSet,
    spec::{AlertMode, NetworkProtocol, NetworkRule, RuleDirection, Severity, Specs},
};

const END: BootTime = BootTime(u64::MAX);

fn equal(name: &str, value: &str) -> Matcher {
    Matcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: false,
        is_equal: true,
    }
}

fn silence(matchers: &[(&str, &str)], starts: BootTime, ends: BootTime) -> Silence {
    Silence {
        id: "s1".to_owned(),
        author: "ada".to_owned(),
        comment: "upgrade".to_owned(),
        starts,
        ends,
        until: "2026-01-01T00:00:00Z".to_owned(),
        matchers: matchers.iter().map(|(name, value)| equal(name, value)).collect(),
    }
}

fn mask_with(run: &mut Run, silences: Vec<Silence>, settings: &MaskSettings) {
    let (masks, refused) = Masks::new(silences, settings);
    assert!(refused.is_empty(), "{refused:?}");
    run.engine.set_masks(Arc::new(masks), BootTime(0));
}

fn mask(run: &mut Run, matchers: &[(&str, &str)]) {
    mask_with(run, vec![silence(matchers, BootTime(0), END)], &MaskSettings::default());
}

fn etc_and_tmp() -> Specs {
    Specs {
        watches: vec![
            watch("etc", "/etc", Severity::High),
            watch("tmp", "/tmp", Severity::High),
        ],
        ..Specs::default()
    }
}

fn counts(run: &Run, rule: &str) -> (u64, u64) {
    let counters = run.engine.counters();
    let sum = |map: &std::collections::BTreeMap<AlertSeries, u64>| {
        map.iter()
            .filter(|(series, _)| &*series.rule == rule)
            .map(|(_, count)| count)
            .sum()
    };
    (sum(&counters.alerts), sum(&counters.alerts_masked))
}

fn active(run: &Run, rule: &str, now: BootTime) -> bool {
    run.engine
        .active(now)
        .any(|state| &*state.series.rule == rule && state.active)
}

fn after(time: BootTime, seconds: u64) -> BootTime {
    BootTime(time.0 + seconds * SECOND)
}

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
fn a_detail_masks_only_what_it_names() {
    let mut run = Run::new(etc_and_tmp());
    mask(&mut run, &[("rule", "etc"), ("path", "/etc/a"), ("process", "vi")]);
    let mut stream = shell();
    stream.fork(10, 11).exec(11, "/usr/bin/vi", &["vi"]);
    stream
        .file(11, FileOp::Write, "/etc/a")
        .file(11, FileOp::Write, "/etc/b")
        .file(10, FileOp::Write, "/etc/a");
    // Known in part only: nobody could have named it.
    stream.file_with(11, FileOp::Read, "/etc/a", |file| {
        file.path = Value::Partial("/etc/a".into());
    });
    let alerts = run.observe(&stream.take()).take();
    let own = alerts.iter().filter(|alert| alert.rule == "etc");
    let masked: Vec<_> = own.map(|alert| alert.masked.is_some()).collect();
    assert_eq!(masked, [true, false, false, false]);
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

#[test]
fn critical_and_protected_rules_stay_unmasked() {
    let specs = Specs {
        watches: vec![
            watch("etc", "/etc", Severity::Critical),
            watch("tmp", "/tmp", Severity::Low),
        ],
        ..Specs::default()
    };
    let all = || vec![silence(&[("alertname", "LapwingDetection")], BootTime(0), END)];
    let masked = |settings: &MaskSettings| {
        let mut run = Run::new(specs.clone());
        mask_with(&mut run, all(), settings);
        let mut stream = shell();
        stream
            .file(10, FileOp::Write, "/etc/a")
            .file(10, FileOp::Write, "/tmp/a");
        assert_eq!(run.engine.silences_hiding_critical(stream.now()), 1);
        let alerts = run.observe(&stream.take()).take();
        let own = alerts.iter().filter(|alert| !alert.rule.starts_with("score"));
        own.map(|alert| alert.masked.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(masked(&MaskSettings::default()), [false, true]);
    let listed = MaskSettings {
        maskable_critical: vec!["etc".to_owned()],
        never_mask: vec!["t*".to_owned()],
        ..MaskSettings::default()
    };
    assert_eq!(masked(&listed), [true, false]);
}

#[test]
fn rules_past_the_bound_are_silenced_by_their_ruleset() {
    let settings = MaskSettings {
        max_rules: 1,
        ..MaskSettings::default()
    };
    let masked = |name: &str| {
        let mut run = Run::new(etc_and_tmp());
        mask_with(&mut run, vec![silence(&[("rule", name)], BootTime(0), END)], &settings);
        let mut stream = shell();
        stream
            .file(10, FileOp::Write, "/etc/a")
            .file(10, FileOp::Write, "/tmp/a");
        run.observe(&stream.take());
        let alerts = run.take();
        alerts
            .iter()
            .filter(|alert| alert.masked.is_some())
            .map(|alert| alert.rule.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(masked("etc"), ["etc"]);
    assert_eq!(masked("test"), ["tmp"]);
    assert!(masked("tmp").is_empty());
}

#[test]
fn a_reload_keeps_the_silences() {
    let mut run = Run::new(etc_and_tmp());
    mask(&mut run, &[("rule", "new")]);
    let specs = Specs {
        watches: vec![watch("new", "/new", Severity::High)],
        ..Specs::default()
    };
    let rules = Arc::new(RuleSet::compile(&specs).expect("right"));
    run.engine.reload(rules, Settings::default());
    let mut stream = shell();
    stream.file(10, FileOp::Write, "/new/a");
    let alerts = run.observe(&stream.take()).take();
    assert!(alerts.iter().all(|alert| alert.masked.is_some()) && alerts.len() == 1);
}

#[test]
fn a_series_is_active_for_a_while_and_silences_are_asked_anew() {
    let mut run = Run::new(etc_and_tmp());
    let mut stream = shell();
    stream.wait(1.0).file(10, FileOp::Write, "/etc/a");
    run.observe(&stream.take());
    let now = stream.now();
    let zero_born = run
        .engine
        .active(now)
        .filter(|state| &*state.series.rule == "tmp")
        .collect::<Vec<_>>();
    assert_eq!(
        (zero_born.len(), zero_born[0].active, zero_born[0].last),
        (1, false, None)
    );
    assert!(active(&run, "etc", now) && active(&run, "etc", after(now, 298)));
    assert!(!active(&run, "etc", after(now, 301)));

    // Other details, then these.
    mask(&mut run, &[("rule", "etc"), ("path", "/etc/b")]);
    assert!(active(&run, "etc", now));
    mask_with(
        &mut run,
        vec![silence(
            &[("rule", "etc"), ("path", "/etc/a")],
            BootTime(0),
            after(now, 100),
        )],
        &MaskSettings::default(),
    );
    assert!(!active(&run, "etc", now) && !active(&run, "etc", after(now, 99)));
    // It ends while the match is still held.
    assert!(active(&run, "etc", after(now, 101)));
    // A match that was masked when it came is not held.
    stream.wait(50.0).file(10, FileOp::Write, "/etc/a");
    run.observe(&stream.take());
    assert!(!active(&run, "etc", after(now, 301)));
    let last = run
        .engine
        .active(now)
        .find(|state| &*state.series.rule == "etc")
        .and_then(|state| state.last);
    assert!(last.is_some_and(|last| last <= now));
}

#[test]
fn more_details_than_are_kept_stay_active_under_a_silence_on_details() {
    let mut run = Run::new(etc_and_tmp());
    let mut stream = shell();
    for number in 0..=MAX_DETAILS {
        stream.file(10, FileOp::Write, &format!("/etc/{number}"));
    }
    run.observe(&stream.take());
    let by_path = |number: usize| {
        silence(
            &[("rule", "etc"), ("path", &format!("/etc/{number}"))],
            BootTime(0),
            END,
        )
    };
    mask_with(
        &mut run,
        (0..=MAX_DETAILS).map(by_path).collect(),
        &MaskSettings::default(),
    );
    assert!(active(&run, "etc", stream.now()));
    mask(&mut run, &[("rule", "etc")]);
    assert!(!active(&run, "etc", stream.now()));
}

#[test]
fn a_state_of_an_earlier_run_is_taken_over() {
    let mut run = Run::new(etc_and_tmp());
    let series = AlertSeries {
        rule: Arc::from("etc"),
        severity: Severity::High,
        sensor: Sensor::File,
    };
    run.engine.restore_active(series, BootTime(5 * SECOND));
    assert!(active(&run, "etc", BootTime(6 * SECOND)) && !active(&run, "etc", BootTime(306 * SECOND)));
    mask(&mut run, &[("rule", "etc"), ("path", "/etc/a")]);
    assert!(active(&run, "etc", BootTime(6 * SECOND)), "its details are not known");
}

#[test]
fn a_silence_on_a_program_does_not_hide_the_score_that_others_added_to() {
    let mut specs = Specs {
        watches: vec![watch_points("forty", "/w", 40, AlertMode::Score)],
        ..Specs::default()
    };
    // Before the lineage's own, which would have told it already.
    specs.score.container_threshold = Some(80);
    let container = "0123456789abcdef".repeat(4);
    let masked = |name: &str, value: &str| {
        let mut run = Run::new(specs.clone());
        let mut stream = shell();
        stream.fork(10, 11).change(11, |process| {
            process.cgroup = Value::Known(format!("/docker/{container}").as_str().into());
        });
        stream.exec(11, "/usr/bin/vi", &["vi"]);
        let silences = ["score.lineage", "score.container"]
            .map(|rule| silence(&[("rule", rule), (name, value)], BootTime(0), END));
        mask_with(&mut run, silences.into(), &MaskSettings::default());
        for number in 0..3 {
            stream.file(11, FileOp::Write, &format!("/w/{number}"));
        }
        let alerts = run.observe(&stream.take()).take();
        alerts
            .into_iter()
            .map(|alert| (alert.rule, alert.masked.is_some()))
            .collect::<Vec<_>>()
    };
    let alerts = |container| {
        vec![
            ("score.container".to_owned(), container),
            ("score.lineage".to_owned(), false),
        ]
    };
    assert_eq!(masked("process", "vi"), alerts(false));
    // What is masked told nobody, so each further match tells again, folded by multiple.
    assert_eq!(masked("container", &container), alerts(true));
}

#[test]
fn a_silence_on_a_remote_address_masks_its_connections_only() {
    let mut common = common("connects");
    (common.points, common.when) = (Some(60), Some("proc.name = bash".to_owned()));
    let rule = NetworkRule {
        common,
        protocol: NetworkProtocol::Tcp,
        event: None,
        direction: RuleDirection::Both,
        severity: Severity::Medium,
        subjects: None,
        skip_paths: Vec::new(),
    };
    let specs = Specs {
        network: vec![rule],
        ..Specs::default()
    };
    let told = |rule: &str| {
        let mut run = Run::new(specs.clone());
        mask(&mut run, &[("rule", rule), ("remote", "203.0.113.9")]);
        let mut stream = shell();
        for peer in ["203.0.113.9:4444", "203.0.113.10:80"] {
            for change in [FlowChange::Opening, FlowChange::Established] {
                stream.flow(10, change, Direction::Outgoing, "10.0.0.1:40000", peer, |_| {});
            }
        }
        let alerts = run.observe(&stream.take()).take();
        alerts
            .into_iter()
            .map(|alert| (alert.rule, alert.masked.is_some()))
            .collect::<Vec<_>>()
    };
    let alert = |rule: &str, masked| (rule.to_owned(), masked);
    // The first adds no points, so the lineage does not reach its threshold.
    assert_eq!(told("connects"), [alert("connects", true), alert("connects", false)]);
    assert_eq!(
        told("other"),
        [
            alert("connects", false),
            alert("connects", false),
            alert("score.lineage", false)
        ]
    );
}
