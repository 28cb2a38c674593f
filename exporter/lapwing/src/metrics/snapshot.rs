//! What the other threads tell the metrics, as plain totals.
//!
//! The engine thread fills one [`Snapshot`] about once a second and publishes it with [`super::Metrics::publish`]; a scrape reads the last one.
//! All counts are totals since the start of the agent, never differences.

use std::{sync::Arc, time::SystemTime};

use lapwing_engine::{event::Sensor, spec::Severity};
use serde::Serialize;

use crate::{alertmanager::PollState, unwatched::Unwatched};

/// Everything that the metrics show of the sensors and the engine.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Snapshot {
    /// Events that reached the engine, by sensor and kind; list every kind from the start, at 0.
    pub events: Vec<EventCount>,
    /// What was not seen or not judged, by sensor and stage (`ring_full`, `busy`, `recursion`, `decode`, `queue_full`, ...), from 0.
    pub losses: Vec<LossCount>,
    /// Events that the agent itself caused, excluded by design.
    pub self_excluded: u64,
    /// Every loaded rule in the order of the rule set, also those that never matched.
    pub rules: Vec<RuleCount>,
    /// Alerts by rule, severity and sensor: every combination that a loaded rule can give, from 0, and the score alerts.
    pub alerts: Vec<AlertCount>,
    /// Matches that went into a summary instead of an alert of their own.
    pub folded: u64,
    /// The highest score of each kind of subject.
    pub scores: Vec<ScoreMax>,
    /// What silences do.
    pub silences: Silences,
    /// How long nobody watched before this agent started; None where no earlier run is known.
    pub unwatched: Option<Unwatched>,
    /// Ends of connections that no hook was told of, told late.
    pub ended_late: u64,
    /// Events that came too late to be put in order.
    pub late: u64,
    /// Events that reached the engine, but not all that belongs to them, by what is lacking, from 0.
    pub incomplete: Vec<IncompleteCount>,
    /// Bounded queues between the threads (the outputs' queues are known already).
    pub queues: Vec<QueueDepth>,
    /// Bounded tables of the engine (`processes`, `subjects`, `folds`).
    pub tables: Vec<TableSize>,
    /// Tables of the kernel's side, some seconds old.
    pub kernel_tables: Vec<KernelTableSize>,
    /// Hooks that the rules need and that are attached in no flavour.
    pub unattached: u64,
    /// What was read of connections.
    pub network: NetworkTotals,
    /// Sensors and their state.
    pub sensors: Vec<SensorInfo>,
    /// Hooks and their state, as `lapwing probes` shows them.
    pub hooks: Vec<HookInfo>,
    /// BPF programs and what they cost.
    pub programs: Vec<ProgramCount>,
    /// Silences of Alertmanager in detail, for `lapwing status`.
    pub alertmanager: PollState,
    /// Bytes of all BPF maps.
    pub map_memory: u64,
}

/// Events of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct EventCount {
    /// Whose.
    pub sensor: Sensor,
    /// `exec`, `fork`, `create`, ...
    pub kind: &'static str,
    /// How many.
    pub count: u64,
}

/// Losses at one stage.
#[derive(Debug, Clone, Serialize)]
pub struct LossCount {
    /// Whose.
    pub sensor: Sensor,
    /// Where.
    pub stage: &'static str,
    /// How many.
    pub count: u64,
}

/// Events of which something is not known.
#[derive(Debug, Clone, Serialize)]
pub struct IncompleteCount {
    /// `process_unknown`, `exit_unseen`, `path_unresolved`.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// One loaded rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleCount {
    /// Its id.
    pub id: Arc<str>,
    /// Where it comes from: counts past `metrics.max_rules` are added up under it.
    pub ruleset: Arc<str>,
    /// Matches.
    pub matches: u64,
    /// Matches that `skip_paths`, `skip_commands`, `exclude` or `except` took back.
    pub skipped: u64,
    /// Matches that a silence masked.
    pub masked: u64,
    /// Estimated nanoseconds of its evaluation.
    pub evaluation: u64,
}

/// Alerts of one rule, severity and sensor.
#[derive(Debug, Clone, Serialize)]
pub struct AlertCount {
    /// The rule's id, or `score.<subject kind>`.
    pub rule: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Whose event.
    pub sensor: Sensor,
    /// How many that no silence masked.
    pub count: u64,
    /// How many that a silence masked.
    pub masked: u64,
    /// Whether one came within `metrics.active_for`.
    pub active: bool,
    /// When the last one's event happened, seconds since 1970; 0 for none.
    pub last: f64,
    /// The last one since the start.
    #[serde(skip)]
    pub exemplar: Option<AlertRef>,
}

