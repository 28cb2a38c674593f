//! The tree to what it means: every key and value checked at its place.

use hyper::header::{HeaderName, HeaderValue};

use super::{
    RateLimit, User, WebConfig,
    reader::Reader,
    yaml::{self, Node, Value},
};
use crate::config::{Problem, value};

/// At 16 a login takes about five seconds of one CPU.
const MAX_COST: u32 = 15;
const MAX_USERS: usize = 1_000;
const HASH_HELP: &str = "make it by: htpasswd -nBC 10 NAME";

const SECTIONS: [&str; 4] = [
    "tls_server_config",
    "http_server_config",
    "basic_auth_users",
    "rate_limit",
];
/// The headers that the format knows, and the values of those that have a choice.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Reads a text; `file` names it in problems. No file is looked at.
pub(super) fn read(file: &str, text: &str) -> Result<WebConfig, Vec<Problem>> {
    let mut reader = Reader::new(file);
    let mut config = WebConfig::default();
    match yaml::parse(text) {
        Ok(None) => {}
        Ok(Some(root)) => reader.root(&root, &mut config),
        Err(error) => reader.problem(error.at, error.message, error.help),
    }
    config.warnings = reader.warnings;
    match reader.problems.is_empty() {
        true => Ok(config),
        false => Err(reader.problems),
    }
}

impl Reader<'_> {
    fn root(&mut self, root: &Node, config: &mut WebConfig) {
        let top = self.section(root, "the file", &SECTIONS);
        if let Some(node) = top.get("tls_server_config") {
            config.tls = self.tls(node);
        }
        if let Some(node) = top.get("http_server_config") {
            self.http(node, config);
        }
        if let Some(node) = top.get("basic_auth_users") {
            config.users = self.users(node);
        }
        if let Some(node) = top.get("rate_limit") {
            config.rate_limit = self.rate_limit(node);
        }
    }

    fn http(&mut self, node: &Node, config: &mut WebConfig) {
        let section = self.section(node, "http_server_config", &["http2", "headers"]);
        if let Some(node) = section.get("http2")
            && self.boolean(node, "http2") == Some(true)
        {
            let warning = self.at(
                node.at,
                "http2 has no effect: only HTTP/1.1 is spoken here",
                "every client of this format falls back to it",
            );
            self.warnings.push(warning);
        }
        let Some(node) = section.get("headers") else { return };
        let known = HEADERS.map(|(name, _)| name);
        for (key, node) in self.section(node, "headers", &known).0 {
            let Some(text) = self.text(node, &key.text).filter(|text| !text.is_empty()) else {
                continue;
            };
            let choice = HEADERS
                .iter()
                .find(|(name, _)| *name == key.text)
                .map_or(&[][..], |(_, choice)| *choice);
            if !choice.is_empty() && !choice.contains(&&*text) {
                self.problem(
                    node.at,
                    format!("{} cannot be {text:?}", key.text),
                    format!("write {}", choice.join(" or ")),
                );
                continue;
            }
            match (
                HeaderName::from_bytes(key.text.as_bytes()),
                HeaderValue::from_str(&text),
            ) {
                (Ok(name), Ok(value)) => config.headers.push((name, value)),
                _ => self.problem(
                    node.at,
                    format!("{} has characters that no header may have", key.text),
                    "",
                ),
            }
        }
    }

    fn users(&mut self, node: &Node) -> Vec<User> {
        let mut users = Vec::new();
        let Value::Map(map) = &node.value else {
            self.mismatch(node, "basic_auth_users", "a section", "NAME: HASH, one a line");
            return users;
        };
        if map.len() > MAX_USERS {
            let message = format!("{} users are more than the {MAX_USERS} allowed", map.len());
            self.problem(node.at, message, "let clients that need it share a user");
            return users;
        }
        self.twice(map);
        for (key, node) in map {
            if key.text.is_empty() || key.text.contains(':') || key.text.chars().any(char::is_control) {
                self.problem(
                    key.at,
                    format!("{:?} cannot be the name of a user", key.text),
                    "a name has no colon and is not empty",
                );
                continue;
            }
            let Some(hash) = self.text(node, "the password's hash") else {
                continue;
            };
            // No message shows the hash: it may be a password that was not hashed.
            let said = match hash.parse::<bcrypt::HashParts>() {
                Err(_) => "is not a bcrypt hash".into(),
                Ok(parts) if !(4..=MAX_COST).contains(&parts.get_cost()) => {
                    format!("has a cost of {}; 4 to {MAX_COST} can be used", parts.get_cost())
                }
                Ok(parts) => {
                    users.push(User {
                        name: key.text.clone(),
                        hash,
                        cost: parts.get_cost(),
                    });
                    continue;
                }
            };
            self.problem(
                node.at,
                format!("the password of user {:?} {said}", key.text),
                HASH_HELP,
            );
        }
        users
    }

    fn rate_limit(&mut self, node: &Node) -> Option<RateLimit> {
        let section = self.section(node, "rate_limit", &["interval", "burst"]);
        let interval_node = section.get("interval")?;
        let text = self.text(interval_node, "interval")?;
        let interval = match value::duration(&text) {
            Ok(interval) => interval,
            Err(why) => {
                self.problem(interval_node.at, format!("interval: {why}"), "");
                return None;
            }
        };
        if interval.is_zero() {
            return None;
        }
        let burst_node = section.get("burst");
        let at = burst_node.map_or(node.at, |node| node.at);
        let burst = burst_node.and_then(|node| self.text(node, "burst")).unwrap_or_default();
        match burst.parse::<u32>() {
            Ok(burst) if burst > 0 => Some(RateLimit { interval, burst }),
            _ => {
                self.problem(
                    at,
                    "burst must be a whole number of at least 1: no request would be answered",
                    "write burst: 10",
                );
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
