//! Scores: points that matches add to subjects, and that halve with time.

mod subject;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    alert::{Contribution, ScoreView},
    event::{BootTime, Bytes, Direction, ProcessKey},
    spec::{ScoreSettings, Severity},
};

pub(crate) use subject::Subject;
pub use subject::SubjectKind;

/// Most contributions that a subject remembers; the oldest go first.
const MAX_CONTRIBUTIONS: usize = 100;
/// Most contributions that an alert which is not a score alert shows.
const SHOWN_CONTRIBUTIONS: usize = 10;
/// A contribution with fewer points left than this no longer counts.
const WORTHLESS: f64 = 0.5;
/// A subject that nothing raised for so many half-lives is forgotten.
const FORGET_AFTER: u64 = 12;

/// What a match adds.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(crate) time: BootTime,
    pub(crate) rule: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) points: u32,
    pub(crate) object: Bytes,
    /// The alert that tells of the match; None for rules that only score.
    pub(crate) alert: Option<Arc<str>>,
    pub(crate) lineage: ProcessKey,
    pub(crate) container: Option<Bytes>,
}

/// A subject reached a multiple of its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raised {
    /// Which multiple.
    pub(crate) level: u64,
    /// The one that was alerted before; 0 when there was none.
    before: u64,
}

/// All subjects and their scores.
#[derive(Debug)]
pub(crate) struct Scores {
    settings: ScoreSettings,
    subjects: HashMap<Subject, Score>,
    /// By kind: when it was last raised, the order of eviction.
    recency: [BTreeMap<u64, Subject>; SubjectKind::ALL.len()],
    raises: u64,
    evicted: u64,
    /// Thresholds reached by what one alert had told already.
    told: u64,
}

#[derive(Debug)]
struct Score {
    /// As of `at`.
    points: f64,
    at: BootTime,
    /// The multiple of the threshold that was alerted last; 0 when armed.
    level: u64,
    stamp: u64,
    label: String,
    contributions: VecDeque<Points>,
}

impl Scores {
    pub(crate) fn new(settings: ScoreSettings) -> Scores {
        Scores {
            settings,
            subjects: HashMap::new(),
            recency: Default::default(),
            raises: 0,
            evicted: 0,
            told: 0,
        }
    }

    /// Takes other settings; scores stay.
    pub(crate) fn set(&mut self, settings: ScoreSettings) {
        self.settings = settings;
    }

    /// Adds points to a subject and says which multiple of its threshold it reached when that makes an alert.
    ///
    /// A score alert tells that several things together are worse than each. So reaching the threshold makes none while everything that
    /// counts was told by one alert (one match, with the repeats that are folded into it), or while all of a container's or the host's points
    /// came from one lineage, or container, whose own score has alerted. The subject stays armed: the next match that adds something else alerts.
    pub(crate) fn raise(
        &mut self,
        subject: &Subject,
        label: impl FnOnce() -> String,
        points: &Points,
    ) -> Option<Raised> {
        if points.points == 0 {
            return None;
        }
        let threshold = f64::from(self.threshold(subject).max(1));
        let half_life = self.settings.half_life;
        let score = self.entry(subject, points.time, label);
        score.decay(points.time, half_life);
        if score.points < threshold / 2.0 {
            score.level = 0;
        }
        score.points += f64::from(points.points);
        if score.contributions.len() == MAX_CONTRIBUTIONS {
            score.contributions.pop_front();
        }
        score.contributions.push_back(points.clone());
        let level = (score.shown() / threshold) as u64;
        let before = score.level;
        if level <= before {
            return None;
        }
        if self.is_told(subject) {
            self.told += 1;
            return None;
        }
        self.subjects.get_mut(subject)?.level = level;
        Some(Raised { level, before })
    }

    /// The alert that [`Scores::raise`] asked for is masked: as if it had not asked, the next match asks again.
    pub(crate) fn take_back(&mut self, subject: &Subject, raised: Raised) {
        if let Some(score) = self.subjects.get_mut(subject) {
            score.level = raised.before;
        }
    }

    /// The score as it is after a match at `now`. A score alert (`all`) lists every contribution that still counts.
    pub(crate) fn view(&self, subject: &Subject, now: BootTime, all: bool) -> Option<ScoreView> {
        let score = self.subjects.get(subject)?;
        let skip = if all {
            0
        } else {
            score.contributions.len().saturating_sub(SHOWN_CONTRIBUTIONS)
        };
        let contributions = score.contributions.iter().skip(skip).map(|points| Contribution {
            rule: points.rule.to_string(),
            points: points.points,
            alert: points.alert.as_deref().map(str::to_owned),
            seconds_ago: now.0.saturating_sub(points.time.0) as f64 / 1e9,
            object: points.object.to_text(),
        });
        Some(ScoreView {
            subject_kind: subject.kind().name(),
            subject: score.label.clone(),
            points: score.shown(),
            threshold: self.threshold(subject),
            contributions: contributions.collect(),
        })
    }

    /// The points of the highest of each kind at `now`.
    pub(crate) fn highest(&self, now: BootTime) -> [(SubjectKind, f64); SubjectKind::ALL.len()] {
        let mut highest = SubjectKind::ALL.map(|kind| (kind, 0.0));
        for (subject, score) in &self.subjects {
            let points = score.points * left(now.0.saturating_sub(score.at.0), self.settings.half_life);
            let (_, most) = &mut highest[subject.kind() as usize];
            *most = f64::max(*most, points);
        }
        highest.map(|(kind, points)| (kind, rounded(points)))
    }

