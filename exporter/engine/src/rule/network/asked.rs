//! Which rules an event is worth asking.

use super::super::index::Index;
use crate::{field::Context, predicate::Predicate};

/// The rules that are asked of one kind of event in one direction.
#[derive(Debug, Default)]
pub(super) struct Asked {
    all: Index,
    /// Those that may match where nothing is in `parts` of the sieve.
    always: Index,
    parts: Vec<usize>,
}

impl Asked {
    /// Enters a rule, whose checks know their places in the sieve.
    pub fn insert(&mut self, rule: u32, when: Option<&Predicate>) {
        self.all.insert(rule, when);
        match when.and_then(Predicate::parts) {
            None => self.always.insert(rule, when),
            Some(parts) => self.parts.extend(parts),
        }
        self.parts.sort_unstable();
        self.parts.dedup();
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds to `out` the rules that the event could match, in order.
    pub fn candidates(&self, context: &Context<'_>, out: &mut Vec<u32>) {
        let quiet = !self.parts.is_empty() && context.is_quiet(&self.parts);
        let index = if quiet { &self.always } else { &self.all };
        index.candidates(context, out);
    }
}
