//! What the listener counts of itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Every status that a request can get.
pub const CODES: [&str; 6] = ["200", "401", "404", "405", "429", "503"];

/// Totals since the start.
#[derive(Debug, Default)]
pub struct HttpCounters {
    requests: [AtomicU64; CODES.len()],
    handshakes_failed: AtomicU64,
    reads: [AtomicU64; 2],
    broken: AtomicBool,
}

impl HttpCounters {
    pub(super) fn answered(&self, code: &str) {
        if let Some(index) = CODES.iter().position(|known| *known == code) {
            self.requests[index].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// The web configuration changed and was read again, for good or in vain.
    pub(super) fn config_read(&self, good: bool) {
        self.reads[usize::from(good)].fetch_add(1, Relaxed);
        self.broken.store(!good, Relaxed);
    }

    /// Requests answered, by status, from 0.
    pub fn requests(&self) -> [(&'static str, u64); CODES.len()] {
        std::array::from_fn(|index| (CODES[index], self.requests[index].load(Relaxed)))
    }

    /// Connections that ended before the first request because TLS or the client's certificate did not work out.
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Relaxed)
    }

    /// Changes of the web configuration that were taken over, and that were refused.
    pub fn config_reads(&self) -> (u64, u64) {
        (self.reads[1].load(Relaxed), self.reads[0].load(Relaxed))
    }

    /// Whether the web configuration on the disk is the one in force.
    pub fn config_good(&self) -> bool {
        !self.broken.load(Relaxed)
    }
}
