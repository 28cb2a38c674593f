//! What the engine makes of a connection's bytes.

use super::{Bytes, Direction, Endpoints, FlowKey, FlowTotals, Way};

/// Something that a connection carried. The engine makes it from segments, so it is never in a recording: a replay makes it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Which connection; 0 where only the TLS library's object is known.
    pub flow: FlowKey,
    /// Who opened it.
    pub direction: Direction,
    /// Its ends, when known.
    pub endpoints: Option<Endpoints>,
    /// Whether it was read from a TLS library.
    pub tls: bool,
    /// What has passed so far, as far as it was seen.
    pub totals: FlowTotals,
    /// What it is.
    pub told: Told,
}

/// What a connection carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Bytes, in their order.
    Payload(Payload),
}

/// A stretch of one way of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Which way they went.
    pub way: Way,
    /// How many bytes went that way before `bytes`.
    pub offset: u64,
    /// The new bytes, after the last few that were told before: what lies across two pieces is found.
    pub bytes: Bytes,
}

impl Traffic {
    /// The number of the request with its response, where it is one of these.
    pub fn transaction(&self) -> Option<u64> {
        None
    }

    /// The name in alerts.
    pub fn name(&self) -> &'static str {
        match self.told {
            Told::Payload(_) => "tcp.payload",
        }
    }
}
