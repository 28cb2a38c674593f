//! From findings to scores and alerts.

use std::sync::Arc;

use super::{AlertSeries, Engine, network};
use crate::{
    alert::{ActionResult, Alert, MaskView},
    event::{Bytes, Event},
    fold::{RuleKey, Verdict},
    mask::{Detail, Details},
    process::Table,
    redact,
    rule::{Finding, RuleInfo, RuleSet},
    score::{Points, Scores, Subject},
    spec::{AlertMode, Severity},
    view,
};

impl Engine {
    pub(super) fn matched(&mut self, event: &Event, out: &mut Vec<Alert>) {
        let matches = std::mem::take(&mut self.matches);
        for rule in &matches.skipped {
            if let Some(counts) = self.counters.rule(*rule) {
                counts.skipped += 1;
            }
        }
        for finding in &matches.findings {
            self.found(event, finding, out);
        }
        self.counters.told = self.scores.told();
        self.matches = matches;
    }

    fn found(&mut self, event: &Event, finding: &Finding, out: &mut Vec<Alert>) {
        let Some(counts) = self.counters.rule(finding.rule) else {
            return;
        };
        counts.matches += 1;
        let rule = counts.id.clone();
        let Some((sensor, mode)) = self.rules.rule(finding.rule).map(|info| (info.sensor, info.alert)) else {
            return;
        };
        let series = AlertSeries {
            rule: rule.clone(),
            severity: finding.severity,
            sensor,
        };
        let time = event.header.time;
        let details = || Some(Details::of(&self.table, event));
        if let Some(mask) = self.masking.judge(&self.rules, &series, time, details) {
            return self.masked(event, finding, &rule, mask, out);
        }
        let lineage = self.table.lineage_root(&event.header.process);
        let container = view::container_id(&self.table, &event.header.process).map(Bytes::from);
        let (own, alert) = match mode {
            AlertMode::Score => (false, None),
            AlertMode::Each => {
                self.actives.note(series, time, details());
                let (own, id) = self.fold(event, finding, &rule, None, out);
                (own, Some(id))
            }
        };
        // Its own alert goes before the score alerts, but shows the score as it is after the match.
        let at = out.len();
        let points = Points {
            time,
            rule,
            severity: finding.severity,
            points: finding.points,
            object: finding.object.clone(),
            alert: alert.clone(),
            lineage,
            container,
        };
        let subjects = self.subjects(event, finding, &points);
        for subject in &subjects {
            self.score(event, subject, &points, out);
        }
        if let Some(id) = alert.filter(|_| own) {
            let mut alert = describe(&self.rules, &self.table, event, finding, &id);
            if let Some(network) = alert.network.as_mut().filter(|_| self.settings.network.excerpts) {
                network.excerpt = view::excerpt(event);
            }
            let nearest = subjects.iter().max_by(|a, b| {
                // Of equals the last is the maximum, so the narrowest wins by being compared in reverse.
                self.scores
                    .fraction(a)
                    .total_cmp(&self.scores.fraction(b))
                    .then(b.kind().cmp(&a.kind()))
            });
            alert.score = nearest
                .filter(|_| finding.points > 0)
                .and_then(|subject| self.scores.view(subject, time, false));
            out.insert(at, alert);
        }
    }

    /// A match that a silence masks: no points, and an alert that says so (unless the rule only scores).
    fn masked(&mut self, event: &Event, finding: &Finding, rule: &Arc<str>, mask: MaskView, out: &mut Vec<Alert>) {
        if let Some(counts) = self.counters.rule(finding.rule) {
            counts.masked += 1;
        }
        if self
            .rules
            .rule(finding.rule)
            .is_some_and(|info| info.alert == AlertMode::Score)
        {
            return;
        }
        if let (true, id) = self.fold(event, finding, rule, Some(&mask), out) {
            let alert = describe(&self.rules, &self.table, event, finding, &id);
            out.push(Alert {
                masked: Some(mask),
                ..alert
            });
        }
    }

    /// Whether the match gets an alert of its own, and the id of the alert that tells of it.
    fn fold(
        &mut self,
        event: &Event,
        finding: &Finding,
        rule: &Arc<str>,
        mask: Option<&MaskView>,
        out: &mut Vec<Alert>,
    ) -> (bool, Arc<str>) {
        let id: Arc<str> = Arc::from(view::alert_id(rule, event));
        let key = RuleKey {
            rule: rule.clone(),
            severity: finding.severity,
            result: finding.result,
            masked: mask.is_some(),
        };
        let subject = Subject::Lineage(self.table.lineage_root(&event.header.process));
        let object = (finding.event, &finding.object);
        match self.folds.judge(event.header.time, key, &subject, object, &id, out) {
            Verdict::Alert => (true, id),
            Verdict::Folded(fold) => {
                let (rules, table) = (&self.rules, &self.table);
                fold.summary.get_or_insert_with(|| {
                    Box::new(Alert {
                        masked: mask.cloned(),
                        ..describe(rules, table, event, finding, &id)
                    })
                });
                let told_by = fold.id.clone();
                self.counters.folded += 1;
                if let Some(counts) = self.counters.rule(finding.rule) {
                    counts.folded += 1;
                }
                (false, told_by)
            }
        }
    }

