//! Silences, compiled, and which of them masks an alert.

use super::{
    Action, DETAIL, Detail, Details, INVALID, LAPWING_LABELS, MAX_SILENCES, NO_POSITIVE, ONLY_NEGATIVE, REGEX, Refused,
    Settings, Silence, TOO_MANY, UNKNOWN_LABEL, labels, matcher::Test,
};
use crate::{
    alert::MaskView,
    event::{BootTime, Sensor},
    predicate::Glob,
    spec::Severity,
};

/// Compiled silences. Immutable; share it by `Arc`.
#[derive(Debug, Default)]
pub struct Masks {
    /// The one that ends last first, so that an alert shows how long it stays masked.
    silences: Vec<Compiled>,
    settings: Settings,
    maskable_critical: Vec<Glob>,
    never_mask: Vec<Glob>,
}

#[derive(Debug)]
struct Compiled {
    view: MaskView,
    starts: BootTime,
    ends: BootTime,
    labels: Vec<(String, Test)>,
    details: Vec<(Detail, Test)>,
}

/// How many silences that could be judged are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateCounts {
    /// In force.
    pub active: u64,
    /// Still to come.
    pub pending: u64,
}

impl Masks {
    /// Compiles silences. Those that cannot be judged faithfully come back, in the order given, and mask nothing.
    pub fn new(silences: Vec<Silence>, settings: &Settings) -> (Masks, Vec<Refused>) {
        let mut refused = Vec::new();
        let mut compiled = Vec::new();
        for silence in silences {
            let outcome = match compiled.len() {
                MAX_SILENCES.. => Err((TOO_MANY, format!("only {MAX_SILENCES} are judged"))),
                _ => compile(&silence, settings),
            };
            match outcome {
                Ok((labels, details)) => compiled.push(Compiled {
                    view: MaskView {
                        silence: silence.id,
                        author: silence.author,
                        comment: silence.comment,
                        until: silence.until,
                    },
                    starts: silence.starts,
                    ends: silence.ends,
                    labels,
                    details,
                }),
                Err((reason, detail)) => refused.push(Refused {
                    silence: silence.id,
                    reason,
                    detail,
                    ends: silence.ends,
                }),
            }
        }
        compiled.sort_by(|a, b| b.ends.cmp(&a.ends).then_with(|| a.view.silence.cmp(&b.view.silence)));
        let masks = Masks {
            silences: compiled,
            maskable_critical: globs(&settings.maskable_critical, None),
            never_mask: globs(&settings.never_mask, Glob::new(b"*").ok()),
            settings: settings.clone(),
        };
        (masks, refused)
    }

    /// Whether nothing can be masked, now or later.
    pub fn is_empty(&self) -> bool {
        self.silences.is_empty()
    }

    /// What becomes of masked alerts.
    pub fn action(&self) -> Action {
        self.settings.action
    }

    /// What rules past this many are called by: their ruleset.
    pub fn max_rules(&self) -> usize {
        self.settings.max_rules
    }

    /// How many are in force and how many are to come.
    pub fn counts(&self, now: BootTime) -> StateCounts {
        let count = |state: fn(&Compiled, BootTime) -> bool| {
            self.silences.iter().filter(|silence| state(silence, now)).count() as u64
        };
        StateCounts {
            active: count(|silence, now| silence.in_force(now)),
            pending: count(|silence, now| now < silence.starts && silence.starts < silence.ends),
        }
    }

