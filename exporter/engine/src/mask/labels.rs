//! The labels that an alert of Lapwing has in Alertmanager.

use std::collections::BTreeMap;

use crate::{event::Sensor, spec::Severity};

/// `alertname` of every Prometheus rule in alertmanager/ that is about detections.
pub const ALERT_NAME: &str = "LapwingDetection";

/// The labels that [`labels`] gives besides the ones from outside.
pub const LAPWING_LABELS: [&str; 5] = ["alertname", "rule", "sensor", "lapwing_severity", "severity"];

/// The label set of an alert in Alertmanager: Lapwing's own labels over `others` (`instance`, `job`, external labels).
///
/// `rule` is the metric's label: see [`rule_label`]. This is the only place that knows; a test compares it with alertmanager/*.yml.
pub fn labels<'a>(
    rule: &'a str,
    severity: Severity,
    sensor: Sensor,
    others: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, &'a str> {
    let own = [
        ("alertname", ALERT_NAME),
        ("rule", rule),
        ("sensor", sensor.name()),
        ("lapwing_severity", severity.name()),
        ("severity", alertmanager_severity(severity)),
    ];
    let others = others.iter().map(|(name, value)| (&**name, &**value));
    others.chain(own).collect()
}

/// The `severity` that routes in Alertmanager: most installations know these three.
pub fn alertmanager_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High | Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

/// The metric label `rule` of the rule at `index` of its rule set: its id, or its ruleset past `max_rules`.
pub fn rule_label<'a>(index: usize, id: &'a str, ruleset: &'a str, max_rules: usize) -> &'a str {
    if index < max_rules { id } else { ruleset }
}
