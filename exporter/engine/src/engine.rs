//! The engine: events in, alerts out.
//!
//! An event first changes the process table, then meets the rules; what matches adds points to its subjects and becomes an alert or is folded.
//! There is no clock: time is the event's, and [`Engine::tick`] says how far it has come when there are no events.

mod alerts;
mod counters;

use std::sync::Arc;

use crate::{
    alert::Alert,
    event::{BootTime, Event},
    fold::{self, Folds},
    process::{self, Table},
    rule::{Matches, RuleSet},
    score::Scores,
    spec::ScoreSettings,
};

pub use counters::{AlertSeries, Counters, EventCounts, RuleCounts};

/// What the engine needs to know besides its rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Scores and folding.
    pub score: ScoreSettings,
    /// The bounds of the process table.
    pub table: process::Limits,
    /// How the host is called where it is the subject of a score.
    pub hostname: String,
}

/// How full a bounded table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// `processes`, `subjects`, `folds`.
    pub name: &'static str,
    /// Entries now.
    pub entries: u64,
    /// Most entries.
    pub capacity: u64,
    /// Entries pushed out because it was full.
    pub evicted: u64,
}

/// The detection core. One thread owns it.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    settings: Settings,
    table: Table,
    scores: Scores,
    folds: Folds,
    counters: Counters,
    matches: Matches,
}

impl Engine {
    /// An engine that has seen nothing yet.
    pub fn new(rules: Arc<RuleSet>, settings: Settings) -> Engine {
        let mut counters = Counters::default();
        counters.load(&rules);
        Engine {
            table: Table::new(settings.table),
            scores: Scores::new(settings.score.clone()),
            folds: Folds::new(&settings.score),
            counters,
            matches: Matches::default(),
            rules,
            settings,
        }
    }

    /// Takes one event and appends the alerts that it makes, and the summaries of windows that closed before it.
    pub fn observe(&mut self, event: &Event, out: &mut Vec<Alert>) {
        let before = out.len();
        self.counters.events.count(event);
        self.advance(event.header.time, out);
        self.table.update(event);
        self.counters.table = self.table.counters();
        self.rules.evaluate(event, &self.table, &mut self.matches);
        if !self.matches.findings.is_empty() || !self.matches.skipped.is_empty() {
            self.matched(event, out);
        }
        self.counters.alerts(&out[before..]);
    }

    /// Time has come to `now`: closes fold windows, forgets processes that ended long ago and subjects without points.
    ///
    /// `now` must not be later than events that are still to come: see [`Reorder::watermark`](crate::reorder::Reorder::watermark).
    pub fn tick(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        let before = out.len();
        self.advance(now, out);
        self.scores.forget(now);
        self.counters.alerts(&out[before..]);
    }

    /// Takes other rules and settings. The process table, scores, open fold windows and counters stay.
    pub fn reload(&mut self, rules: Arc<RuleSet>, settings: Settings) {
        self.table.set_limits(settings.table);
        self.scores.set(settings.score.clone());
        self.folds.set(&settings.score);
        self.counters.load(&rules);
        self.rules = rules;
        self.settings = settings;
    }

    /// Closes every fold window now: for the end of the agent or of a replay.
    pub fn finish(&mut self, out: &mut Vec<Alert>) {
        let before = out.len();
        self.folds.close(BootTime(u64::MAX), out);
        self.counters.alerts(&out[before..]);
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The process table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How full the bounded tables are.
    pub fn tables(&self) -> [TableSize; 3] {
        let lost = self.table.counters();
        let size = |name, entries: usize, capacity: usize, evicted| TableSize {
            name,
            entries: entries as u64,
            capacity: capacity as u64,
            evicted,
        };
        [
            size(
                "processes",
                self.table.len(),
                self.settings.table.max_processes,
                lost.evicted_ended + lost.evicted_living,
            ),
            size(
                "subjects",
                self.scores.len(),
                self.scores.capacity(),
                self.scores.evicted(),
            ),
            size("folds", self.folds.len(), fold::MAX_OPEN, self.folds.evicted()),
        ]
    }

    fn advance(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        self.folds.close(now, out);
        self.table.expire(now);
    }
}
