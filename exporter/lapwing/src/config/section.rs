//! Reads one table key by key and remembers what was asked for, so that what is left over is unknown.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{position::Place, report::Report, suggest::nearest};

/// Places of a rule's strings, by key: each piece with the byte at which it starts in the text that the engine gets.
pub type Places = BTreeMap<&'static str, Vec<(usize, Place)>>;

/// A table that is being read.
pub struct Section<'t, 'r, 's> {
    /// Where problems go.
    pub report: &'r mut Report<'s>,
    source: usize,
    table: &'t DeTable<'t>,
    /// For messages: `rule "x"`, `[[file.watch]]`.
    pub what: String,
    place: Place,
    asked: Vec<&'static str>,
    /// The places of what was read.
    pub places: Places,
    failed: bool,
}

impl<'t, 'r, 's> Section<'t, 'r, 's> {
    /// Begins to read a table.
    pub fn new(
        report: &'r mut Report<'s>,
        source: usize,
        table: &'t DeTable<'t>,
        span: Range<usize>,
        what: String,
    ) -> Self {
        let place = Place::Text { source, span };
        Section {
            report,
            source,
            table,
            what,
            place,
            asked: Vec::new(),
            places: Places::new(),
            failed: false,
        }
    }

    /// Where a key's value is, or the table when it is absent.
    pub fn place_of(&self, key: &str) -> Place {
        self.places
            .get(key)
            .and_then(|pieces| pieces.first())
            .map_or_else(|| self.place.clone(), |(_, place)| place.clone())
    }

    /// Reports a problem with a key.
    pub fn problem(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place_of(key);
        self.problem_at(&place, message, help);
    }

    /// Reports a problem at a place.
    pub fn problem_at(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.failed = true;
        self.report
            .problem(place, format!("{}: {}", self.what, message.into()), help);
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        let place = Place::Text {
            source: self.source,
            span: value.span(),
        };
        self.places.insert(key, vec![(0, place)]);
        Some(value)
    }

    fn mismatch(&mut self, key: &'static str, wanted: &str, found: &DeValue<'_>, example: &str) {
        self.problem(
            key,
            format!("{key} must be {wanted}, not {}", type_name(found)),
            format!("write {key} = {example}"),
        );
    }

    /// A string.
    pub fn text(&mut self, key: &'static str, example: &str) -> Option<String> {
        let value = self.value(key)?.get_ref();
        match value.as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.mismatch(key, "a string", value, example);
                None
            }
        }
    }

    /// True or false.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?.get_ref();
        let found = value.as_bool();
        if found.is_none() {
            self.mismatch(key, "true or false", value, "true");
        }
        found
    }

    /// A number from 0 to `max`.
    pub fn number(&mut self, key: &'static str, max: u32) -> Option<u32> {
        let value = self.value(key)?.get_ref();
        let Some(integer) = value.as_integer() else {
            self.mismatch(key, "an integer", value, "50");
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= max);
        if number.is_none() {
            self.problem(
                key,
                format!("{key} must be from 0 to {max}, not {integer}"),
                format!("write {key} = 50"),
            );
        }
        number
    }

    /// One of some names.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, &format!("{:?}", choices[0].0))?;
        let place = self.place_of(key);
        self.choose(&place, key, &text, choices)
    }

    /// A list, each entry one of some names.
    pub fn choices<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<Vec<T>> {
        let list = self.list(key, &format!("[{:?}]", choices[0].0))?;
        // All are checked before the first bad one ends it.
        let chosen: Vec<Option<T>> = list
            .iter()
            .map(|(text, place)| self.choose(place, key, text, choices))
            .collect();
        chosen.into_iter().collect()
    }

    fn choose<T: Copy>(&mut self, place: &Place, key: &str, text: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.problem_at(place, format!("{key} cannot be {text:?}"), one_of(text, &names));
        }
        found
    }

    /// A list of strings with their places.
    pub fn list(&mut self, key: &'static str, example: &str) -> Option<Vec<(String, Place)>> {
        let value = self.value(key)?.get_ref();
        let Some(array) = value.as_array() else {
            self.mismatch(key, "a list of strings", value, example);
            return None;
        };
        let mut list = Vec::new();
        for entry in array.iter() {
            let place = Place::Text {
                source: self.source,
                span: entry.span(),
            };
            match entry.get_ref().as_str() {
                Some(text) => list.push((text.to_owned(), place)),
                None => {
                    let message = format!("{key} must be a list of strings, not of {}", type_name(entry.get_ref()));
                    self.problem_at(&place, message, format!("write {key} = {example}"));
                }
            }
        }
        Some(list)
    }

    /// Whether the key is written.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports a key that must be there and is not.
    pub fn required(&mut self, key: &'static str, example: &str) {
        if !self.has(key) {
            let place = self.place.clone();
            self.problem_at(&place, format!("{key} is missing"), format!("write {key} = {example}"));
        }
    }

    /// Reports unknown keys; the places, or None when anything was wrong.
    pub fn finish(mut self) -> Option<Places> {
        for (name, _) in self.table.iter() {
            let key: &str = name.get_ref();
            if self.asked.contains(&key) {
                continue;
            }
            let place = Place::Text {
                source: self.source,
                span: name.span(),
            };
            self.failed |= !self.report.newer;
            let help = match nearest(key, self.asked.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known keys: {}", self.asked.join(", ")),
            };
            self.report
                .unknown(&place, format!("{}: unknown key {key}", self.what), help);
        }
        (!self.failed).then_some(self.places)
    }
}

/// "did you mean X?" or the whole choice.
pub fn one_of(written: &str, names: &[&str]) -> String {
    let all = names
        .iter()
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ");
    match nearest(written, names.iter().copied()) {
        Some(near) => format!("did you mean {near:?}? (one of {all})"),
        None => format!("write one of {all}"),
    }
}

/// What a value is, for people.
pub fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
