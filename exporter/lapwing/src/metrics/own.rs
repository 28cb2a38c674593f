//! Counters that the program itself keeps: outputs, configuration, latency. Each alert offered to an output is sent, lost or still queued.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::metrics::histogram::Histogram;

use super::ConfigInfo;
use crate::http::counters::HttpCounters;

/// Finest around the aims (a median under 25 ms, 99 of 100 under 100 ms); a collector that is down makes an alert a minute late.
const LATENCY_BUCKETS: [f64; 18] = [
    0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// Why an alert did not leave by an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostReason {
    /// The output's queue was full.
    QueueFull,
    /// It could not be written, or not in full.
    WriteError,
    /// The receiver refused it for good.
    Rejected,
    /// The receiver's answer does not say whether it was taken.
    Unconfirmed,
    /// It was still waiting when the agent had to end.
    Shutdown,
}

impl LostReason {
    /// All of them.
    pub const ALL: [LostReason; 5] = [
        LostReason::QueueFull,
        LostReason::WriteError,
        LostReason::Rejected,
        LostReason::Unconfirmed,
        LostReason::Shutdown,
    ];

    /// The label's value.
    pub fn name(self) -> &'static str {
        match self {
            LostReason::QueueFull => "queue_full",
            LostReason::WriteError => "write_error",
            LostReason::Rejected => "rejected",
            LostReason::Unconfirmed => "unconfirmed",
            LostReason::Shutdown => "shutdown",
        }
    }
}

/// What one output did with the alerts offered to it.
#[derive(Debug)]
pub struct OutputCounters {
    /// `json`, `otlp`.
    pub name: &'static str,
    /// Most alerts that wait.
    pub capacity: usize,
    queued: AtomicU64,
    sent: AtomicU64,
    errors: AtomicU64,
    lost: [AtomicU64; LostReason::ALL.len()],
    pub(super) latency: Histogram,
}

impl OutputCounters {
    fn new(name: &'static str, capacity: usize) -> OutputCounters {
        OutputCounters {
            name,
            capacity,
            queued: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            lost: Default::default(),
            latency: Histogram::new(LATENCY_BUCKETS),
        }
    }

    /// An alert was taken into the queue.
    pub fn queued(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    /// Queued alerts were written or acknowledged.
    pub fn sent(&self, alerts: u64) {
        self.sent.fetch_add(alerts, Relaxed);
        self.queued.fetch_sub(alerts, Relaxed);
    }

    /// Queued alerts were lost.
    pub fn lost(&self, reason: LostReason, alerts: u64) {
        self.lost[reason as usize].fetch_add(alerts, Relaxed);
        self.queued.fetch_sub(alerts, Relaxed);
    }

    /// An attempt failed, whether or not it is repeated.
    pub fn error(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// Alerts that wait or are on their way.
    pub fn waiting(&self) -> u64 {
        self.queued.load(Relaxed)
    }

    /// Alerts written or acknowledged.
    pub fn total_sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Attempts that failed.
    pub fn total_errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// Alerts lost for this reason.
    pub fn total_lost(&self, reason: LostReason) -> u64 {
        self.lost[reason as usize].load(Relaxed)
    }
}

/// What is loaded and how the last attempt to load went.
#[derive(Debug, Default, Clone)]
pub(super) struct ConfigState {
    pub(super) info: Option<ConfigInfo>,
    pub(super) loaded_at: f64,
    pub(super) last_succeeded: bool,
    pub(super) loads: u64,
    pub(super) refusals: u64,
}

#[derive(Debug, Default)]
pub(super) struct Own {
    outputs: Mutex<Vec<Arc<OutputCounters>>>,
    log_lines_lost: Mutex<Arc<AtomicU64>>,
    config: Mutex<ConfigState>,
    pub(super) http: Arc<HttpCounters>,
}

impl Own {
    pub(super) fn output(&self, name: &'static str, capacity: usize) -> Arc<OutputCounters> {
        let mut outputs = lock(&self.outputs);
        if let Some(known) = outputs.iter().find(|o| o.name == name) {
            return known.clone();
        }
        let counters = Arc::new(OutputCounters::new(name, capacity));
        outputs.push(counters.clone());
        counters
    }

    pub(super) fn outputs(&self) -> Vec<Arc<OutputCounters>> {
        lock(&self.outputs).clone()
    }

    pub(super) fn set_log(&self, lost: Arc<AtomicU64>) {
        *lock(&self.log_lines_lost) = lost;
    }

    pub(super) fn log_lines_lost(&self) -> u64 {
        lock(&self.log_lines_lost).load(Relaxed)
    }

    pub(super) fn config(&self) -> ConfigState {
        lock(&self.config).clone()
    }

    pub(super) fn config_loaded(&self, info: ConfigInfo) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut config = lock(&self.config);
        config.info = Some(info);
        config.loaded_at = now.as_secs_f64();
        config.last_succeeded = true;
        config.loads += 1;
    }

    pub(super) fn config_refused(&self) {
        let mut config = lock(&self.config);
        config.last_succeeded = false;
        config.refusals += 1;
    }
}

impl OutputCounters {
    /// Seconds from the event in the kernel to its alert being written or acknowledged.
    pub fn observe_latency(&self, seconds: f64) {
        self.latency.observe(seconds);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