/// Where to look an alert up.
#[derive(Debug, Clone)]
pub struct AlertRef {
    /// Its id.
    pub id: Arc<str>,
    /// When its event happened.
    pub at: SystemTime,
}

/// The highest score of a kind of subject.
#[derive(Debug, Clone, Serialize)]
pub struct ScoreMax {
    /// `lineage`, `container`, `host`.
    pub subject_kind: &'static str,
    /// Points now.
    pub points: f64,
}

/// What is known of Alertmanager's silences.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Silences {
    /// Alertmanagers that are configured; 0 is off.
    pub peers: u64,
    /// Silences that mask now.
    pub active: u64,
    /// Silences that will.
    pub pending: u64,
    /// Silences that mask nothing here, by reason.
    pub refused: Vec<(&'static str, u64)>,
    /// Silences in force that cover critical alerts.
    pub hiding_critical: u64,
    /// Polls that succeeded.
    pub polls: u64,
    /// Polls that failed.
    pub poll_failures: u64,
    /// When the last one succeeded, seconds since 1970; 0 for never.
    pub last_poll: f64,
    /// How long the last attempt took.
    pub poll_seconds: f64,
}

/// A bounded queue.
#[derive(Debug, Clone, Serialize)]
pub struct QueueDepth {
    /// Which: `events`.
    pub name: &'static str,
    /// Items in it now.
    pub length: u64,
    /// Most items that fit.
    pub capacity: u64,
}

/// A bounded table.
#[derive(Debug, Clone, Serialize)]
pub struct TableSize {
    /// Which: `processes`, `subjects`, `folds`.
    pub name: &'static str,
    /// Entries now.
    pub entries: u64,
    /// Most entries.
    pub capacity: u64,
    /// Entries pushed out because it was full, in total.
    pub evicted: u64,
}

/// A table of the kernel's side.
#[derive(Debug, Clone, Serialize)]
pub struct KernelTableSize {
    /// Which: `connections`, ...
    pub name: &'static str,
    /// Entries when it was last counted.
    pub entries: u64,
    /// Most entries.
    pub capacity: u64,
}

/// What was read of connections. All of them only grow.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NetworkTotals {
    /// Bytes by what became of them: `read`, `repeated`, `missing`, `not_kept`.
    pub bytes: Vec<(&'static str, u64)>,
    /// Messages by kind: `request`, `response`.
    pub messages: Vec<(&'static str, u64)>,
    /// Files whose TLS functions are probed now.
    pub tls_objects: u64,
}

/// A sensor.
#[derive(Debug, Clone, Serialize)]
pub struct SensorInfo {
    /// Which.
    pub sensor: Sensor,
    /// How it is.
    pub state: SensorState,
    /// Flavours that at least one of its hooks is attached in.
    pub flavours: Vec<&'static str>,
}

/// How a sensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SensorState {
    /// Everything that the rules need is attached.
    Ok,
    /// Something that they need could not be attached.
    Degraded,
    /// Attached, and shown not to deliver.
    Silent,
    /// No rule needs it.
    Off,
}

impl SensorState {
    /// All of them.
    pub const ALL: [SensorState; 4] = [
        SensorState::Ok,
        SensorState::Degraded,
        SensorState::Silent,
        SensorState::Off,
    ];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            SensorState::Ok => "ok",
            SensorState::Degraded => "degraded",
            SensorState::Silent => "silent",
            SensorState::Off => "off",
        }
    }
}

/// A hook.
#[derive(Debug, Clone, Serialize)]
pub struct HookInfo {
    /// Whose.
    pub sensor: Sensor,
    /// Its name.
    pub hook: String,
    /// `function` or `syscall`.
    pub flavour: &'static str,
    /// `attached`, `not_needed`, `refused`.
    pub state: &'static str,
}

/// A BPF program.
#[derive(Debug, Clone, Serialize)]
pub struct ProgramCount {
    /// Its name.
    pub name: String,
    /// Runs (0 unless BPF statistics are on).
    pub runs: u64,
    /// Nanoseconds spent in it (0 unless BPF statistics are on).
    pub nanoseconds: u64,
    /// Runs that the kernel skipped because the program was running on that CPU already.
    pub recursion_misses: u64,
}
