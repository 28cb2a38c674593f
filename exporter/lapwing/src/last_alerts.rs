//! When each series of alerts had its last match, kept over a restart: a restart must not resolve what is firing.
//!
//! Nothing else that is counted is kept. A total that is restored too low after a crash would look like a reset, and everything would count twice.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lapwing_engine::{
    engine::{ActiveSeries, AlertSeries},
    event::{BootTime, Sensor},
    spec::Severity,
};
use serde::{Deserialize, Serialize};

use crate::state_dir::{StateDir, StateError};

const NAME: &str = "last-alerts.json";
/// Of this layout.
const FORMAT: u32 = 1;
/// Of the file: 25,000 rules with two severities each are a fifth of it.
const MAX_FILE: u64 = 32 << 20;
/// A series that becomes active is worth a write soon, since a crash would resolve it.
const SOON: Duration = Duration::from_secs(2);
/// Another time in a series that is active already is not.
const LATER: Duration = Duration::from_secs(30);

/// Why the file is not used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{0}")]
    State(#[from] StateError),
    #[error("{path} is refused: {why}; it is written anew with the next alert")]
    Damaged { path: String, why: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: u32,
    series: Vec<SavedSeries>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSeries {
    rule: String,
    severity: Severity,
    sensor: Sensor,
    /// Nanoseconds since 1970.
    last: u64,
    active: bool,
}

/// The last match of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    /// As the engine told it; None for what an earlier run of the agent saw.
    boot: Option<BootTime>,
    /// Nanoseconds since 1970.
    unix: u64,
    active: bool,
}

/// The times, and the directory that keeps them where there is one.
#[derive(Debug)]
pub struct LastAlerts {
    state: Option<StateDir>,
    series: BTreeMap<AlertSeries, Last>,
    /// Matches up to here are known from an earlier run.
    since: BootTime,
    /// What has changed is to be written then.
    due: Option<Instant>,
    trouble: bool,
}

impl LastAlerts {
    /// Reads what an earlier run of the agent kept; a file that cannot be used is told in the log. `now` and `unix` are the same moment.
    pub fn load(state: Option<StateDir>, now: BootTime, unix: u64) -> LastAlerts {
        let saved = match state.as_ref().map(read).transpose() {
            Ok(saved) => saved.unwrap_or_default(),
            Err(error) => {
                tracing::warn!("which alerts are active is not known from before: {error}");
                Vec::new()
            }
        };
        let series = saved.into_iter().map(|saved| {
            let last = Last {
                boot: None,
                // Somebody has set the clock back: it cannot have been later than now.
                unix: saved.last.min(unix),
                active: saved.active,
            };
            let series = AlertSeries {
                rule: saved.rule.into(),
                severity: saved.severity,
                sensor: saved.sensor,
            };
            (series, last)
        });
        LastAlerts {
            state,
            series: series.collect(),
            since: now,
            due: None,
            trouble: false,
        }
    }

    /// What was active when it was written, with the boot time of its last match, for [`lapwing_engine::engine::Engine::restore_active`]. What
    /// happened before this boot is told as of its beginning, for there is no earlier boot time: it is held longer by the time between.
    pub fn active(&self, unix: u64, active_for: Duration) -> impl Iterator<Item = (AlertSeries, BootTime)> {
        self.series
            .iter()
            .filter(|(_, last)| last.active)
            .filter_map(move |(series, last)| {
                let age = unix.saturating_sub(last.unix);
                let is_held = u128::from(age) < active_for.as_nanos();
                is_held.then(|| (series.clone(), BootTime(self.since.0.saturating_sub(age))))
            })
    }

    /// Takes what the engine says of every series that its rules can give; `date` turns its times into nanoseconds since 1970. Series that are
    /// not among them are forgotten.
    pub fn follow(&mut self, told: &[ActiveSeries], date: impl Fn(BootTime) -> u64, now: Instant) {
        let mut series = BTreeMap::new();
        let mut wait = None;
        for told in told {
            let before = self.series.get(&told.series).copied();
            let newest = told.last.filter(|last| *last > self.since);
            let last = match (before, newest) {
                (None, None) => continue,
                (Some(before), None) => before,
                // A date is made once, so that it does not waver with the clocks.
                (Some(before), Some(boot)) if before.boot == Some(boot) => before,
                (_, Some(boot)) => Last {
                    boot: Some(boot),
                    unix: date(boot),
                    active: false,
                },
            };
            let last = Last {
                active: told.active,
                ..last
            };
            if before != Some(last) {
                let soon = before.is_none_or(|before| !before.active) && last.active;
                wait = wait.max(Some(soon));
            }
            series.insert(told.series.clone(), last);
        }
        if series.len() < self.series.len() {
            wait = wait.max(Some(false));
        }
        self.series = series;
        if let Some(soon) = wait {
            let due = now + if soon { SOON } else { LATER };
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        }
    }

    /// The last match of a series, seconds since 1970; 0 for none.
    pub fn seconds(&self, series: &AlertSeries) -> f64 {
        self.series.get(series).map_or(0.0, |last| last.unix as f64 / 1e9)
    }

    /// Whether it is time for [`LastAlerts::save`].
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Writes what has changed. What cannot be written is told once and tried again later.
    pub fn save(&mut self, now: Instant) {
        if self.due.take().is_none() {
            return;
        }
        let Some(state) = &self.state else { return };
        match self.write(state) {
            Ok(()) => self.trouble = false,
            Err(error) => {
                if !std::mem::replace(&mut self.trouble, true) {
                    tracing::error!("a restart now would resolve the alerts that are active: {error}");
                }
                self.due = Some(now + LATER);
            }
        }
    }

    fn write(&self, state: &StateDir) -> Result<(), StateError> {
        let series = self.series.iter().map(|(series, last)| SavedSeries {
            rule: series.rule.to_string(),
            severity: series.severity,
            sensor: series.sensor,
            last: last.unix,
            active: last.active,
        });
        let saved = Saved {
            format: FORMAT,
            series: series.collect(),
        };
        // Text and numbers only: there is nothing in it that JSON cannot say.
        state.write(NAME, &serde_json::to_vec(&saved).unwrap_or_default())
    }
}

fn read(state: &StateDir) -> Result<Vec<SavedSeries>, LoadError> {
    let Some(bytes) = state.read(NAME, MAX_FILE)? else {
        return Ok(Vec::new());
    };
    let damaged = |why: String| LoadError::Damaged {
        path: state.path(NAME).display().to_string(),
        why,
    };
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| damaged(format!("it is damaged ({error})")))?;
    match saved.format {
        FORMAT => Ok(saved.series),
        other => Err(damaged(format!("its format is {other}, not {FORMAT}"))),
    }
}

#[cfg(test)]
mod tests;