    /// Whether alerts of a rule, by its id, may be masked at all.
    pub fn may_mask(&self, rule: &str, severity: Severity) -> bool {
        let listed = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(rule.as_bytes()));
        !listed(&self.never_mask) && (severity != Severity::Critical || listed(&self.maskable_critical))
    }

    /// The silences that could mask alerts of a series, not ended at `now`, by their labels alone; `label` is the metric's label `rule`.
    pub fn candidates(&self, label: &str, severity: Severity, sensor: Sensor, now: BootTime) -> Vec<u32> {
        let labels = labels(label, severity, sensor, &self.settings.labels);
        let passing = self.silences.iter().enumerate().filter(|(_, silence)| {
            now < silence.ends
                && silence
                    .labels
                    .iter()
                    .all(|(name, test)| test.passes(labels.get(&**name).copied().unwrap_or_default()))
        });
        passing.map(|(index, _)| index as u32).collect()
    }

    /// Which of `candidates` masks an alert of that time. `details` is asked at most once, and only when one depends on it; when it gives None,
    /// nothing is known of them.
    pub fn judge(
        &self,
        candidates: &[u32],
        time: BootTime,
        details: impl FnOnce() -> Option<Details>,
    ) -> Option<&MaskView> {
        let mut source = Some(details);
        let mut known = None;
        candidates
            .iter()
            .filter_map(|index| self.silences.get(*index as usize))
            .filter(|silence| silence.in_force(time))
            .find(|silence| {
                if let Some(source) = source.take_if(|_| !silence.details.is_empty()) {
                    known = source();
                }
                silence.passes(known.as_ref())
            })
            .map(|silence| &silence.view)
    }

    /// How many of `candidates` are in force, whatever they say of details.
    pub(crate) fn in_force(&self, candidates: &[u32], now: BootTime) -> u64 {
        let silences = candidates.iter().filter_map(|index| self.silences.get(*index as usize));
        silences.filter(|silence| silence.in_force(now)).count() as u64
    }
}

impl Compiled {
    fn in_force(&self, time: BootTime) -> bool {
        self.starts <= time && time < self.ends
    }

    fn passes(&self, details: Option<&Details>) -> bool {
        self.details.iter().all(|(detail, test)| {
            let value = details.and_then(|details| details.get(*detail));
            value.is_some_and(|value| test.passes(value))
        })
    }
}

type Tests = (Vec<(String, Test)>, Vec<(Detail, Test)>);

fn compile(silence: &Silence, settings: &Settings) -> Result<Tests, (&'static str, String)> {
    if silence.matchers.is_empty() {
        return Err((INVALID, "no matcher".to_owned()));
    }
    if only_negative(silence) {
        return Err((ONLY_NEGATIVE, format!("matchers: {}", silence.matchers.len())));
    }
    let (mut labels, mut details) = (Vec::new(), Vec::new());
    let mut positive = false;
    for (number, matcher) in (1..).zip(&silence.matchers) {
        let name = &*matcher.name;
        if name.is_empty() {
            return Err((INVALID, format!("matcher {number}: no label name")));
        }
        let own = LAPWING_LABELS.contains(&name);
        let detail = Detail::find(name).filter(|_| !own && !settings.labels.contains_key(name));
        if !own && detail.is_none() && !settings.labels.contains_key(name) {
            return Err((UNKNOWN_LABEL, format!("matcher {number}: {}", name.escape_debug())));
        }
        let test = Test::new(matcher).map_err(|what| (REGEX, format!("matcher {number}: {what}")))?;
        match detail {
            Some(_) if !test.is_positive() => {
                return Err((DETAIL, format!("matcher {number}: {name}")));
            }
            Some(detail) => details.push((detail, test)),
            None => {
                positive |= own && test.is_positive();
                labels.push((name.to_owned(), test));
            }
        }
    }
    if !positive {
        return Err((NO_POSITIVE, format!("needs one of {}", LAPWING_LABELS.join(", "))));
    }
    Ok((labels, details))
}

/// Said before anything else that is wrong with it: such a silence hides more than whoever made it thinks. A regular expression that is not read here
/// is taken for what its operator says.
fn only_negative(silence: &Silence) -> bool {
    silence.matchers.iter().all(|matcher| match Test::new(matcher) {
        Ok(test) => !test.is_positive(),
        Err(_) => !matcher.is_equal,
    })
}

/// The configuration refuses what is no glob; should one come here, `instead` stands for it.
fn globs(patterns: &[String], instead: Option<Glob>) -> Vec<Glob> {
    let globs = patterns.iter().map(|pattern| Glob::new(pattern.as_bytes()).ok());
    globs.filter_map(|glob| glob.or_else(|| instead.clone())).collect()
}
