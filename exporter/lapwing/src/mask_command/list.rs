//! `lapwing mask list`: the silences that concern Lapwing, and whether the agent honours each.

use std::fmt::Write;

use lapwing_engine::mask::Settings;
use serde::Serialize;

use super::{
    MaskError,
    access::any_peer,
    judgement::{concerns_lapwing, judge},
    meaning, show, unix_now,
};
use crate::{
    alertmanager::{Answer, Client, Found, WireMatcher, mask_settings, rfc3339},
    cli::MaskListArgs,
    config::{Alertmanager, Loaded},
};

/// A silence in the list. The keys are stable.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    id: &'a str,
    state: &'static str,
    starts: String,
    ends: String,
    author: &'a str,
    comment: &'a str,
    matchers: &'a [WireMatcher],
    honoured: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The command.
///
/// # Errors
/// [`MaskError`].
pub async fn run(loaded: &Loaded, access: &Alertmanager, args: &MaskListArgs) -> Result<String, MaskError> {
    let client = Client::new(access);
    let (_, answer) = any_peer(&client, async |peer| client.silences(peer).await).await?;
    render(loaded, &answer, args)
}

fn render(loaded: &Loaded, answer: &Answer, args: &MaskListArgs) -> Result<String, MaskError> {
    let settings = mask_settings(&loaded.config);
    let now = unix_now();
    let current = || answer.silences.iter().filter(|silence| silence.ends > now);
    let (shown, others): (Vec<&Found>, Vec<&Found>) =
        current().partition(|silence| args.all || concerns_lapwing(silence, &settings));
    let entries: Vec<Entry<'_>> = shown
        .iter()
        .map(|silence| entry(silence, now, loaded, &settings))
        .collect();
    if args.json {
        let text = serde_json::to_string_pretty(&entries).map_err(|error| MaskError::Usage(error.to_string()))?;
        return Ok(text + "\n");
    }
    let mut text = String::new();
    for (silence, entry) in shown.iter().zip(&entries) {
        text.push_str(&show::silence(silence, entry.state));
        match (entry.reason, &entry.detail) {
            (Some(reason), Some(detail)) => {
                let _ = writeln!(
                    text,
                    "  NOT honoured by the agent: {reason} ({}; {detail})",
                    meaning(reason)
                );
            }
            _ => text.push_str("  honoured by the agent\n"),
        }
    }
    if shown.is_empty() {
        text.push_str("No silence concerns Lapwing.\n");
    }
    if !others.is_empty() {
        let _ = writeln!(
            text,
            "{} others do not concern Lapwing; --all shows them.",
            others.len()
        );
    }
    for (id, reason) in &answer.refused {
        let _ = writeln!(text, "Silence {id} is {reason}: {}.", meaning(reason));
    }
    Ok(text)
}

fn entry<'a>(silence: &'a Found, now: i64, loaded: &Loaded, settings: &Settings) -> Entry<'a> {
    let refused = judge(&silence.matchers, settings, &loaded.rules, &[]).refused;
    Entry {
        id: &silence.id,
        state: show::state(silence, now),
        starts: rfc3339(silence.starts),
        ends: rfc3339(silence.ends),
        author: &silence.author,
        comment: &silence.comment,
        matchers: &silence.matchers,
        honoured: refused.is_none(),
        reason: refused.as_ref().map(|refused| refused.reason),
        detail: refused.map(|refused| refused.detail),
    }
}
