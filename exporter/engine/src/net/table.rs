//! The flow table: what is remembered of each connection while it lasts. Bounded; what is pushed out is counted.

use std::collections::{HashMap, VecDeque};

use crate::{
    event::{Body, BootTime, Event, FlowChange, FlowEvent, FlowKey, FlowTotals, ProcessKey, Segment, Way},
    rule::Needs,
    spec::NetworkSettings,
};

/// A connection of which nothing was seen for this long is forgotten: its end was not told.
const IDLE: u64 = 3_600_000_000_000;
/// Most connections that one tick looks at for that.
const LOOKED_AT: usize = 256;

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

/// All connections that are followed.
#[derive(Debug)]
pub struct Flows {
    limits: Limits,
    flows: HashMap<FlowKey, Box<Flow>>,
    /// In the order of eviction; may name connections that are gone.
    queue: VecDeque<FlowKey>,
    evicted: u64,
}

/// One connection.
#[derive(Debug)]
struct Flow {
    /// Who has the socket, as was told last; pid 0 when nobody has told.
    owner: ProcessKey,
    seen: BootTime,
    /// Seen since it was last looked at for eviction.
    active: bool,
    totals: FlowTotals,
}

impl Flows {
    /// None yet.
    pub fn new(limits: Limits) -> Flows {
        Flows {
            limits,
            flows: HashMap::new(),
            queue: VecDeque::new(),
            evicted: 0,
        }
    }

