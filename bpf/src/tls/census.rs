//! What the kernel's table of TLS connections forgot. Nothing tells of an entry that gives way to another, nor of a process that ends without
//! ending its connections: so what was made is compared with what is there, and what belongs to nobody any more is taken out.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use lapwing_engine::event::ProcessKey;
use libbpf_rs::{MapCore as _, MapFlags};

use crate::{
    base::Base,
    seed::is_still,
    wire::{lw_tls_conn, lw_tls_key, lw_tls_tally, view},
};

/// Entries of one step of a walk.
const STEP: u32 = 4096;

/// Counts since the start. They outlive the probes, as the tables do.
#[derive(Debug, Default)]
pub(crate) struct Census {
    evicted: AtomicU64,
    /// What the last look took for evicted: an entry that was just freed, and not counted as that yet, looks like one.
    looked: AtomicU64,
    untold: AtomicU64,
    freed: AtomicU64,
}

impl Census {
    /// Connections that gave way to others since the table is too small. What passed of them untold is lost, and they are begun anew.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Connections of processes that ended before it was told how much had passed without being copied (16 MiB at most, each way).
    pub fn untold(&self, base: &Base) -> u64 {
        self.untold.load(Relaxed) + tally(base, lw_tls_tally::LW_TLS_UNTOLD)
    }

    /// Looks through the table, and takes out what belongs to processes that have ended.
    pub fn take(&self, base: &Base) {
        let Some(conns) = base.map("lw_tls_conns") else { return };
        // In this order nothing that was made since, or freed meanwhile, looks evicted.
        let made = tally(base, lw_tls_tally::LW_TLS_MADE);
        let Ok(walk) = conns.lookup_batch(STEP, MapFlags::ANY, MapFlags::ANY) else {
            return;
        };
        let entries: Vec<(Vec<u8>, Vec<u8>)> = walk.take(conns.max_entries() as usize).collect();
        let freed = tally(base, lw_tls_tally::LW_TLS_FREED) + self.freed.load(Relaxed);
        let evicted = made.saturating_sub(freed + entries.len() as u64);
        let before = self.looked.swap(evicted, Relaxed);
        self.evicted.fetch_max(evicted.min(before), Relaxed);

        let mut alive: HashMap<ProcessKey, bool> = HashMap::new();
        for (key, conn) in entries {
            let (Some(of), Some(conn)) = (view::<lw_tls_key>(&key), view::<lw_tls_conn>(&conn)) else {
                continue;
            };
            let process = ProcessKey {
                pid: of.pid as u32,
                start: conn.start,
            };
            if !*alive.entry(process).or_insert_with(|| is_still(process)) && conns.delete(&key).is_ok() {
                self.freed.fetch_add(1, Relaxed);
                self.untold.fetch_add((conn.skipped != [0; 2]).into(), Relaxed);
            }
        }
    }
}

fn tally(base: &Base, which: lw_tls_tally) -> u64 {
    let tallies = base.map("lw_tls_tallies");
    let found = tallies.and_then(|tallies| tallies.lookup(&which.0.to_ne_bytes(), MapFlags::ANY).ok().flatten());
    let bytes = found.as_deref().and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_ne_bytes)
}
