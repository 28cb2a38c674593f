//! What Prometheus sees.
//!
//! [`Metrics`] is one handle, cheap to clone. Sensors and engine tell it totals through [`Metrics::publish`]; outputs and configuration have counters
//! of their own in it; the rest (CPU, memory) is read when somebody asks. Labels are bounded: rule, severity, sensor, stage, program, output.

mod classic;
pub mod contract;
mod costs;
pub mod document;
mod encode;
pub mod family;
mod own;
mod page;
pub mod snapshot;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use costs::Costs;
pub use own::{LostReason, OutputCounters};
pub use snapshot::Snapshot;

use crate::http::counters::HttpCounters;

/// After this long without a snapshot the engine counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// How a scrape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Classic,
}

/// What is loaded, for `lapwing_config_*`.
#[derive(Debug, Clone)]
pub struct ConfigInfo {
    /// Hash of the configuration's meaning.
    pub hash: String,
    /// `production` or `demo`.
    pub profile: &'static str,
    /// Hash of the rules' meaning.
    pub rules_hash: String,
}

/// The handle.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    own: own::Own,
}

#[derive(Debug)]
struct State {
    published: Published,
    at: Option<Instant>,
    costs: Costs,
    ready: bool,
}

/// What a scrape takes away, so that it is written without a lock.
#[derive(Debug, Clone)]
struct Published {
    snapshot: Arc<Snapshot>,
    max_rules: usize,
    /// Nanoseconds of the costliest rules and of the rest.
    costs: Arc<Vec<(Arc<str>, u64)>>,
}

impl Metrics {
    /// With nothing counted yet; `max_rules` rules get series of their own.
    pub fn new(max_rules: usize) -> Metrics {
        let costs = Costs::default();
        let state = State {
            published: Published {
                snapshot: Arc::default(),
                max_rules,
                costs: Arc::new(costs.series()),
            },
            at: None,
            costs,
            ready: false,
        };
        Metrics(Arc::new(Shared {
            state: Mutex::new(state),
            own: own::Own::default(),
        }))
    }

    /// Takes the newest totals; about once a second, which also proves that the engine is alive.
    pub fn publish(&self, snapshot: Snapshot) {
        let mut state = self.state();
        let max_rules = state.published.max_rules;
        state.costs.update(&snapshot.rules, max_rules);
        state.published.costs = Arc::new(state.costs.series());
        state.published.snapshot = Arc::new(snapshot);
        state.at = Some(Instant::now());
    }

    /// The totals published last, for `lapwing status`.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.state().published.snapshot.clone()
    }

    /// A configuration was loaded (at start or by a reload that succeeded).
    pub fn config_loaded(&self, config: ConfigInfo, max_rules: usize) {
        self.state().published.max_rules = max_rules;
        self.0.own.config_loaded(config);
    }

    /// A reload failed; the old configuration is still in force.
    pub fn config_refused(&self) {
        self.0.own.config_refused();
    }

    /// What is loaded, for `lapwing status`.
    pub fn config(&self) -> Option<ConfigInfo> {
        self.0.own.config().info
    }

    /// Whether sensors are attached and the engine runs: `/-/ready`.
    pub fn set_ready(&self, ready: bool) {
        self.state().ready = ready;
    }

    /// Why the agent is not ready, if it is not.
    pub fn unready(&self) -> Option<&'static str> {
        if !self.state().ready {
            return Some("sensors are not attached (yet)");
        }
        self.unhealthy()
    }

    /// Why the agent is not healthy, if it is not: once started, the engine must go on publishing.
    pub fn unhealthy(&self) -> Option<&'static str> {
        let silent = self.state().at.is_some_and(|at| at.elapsed() > STUCK_AFTER);
        silent.then_some("the engine has not reported for 30 seconds")
    }

    /// Shows the lost lines of the agent's own log ([`crate::log::LogHandle::lost`]).
    pub fn show_log(&self, lost: Arc<AtomicU64>) {
        self.0.own.set_log(lost);
    }

    /// The counters of an output; made at the first call, from 0.
    pub fn output(&self, name: &'static str, capacity: usize) -> Arc<OutputCounters> {
        self.0.own.output(name, capacity)
    }

    /// The counters of all outputs, for `lapwing status`.
    pub fn outputs(&self) -> Vec<Arc<OutputCounters>> {
        self.0.own.outputs()
    }

    /// The counters of the listener.
    pub fn http(&self) -> Arc<HttpCounters> {
        self.0.own.http.clone()
    }

    /// The answer to a scrape.
    pub fn encode(&self, format: Format) -> String {
        let published = self.state().published.clone();
        let text = encode::open_metrics(published, &self.0.own, format);
        match format {
            Format::OpenMetrics => text,
            Format::Classic => classic::from_open_metrics(&text),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
