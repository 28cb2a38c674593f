//! What a silence would do here, by the same code that judges alerts.

use std::collections::BTreeMap;

use lapwing_engine::{
    event::Sensor,
    mask::{ALERT_NAME, Detail, LAPWING_LABELS, Masks, Refused, Settings, rule_label},
    rule::RuleSet,
    spec::Severity,
};

use crate::{
    alertmanager::{Found, WireMatcher, masks},
    outputs::WallClock,
    pipeline::boot_now,
    recent::Recent,
};

/// A silence, judged.
#[derive(Debug)]
pub struct Judgement {
    /// Why the agent masks nothing by it.
    pub refused: Option<Refused>,
    /// How many of the recent alerts it would mask.
    pub matching: usize,
    /// Rules whose alerts it matches and may not mask, and why.
    pub protected: BTreeMap<String, &'static str>,
    /// Its detail labels: Alertmanager knows none of them and will not mute.
    pub details: Vec<&'static str>,
}

/// Judges a silence as if it were in force now.
pub fn judge(matchers: &[WireMatcher], settings: &Settings, rules: &RuleSet, recent: &[Recent]) -> Judgement {
    let silence = in_force(matchers);
    let (masks, mut refused) = masks(&[silence], &WallClock::now(), settings);
    let mut judgement = Judgement {
        refused: refused.pop(),
        matching: 0,
        protected: BTreeMap::new(),
        details: Vec::new(),
    };
    let named = |detail: &Detail| matchers.iter().any(|matcher| matcher.name == detail.name());
    judgement.details = Detail::ALL.into_iter().filter(named).map(Detail::name).collect();
    for alert in recent.iter().filter(|alert| matches(&masks, settings, rules, alert)) {
        match protection(&masks, &alert.rule, alert.severity) {
            Some(why) => drop(judgement.protected.insert(alert.rule.clone(), why)),
            None => judgement.matching += 1,
        }
    }
    judgement
}

/// Why alerts of a rule are never masked here, if they are not.
pub fn protection(masks: &Masks, rule: &str, severity: Severity) -> Option<&'static str> {
    match (masks.may_mask(rule, severity), masks.may_mask(rule, Severity::Info)) {
        (true, _) => None,
        (false, true) => Some("is critical and not listed in [alertmanager] maskable_critical"),
        (false, false) => Some("is listed in [alertmanager] never_mask"),
    }
}

fn matches(masks: &Masks, settings: &Settings, rules: &RuleSet, alert: &Recent) -> bool {
    let now = boot_now();
    let label = label(rules, settings, &alert.rule);
    let candidates = masks.candidates(label, alert.severity, alert.sensor, now);
    masks.judge(&candidates, now, || Some(alert.details())).is_some()
}

/// What the rule is called in the metric, and so in Alertmanager.
pub fn label<'a>(rules: &'a RuleSet, settings: &Settings, rule: &'a str) -> &'a str {
    let found = rules.rules().iter().enumerate().find(|(_, info)| info.id == rule);
    found.map_or(rule, |(index, info)| {
        rule_label(index, &info.id, &info.ruleset, settings.max_rules)
    })
}

/// Whether a silence may be meant for Lapwing: it names what only Lapwing has, or would mute any of its alerts.
pub fn concerns_lapwing(silence: &Found, settings: &Settings) -> bool {
    let named = |name: &str| silence.matchers.iter().any(|matcher| matcher.name == name);
    if ["rule", "sensor", "lapwing_severity"].into_iter().any(named)
        || Detail::ALL.iter().any(|detail| named(detail.name()))
    {
        return true;
    }
    if silence.matchers.iter().all(|matcher| !matcher.is_equal) {
        return true;
    }
    let others: Vec<WireMatcher> = silence
        .matchers
        .iter()
        .filter(|matcher| LAPWING_LABELS.contains(&&*matcher.name))
        .cloned()
        .collect();
    let (masks, _) = masks(&[in_force(&others)], &WallClock::now(), settings);
    let sensors = [Sensor::Process, Sensor::File, Sensor::Network];
    let severities = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    sensors.into_iter().any(|sensor| {
        severities
            .into_iter()
            .any(|severity| !masks.candidates("", severity, sensor, boot_now()).is_empty())
    })
}

fn in_force(matchers: &[WireMatcher]) -> Found {
    Found {
        id: "new".into(),
        author: String::new(),
        comment: String::new(),
        starts: 0,
        ends: i64::MAX,
        matchers: matchers.to_vec(),
    }
}

/// The matcher that keeps a silence among Lapwing's alerts.
pub fn of_lapwing() -> WireMatcher {
    equal("alertname", ALERT_NAME)
}

/// An equality: no character in its value means anything but itself.
pub fn equal(name: &str, value: &str) -> WireMatcher {
    WireMatcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: false,
        is_equal: true,
    }
}
