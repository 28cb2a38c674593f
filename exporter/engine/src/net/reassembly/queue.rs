//! Segments that came before what precedes them.

use std::collections::VecDeque;

use super::{super::budget::Budget, Bounds};

/// What a waiting segment costs beside its bytes.
const OVERHEAD: usize = size_of::<Held>();

/// There is no room: by the connection's bounds or by the budget of all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A segment that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub start: u64,
    /// Bytes that passed.
    pub length: u64,
    /// The first of them.
    pub data: Box<[u8]>,
}

impl Held {
    fn end(&self) -> u64 {
        self.start + self.length
    }

    /// Whether both know a byte and disagree.
    fn differs(&self, start: u64, data: &[u8]) -> bool {
        let from = self.start.max(start);
        let (Some(ours), Some(theirs)) = (
            self.data.get((from - self.start) as usize..),
            data.get((from - start) as usize..),
        ) else {
            return false;
        };
        let common = ours.len().min(theirs.len());
        ours[..common] != theirs[..common]
    }
}

/// By first byte. None lies wholly within another, so that last bytes ascend as well.
#[derive(Debug, Default)]
pub(super) struct Queue {
    held: VecDeque<Held>,
    bytes: usize,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The first byte that waits.
    pub fn first(&self) -> Option<u64> {
        self.held.front().map(|held| held.start)
    }

    /// Keeps a segment by Linux' policy. True when it differs from one that waits already.
    pub fn insert(
        &mut self,
        start: u64,
        length: u64,
        data: &[u8],
        bounds: Bounds,
        budget: &mut Budget,
    ) -> Result<bool, Full> {
        let end = start + length;
        let mut at = self.held.partition_point(|held| held.start <= start);
        let before = at.checked_sub(1).and_then(|before| self.held.get(before));
        let mut differs = before.is_some_and(|before| before.differs(start, data));
        if before.is_some_and(|before| before.end() >= end) {
            budget.counters.repeated_bytes += length;
            return Ok(differs);
        }
        // The same first byte, and not the longer one: the new one takes its place.
        let replaces = before.is_some_and(|before| before.start == start);
        let mut last = at;
        while let Some(after) = self.held.get(last).filter(|after| after.start < end) {
            differs |= after.differs(start, data);
            if after.end() > end {
                break;
            }
            last += 1;
        }
        at -= usize::from(replaces);
        self.remove(at..last, budget);
        let cost = data.len() + OVERHEAD;
        if self.held.len() >= bounds.segments || self.bytes + cost > bounds.bytes || !budget.take(cost) {
            return Err(Full);
        }
        self.bytes += cost;
        self.held.insert(
            at,
            Held {
                start,
                length,
                data: data.into(),
            },
        );
        Ok(differs)
    }

    /// Whether what is in order now says something else than what waits in its place, which Linux drops for it.
    pub fn disputes(&self, start: u64, data: &[u8]) -> bool {
        let end = start + data.len() as u64;
        let mut in_reach = self.held.iter().take_while(|held| held.start < end);
        in_reach.any(|held| held.differs(start, data))
    }

    /// The first segment, when it starts at `offset` or before.
    pub fn take(&mut self, offset: u64, budget: &mut Budget) -> Option<Held> {
        if self.first()? > offset {
            return None;
        }
        let held = self.held.pop_front()?;
        self.forget(&held, budget);
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
        Some(held)
    }

    pub fn clear(&mut self, budget: &mut Budget) {
        budget.give(std::mem::take(&mut self.bytes));
        self.held = VecDeque::new();
    }

    fn remove(&mut self, range: std::ops::Range<usize>, budget: &mut Budget) {
        let mut cost = 0;
        for held in self.held.drain(range) {
            budget.counters.repeated_bytes += held.length;
            cost += held.data.len() + OVERHEAD;
        }
        self.bytes -= cost;
        budget.give(cost);
    }

    fn forget(&mut self, held: &Held, budget: &mut Budget) {
        let cost = held.data.len() + OVERHEAD;
        self.bytes -= cost;
        budget.give(cost);
    }
}
