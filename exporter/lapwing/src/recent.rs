//! The recent alerts, kept so that `lapwing mask add --alert ID` knows what an alert was about: nothing of that is in the command's line.
//!
//! Two files of bounded size in `agent.state_dir`, JSON lines, the older one with `.1`. Only root reads them.

mod journal;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
};

use lapwing_engine::{
    alert::Alert,
    event::Sensor,
    mask::{Detail, Details},
    spec::Severity,
};
use serde::{Deserialize, Serialize};

pub use journal::Journal;

use crate::{
    outputs::AlertRecord,
    state_dir::{StateDir, StateError},
};

const NAME: &str = "alerts.jsonl";
const OLDER: &str = "alerts.jsonl.1";
/// Of one of the two files.
const MAX_FILE: u64 = 4 << 20;
/// Of one alert.
const MAX_LINE: usize = 64 << 10;

/// An alert, as far as a mask can be made from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// RFC 3339.
    pub time: String,
    /// The alert's id.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// Where the rule came from.
    pub ruleset: String,
    /// How bad.
    pub severity: Severity,
    /// Whose event.
    pub sensor: Sensor,
    /// `file.write` and the like.
    pub event: String,
    /// One sentence.
    pub message: String,
    /// How many matches it stands for.
    pub count: u64,
    /// Detail labels by name, as far as they are known in full and are text.
    pub details: BTreeMap<String, String>,
    /// The silence that masked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<String>,
}

impl Recent {
    /// What is kept of an alert.
    pub fn of(record: &AlertRecord) -> Recent {
        let alert = &record.alert;
        Recent {
            time: record.wall.rfc3339(alert.time),
            id: alert.id.clone(),
            rule: alert.rule.clone(),
            ruleset: alert.ruleset.clone(),
            severity: alert.severity,
            sensor: alert.sensor,
            event: alert.event.to_owned(),
            message: alert.message.clone(),
            count: alert.count,
            details: details(alert),
            masked: alert.masked.as_ref().map(|mask| mask.silence.clone()),
        }
    }

    /// For the engine's judgement.
    pub fn details(&self) -> Details {
        let known = |detail: Detail| Some((detail, self.details.get(detail.name())?.as_str().into()));
        Details::from_values(Detail::ALL.into_iter().filter_map(known))
    }
}

/// The detail labels, as the engine's `Details` has them: what is known only in part is left out, and what was not text.
fn details(alert: &Alert) -> BTreeMap<String, String> {
    let process = alert.process.as_ref();
    let whole = |name: &str| !alert.partial.contains(&name);
    let score = alert.score.as_ref().filter(|_| alert.event == "score");
    let value = |detail: Detail| match detail {
        // Of a score only what is true of its whole subject.
        Detail::Container | Detail::Remote if score.is_some_and(|score| score.subject_kind == detail.name()) => {
            score.map(|score| score.subject.clone())
        }
        _ if score.is_some_and(|score| score.subject_kind != "transaction") => None,
        Detail::Process => process.map(|process| process.name.clone()),
        Detail::Executable => process?.executable.clone().filter(|_| whole("process.executable")),
        Detail::Path => alert
            .file
            .as_ref()
            .map(|file| file.path.clone())
            .filter(|_| whole("file.path")),
        Detail::Container => alert.container.as_ref().map(|container| container.id.clone()),
        Detail::Remote => address(alert.network.as_ref()?.peer.as_deref()?),
        Detail::User => process?.euid.map(|user| user.to_string()),
    };
    Detail::ALL
        .into_iter()
        .filter_map(|detail| Some((detail.name().to_owned(), value(detail)?)))
        // Alerts replace what is not UTF-8; the engine knows no value then.
        .filter(|(_, value)| !value.is_empty() && !value.contains('\u{fffd}'))
        .collect()
}

/// Without the port.
fn address(peer: &str) -> Option<String> {
    let peer: std::net::SocketAddr = peer.parse().ok()?;
    Some(peer.ip().to_canonical().to_string())
}

/// What the store holds.
#[derive(Debug, Default)]
pub struct Store {
    /// Oldest first.
    pub alerts: Vec<Recent>,
    /// Lines that could not be read: cut off by a full disk or a crash.
    pub damaged: u64,
}

impl Store {
    /// Reads all of it.
    ///
    /// # Errors
    /// A directory or file that cannot be read or that others may write.
    pub fn read(state: &StateDir) -> Result<Store, StateError> {
        let mut store = Store::default();
        for name in [OLDER, NAME] {
            let Some(file) = state.open_file(name)? else { continue };
            let mut file = BufReader::new(std::io::Read::take(file, 2 * MAX_FILE));
            let mut line = Vec::new();
            while file.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                match serde_json::from_slice(&line) {
                    Ok(alert) => store.alerts.push(alert),
                    Err(_) if line.trim_ascii().is_empty() => {}
                    Err(_) => store.damaged += 1,
                }
                line.clear();
            }
        }
        Ok(store)
    }

    /// The alert with this id; of several (an alert and its summary) the first.
    pub fn find(&self, id: &str) -> Option<&Recent> {
        self.alerts.iter().find(|alert| alert.id == id)
    }
}

#[cfg(test)]
mod tests;
