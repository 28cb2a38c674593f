//! What an incoming connection carried before it is certain which process serves it.
//!
//! The kernel makes such a connection before anybody accepts it, so it begins as that of its listening socket: of nginx' master, of the parent
//! of a pool. Who serves it is told when it reads, right after the bytes came. What was made of them waits for that, or for the first answer,
//! the end, or a moment: nothing is told when who reads it is who listens.

use std::collections::VecDeque;

use super::{Flow, Flows, Key};
use crate::event::{Body, BootTime, Direction, Event, FlowChange, FlowEvent, Header, Segment, Told, Traffic, Way, tcp};

/// It waits for so long, in nanoseconds. A server that is awake has read within a millisecond.
const PATIENCE: u64 = 50_000_000;
/// Most bytes of all connections that wait so; what comes past it is the listening process'.
const MAX_BYTES: usize = 4 << 20;

/// Connections of which something waits.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: VecDeque<(BootTime, Key)>,
    bytes: usize,
}

impl Flows {
    /// Takes out of `out`, from `from` on, what was made of the connection's bytes, if it has to wait.
    pub(super) fn hold(&mut self, key: Key, header: &Header, from: usize, out: &mut Vec<Event>) {
        let Some(flow) = self.flows.get_mut(&key).filter(|flow| flow.unclaimed) else {
            return;
        };
        if out.len() == from {
            return;
        }
        if self.held.bytes >= MAX_BYTES {
            // What came before goes before.
            let latest = out.split_off(from);
            self.held.claim(flow, out);
            out.extend(latest);
            return;
        }
        if flow.held.is_empty() {
            self.held.queue.push_back((header.time, key));
        }
        self.held.bytes += out[from..].iter().map(cost).sum::<usize>();
        flow.held.extend(out.drain(from..));
    }

    /// Whether something has waited for long enough.
    pub fn is_due(&self, now: BootTime) -> bool {
        let first = self.held.queue.front();
        first.is_some_and(|(since, _)| now.0.saturating_sub(since.0) >= PATIENCE)
    }

    /// Lets go what has waited for long enough.
    pub fn release(&mut self, now: BootTime, out: &mut Vec<Event>) {
        while let Some((since, key)) = self.held.queue.front().copied() {
            // One that was let go before has nothing left.
            if now.0.saturating_sub(since.0) < PATIENCE
                && self.flows.get(&key).is_some_and(|flow| !flow.held.is_empty())
            {
                return;
            }
            self.held.queue.pop_front();
            self.claim(key, out);
        }
    }

    /// The connection is about to end by this event: what waits is judged while it is still known.
    pub fn release_before(&mut self, header: &Header, event: &FlowEvent, out: &mut Vec<Event>) {
        if !event.change.is_close() || self.held.bytes == 0 {
            return;
        }
        let key = Key::Tcp(event.flow);
        if let Some(flow) = self.flows.get_mut(&key)
            && header.process.pid != 0
        {
            flow.owner = header.process;
        }
        self.claim(key, out);
    }

    /// Who serves the connection is certain now.
    pub(super) fn claim(&mut self, key: Key, out: &mut Vec<Event>) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        self.held.claim(flow, out);
    }
}

impl Held {
    /// Appends what waits to `out`, as the owner's.
    pub fn claim(&mut self, flow: &mut Flow, out: &mut Vec<Event>) {
        flow.unclaimed = false;
        for mut event in flow.held.drain(..) {
            self.bytes -= cost(&event);
            if event.header.process != flow.owner {
                event.header.process = flow.owner;
                event.header.tid = flow.owner.pid;
            }
            out.push(event);
        }
        flow.held = Vec::new();
    }
}

impl Flow {
    /// Takes note of who has it by this change; whether that is certain. Who takes it before a byte came has accepted it, and may hand it on.
    pub fn is_claimed(&mut self, header: &Header, event: &FlowEvent) -> bool {
        if event.change == FlowChange::Established && header.process.pid != 0 {
            self.unclaimed = event.direction == Direction::Incoming;
        }
        event.change == FlowChange::Taken && self.has_received()
    }
}

/// Whether the segment is of an answer, or comes after one: its writer has read before, and was told.
pub(super) fn is_answered(segment: &Segment) -> bool {
    (segment.way == Way::Sent && segment.length > 0) || segment.passed > 0 || segment.flags & tcp::WHOLE != 0
}

/// Bytes of memory, about.
fn cost(event: &Event) -> usize {
    let Body::Traffic(traffic) = &event.body else {
        return size_of::<Event>();
    };
    let carried = match &traffic.told {
        Told::Payload(payload) => payload.bytes.len(),
        Told::Request(request) => request.headers.text.len() + request.body.bytes.len(),
        Told::Response(response, _) => response.headers.text.len() + response.body.bytes.len(),
        Told::Desynchronised(..) => 0,
    };
    size_of::<Event>() + size_of::<Traffic>() + carried
}
