//! The engine: events in, alerts out.
//!
//! An event first changes the process table, then meets the rules; what matches adds points to its subjects and becomes an alert or is folded.
//! There is no clock: time is the event's, and [`Engine::tick`] says how far it has come when there are no events.

mod active;
mod alerts;
mod counters;
mod masking;
mod network;

use std::sync::Arc;

use crate::{
    alert::Alert,
    event::{BootTime, Event, Sensor},
    fold::{self, Folds},
    mask::{Action, Masks},
    net::{self, Flows},
    process::{self, Table},
    rule::{Matches, Needs, RuleSet},
    score::{Scores, SubjectKind},
    spec::{NetworkSettings, ScoreSettings},
};

pub use active::{ActiveSeries, MAX_DETAILS};
pub use counters::{AlertSeries, Counters, EventCounts, RuleCounts};

/// What the engine needs to know besides its rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Scores and folding.
    pub score: ScoreSettings,
    /// The bounds of the process table.
    pub table: process::Limits,
    /// How the host is called where it is the subject of a score.
    pub hostname: String,
    /// Bounds and subjects of the network rules.
    pub network: NetworkSettings,
    /// Nanoseconds for which a series of alerts stays active after its last match: `metrics.active_for`.
    pub active_for: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            score: ScoreSettings::default(),
            table: process::Limits::default(),
            hostname: String::new(),
            active_for: 300_000_000_000,
            network: NetworkSettings::default(),
        }
    }
}

