//! Which rules an event is worth asking.

use super::{super::index::Index, Readers};
use crate::{
    field::{Context, Scratch},
    net::http::Request,
    predicate::Predicate,
    rule::Sieve,
};

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

    /// Whether no rule can match the request.
    pub fn is_silent(&self, sieve: &Sieve, request: &Request, scratch: &mut Scratch) -> bool {
        self.always.is_empty() && (self.parts.is_empty() || sieve.is_silent(&self.parts, request, scratch))
    }

    /// Which rules could match an event that the context's process did, of which nothing else is known.
    pub fn readers(&self, process: &Context<'_>) -> Readers {
        match (self.all.could_match(process), self.always.could_match(process)) {
            (false, _) => Readers::None,
            (true, false) => Readers::Seekers,
            (true, true) => Readers::Any,
        }
    }

    /// Whether something of what rules look for is in the payload.
    pub fn finds(&self, sieve: &Sieve, payload: &[u8]) -> bool {
        sieve.finds(&self.parts, payload)
    }

    /// Adds to `out` the rules that the event could match, in order.
    pub fn candidates(&self, context: &Context<'_>, out: &mut Vec<u32>) {
        let quiet = !self.parts.is_empty() && context.is_quiet(&self.parts);
        let index = if quiet { &self.always } else { &self.all };
        index.candidates(context, out);
    }
}
