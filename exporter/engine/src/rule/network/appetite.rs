//! How much of the connections' bytes the rules can match: the kernel copies no more.

use super::{Condition, Directions, Needs, budget};
use crate::{
    event::{Direction, Way},
    field::{Kinds, Scalar},
    interest::{Appetite, Sides, Statuses},
    spec::{NetworkEvent, NetworkSettings},
};

/// Bytes that are enough to say that something passed.
const PRESENCE: u32 = 256;
/// The statuses that responses have.
const STATUSES: std::ops::Range<u16> = 100..600;

/// What rules about payload want of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Depth {
    #[default]
    None,
    /// That something passed, one way or the other.
    Presence,
    /// What it was, or that it passed this way.
    Content,
}

/// What the rules of one direction want.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    http: bool,
    statuses: Statuses,
    /// By [`Way`].
    payload: [Depth; 2],
}

/// What the rules want, by direction.
#[derive(Debug, Default)]
pub(super) struct Appetites {
    unknown: Side,
    incoming: Side,
    outgoing: Side,
    /// Some message quotes payload.
    quotes: bool,
}

impl Appetites {
    /// Enters an enabled rule.
    pub fn rule(&mut self, event: NetworkEvent, directions: Directions, condition: &Condition) {
        // A connection nobody knows who opened turns out to be one of either.
        self.unknown.rule(event, condition);
        if directions.incoming {
            self.incoming.rule(event, condition);
        }
        if directions.outgoing {
            self.outgoing.rule(event, condition);
        }
    }

    /// Takes note that an alert shows the payload.
    pub fn quotes(&mut self) {
        self.quotes = true;
    }

    /// What the kernel shall copy.
    pub fn sides(&self, needs: Needs, settings: &NetworkSettings) -> Sides {
        let of = |direction, side: Side| side.appetite(direction, self.quotes || settings.excerpts, needs, settings);
        Sides {
            unknown: of(Direction::Unknown, self.unknown),
            incoming: of(Direction::Incoming, self.incoming),
            outgoing: of(Direction::Outgoing, self.outgoing),
        }
    }
}

impl Side {
    fn rule(&mut self, event: NetworkEvent, condition: &Condition) {
        match event {
            NetworkEvent::Request => self.http = true,
            NetworkEvent::Response => {
                self.http = true;
                let wanted = |status: u16| might_match(condition, "http.status", Scalar::Number(i64::from(status)));
                STATUSES
                    .filter(|status| wanted(*status))
                    .for_each(|status| self.statuses.insert(status));
            }
            // A stream must be read as a whole to know that it cannot be read.
            NetworkEvent::Desynchronised => {
                self.http = true;
                self.statuses = Statuses::ALL;
            }
            NetworkEvent::Payload => self.payload(condition),
            _ => {}
        }
    }

    fn payload(&mut self, condition: &Condition) {
        let depth = match condition.fields().any(|field| field.on == Kinds::PAYLOAD) {
            true => Depth::Content,
            false => Depth::Presence,
        };
        for (way, name) in [(Way::Received, b"received".as_slice()), (Way::Sent, b"sent")] {
            if might_match(condition, "tcp.payload.way", Scalar::Text(name)) {
                let wanted = &mut self.payload[way as usize];
                *wanted = depth.max(*wanted);
            }
        }
    }

    fn appetite(self, direction: Direction, quotes: bool, needs: Needs, settings: &NetworkSettings) -> Appetite {
        let of = |way: Way| match self.payload[way as usize] {
            Depth::Presence if quotes => Depth::Content,
            depth => depth,
        };
        let either = of(Way::Received).max(of(Way::Sent));
        let (asks, answers) = match direction {
            Direction::Incoming => (of(Way::Received), of(Way::Sent)),
            Direction::Outgoing => (of(Way::Sent), of(Way::Received)),
            Direction::Unknown => (either, either),
        };
        let payload = |depth, most: u32| match depth {
            Depth::None => 0,
            Depth::Presence => most.min(PRESENCE),
            Depth::Content => most,
        };
        let http = |body, most| if self.http { budget(body, most) } else { 0 };
        let foreign_request = payload(asks, settings.request_bytes);
        let foreign_response = payload(answers, settings.response_bytes);
        Appetite {
            request: foreign_request.max(http(needs.request_body, settings.request_bytes)),
            response: foreign_response.max(http(needs.response_body, settings.response_bytes)),
            foreign_request,
            foreign_response,
            statuses: if answers == Depth::Content {
                Statuses::ALL
            } else {
                self.statuses
            },
        }
    }
}

/// False is certain.
fn might_match(condition: &Condition, field: &str, value: Scalar<'_>) -> bool {
    let when = condition.when.as_ref();
    when.is_none_or(|when| when.might_match(field, value))
}
