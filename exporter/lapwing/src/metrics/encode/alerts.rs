//! Alerts, rules, scores, silences.

use std::{collections::BTreeMap, fmt::Error};

use super::{Scrape, labels::RuleLabels};
use crate::metrics::{
    contract as c,
    page::Page,
    snapshot::{AlertCount, AlertRef, RuleCount},
};

/// Alerts of one label set: of one rule, or of all rules of a ruleset past the bound.
#[derive(Default)]
struct Sum<'a> {
    count: u64,
    masked: u64,
    active: bool,
    last: f64,
    exemplar: Option<&'a AlertRef>,
}

impl<'a> Sum<'a> {
    fn add(&mut self, alerts: &'a AlertCount) {
        self.count += alerts.count;
        self.masked += alerts.masked;
        self.active |= alerts.active;
        self.last = self.last.max(alerts.last);
        let at = |exemplar: Option<&AlertRef>| exemplar.map(|exemplar| exemplar.at);
        if at(alerts.exemplar.as_ref()) > at(self.exemplar) {
            self.exemplar = alerts.exemplar.as_ref();
        }
    }
}

impl Scrape {
    pub(super) fn alerts(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        let labels = RuleLabels::new(&s.rules, self.published.max_rules);
        let mut sums: BTreeMap<[&str; 3], Sum> = BTreeMap::new();
        for alerts in &s.alerts {
            let series = [labels.of(&alerts.rule), alerts.severity.name(), alerts.sensor.name()];
            sums.entry(series).or_default().add(alerts);
        }
        let each = || sums.iter().map(|(series, sum)| (*series, sum));
        let exemplar = |sum: &Sum<'_>| sum.exemplar.filter(|_| self.exemplars).cloned();
        let exemplars: Vec<_> = each().map(|(_, sum)| exemplar(sum)).collect();
        let counts = each()
            .zip(&exemplars)
            .map(|((l, sum), last)| (l, sum.count, last.as_ref()));
        page.counters_of_alerts(&c::ALERTS, counts)?;
        page.counters(&c::ALERTS_MASKED, each().map(|(l, sum)| (l, sum.masked)))?;
        page.gauges(&c::ALERTS_ACTIVE, each().map(|(l, sum)| (l, u64::from(sum.active))))?;
        page.gauges(&c::ALERT_LAST_TIMESTAMP, each().map(|(l, sum)| (l, sum.last)))?;
        page.counter(&c::ALERTS_FOLDED, s.folded)?;
        let latencies = self.outputs.iter().map(|output| ([output.name], &output.latency));
        page.histograms(&c::ALERT_LATENCY, latencies)
    }

    pub(super) fn rules(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot;
        let labels = RuleLabels::new(&s.rules, self.published.max_rules);
        let by_rule = |value: fn(&RuleCount) -> u64| {
            let mut sums = BTreeMap::new();
            for rule in &s.rules {
                *sums.entry([labels.of(&rule.id)]).or_insert(0) += value(rule);
            }
            sums
        };
        page.counters(&c::RULE_MATCHES, by_rule(|r| r.matches))?;
        page.counters(&c::RULE_SKIPPED, by_rule(|r| r.skipped))?;
        page.counters(&c::RULE_MASKED, by_rule(|r| r.masked))?;
        let costs = self.published.costs.iter();
        page.counters(
            &c::RULE_EVALUATION,
            costs.map(|(rule, nanoseconds)| ([&**rule], *nanoseconds as f64 / 1e9)),
        )?;
        page.gauge(&c::RULES, s.rules.len() as u64)?;
        let hash = self.config.info.as_ref().map_or("", |info| &info.rules_hash);
        page.info(&c::RULES_HASH, [hash])?;
        page.gauges(
            &c::SCORE_MAX,
            s.scores.iter().map(|score| ([score.subject_kind], score.points)),
        )
    }

    pub(super) fn silences(&self, page: &mut Page) -> Result<(), Error> {
        let s = &self.published.snapshot.silences;
        page.gauge(&c::ALERTMANAGERS, s.peers)?;
        let refused: u64 = s.refused.iter().map(|(_, count)| count).sum();
        let states = [("active", s.active), ("pending", s.pending), ("refused", refused)];
        page.gauges(&c::SILENCES, states.map(|(state, count)| ([state], count)))?;
        page.gauges(
            &c::SILENCES_REFUSED,
            s.refused.iter().map(|(reason, count)| ([*reason], *count)),
        )?;
        page.gauge(&c::SILENCES_CRITICAL, s.hiding_critical)?;
        let polls = [("success", s.polls), ("failure", s.poll_failures)];
        page.counters(&c::SILENCE_POLLS, polls.map(|(result, count)| ([result], count)))?;
        page.gauge(&c::SILENCE_POLL_TIMESTAMP, s.last_poll)?;
        page.gauge(&c::SILENCE_POLL_SECONDS, s.poll_seconds)
    }
}
