//! Reads `[[process.rule]]`, `[[file.watch]]`, `[[network.rule]]` and `[[override]]`, lays overrides over rules and builds what the engine compiles.

use std::{collections::HashMap, ops::Range};

use lapwing_engine::spec::{Common, FileWatch, NetworkRule, ProcessRule, Severity};
use toml::de::{DeTable, DeValue};

use super::{
    draft::{Additions, Draft},
    position::Place,
    report::Report,
    section::{Places, Section, type_name},
    suggest::nearest,
};

/// The most rules, all files together.
pub const MAX_RULES: usize = 25_000;
const MAX_ID: usize = 128;

/// A built rule.
#[derive(Debug)]
pub enum Rule {
    /// `[[process.rule]]`
    Process(ProcessRule),
    /// `[[file.watch]]`
    Watch(FileWatch),
    /// `[[network.rule]]`
    Network(NetworkRule),
}

/// The kinds of rules, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Process,
    Watch,
    Network,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    id: String,
    ruleset: &'static str,
    draft: Draft,
    place: Place,
    /// Something was wrong with it: kept for its id, not built.
    broken: bool,
}

#[derive(Debug)]
struct Override {
    id: String,
    place: Place,
    draft: Draft,
    additions: Additions,
}

/// The rules of all sources, in their order.
#[derive(Debug, Default)]
pub struct Rules {
    entries: Vec<Entry>,
    by_id: HashMap<String, usize>,
    overrides: Vec<Override>,
    too_many: bool,
}

impl Rules {
    /// Reads the rules and overrides of one source.
    pub fn read(&mut self, report: &mut Report<'_>, source: usize, ruleset: &'static str, table: &DeTable<'_>) {
        for (section, key, kind) in [
            ("process", "rule", Kind::Process),
            ("file", "watch", Kind::Watch),
            ("network", "rule", Kind::Network),
        ] {
            let value = table
                .get(section)
                .and_then(|value| value.get_ref().as_table()?.get(key));
            let header = format!("[[{section}.{key}]]");
            for (table, span) in tables(report, source, value, &header) {
                self.rule(report, source, ruleset, kind, table, span, &header);
            }
        }
        for (table, span) in tables(report, source, table.get("override"), "[[override]]") {
            self.read_override(report, source, table, span);
        }
    }

    #[allow(clippy::too_many_arguments)] // one call; a struct of these would say nothing more
    fn rule(
        &mut self,
        report: &mut Report<'_>,
        source: usize,
        ruleset: &'static str,
        kind: Kind,
        table: &DeTable<'_>,
        span: Range<usize>,
        header: &str,
    ) {
        let mut section = Section::new(report, source, table, span, header.to_owned());
        let id = read_id(&mut section);
        let id_place = section.place_of("id");
        let mut draft = Draft::default();
        draft.read_common(&mut section);
        match kind {
            Kind::Process => {
                draft.read_event(&mut section);
                draft.read_process(&mut section);
                if draft.severity.is_some() && draft.success_severity.is_some() {
                    section.problem(
                        "severity",
                        "severity and success_severity say the same thing",
                        "write one of them",
                    );
                }
            }
            Kind::Watch => {
                draft.read_path(&mut section);
                section.required(
                    "access",
                    "[\"create\", \"write\", \"permission\", \"delete\", \"rename\"]",
                );
                draft.read_watch(&mut section);
            }
            Kind::Network => {
                draft.read_protocol(&mut section);
                draft.read_network(&mut section);
            }
        }
        let read = section.finish();
        let broken = read.is_none();
        draft.places = read.unwrap_or_default();
        let Some(id) = id else { return };
        if let Some(&other) = self.by_id.get(&id) {
            let other = &self.entries[other];
            let help = match other.ruleset {
                "local" => "give one of them another id",
                _ => "give it another id, or change the built-in rule with [[override]]",
            };
            let message = format!("the id {id:?} is taken by {}", report.name(&other.place));
            report.problem(&id_place, message, help);
            return;
        }
        if self.entries.len() == MAX_RULES {
            if !std::mem::replace(&mut self.too_many, true) {
                report.problem(
                    &id_place,
                    format!("there are more than {MAX_RULES} rules"),
                    "remove rules from here on",
                );
            }
            return;
        }
        self.by_id.insert(id.clone(), self.entries.len());
        self.entries.push(Entry {
            kind,
            id,
            ruleset,
            draft,
            place: id_place,
            broken,
        });
    }

