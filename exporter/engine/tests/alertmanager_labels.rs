//! The labels that alerts have in Alertmanager are made by alertmanager/lapwing-detections.rules.yml and known by `mask::labels`: here they are compared.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::Path};

use lapwing_engine::{
    event::Sensor,
    mask::{ALERT_NAME, Detail, LAPWING_LABELS, REASONS, labels},
    spec::Severity,
};

/// The lines of the block that begins with the line `key:`, without their indentation.
fn block<'a>(rule: &'a str, key: &str) -> Vec<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = rule.lines().skip_while(|line| line.trim() != key);
    let depth = indent(lines.next().unwrap());
    lines.take_while(|line| indent(line) > depth).map(str::trim).collect()
}

#[test]
fn the_rules_of_prometheus_make_the_labels_that_the_agent_judges_by() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../alertmanager/lapwing-detections.rules.yml");
    let text = fs::read_to_string(file).unwrap();
    let alert = format!("- alert: {ALERT_NAME}\n");
    let rules: Vec<&str> = text.split(&alert).skip(1).collect();
    let mut severities: Vec<Severity> = Vec::new();
    for rule in rules {
        let expression = rule
            .lines()
            .map(str::trim)
            .find_map(|line| line.strip_prefix("expr: "))
            .unwrap();
        let name = expression.strip_prefix("lapwing_alerts_active{severity=\"").unwrap();
        let name = name.strip_suffix("\"} > 0").unwrap();
        let severity = [
            Severity::Info,
            Severity::Low,
            Severity::Medium,
            Severity::High,
            Severity::Critical,
        ]
        .into_iter()
        .find(|severity| severity.name() == name)
        .unwrap();
        severities.push(severity);
        // What the series has (but for instance and job), what the rule adds over it, and the alert's name.
        let mut there = BTreeMap::from([
            ("alertname", ALERT_NAME),
            ("rule", "etc"),
            ("sensor", "file"),
            ("severity", severity.name()),
        ]);
        there.extend(block(rule, "labels:").iter().map(|line| line.split_once(": ").unwrap()));
        assert_eq!(labels("etc", severity, Sensor::File, &BTreeMap::new()), there);
        assert!(there.keys().all(|name| LAPWING_LABELS.contains(name)));
    }
    severities.sort_unstable();
    severities.dedup();
    assert_eq!(severities.len(), 5, "a rule for each severity");
}

#[test]
fn the_documentation_has_every_label_and_every_reason() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/masking.md");
    let text = fs::read_to_string(file).unwrap();
    let details = Detail::ALL.map(Detail::name);
    let reasons = REASONS.map(|(name, _)| name);
    for name in LAPWING_LABELS.iter().chain(&details).chain(&reasons) {
        assert!(
            text.contains(&format!("\n| `{name}` |")),
            "{name} has no row in docs/masking.md"
        );
    }
}
