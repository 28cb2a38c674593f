//! How to open the sensors.

use lapwing_engine::event::Flavour;

/// What the caller chooses; the default is right for production.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only this flavour, where a hook has both; for tests.
    pub flavour: Option<Flavour>,
    /// Let the kernel count runs and time of each program (45 to 60 ns a run).
    pub stats: bool,
    /// Bytes of the ring for process records: a power of two, a multiple of the page size.
    pub lifecycle_ring: u32,
    /// Bytes of the ring for file records.
    pub file_ring: u32,
    /// Bytes of the ring for network records, made once a rule needs it.
    pub network_ring: u32,
    /// Connections that the kernel remembers at once, 176 bytes each; past it the one silent longest is forgotten, which is counted
    /// (`no_memory`) when it is met again. Of TLS connections at most 16384 are remembered, 150 bytes each.
    pub connections: u32,
}

impl Default for Options {
    fn default() -> Self {
        // 16 MiB ride out scheduling gaps that make 1 MiB drop (facts.md); processes are rarer than files.
        Options {
            flavour: None,
            stats: false,
            lifecycle_ring: 8 << 20,
            file_ring: 16 << 20,
            network_ring: 16 << 20,
            connections: 65536,
        }
    }
}
