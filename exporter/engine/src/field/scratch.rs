//! Room for values that have to be put together (a command line), kept from event to event.

use super::{Field, Proc};
use crate::{
    event::ProcessKey,
    net::http::{Request, decode_form_into},
};

/// A reusable buffer that remembers whose value it holds, so that rules that ask for the same command line have it put together once.
#[derive(Debug, Default)]
pub struct Scratch {
    buffer: Vec<u8>,
    holds: Option<(&'static str, ProcessKey, bool)>,
    /// The decoded values of a request's arguments, one behind the other, and where each ends.
    args: Vec<u8>,
    ends: Vec<usize>,
    has_args: bool,
}

/// What is larger is given back after the event: forms of this size are rare.
const KEPT: usize = 64 << 10;

impl Scratch {
    /// Forgets what it holds: another event may say otherwise of the same process.
    pub(crate) fn forget(&mut self) {
        self.holds = None;
        self.has_args = false;
    }

    /// The decoded values of the arguments of the event's request, decoded once for all rules that ask.
    pub(super) fn args(&mut self, request: &Request) -> impl Iterator<Item = &[u8]> {
        self.decode_args(request);
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.args.get(start..*end))
    }

    /// The same without what divides them.
    pub(super) fn all_args(&mut self, request: &Request) -> &[u8] {
        self.decode_args(request);
        &self.args
    }

    fn decode_args(&mut self, request: &Request) {
        if self.has_args {
            return;
        }
        self.has_args = true;
        self.args.clear();
        self.ends.clear();
        self.args.shrink_to(KEPT);
        self.ends.shrink_to(KEPT / size_of::<usize>());
        for (_, value) in request.pairs() {
            decode_form_into(value, &mut self.args);
            self.ends.push(self.args.len());
        }
    }

    /// The value of `field` of `proc`, put together by `compose` unless it is there already.
    pub(super) fn compose(
        &mut self,
        field: &Field,
        proc: Proc<'_>,
        compose: fn(Proc<'_>, &mut Vec<u8>) -> bool,
    ) -> Option<&[u8]> {
        let known = match self.holds {
            Some((name, key, known)) if key == proc.key && std::ptr::eq(name, field.name) => known,
            _ => {
                self.buffer.clear();
                let known = compose(proc, &mut self.buffer);
                self.holds = Some((field.name, proc.key, known));
                known
            }
        };
        known.then_some(self.buffer.as_slice())
    }
}
