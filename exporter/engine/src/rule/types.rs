//! What rules are known by and what they give.

use super::{Sifted, meter::Meter, network::Held};
use crate::{
    alert::ActionResult,
    event::{Bytes, Sensor},
    field::Scratch,
    spec::{AlertMode, Severity},
};

/// A rule of a [`RuleSet`](super::RuleSet): the index into [`RuleSet::rules`](super::RuleSet::rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

impl RuleId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What others need to know of a rule: to list it, count it, show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The id in the configuration.
    pub id: String,
    /// Where it comes from.
    pub ruleset: String,
    /// The sensor whose events it judges.
    pub sensor: Sensor,
    /// False: never matches.
    pub enabled: bool,
    /// Severity of a match on an action that succeeded; None when it does not match those.
    pub success_severity: Option<Severity>,
    /// Severity of a match on an action that was refused; None when it does not match those.
    pub failure_severity: Option<Severity>,
    /// Points of a match when not those of its severity.
    pub points: Option<u32>,
    /// Whether it alerts on each match or only adds points.
    pub alert: AlertMode,
    /// Its tags.
    pub tags: Vec<String>,
}

/// One rule matched one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: RuleId,
    /// How bad.
    pub severity: Severity,
    /// Points to add.
    pub points: u32,
    /// Whether the kernel let the action through.
    pub result: ActionResult,
    /// The static event name of the alert: `file.create`, `process.exec`, ...
    pub event: &'static str,
    /// What folding compares: the file, the executable, the other end of a connection.
    pub object: Bytes,
    /// Against whom it is held.
    pub held: Held,
}

/// What [`RuleSet::evaluate`](super::RuleSet::evaluate) found in one event. Kept by the caller and used again for the next.
#[derive(Debug, Default)]
pub struct Matches {
    /// The matches.
    pub findings: Vec<Finding>,
    /// Rules that would have matched but for `skip_paths` or `skip_commands`.
    pub skipped: Vec<RuleId>,
    /// Nanoseconds of the rules that were evaluated, if this event was one of those that are timed.
    pub(crate) laps: Vec<(RuleId, u64)>,
    pub(super) candidates: Vec<u32>,
    pub(super) scratch: Scratch,
    pub(super) sifted: Sifted,
    pub(super) meter: Option<Meter>,
}

impl Matches {
    pub(super) fn clear(&mut self) {
        self.findings.clear();
        self.skipped.clear();
        self.laps.clear();
        self.candidates.clear();
    }

    /// Times a sample of the events from now on.
    pub(crate) fn measure(&mut self, stopwatch: fn() -> u64) {
        self.meter = Some(Meter::new(stopwatch));
    }
}

/// A problem of a rule as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule:?}: {key}: {message}; {help}")]
pub struct RuleError {
    /// The rule's id, as written.
    pub rule: String,
    /// The key of the rule that is wrong: `when`, `path`, ...
    pub key: &'static str,
    /// The byte of that string where it is wrong, where that is known.
    pub offset: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}
