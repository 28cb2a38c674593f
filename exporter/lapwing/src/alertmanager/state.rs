//! What the poller says of itself, for metrics and `lapwing status`.

use std::collections::BTreeMap;

use serde::Serialize;

/// Most refused silences that are named one by one.
pub(super) const MAX_NAMED: usize = 100;

/// How the request of a silences list can end, as the metric's label has it.
pub const RESULTS: [&str; 5] = ["success", "setup", "unreachable", "refused", "malformed"];

/// Why a silence is refused before the engine looks at it, as metrics and `lapwing mask list` name it, with what it means.
pub const WIRE_REASONS: [(&str, &str); 3] = [
    ("malformed", "it is not what Alertmanager's API describes"),
    ("bad_time", "its start or end is no date, or it ends before it starts"),
    (
        "too_large",
        "it has more than 64 matchers, or one of more than 4096 bytes",
    ),
];

/// The state of polling; totals since the start of the agent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PollState {
    /// Peers that are configured; 0 is off.
    pub peers: u64,
    /// Requests by how they ended ([`RESULTS`]), every one from 0.
    pub polls: BTreeMap<&'static str, u64>,
    /// When a peer answered last, in seconds since 1970; None before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<f64>,
    /// How long the last request took, in seconds.
    pub last_duration: f64,
    /// The peer that answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why the last cycle gave nothing, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Silences in force.
    pub active: u64,
    /// Silences that are to come.
    pub pending: u64,
    /// Silences that mask nothing, by reason, now: every reason from 0.
    pub refused: BTreeMap<&'static str, u64>,
    /// The first hundred of them.
    pub refused_silences: Vec<RefusedSilence>,
}

/// A silence that masks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedSilence {
    /// Its id.
    pub id: String,
    /// The metric's label.
    pub reason: &'static str,
    /// What exactly, escaped.
    pub detail: String,
}

impl PollState {
    /// With everything at 0.
    pub(super) fn new(peers: u64) -> PollState {
        let mut state = PollState {
            peers,
            polls: RESULTS.map(|result| (result, 0)).into(),
            ..PollState::default()
        };
        state.set_refused(Vec::new());
        state
    }

    pub(super) fn set_refused(&mut self, refused: Vec<RefusedSilence>) {
        let reasons = lapwing_engine::mask::REASONS.iter().chain(&WIRE_REASONS);
        self.refused = reasons.map(|(reason, _)| (*reason, 0)).collect();
        for silence in &refused {
            *self.refused.entry(silence.reason).or_default() += 1;
        }
        self.refused_silences = refused;
        self.refused_silences.truncate(MAX_NAMED);
    }
}
