//! Predicates: the conditions of rules, in Falco's grammar over our field table.
//!
//! `proc.exepath pmatch ("/tmp", "/dev/shm") and not (user.uid = 0 or proc.aname = sshd)`
//!
//! | Operator | On | True when |
//! |---|---|---|
//! | `=` `!=` | all | the value is, or is not, this |
//! | `in (a, b)` | all | it is one of these |
//! | `exists` | all | there is a value |
//! | `<` `<=` `>` `>=` | numbers | written `42`, `-1`, `0x2a`, `0o755` |
//! | `startswith` `endswith` `contains` | text, paths | byte by byte |
//! | `icontains` | text, paths | the same, without regard to the case of ASCII letters |
//! | `glob` | text, paths | all of it matches: `*` any bytes, slashes too, `?` one, `[a-z]`, `[!a-z]` |
//! | `regex` | text, paths | it is found anywhere (anchor with `^` and `$`); on bytes, without Unicode classes |
//! | `pmatch (a, b)` | paths | it is one of these paths or below one, by component |
//! | `=` `!=` `in` | addresses | it is this address or in this network: `10.0.0.0/8`, `fd00::/8` |
//!
//! A value can be changed before it is compared, `url_decode(lower(http.args))`: see [`transform`].
//!
//! Values with spaces, quotes, parentheses, commas or comparison signs go in `"` or `'`, with `\\ \" \' \n \t \r \xNN`; flags are compared
//! with `true` and `false`. Precedence is `not`, `and`, `or`. A check on a missing value is false, also with `!=`; so `not (a = b)` is
//! true then. A check on a field that has several values is true if it is for any of them. A value that is known only in part is compared
//! by that part.
//! All checks are pure, so they are evaluated cheapest first.

mod anchor;
mod check;
mod glob;
mod lex;
mod literal;
mod needle;
mod parse;
pub mod transform;
mod value;

use crate::field::{Context, Field, Kinds, Scalar};

pub use anchor::{Anchor, Anchored};
pub use check::Check;
pub use glob::Glob;
pub(crate) use needle::Needles;
pub(crate) use parse::resolve;
pub use transform::Transform;

/// Longest text of a predicate.
pub const MAX_LENGTH: usize = 64 * 1024;
/// Deepest nesting of parentheses and `not`.
pub const MAX_DEPTH: usize = 64;

/// Where and why a predicate is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {message}; {help}")]
pub struct PredicateError {
    /// The byte of the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

/// A compiled predicate.
#[derive(Debug, Clone)]
pub struct Predicate {
    root: Node,
}

/// Of what a check looks for, in a sieve: the text, and its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub part: usize,
    pub place: usize,
}

#[derive(Debug, Clone)]
enum Node {
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    Check(Check),
}

impl Predicate {
    /// Compiles a text for a rule about events of `kinds`.
    ///
    /// # Errors
    /// The first thing in it that has no meaning for those events, with its place in the text.
    pub fn parse(text: &str, kinds: Kinds) -> Result<Predicate, PredicateError> {
        let mut root = parse::parse(text, kinds)?;
        root.order();
        Ok(Predicate { root })
    }

    /// The fields that it reads.
    pub fn fields(&self) -> Vec<&'static Field> {
        let mut fields = Vec::new();
        self.root.fields(&mut fields);
        fields
    }

    /// Lets every check that looks for bytes know its place in a sieve, which `insert` gives.
    pub(crate) fn sift(&mut self, insert: &mut dyn FnMut(Needles) -> Place) {
        self.root.sift(insert);
    }

    /// The parts of the sieve in one of which something must be wherever it is true; None when it may be true without.
    pub(crate) fn parts(&self) -> Option<Vec<usize>> {
        let mut parts = Vec::new();
        self.root.needs(&mut parts).then_some(parts)
    }

    /// Whether it is true.
    pub fn matches(&self, context: &Context<'_>) -> bool {
        self.root.matches(context)
    }

    /// Whether it might be true where the field `name` has this one value. False is certain.
    pub fn might_match(&self, name: &str, value: Scalar<'_>) -> bool {
        self.root.might_match(name, value)
    }
}

impl Node {
    fn matches(&self, context: &Context<'_>) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().all(|node| node.matches(context)),
            Node::Or(nodes) => nodes.iter().any(|node| node.matches(context)),
            Node::Not(node) => !node.matches(context),
            Node::Check(check) => check.matches(context),
        }
    }

    fn might_match(&self, name: &str, value: Scalar<'_>) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().all(|node| node.might_match(name, value)),
            Node::Or(nodes) => nodes.iter().any(|node| node.might_match(name, value)),
            Node::Not(_) => true,
            Node::Check(check) => check.field.field.name != name || check.might_match(value),
        }
    }

    fn sift(&mut self, insert: &mut dyn FnMut(Needles) -> Place) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter_mut().for_each(|node| node.sift(insert)),
            Node::Not(node) => node.sift(insert),
            Node::Check(check) => check.place = check.needles().map(insert),
        }
    }

    /// Adds the parts of the sieve without which it is false; false when there are none.
    fn needs(&self, parts: &mut Vec<usize>) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().any(|node| {
                let before = parts.len();
                let needs = node.needs(parts);
                if !needs {
                    parts.truncate(before);
                }
                needs
            }),
            Node::Or(nodes) => nodes.iter().all(|node| node.needs(parts)),
            Node::Not(_) => false,
            Node::Check(check) => {
                parts.extend(check.place.map(|place| place.part));
                check.place.is_some()
            }
        }
    }

    fn fields(&self, out: &mut Vec<&'static Field>) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.fields(out)),
            Node::Not(node) => node.fields(out),
            Node::Check(check) => out.push(check.field.field),
        }
    }

    /// Puts cheap checks first, and says what the whole costs.
    fn order(&mut self) -> u32 {
        match self {
            Node::And(nodes) | Node::Or(nodes) => {
                let mut total = 0u32;
                let mut costed: Vec<(u32, Node)> = std::mem::take(nodes)
                    .into_vec()
                    .into_iter()
                    .map(|mut node| {
                        let cost = node.order();
                        total = total.saturating_add(cost);
                        (cost, node)
                    })
                    .collect();
                costed.sort_by_key(|(cost, _)| *cost);
                *nodes = costed.into_iter().map(|(_, node)| node).collect();
                total
            }
            Node::Not(node) => node.order(),
            Node::Check(check) => check.cost(),
        }
    }
}

#[cfg(test)]
mod tests;