/// How full a bounded table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// `processes`, `subjects`, `folds`, `flows`, `conversations`, `conversation_bytes`.
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
    masking: masking::Masking,
    actives: active::Actives,
    flows: Flows,
    /// Counts the changes of the process table and of the rules.
    revision: u64,
    /// Made of the event that is being observed.
    made: Vec<Event>,
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
            masking: masking::Masking::default(),
            actives: active::Actives::new(settings.active_for),
            flows: Flows::new(net::Limits::of(&settings.network), rules.needs()),
            revision: 0,
            made: Vec::new(),
            rules,
            settings,
        }
    }

    /// Takes one event and appends the alerts that it makes, and the summaries of windows that closed before it.
    pub fn observe(&mut self, event: &Event, out: &mut Vec<Alert>) {
        self.counters.events.count(event);
        // Here too, so that a replay, which knows no time but that of events and ticks, gives the same alerts in the same order.
        self.settle(event.header.time, out);
        let before = out.len();
        self.advance(event.header.time, out);
        self.process_gone(event, out);
        self.table.update(event);
        self.counters.table = self.table.counters();
        match event.sensor() {
            Sensor::Network => self.network(event, out),
            Sensor::File => self.judge(event, out),
            Sensor::Process => {
                self.revision += 1;
                self.judge(event, out);
            }
        }
        self.given(before, out);
    }

    /// Time has come to `now`: closes fold windows, forgets processes that ended long ago and subjects without points.
    ///
    /// `now` must not be later than events that are still to come: see [`Reorder::watermark`](crate::reorder::Reorder::watermark).
    pub fn tick(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        let before = out.len();
        self.advance(now, out);
        self.scores.forget(now);
        self.actives.tick(now);
        self.expire_flows(now, out);
        self.given(before, out);
    }

    /// Judges what has waited for its reader for long enough, as [`Engine::tick`] does with all else: so often that nobody waits for a tick. `now` as there.
    pub fn settle(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        if self.flows.is_due(now) {
            let before = out.len();
            self.release_flows(now, out);
            self.given(before, out);
        }
    }

    /// Takes other silences. Alerts that were given stay as they are; whether their series are active is judged anew by [`Engine::active`].
    /// Without any call nothing is masked: a replay gives its alerts unmasked.
    pub fn set_masks(&mut self, masks: Arc<Masks>, now: BootTime) {
        self.masking.set(masks, now, &self.rules, &self.counters);
    }

    /// The silences in force and to come.
    pub fn masks(&self) -> &Masks {
        self.masking.masks()
    }

    /// How many silences in force cover a series of critical alerts by their labels, whether or not this agent lets those be masked.
    pub fn silences_hiding_critical(&self, now: BootTime) -> u64 {
        self.masking.hiding_critical(now)
    }

    /// Whether each series is active at `now`: it had a match within [`Settings::active_for`] that no silence masks now. Score-only rules never are.
    pub fn active(&self, now: BootTime) -> impl Iterator<Item = ActiveSeries> + '_ {
        self.actives.read(&self.counters, &self.masking, &self.rules, now)
    }

    /// Takes over what an earlier run of the agent knew: the series had its last match at `last`, of which nothing more is known.
    pub fn restore_active(&mut self, series: AlertSeries, last: BootTime) {
        self.actives.note(series, last, None);
    }

    /// Takes other rules and settings. The process table, scores, open fold windows, counters, silences and active alerts stay.
    pub fn reload(&mut self, rules: Arc<RuleSet>, settings: Settings) {
        self.table.set_limits(settings.table);
        self.scores.set(settings.score.clone());
        self.folds.set(&settings.score);
        self.actives.set(settings.active_for);
        self.counters.load(&rules);
        self.masking.load(&rules, &self.counters);
        let (old, new) = (self.rules.needs(), rules.needs());
        let watched = |needs: Needs| needs.payload || needs.http;
        if self.settings.network.processes != settings.network.processes || watched(old) != watched(new) {
            // What nobody asked for until now passed unseen: that is no hole.
            self.flows.begin_anew(&mut self.made);
        }
        self.flows.set(net::Limits::of(&settings.network), new);
        self.rules = rules;
        self.settings = settings;
        self.revision += 1;
    }

    /// Judges what still waits and closes every fold window: for the end of the agent or of a replay.
    pub fn finish(&mut self, out: &mut Vec<Alert>) {
        let before = out.len();
        self.finish_flows(out);
        self.folds.close(BootTime(u64::MAX), out);
        self.given(before, out);
    }

    /// Estimates from now on what each rule's evaluation takes, by `stopwatch`: nanoseconds from any start. Alerts do not depend on it.
    pub fn measure(&mut self, stopwatch: fn() -> u64) {
        self.matches.measure(stopwatch);
    }

    /// The points of the highest score of each kind of subject, as of `now`.
    pub fn highest_scores(&self, now: BootTime) -> [(SubjectKind, f64); SubjectKind::ALL.len()] {
        self.scores.highest(now)
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was seen in the connections' bytes, and what was not.
    pub fn streams(&self) -> &net::budget::Counters {
        self.flows.counters()
    }

    /// The process table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How full the bounded tables are.
    pub fn tables(&self) -> Vec<TableSize> {
        let lost = self.table.counters();
        let size = |name, entries: usize, capacity: usize, evicted| TableSize {
            name,
            entries: entries as u64,
            capacity: capacity as u64,
            evicted,
        };
        vec![
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
            size(
                "flows",
                self.flows.len(),
                self.settings.network.max_flows,
                self.flows.evicted(),
            ),
            size(
                "conversations",
                self.flows.conversations().0 as usize,
                self.settings.network.max_flows,
                self.flows.conversations().1,
            ),
            size(
                "conversation_bytes",
                self.flows.buffered(),
                self.settings.network.max_buffered,
                self.flows.counters().evictions,
            ),
        ]
    }

    /// Counts the alerts from `before` on, and takes out the masked ones where only their number is wanted.
    fn given(&mut self, before: usize, out: &mut Vec<Alert>) {
        self.counters.alerts(&out[before..]);
        if self.masking.masks().action() == Action::Drop {
            let mut index = 0;
            out.retain(|alert| {
                index += 1;
                index <= before || alert.masked.is_none()
            });
        }
    }

    fn judge(&mut self, event: &Event, out: &mut Vec<Alert>) {
        self.rules.evaluate(event, &self.table, &mut self.matches);
        for (rule, nanoseconds) in &self.matches.laps {
            if let Some(counts) = self.counters.rule(*rule) {
                counts.evaluation += nanoseconds;
            }
        }
        self.only_news(event);
        if !self.matches.findings.is_empty() || !self.matches.skipped.is_empty() {
            self.matched(event, out);
        }
    }

    fn advance(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        self.folds.close(now, out);
        self.table.expire(now);
    }
}
