//! How full the kernel's tables are, counted now and then.

use std::time::{Duration, Instant};

use lapwing_bpf::Sensors;

use crate::metrics::snapshot::KernelTableSize;

/// A walk of a full table of connections takes some milliseconds.
const EVERY: Duration = Duration::from_secs(10);

/// What was counted last.
#[derive(Debug, Default)]
pub struct Fill {
    next: Option<Instant>,
    tables: Vec<KernelTableSize>,
}

impl Fill {
    /// The sizes, counted anew when they are ten seconds old.
    pub fn of(&mut self, sensors: &Sensors, now: Instant) -> Vec<KernelTableSize> {
        if self.next.is_none_or(|next| next <= now) {
            self.next = Some(now + EVERY);
            let size = |table: lapwing_bpf::KernelTable| KernelTableSize {
                name: table.name,
                entries: table.entries,
                capacity: table.capacity,
            };
            let counted = tokio::task::block_in_place(|| sensors.kernel_tables());
            self.tables = counted.into_iter().map(size).collect();
        }
        self.tables.clone()
    }
}
