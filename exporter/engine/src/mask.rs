//! Silences of Alertmanager as masks: which alerts are written as masked, add no points and leave the metrics that page people.
//!
//! A silence is judged here exactly as Alertmanager judges it, over the labels that the alert has there ([`labels()`]), and further over details of the alert
//! that are never labels of a metric ([`Detail`]). What cannot be judged faithfully masks nothing: [`Masks::new`] refuses it and says why ([`REASONS`]).
//! Pure: silences come from outside, and whether one is in force is asked with the time of the event.

mod details;
mod judge;
mod labels;
mod matcher;
mod pattern;

use std::collections::BTreeMap;

use crate::event::BootTime;

pub use details::{Detail, Details};
pub use judge::{Masks, StateCounts};
pub use labels::{ALERT_NAME, LAPWING_LABELS, alertmanager_severity, labels, rule_label};
pub use pattern::Pattern;

/// Most silences that are judged; further ones are refused. Alertmanager itself gets slow long before.
pub const MAX_SILENCES: usize = 2000;

/// Why a silence masks nothing, as metrics and `lapwing mask list` name it, with what it means.
pub const REASONS: [(&str, &str); 7] = [
    (INVALID, "it has no matcher, or a matcher without a label name"),
    (TOO_MANY, "more silences than the agent judges"),
    (
        UNKNOWN_LABEL,
        "a matcher names a label whose value in Alertmanager the agent does not know (instance, job, external labels)",
    ),
    (
        REGEX,
        "a regular expression uses what the agent would read differently from Alertmanager",
    ),
    (
        DETAIL,
        "a matcher on a detail label is negative or matches the empty string, so Alertmanager itself mutes alerts without that label",
    ),
    (
        ONLY_NEGATIVE,
        "no matcher demands a value of any label: Alertmanager mutes everything but what it excludes, Lapwing's alerts among it",
    ),
    (
        NO_POSITIVE,
        "no matcher on a label of Lapwing demands a value: the silence is not about Lapwing, or about all of it",
    ),
];

pub(crate) const INVALID: &str = "invalid";
pub(crate) const TOO_MANY: &str = "too_many";
pub(crate) const UNKNOWN_LABEL: &str = "unknown_label";
pub(crate) const REGEX: &str = "regex";
pub(crate) const DETAIL: &str = "detail_matches_empty";
pub(crate) const ONLY_NEGATIVE: &str = "only_negative_matchers";
pub(crate) const NO_POSITIVE: &str = "no_positive_matcher";

/// A silence as Alertmanager's API gives it, its times brought to boot time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// `createdBy`.
    pub author: String,
    /// `comment`.
    pub comment: String,
    /// In force from here; a time before the boot is 0.
    pub starts: BootTime,
    /// In force until just before.
    pub ends: BootTime,
    /// `endsAt`, RFC 3339, for people.
    pub until: String,
    /// All of them must match.
    pub matchers: Vec<Matcher>,
}

/// A matcher of a silence. A label that is missing has the value "".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label, any UTF-8.
    pub name: String,
    /// The value, or the regular expression (RE2 as Go reads it) that must match all of the value.
    pub value: String,
    /// `=~` or `!~`.
    pub is_regex: bool,
    /// `=` or `=~`. The API may leave it out, which means true.
    pub is_equal: bool,
}

/// What becomes of a masked alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// It is given, with [`Alert::masked`](crate::alert::Alert::masked).
    #[default]
    Mark,
    /// It is counted only.
    Drop,
}

/// How silences are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Labels that every alert of this agent has in Alertmanager besides Lapwing's own (`instance`, `job`, external labels), with their values.
    /// Lapwing's own win over them, and they win over detail labels of the same name.
    pub labels: BTreeMap<String, String>,
    /// Rules (ids or globs) whose critical alerts may be masked; no others may.
    pub maskable_critical: Vec<String>,
    /// Rules (ids or globs) that are never masked.
    pub never_mask: Vec<String>,
    /// What becomes of a masked alert.
    pub action: Action,
    /// Rules past this many have their ruleset's name as `rule`: `metrics.max_rules`.
    pub max_rules: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            labels: BTreeMap::new(),
            maskable_critical: Vec::new(),
            never_mask: Vec::new(),
            action: Action::Mark,
            max_rules: usize::MAX,
        }
    }
}

/// A silence that masks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its id.
    pub silence: String,
    /// One of [`REASONS`].
    pub reason: &'static str,
    /// What exactly, for people; the silence's own text in it is escaped.
    pub detail: String,
    /// When it would end: one that has ended is no longer worth a word.
    pub ends: BootTime,
}

#[cfg(test)]
mod tests;