    /// How near the subject is to its threshold.
    pub(crate) fn fraction(&self, subject: &Subject) -> f64 {
        let points = self.subjects.get(subject).map_or(0.0, |score| score.points);
        points / f64::from(self.threshold(subject).max(1))
    }

    /// The rules that contributed, each once, with the highest severity among the contributions.
    pub(crate) fn causes(&self, subject: &Subject) -> (Vec<Arc<str>>, Severity) {
        let mut rules: Vec<Arc<str>> = Vec::new();
        let mut severity = Severity::Info;
        for points in self.subjects.get(subject).iter().flat_map(|score| &score.contributions) {
            severity = severity.max(points.severity);
            if !rules.contains(&points.rule) {
                rules.push(points.rule.clone());
            }
        }
        (rules, severity)
    }

    /// Forgets the subjects that have practically no points left.
    pub(crate) fn forget(&mut self, now: BootTime) {
        let idle = self.settings.half_life.saturating_mul(FORGET_AFTER);
        for kind in SubjectKind::ALL {
            while let Some((&stamp, subject)) = self.recency[kind as usize].first_key_value() {
                let at = self.subjects.get(subject).map_or(0, |score| score.at.0);
                if at.saturating_add(idle) > now.0 {
                    break;
                }
                self.drop_subject(kind, stamp);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.subjects.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.settings.max_subjects.max(1) * SubjectKind::ALL.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    fn threshold(&self, subject: &Subject) -> u32 {
        let own = match subject {
            Subject::Lineage(_) => self.settings.lineage_threshold,
            Subject::Container(_) => self.settings.container_threshold,
            Subject::Host => self.settings.host_threshold,
            Subject::Transaction(_, Direction::Outgoing) | Subject::Remote(_, Direction::Outgoing) => {
                self.settings.outgoing_threshold
            }
            Subject::Transaction(..) | Subject::Remote(..) => self.settings.incoming_threshold,
        };
        own.unwrap_or(self.settings.threshold)
    }

    fn entry(&mut self, subject: &Subject, time: BootTime, label: impl FnOnce() -> String) -> &mut Score {
        let kind = subject.kind();
        let recency = &mut self.recency[kind as usize];
        match self.subjects.get(subject) {
            Some(score) => {
                recency.remove(&score.stamp);
            }
            None if recency.len() >= self.settings.max_subjects.max(1) => {
                if let Some(stamp) = recency.keys().next().copied() {
                    self.evicted += 1;
                    self.drop_subject(kind, stamp);
                }
            }
            None => {}
        }
        self.raises += 1;
        self.recency[kind as usize].insert(self.raises, subject.clone());
        let score = self
            .subjects
            .entry(subject.clone())
            .or_insert_with(|| Score::new(time, label()));
        score.stamp = self.raises;
        score
    }

    fn drop_subject(&mut self, kind: SubjectKind, stamp: u64) {
        if let Some(subject) = self.recency[kind as usize].remove(&stamp) {
            self.subjects.remove(&subject);
        }
    }

    /// Whether alerts have told already what the subject's contributions say.
    fn is_told(&self, subject: &Subject) -> bool {
        let Some(score) = self.subjects.get(subject) else {
            return false;
        };
        let Some(first) = score.contributions.front() else {
            return false;
        };
        let all = |same: &dyn Fn(&Points) -> bool| score.contributions.iter().all(same);
        if first.alert.is_some() && all(&|points| points.alert == first.alert) {
            return true;
        }
        let alerted = |narrower: &Subject| self.subjects.get(narrower).is_some_and(|score| score.level > 0);
        match subject {
            Subject::Lineage(_) | Subject::Transaction(..) | Subject::Remote(..) => false,
            Subject::Container(_) => {
                all(&|points| points.lineage == first.lineage) && alerted(&Subject::Lineage(first.lineage))
            }
            Subject::Host => {
                let container = first.container.clone().map(Subject::Container);
                (all(&|points| points.lineage == first.lineage) && alerted(&Subject::Lineage(first.lineage)))
                    || (all(&|points| points.container == first.container) && container.as_ref().is_some_and(alerted))
            }
        }
    }
}

impl Score {
    fn new(at: BootTime, label: String) -> Score {
        Score {
            points: 0.0,
            at,
            level: 0,
            stamp: 0,
            label,
            contributions: VecDeque::new(),
        }
    }

    /// The points as people see them, and as they are compared: what reads 100.0 has reached 100.
    fn shown(&self) -> f64 {
        rounded(self.points)
    }

    /// Brings the points to `now`. Time never goes back: a late event counts as of the newest.
    fn decay(&mut self, now: BootTime, half_life: u64) {
        if now <= self.at || half_life == 0 {
            return;
        }
        self.points *= left(now.0 - self.at.0, half_life);
        self.at = now;
        self.contributions.retain(|points| {
            f64::from(points.points) * left(now.0.saturating_sub(points.time.0), half_life) >= WORTHLESS
        });
    }
}

fn rounded(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

/// What is left of one point.
fn left(age: u64, half_life: u64) -> f64 {
    if half_life == 0 {
        return 1.0;
    }
    (-(age as f64) / half_life as f64).exp2()
}
