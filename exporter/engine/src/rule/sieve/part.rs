//! The search in one text.

use std::borrow::Cow;

use aho_corasick::{
    AhoCorasick, Anchored, MatchKind,
    automaton::{Automaton, StateID},
    dfa, packed,
};

use crate::{
    field::{Context, Haystack, Scratch},
    net::http::Request,
    predicate::{Transform, transform},
};

/// Most bytes of needles for which there is a table by state and byte: it has a row for each of them.
const DENSE: usize = 2048;
/// Shorter texts are looked through byte by byte at once.
const SHORT: usize = 32;
/// Most fragments that are looked for side by side.
const MOST_FRAGMENTS: usize = 64;
/// Bytes of a fragment.
pub(super) const FRAGMENT: usize = 3;

/// A text, and what is looked for in it.
#[derive(Debug)]
pub(super) struct Part {
    pub haystack: Haystack,
    /// With the places of the checks that it is of.
    needles: Vec<(Vec<u8>, Vec<usize>)>,
    search: Search,
    /// They are also looked for in the decoded text.
    pub decoded: bool,
}

#[derive(Debug, Default)]
enum Search {
    /// Not prepared: everything may be there.
    #[default]
    None,
    /// The fragments are of the needles, one of each: where none of them is, no needle is.
    Dense {
        table: Box<dfa::DFA>,
        start: StateID,
        fragments: Option<packed::Searcher>,
    },
    Sparse(Box<AhoCorasick>),
}

impl Part {
    pub fn new(haystack: Haystack) -> Part {
        Part {
            haystack,
            needles: Vec::new(),
            search: Search::None,
            decoded: false,
        }
    }

    pub fn insert(&mut self, needle: Vec<u8>, place: usize) {
        match self.needles.iter_mut().find(|(known, _)| *known == needle) {
            Some((_, places)) => places.push(place),
            None => self.needles.push((needle, vec![place])),
        }
    }

    pub fn finish(&mut self) {
        let dense = self.needles().map(Vec::len).sum::<usize>() <= DENSE;
        self.search = match dense {
            true => dense_search(self.needles()),
            false => AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(self.needles())
                .ok()
                .map(|search| Search::Sparse(Box::new(search))),
        }
        .unwrap_or_default();
    }

    /// Marks the places of what is there; whether something is.
    pub fn look(&self, context: &Context<'_>, found: &mut [bool]) -> bool {
        let mut any = false;
        self.haystack.visit(context, |text| {
            any |= self.look_at(text, &mut |place| found[place] = true);
        });
        any
    }

    /// Whether something is there.
    pub fn is_there(&self, context: &Context<'_>) -> bool {
        let mut any = false;
        self.haystack
            .visit(context, |text| any |= self.look_at(text, &mut |_| {}));
        any
    }

    /// Whether something is in the request.
    pub fn is_in(&self, request: &Request, scratch: &mut Scratch) -> bool {
        let mut any = false;
        self.haystack
            .visit_request(request, scratch, |text| any |= self.look_at(text, &mut |_| {}));
        any
    }

    /// Whether something is in the payload.
    pub fn is_in_payload(&self, payload: &[u8]) -> bool {
        self.haystack == Haystack::Payload && self.look_at(payload, &mut |_| {})
    }

    /// The needles, as they are looked for.
    pub fn needles(&self) -> impl Iterator<Item = &Vec<u8>> + Clone {
        self.needles.iter().map(|(needle, _)| needle)
    }

    fn look_at(&self, text: &[u8], mark: &mut impl FnMut(usize)) -> bool {
        !text.is_empty() && self.look_at_plain(text, mark) | (self.decoded && self.look_at_decoded(text, mark))
    }

    fn look_at_decoded(&self, text: &[u8], mark: &mut impl FnMut(usize)) -> bool {
        // What is cut may end within an escape.
        if text.len() > transform::MAX_VALUE {
            return self.mark_all(mark);
        }
        match Transform::UrlDecode.apply(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(decoded) => self.look_at_plain(&decoded, mark),
        }
    }

    fn look_at_plain(&self, text: &[u8], mark_place: &mut impl FnMut(usize)) -> bool {
        let mut any = false;
        let mark = |number: usize| {
            any = true;
            let places = self.needles.get(number).into_iter().flat_map(|(_, places)| places);
            places.for_each(|place| mark_place(*place));
        };
        match &self.search {
            Search::None => return self.mark_all(mark_place),
            Search::Dense {
                table,
                start,
                fragments,
            } => {
                let quiet = |search: &packed::Searcher| text.len() >= SHORT && search.find(text).is_none();
                if !fragments.as_ref().is_some_and(quiet) {
                    walk(table, *start, text, mark);
                }
            }
            Search::Sparse(search) => search
                .find_overlapping_iter(text)
                .map(|found| found.pattern().as_usize())
                .for_each(mark),
        }
        any
    }

