//! Finding the rules that an event could match, without evaluating the others.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    field::{Context, FieldRef, Read, Scalar},
    paths::PathMap,
    predicate::{Anchor, Anchored, Predicate},
};

/// Rules (numbers of the caller's) by the values that their predicates need.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Rules of which nothing of the kind can be said.
    always: Vec<u32>,
    /// One entry for each field: read once, looked up once, however many rules.
    fields: Vec<ByField>,
}

#[derive(Debug)]
struct ByField {
    field: FieldRef,
    equal: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
    below: PathMap<u32>,
}

impl Index {
    /// Enters a rule.
    pub fn insert(&mut self, rule: u32, when: Option<&Predicate>) {
        match when.and_then(Predicate::anchors) {
            None => self.always.push(rule),
            Some(anchors) => anchors.into_iter().for_each(|anchored| self.anchor(rule, anchored)),
        }
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.always.is_empty() && self.fields.is_empty()
    }

    /// Adds to `out` the rules that the event could match, in order.
    pub fn candidates(&self, context: &Context<'_>, out: &mut Vec<u32>) {
        out.extend_from_slice(&self.always);
        let certain = out.len();
        for by in &self.fields {
            by.field.any(context, |value| {
                by.candidates(value, out);
                false
            });
        }
        if out.len() > certain {
            out.sort_unstable();
            out.dedup();
        }
    }

    /// Whether a rule could match an event that the context's process did, of which nothing else is known.
    pub fn could_match(&self, process: &Context<'_>) -> bool {
        let mut could = |by: &ByField| {
            let mut found = Vec::new();
            // Nothing but a process' own fields can be read without the event.
            !matches!(by.field.field.read, Read::Of(..))
                || by.field.any(process, |value| {
                    by.candidates(value, &mut found);
                    !found.is_empty()
                })
        };
        !self.always.is_empty() || self.fields.iter().any(&mut could)
    }

    fn anchor(&mut self, rule: u32, anchored: Anchored) {
        let found = self.fields.iter().position(|by| by.field == anchored.field);
        let at = found.unwrap_or_else(|| {
            self.fields.push(ByField {
                field: anchored.field.clone(),
                equal: HashMap::default(),
                below: PathMap::default(),
            });
            self.fields.len() - 1
        });
        match anchored.anchor {
            Anchor::Equal(value) => self.fields[at].equal.entry(value).or_default().push(rule),
            Anchor::Below(path) => self.fields[at].below.insert(&path, rule),
        }
    }
}

impl ByField {
    fn candidates(&self, value: Scalar<'_>, out: &mut Vec<u32>) {
        let Scalar::Text(text) = value else { return };
        if let Some(rules) = self.equal.get(text) {
            out.extend_from_slice(rules);
        }
        if !self.below.is_empty() {
            self.below.visit(text, |rule, _| {
                out.push(*rule);
                false
            });
        }
    }
}
