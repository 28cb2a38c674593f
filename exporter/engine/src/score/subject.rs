//! Who a match is held against.

use crate::event::{Bytes, ProcessKey};

/// The kinds of subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A login session, a service or what descends from it: see [`crate::process`].
    Lineage,
    /// A container.
    Container,
    /// The host.
    Host,
}

impl SubjectKind {
    /// All of them, the narrowest first.
    pub const ALL: [SubjectKind; 3] = [SubjectKind::Lineage, SubjectKind::Container, SubjectKind::Host];

    /// The name in alerts.
    pub fn name(self) -> &'static str {
        match self {
            SubjectKind::Lineage => "lineage",
            SubjectKind::Container => "container",
            SubjectKind::Host => "host",
        }
    }

    /// The rule id of its score alerts.
    pub fn rule(self) -> &'static str {
        match self {
            SubjectKind::Lineage => "score.lineage",
            SubjectKind::Container => "score.container",
            SubjectKind::Host => "score.host",
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
}

impl Subject {
    pub(crate) fn kind(&self) -> SubjectKind {
        match self {
            Subject::Lineage(_) => SubjectKind::Lineage,
            Subject::Container(_) => SubjectKind::Container,
            Subject::Host => SubjectKind::Host,
        }
    }
}
