//! What a connection carried that no rule can match: of that no event is made.

use super::Rules;
use crate::{
    event::{Direction, Event},
    field::{Context, Scratch},
    net::http::Request,
    process::Table,
    spec::NetworkEvent,
};

/// Which rules could match the payload of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// None.
    None,
    /// Only those that look for something in it: see [`Wants::finds`].
    Seekers,
    /// Others too.
    Any,
}

/// Answers for the rules, at one event.
#[derive(Debug)]
pub struct Wants<'a> {
    rules: &'a Rules,
    table: &'a Table,
    scratch: &'a mut Scratch,
    revision: u64,
}

impl<'a> Wants<'a> {
    /// `revision` is another one whenever rules, or what is known of any process, may have changed.
    pub(in crate::rule) fn new(
        rules: &'a Rules,
        table: &'a Table,
        scratch: &'a mut Scratch,
        revision: u64,
    ) -> Wants<'a> {
        Wants {
            rules,
            table,
            scratch,
            revision,
        }
    }

    /// As long as it is the same, [`Wants::payload`] says the same of the same process and direction.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Which rules could match what a connection of this direction carries, by what is known of the event's process.
    pub fn payload(&mut self, event: &Event, direction: Direction) -> Readers {
        let asked = &self.rules.by_event[NetworkEvent::Payload as usize][direction as usize];
        match self.rules.thorough {
            true => Readers::Any,
            false => asked.readers(&Context::new(event, self.table, self.scratch)),
        }
    }

    /// Whether something of what rules look for is in the payload.
    pub fn finds(&self, payload: &[u8], direction: Direction) -> bool {
        let asked = &self.rules.by_event[NetworkEvent::Payload as usize][direction as usize];
        asked.finds(&self.rules.sieve, payload)
    }

    /// Whether some rule could match the request.
    pub fn request(&mut self, request: &Request, direction: Direction) -> bool {
        let asked = &self.rules.by_event[NetworkEvent::Request as usize][direction as usize];
        self.scratch.forget();
        self.rules.thorough || !asked.is_silent(&self.rules.sieve, request, self.scratch)
    }
}
