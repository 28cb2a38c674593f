//! The connections of a capture: packets become the events of the network sensor.

use std::{collections::HashMap, net::SocketAddr};

use lapwing_engine::event::{
    Body, BootTime, Carried, Direction, Endpoints, Event, Flavour, FlowChange, FlowEvent, FlowKey, FlowTotals, Header,
    ProcessKey, Segment, Way, tcp,
};

use super::{
    Ignored,
    endpoint::{Roles, roles},
    packet::{Packet, Tcp, tcp as segment_of},
};

/// Connections in each of the two generations that are known at a time.
const MOST: usize = 1 << 17;

/// ECONNREFUSED on Linux.
const REFUSED: i32 = 111;

#[derive(Debug)]
struct Flow {
    key: FlowKey,
    roles: Roles,
    /// Time of its first packet; 0 when its beginning was not seen.
    began: u64,
    /// First sequence number of the SYN of the side that opened it.
    syn: Option<u32>,
    /// Its first packet was told.
    seen: bool,
    established: bool,
    /// Which ways are ended: received, sent.
    ended: [bool; 2],
    closed: bool,
    totals: FlowTotals,
}

/// Known connections, by their ends in the order of size. Bounded: two generations, of which the older is forgotten as a whole.
#[derive(Debug, Default)]
pub(super) struct Flows {
    young: HashMap<(SocketAddr, SocketAddr), Flow>,
    old: HashMap<(SocketAddr, SocketAddr), Flow>,
    /// Keys given so far.
    keys: u64,
}

impl Flows {
    /// Takes a packet; `sink` gets the events it makes.
    pub fn take(&mut self, packet: &Packet<'_>, ignored: &mut Ignored, sink: &mut impl FnMut(Event)) {
        let Some(segment) = segment_of(packet, ignored) else {
            return;
        };
        let flow = self.flow(&segment, packet.time, ignored);
        let mut tell = |flow: &Flow, body: Body| sink(event(packet.time, flow, body));
        if !flow.seen {
            flow.seen = true;
            flow.established = !flow.roles.from_start;
            if flow.established {
                tell(flow, change_of(flow, FlowChange::Existing));
            } else if flow.roles.direction == Direction::Outgoing {
                tell(flow, change_of(flow, FlowChange::Opening));
            }
        }
        let way = if segment.from == flow.roles.local {
            Way::Sent
        } else {
            Way::Received
        };
        flow.count(way, &segment, packet.time);
        let (syn, ack) = (segment.flags & tcp::SYN != 0, segment.flags & tcp::ACK != 0);
        if !flow.established && syn && ack {
            flow.established = true;
            tell(flow, change_of(flow, FlowChange::Established));
        }
        tell(flow, Body::Segment(Box::new(flow.segment(way, &segment))));
        if let Some(change) = flow.end(way, segment.flags) {
            flow.closed = true;
            tell(flow, change_of(flow, change));
        }
    }

    /// The connection that a segment belongs to, which may be a new one with the same ends.
    fn flow(&mut self, segment: &Tcp<'_>, now: u64, ignored: &mut Ignored) -> &mut Flow {
        let (a, b) = (segment.from, segment.to);
        let ends = if a <= b { (a, b) } else { (b, a) };
        if let Some(flow) = self.old.remove(&ends) {
            self.young.insert(ends, flow);
        } else if self.young.len() >= MOST {
            ignored.forgotten += self.old.len() as u64;
            self.old = std::mem::take(&mut self.young);
            if let Some(flow) = self.old.remove(&ends) {
                self.young.insert(ends, flow);
            }
        }
        let opens = segment.flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
        let flow = self
            .young
            .entry(ends)
            .or_insert_with(|| Flow::new(&mut self.keys, segment, now));
        // Ends are used again; a SYN that is only repeated has the same number.
        if opens && flow.seen && (flow.closed || flow.syn != Some(initial(segment))) {
            *flow = Flow::new(&mut self.keys, segment, now);
        }
        flow
    }
}

impl Flow {
    fn new(keys: &mut u64, segment: &Tcp<'_>, now: u64) -> Flow {
        *keys += 1;
        let roles = roles(segment);
        let opens = segment.flags & (tcp::SYN | tcp::ACK) == tcp::SYN;
        Flow {
            key: FlowKey(*keys),
            roles,
            began: if roles.from_start { now } else { 0 },
            syn: opens.then(|| initial(segment)),
            seen: false,
            established: false,
            ended: [false; 2],
            closed: false,
            totals: FlowTotals::default(),
        }
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints {
            local: self.roles.local,
            remote: self.roles.remote,
            netns: 0,
        }
    }

    fn segment(&self, way: Way, segment: &Tcp<'_>) -> Segment {
        Segment {
            flow: self.key,
            direction: self.roles.direction,
            way,
            endpoints: self.endpoints(),
            sequence: segment.sequence,
            ack: segment.ack,
            flags: segment.flags,
            length: segment.length,
            data: Carried::from(segment.data),
            passed: 0,
        }
    }

    /// Counts by packets: repeated bytes count again, unlike the kernel's.
    fn count(&mut self, way: Way, segment: &Tcp<'_>, now: u64) {
        let totals = &mut self.totals;
        let (bytes, segments) = match way {
            Way::Sent => (&mut totals.bytes_sent, &mut totals.segments_sent),
            Way::Received => (&mut totals.bytes_received, &mut totals.segments_received),
        };
        *bytes += u64::from(segment.length);
        *segments = segments.saturating_add(1);
        totals.duration = if self.began > 0 {
            now.saturating_sub(self.began)
        } else {
            0
        };
    }

    /// What an ending segment makes of the connection.
    fn end(&mut self, way: Way, flags: u8) -> Option<FlowChange> {
        let was = self.closed;
        let change = if flags & tcp::RST != 0 {
            if self.established {
                FlowChange::Closed
            } else {
                FlowChange::Refused(REFUSED)
            }
        } else {
            self.ended[way as usize] |= flags & tcp::FIN != 0;
            FlowChange::Closed
        };
        (!was && (flags & tcp::RST != 0 || self.ended == [true; 2])).then_some(change)
    }
}

/// The number of the SYN itself.
fn initial(segment: &Tcp<'_>) -> u32 {
    segment.sequence.wrapping_sub(u32::from(segment.length > 0))
}

fn change_of(flow: &Flow, change: FlowChange) -> Body {
    Body::Flow(Box::new(FlowEvent {
        flow: flow.key,
        change,
        direction: flow.roles.direction,
        endpoints: flow.endpoints(),
        totals: flow.totals,
    }))
}

fn event(time: u64, flow: &Flow, body: Body) -> Event {
    debug_assert!(flow.roles.direction != Direction::Unknown);
    let header = Header {
        time: BootTime(time),
        process: ProcessKey::default(),
        tid: 0,
        cpu: 0,
        seq: 0,
        syscall: None,
        generation: 1,
        flavour: Flavour::Function,
    };
    Event { header, body }
}
