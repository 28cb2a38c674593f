//! Keeps the books of one running output: what it took is sent, lost or waiting, and nothing is counted twice.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::metrics::{LostReason, OutputCounters};

/// One running output's share of the counters, which go on over a reload.
#[derive(Debug)]
pub(super) struct Account {
    counters: Arc<OutputCounters>,
    capacity: u64,
    waiting: AtomicU64,
}

impl Account {
    /// At most `capacity` alerts wait or are on their way.
    pub(super) fn new(counters: Arc<OutputCounters>, capacity: usize) -> Arc<Account> {
        Arc::new(Account {
            counters,
            capacity: capacity as u64,
            waiting: AtomicU64::new(0),
        })
    }

    /// Hands an alert over if there is room; otherwise it is lost. What `queue` cannot take is lost too.
    pub(super) fn offer<E>(&self, queue: impl FnOnce() -> Result<(), E>) {
        let room = |waiting| (waiting < self.capacity).then_some(waiting + 1);
        self.counters.queued();
        if self.waiting.fetch_update(Relaxed, Relaxed, room).is_err() {
            self.counters.lost(LostReason::QueueFull, 1);
        } else if queue().is_err() {
            self.lost(LostReason::QueueFull, 1);
        }
    }

    /// Alerts left, this long after their events (a summary's age says nothing).
    pub(super) fn sent(&self, alerts: u64, ages: impl IntoIterator<Item = f64>) {
        if self.settle(alerts) {
            self.counters.sent(alerts);
            ages.into_iter()
                .for_each(|seconds| self.counters.observe_latency(seconds));
        }
    }

    /// Alerts will not leave.
    pub(super) fn lost(&self, reason: LostReason, alerts: u64) {
        if self.settle(alerts) {
            self.counters.lost(reason, alerts);
        }
    }

    /// An attempt failed.
    pub(super) fn error(&self) {
        self.counters.error();
    }

    /// Everything that waits is lost; what the worker reports from now on is not counted any more.
    pub(super) fn abandon(&self) -> u64 {
        let left = self.waiting.swap(0, Relaxed);
        self.counters.lost(LostReason::Shutdown, left);
        left
    }

    /// False for alerts that were abandoned before.
    fn settle(&self, alerts: u64) -> bool {
        self.waiting
            .fetch_update(Relaxed, Relaxed, |waiting| waiting.checked_sub(alerts))
            .is_ok()
    }
}
