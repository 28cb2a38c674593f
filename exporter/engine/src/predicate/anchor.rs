//! What a predicate cannot do without: the equalities and path prefixes by which rules are found without evaluating them all.

use super::{Node, Predicate, check::Test};
use crate::field::FieldRef;

/// Fields that cost more to read than this are not worth an index.
const MAX_FIELD_COST: u32 = 8;

/// A value that a field must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// Exactly this.
    Equal(Box<[u8]>),
    /// A path at or below this.
    Below(Box<[u8]>),
}

/// A field with an [`Anchor`].
#[derive(Debug, Clone, PartialEq)]
pub struct Anchored {
    /// The field.
    pub field: FieldRef,
    /// What it must be.
    pub anchor: Anchor,
}

impl Predicate {
    /// Of these at least one holds wherever the predicate does; None when nothing of the kind can be said.
    pub fn anchors(&self) -> Option<Vec<Anchored>> {
        self.root.anchors()
    }
}

impl Node {
    fn anchors(&self) -> Option<Vec<Anchored>> {
        match self {
            Node::And(nodes) => nodes
                .iter()
                .filter_map(Node::anchors)
                .min_by_key(|anchors| breadth(anchors)),
            Node::Or(nodes) => nodes
                .iter()
                .map(Node::anchors)
                .collect::<Option<Vec<_>>>()
                .map(|all| all.concat()),
            Node::Not(_) => None,
            // What an event says before a transformation is not what is compared.
            Node::Check(check) if check.field.cost() > MAX_FIELD_COST || !check.transforms.is_empty() => None,
            Node::Check(check) => {
                let anchored = |anchor| Anchored {
                    field: check.field.clone(),
                    anchor,
                };
                match &check.test {
                    Test::Equal(text) => Some(vec![anchored(Anchor::Equal(text.clone()))]),
                    Test::In(set) => Some(set.0.iter().map(|text| anchored(Anchor::Equal(text.clone()))).collect()),
                    Test::Below { paths, .. } => {
                        Some(paths.iter().map(|path| anchored(Anchor::Below(path.clone()))).collect())
                    }
                    _ => None,
                }
            }
        }
    }
}

/// How much the anchors let through: prefixes more than equalities, and the shorter the more.
fn breadth(anchors: &[Anchored]) -> usize {
    let one = |anchored: &Anchored| match &anchored.anchor {
        Anchor::Equal(_) => 1,
        Anchor::Below(path) => 10_000 / path.len().max(1),
    };
    anchors.iter().map(one).sum()
}