    fn read_override(&mut self, report: &mut Report<'_>, source: usize, table: &DeTable<'_>, span: Range<usize>) {
        let mut section = Section::new(report, source, table, span, "[[override]]".into());
        let id = read_id(&mut section);
        let place = section.place_of("id");
        let mut draft = Draft::default();
        draft.read_common(&mut section);
        draft.read_process(&mut section);
        draft.read_watch(&mut section);
        draft.read_network(&mut section);
        let additions = Additions::read(&mut section);
        let read = section.finish();
        if let (Some(id), Some(places)) = (id, read) {
            draft.places = places;
            self.overrides.push(Override {
                id,
                place,
                draft,
                additions,
            });
        }
    }

    /// Lays the overrides over the rules. `complete` is false where a source could not be read, so that a rule may be missing for that.
    pub fn apply_overrides(&mut self, report: &mut Report<'_>, complete: bool) {
        for over in std::mem::take(&mut self.overrides) {
            match self.by_id.get(&over.id) {
                Some(&index) => apply(report, &mut self.entries[index], over),
                None if complete => {
                    // Among many rules the search takes long: not for a file that is wrong all over.
                    let ids = self.by_id.keys().map(String::as_str).filter(|_| report.count() < 100);
                    let help = match nearest(&over.id, ids) {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => "`lapwing rules list` shows the ids".into(),
                    };
                    report.problem(
                        &over.place,
                        format!("[[override]]: there is no rule {:?}", over.id),
                        help,
                    );
                }
                None => {}
            }
        }
    }

    /// Builds the rules; with each the places of its strings.
    pub fn build(self) -> Vec<(Rule, Places)> {
        let whole = self.entries.into_iter().filter(|entry| !entry.broken);
        whole.filter_map(Entry::build).collect()
    }
}

/// The tables of an array of tables.
fn tables<'t>(
    report: &mut Report<'_>,
    source: usize,
    value: Option<&'t toml::Spanned<DeValue<'t>>>,
    header: &str,
) -> Vec<(&'t DeTable<'t>, Range<usize>)> {
    let Some(value) = value else { return Vec::new() };
    let mut wrong = |span: Range<usize>, found: &DeValue<'_>| {
        let message = format!("{header} must be a list of tables, not {}", type_name(found));
        report.problem(
            &Place::Text { source, span },
            message,
            format!("begin each with {header}"),
        );
    };
    let Some(array) = value.get_ref().as_array() else {
        wrong(value.span(), value.get_ref());
        return Vec::new();
    };
    let mut tables = Vec::new();
    for entry in array.iter() {
        match entry.get_ref().as_table() {
            Some(table) => tables.push((table, entry.span())),
            None => wrong(entry.span(), entry.get_ref()),
        }
    }
    tables
}

fn read_id(section: &mut Section<'_, '_, '_>) -> Option<String> {
    section.required("id", "\"my-rule\"");
    let id = section.text("id", "\"my-rule\"")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if id.is_empty() || id.len() > MAX_ID || !id.chars().all(allowed) {
        let message = format!("the id {id:?} is not allowed");
        section.problem("id", message, "use 1 to 128 characters of a-z, 0-9, '.', '_' and '-'");
        return None;
    }
    section.what = format!("{} {id:?}", section.what);
    Some(id)
}

