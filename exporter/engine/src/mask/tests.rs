//! What is refused and why, and which alerts are masked by what is not.

use super::*;
use crate::{
    event::{Bytes, Sensor},
    spec::Severity,
};

fn matcher(text: &str) -> Matcher {
    let at = text.find(['=', '!']).expect("an operator");
    let (name, rest) = text.split_at(at);
    let (operator, value) = rest.split_at(if rest.starts_with("=~") || rest.starts_with('!') {
        2
    } else {
        1
    });
    Matcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: operator.ends_with('~'),
        is_equal: !operator.starts_with('!'),
    }
}

fn silence(id: &str, matchers: &[&str]) -> Silence {
    Silence {
        id: id.to_owned(),
        author: "ada".to_owned(),
        comment: "c".to_owned(),
        starts: BootTime(10),
        ends: BootTime(20),
        until: "2026-01-01T00:00:00Z".to_owned(),
        matchers: matchers.iter().map(|text| matcher(text)).collect(),
    }
}

fn settings() -> Settings {
    Settings {
        labels: BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]),
        ..Settings::default()
    }
}

fn refusal(matchers: &[&str]) -> Option<&'static str> {
    let (masks, refused) = Masks::new(vec![silence("s", matchers)], &settings());
    assert_eq!(masks.is_empty(), refused.len() == 1);
    refused.first().map(|refused| refused.reason)
}

/// Whether a silence with these matchers masks an alert {rule="etc", high, file} with these details.
fn masks(matchers: &[&str], details: &[(Detail, &str)]) -> bool {
    let (masks, refused) = Masks::new(vec![silence("s", matchers)], &settings());
    assert!(refused.is_empty(), "{matchers:?}: {refused:?}");
    let candidates = masks.candidates("etc", Severity::High, Sensor::File, BootTime(0));
    let details = Details::from_values(details.iter().map(|(detail, value)| (*detail, Bytes::from(*value))));
    masks.judge(&candidates, BootTime(15), || Some(details)).is_some()
}

#[test]
fn labels_are_those_of_the_alert_in_alertmanager() {
    let others = BTreeMap::from([
        ("cluster".to_owned(), "eu".to_owned()),
        ("rule".to_owned(), "not this one".to_owned()),
    ]);
    let labels: Vec<_> = labels("etc", Severity::Medium, Sensor::File, &others)
        .into_iter()
        .collect();
    assert_eq!(
        labels,
        [
            ("alertname", "LapwingDetection"),
            ("cluster", "eu"),
            ("lapwing_severity", "medium"),
            ("rule", "etc"),
            ("sensor", "file"),
            ("severity", "warning"),
        ]
    );
    let routed = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ]
    .map(alertmanager_severity);
    assert_eq!(routed, ["critical", "warning", "warning", "info", "info"]);
    assert_eq!(
        (rule_label(1, "r", "set", 2), rule_label(2, "r", "set", 2)),
        ("r", "set")
    );
}

#[test]
fn matchers_compare_as_alertmanager_does() {
    for (matchers, masked) in [
        (&["rule=etc"][..], true),
        (&["rule=et"], false),
        (&["rule=~e.c"], true),
        (&["rule=~e"], false),
        (&["rule=~a|etc"], true),
        (&["alertname=LapwingDetection", "rule!=etc"], false),
        (&["alertname=LapwingDetection", "rule!=tmp"], true),
        (&["alertname=LapwingDetection", "rule!~t.*"], true),
        (&["alertname=LapwingDetection", "rule!~e.*"], false),
        (
            &[
                "rule=etc",
                "severity=warning",
                "lapwing_severity=high",
                "sensor=file",
                "cluster=eu",
            ],
            true,
        ),
        (&["rule=etc", "severity=critical"], false),
        (&["rule=etc", "cluster=us"], false),
        (&["rule=etc", "cluster="], false),
        (&["rule=etc", "cluster!="], true),
        (&["rule=etc", "cluster=~.*"], true),
    ] {
        assert_eq!(masks(matchers, &[]), masked, "{matchers:?}");
    }
}

