//! Room for values that have to be put together (a command line), kept from event to event.

use super::{Field, Proc};
use crate::event::ProcessKey;

/// A reusable buffer that remembers whose value it holds, so that rules that ask for the same command line have it put together once.
#[derive(Debug, Default)]
pub struct Scratch {
    buffer: Vec<u8>,
    holds: Option<(&'static str, ProcessKey, bool)>,
}

impl Scratch {
    /// Forgets what it holds: another event may say otherwise of the same process.
    pub(super) fn forget(&mut self) {
        self.holds = None;
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