    fn mark_all(&self, mark: &mut impl FnMut(usize)) -> bool {
        let places = self.needles.iter().flat_map(|(_, places)| places);
        places.for_each(|place| mark(*place));
        true
    }
}

fn walk(table: &dfa::DFA, start: StateID, text: &[u8], mut mark: impl FnMut(usize)) {
    let mut state = start;
    for byte in text {
        state = table.next_state(Anchored::No, state, *byte);
        if table.is_special(state) && table.is_match(state) {
            (0..table.match_len(state)).for_each(|index| mark(table.match_pattern(state, index).as_usize()));
        }
    }
}

fn dense_search<'n>(needles: impl Iterator<Item = &'n Vec<u8>> + Clone) -> Option<Search> {
    let table = dfa::Builder::new()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .prefilter(false)
        .build(needles.clone())
        .ok()?;
    Some(Search::Dense {
        start: table.start_state(Anchored::No).ok()?,
        fragments: fragments(needles),
        table: Box::new(table),
    })
}

/// Of each needle a short part in every writing, if all of them together are few.
pub(super) fn fragments<'n>(needles: impl Iterator<Item = &'n Vec<u8>>) -> Option<packed::Searcher> {
    let mut all: Vec<Vec<u8>> = needles.flat_map(|needle| writings(rarest(needle))).collect();
    all.sort();
    all.dedup();
    if all.len() > MOST_FRAGMENTS {
        return None;
    }
    packed::Config::new()
        .match_kind(packed::MatchKind::LeftmostFirst)
        .builder()
        .extend(all)
        .build()
}

/// The part of a needle that is least in ordinary text.
fn rarest(needle: &[u8]) -> &[u8] {
    let mut windows = needle.windows(FRAGMENT.min(needle.len()));
    let first = windows.next().unwrap_or(needle);
    windows.fold(first, |best, window| {
        if commonness(window) < commonness(best) {
            window
        } else {
            best
        }
    })
}

/// Letters are common, and are written in two ways.
fn commonness(window: &[u8]) -> u32 {
    let one = |byte: &u8| match byte {
        b'a'..=b'z' => 4,
        b'0'..=b'9' | b'/' | b'.' | b'-' | b' ' | b'=' => 2,
        _ => 1,
    };
    window.iter().map(one).sum()
}

/// In lower and upper case, letter by letter.
fn writings(fragment: &[u8]) -> Vec<Vec<u8>> {
    fragment.iter().fold(vec![Vec::new()], |starts, byte| {
        let with = |byte: u8| starts.iter().map(move |start| [start.as_slice(), &[byte]].concat());
        match byte.is_ascii_lowercase() {
            true => with(*byte).chain(with(byte.to_ascii_uppercase())).collect(),
            false => with(*byte).collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(needles: &[String]) -> Part {
        let mut part = Part::new(Haystack::Body);
        for (place, needle) in needles.iter().enumerate() {
            part.insert(needle.as_bytes().to_vec(), place);
        }
        part.finish();
        part
    }

    fn found(part: &Part, text: &str) -> Vec<usize> {
        let mut found = vec![false; part.needles.len()];
        part.look_at(text.as_bytes(), &mut |place| found[place] = true);
        (0..found.len()).filter(|place| found[*place]).collect()
    }

    #[test]
    fn every_needle_is_found_in_any_case_wherever_it_is() {
        let few = ["${jndi:", "a", "%", "/../", "ndi", "xyz"].map(String::from).to_vec();
        let many: Vec<String> = (0..400).map(|number| format!("needle{number:04}x")).collect();
        for needles in [few, many] {
            let part = part(&needles);
            for (place, needle) in needles.iter().enumerate() {
                for before in [0, 1, 15, 16, 31, 32, 33, 200] {
                    let text = format!(
                        "{}{}{}",
                        "-".repeat(before),
                        needle.to_ascii_uppercase(),
                        "-".repeat(before / 2)
                    );
                    assert!(found(&part, &text).contains(&place), "{needle} in {text}");
                    let cut = format!("{}{}", "-".repeat(before), &needle[1..]);
                    let expected = needles.iter().any(|other| cut.contains(other.as_str()));
                    assert_eq!(!found(&part, &cut).is_empty(), expected, "{cut}");
                }
            }
        }
    }
}
