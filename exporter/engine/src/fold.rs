//! Folding: one alert and one summary instead of a thousand alerts.
//!
//! The first match of a (rule, event, subject, object) goes out at once; its repeats within the window are counted and go out as one summary when
//! the window closes. Past `fold_after` different objects of one (rule, subject) further ones join one summary, and past
//! [`MAX_ALERTS_PER_RULE`] open windows of one rule further subjects do. Severity and result are part of every key: a match never
//! disappears behind one that is less severe, nor a success behind a failure, nor one rule behind another.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    alert::{ActionResult, Alert},
    event::{BootTime, Bytes},
    score::Subject,
    spec::{ScoreSettings, Severity},
};

/// Most windows of one rule, severity and result that are open at once.
pub const MAX_ALERTS_PER_RULE: usize = 100;
/// Most windows that are open at once. Past it the one that closes next closes early, and is counted.
pub const MAX_OPEN: usize = 8192;
/// Different objects of a summary are counted up to here.
const MAX_OBJECTS: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RuleKey {
    pub(crate) rule: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) result: ActionResult,
    /// What a silence masks is folded apart from what people are told.
    pub(crate) masked: bool,
}

/// What is folded together. Without object: the summary of further objects; without subject: the summary of further subjects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    rule: RuleKey,
    subject: Option<Subject>,
    object: Option<(&'static str, Bytes)>,
}

/// An open window.
#[derive(Debug)]
pub(crate) struct Fold {
    /// The alert that the matches in it belong to.
    pub(crate) id: Arc<str>,
    /// Made from the first match that was folded.
    pub(crate) summary: Option<Box<Alert>>,
    order: (u64, u64),
    count: u64,
    objects: Option<HashSet<u64>>,
}

/// What is to be done with a match.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// It is alerted now.
    Alert,
    /// It is counted; whoever asked fills the summary if that is empty.
    Folded(&'a mut Fold),
}

#[derive(Debug)]
pub(crate) struct Folds {
    window: u64,
    after: usize,
    open: HashMap<Key, Fold>,
    closing: BTreeMap<(u64, u64), Key>,
    /// Objects with an open window, and how many windows: by rule and subject.
    objects: HashMap<(RuleKey, Subject), Vec<(Bytes, u32)>>,
    per_rule: HashMap<RuleKey, usize>,
    opened: u64,
    evicted: u64,
}

impl Folds {
    pub(crate) fn new(settings: &ScoreSettings) -> Folds {
        Folds {
            window: settings.fold_window,
            after: settings.fold_after as usize,
            open: HashMap::new(),
            closing: BTreeMap::new(),
            objects: HashMap::new(),
            per_rule: HashMap::new(),
            opened: 0,
            evicted: 0,
        }
    }

    /// Takes other settings; windows that are open close as they would have.
    pub(crate) fn set(&mut self, settings: &ScoreSettings) {
        self.window = settings.fold_window;
        self.after = settings.fold_after as usize;
    }

    /// Judges a match. `id` is the id that its alert would have; summaries that had to make room go to `out`.
    pub(crate) fn judge(
        &mut self,
        time: BootTime,
        rule: RuleKey,
        subject: &Subject,
        object: (&'static str, &Bytes),
        id: &Arc<str>,
        out: &mut Vec<Alert>,
    ) -> Verdict<'_> {
        if self.window == 0 {
            return Verdict::Alert;
        }
        let hash = hash(object.1);
        let exact = Key {
            rule,
            subject: Some(subject.clone()),
            object: Some((object.0, object.1.clone())),
        };
        let key = if self.open.contains_key(&exact) {
            exact
        } else {
            self.widen(exact, subject, object.1)
        };
        if !self.open.contains_key(&key) {
            let own = key.object.is_some();
            self.begin(time, key.clone(), id.clone(), out);
            if own {
                return Verdict::Alert;
            }
        }
        match self.open.get_mut(&key) {
            Some(fold) => {
                fold.count += 1;
                if let Some(objects) = fold.objects.as_mut().filter(|objects| objects.len() < MAX_OBJECTS) {
                    objects.insert(hash);
                }
                Verdict::Folded(fold)
            }
            None => Verdict::Alert,
        }
    }

