//! One connection of the table, and what is made of its bytes.

use std::{collections::VecDeque, sync::Arc};

use super::super::{
    budget::Budget,
    conversation::{self, Conversation, End, Message},
    http::Request,
};
use super::Key;
use crate::{
    event::{
        Body, BootTime, Direction, Endpoints, Event, FlowKey, FlowTotals, Header, Payload, ProcessKey, Segment, Told,
        Traffic, Way, tcp,
    },
    rule::{Readers, RuleId, Wants},
};

/// Most requests whose number is kept until their response comes.
const MAX_PENDING: usize = 64;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Requests and other things.
    number: u64,
    /// What a conversation has just said; kept for its room.
    messages: Vec<Message>,
    /// Boxes of what was judged, for what comes next.
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: Vec<Box<Traffic>>,
}

/// Most boxes that are kept: more than one segment makes of ordinary traffic.
const MAX_SPARE: usize = 16;

impl Telling {
    /// Takes back what was made and is judged, for its room.
    pub fn recycle(&mut self, event: Event) {
        if let Body::Traffic(mut traffic) = event.body
            && self.spare.len() < MAX_SPARE
        {
            traffic.told = Told::Payload(Payload {
                way: Way::Received,
                offset: 0,
                bytes: Vec::new(),
            });
            self.spare.push(traffic);
        }
    }

    fn boxed(&mut self, traffic: Traffic) -> Box<Traffic> {
        match self.spare.pop() {
            Some(mut room) => {
                *room = traffic;
                room
            }
            None => Box::new(traffic),
        }
    }
}

/// Where what is made of an event goes.
pub(super) struct Made<'a> {
    header: &'a Header,
    told: &'a mut Telling,
    out: &'a mut Vec<Event>,
    /// None: all of it is made, for it is not certain yet who did it, or the occasion is rare.
    wants: Option<Wants<'a>>,
    readers: Readers,
}

