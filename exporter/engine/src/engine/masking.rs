//! Which silences could mask which series: worked out when silences or rules change, so that a match only looks at a short list.

use std::{collections::HashMap, sync::Arc};

use super::{AlertSeries, Counters};
use crate::{
    alert::MaskView,
    event::BootTime,
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
    candidates: HashMap<AlertSeries, Box<[u32]>>,
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
        for series in counters.alerts.keys() {
            let matching = self.matching(rules, series);
            if series.severity == Severity::Critical {
                self.critical.extend(&matching);
            }
            let may = self.masks.may_mask(&series.rule, series.severity);
            self.candidates
                .insert(series.clone(), if may { matching.into() } else { Box::default() });
        }
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
                self.masks.judge(&self.matching(rules, series), time, details)
            }
            None => None,
        };
        view.cloned()
    }

    /// Silences in force whose labels match a series of critical alerts.
    pub(super) fn hiding_critical(&self, now: BootTime) -> u64 {
        self.masks.in_force(&self.critical, now)
    }

    fn matching(&self, rules: &RuleSet, series: &AlertSeries) -> Vec<u32> {
        let label = rules
            .find(&series.rule)
            .and_then(|id| Some((id.index(), rules.rule(id)?)))
            .map_or(&*series.rule, |(index, info)| {
                rule_label(index, &info.id, &info.ruleset, self.masks.max_rules())
            });
        self.masks.candidates(label, series.severity, series.sensor, self.since)
    }
}