    /// Closes the windows that end at `now` or before; those that folded something give their summary.
    pub(crate) fn close(&mut self, now: BootTime, out: &mut Vec<Alert>) {
        while self
            .closing
            .first_key_value()
            .is_some_and(|((closes, _), _)| *closes <= now.0)
        {
            self.close_first(out);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The key of a match that has no window of its own: a new one, or that of the summary it joins.
    fn widen(&self, exact: Key, subject: &Subject, object: &Bytes) -> Key {
        if self
            .per_rule
            .get(&exact.rule)
            .is_some_and(|open| *open >= MAX_ALERTS_PER_RULE)
        {
            let further = Key {
                rule: exact.rule.clone(),
                subject: exact.subject.clone(),
                object: None,
            };
            return if self.open.contains_key(&further) {
                further
            } else {
                Key {
                    subject: None,
                    ..further
                }
            };
        }
        let objects = self
            .objects
            .get(&(exact.rule.clone(), subject.clone()))
            .map_or(&[][..], Vec::as_slice);
        if objects.len() >= self.after && !objects.iter().any(|(known, _)| known == object) {
            return Key { object: None, ..exact };
        }
        exact
    }

    fn begin(&mut self, time: BootTime, key: Key, id: Arc<str>, out: &mut Vec<Alert>) {
        while self.open.len() >= MAX_OPEN {
            self.evicted += 1;
            self.close_first(out);
        }
        self.opened += 1;
        let order = (time.0.saturating_add(self.window), self.opened);
        if let Some(subject) = &key.subject {
            *self.per_rule.entry(key.rule.clone()).or_default() += 1;
            if let Some((_, object)) = &key.object {
                let objects = self.objects.entry((key.rule.clone(), subject.clone())).or_default();
                match objects.iter_mut().find(|(known, _)| known == object) {
                    Some((_, windows)) => *windows += 1,
                    None => objects.push((object.clone(), 1)),
                }
            }
        }
        let objects = key.object.is_none().then(HashSet::new);
        self.closing.insert(order, key.clone());
        self.open.insert(
            key,
            Fold {
                id,
                summary: None,
                order,
                count: 0,
                objects,
            },
        );
    }

    fn close_first(&mut self, out: &mut Vec<Alert>) {
        let Some((order, key)) = self.closing.pop_first() else {
            return;
        };
        let Some(fold) = self.open.remove(&key) else { return };
        debug_assert_eq!(fold.order, order);
        self.release(&key);
        if let Some(mut summary) = fold.summary {
            summary.count = fold.count;
            summary.objects = fold.objects.map(|objects| objects.len() as u64);
            summary.message = message(&summary, self.window);
            out.push(*summary);
        }
    }

    fn release(&mut self, key: &Key) {
        let Some(subject) = &key.subject else { return };
        if let Some(open) = self.per_rule.get_mut(&key.rule) {
            *open -= 1;
            if *open == 0 {
                self.per_rule.remove(&key.rule);
            }
        }
        let Some((_, object)) = &key.object else { return };
        let group = (key.rule.clone(), subject.clone());
        if let Some(objects) = self.objects.get_mut(&group) {
            for (known, windows) in objects.iter_mut() {
                *windows -= u32::from(known == object);
            }
            objects.retain(|(_, windows)| *windows > 0);
            if objects.is_empty() {
                self.objects.remove(&group);
            }
        }
    }
}

fn message(summary: &Alert, window: u64) -> String {
    let seconds = window / 1_000_000_000;
    match summary.objects {
        None => format!("{} times more in {seconds} s: {}", summary.count, summary.message),
        Some(objects) => format!(
            "{} more on {objects} other objects in {seconds} s, such as: {}",
            summary.count, summary.message
        ),
    }
}

/// The same for the same object in every run.
fn hash(object: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
}
