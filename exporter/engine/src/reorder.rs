//! Puts events of several rings and CPUs in order of time.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
};

use crate::event::{BootTime, Event};

/// A buffer that holds events back for a short time, so that later ones with an earlier time can go before them.
///
/// Nothing is ever dropped: an event that comes after later ones have left is let through at once and counted as late, and past the bound
/// the oldest leaves before its time is up.
#[derive(Debug)]
pub struct Reorder {
    /// By sensor, since each has a ring of its own, in which nearly all are in order: what came no earlier than the one before.
    runs: [VecDeque<Held>; 3],
    /// All others.
    heap: BinaryHeap<Reverse<Held>>,
    capacity: usize,
    window: u64,
    arrivals: u64,
    released: BootTime,
    counters: ReorderCounters,
}

/// What went through the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReorderCounters {
    /// Events pushed.
    pub pushed: u64,
    /// Events that came after a later one had left.
    pub late: u64,
    /// Events that left before their time because the buffer was full.
    pub forced: u64,
}

#[derive(Debug)]
struct Held {
    arrival: u64,
    event: Event,
}

impl Reorder {
    /// Holds back at most `capacity` events for at most `window` nanoseconds of event time.
    pub fn new(capacity: usize, window: u64) -> Reorder {
        Reorder {
            runs: Default::default(),
            heap: BinaryHeap::new(),
            capacity,
            window,
            arrivals: 0,
            released: BootTime(0),
            counters: ReorderCounters::default(),
        }
    }

    /// Takes an event.
    pub fn push(&mut self, event: Event) {
        self.counters.pushed += 1;
        self.counters.late += u64::from(event.header.time < self.released);
        let run = &mut self.runs[event.sensor() as usize];
        let held = Held {
            arrival: self.arrivals,
            event,
        };
        self.arrivals += 1;
        match run.back() {
            Some(last) if last.event.header.time > held.event.header.time => self.heap.push(Reverse(held)),
            _ => run.push_back(held),
        }
    }

    /// The earliest event, if it was held long enough or the buffer is over its bound. Call until None.
    pub fn pop_ready(&mut self, now: BootTime) -> Option<Event> {
        let (earliest, from) = self.earliest()?;
        let due = earliest <= self.watermark(now);
        if !due && self.len() <= self.capacity {
            return None;
        }
        self.counters.forced += u64::from(!due);
        self.take(from)
    }

    /// The earliest event, held long enough or not: for the end.
    pub fn pop(&mut self) -> Option<Event> {
        let (_, from) = self.earliest()?;
        self.take(from)
    }

    /// The time of the earliest event, and the run that it is in; None for the heap.
    fn earliest(&self) -> Option<(BootTime, Option<usize>)> {
        let heads = self.runs.iter().enumerate().map(|(at, run)| (run.front(), Some(at)));
        heads
            .chain([(self.heap.peek().map(|held| &held.0), None)])
            .filter_map(|(held, from)| Some((held?.order(), from)))
            .min_by_key(|(order, _)| *order)
            .map(|((time, _), from)| (time, from))
    }

    fn take(&mut self, from: Option<usize>) -> Option<Event> {
        let held = match from {
            Some(at) => self.runs.get_mut(at)?.pop_front()?,
            None => self.heap.pop()?.0,
        };
        self.released = self.released.max(held.event.header.time);
        Some(held.event)
    }

    /// The time up to which every event has left once [`Reorder::pop_ready`] gave None. This, and not the clock, is what
    /// [`Engine::tick`](crate::engine::Engine::tick) takes: the events still held back are not in the engine's past then.
    pub fn watermark(&self, now: BootTime) -> BootTime {
        BootTime(now.0.saturating_sub(self.window))
    }

    /// How many events are held.
    pub fn len(&self) -> usize {
        self.heap.len() + self.runs.iter().map(VecDeque::len).sum::<usize>()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What went through so far.
    pub fn counters(&self) -> ReorderCounters {
        self.counters
    }
}

impl Held {
    fn order(&self) -> (BootTime, u64) {
        (self.event.header.time, self.arrival)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}
