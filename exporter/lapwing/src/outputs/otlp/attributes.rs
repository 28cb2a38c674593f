//! Attributes of log records.

use std::collections::HashMap;

use opentelemetry::{Key, logs::AnyValue};

/// A list of attributes that is filled.
#[derive(Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<(Key, AnyValue)>);

impl Attributes {
    pub(super) fn text(&mut self, key: &'static str, value: impl Into<String>) {
        self.push(key, value.into().into());
    }

    /// Nothing where there is no value.
    pub(super) fn maybe_text(&mut self, key: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn int(&mut self, key: &'static str, value: impl TryInto<i64>) {
        // OTLP has signed numbers only; what is larger than their largest is shown as that.
        self.push(key, AnyValue::Int(value.try_into().unwrap_or(i64::MAX)));
    }

    pub(super) fn maybe_int(&mut self, key: &'static str, value: Option<impl TryInto<i64>>) {
        if let Some(value) = value {
            self.int(key, value);
        }
    }

    pub(super) fn double(&mut self, key: &'static str, value: f64) {
        self.push(key, AnyValue::Double(value));
    }

    pub(super) fn flag(&mut self, key: &'static str, value: bool) {
        self.push(key, AnyValue::Boolean(value));
    }

    /// Nothing for an empty list.
    pub(super) fn texts<S: AsRef<str>>(&mut self, key: &'static str, values: &[S]) {
        let values = values.iter().map(|v| v.as_ref().to_owned().into()).collect();
        self.list(key, values);
    }

    /// A list of groups of attributes; nothing for an empty one.
    pub(super) fn groups(&mut self, key: &'static str, groups: impl IntoIterator<Item = Attributes>) {
        let values = groups
            .into_iter()
            .map(|group| AnyValue::Map(Box::new(HashMap::from_iter(group.0))))
            .collect();
        self.list(key, values);
    }

    fn list(&mut self, key: &'static str, values: Vec<AnyValue>) {
        if !values.is_empty() {
            self.push(key, AnyValue::ListAny(Box::new(values)));
        }
    }

    fn push(&mut self, key: &'static str, value: AnyValue) {
        self.0.push((Key::from_static_str(key), value));
    }
}
