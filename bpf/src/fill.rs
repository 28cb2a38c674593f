//! How full the kernel's tables are. They are counted by walking them in large steps, which tells an LRU table nothing of use.

use libbpf_rs::{MapCore, MapFlags};

use crate::sensors::Sensors;

/// Entries of one step: the kernel copies them out at once.
const STEP: u32 = 4096;

/// The tables that grow with what happens on the host, by the name that people read.
const TABLES: &[(&str, &str)] = &[
    ("connections", "lw_conns"),
    ("early_connections", "lw_early"),
    ("listeners", "lw_listeners"),
    ("tls_connections", "lw_tls_conns"),
    ("tls_threads", "lw_tls_threads"),
    ("credentials", "lw_remembered"),
];

/// One table of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelTable {
    /// `connections`, ...
    pub name: &'static str,
    /// Entries now.
    pub entries: u64,
    /// Most entries; the one that was not used for longest gives way.
    pub capacity: u64,
}

impl Sensors {
    /// How full the tables are that exist now; what processes that have ended left in that of TLS connections is taken out before. Each costs a walk of it, some 0.1 us an entry: ask every few seconds at most. A kernel that does
    /// not let a table be walked in steps (before 5.6) leaves it out.
    pub fn kernel_tables(&self) -> Vec<KernelTable> {
        self.census.take(&self.base);
        let fill = |(name, map): &(&'static str, &str)| {
            let map = self.base.map(map)?;
            let capacity = map.max_entries();
            let step = STEP.min(capacity).max(1);
            let entries = map.lookup_batch(step, MapFlags::ANY, MapFlags::ANY).ok()?;
            Some(KernelTable {
                name,
                // It may change while it is walked, and must not make the walk endless.
                entries: entries.take(capacity as usize).count() as u64,
                capacity: capacity.into(),
            })
        };
        TABLES.iter().filter_map(fill).collect()
    }
}
