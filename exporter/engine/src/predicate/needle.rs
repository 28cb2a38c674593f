//! What a check cannot hold without: bytes of which some must be in the text that its field's values lie in.

use super::{Check, Transform, check::Test};
use crate::field::Haystack;

/// More of them are not worth looking for.
const MOST: usize = 256;
/// What is longer is looked for by its beginning.
const LONGEST: usize = 32;

/// The check can only hold where one of the needles is in the haystack. ASCII letters are in lower case and stand for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needles {
    pub haystack: Haystack,
    pub needles: Vec<Vec<u8>>,
    /// They may also be in what [`Transform::UrlDecode`] makes of the haystack.
    pub decoded: bool,
}

impl Check {
    /// None when nothing of the kind can be said.
    pub(super) fn needles(&self) -> Option<Needles> {
        let haystack = self.field.haystack()?;
        let mut needles = self.test.needles()?;
        let decoded = self.is_decoded() && haystack != Haystack::Args;
        let mut transforms = self
            .transforms
            .iter()
            .filter(|transform| **transform != Transform::Lower);
        if decoded {
            transforms.next();
        }
        for transform in transforms {
            needles.extend(changed_by(*transform)?.iter().map(|needle| needle.to_vec()));
        }
        for needle in &mut needles {
            needle.make_ascii_lowercase();
            needle.truncate(LONGEST);
        }
        needles.sort();
        needles.dedup();
        let useful = needles.len() <= MOST && needles.iter().all(|needle| !needle.is_empty());
        useful.then_some(Needles {
            haystack,
            needles,
            decoded,
        })
    }

    /// Whether its values are decoded before anything else is done to them that counts. What is around a value in its haystack does not change
    /// what becomes of it: no hexadecimal digit stands there (but for arguments, which are put one behind the other).
    fn is_decoded(&self) -> bool {
        let mut transforms = self
            .transforms
            .iter()
            .filter(|transform| **transform != Transform::Lower);
        transforms.next() == Some(&Transform::UrlDecode)
    }
}

impl Test {
    /// Of these one is in every text for which it holds.
    fn needles(&self) -> Option<Vec<Vec<u8>>> {
        match self {
            Test::Equal(text) | Test::StartsWith(text) | Test::EndsWith(text) => Some(vec![text.to_vec()]),
            Test::In(set) => Some(set.0.iter().map(|text| text.to_vec()).collect()),
            Test::Contains(finder) => Some(vec![finder.needle().to_vec()]),
            Test::Regex(_, about) => about.literals.clone(),
            _ => None,
        }
    }
}

/// Where none of these is in a text, what the transformation makes of it is a part of it (letters in lower case). None: that cannot be said.
fn changed_by(transform: Transform) -> Option<&'static [&'static [u8]]> {
    match transform {
        // Upper case is looked for too.
        Transform::Lower => Some(&[]),
        Transform::UrlDecode => Some(&[b"%", b"+"]),
        Transform::HtmlDecode => Some(&[b"&"]),
        Transform::NormalizePath => Some(&[b".", b"\\", b"//"]),
        Transform::Base64Decode => None,
    }
}
