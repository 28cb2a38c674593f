//! What a silence reaches, and what it does not.

use super::*;

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
