//! Every setting: its name, what it may be, and the check of one value, wherever it was written.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use figment::value::Value;
use toml::de::DeValue;

use super::{
    lists::{list, message_bytes},
    section::{one_of, type_name},
    tables, value,
};

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number between two bounds.
    Number(u32, u32),
    /// A duration between two bounds.
    Duration(Duration, Duration),
    /// A power of two of bytes between two bounds.
    Ring(u64, u64),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// An absolute path.
    Path,
    /// An absolute path, or `-` for standard output.
    Output,
    /// IP address and port.
    Address,
    /// `http://` or `https://` with a host.
    Url,
    /// A log level, or directives.
    Level,
    /// Names and values of headers.
    Headers,
    /// A size between two bounds.
    Size(u64, u64),
    /// A list of globs over rules' ids.
    Globs,
    /// A list of addresses and networks.
    Networks,
    /// A list of names and absolute paths of programs.
    Programs,
    /// `{ request = SIZE, response = SIZE }`
    MessageBytes,
    /// A list of URLs as [`Kind::Url`].
    Urls,
    /// One line of visible characters.
    Text,
    /// Names and values of labels.
    Labels,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its section; empty for the top level.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
}

const fn key(section: &'static str, name: &'static str, kind: Kind) -> Key {
    Key { section, name, kind }
}

const MAX_POINTS: u32 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// All settings. Rules are read by `rules.rs`.
pub const KEYS: &[Key] = &[
    key("", "config_version", Kind::Number(1, u32::MAX)),
    key("", "defaults", Kind::Bool),
    key("", "profile", Kind::Choice(&["production", "demo"])),
    key("agent", "socket", Kind::Path),
    key("agent", "lock", Kind::Path),
    key("agent", "state_dir", Kind::Path),
    key("agent", "host_root", Kind::Path),
    key("agent", "lifecycle_ring", Kind::Ring(64 << 10, 1 << 30)),
    key("agent", "file_ring", Kind::Ring(64 << 10, 1 << 30)),
    key("agent", "network_ring", Kind::Ring(1 << 20, 1 << 30)),
    key(
        "agent",
        "drain_interval",
        Kind::Duration(Duration::from_millis(1), SECOND),
    ),
    key("agent", "alert_queue", Kind::Number(16, 1_000_000)),
    key("agent", "bpf_stats", Kind::Bool),
    key("log", "level", Kind::Level),
    key("log", "format", Kind::Choice(&["auto", "text", "json"])),
    key("metrics", "enabled", Kind::Bool),
    key("metrics", "listen", Kind::Address),
    key("metrics", "insecure", Kind::Bool),
    key("metrics", "web_config_file", Kind::Path),
    key("metrics", "max_rules", Kind::Number(0, 25_000)),
    key("metrics", "active_for", Kind::Duration(SECOND, MONTH)),
    key("otlp", "endpoint", Kind::Url),
    key("otlp", "protocol", Kind::Choice(&["grpc", "http/protobuf"])),
    key("otlp", "headers", Kind::Headers),
    key("otlp", "ca_file", Kind::Path),
    key("otlp", "timeout", Kind::Duration(Duration::from_millis(100), HOUR)),
    key("json", "enabled", Kind::Bool),
    key("json", "path", Kind::Output),
    key("alertmanager", "urls", Kind::Urls),
    key("alertmanager", "poll_interval", Kind::Duration(SECOND, HOUR)),
    key(
        "alertmanager",
        "timeout",
        Kind::Duration(Duration::from_millis(100), Duration::from_secs(60)),
    ),
    key("alertmanager", "ca_file", Kind::Path),
    key("alertmanager", "cert_file", Kind::Path),
    key("alertmanager", "key_file", Kind::Path),
    key("alertmanager", "username", Kind::Text),
    key("alertmanager", "password_file", Kind::Path),
    key("alertmanager", "bearer_token_file", Kind::Path),
    key("alertmanager", "insecure", Kind::Bool),
    key("alertmanager", "labels", Kind::Labels),
    key("alertmanager", "mask_action", Kind::Choice(&["mark", "drop"])),
    key("alertmanager", "maskable_critical", Kind::Globs),
    key("alertmanager", "never_mask", Kind::Globs),
    key("score", "threshold", Kind::Number(1, MAX_POINTS)),
    key("score", "half_life", Kind::Duration(SECOND, MONTH)),
    key("score", "lineage_threshold", Kind::Number(1, MAX_POINTS)),
    key("score", "container_threshold", Kind::Number(1, MAX_POINTS)),
    key("score", "host_threshold", Kind::Number(1, MAX_POINTS)),
    key("score", "max_subjects", Kind::Number(1, 10_000_000)),
    key("score", "fold_window", Kind::Duration(Duration::ZERO, MONTH)),
    key("score", "fold_after", Kind::Number(1, 1_000_000)),
    key("process", "enabled", Kind::Bool),
    key("process", "max_processes", Kind::Number(1_024, 10_000_000)),
    key("process", "keep_exited", Kind::Duration(Duration::ZERO, MONTH)),
    key("file", "enabled", Kind::Bool),
    key("network", "enabled", Kind::Bool),
    key("network", "mode", Kind::Choice(&["all", "only", "except"])),
    key("network", "processes", Kind::Programs),
    key("network", "https", Kind::Choice(&["off", "on"])),
    key("network", "incoming_rules", Kind::Globs),
    key("network", "outgoing_rules", Kind::Globs),
    key("network", "ignored_rules", Kind::Globs),
    key("network", "proxies", Kind::Networks),
    key("network", "max_bytes_per_message", Kind::MessageBytes),
    key("network", "incoming_threshold", Kind::Number(1, MAX_POINTS)),
    key("network", "outgoing_threshold", Kind::Number(1, MAX_POINTS)),
    key("network", "excerpts", Kind::Bool),
    key("network", "max_flows", Kind::Number(1_024, 4_000_000)),
    key("network", "max_buffered", Kind::Size(1 << 20, 2 << 30)),
];

