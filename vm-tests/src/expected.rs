//! What an alert must say, and how a difference is told.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Error, Result};

/// What an alert must say.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Id of the rule.
    pub rule: &'static str,
    /// process or file.
    pub sensor: &'static str,
    /// `file.create` and the like.
    pub event: &'static str,
    /// The errno with which the kernel refused; the result is then failure.
    pub errno: Option<&'static str>,
    /// A failure that the kernel did not refuse: the end of a program.
    pub failed: bool,
    /// Kernel-resolved executable of the process.
    pub executable: Option<String>,
    /// Path of the file.
    pub file: Option<String>,
    /// New name of a rename.
    pub target: Option<String>,
    /// Further fields, by JSON pointer.
    pub also: Vec<(&'static str, Value)>,
}

impl Expected {
    /// Each field that is not as it must be: "field: want .., got ..".
    pub fn differences(&self, alert: &Value) -> Vec<String> {
        let mut wanted: Vec<(&str, Value)> = vec![
            ("/rule", self.rule.into()),
            ("/sensor", self.sensor.into()),
            ("/event", self.event.into()),
            (
                "/result",
                if self.failed || self.errno.is_some() {
                    "failure"
                } else {
                    "success"
                }
                .into(),
            ),
            ("/errno", self.errno.map_or(Value::Null, Into::into)),
            ("/count", 1.into()),
        ];
        let optional = [
            ("/process/executable", &self.executable),
            ("/file/path", &self.file),
            ("/file/target", &self.target),
        ];
        wanted.extend(
            optional
                .into_iter()
                .filter_map(|(at, value)| Some((at, value.clone()?.into()))),
        );
        wanted.extend(self.also.iter().cloned());
        wanted
            .into_iter()
            .filter_map(|(at, want)| {
                let got = alert.pointer(at).cloned().unwrap_or(Value::Null);
                (got != want).then(|| format!("    {at}: want {want}, got {got}"))
            })
            .collect()
    }
}

/// Exactly the expected alerts, in any order.
pub fn check(expected: &[Expected], found: &[Value]) -> Result<()> {
    let mut left: BTreeSet<usize> = (0..found.len()).collect();
    let mut problems = Vec::new();
    for want in expected {
        let matching = left.iter().copied().find(|n| want.differences(&found[*n]).is_empty());
        if let Some(n) = matching {
            left.remove(&n);
            continue;
        }
        problems.push(format!("  missing: {} by {}", want.event, want.rule));
        if let Some(near) = left.iter().min_by_key(|n| want.differences(&found[**n]).len()) {
            problems.push(format!(
                "  the nearest differs in\n{}",
                want.differences(&found[*near]).join("\n")
            ));
        }
    }
    for n in left {
        problems.push(format!("  not expected, or not so: {}", brief(&found[n])));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error(problems.join("\n")))
    }
}

/// One line for each.
pub fn shown(alerts: &[Value]) -> String {
    alerts.iter().map(brief).collect::<Vec<_>>().join("\n")
}

/// One line for people.
pub fn brief(alert: &Value) -> String {
    let field = |at: &str| {
        alert
            .pointer(at)
            .filter(|value| !value.is_null())
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    [
        "/rule",
        "/event",
        "/result",
        "/errno",
        "/count",
        "/process/pid",
        "/process/executable",
        "/file/path",
        "/message",
    ]
    .map(field)
    .join(" ")
}

/// Names of the fields that alerts themselves call partial or missing.
pub fn partial_fields(alerts: &[Value]) -> BTreeSet<String> {
    alerts
        .iter()
        .flat_map(|alert| alert["partial"].as_array().into_iter().flatten())
        .filter_map(|field| field.as_str().map(str::to_owned))
        .collect()
}