    fn score(&mut self, event: &Event, subject: &Subject, points: &Points, out: &mut Vec<Alert>) {
        let (table, hostname) = (&self.table, &self.settings.hostname);
        let label = || match subject {
            Subject::Lineage(key) => {
                let name = table
                    .get(key)
                    .map_or_else(|| "?".to_owned(), |process| process.snapshot.name.to_text());
                format!("{name}[{}]", key.pid)
            }
            Subject::Container(id) => id.to_text(),
            Subject::Host => hostname.clone(),
            Subject::Transaction(..) => network::transaction(event),
            Subject::Remote(address, _) => network::remote(address),
        };
        let Some(raised) = self.scores.raise(subject, label, points) else {
            return;
        };
        let (rules, severity) = self.scores.causes(subject);
        let series = AlertSeries {
            rule: Arc::from(subject.kind().rule()),
            severity,
            sensor: event.sensor(),
        };
        let time = event.header.time;
        let details = || Some(score_details(subject, &self.table, event));
        let mask = self.masking.judge(&self.rules, &series, time, details);
        match mask {
            // Nobody was told: the next match after the silence tells.
            Some(_) => self.scores.take_back(subject, raised),
            None => self.actives.note(series.clone(), time, details()),
        }
        // The multiple is the object: a few go out as they are reached, a flood of them becomes one summary.
        let multiple = Bytes::from(raised.level.to_string().as_str());
        let id: Arc<str> = Arc::from(view::alert_id(&series.rule, event));
        let key = RuleKey {
            rule: series.rule,
            severity,
            result: ActionResult::Success,
            masked: mask.is_some(),
        };
        let tell = || {
            let alert = score_alert(
                &self.rules,
                &self.table,
                &self.scores,
                event,
                subject,
                (&rules, severity),
            )?;
            Some(Alert { masked: mask, ..alert })
        };
        match self.folds.judge(time, key, subject, ("score", &multiple), &id, out) {
            Verdict::Alert => out.extend(tell()),
            Verdict::Folded(fold) => {
                self.counters.folded += 1;
                if fold.summary.is_none() {
                    fold.summary = tell().map(Box::new);
                }
            }
        }
    }
}

/// What is true of a subject, and not only of the match that came last: a silence on one program must not hide what others have done.
fn score_details(subject: &Subject, table: &Table, event: &Event) -> Details {
    match subject {
        Subject::Container(id) => Details::from_values([(Detail::Container, id.clone())]),
        Subject::Remote(address, _) => {
            Details::from_values([(Detail::Remote, Bytes::from(&*network::remote(address)))])
        }
        Subject::Transaction(..) => Details::of(table, event),
        Subject::Lineage(_) | Subject::Host => Details::default(),
    }
}

/// A subject reached its threshold by matches of `rules`.
fn score_alert(
    set: &RuleSet,
    table: &Table,
    scores: &Scores,
    event: &Event,
    subject: &Subject,
    (rules, severity): (&[Arc<str>], Severity),
) -> Option<Alert> {
    let score = scores.view(subject, event.header.time, true)?;
    let rule = subject.kind().rule();
    let names = rules.iter().map(|rule| &**rule).collect::<Vec<_>>().join(", ");
    let mut tags: Vec<String> = Vec::new();
    let contributing = |info: &&RuleInfo| rules.iter().any(|rule| **rule == *info.id);
    for tag in set.rules().iter().filter(contributing).flat_map(|info| &info.tags) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let message = format!(
        "The score of {} {} reached {} of {} points by {} matches: {names}",
        score.subject_kind,
        score.subject,
        score.points,
        score.threshold,
        score.contributions.len(),
    );
    Some(Alert {
        time: event.header.time,
        id: view::alert_id(rule, event),
        rule: rule.to_owned(),
        ruleset: "score".to_owned(),
        severity,
        sensor: event.sensor(),
        event: "score",
        result: ActionResult::Success,
        errno: None,
        message,
        tags,
        count: 1,
        objects: None,
        process: Some(view::process(table, &event.header.process)),
        lineage: view::lineage(table, &event.header.process),
        file: None,
        network: view::network(event),
        http: view::http(event),
        container: view::container(table, &event.header.process),
        score: Some(score),
        partial: view::partial(table, event),
        masked: None,
    })
}

fn describe(rules: &RuleSet, table: &Table, event: &Event, finding: &Finding, id: &str) -> Alert {
    let info = &rules.rules()[finding.rule.index()];
    Alert {
        time: event.header.time,
        id: id.to_owned(),
        rule: info.id.clone(),
        ruleset: info.ruleset.clone(),
        severity: finding.severity,
        sensor: info.sensor,
        event: finding.event,
        result: finding.result,
        errno: view::errno(event),
        message: redact::text(&rules.message(finding, event, table)).into_owned(),
        tags: info.tags.clone(),
        count: 1,
        objects: None,
        process: Some(view::process(table, &event.header.process)),
        lineage: view::lineage(table, &event.header.process),
        file: view::file(event),
        network: view::network(event),
        http: view::http(event),
        container: view::container(table, &event.header.process),
        score: None,
        partial: view::partial(table, event),
        masked: None,
    }
}