/// What is wrong with a value, and what to write.
pub type Refusal = (String, String);

impl Key {
    /// `section.name`, or the name alone at the top level.
    pub fn path(&self) -> String {
        if self.section.is_empty() {
            self.name.into()
        } else {
            format!("{}.{}", self.section, self.name)
        }
    }

    /// Checks a TOML value.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn check(&self, found: &DeValue<'_>) -> Result<Value, Refusal> {
        let (wanted, example) = self.kind.wanted();
        let mismatch = || {
            let message = format!("{} must be {wanted}, not {}", self.name, wrong(found));
            let help = match self.kind {
                Kind::Choice(words) => format!("write {} = \"{}\"", self.name, words.join("\" or \"")),
                Kind::Number(least, most) => format!("write {} = {}", self.name, 100.clamp(least, most)),
                _ => format!("write {} = {example}", self.name),
            };
            (message, help)
        };
        match (self.kind, found) {
            (Kind::Bool, DeValue::Boolean(value)) => Ok(Value::from(*value)),
            (Kind::Number(..), DeValue::Integer(integer)) => self.check_number(
                i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
                integer.as_str(),
            ),
            (Kind::Ring(..) | Kind::Size(..), DeValue::Integer(integer)) => self.check_text(integer.as_str()),
            (Kind::Globs | Kind::Networks | Kind::Programs | Kind::Urls, DeValue::Array(array)) => {
                let texts: Option<Vec<&str>> = array.iter().map(|entry| entry.get_ref().as_str()).collect();
                list(self.kind, self.name, &texts.ok_or_else(mismatch)?)
            }
            (Kind::MessageBytes, DeValue::Table(table)) => {
                let pairs: Option<Vec<(&str, &str)>> = table
                    .iter()
                    .map(|(key, value)| Some((key.get_ref().as_ref(), value.get_ref().as_str()?)))
                    .collect();
                message_bytes(self.name, &pairs.ok_or_else(mismatch)?)
            }
            (Kind::Headers, DeValue::Table(table)) => headers(tables::pairs("header", self.name, table)?),
            (Kind::Labels, DeValue::Table(table)) => tables::labels(tables::pairs("label", self.name, table)?),
            (Kind::Bool | Kind::Number(..) | Kind::Headers | Kind::Labels | Kind::MessageBytes, _) => Err(mismatch()),
            (Kind::Globs | Kind::Networks | Kind::Programs | Kind::Urls, _) => Err(mismatch()),
            (_, DeValue::String(text)) => self.check_text(text),
            _ => Err(mismatch()),
        }
    }

    /// Checks a value that is written as text: a TOML string, a variable or a flag.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn check_text(&self, text: &str) -> Result<Value, Refusal> {
        let name = self.name;
        let refuse = |why: &str, help: &str| (format!("{name} {why}, not {text:?}"), help.to_owned());
        let ok = || Ok(Value::from(text));
        match self.kind {
            Kind::Bool => match text {
                "true" => Ok(Value::from(true)),
                "false" => Ok(Value::from(false)),
                _ => Err(refuse("must be true or false", "write true or false")),
            },
            Kind::Number(..) => self.check_number(text.parse().ok(), text),
            Kind::Duration(least, most) => {
                let found = value::duration(text).map_err(|why| (format!("{name}: {why}"), String::new()))?;
                let (low, high) = (value::duration_text(least), value::duration_text(most));
                match (least..=most).contains(&found) {
                    true => ok(),
                    false => Err(refuse(
                        &format!("must be from {low} to {high}"),
                        "write a value in that range",
                    )),
                }
            }
            Kind::Ring(least, most) => {
                let found = value::size(text).map_err(|why| (format!("{name}: {why}"), String::new()))?;
                let why = format!(
                    "must be a power of two from {} to {}",
                    value::size_text(least),
                    value::size_text(most)
                );
                match found.is_power_of_two() && (least..=most).contains(&found) {
                    true => ok(),
                    false => Err(refuse(&why, "write for example \"16MiB\"")),
                }
            }
            Kind::Size(least, most) => {
                let found = value::size(text).map_err(|why| (format!("{name}: {why}"), String::new()))?;
                let (low, high) = (value::size_text(least), value::size_text(most));
                match (least..=most).contains(&found) {
                    true => ok(),
                    false => Err(refuse(
                        &format!("must be from {low} to {high}"),
                        "write a value in that range",
                    )),
                }
            }
            Kind::Globs | Kind::Networks | Kind::Programs | Kind::Urls => {
                let texts: Vec<&str> = text
                    .split(',')
                    .map(str::trim)
                    .filter(|entry| !entry.is_empty())
                    .collect();
                list(self.kind, name, &texts)
            }
            Kind::MessageBytes => {
                let pairs = text.split(',').map(|pair| pair.trim().split_once('='));
                let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
                let help = "write request=128KiB,response=512KiB";
                message_bytes(
                    name,
                    &pairs.ok_or_else(|| refuse("must name request and response", help))?,
                )
            }
            Kind::Choice(choices) => match choices.contains(&text) {
                true => ok(),
                false => Err((format!("{name} cannot be {text:?}"), one_of(text, choices))),
            },
            Kind::Path | Kind::Output => match text.starts_with('/') && !text.contains('\0') {
                true => ok(),
                false if matches!(self.kind, Kind::Output) && text == "-" => ok(),
                false => Err(refuse("must be an absolute path", "begin it with /")),
            },
            Kind::Address => match SocketAddr::from_str(text) {
                Ok(_) => ok(),
                Err(_) => Err(refuse(
                    "must be an IP address and a port",
                    "write for example \"127.0.0.1:19754\"",
                )),
            },
            Kind::Url => match url(text) {
                true => ok(),
                false => Err(refuse(
                    "must be an http or https URL",
                    "write for example \"http://127.0.0.1:4317\"",
                )),
            },
            Kind::Level => match level(text) {
                true => ok(),
                false => Err(refuse(
                    "must be a level or directives",
                    "write error, warn, info, debug, trace or off, or for example \"info,lapwing=debug\"",
                )),
            },
            Kind::Headers => headers(tables::pairs_of_text(name, text)?),
            Kind::Labels => tables::labels(tables::pairs_of_text(name, text)?),
            Kind::Text => match !text.is_empty() && text.len() <= 256 && !text.contains(char::is_control) {
                true => ok(),
                false => Err(refuse(
                    "must be one line of 1 to 256 bytes",
                    "write it without control characters",
                )),
            },
        }
    }

    fn check_number(&self, number: Option<i64>, written: &str) -> Result<Value, Refusal> {
        let Kind::Number(least, most) = self.kind else {
            return Ok(Value::from(number.unwrap_or_default()));
        };
        let found = number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|n| (least..=most).contains(n));
        found.map(Value::from).ok_or_else(|| {
            let message = format!(
                "{} must be a whole number from {least} to {most}, not {written}",
                self.name
            );
            (message, String::from("write a value in that range"))
        })
    }
}

