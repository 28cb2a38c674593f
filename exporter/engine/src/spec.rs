//! Rules as written: the typed form of configuration, before anything is compiled.
//!
//! The program reads them from TOML (with positions, which stay there), the engine compiles them. Text of predicates stays text here.

mod network;

use serde::{Deserialize, Serialize};

use crate::event::FileOp;

pub use network::{Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection};

/// How bad. Ordered: `Info < Low < Medium < High < Critical`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// 0 points.
    Info,
    /// 10 points.
    Low,
    /// 30 points.
    Medium,
    /// 60 points.
    High,
    /// 100 points.
    Critical,
}

impl Severity {
    /// The name in configuration, alerts and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The points that a match of this severity adds unless the rule says otherwise.
    pub fn points(self) -> u32 {
        match self {
            Severity::Info => 0,
            Severity::Low => 10,
            Severity::Medium => 30,
            Severity::High => 60,
            Severity::Critical => 100,
        }
    }
}

/// Whether a rule alerts on every match (folded) or only adds points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertMode {
    /// On every match.
    #[default]
    Each,
    /// Points only.
    Score,
}

/// What every rule and watch has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Common {
    /// Unique, `[a-z0-9._-]+`.
    pub id: String,
    /// False: loaded, listed, never matched.
    pub enabled: bool,
    /// Points of a match; by severity when None.
    pub points: Option<u32>,
    /// One sentence for people; `{field}` is replaced by the field's value. A default is made from the event when None.
    pub message: Option<String>,
    /// Free tags, MITRE ATT&CK technique ids (`T1059.004`) among them.
    pub tags: Vec<String>,
    /// Matches only when true.
    pub when: Option<String>,
    /// Never matches when true.
    pub except: Option<String>,
    /// Alert on each match or score only.
    pub alert: AlertMode,
    /// Where the rule comes from, for metrics past their bound: `default`, `demo`, `local`.
    pub ruleset: String,
}

/// The events that a process rule can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessRuleEvent {
    /// exec, successful or refused.
    BinExecution,
    /// Effective uid became 0 from another, or the kernel refused that.
    RootEscalation,
    /// Ended by a signal that is a fault or with a code that is not 0.
    TerminationFailure,
}

/// `[[process.rule]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessRule {
    /// The shared part.
    pub common: Common,
    /// What it is about.
    pub event: ProcessRuleEvent,
    /// Severity when the action succeeded; None for "off".
    pub success_severity: Option<Severity>,
    /// Severity when the kernel refused it; None for "off". A termination failure has this one, or the other where this is off: nobody
    /// refuses an end.
    pub failure_severity: Option<Severity>,
    /// Executables (kernel-resolved; a directory covers what is below) that the rule never matches.
    pub skip_paths: Vec<String>,
    /// First arguments' base names are never compared; this compares the base name of the kernel-resolved executable.
    pub skip_commands: Vec<String>,
}

/// Which outcomes a watch wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Only what the kernel let through.
    Success,
    /// Only what it refused.
    Failure,
    /// Both.
    #[default]
    Any,
}

/// `[[file.watch]]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileWatch {
    /// The shared part.
    pub common: Common,
    /// Absolute path.
    pub path: String,
    /// Everything below.
    pub recursive: bool,
    /// Operations.
    pub access: Vec<FileOp>,
    /// Absolute paths (with what is below) or globs over the file's name (`*.swp`) that never match.
    pub exclude: Vec<String>,
    /// How bad.
    pub severity: Severity,
    /// Which outcomes.
    pub on: Outcome,
    /// Programs that may, with their descendants: kernel-resolved executables.
    pub skip_paths: Vec<String>,
}

/// `[score]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreSettings {
    /// Points at which a subject alerts, unless its kind has its own.
    pub threshold: u32,
    /// Nanoseconds after which half of the points are left.
    pub half_life: u64,
    /// Threshold of a lineage; None takes `threshold`.
    pub lineage_threshold: Option<u32>,
    /// Threshold of a container.
    pub container_threshold: Option<u32>,
    /// Threshold of the host.
    pub host_threshold: Option<u32>,
    /// Threshold of an HTTP transaction and of a remote address, on connections that others opened to us.
    pub incoming_threshold: Option<u32>,
    /// The same on connections that we opened.
    pub outgoing_threshold: Option<u32>,
    /// Most subjects of one kind that are remembered; the least recently raised is evicted, and counted.
    pub max_subjects: usize,
    /// Nanoseconds in which repeats are folded.
    pub fold_window: u64,
    /// Different objects of one (rule, subject) in the window before further ones join one summary.
    pub fold_after: u32,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        ScoreSettings {
            threshold: 100,
            half_life: 600_000_000_000,
            lineage_threshold: None,
            container_threshold: None,
            host_threshold: None,
            incoming_threshold: None,
            outgoing_threshold: None,
            max_subjects: 10_000,
            fold_window: 60_000_000_000,
            fold_after: 5,
        }
    }
}

/// Everything that the engine needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Specs {
    /// Process rules.
    pub process: Vec<ProcessRule>,
    /// File watches.
    pub watches: Vec<FileWatch>,
    /// Network rules.
    pub network: Vec<NetworkRule>,
    /// What holds for all network rules.
    pub network_settings: NetworkSettings,
    /// Scores and folding.
    pub score: ScoreSettings,
}
