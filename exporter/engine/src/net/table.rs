//! The flow table: what is remembered of each connection while it lasts. Bounded; what is pushed out is counted.

mod flow;
mod held;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use foldhash::fast::RandomState;

use self::{
    flow::{Flow, Made, Telling},
    held::Held,
};
use super::{
    budget::{Budget, Counters},
    conversation::{self, End},
};
use crate::{
    event::{Body, BootTime, Event, Flavour, FlowChange, FlowEvent, FlowKey, Header, ProcessKey, Segment},
    rule::{Needs, Readers, Wants},
    spec::NetworkSettings,
};

/// A connection of which nothing was seen for this long is forgotten: its end was not told.
const IDLE: u64 = 3_600_000_000_000;
/// Most connections that one tick looks at for that.
const LOOKED_AT: usize = 256;
/// A hole in a stream that is open for this long is given up: the acknowledgement that closes it may never come.
const PATIENCE: u64 = 2_000_000_000;
/// Most bytes of each way that rules see as `tcp.payload`.
pub const PAYLOAD: u64 = 256 << 10;
/// So many of them come again with the next ones.
const PAYLOAD_AGAIN: usize = 256;

/// The bounds of [`Flows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections that are remembered.
    pub max_flows: usize,
    /// Most bytes of all connections together that wait to become messages.
    pub max_buffered: usize,
    /// Most bytes of one request.
    pub request_bytes: usize,
    /// Most bytes of one response.
    pub response_bytes: usize,
}

impl Limits {
    /// By the configuration.
    pub fn of(settings: &NetworkSettings) -> Limits {
        Limits {
            max_flows: settings.max_flows.max(1),
            max_buffered: settings.max_buffered,
            request_bytes: settings.request_bytes as usize,
            response_bytes: settings.response_bytes as usize,
        }
    }
}

/// A connection, or the TLS library's object for one, which means something within its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Tcp(FlowKey),
    Tls(ProcessKey, u64),
}

/// All connections that are followed.
#[derive(Debug)]
pub struct Flows {
    limits: Limits,
    needs: Needs,
    /// What new conversations may hold.
    conversation: Arc<conversation::Limits>,
    flows: HashMap<Key, Box<Flow>, RandomState>,
    /// Those of TLS among them, by process.
    tls: BTreeSet<(ProcessKey, u64)>,
    /// In the order of eviction; may name connections that are gone.
    queue: VecDeque<Key>,
    /// Connections with a hole, and since when.
    waiting: VecDeque<(BootTime, Key)>,
    held: Held,
    budget: Budget,
    told: Telling,
    evicted: u64,
    conversations: u64,
    given_up: u64,
}

impl Flows {
    /// None yet.
    pub fn new(limits: Limits, needs: Needs) -> Flows {
        Flows {
            limits,
            needs,
            conversation: Arc::new(conversation_limits(&limits, needs)),
            flows: HashMap::default(),
            tls: BTreeSet::new(),
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            held: Held::default(),
            budget: Budget::new(limits.max_buffered),
            told: Telling::default(),
            evicted: 0,
            conversations: 0,
            given_up: 0,
        }
    }

    /// Takes other bounds; connections beyond them go as others come. A conversation under way goes on under its old ones, and the bytes
    /// that all may hold stay as they were until the next start.
    pub fn set(&mut self, limits: Limits, needs: Needs) {
        self.conversation = Arc::new(conversation_limits(&limits, needs));
        (self.limits, self.needs) = (limits, needs);
    }

    /// Reads every connection as if it had been there before. What was under way in it goes to `out` as it is.
    pub fn begin_anew(&mut self, out: &mut Vec<Event>) {
        for key in &self.queue {
            let Some(flow) = self.flows.get_mut(key).filter(|flow| flow.converses()) else {
                continue;
            };
            self.held.claim(flow, out);
            let header = header(flow.seen);
            flow.end(
                End::Evicted,
                &mut self.budget,
                &mut Made::new(&header, &mut self.told, out),
            );
            self.conversations -= 1;
        }
    }

    /// Connections now.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Connections that were forgotten because there were too many.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Connections whose bytes are put together now, and those of which that was given up for lack of room.
    pub fn conversations(&self) -> (u64, u64) {
        (self.conversations, self.given_up)
    }

    /// What was seen in the connections' bytes, and what was not.
    pub fn counters(&self) -> &Counters {
        &self.budget.counters
    }

    /// Bytes that wait to become messages.
    pub fn buffered(&self) -> usize {
        self.budget.used()
    }