/// What is there in place of what is wanted; of a list or a table that may be what it holds.
fn wrong(found: &DeValue<'_>) -> String {
    let odd = |value: &DeValue<'_>| (value.as_str().is_none()).then(|| type_name(value));
    let (what, inside) = match found {
        DeValue::Array(entries) => ("a list", entries.iter().find_map(|entry| odd(entry.get_ref()))),
        DeValue::Table(entries) => ("a table", entries.iter().find_map(|(_, value)| odd(value.get_ref()))),
        _ => return type_name(found).into(),
    };
    inside.map_or_else(|| what.into(), |inside| format!("{what} that has {inside} in it"))
}

impl Kind {
    /// For messages: what is wanted, and an example in TOML.
    fn wanted(self) -> (&'static str, &'static str) {
        match self {
            Kind::Bool => ("true or false", "true"),
            Kind::Number(..) => ("an integer", "100"),
            Kind::Duration(..) => ("a duration", "\"10m\""),
            Kind::Ring(..) => ("a size", "\"16MiB\""),
            Kind::Choice(_) => ("a string", "\"...\""),
            Kind::Path => ("a path", "\"/...\""),
            Kind::Output => ("a path", "\"-\""),
            Kind::Address => ("an address", "\"127.0.0.1:19754\""),
            Kind::Url => ("a URL", "\"http://127.0.0.1:4317\""),
            Kind::Level => ("a string", "\"info\""),
            Kind::Headers | Kind::Labels => ("a table", "{ name = \"value\" }"),
            Kind::Size(..) => ("a size", "\"64MiB\""),
            Kind::Globs => ("a list of strings", "[\"*\"]"),
            Kind::Networks => ("a list of strings", "[\"10.0.0.0/8\"]"),
            Kind::Programs => ("a list of strings", "[\"nginx\", \"/usr/bin/curl\"]"),
            Kind::MessageBytes => (
                "a table of two sizes",
                "{ request = \"128KiB\", response = \"512KiB\" }",
            ),
            Kind::Urls => ("a list of URLs", "[\"http://127.0.0.1:9093\"]"),
            Kind::Text => ("a string", "\"...\""),
        }
    }
}

pub(super) fn url(text: &str) -> bool {
    hyper::Uri::from_str(text).is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn level(text: &str) -> bool {
    let is_level = |text: &str| matches!(text, "off" | "error" | "warn" | "info" | "debug" | "trace");
    text.split(',').all(|directive| match directive.split_once('=') {
        Some((target, level)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
            !target.is_empty() && target.chars().all(plain) && is_level(level)
        }
        None => is_level(directive),
    })
}

/// Values may be credentials: no message shows one.
fn headers(pairs: Vec<(String, String)>) -> Result<Value, Refusal> {
    for (name, value) in &pairs {
        if hyper::header::HeaderName::from_str(name).is_err() {
            return Err((
                format!("{name:?} is not the name of a header"),
                "use letters, digits and -".into(),
            ));
        }
        if hyper::header::HeaderValue::from_str(value).is_err() {
            return Err((
                format!("the value of header {name} has characters that no header may have"),
                String::new(),
            ));
        }
    }
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value)))
        .collect::<figment::value::Dict>()
        .into())
}
