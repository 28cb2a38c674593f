//! One line for each rule.

use std::io::{self, Write};

use lapwing_engine::{
    rule::RuleInfo,
    spec::{AlertMode, Severity},
};
use serde_json::json;

use crate::config::Loaded;

/// Writes the table, or an array of objects.
pub(super) fn write(loaded: &Loaded, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let rules = loaded.rules.rules();
    if as_json {
        let list: Vec<serde_json::Value> = rules.iter().map(object).collect();
        serde_json::to_writer_pretty(&mut *out, &list)?;
        return writeln!(out);
    }
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0).max(2);
    writeln!(
        out,
        "{:width$}  SENSOR   SUCCESS   FAILURE   ALERT  STATE     RULESET",
        "ID"
    )?;
    for rule in rules {
        writeln!(
            out,
            "{:width$}  {:7}  {:8}  {:8}  {:5}  {:8}  {}",
            rule.id,
            rule.sensor.name(),
            severity(rule.success_severity),
            severity(rule.failure_severity),
            alert(rule.alert),
            if rule.enabled { "enabled" } else { "disabled" },
            rule.ruleset,
        )?;
    }
    Ok(())
}

fn object(rule: &RuleInfo) -> serde_json::Value {
    json!({
        "id": rule.id,
        "sensor": rule.sensor.name(),
        "success_severity": severity(rule.success_severity),
        "failure_severity": severity(rule.failure_severity),
        "points": rule.points,
        "alert": alert(rule.alert),
        "enabled": rule.enabled,
        "tags": rule.tags,
        "ruleset": rule.ruleset,
    })
}

pub(super) fn severity(severity: Option<Severity>) -> &'static str {
    severity.map_or("off", Severity::name)
}

pub(super) fn alert(mode: AlertMode) -> &'static str {
    match mode {
        AlertMode::Each => "each",
        AlertMode::Score => "score",
    }
}
