//! Which series of alerts are active: the last match that nothing masks is not long ago.
//!
//! Prometheus alerts on this state, and Alertmanager goes on telling of an alert until it is silenced or over. So silences are asked anew whenever the
//! state is read: one that begins makes a series inactive although its matches came before, and when it ends while they are still held, the series
//! is active again for the rest of their time, as Alertmanager would notify again. A match that was masked when it came is never held: what
//! happened in a maintenance window does not page anybody after it.

use std::collections::HashMap;

use super::{AlertSeries, Counters, masking::Masking};
use crate::{event::BootTime, mask::Details, rule::RuleSet};

/// Different details that are remembered for each series. Past it the oldest lose theirs, and only a silence without detail labels reaches them.
pub const MAX_DETAILS: usize = 8;

/// The state of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSeries {
    /// Which.
    pub series: AlertSeries,
    /// Whether it had a match that is not masked now within [`Settings::active_for`](super::Settings::active_for).
    pub active: bool,
    /// The time of its last match that was not masked.
    pub last: Option<BootTime>,
}

/// What was matched of late, by series.
#[derive(Debug, Default)]
pub(super) struct Actives {
    /// Nanoseconds.
    hold: u64,
    series: HashMap<AlertSeries, Held>,
    pruned: BootTime,
}

#[derive(Debug, Default)]
struct Held {
    last: BootTime,
    known: Vec<(Details, BootTime)>,
    /// The last match of which no details are remembered.
    unknown: Option<BootTime>,
}

impl Actives {
    pub(super) fn new(hold: u64) -> Actives {
        Actives {
            hold,
            ..Actives::default()
        }
    }

    pub(super) fn set(&mut self, hold: u64) {
        self.hold = hold;
    }

    /// A match that alerts and is not masked; without details when they are not known.
    pub(super) fn note(&mut self, series: AlertSeries, time: BootTime, details: Option<Details>) {
        let hold = self.hold;
        let held = self.series.entry(series).or_default();
        held.last = held.last.max(time);
        let Some(details) = details else {
            held.unknown = held.unknown.max(Some(time));
            return;
        };
        if let Some((_, last)) = held.known.iter_mut().find(|(known, _)| *known == details) {
            *last = time.max(*last);
            return;
        }
        if held.known.len() == MAX_DETAILS {
            held.forget(time, hold);
        }
        if held.known.len() == MAX_DETAILS
            && let Some((oldest, _)) = held.known.iter().enumerate().min_by_key(|(_, (_, last))| *last)
        {
            let (_, last) = held.known.swap_remove(oldest);
            held.unknown = held.unknown.max(Some(last));
        }
        held.known.push((details, time));
    }

    /// Forgets details that are no longer held.
    pub(super) fn tick(&mut self, now: BootTime) {
        if now.0.saturating_sub(self.pruned.0) < self.hold {
            return;
        }
        self.pruned = now;
        for held in self.series.values_mut() {
            held.forget(now, self.hold);
            held.known.shrink_to_fit();
        }
    }

    /// Every series that is counted, with its state.
    pub(super) fn read<'a>(
        &'a self,
        counters: &'a Counters,
        masking: &'a Masking,
        rules: &'a RuleSet,
        now: BootTime,
    ) -> impl Iterator<Item = ActiveSeries> + 'a {
        counters.alerts.keys().map(move |series| {
            let held = self.series.get(series);
            ActiveSeries {
                series: series.clone(),
                active: held.is_some_and(|held| self.active(held, series, masking, rules, now)),
                last: held.map(|held| held.last),
            }
        })
    }

    fn active(&self, held: &Held, series: &AlertSeries, masking: &Masking, rules: &RuleSet, now: BootTime) -> bool {
        let recent = |time: BootTime| now.0 < time.0.saturating_add(self.hold);
        if !recent(held.last) {
            return false;
        }
        let masked = |details: Option<&Details>| masking.judge(rules, series, now, || details.cloned()).is_some();
        held.unknown.is_some_and(|time| recent(time) && !masked(None))
            || held
                .known
                .iter()
                .any(|(details, time)| recent(*time) && !masked(Some(details)))
    }
}

impl Held {
    fn forget(&mut self, now: BootTime, hold: u64) {
        self.known.retain(|(_, time)| now.0 < time.0.saturating_add(hold));
    }
}
