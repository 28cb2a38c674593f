//! What the engine counts. All of it are totals since the start; a reload keeps them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    alert::Alert,
    event::{Body, BootTime, Event, FileOp, FlowChange, Sensor},
    process::TableCounters,
    rule::{RuleId, RuleSet},
    score::SubjectKind,
    spec::Severity,
};

/// Kinds of event, in the order of [`EventCounts`]: the process sensor's, then one for each [`FileOp`], then the network sensor's.
const KINDS: [(Sensor, &str); 22] = [
    (Sensor::Process, "fork"),
    (Sensor::Process, "exec"),
    (Sensor::Process, "exec_failure"),
    (Sensor::Process, "credentials"),
    (Sensor::Process, "exit"),
    (Sensor::Process, "snapshot"),
    (Sensor::File, "create"),
    (Sensor::File, "write"),
    (Sensor::File, "read"),
    (Sensor::File, "permission"),
    (Sensor::File, "delete"),
    (Sensor::File, "rename"),
    (Sensor::File, "execute"),
    (Sensor::Network, "open"),
    (Sensor::Network, "established"),
    (Sensor::Network, "refused"),
    (Sensor::Network, "close"),
    (Sensor::Network, "listen"),
    (Sensor::Network, "existing"),
    (Sensor::Network, "taken"),
    (Sensor::Network, "segment"),
    (Sensor::Network, "tls"),
];
const FIRST_FILE_KIND: usize = 6;
const FIRST_NETWORK_KIND: usize = FIRST_FILE_KIND + FileOp::ALL.len();

/// Events by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts([u64; KINDS.len()]);

impl EventCounts {
    pub(super) fn count(&mut self, event: &Event) {
        let kind = match &event.body {
            Body::Fork(_) => 0,
            Body::Exec(_) => 1,
            Body::ExecFailure(_) => 2,
            Body::Credentials(_) => 3,
            Body::Exit(_) => 4,
            Body::Snapshot(_) => 5,
            Body::File(file) => FIRST_FILE_KIND + file.op as usize,
            Body::Flow(flow) => {
                FIRST_NETWORK_KIND
                    + match flow.change {
                        FlowChange::Opening => 0,
                        FlowChange::Established => 1,
                        FlowChange::Refused(_) | FlowChange::RefusedUnseen => 2,
                        FlowChange::Closed | FlowChange::ClosedUnseen => 3,
                        FlowChange::Listening => 4,
                        FlowChange::Existing => 5,
                        FlowChange::Taken => 6,
                    }
            }
            Body::Segment(_) => FIRST_NETWORK_KIND + 7,
            Body::Tls(_) => FIRST_NETWORK_KIND + 8,
            // Made here of what was counted already.
            Body::Traffic(_) => return,
        };
        self.0[kind] += 1;
    }

    /// Every kind with its count, those at 0 included.
    pub fn iter(&self) -> impl Iterator<Item = (Sensor, &'static str, u64)> {
        KINDS
            .into_iter()
            .zip(self.0)
            .map(|((sensor, kind), count)| (sensor, kind, count))
    }

    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCounts {
    /// Its id.
    pub id: Arc<str>,
    /// Where it comes from.
    pub ruleset: Arc<str>,
    /// Matches.
    pub matches: u64,
    /// Matches that its skips or exclusions took back.
    pub skipped: u64,
    /// Matches that went into a summary instead of an alert of their own.
    pub folded: u64,
    /// Nanoseconds of its evaluation, estimated; 0 unless [`super::Engine::measure`].
    pub evaluation: u64,
    /// Matches that a silence masked, those of score-only rules among them: no points, and no alert or one that is marked.
    pub masked: u64,
}

/// A series of alerts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertSeries {
    /// The rule's id, or `score.<subject kind>`.
    pub rule: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Whose event.
    pub sensor: Sensor,
}

/// Everything that the engine counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events observed.
    pub events: EventCounts,
    /// Every loaded rule in the order of the rule set, from 0.
    pub rules: Vec<RuleCounts>,
    /// Alerts given, summaries and score alerts included: every series that the loaded rules can give, from 0.
    pub alerts: BTreeMap<AlertSeries, u64>,
    /// The same for masked alerts, given or dropped; they are not among the others. The same series, from 0.
    pub alerts_masked: BTreeMap<AlertSeries, u64>,
    /// Of each series that gave alerts, the time and the id of the last one.
    pub last_alerts: BTreeMap<AlertSeries, (BootTime, Arc<str>)>,
    /// Matches, and score alerts, that went into a summary.
    pub folded: u64,
    /// Times that a subject reached its threshold by what an alert had told already, which makes no score alert.
    pub told: u64,
    /// What the process table lost.
    pub table: TableCounters,
}

impl Counters {
    /// Makes a series for all that `rules` can give; counts of rules that were there before go on.
    pub(super) fn load(&mut self, rules: &RuleSet) {
        let before = std::mem::take(&mut self.rules).into_iter();
        let mut before: HashMap<_, _> = before.map(|counts| (counts.id.clone(), counts)).collect();
        let (mut severities, mut sensors) = (BTreeSet::new(), BTreeSet::new());
        for info in rules.rules() {
            let known = before.remove(info.id.as_str());
            let counts = known.unwrap_or_else(|| RuleCounts {
                id: Arc::from(info.id.as_str()),
                ruleset: Arc::from(info.ruleset.as_str()),
                matches: 0,
                skipped: 0,
                folded: 0,
                evaluation: 0,
                masked: 0,
            });
            if info.enabled {
                for severity in [info.success_severity, info.failure_severity].into_iter().flatten() {
                    self.series(counts.id.clone(), severity, info.sensor);
                    severities.insert(severity);
                    sensors.insert(info.sensor);
                }
            }
            self.rules.push(RuleCounts {
                ruleset: Arc::from(info.ruleset.as_str()),
                ..counts
            });
        }
        // A score alert has the severity of the worst match and the sensor of the last: any of one with any of the other.
        for (severity, sensor) in severities.iter().flat_map(|a| sensors.iter().map(move |b| (*a, *b))) {
            for kind in SubjectKind::of(sensor) {
                self.series(Arc::from(kind.rule()), severity, sensor);
            }
        }
    }

    pub(super) fn rule(&mut self, rule: RuleId) -> Option<&mut RuleCounts> {
        self.rules.get_mut(rule.index())
    }

    pub(super) fn alerts(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            let (given, masked) = self.series(Arc::from(alert.rule.as_str()), alert.severity, alert.sensor);
            if alert.masked.is_some() {
                *masked += 1;
                continue;
            }
            *given += 1;
            let series = AlertSeries {
                rule: Arc::from(alert.rule.as_str()),
                severity: alert.severity,
                sensor: alert.sensor,
            };
            self.last_alerts
                .insert(series, (alert.time, Arc::from(alert.id.as_str())));
        }
    }

    /// The series' alerts, and its masked alerts.
    fn series(&mut self, rule: Arc<str>, severity: Severity, sensor: Sensor) -> (&mut u64, &mut u64) {
        let series = AlertSeries { rule, severity, sensor };
        let masked = self.alerts_masked.entry(series.clone()).or_default();
        (self.alerts.entry(series).or_default(), masked)
    }
}
