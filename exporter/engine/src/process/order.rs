//! Which entry of the process table goes first.

use std::collections::BTreeSet;

use super::Process;
use crate::event::ProcessKey;

/// Ended before living, without children before parents, then by age: the derived order is the order of eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    living: bool,
    parent: bool,
    /// The end of an ended process, the start of a living one.
    time: u64,
    key: (u64, u32),
}

/// All entries in the order of eviction.
#[derive(Debug, Default)]
pub(super) struct Order(BTreeSet<Rank>);

impl Order {
    pub(super) fn add(&mut self, process: &Process) {
        self.0.insert(rank(process));
    }

    /// Must be called before the process changes, since its rank is made from it.
    pub(super) fn remove(&mut self, process: &Process) {
        self.0.remove(&rank(process));
    }

    /// An ended process without children whose end is not after `time`.
    pub(super) fn expired(&self, time: u64) -> Option<ProcessKey> {
        self.0
            .first()
            .filter(|rank| !rank.living && !rank.parent && rank.time <= time)
            .map(Rank::process)
    }

    /// The first to go that is not `spared`.
    pub(super) fn first_but(&self, spared: &ProcessKey) -> Option<ProcessKey> {
        self.0.iter().map(Rank::process).find(|key| key != spared)
    }
}

impl Rank {
    fn process(&self) -> ProcessKey {
        ProcessKey {
            pid: self.key.1,
            start: self.key.0,
        }
    }
}

fn rank(process: &Process) -> Rank {
    Rank {
        living: process.ended.is_none(),
        parent: process.children > 0,
        time: process.ended.map_or(process.key.start, |end| end.0),
        key: (process.key.start, process.key.pid),
    }
}
