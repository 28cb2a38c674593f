//! Says once that an output fails, and once that it works again: a log line for each alert would drown what matters.

use std::time::{Duration, Instant};

/// A failure that lasts is said again after this time.
const REMIND: Duration = Duration::from_secs(300);

/// The state of one output, as its log tells it.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    since: Option<Instant>,
    said: Option<Instant>,
    lost: u64,
}

impl Trouble {
    /// Something failed; `lost` alerts are lost by it (0 when they are kept and tried again).
    pub(super) fn failed(&mut self, output: &str, why: &dyn std::fmt::Display, lost: u64) {
        let now = Instant::now();
        self.since.get_or_insert(now);
        self.lost += lost;
        if self.said.is_none_or(|at| now - at > REMIND) {
            self.said = Some(now);
            tracing::error!(output, lost = self.lost, "alerts do not leave by this output: {why}");
        }
    }

    /// It worked.
    pub(super) fn worked(&mut self, output: &str) {
        if let Some(since) = self.since.take() {
            let seconds = since.elapsed().as_secs_f64();
            tracing::info!(output, lost = self.lost, seconds, "alerts leave by this output again");
            *self = Trouble::default();
        }
    }
}
