//! What the engine's tests share: rules in a line, and an engine that collects its alerts.
#![allow(dead_code, clippy::expect_used, reason = "no test uses all of it; it is test code")]

use std::sync::Arc;

use lapwing_engine::{
    alert::Alert,
    engine::{Engine, Settings},
    event::{BootTime, Event, FileOp},
    rule::RuleSet,
    spec::{AlertMode, Common, FileWatch, Outcome, ProcessRule, ProcessRuleEvent, Severity, Specs},
    synthetic::Synthetic,
};

pub const SECOND: u64 = 1_000_000_000;

pub fn common(id: &str) -> Common {
    Common {
        id: id.to_owned(),
        enabled: true,
        points: None,
        message: None,
        tags: vec![format!("tag-{id}")],
        when: None,
        except: None,
        alert: AlertMode::Each,
        ruleset: "test".to_owned(),
    }
}

/// A recursive watch for everything.
pub fn watch(id: &str, path: &str, severity: Severity) -> FileWatch {
    FileWatch {
        common: common(id),
        path: path.to_owned(),
        recursive: true,
        access: FileOp::ALL.to_vec(),
        exclude: Vec::new(),
        severity,
        on: Outcome::Any,
        skip_paths: Vec::new(),
    }
}

/// The same with points of its own.
pub fn watch_points(id: &str, path: &str, points: u32, alert: AlertMode) -> FileWatch {
    let mut watch = watch(id, path, Severity::Medium);
    (watch.common.points, watch.common.alert) = (Some(points), alert);
    watch
}

pub fn process_rule(id: &str, event: ProcessRuleEvent, severity: Severity) -> ProcessRule {
    ProcessRule {
        common: common(id),
        event,
        success_severity: Some(severity),
        failure_severity: Some(severity),
        skip_paths: Vec::new(),
        skip_commands: Vec::new(),
    }
}

pub fn compile(specs: &Specs) -> Arc<RuleSet> {
    Arc::new(RuleSet::compile(specs).expect("the test's rules are right"))
}

/// An engine with its alerts.
pub struct Run {
    pub engine: Engine,
    pub alerts: Vec<Alert>,
}

impl Run {
    pub fn new(specs: Specs) -> Run {
        // Scores of the host would add alerts to every test; those that are about them set it.
        let mut score = specs.score.clone();
        score.host_threshold = score.host_threshold.or(Some(1_000_000_000));
        Run::with(
            &specs,
            Settings {
                score,
                hostname: "testhost".to_owned(),
                ..Settings::default()
            },
        )
    }

    pub fn with(specs: &Specs, settings: Settings) -> Run {
        Run {
            engine: Engine::new(compile(specs), settings),
            alerts: Vec::new(),
        }
    }

    pub fn observe(&mut self, events: &[Event]) -> &mut Run {
        for event in events {
            self.engine.observe(event, &mut self.alerts);
        }
        self
    }

    pub fn tick(&mut self, now: BootTime) -> &mut Run {
        self.engine.tick(now, &mut self.alerts);
        self
    }

    /// The rules of the alerts since the last call.
    pub fn rules(&mut self) -> Vec<String> {
        self.take().into_iter().map(|alert| alert.rule).collect()
    }

    pub fn take(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.alerts)
    }
}

/// init, and a shell (pid 10) of a login session.
pub fn shell() -> Synthetic {
    let mut stream = Synthetic::new();
    stream
        .snapshot(1, 0, "/sbin/init")
        .snapshot_with(10, 1, "/bin/bash", |process| {
            process.session = 3;
            process.sid = 10;
        });
    stream
}
