//! What the rules cost: the costliest have series of their own, the rest is one.
//!
//! A counter must never fall, also not when another rule takes its place among the costliest. So what a rule costs while it is named goes to its
//! own series, and everything else goes to [`OTHER`] and stays there. All series together, those included that are not shown any more, are the
//! total; one that comes back goes on where it was.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{encode::RuleLabels, snapshot::RuleCount};

/// Series besides [`OTHER`].
const NAMED: usize = 20;

/// The series of all rules that are not named.
const OTHER: &str = "other";

/// A rule must cost this much more than the cheapest named one to take its place: two that cost the same would change places all the time.
const CLEARLY: f64 = 1.25;

/// The state between two reports.
#[derive(Debug, Default)]
pub(super) struct Costs {
    rules: HashMap<Arc<str>, Cost>,
    other: u64,
}

#[derive(Debug, Default)]
struct Cost {
    /// Since the start.
    total: u64,
    /// While it was named.
    own: u64,
    named: bool,
}

impl Costs {
    /// Takes newer totals.
    pub fn update(&mut self, rules: &[RuleCount], max_rules: usize) {
        let labels = RuleLabels::new(rules, max_rules);
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for rule in rules {
            *totals.entry(labels.of(&rule.id)).or_default() += rule.evaluation;
        }
        let mut room = NAMED.saturating_sub(self.rules.values().filter(|cost| cost.named).count());
        for (rule, total) in &totals {
            if !self.rules.contains_key(*rule) {
                let named = room > 0;
                room -= usize::from(named);
                self.rules.insert(
                    Arc::from(*rule),
                    Cost {
                        named,
                        ..Cost::default()
                    },
                );
            }
            let Some(cost) = self.rules.get_mut(*rule) else {
                continue;
            };
            // Less than before: a reload moved rules under their ruleset or back, and what they had spent with them.
            let spent = total.saturating_sub(cost.total);
            cost.total = *total;
            match cost.named {
                true => cost.own += spent,
                false => self.other += spent,
            }
        }
        // What a reload took away is kept only where it must go on if it comes back.
        self.rules.retain(|rule, cost| {
            let present = totals.contains_key(&**rule);
            if !present {
                (cost.total, cost.named) = (0, false);
            }
            present || cost.own > 0
        });
        self.choose(&totals);
    }

    /// The series, [`OTHER`] the last.
    pub fn series(&self) -> Vec<(Arc<str>, u64)> {
        let mut series: Vec<_> = self
            .rules
            .iter()
            .filter(|(_, cost)| cost.named)
            .map(|(rule, cost)| (rule.clone(), cost.own))
            .collect();
        series.sort();
        series.push((Arc::from(OTHER), self.other));
        series
    }

    fn choose(&mut self, present: &BTreeMap<&str, u64>) {
        let mut by_cost: Vec<(Arc<str>, u64, bool)> = self
            .rules
            .iter()
            .filter(|(rule, _)| present.contains_key(&***rule))
            .map(|(rule, cost)| (rule.clone(), cost.total, cost.named))
            .collect();
        // Named ones count for a little more, and the order among equals is by name: deterministic.
        let weight = |total: u64, named: bool| (total as f64 * if named { CLEARLY } else { 1.0 }) as u64;
        by_cost.sort_by(|a, b| (Reverse(weight(a.1, a.2)), !a.2, &a.0).cmp(&(Reverse(weight(b.1, b.2)), !b.2, &b.0)));
        for (place, (rule, ..)) in by_cost.iter().enumerate() {
            if let Some(cost) = self.rules.get_mut(rule) {
                cost.named = place < NAMED;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(spent: impl IntoIterator<Item = u64>) -> Vec<RuleCount> {
        let rule = |(number, evaluation)| RuleCount {
            id: format!("rule-{number:03}").into(),
            ruleset: "default".into(),
            matches: 0,
            skipped: 0,
            masked: 0,
            evaluation,
        };
        spent.into_iter().enumerate().map(rule).collect()
    }

    fn value(costs: &Costs, rule: &str) -> Option<u64> {
        let series = costs.series();
        series.iter().find(|(id, _)| **id == *rule).map(|(_, value)| *value)
    }

    #[test]
    fn the_costliest_are_named_and_all_together_are_the_total() {
        let mut costs = Costs::default();
        costs.update(&rules([0; 100]), 300);
        costs.update(&rules((0..100).map(|n| n * 1000)), 300);
        let series = costs.series();
        assert_eq!(series.len(), NAMED + 1);
        assert!(series.iter().any(|(id, _)| **id == *"rule-099"), "{series:?}");
        assert!(!series.iter().any(|(id, _)| **id == *"rule-000"), "{series:?}");
        costs.update(&rules((0..100).map(|n| n * 1000 + 7)), 300);
        assert_eq!(value(&costs, "rule-099"), Some(7), "what came before is in other");
    }

    #[test]
    fn no_series_ever_falls_and_nothing_is_lost() {
        let mut costs = Costs::default();
        let (mut seen, mut spent) = (BTreeMap::new(), vec![0u64; 60]);
        let mut random = 7u64;
        for round in 0..500 {
            for total in &mut spent {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *total += (random >> 33) % 1000 * u64::from(random >> 60 == round % 16);
            }
            costs.update(&rules(spent.iter().copied()), 50);
            for (rule, value) in costs.series() {
                let before = seen.insert(rule.clone(), value).unwrap_or(0);
                assert!(value >= before, "{rule} fell from {before} to {value} in round {round}");
            }
            let own: u64 = costs.rules.values().map(|cost| cost.own).sum();
            assert_eq!(own + costs.other, spent.iter().sum::<u64>());
        }
        assert!(seen.contains_key("default"), "ten rules are past the bound: {seen:?}");
        assert!(seen.len() > NAMED + 1, "the membership changed: {}", seen.len());
    }

    #[test]
    fn a_rule_that_a_reload_takes_away_and_brings_back_goes_on() {
        let mut costs = Costs::default();
        costs.update(&rules([5, 6]), 300);
        costs.update(&rules([8]), 300);
        assert_eq!((value(&costs, "rule-000"), value(&costs, "rule-001")), (Some(8), None));
        // The engine counts it anew.
        costs.update(&rules([8, 2]), 300);
        costs.update(&rules([8, 5]), 300);
        assert_eq!(
            value(&costs, "rule-001"),
            Some(6 + 3),
            "2 came before it was named again"
        );
    }
}
