//! Checks of settings that are lists of a kind, or a pair of sizes.

use std::net::IpAddr;

use figment::value::{Dict, Value};
use ipnet::IpNet;
use lapwing_engine::predicate::Glob;

use super::{
    schema::{Kind, Refusal, url},
    value,
};

/// Most entries of one list.
const MAX_ENTRIES: usize = 1_000;
/// Bounds of a message's bytes: less is not even a request line, more is not worth the memory.
const MESSAGE: (u64, u64) = (1 << 10, 16 << 20);

/// Checks each entry.
pub(super) fn list(kind: Kind, name: &str, entries: &[&str]) -> Result<Value, Refusal> {
    if entries.len() > MAX_ENTRIES {
        let message = format!("{name} has {} entries, more than {MAX_ENTRIES}", entries.len());
        return Err((message, "use fewer and wider ones".into()));
    }
    let checked = entries.iter().map(|entry| {
        let checked = match kind {
            Kind::Networks => network(entry),
            Kind::Programs => program(entry),
            Kind::Urls => peer(entry),
            _ => glob(entry),
        };
        checked
            .map(Value::from)
            .map_err(|(why, help)| (format!("{name}: {entry:?} {why}"), help))
    });
    Ok(Value::from(checked.collect::<Result<Vec<Value>, Refusal>>()?))
}

/// An address stands for the network that it is alone in.
fn network(entry: &str) -> Result<String, Refusal> {
    let found = entry
        .parse::<IpNet>()
        .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
    found.map(|network| network.trunc().to_string()).map_err(|_| {
        (
            "is neither an IP address nor a network".into(),
            "write for example \"10.0.0.0/8\" or \"2001:db8::/32\"".into(),
        )
    })
}

fn program(entry: &str) -> Result<String, Refusal> {
    let help = || "write a process' name as ps -o comm shows it, or the absolute path of an executable".to_owned();
    match entry {
        entry if entry.is_empty() || entry.contains('\0') => Err(("is no program".into(), help())),
        entry if entry.starts_with('/') => Ok(entry.to_owned()),
        entry if entry.contains('/') => Err(("is neither a name nor an absolute path".into(), help())),
        entry if entry.len() > 15 => Err((
            "is longer than the 15 bytes that the kernel keeps of a name".into(),
            help(),
        )),
        entry => Ok(entry.to_owned()),
    }
}

fn peer(entry: &str) -> Result<String, (String, String)> {
    match url(entry) {
        true => Ok(entry.to_owned()),
        false => Err((
            "is not an http or https URL".into(),
            "write for example \"http://127.0.0.1:9093\"".into(),
        )),
    }
}

fn glob(entry: &str) -> Result<String, Refusal> {
    let help = || "write a rule's id; * stands for any text, ? for one character".to_owned();
    if entry.is_empty() {
        return Err(("matches no rule".into(), help()));
    }
    match Glob::new(entry.as_bytes()) {
        Ok(_) => Ok(entry.to_owned()),
        Err(why) => Err((format!("is no glob: {why}"), help())),
    }
}

/// Both sizes; one that is left out keeps its default.
pub(super) fn message_bytes(name: &str, pairs: &[(&str, &str)]) -> Result<Value, Refusal> {
    let help = || "write { request = \"128KiB\", response = \"512KiB\" }".to_owned();
    let mut dict = Dict::new();
    for (key, text) in pairs {
        if !matches!(*key, "request" | "response") {
            return Err((format!("{name} has no {key:?}"), help()));
        }
        let size = value::size(text).map_err(|why| (format!("{name}: {key}: {why}"), String::new()))?;
        if !(MESSAGE.0..=MESSAGE.1).contains(&size) {
            let (low, high) = (value::size_text(MESSAGE.0), value::size_text(MESSAGE.1));
            return Err((
                format!("{name}: {key} must be from {low} to {high}, not {text:?}"),
                help(),
            ));
        }
        dict.insert((*key).to_owned(), Value::from(*text));
    }
    Ok(dict.into())
}