    /// Takes an event of the network sensor, and appends what it makes of it to `out`. The answer is who did it: the event's process, or
    /// the owner that was told before. Of what `wants` says that no rule can match it, nothing is
    /// made; without it, everything is.
    pub fn observe(&mut self, event: &Event, wants: Option<Wants<'_>>, out: &mut Vec<Event>) -> ProcessKey {
        let header = &event.header;
        let wanted = self.needs.payload || self.needs.http;
        match &event.body {
            Body::Flow(flow) => self.flow(header, flow, out),
            Body::Segment(segment) if wanted => self.segment(event, segment, wants, out),
            Body::Tls(data) if wanted => self.tls(header, data, out),
            _ => header.process,
        }
    }

    /// Takes back what [`Flows::observe`] made, for its room.
    pub fn recycle(&mut self, event: Event) {
        self.told.recycle(event);
    }

    /// Forgets connections whose end was not told, and gives up holes that nobody will close. What that brings to light goes to `out`.
    pub fn expire(&mut self, now: BootTime, out: &mut Vec<Event>) {
        let header = header(now);
        while self
            .waiting
            .front()
            .is_some_and(|(since, _)| now.0.saturating_sub(since.0) >= PATIENCE)
        {
            let Some((_, key)) = self.waiting.pop_front() else {
                break;
            };
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if flow.closing {
                self.remove(&key, End::Closed(None), &header, out);
            } else {
                flow.give_up(&mut self.budget, &mut Made::new(&header, &mut self.told, out));
            }
        }
        for _ in 0..LOOKED_AT.min(self.queue.len()) {
            let Some(key) = self.queue.pop_front() else { return };
            match self.flows.get(&key) {
                Some(flow) if now.0.saturating_sub(flow.seen.0) < IDLE => self.queue.push_back(key),
                Some(_) => {
                    self.remove(&key, End::Evicted, &header, out);
                }
                None => {}
            }
        }
    }

    fn flow(&mut self, header: &Header, event: &FlowEvent, out: &mut Vec<Event>) -> ProcessKey {
        let key = Key::Tcp(event.flow);
        match event.change {
            FlowChange::Listening => header.process,
            FlowChange::Closed | FlowChange::ClosedUnseen | FlowChange::Refused(_) | FlowChange::RefusedUnseen => {
                self.close_above(key, header);
                let end = End::Closed(event.known_totals());
                let known = self.remove(&key, end, header, out).unwrap_or(header.process);
                if header.process.pid == 0 { known } else { header.process }
            }
            FlowChange::Opening | FlowChange::Established | FlowChange::Existing | FlowChange::Taken => {
                let flow = self.enter(key, header, out);
                flow.learn(event.direction, Some(event.endpoints));
                if matches!(event.change, FlowChange::Opening | FlowChange::Established) {
                    flow.opened.get_or_insert(header.time);
                }
                let (owner, claimed) = (flow.owner, flow.is_claimed(header, event));
                if claimed {
                    self.claim(key, out);
                }
                owner
            }
        }
    }

    fn segment(
        &mut self,
        event: &Event,
        segment: &Segment,
        mut wants: Option<Wants<'_>>,
        out: &mut Vec<Event>,
    ) -> ProcessKey {
        let header = &event.header;
        let key = Key::Tcp(segment.flow);
        self.relieve(header, out);
        let known = self.flows.contains_key(&key);
        if !known {
            self.enter(key, header, out);
        }
        let Some(flow) = self.flows.get_mut(&key) else {
            return header.process;
        };
        flow.see(header, known);
        flow.learn(segment.direction, Some(segment.endpoints));
        flow.count(segment.way, segment.length);
        flow.passed(segment);
        let (owner, unclaimed) = (flow.owner, flow.unclaimed);
        if flow.above.is_some() {
            // Its plaintext is judged.
            return owner;
        }
        if unclaimed {
            self.unclaimed_segment(key, header, segment, out);
            return owner;
        }
        self.conversations += u64::from(!flow.converses());
        let was_waiting = flow.waiting;
        let readers = match &mut wants {
            Some(wants) => flow.readers(event, wants),
            None => Readers::Any,
        };
        let mut made = Made::new(header, &mut self.told, out).by(wants, readers);
        flow.converse(
            &self.conversation,
            &mut self.budget,
            &mut made,
            |conversation, budget, messages| {
                conversation.unread(readers == Readers::None);
                conversation.segment(segment, budget, messages);
                conversation.unread(false);
            },
        );
        if flow.waiting && !was_waiting {
            self.waiting.push_back((header.time, key));
        }
        owner
    }

