//! Alerts and silences for people. Whatever an attacker could have chosen is shown escaped: control characters, direction marks, line feeds.

use std::fmt::Write;

use crate::{
    alertmanager::{Found, WireMatcher, rfc3339},
    recent::Recent,
};

/// Text as a quoted literal: nothing in it reaches the terminal as anything but itself.
pub fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// What the store knows of an alert.
pub fn alert(alert: &Recent) -> String {
    let mut text = format!(
        "Alert {}: {}, rule {}, {} at {}\n",
        alert.id.escape_debug(),
        alert.severity.name(),
        alert.rule.escape_debug(),
        alert.event.escape_debug(),
        alert.time.escape_debug()
    );
    let _ = writeln!(text, "  {:<12} {}", "message", quoted(&alert.message));
    for (name, value) in &alert.details {
        let _ = writeln!(text, "  {:<12} {}", name.escape_debug(), quoted(value));
    }
    if let Some(silence) = &alert.masked {
        let _ = writeln!(text, "  It was masked already, by silence {}", silence.escape_debug());
    }
    text
}

/// One matcher a line.
pub fn matchers(matchers: &[WireMatcher]) -> String {
    matchers.iter().fold(String::new(), |mut text, matcher| {
        let _ = writeln!(text, "  {matcher}");
        text
    })
}

/// A silence of Alertmanager's; `state` is what it is now.
pub fn silence(silence: &Found, state: &str) -> String {
    let mut text = format!(
        "Silence {}: {state}, from {} until {}\n  by {}: {}\n",
        silence.id,
        rfc3339(silence.starts),
        rfc3339(silence.ends),
        quoted(&silence.author),
        quoted(&silence.comment)
    );
    text.push_str(&matchers(&silence.matchers));
    text
}

/// Where a silence stands at a time, in nanoseconds since 1970.
pub fn state(silence: &Found, now: i64) -> &'static str {
    match () {
        _ if now >= silence.ends => "expired",
        _ if now < silence.starts => "pending",
        _ => "active",
    }
}
