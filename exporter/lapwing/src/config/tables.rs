//! Settings that are tables of names and values.

use figment::value::{Dict, Value};
use toml::de::DeTable;

use super::{schema::Refusal, section::type_name};

/// Labels that the agent sets itself, or that only a silence may use: what is given for them would never be looked at.
const TAKEN: [&str; 11] = [
    "alertname",
    "rule",
    "sensor",
    "severity",
    "lapwing_severity",
    "process",
    "executable",
    "path",
    "container",
    "remote",
    "user",
];

/// The names and values of a table; `what` they are is for messages.
pub fn pairs(what: &str, key: &str, table: &DeTable<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let pair = |(name, value): (&toml::Spanned<_>, &toml::Spanned<toml::de::DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        match value.get_ref().as_str() {
            Some(text) => Ok((name.to_string(), text.to_owned())),
            None => Err((
                format!("{what} {name} must be a string, not {}", type_name(value.get_ref())),
                format!("write {key} = {{ name = \"value\" }}"),
            )),
        }
    };
    table.iter().map(pair).collect()
}

/// `name=value,name=value`.
pub fn pairs_of_text(key: &str, text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let pair = |entry: &str| match entry.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        // The value may be a credential: the message does not show it.
        None => Err((
            format!("{key}: an entry has no ="),
            String::from("write name=value,name=value"),
        )),
    };
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    entries.map(pair).collect()
}

/// Labels of Prometheus.
pub fn labels(pairs: Vec<(String, String)>) -> Result<Value, Refusal> {
    for (name, value) in &pairs {
        let (problem, help) = match () {
            _ if name.is_empty() => ("has no name", "write name = \"value\""),
            _ if name.contains(char::is_control) || value.contains(char::is_control) => {
                ("has control characters", "write it as Prometheus shows it")
            }
            _ if TAKEN.contains(&name.as_str()) => ("is set by Lapwing itself", "remove it"),
            _ if value.is_empty() => ("is empty, which is the same as absent", "remove it, or give it a value"),
            _ => continue,
        };
        return Err((format!("label {name:?} {problem}"), help.to_owned()));
    }
    let dict: Dict = pairs
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    Ok(dict.into())
}