    /// Of a connection of which it is not certain who serves it.
    fn unclaimed_segment(&mut self, key: Key, header: &Header, segment: &Segment, out: &mut Vec<Event>) {
        if held::is_answered(segment) {
            self.claim(key, out);
        }
        let before = out.len();
        self.converse(key, header, out, |conversation, budget, messages| {
            conversation.segment(segment, budget, messages)
        });
        self.hold(key, header, before, out);
    }

    fn converse(
        &mut self,
        key: Key,
        header: &Header,
        out: &mut Vec<Event>,
        take: impl FnOnce(&mut conversation::Conversation, &mut Budget, &mut Vec<conversation::Message>),
    ) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        self.conversations += u64::from(!flow.converses());
        let was_waiting = flow.waiting;
        let mut made = Made::new(header, &mut self.told, out);
        flow.converse(&self.conversation, &mut self.budget, &mut made, take);
        if flow.waiting && !was_waiting {
            self.waiting.push_back((header.time, key));
        }
    }

    /// Makes room while the conversations hold nearly all that they may: those that were silent for longest are given up.
    fn relieve(&mut self, header: &Header, out: &mut Vec<Event>) {
        let mut turns = 2 * self.queue.len();
        while self.budget.is_tight() && turns > 0 {
            turns -= 1;
            let Some(key) = self.queue.pop_front() else { return };
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if !std::mem::take(&mut flow.active) && flow.converses() {
                flow.end(
                    End::Evicted,
                    &mut self.budget,
                    &mut Made::new(header, &mut self.told, out),
                );
                self.conversations -= 1;
                self.given_up += 1;
            }
            self.queue.push_back(key);
        }
    }

    /// The connection, entered when it is not known, as seen now with this process.
    fn enter(&mut self, key: Key, header: &Header, out: &mut Vec<Event>) -> &mut Flow {
        let known = self.flows.contains_key(&key);
        if !known {
            self.make_room(header, out);
            self.queue.push_back(key);
            if let Key::Tls(process, connection) = key {
                self.tls.insert((process, connection));
            }
        }
        let flow = self
            .flows
            .entry(key)
            .or_insert_with(|| Box::new(Flow::new(key, header)));
        flow.see(header, known);
        flow
    }

    /// Makes room for one: the oldest go first, but one that was active since its last turn gets another.
    fn make_room(&mut self, header: &Header, out: &mut Vec<Event>) {
        let mut turns = self.queue.len();
        while self.flows.len() >= self.limits.max_flows {
            let Some(key) = self.queue.pop_front() else { return };
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if turns > 0 && std::mem::take(&mut flow.active) {
                turns -= 1;
                self.queue.push_back(key);
                continue;
            }
            self.remove(&key, End::Evicted, header, out);
            self.evicted += 1;
        }
        let slack = 2 * self.flows.len() + 1024;
        if self.queue.len() > slack {
            self.queue.retain(|key| self.flows.contains_key(key));
        }
        if self.waiting.len() > slack {
            self.waiting.retain(|(_, key)| self.flows.contains_key(key));
        }
    }

    /// Forgets a connection and says whose it was.
    fn remove(&mut self, key: &Key, end: End<'_>, header: &Header, out: &mut Vec<Event>) -> Option<ProcessKey> {
        let mut flow = self.flows.remove(key)?;
        self.conversations -= u64::from(flow.converses());
        if let Key::Tls(process, connection) = *key {
            self.forget_tls((process, connection), &flow);
        }
        self.held.claim(&mut flow, out);
        flow.end(end, &mut self.budget, &mut Made::new(header, &mut self.told, out));
        Some(flow.owner)
    }
}

/// Of what no event brought to light.
fn header(time: BootTime) -> Header {
    Header {
        time,
        process: ProcessKey::default(),
        tid: 0,
        cpu: 0,
        seq: 0,
        syscall: None,
        generation: 0,
        flavour: Flavour::Function,
    }
}

fn conversation_limits(limits: &Limits, needs: Needs) -> conversation::Limits {
    let some = |wanted: bool, bytes: usize| if wanted { bytes } else { 0 };
    conversation::Limits {
        request_body: some(needs.request_body, limits.request_bytes),
        response_body: some(needs.response_body, limits.response_bytes),
        payload: if needs.payload { PAYLOAD } else { 0 },
        payload_again: PAYLOAD_AGAIN,
        ..conversation::Limits::default()
    }
}
