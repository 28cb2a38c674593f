//! Attributes of OTLP's messages.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value};

/// A list of attributes that is filled.
#[derive(Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: impl Into<String>) {
        self.push(key, Value::StringValue(value.into()));
    }

    /// Nothing where there is no value.
    pub(super) fn maybe_text(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn int(&mut self, key: &str, value: impl TryInto<i64>) {
        // OTLP has signed numbers only; what is larger than their largest is shown as that.
        self.push(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)));
    }

    pub(super) fn maybe_int(&mut self, key: &str, value: Option<impl TryInto<i64>>) {
        if let Some(value) = value {
            self.int(key, value);
        }
    }

    pub(super) fn double(&mut self, key: &str, value: f64) {
        self.push(key, Value::DoubleValue(value));
    }

    /// Nothing for an empty list.
    pub(super) fn texts<S: AsRef<str>>(&mut self, key: &str, values: &[S]) {
        let values: Vec<_> = values
            .iter()
            .map(|v| Value::StringValue(v.as_ref().to_owned()))
            .collect();
        self.array(key, values);
    }

    /// A list of groups of attributes; nothing for an empty one.
    pub(super) fn groups(&mut self, key: &str, groups: impl IntoIterator<Item = Attributes>) {
        let values = groups
            .into_iter()
            .map(|group| Value::KvlistValue(KeyValueList { values: group.0 }))
            .collect();
        self.array(key, values);
    }

    fn array(&mut self, key: &str, values: Vec<Value>) {
        if !values.is_empty() {
            let values = values.into_iter().map(any).collect();
            self.push(key, Value::ArrayValue(ArrayValue { values }));
        }
    }

    fn push(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(any(value)),
            ..KeyValue::default()
        });
    }
}

/// A value as it stands alone.
pub(super) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}