/// Lays one override over its rule.
fn apply(report: &mut Report<'_>, entry: &mut Entry, over: Override) {
    let process = [
        "success_severity",
        "failure_severity",
        "skip_commands",
        "add_skip_commands",
    ];
    let watch = ["recursive", "access", "exclude", "on", "add_exclude"];
    let network = ["direction", "subjects"];
    let (name, foreign) = match entry.kind {
        Kind::Process => ("process rule", [&watch[..], &network]),
        Kind::Watch => ("watch", [&process[..], &network]),
        Kind::Network => ("network rule", [&process[..], &watch]),
    };
    for key in foreign.concat() {
        if let Some((_, place)) = over.draft.places.get(key).and_then(|pieces| pieces.first()) {
            report.problem(
                place,
                format!("[[override]] {:?}: a {name} has no {key}", over.id),
                "remove it",
            );
        }
    }
    let (old, mut new) = (&mut entry.draft, over.draft);
    if new.severity.is_some() {
        old.success_severity = None;
    }
    macro_rules! lay {
        ($($key:ident)*) => { $( if new.$key.is_some() { old.$key = new.$key; } )* };
    }
    lay!(enabled severity success_severity failure_severity points message tags when except alert skip_paths skip_commands recursive access exclude on direction subjects);
    let except = new.places.remove("add_except");
    old.places.extend(
        new.places
            .into_iter()
            .filter(|(key, _)| !key.starts_with("add_") && *key != "id"),
    );
    let add = over.additions;
    for (list, more) in [
        (&mut old.tags, add.tags),
        (&mut old.skip_paths, add.skip_paths),
        (&mut old.skip_commands, add.skip_commands),
        (&mut old.exclude, add.exclude),
    ] {
        list.get_or_insert_default().extend(more);
    }
    if let (Some(text), Some(places)) = (add.except, except) {
        add_except(old, &text, &places[0].1);
    }
}

/// `except` becomes "(what was there) or (the addition)", and each part keeps its place.
fn add_except(draft: &mut Draft, text: &str, place: &Place) {
    let Some(before) = draft.except.take() else {
        draft.except = Some(text.to_owned());
        draft.places.insert("except", vec![(0, place.clone())]);
        return;
    };
    let start = before.len() + ") or (".len() + 1;
    draft.except = Some(format!("({before}) or ({text})"));
    let pieces = draft.places.entry("except").or_default();
    for (at, _) in pieces.iter_mut() {
        *at += 1;
    }
    pieces.push((start, place.clone()));
}

impl Entry {
    fn build(self) -> Option<(Rule, Places)> {
        let Entry {
            kind,
            id,
            ruleset,
            draft,
            ..
        } = self;
        let common = Common {
            id,
            enabled: draft.enabled.unwrap_or(true),
            points: draft.points,
            message: draft.message,
            tags: draft.tags.unwrap_or_default(),
            when: draft.when,
            except: draft.except,
            alert: draft.alert.unwrap_or_default(),
            ruleset: ruleset.into(),
        };
        let severity = draft.severity.unwrap_or(Severity::Medium);
        let rule = match kind {
            Kind::Process => Rule::Process(ProcessRule {
                common,
                event: draft.event?,
                success_severity: draft.success_severity.unwrap_or(Some(severity)),
                failure_severity: draft.failure_severity.unwrap_or(None),
                skip_paths: draft.skip_paths.unwrap_or_default(),
                skip_commands: draft.skip_commands.unwrap_or_default(),
            }),
            Kind::Watch => Rule::Watch(FileWatch {
                common,
                path: draft.path?,
                recursive: draft.recursive.unwrap_or(true),
                access: draft.access?,
                exclude: draft.exclude.unwrap_or_default(),
                severity,
                on: draft.on.unwrap_or_default(),
                skip_paths: draft.skip_paths.unwrap_or_default(),
            }),
            Kind::Network => Rule::Network(NetworkRule {
                common,
                protocol: draft.protocol?,
                event: draft.network_event,
                direction: draft.direction.unwrap_or_default(),
                severity,
                subjects: draft.subjects,
                skip_paths: draft.skip_paths.unwrap_or_default(),
            }),
        };
        Some((rule, draft.places))
    }
}