    /// Takes other bounds; connections beyond them go as others come.
    pub fn set(&mut self, limits: Limits) {
        self.limits = limits;
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

    /// Takes an event of the network sensor, and appends what it makes of it to `out`. The answer is who did it: the event's process, or
    /// the owner that was told before.
    pub fn observe(&mut self, event: &Event, needs: Needs, out: &mut Vec<Event>) -> ProcessKey {
        let header = &event.header;
        match &event.body {
            Body::Flow(flow) => self.flow(header.time, header.process, flow),
            Body::Segment(segment) if needs.payload || needs.http => self.segment(event, segment, needs, out),
            _ => header.process,
        }
    }

    /// Forgets connections whose end was not told.
    pub fn expire(&mut self, now: BootTime) {
        for _ in 0..LOOKED_AT.min(self.queue.len()) {
            let Some(key) = self.queue.pop_front() else { return };
            match self.flows.get(&key) {
                Some(flow) if now.0.saturating_sub(flow.seen.0) < IDLE => self.queue.push_back(key),
                Some(_) => drop(self.flows.remove(&key)),
                None => {}
            }
        }
    }

    fn flow(&mut self, time: BootTime, process: ProcessKey, event: &FlowEvent) -> ProcessKey {
        match event.change {
            FlowChange::Listening => process,
            FlowChange::Closed | FlowChange::Refused(_) => {
                let known = self.flows.remove(&event.flow).map_or(process, |flow| flow.owner);
                if process.pid == 0 { known } else { process }
            }
            FlowChange::Opening | FlowChange::Established | FlowChange::Existing | FlowChange::Taken => {
                self.enter(event.flow, time, process).owner
            }
        }
    }

    fn segment(&mut self, event: &Event, segment: &Segment, _needs: Needs, _out: &mut Vec<Event>) -> ProcessKey {
        let flow = self.enter(segment.flow, event.header.time, event.header.process);
        let count = match segment.way {
            Way::Sent => &mut flow.totals.bytes_sent,
            Way::Received => &mut flow.totals.bytes_received,
        };
        *count += u64::from(segment.length);
        flow.owner
    }

    /// The connection, entered when it is not known, as seen now with this process.
    fn enter(&mut self, key: FlowKey, time: BootTime, process: ProcessKey) -> &mut Flow {
        let known = self.flows.contains_key(&key);
        if !known {
            self.make_room();
            self.queue.push_back(key);
        }
        let flow = self.flows.entry(key).or_insert_with(|| {
            Box::new(Flow {
                owner: process,
                seen: time,
                active: false,
                totals: FlowTotals::default(),
            })
        });
        if process.pid != 0 {
            flow.owner = process;
        }
        flow.seen = time;
        flow.active = known;
        flow
    }

    /// Makes room for one: the oldest go first, but one that was active since its last turn gets another.
    fn make_room(&mut self) {
        let mut turns = self.queue.len();
        while self.flows.len() >= self.limits.max_flows {
            let Some(key) = self.queue.pop_front() else { return };
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if turns > 0 && std::mem::take(&mut flow.active) {
                turns -= 1;
                self.queue.push_back(key);
                continue;
            }
            self.flows.remove(&key);
            self.evicted += 1;
        }
        if self.queue.len() > 2 * self.flows.len() + 1024 {
            self.queue.retain(|key| self.flows.contains_key(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Direction, Endpoints},
        synthetic::Synthetic,
    };

    fn flow(events: &mut Synthetic, key: u64, change: FlowChange) -> Event {
        events.flow(
            700,
            change,
            Direction::Outgoing,
            "10.0.0.1:4000",
            "192.0.2.1:80",
            |flow| flow.flow = FlowKey(key),
        );
        events.take().remove(0)
    }

    #[test]
    fn it_is_bounded_and_what_was_active_stays() {
        let mut flows = Flows::new(Limits {
            max_flows: 100,
            ..Limits::of(&NetworkSettings::default())
        });
        let (mut events, mut out) = (Synthetic::new(), Vec::new());
        for key in 0..10_000 {
            flows.observe(&flow(&mut events, key, FlowChange::Opening), Needs::default(), &mut out);
            // The first is heard of again and again.
            flows.observe(
                &flow(&mut events, 0, FlowChange::Established),
                Needs::default(),
                &mut out,
            );
        }
        assert_eq!((flows.len(), flows.evicted()), (100, 9_900));
        assert!(flows.flows.contains_key(&FlowKey(0)));
        assert!(flows.queue.len() <= 2 * 100 + 1024);
    }

    #[test]
    fn what_closed_is_gone_and_what_is_idle_for_long_too() {
        let mut flows = Flows::new(Limits::of(&NetworkSettings::default()));
        let (mut events, mut out) = (Synthetic::new(), Vec::new());
        for key in 0..5_000 {
            flows.observe(
                &flow(&mut events, key, FlowChange::Established),
                Needs::default(),
                &mut out,
            );
            flows.observe(&flow(&mut events, key, FlowChange::Closed), Needs::default(), &mut out);
        }
        assert!(flows.is_empty());
        assert!(flows.queue.len() <= 1025, "{}", flows.queue.len());
        flows.observe(
            &flow(&mut events, 1, FlowChange::Established),
            Needs::default(),
            &mut out,
        );
        let now = events.now().0;
        for _ in 0..10 {
            flows.expire(BootTime(now + IDLE / 2));
        }
        assert_eq!(flows.len(), 1);
        for _ in 0..10 {
            flows.expire(BootTime(now + 2 * IDLE));
        }
        assert_eq!((flows.len(), flows.queue.len(), flows.evicted()), (0, 0, 0));
    }

    #[test]
    fn an_owner_that_was_told_once_is_remembered() {
        let mut flows = Flows::new(Limits::of(&NetworkSettings::default()));
        let (mut events, mut out) = (Synthetic::new(), Vec::new());
        let owner = flows.observe(
            &flow(&mut events, 1, FlowChange::Established),
            Needs::default(),
            &mut out,
        );
        assert_eq!(owner.pid, 700);
        let mut nobody = flow(&mut events, 1, FlowChange::Closed);
        nobody.header.process = ProcessKey::default();
        assert_eq!(flows.observe(&nobody, Needs::default(), &mut out), owner);
    }

    #[test]
    fn endpoints_of_a_synthetic_flow_are_as_given() {
        let event = flow(&mut Synthetic::new(), 3, FlowChange::Opening);
        let Body::Flow(flow) = &event.body else {
            panic!("no flow")
        };
        let Endpoints { local, remote, .. } = flow.endpoints;
        assert_eq!((local.port(), remote.to_string().as_str()), (4000, "192.0.2.1:80"));
    }
}