impl<'a> Made<'a> {
    pub fn new(header: &'a Header, told: &'a mut Telling, out: &'a mut Vec<Event>) -> Made<'a> {
        Made {
            header,
            told,
            out,
            wants: None,
            readers: Readers::Any,
        }
    }

    /// The same without what no rule can match.
    pub fn by(self, wants: Option<Wants<'a>>, readers: Readers) -> Made<'a> {
        Made { wants, readers, ..self }
    }

    /// Whether some rule could match the payload.
    fn is_payload_read(&self, payload: &[u8], direction: Direction) -> bool {
        match (self.readers, &self.wants) {
            (Readers::None, _) => false,
            (Readers::Seekers, Some(wants)) => wants.finds(payload, direction),
            (Readers::Seekers, None) | (Readers::Any, _) => true,
        }
    }

    fn next_number(&mut self) -> u64 {
        self.told.number += 1;
        self.told.number
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Flow {
    /// Who has the socket, as was told last; pid 0 when nobody has told.
    pub owner: ProcessKey,
    pub direction: Direction,
    pub endpoints: Option<Endpoints>,
    pub flow: Option<FlowKey>,
    pub tls: bool,
    /// The library's connection object, if it is TLS.
    pub connection: u64,
    /// The TLS connection whose plaintext is told apart: what passes here is its ciphertext.
    pub above: Option<Key>,
    /// The TCP connection below has closed: forgotten as soon as nothing more can come.
    pub closing: bool,
    pub seen: BootTime,
    /// Seen since it was last looked at for eviction.
    pub active: bool,
    /// A hole is open.
    pub waiting: bool,
    /// It was opened to us, and who serves it is not certain.
    pub unclaimed: bool,
    /// What waits for that.
    pub held: Vec<Event>,
    /// When, if that was seen.
    pub opened: Option<BootTime>,
    totals: FlowTotals,
    conversation: Option<Box<Conversation>>,
    /// Requests that were told and not yet answered, with their numbers.
    pending: VecDeque<(Arc<Request>, u64)>,
    /// The rules that have found something in its payload.
    found: Vec<RuleId>,
    /// Who reads its payload, at this revision, of this owner and direction.
    readers: Option<(u64, ProcessKey, Direction, Readers)>,
}

impl Flow {
    pub fn new(key: Key, header: &Header) -> Flow {
        let (flow, connection) = match key {
            Key::Tcp(flow) => (Some(flow), 0),
            Key::Tls(_, connection) => (None, connection),
        };
        Flow {
            owner: header.process,
            direction: Direction::Unknown,
            endpoints: None,
            flow,
            tls: matches!(key, Key::Tls(..)),
            connection,
            above: None,
            closing: false,
            seen: header.time,
            active: false,
            waiting: false,
            unclaimed: false,
            held: Vec::new(),
            opened: None,
            totals: FlowTotals::default(),
            conversation: None,
            pending: VecDeque::new(),
            found: Vec::new(),
            readers: None,
        }
    }

    /// It was seen now with this process; `known`: not for the first time.
    pub fn see(&mut self, header: &Header, known: bool) {
        if header.process.pid != 0 {
            self.owner = header.process;
        }
        self.seen = header.time;
        self.active = known;
    }

    /// Whether its bytes are put together.
    pub fn converses(&self) -> bool {
        self.conversation.is_some()
    }

    /// Whether bytes came from the other end.
    pub fn has_received(&self) -> bool {
        self.totals.bytes_received > 0
    }

    /// Takes over what an event says of it. Who opened it is not forgotten because a later event does not know.
    pub fn learn(&mut self, direction: Direction, endpoints: Option<Endpoints>) {
        if direction != Direction::Unknown {
            self.direction = direction;
        }
        self.endpoints = endpoints.or(self.endpoints);
    }

    /// Which rules could match its payload. Asked anew only when something has changed.
    pub fn readers(&mut self, event: &Event, wants: &mut Wants<'_>) -> Readers {
        // Of whom the event is not, or whose direction its messages may still tell, cannot be said.
        if self.owner != event.header.process || self.direction == Direction::Unknown {
            return Readers::Any;
        }
        let (revision, owner, direction) = (wants.revision(), self.owner, self.direction);
        match self.readers {
            Some((then, whose, way, readers)) if (then, whose, way) == (revision, owner, direction) => readers,
            _ => {
                let readers = wants.payload(event, direction);
                self.readers = Some((revision, owner, direction, readers));
                readers
            }
        }
    }

    /// Notes that a rule has found something in its payload; whether that is the first time.
    pub fn is_news(&mut self, rule: RuleId) -> bool {
        let news = !self.found.contains(&rule);
        if news {
            self.found.push(rule);
        }
        news
    }

    pub fn count(&mut self, way: Way, length: u32) {
        let count = match way {
            Way::Sent => &mut self.totals.bytes_sent,
            Way::Received => &mut self.totals.bytes_received,
        };
        *count += u64::from(length);
    }

    /// Takes note of what passed before the segment without being told: the requests are answered.
    pub fn passed(&mut self, segment: &Segment) {
        let whole = segment.flags & tcp::WHOLE != 0;
        if segment.passed > 0 {
            self.count(segment.way.other(), segment.passed);
        }
        if whole || segment.passed > 0 {
            self.pending.clear();
        }
    }

    /// Lets the conversation take something; it is begun when there is none.
    pub fn converse(
        &mut self,
        limits: &Arc<conversation::Limits>,
        budget: &mut Budget,
        made: &mut Made<'_>,
        take: impl FnOnce(&mut Conversation, &mut Budget, &mut Vec<Message>),
    ) {
        let conversation = self
            .conversation
            .get_or_insert_with(|| Box::new(Conversation::new(limits.clone())));
        take(conversation, budget, &mut made.told.messages);
        self.waiting = conversation.is_waiting();
        self.tell(made);
    }

    /// Gives up a hole that is still open.
    pub fn give_up(&mut self, budget: &mut Budget, made: &mut Made<'_>) {
        let Some(conversation) = self.conversation.as_mut().filter(|_| self.waiting) else {
            return;
        };
        conversation.give_up(budget, &mut made.told.messages);
        self.waiting = conversation.is_waiting();
        self.tell(made);
    }

    /// Ends the conversation and gives back what it holds.
    pub fn end(&mut self, end: End<'_>, budget: &mut Budget, made: &mut Made<'_>) {
        if let Some(mut conversation) = self.conversation.take() {
            conversation.close(end, budget, &mut made.told.messages);
            self.tell(made);
        }
        self.waiting = false;
        self.pending.clear();
    }

    fn tell(&mut self, made: &mut Made<'_>) {
        let mut messages = std::mem::take(&mut made.told.messages);
        for message in messages.drain(..) {
            match message {
                Message::Payload { bytes, .. } if !made.is_payload_read(&bytes, self.direction) => {
                    made.next_number();
                }
                Message::Payload { way, offset, bytes } => {
                    self.push(None, Told::Payload(Payload { way, offset, bytes }), made);
                }
                Message::Request(way, request) => {
                    self.learn_direction(way, Way::Received);
                    let wants = made.wants.as_mut();
                    let number = match wants.is_none_or(|wants| wants.request(&request, self.direction)) {
                        true => self.push(None, Told::Request(request.clone()), made),
                        false => made.next_number(),
                    };
                    if self.pending.len() == MAX_PENDING {
                        self.pending.pop_front();
                    }
                    self.pending.push_back((request, number));
                }
                Message::Response(way, response, request) => {
                    self.learn_direction(way, Way::Sent);
                    let number = request.as_ref().and_then(|request| self.number_of(request));
                    self.push(number, Told::Response(response, request), made);
                }
                Message::Desynchronised { way, why, .. } => {
                    self.push(None, Told::Desynchronised(way, why), made);
                }
                // Counted by the budget; the message that is odd has it too.
                Message::Malformed { .. } | Message::Upgraded { .. } => {}
            }
        }
        made.told.messages = messages;
    }

    /// Who asks has opened the connection: `incoming` is the way of this message on one that was opened to us.
    fn learn_direction(&mut self, way: Way, incoming: Way) {
        if self.direction == Direction::Unknown {
            self.direction = if way == incoming {
                Direction::Incoming
            } else {
                Direction::Outgoing
            };
        }
    }

    fn number_of(&mut self, request: &Arc<Request>) -> Option<u64> {
        let at = self.pending.iter().position(|(known, _)| Arc::ptr_eq(known, request))?;
        let number = self.pending.get(at).map(|(_, number)| *number);
        self.pending.drain(..=at);
        number
    }

    fn push(&self, number: Option<u64>, told: Told, made: &mut Made<'_>) -> u64 {
        let number = number.unwrap_or_else(|| made.next_number());
        let traffic = Traffic {
            flow: self.flow,
            direction: self.direction,
            endpoints: self.endpoints,
            tls: self.tls,
            connection: self.connection,
            totals: FlowTotals {
                duration: self
                    .opened
                    .map_or(0, |opened| made.header.time.0.saturating_sub(opened.0)),
                ..self.totals
            },
            number,
            told,
        };
        let header = Header {
            process: self.owner,
            tid: if made.header.process == self.owner {
                made.header.tid
            } else {
                self.owner.pid
            },
            ..made.header.clone()
        };
        made.out.push(Event {
            header,
            body: Body::Traffic(made.told.boxed(traffic)),
        });
        number
    }
}
