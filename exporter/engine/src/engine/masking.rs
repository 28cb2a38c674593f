//! Which silences could mask which series: worked out when silences or rules change, so that a match only looks at a short list.

use std::{collections::HashMap, sync::Arc};

use super::{AlertSeries, Counters};
use crate::{
    alert::MaskView,
    event::{BootTime, Sensor},
    mask::{Details, Masks, rule_label},
    rule::RuleSet,
    spec::Severity,
};

/// What the engine knows of silences.
#[derive(Debug, Default)]
pub(super) struct Masking {
    masks: Arc<Masks>,
    /// When they were set.
    since: BootTime,
    /// Every series that the rules can give; an empty list where nothing can mask it.
    candidates: HashMap<AlertSeries, Arc<[u32]>>,
    /// Silences whose labels match a series of critical alerts, whether or not those may be masked here: Alertmanager mutes them.
    critical: Vec<u32>,
}

impl Masking {
    pub(super) fn set(&mut self, masks: Arc<Masks>, now: BootTime, rules: &RuleSet, counters: &Counters) {
        (self.masks, self.since) = (masks, now);
        self.load(rules, counters);
    }

    /// The rules are others now.
    pub(super) fn load(&mut self, rules: &RuleSet, counters: &Counters) {
        self.candidates.clear();
        self.critical.clear();
        if self.masks.is_empty() {
            return;
        }
        // Rules past `max_rules` share their ruleset's label, and so one list.
        let mut known: HashMap<(&str, Severity, Sensor), Arc<[u32]>> = HashMap::new();
        for series in counters.alerts.keys() {
            let label = self.label(rules, series);
            let candidates = known
                .entry((label, series.severity, series.sensor))
                .or_insert_with(|| self.matching(label, series).into());
            if self.masks.may_mask(&series.rule, series.severity) {
                self.candidates.insert(series.clone(), candidates.clone());
            } else {
                self.candidates.insert(series.clone(), Arc::default());
            }
        }
        let critical = known
            .iter()
            .filter(|((_, severity, _), _)| *severity == Severity::Critical);
        self.critical = critical
            .flat_map(|(_, candidates)| candidates.iter().copied())
            .collect();
        self.critical.sort_unstable();
        self.critical.dedup();
    }

    pub(super) fn masks(&self) -> &Masks {
        &self.masks
    }

    /// The silence that masks an alert of this series at that time.
    pub(super) fn judge(
        &self,
        rules: &RuleSet,
        series: &AlertSeries,
        time: BootTime,
        details: impl FnOnce() -> Option<Details>,
    ) -> Option<MaskView> {
        if self.masks.is_empty() {
            return None;
        }
        let view = match self.candidates.get(series) {
            Some(candidates) => self.masks.judge(candidates, time, details),
            None if self.masks.may_mask(&series.rule, series.severity) => {
                let candidates = self.matching(self.label(rules, series), series);
                self.masks.judge(&candidates, time, details)
            }
            None => None,
        };
        view.cloned()
    }

    /// Silences in force whose labels match a series of critical alerts.
    pub(super) fn hiding_critical(&self, now: BootTime) -> u64 {
        self.masks.in_force(&self.critical, now)
    }

    /// What the metrics call the rule.
    fn label<'a>(&self, rules: &'a RuleSet, series: &'a AlertSeries) -> &'a str {
        let known = rules.find(&series.rule);
        known
            .and_then(|id| Some((id.index(), rules.rule(id)?)))
            .map_or(&*series.rule, |(index, info)| {
                rule_label(index, &info.id, &info.ruleset, self.masks.max_rules())
            })
    }

    fn matching(&self, label: &str, series: &AlertSeries) -> Vec<u32> {
        self.masks.candidates(label, series.severity, series.sensor, self.since)
    }
}
