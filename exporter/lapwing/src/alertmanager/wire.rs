//! Silences as Alertmanager's API v2 has them. What comes in was made by others: every silence is judged by itself, and everything is bounded.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, fmt::temporal::Pieces};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};

/// Most silences that are kept; more are refused.
pub const MAX_SILENCES: usize = 5_000;
/// Most matchers of one silence.
const MAX_MATCHERS: usize = 64;
/// Longest name or value of a matcher, in bytes.
const MAX_VALUE: usize = 4_096;
/// Longest author, in characters; the rest is cut.
const MAX_AUTHOR: usize = 256;
/// Longest comment, in characters; the rest is cut.
const MAX_COMMENT: usize = 1_024;

/// A silence that has not expired, in the time of the wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Its id: letters, digits, `-` and `_`.
    pub id: String,
    /// `createdBy`.
    #[serde(rename = "createdBy")]
    pub author: String,
    /// `comment`.
    pub comment: String,
    /// `startsAt`, in nanoseconds since 1970.
    #[serde(rename = "startsAt", serialize_with = "date")]
    pub starts: i64,
    /// `endsAt`, in nanoseconds since 1970.
    #[serde(rename = "endsAt", serialize_with = "date")]
    pub ends: i64,
    /// All of them must match.
    pub matchers: Vec<WireMatcher>,
}

/// One matcher of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireMatcher {
    /// Name of the label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether that is a regular expression.
    pub is_regex: bool,
    /// Whether it must match, or must not; older versions leave it out and mean that it must.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

impl fmt::Display for WireMatcher {
    /// As Alertmanager writes it, the value escaped: it may have been chosen by an attacker.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        write!(f, "{}{operator}{:?}", self.name.escape_debug(), self.value)
    }
}

/// A silence to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSilence {
    /// All of them must match.
    pub matchers: Vec<WireMatcher>,
    /// RFC 3339.
    pub starts_at: String,
    /// RFC 3339.
    pub ends_at: String,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// A list of silences, as far as it could be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Those that have not expired.
    pub silences: Vec<Found>,
    /// Those that could not be read: id as far as known, and why.
    pub refused: Vec<(String, &'static str)>,
}

/// Reads a list of silences.
///
/// # Errors
/// What is no list, or not all of it.
pub fn silences(body: &[u8]) -> Result<Answer, serde_json::Error> {
    serde_json::from_slice(body)
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Silences)
    }
}

/// Reads one silence after the other, so that a long list is never there twice.
struct Silences;

impl<'de> Visitor<'de> for Silences {
    type Value = Answer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of silences")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Answer, A::Error> {
        let mut answer = Answer::default();
        while let Some(value) = list.next_element::<serde_json::Value>()? {
            let id = value["id"].as_str().filter(|id| good_id(id)).unwrap_or("?").to_owned();
            match found(value) {
                Ok(None) => {}
                Ok(Some(_)) if answer.silences.len() >= MAX_SILENCES => answer.refuse(id, "too_many"),
                Ok(Some(silence)) => answer.silences.push(silence),
                Err(reason) => answer.refuse(id, reason),
            }
        }
        Ok(answer)
    }
}

impl Answer {
    fn refuse(&mut self, id: String, reason: &'static str) {
        self.refused.push((id, reason));
    }
}

/// What is read of a silence; other keys are not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    id: String,
    #[serde(default)]
    status: Option<RawStatus>,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
    starts_at: String,
    ends_at: String,
    matchers: Vec<WireMatcher>,
}

#[derive(Deserialize)]
struct RawStatus {
    state: String,
}

/// None for one that has expired.
fn found(value: serde_json::Value) -> Result<Option<Found>, &'static str> {
    if value["status"]["state"] == "expired" {
        return Ok(None);
    }
    let raw: Raw = serde_json::from_value(value).map_err(|_| "malformed")?;
    if !good_id(&raw.id) || raw.status.is_some_and(|status| status.state.is_empty()) {
        return Err("malformed");
    }
    if raw.matchers.len() > MAX_MATCHERS {
        return Err("too_large");
    }
    let long = |matcher: &WireMatcher| matcher.name.len() > MAX_VALUE || matcher.value.len() > MAX_VALUE;
    if raw.matchers.iter().any(long) {
        return Err("too_large");
    }
    let (starts, ends) = (unix(&raw.starts_at)?, unix(&raw.ends_at)?);
    if ends < starts {
        return Err("bad_time");
    }
    Ok(Some(Found {
        id: raw.id,
        author: raw.created_by.chars().take(MAX_AUTHOR).collect(),
        comment: raw.comment.chars().take(MAX_COMMENT).collect(),
        starts,
        ends,
        matchers: raw.matchers,
    }))
}

/// Alertmanager makes UUIDs. An id gets into paths of URLs, log lines and alerts: it must not say anything there.
pub fn good_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Nanoseconds since 1970; times that do not fit (beyond 2262) are the last that does.
fn unix(text: &str) -> Result<i64, &'static str> {
    let Ok(time) = Timestamp::from_str(text) else {
        // The last days of the year 9999 are a favourite for "for ever".
        let pieces = Pieces::parse(text).map_err(|_| "bad_time")?;
        let far = pieces.date().year() == 9999 && pieces.time().is_some() && pieces.offset().is_some();
        return far.then_some(i64::MAX).ok_or("bad_time");
    };
    let nanoseconds = time.as_nanosecond().clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(nanoseconds).map_err(|_| "bad_time")
}

fn date<S: serde::Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// RFC 3339 in UTC; times before 1970 are 1970.
pub fn rfc3339(time: i64) -> String {
    crate::outputs::rfc3339(u64::try_from(time).unwrap_or(0))
}

#[cfg(test)]
mod tests;
