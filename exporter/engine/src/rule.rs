//! Rules, compiled: from [`Specs`] to what matches events.
//!
//! Rules are found, not searched: by the kind of event (and, for files, by the watches that the kernel hit or the path), then by the
//! values that their predicates cannot do without (`rule/index.rs`). What rules look for in the bytes of connections is looked for once, for all of
//! them (`rule/sieve.rs`). Only what is left is evaluated.

mod compile;
mod exclude;
mod index;
mod message;
mod meter;
mod moment;
mod network;
mod process;
mod sieve;
mod skip;
mod types;
mod watch;

use std::collections::HashMap;

use crate::{
    event::{Body, Event},
    field::{Context, Field},
    interest::Interest,
    predicate::{Needles, Place, Predicate},
    process::Table,
    spec::{ProcessRuleEvent, Specs},
};

use message::Template;
use meter::Meter;
use moment::Moment;
use watch::Watches;

pub use network::{Held, Needs, Readers, Wants};
pub(crate) use sieve::{Sieve, Sifted};
pub use types::{Finding, Matches, RuleError, RuleId, RuleInfo};

/// Compiled rules. Immutable; share it by `Arc`.
#[derive(Debug, Default)]
pub struct RuleSet {
    infos: Vec<RuleInfo>,
    messages: Vec<Option<Template>>,
    ids: HashMap<String, RuleId>,
    process: process::Rules,
    watches: Watches,
    network: network::Rules,
}

/// `when` and `except`.
#[derive(Debug, Clone, Default)]
struct Condition {
    when: Option<Predicate>,
    except: Option<Predicate>,
}

impl Condition {
    fn holds(&self, context: &Context<'_>) -> bool {
        self.when.as_ref().is_none_or(|when| when.matches(context))
            && !self.except.as_ref().is_some_and(|except| except.matches(context))
    }
}

impl Condition {
    /// Enters the checks in a sieve.
    fn sift(&mut self, insert: &mut dyn FnMut(Needles) -> Place) {
        for predicate in [&mut self.when, &mut self.except].into_iter().flatten() {
            predicate.sift(insert);
        }
    }

    /// The fields that it reads.
    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        [&self.when, &self.except]
            .into_iter()
            .flatten()
            .flat_map(Predicate::fields)
    }
}

impl RuleSet {
    /// Compiles everything.
    ///
    /// # Errors
    /// Everything that is wrong, each with its rule and key.
    pub fn compile(specs: &Specs) -> Result<RuleSet, Vec<RuleError>> {
        compile::compile(specs)
    }

    /// The same rules, of which every check is evaluated that can be. For comparison: the matches are the same.
    pub fn without_sieve(mut self) -> RuleSet {
        self.network.unsift();
        self
    }

    /// What the sensors must deliver for the enabled rules.
    pub fn interest(&self, generation: u32) -> Interest {
        let enabled = |wanted: fn(ProcessRuleEvent) -> bool| self.process.specs().any(|(event, _)| wanted(event));
        Interest {
            generation,
            process: enabled(|_| true),
            exec_failures: self.process.has(Moment::ExecFailure),
            credentials: enabled(|event| event == ProcessRuleEvent::RootEscalation),
            watches: self.watches.points(),
            network: self.network.interest(),
        }
    }

    /// What of the connections' bytes the enabled rules read.
    pub fn needs(&self) -> Needs {
        self.network.needs()
    }

    /// All rules, disabled ones too; a [`RuleId`] is the index.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// What is known of a rule.
    pub fn rule(&self, id: RuleId) -> Option<&RuleInfo> {
        self.infos.get(id.index())
    }

    /// The rule of that id.
    pub fn find(&self, id: &str) -> Option<RuleId> {
        self.ids.get(id).copied()
    }

    /// Matches an event, of which `table` must know already, against all rules; `out` is cleared first.
    pub fn evaluate(&self, event: &Event, table: &Table, out: &mut Matches) {
        out.clear();
        let Matches {
            findings,
            skipped,
            laps,
            candidates,
            scratch,
            sifted,
            meter,
        } = out;
        let context = Context::new(event, table, scratch);
        let timing = meter.as_mut().and_then(|meter| meter.start().then_some((meter, laps)));
        let mut found = Found {
            findings,
            skipped,
            timing,
        };
        match &event.body {
            Body::File(file) => self.watches.evaluate(&context, file, candidates, &mut found),
            Body::Flow(_) => self.network.evaluate(&context, candidates, &mut found),
            Body::Traffic(_) => {
                let context = context.sieved(self.network.sieve(), sifted);
                self.network.evaluate(&context, candidates, &mut found);
            }
            body => moment::of(body).for_each(|moment| self.process.evaluate(&context, moment, candidates, &mut found)),
        }
    }

    /// What of connections is worth an event: see [`Wants`].
    pub(crate) fn wants<'a>(&'a self, table: &'a Table, matches: &'a mut Matches, revision: u64) -> Wants<'a> {
        Wants::new(&self.network, table, &mut matches.scratch, revision)
    }

    /// The sentence of an alert: the rule's message with its fields filled in, or one made from the event.
    pub fn message(&self, finding: &Finding, event: &Event, table: &Table) -> String {
        let mut scratch = crate::field::Scratch::default();
        let context = Context::new(event, table, &mut scratch);
        match self.messages.get(finding.rule.index()) {
            Some(Some(template)) => template.render(&context),
            _ => message::default(finding, &context),
        }
    }
}

/// Where matches go.
struct Found<'a> {
    findings: &'a mut Vec<Finding>,
    skipped: &'a mut Vec<RuleId>,
    /// For an event that is timed.
    timing: Option<(&'a mut Meter, &'a mut Vec<(RuleId, u64)>)>,
}

impl Found<'_> {
    /// The rule was evaluated.
    fn lap(&mut self, rule: RuleId) {
        if let Some((meter, laps)) = &mut self.timing {
            laps.push(meter.lap(rule));
        }
    }
}

#[cfg(test)]
mod tests;
