//! One check, compiled: a field and a test of its values.

use ipnet::IpNet;
use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::transform;
use super::{Glob, Place, Transform};
use crate::{
    field::{Context, FieldRef, Scalar},
    paths::PathMap,
};

/// A field and a test of its values.
#[derive(Debug, Clone)]
pub struct Check {
    pub(super) field: FieldRef,
    /// What is done to its values before, the first one first.
    pub(super) transforms: Box<[Transform]>,
    pub(super) test: Test,
    /// The values are parts of one text, and what is not found in that is in none of them.
    narrows: bool,
    /// Where a sieve says whether it can hold at all.
    pub(super) place: Option<Place>,
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    Exists,
    Equal(Box<[u8]>),
    NotEqual(Box<[u8]>),
    In(TextSet),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Contains(Box<Finder<'static>>),
    Glob(Glob),
    Regex(Box<Regex>, About),
    /// `paths` are those that `set` was made of.
    Below {
        set: PathMap<()>,
        paths: Vec<Box<[u8]>>,
    },
    Number(Compare, i64),
    /// Sorted.
    InNumbers(Box<[i64]>),
    /// In one of them, or (false) in none.
    Networks(Box<[IpNet]>, bool),
}

/// What is known of a regex.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// It asks for nothing but that it is found, wherever that is (no `^`, `$`, `\b`).
    pub anywhere: bool,
    /// Of these one, in any case, is in every match.
    pub literals: Option<Vec<Vec<u8>>>,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Texts sorted by length, then bytes: most look-ups end on a length.
#[derive(Debug, Clone)]
pub(super) struct TextSet(pub Box<[Box<[u8]>]>);

impl TextSet {
    pub fn new(texts: Vec<Vec<u8>>) -> TextSet {
        let mut texts: Vec<Box<[u8]>> = texts.into_iter().map(Into::into).collect();
        texts.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        texts.dedup();
        TextSet(texts.into())
    }

    fn contains(&self, text: &[u8]) -> bool {
        self.0
            .binary_search_by(|candidate| candidate.len().cmp(&text.len()).then_with(|| (**candidate).cmp(text)))
            .is_ok()
    }
}

impl Test {
    pub fn numbers(mut numbers: Vec<i64>) -> Test {
        numbers.sort_unstable();
        numbers.dedup();
        Test::InNumbers(numbers.into())
    }

    pub fn contains(needle: &[u8]) -> Test {
        Test::Contains(Box::new(Finder::new(needle).into_owned()))
    }

    fn holds(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) => self.holds_text(text),
            Scalar::Number(number) => self.holds_number(number),
            Scalar::Address(address) => match self {
                Test::Exists => true,
                Test::Networks(networks, wanted) => {
                    networks.iter().any(|network| network.contains(&address)) == *wanted
                }
                _ => false,
            },
        }
    }

    fn holds_text(&self, text: &[u8]) -> bool {
        match self {
            Test::Exists => true,
            Test::Equal(wanted) => **wanted == *text,
            Test::NotEqual(wanted) => **wanted != *text,
            Test::In(set) => set.contains(text),
            Test::StartsWith(start) => text.starts_with(start),
            Test::EndsWith(end) => text.ends_with(end),
            Test::Contains(finder) => finder.find(text).is_some(),
            Test::Glob(glob) => glob.matches(text),
            Test::Regex(regex, _) => regex.is_match(text),
            Test::Below { set, .. } => set.covers(text),
            Test::Number(..) | Test::InNumbers(_) | Test::Networks(..) => false,
        }
    }

    fn holds_number(&self, number: i64) -> bool {
        match self {
            Test::Exists => true,
            Test::Number(Compare::Equal, wanted) => number == *wanted,
            Test::Number(Compare::NotEqual, wanted) => number != *wanted,
            Test::Number(Compare::Less, bound) => number < *bound,
            Test::Number(Compare::LessOrEqual, bound) => number <= *bound,
            Test::Number(Compare::Greater, bound) => number > *bound,
            Test::Number(Compare::GreaterOrEqual, bound) => number >= *bound,
            Test::InNumbers(numbers) => numbers.binary_search(&number).is_ok(),
            _ => false,
        }
    }

    /// Whether it holds for every text of which a part holds.
    fn is_found_anywhere(&self) -> bool {
        match self {
            Test::Contains(_) => true,
            Test::Regex(_, about) => about.anywhere,
            _ => false,
        }
    }

    fn cost(&self) -> u32 {
        match self {
            Test::Exists | Test::Number(..) => 0,
            Test::Equal(_) | Test::NotEqual(_) | Test::StartsWith(_) | Test::EndsWith(_) | Test::InNumbers(_) => 1,
            Test::In(_) => 2,
            Test::Below { .. } | Test::Networks(..) => 4,
            Test::Contains(_) => 8,
            Test::Glob(_) => 15,
            Test::Regex(..) => 40,
        }
    }
}

impl Check {
    pub(super) fn new(field: FieldRef, transforms: Box<[Transform]>, test: Test) -> Check {
        Check {
            narrows: field.has_whole() && transforms.is_empty() && test.is_found_anywhere(),
            field,
            transforms,
            test,
            place: None,
        }
    }

    /// Whether it might hold where the field has this one value.
    pub(super) fn might_match(&self, value: Scalar<'_>) -> bool {
        !self.transforms.is_empty() || self.test.holds(value)
    }

    pub(super) fn matches(&self, context: &Context<'_>) -> bool {
        if self.place.is_some_and(|place| context.rules_out(place)) {
            return false;
        }
        if self.narrows && self.field.whole(context, |text| self.test.holds_text(text)) == Some(false) {
            return false;
        }
        self.field.any(context, |value| match value {
            Scalar::Text(text) if !self.transforms.is_empty() => {
                self.test.holds_text(&transform::all(&self.transforms, text))
            }
            value => self.test.holds(value),
        })
    }

    pub(super) fn cost(&self) -> u32 {
        let values = if self.field.field.is_multi() && self.field.selector.is_none() {
            8
        } else {
            1
        };
        self.field.cost() + values * (self.test.cost() + 30 * self.transforms.len() as u32)
    }
}
