//! Who a match is held against.

use std::net::IpAddr;

use crate::event::{Bytes, Direction, ProcessKey, Sensor};

/// The kinds of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A login session, a service or what descends from it: see [`crate::process`].
    Lineage,
    /// A container.
    Container,
    /// The host.
    Host,
    /// An HTTP request with its response.
    Transaction,
    /// A remote address; of IPv6 its /64.
    Remote,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [SubjectKind; 5] = [
        SubjectKind::Lineage,
        SubjectKind::Container,
        SubjectKind::Host,
        SubjectKind::Transaction,
        SubjectKind::Remote,
    ];

    /// Those that a match of this sensor can be held against.
    pub fn of(sensor: Sensor) -> &'static [SubjectKind] {
        match sensor {
            Sensor::Process | Sensor::File => &SubjectKind::ALL[..3],
            Sensor::Network => &SubjectKind::ALL,
        }
    }

    /// The name in alerts.
    pub fn name(self) -> &'static str {
        match self {
            SubjectKind::Lineage => "lineage",
            SubjectKind::Container => "container",
            SubjectKind::Host => "host",
            SubjectKind::Transaction => "transaction",
            SubjectKind::Remote => "remote",
        }
    }

    /// The rule id of its score alerts.
    pub fn rule(self) -> &'static str {
        match self {
            SubjectKind::Lineage => "score.lineage",
            SubjectKind::Container => "score.container",
            SubjectKind::Host => "score.host",
            SubjectKind::Transaction => "score.transaction",
            SubjectKind::Remote => "score.remote",
        }
    }
}

/// One subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// By the root of the lineage.
    Lineage(ProcessKey),
    /// By the container's id.
    Container(Bytes),
    /// There is one.
    Host,
    /// By its number.
    Transaction(u64, Direction),
    /// By address, or by the first of the /64; who opened the connection has its own threshold.
    Remote(IpAddr, Direction),
}

impl Subject {
    pub(crate) fn kind(&self) -> SubjectKind {
        match self {
            Subject::Lineage(_) => SubjectKind::Lineage,
            Subject::Container(_) => SubjectKind::Container,
            Subject::Host => SubjectKind::Host,
            Subject::Transaction(..) => SubjectKind::Transaction,
            Subject::Remote(..) => SubjectKind::Remote,
        }
    }
}