#[test]
fn details_must_be_known_and_match() {
    let details = [(Detail::Path, "/etc/passwd"), (Detail::Process, "vi")];
    for (matchers, masked) in [
        (&["rule=etc", "path=/etc/passwd"][..], true),
        (&["rule=etc", "path=/etc/shadow"], false),
        (&["rule=etc", "path=~/etc/.+", "process=vi"], true),
        (&["rule=etc", "path=~/etc/.+", "process=ed"], false),
        (&["rule=etc", "container=~.+"], false),
    ] {
        assert_eq!(masks(matchers, &details), masked, "{matchers:?}");
    }
    let not_text = Bytes::from(&b"\xff"[..]);
    assert_eq!(Details::from_values([(Detail::Path, not_text)]).get(Detail::Path), None);
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_reason() {
    for (matchers, reason) in [
        (&[][..], Some(INVALID)),
        (&["=x"], Some(INVALID)),
        (&["rule=etc", "instance=a:1"], Some(UNKNOWN_LABEL)),
        (&["rule=etc", "job!=x"], Some(UNKNOWN_LABEL)),
        (&["rule=etc", "\u{fc}mlaut=~.*"], Some(UNKNOWN_LABEL)),
        (&["rule=etc", "cluster=eu"], None),
        (&[r"rule=~\pL"], Some(REGEX)),
        (&[r"alertname=LapwingDetection", r"rule!~\Qa\E"], Some(REGEX)),
        (&["rule=etc", "path!=/x"], Some(DETAIL)),
        (&["rule=etc", "path!~/x"], Some(DETAIL)),
        (&["rule=etc", "path="], Some(DETAIL)),
        (&["rule=etc", "user=~.*"], Some(DETAIL)),
        (&["path=/x"], Some(NO_POSITIVE)),
        (&["cluster=eu"], Some(NO_POSITIVE)),
        (&["rule!=etc"], Some(ONLY_NEGATIVE)),
        (&["rule=~.*"], Some(ONLY_NEGATIVE)),
        (&["rule=", "alertname!=x"], Some(ONLY_NEGATIVE)),
        (&["instance!=a:1", "path!=/x"], Some(ONLY_NEGATIVE)),
        (&[r"rule!~\Qa\E"], Some(ONLY_NEGATIVE)),
        (&["cluster=eu", "rule!=etc"], Some(NO_POSITIVE)),
        (&["rule=~.+"], None),
    ] {
        assert_eq!(refusal(matchers), reason, "{matchers:?}");
    }
    for reason in [
        INVALID,
        TOO_MANY,
        UNKNOWN_LABEL,
        REGEX,
        DETAIL,
        ONLY_NEGATIVE,
        NO_POSITIVE,
    ] {
        assert!(REASONS.iter().any(|(known, _)| *known == reason));
    }
}

#[test]
fn a_label_that_is_given_wins_over_a_detail_of_the_same_name() {
    let settings = Settings {
        labels: BTreeMap::from([("container".to_owned(), "agent".to_owned())]),
        ..Settings::default()
    };
    let wanted = silence("s", &["rule=etc", "container!=other"]);
    let (masks, refused) = Masks::new(vec![wanted], &settings);
    assert!(refused.is_empty());
    let candidates = masks.candidates("etc", Severity::High, Sensor::File, BootTime(0));
    let details = Details::from_values([(Detail::Container, Bytes::from("other"))]);
    assert!(masks.judge(&candidates, BootTime(15), || Some(details)).is_some());
}

#[test]
fn a_silence_is_in_force_from_its_start_until_just_before_its_end() {
    let (masks, _) = Masks::new(vec![silence("s", &["rule=etc"])], &settings());
    let candidates = masks.candidates("etc", Severity::High, Sensor::File, BootTime(0));
    for (time, masked) in [(9, false), (10, true), (19, true), (20, false)] {
        let verdict = masks.judge(&candidates, BootTime(time), || None);
        assert_eq!(verdict.is_some(), masked, "{time}");
    }
    let state = |time| {
        let counts = masks.counts(BootTime(time));
        (counts.active, counts.pending)
    };
    assert_eq!((state(9), state(10), state(20)), ((0, 1), (1, 0), (0, 0)));
    assert!(
        masks
            .candidates("etc", Severity::High, Sensor::File, BootTime(20))
            .is_empty()
    );
}

#[test]
fn of_several_silences_the_one_that_ends_last_is_named() {
    let mut long = silence("long", &["rule=etc", "path=/x"]);
    long.ends = BootTime(30);
    let (masks, _) = Masks::new(vec![silence("short", &["rule=etc"]), long], &settings());
    let candidates = masks.candidates("etc", Severity::High, Sensor::File, BootTime(0));
    let named = |path: &str| {
        let details = Details::from_values([(Detail::Path, Bytes::from(path))]);
        masks
            .judge(&candidates, BootTime(15), || Some(details))
            .map(|view| view.silence.clone())
    };
    assert_eq!(named("/x").as_deref(), Some("long"));
    assert_eq!(named("/y").as_deref(), Some("short"));
}

#[test]
fn critical_alerts_are_masked_only_when_listed_and_some_rules_never() {
    let settings = Settings {
        maskable_critical: vec!["etc*".to_owned()],
        never_mask: vec!["etc-shadow".to_owned(), "score.*".to_owned()],
        ..Settings::default()
    };
    let (masks, _) = Masks::new(vec![silence("s", &["rule=~.+"])], &settings);
    for (rule, severity, may) in [
        ("etc", Severity::Critical, true),
        ("tmp", Severity::Critical, false),
        ("tmp", Severity::High, true),
        ("etc-shadow", Severity::Critical, false),
        ("etc-shadow", Severity::Info, false),
        ("score.host", Severity::High, false),
    ] {
        assert_eq!(masks.may_mask(rule, severity), may, "{rule} {severity:?}");
    }
    let broken = Settings {
        never_mask: vec!["[".to_owned()],
        ..Settings::default()
    };
    let (masks, _) = Masks::new(Vec::new(), &broken);
    assert!(
        !masks.may_mask("any", Severity::Info),
        "what is not understood protects"
    );
}

#[test]
fn too_many_silences_are_refused_and_the_first_are_judged() {
    let silences = (0..MAX_SILENCES + 2)
        .map(|number| silence(&number.to_string(), &["rule=etc"]))
        .collect();
    let (masks, refused) = Masks::new(silences, &settings());
    assert_eq!(masks.counts(BootTime(15)).active, MAX_SILENCES as u64);
    let refused: Vec<_> = refused
        .iter()
        .map(|refused| (&*refused.silence, refused.reason))
        .collect();
    assert_eq!(refused, [("2000", TOO_MANY), ("2001", TOO_MANY)]);
}
