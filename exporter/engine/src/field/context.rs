//! What a field is read from.

use std::cell::{OnceCell, RefCell};

use super::Scratch;
use crate::{
    event::{
        Body, Direction, Endpoints, Event, FileEvent, FlowChange, FlowTotals, ProcessKey, ProcessSnapshot, Traffic,
    },
    predicate::Place,
    process::Table,
    rule::{Sieve, Sifted},
};

/// A process: which, and what it is.
#[derive(Debug, Clone, Copy)]
pub struct Proc<'a> {
    /// Which.
    pub key: ProcessKey,
    /// What it is.
    pub snapshot: &'a ProcessSnapshot,
}

/// What rules can ask of every connection.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// Who opened it.
    pub direction: Direction,
    /// Its ends, when known.
    pub endpoints: Option<&'a Endpoints>,
    /// What has passed so far, where it is known.
    pub totals: Option<&'a FlowTotals>,
    /// Whether it was read from a TLS library.
    pub tls: bool,
}

/// An event and what is known around it. Nothing is looked up before a field asks for it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The event.
    pub event: &'a Event,
    table: &'a Table,
    process: OnceCell<Option<Proc<'a>>>,
    pub(super) scratch: RefCell<&'a mut Scratch>,
    sieve: Option<(&'a Sieve, RefCell<&'a mut Sifted>)>,
}

impl<'a> Context<'a> {
    /// `table` must know of the event already.
    pub fn new(event: &'a Event, table: &'a Table, scratch: &'a mut Scratch) -> Context<'a> {
        scratch.forget();
        Context {
            event,
            table,
            process: OnceCell::new(),
            scratch: RefCell::new(scratch),
            sieve: None,
        }
    }

    /// The same for predicates whose checks are entered in the sieve. `sifted` is cleared.
    pub(crate) fn sieved(mut self, sieve: &'a Sieve, sifted: &'a mut Sifted) -> Context<'a> {
        sifted.clear();
        self.sieve = Some((sieve, RefCell::new(sifted)));
        self
    }

    /// Whether all checks of these parts of the sieve are certainly false.
    pub(crate) fn is_quiet(&self, parts: &[usize]) -> bool {
        let sieve = self.sieve.as_ref();
        sieve.is_some_and(|(sieve, _)| sieve.is_quiet(parts, self))
    }

    /// Whether the check at that place of the sieve is certainly false.
    pub(crate) fn rules_out(&self, place: Place) -> bool {
        let sieve = self.sieve.as_ref();
        sieve.is_some_and(|(sieve, sifted)| sieve.rules_out(place, self, &mut sifted.borrow_mut()))
    }

    /// The process that did it; for an exec as it is afterwards, for an exit the one that ended.
    pub fn process(&self) -> Option<Proc<'a>> {
        *self.process.get_or_init(|| {
            let key = self.event.header.process;
            // The table knows more than the event: the parent that made it, and what was known before.
            let known = self.table.get(&key).map(|process| &process.snapshot);
            let snapshot = known.or(match &self.event.body {
                Body::Exec(exec) => Some(&exec.snapshot),
                _ => None,
            });
            snapshot.map(|snapshot| Proc { key, snapshot })
        })
    }

    /// Its ancestors, nearest first, as far as they are known.
    pub fn ancestors(&self) -> impl Iterator<Item = Proc<'a>> {
        self.table.ancestors(&self.event.header.process).map(|process| Proc {
            key: process.key,
            snapshot: &process.snapshot,
        })
    }

    /// The file event, if it is one.
    pub fn file(&self) -> Option<&'a FileEvent> {
        match &self.event.body {
            Body::File(file) => Some(file),
            _ => None,
        }
    }

    /// The connection, if the event is about one.
    pub fn connection(&self) -> Option<Connection<'a>> {
        Some(match &self.event.body {
            Body::Flow(flow) => Connection {
                direction: flow.direction,
                endpoints: Some(&flow.endpoints),
                totals: flow.known_totals(),
                tls: false,
            },
            Body::Traffic(traffic) => Connection {
                direction: traffic.direction,
                endpoints: traffic.endpoints.as_ref(),
                totals: Some(&traffic.totals),
                tls: traffic.tls,
            },
            _ => return None,
        })
    }

    /// What it carried, if the event is about that.
    pub fn traffic(&self) -> Option<&'a Traffic> {
        match &self.event.body {
            Body::Traffic(traffic) => Some(traffic),
            _ => None,
        }
    }

    /// 0, or the errno with which the kernel refused.
    pub fn errno(&self) -> i32 {
        match &self.event.body {
            Body::File(file) => file.errno,
            Body::ExecFailure(failure) => failure.errno,
            Body::Credentials(change) => change.errno,
            Body::Flow(flow) => match flow.change {
                FlowChange::Refused(errno) => errno,
                _ => 0,
            },
            _ => 0,
        }
    }
}
