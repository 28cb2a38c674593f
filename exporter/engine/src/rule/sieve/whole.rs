//! One look at a whole request for everything that is looked for in requests: most have nothing of it, and no rule is asked about them.

use aho_corasick::packed;
use memchr::{memchr2, memmem};

use super::part::{FRAGMENT, Part, fragments};
use crate::{
    field::{Haystack, Scratch},
    net::http::Request,
};

/// Most needles that are too short for a search side by side with the others.
const MOST_SHORT: usize = 4;

/// The search in heads, which have in them nearly all that rules look at. What is looked for in one header only is apart: it is often much.
#[derive(Debug)]
pub(super) struct Whole {
    fragments: packed::Searcher,
    short: Vec<memmem::Finder<'static>>,
    /// Something is also looked for in decoded headers.
    decoded: bool,
}

impl Whole {
    /// None when too much is looked for, or nothing.
    pub fn new(parts: &[Part]) -> Option<Whole> {
        let heads = || parts.iter().filter(|part| lies_in_head(&part.haystack));
        let (long, short): (Vec<_>, Vec<_>) = heads()
            .flat_map(Part::needles)
            .partition(|needle| needle.len() >= FRAGMENT);
        let has_letters = |needle: &&Vec<u8>| needle.iter().any(u8::is_ascii_alphabetic);
        if short.len() > MOST_SHORT || short.iter().any(has_letters) {
            return None;
        }
        let short = short.into_iter().map(|needle| memmem::Finder::new(needle).into_owned());
        Some(Whole {
            fragments: fragments(long.into_iter())?,
            short: short.collect(),
            decoded: heads().any(|part| part.decoded && part.haystack == Haystack::Head),
        })
    }

    /// Whether nothing of any of these parts is in the request, which is certain.
    pub fn is_silent<'p>(
        &self,
        mut parts: impl Iterator<Item = &'p Part>,
        request: &Request,
        scratch: &mut Scratch,
    ) -> bool {
        let head = request.headers.text();
        let any = self.fragments.find(head).is_some() || self.short.iter().any(|needle| needle.find(head).is_some());
        parts.all(|part| {
            let is_out = match part.haystack {
                Haystack::Target => !any && !has_escapes(request.target()),
                Haystack::Head => !(any || self.decoded && has_escapes(head)),
                Haystack::Args => !request.may_have_args(),
                Haystack::Body => request.body.bytes.is_empty(),
                Haystack::Header(_) | Haystack::Host => false,
                Haystack::Payload => true,
            };
            is_out || !part.is_in(request, scratch)
        })
    }
}

/// Whether its values, as they were sent, are in the head.
fn lies_in_head(haystack: &Haystack) -> bool {
    matches!(haystack, Haystack::Target | Haystack::Head)
}

/// Decoding might change it.
fn has_escapes(text: &[u8]) -> bool {
    memchr2(b'%', b'+', text).is_some()
}
