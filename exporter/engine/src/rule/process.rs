//! `[[process.rule]]`, compiled.

use super::{Condition, Finding, Found, RuleId, index::Index, moment::Moment, network::Held, skip::Skip};
use crate::{
    event::{Body, Bytes},
    field::Context,
    spec::{ProcessRule, ProcessRuleEvent, Severity},
};

/// One enabled rule.
#[derive(Debug)]
pub(super) struct Rule {
    id: RuleId,
    event: ProcessRuleEvent,
    severities: [Option<Severity>; Moment::ALL.len()],
    points: Option<u32>,
    condition: Condition,
    skip: Skip,
}

/// The enabled rules, by moment.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    by_moment: [Index; Moment::ALL.len()],
}

impl Rules {
    pub fn push(&mut self, id: RuleId, spec: &ProcessRule, condition: Condition, skip: Skip) {
        let severities = Moment::ALL.map(|moment| moment.severity(spec));
        let number = self.rules.len() as u32;
        for (index, severity) in self.by_moment.iter_mut().zip(severities) {
            if severity.is_some() {
                index.insert(number, condition.when.as_ref());
            }
        }
        self.rules.push(Rule {
            id,
            event: spec.event,
            severities,
            points: spec.common.points,
            condition,
            skip,
        });
    }

    /// Of each enabled rule, what it is about.
    pub fn specs(&self) -> impl Iterator<Item = (ProcessRuleEvent, RuleId)> {
        self.rules.iter().map(|rule| (rule.event, rule.id))
    }

    /// Whether some rule is about it.
    pub fn has(&self, moment: Moment) -> bool {
        !self.by_moment[moment as usize].is_empty()
    }

    pub fn evaluate(&self, context: &Context<'_>, moment: Moment, candidates: &mut Vec<u32>, found: &mut Found<'_>) {
        candidates.clear();
        self.by_moment[moment as usize].candidates(context, candidates);
        for rule in candidates.iter().map(|number| &self.rules[*number as usize]) {
            rule.evaluate(context, moment, found);
            found.lap(rule.id);
        }
    }
}

impl Rule {
    fn evaluate(&self, context: &Context<'_>, moment: Moment, found: &mut Found<'_>) {
        let Some(severity) = self.severities[moment as usize] else {
            return;
        };
        if !self.condition.holds(context) {
            return;
        }
        if may_be_skipped(context) && self.skip.process(context) {
            found.skipped.push(self.id);
            return;
        }
        found.findings.push(Finding {
            rule: self.id,
            severity,
            points: self.points.unwrap_or(severity.points()),
            result: moment.result(),
            event: moment.event_name(),
            object: object(context),
            held: Held::LINEAGE,
        });
    }
}

/// Credentials that changed without a call are an exploit's mark: whoever it is, nobody may.
fn may_be_skipped(context: &Context<'_>) -> bool {
    !matches!(&context.event.body, Body::Credentials(change) if !change.by_call)
}

/// The executable: the one that was refused, or that of the process.
fn object(context: &Context<'_>) -> Bytes {
    if let Body::ExecFailure(failure) = &context.event.body {
        return failure.filename.get().cloned().unwrap_or_default();
    }
    let snapshot = context.process().map(|proc| proc.snapshot);
    snapshot
        .map(|snapshot| snapshot.executable.get().unwrap_or(&snapshot.name).clone())
        .unwrap_or_default()
}
