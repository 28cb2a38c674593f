//! One look at a text for all checks that could find something in it.
//!
//! A check that looks for bytes ([`Needles`]) is false where none of them is in the text that its values lie in. Most events have none of
//! any check's: then each text is looked through once, and the values are not looked at.

mod part;
mod whole;

use crate::{
    field::{Context, Scratch},
    net::http::Request,
    predicate::{Needles, Place},
};

use part::Part;
use whole::Whole;

/// What all checks look for.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    parts: Vec<Part>,
    places: usize,
    whole: Option<Whole>,
}

/// What was found in the texts of an event. Kept for its room.
#[derive(Debug)]
pub(crate) struct Sifted {
    /// By part: whether something is there, once it was looked through.
    looked: Vec<Option<bool>>,
    /// By place: something of it is there.
    found: Vec<bool>,
    is_clean: bool,
}

impl Default for Sifted {
    fn default() -> Self {
        Sifted {
            looked: Vec::new(),
            found: Vec::new(),
            is_clean: true,
        }
    }
}

impl Sieve {
    /// Enters a check.
    pub fn insert(&mut self, needles: Needles) -> Place {
        let known = self.parts.iter().position(|part| part.haystack == needles.haystack);
        let part = known.unwrap_or_else(|| {
            self.parts.push(Part::new(needles.haystack));
            self.parts.len() - 1
        });
        self.parts[part].decoded |= needles.decoded;
        let place = self.places;
        self.places += 1;
        for needle in needles.needles {
            self.parts[part].insert(needle, place);
        }
        Place { part, place }
    }

    /// Prepares the search; what is entered later is not looked for. Checks whose needles are too many for it are always evaluated.
    pub fn finish(&mut self) {
        self.parts.iter_mut().for_each(Part::finish);
        self.whole = Whole::new(&self.parts);
    }

    /// Whether all checks of these parts are certainly false for the request.
    pub fn is_silent(&self, parts: &[usize], request: &Request, scratch: &mut Scratch) -> bool {
        let known = parts.iter().filter_map(|part| self.parts.get(*part));
        let whole = self.whole.as_ref();
        whole.is_some_and(|whole| whole.is_silent(known, request, scratch))
    }

    /// Whether something of these parts is in the payload.
    pub fn finds(&self, parts: &[usize], payload: &[u8]) -> bool {
        let mut parts = parts.iter().map(|part| self.parts.get(*part));
        parts.any(|part| part.is_none_or(|part| part.is_in_payload(payload)))
    }

    /// Whether the check there is certainly false.
    pub fn rules_out(&self, place: Place, context: &Context<'_>, sifted: &mut Sifted) -> bool {
        self.look(place.part, context, sifted);
        !sifted.found.get(place.place).is_none_or(|found| *found)
    }

    /// Whether all checks of these parts are certainly false.
    pub fn is_quiet(&self, parts: &[usize], context: &Context<'_>) -> bool {
        let mut parts = parts.iter().map(|part| self.parts.get(*part));
        parts.all(|part| part.is_some_and(|part| !part.is_there(context)))
    }

    fn prepare(&self, sifted: &mut Sifted) {
        sifted.looked.resize(self.parts.len(), None);
        sifted.found.resize(self.places, false);
        sifted.is_clean = false;
    }

    /// Whether there is something in the text.
    fn look(&self, part: usize, context: &Context<'_>, sifted: &mut Sifted) -> bool {
        if let Some(Some(any)) = sifted.looked.get(part) {
            return *any;
        }
        let Some(search) = self.parts.get(part) else {
            return true;
        };
        if sifted.is_clean {
            self.prepare(sifted);
        }
        let any = search.look(context, &mut sifted.found);
        sifted.looked[part] = Some(any);
        any
    }
}

impl Sifted {
    /// For the next event.
    pub fn clear(&mut self) {
        if !self.is_clean {
            self.looked.clear();
            self.found.clear();
            self.is_clean = true;
        }
    }
}
