//! Something that one program asks another, and the alerts about it.

use std::{net::SocketAddr, path::Path};

use serde_json::Value;

use crate::{agent::Agent, programs::Server};

/// Rules that a path out of the directory matches.
pub const OUT: &[&str] = &["by-tls-only", "path-traversal"];
/// A quiet path, and one that they match.
pub const OUT_PATHS: (&str, &str) = ("/{}/x?path=../up", "/{}/../../etc/passwd");

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    pub executable: String,
    pub direction: &'static str,
    /// The server's address, as this end has it; None where the library does not know the socket.
    pub server: Option<SocketAddr>,
}

/// Something that is asked for, after its quiet twin.
pub struct Case<'a> {
    pub name: &'static str,
    pub rules: &'static [&'static str],
    /// The twin's path and the path; `{}` stands for what alerts are found by.
    pub paths: (&'static str, &'static str),
    pub ask: Box<dyn Fn(&str) + 'a>,
    pub ends: Vec<End>,
}

/// Its path, as the agent tells it.
pub fn executable(path: impl AsRef<Path>) -> String {
    path.as_ref().canonicalize().unwrap().display().to_string()
}

/// The end that asks.
pub fn client(path: impl AsRef<Path>, server: &Server) -> End {
    End {
        executable: executable(path),
        direction: "outgoing",
        server: Some(server.address),
    }
}

/// The end that is asked.
pub fn server(path: impl AsRef<Path>, server: &Server) -> End {
    End {
        direction: "incoming",
        ..client(path, server)
    }
}

/// Through memory, not through a socket: who is at the other end is not known.
pub fn blind(end: End) -> End {
    End { server: None, ..end }
}

/// A text in an alert; empty when it is not there.
pub fn text<'a>(alert: &'a Value, pointer: &str) -> &'a str {
    alert.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Case<'_> {
    fn marker(&self, what: &str) -> String {
        format!("{what}-{}", self.name)
    }

    fn told(&self, agent: &Agent) -> Vec<Value> {
        agent.alerts(&format!("{}{}", self.marker("act"), "_"))
    }

    /// Warms up: until the agent has found the library that each end uses. Then the twin, then the real thing.
    pub fn run(&self, agent: &Agent) {
        self.warm(agent);
        (self.ask)(&self.paths.0.replace("{}", &(self.marker("twin") + "_")));
        (self.ask)(&self.paths.1.replace("{}", &(self.marker("act") + "_")));
        let wanted = self.ends.len() * self.rules.len();
        agent.wait(&format!("{wanted} alerts of {}", self.name), || {
            self.told(agent).len() >= wanted
        });
    }

    fn warm(&self, agent: &Agent) {
        let mut turn = 0;
        agent.wait(&format!("{}: both ends to be watched", self.name), || {
            turn += 1;
            (self.ask)(&OUT_PATHS.1.replace("{}", &format!("{}{turn}", self.marker("warm"))));
            let told = agent.alerts(&self.marker("warm"));
            let seen = |end: &End| {
                told.iter().any(|alert| {
                    text(alert, "/process/executable") == end.executable && alert["network"]["tls"] == true
                })
            };
            self.ends.iter().all(seen)
        });
    }

    /// To be asked when all that could come has come.
    pub fn check(&self, agent: &Agent) {
        let twin = agent.alerts(&(self.marker("twin") + "_"));
        let rules: Vec<_> = twin.iter().map(|alert| text(alert, "/rule")).collect();
        assert!(rules.is_empty(), "the twin of {}: {rules:?}", self.name);
        let told = self.told(agent);
        let mut found: Vec<(String, End)> = told
            .iter()
            .map(|alert| (text(alert, "/rule").to_owned(), end(alert)))
            .collect();
        found.sort();
        let all = self
            .rules
            .iter()
            .flat_map(|rule| self.ends.iter().map(|end| ((*rule).to_owned(), end.clone())));
        let mut expected: Vec<_> = all.collect();
        expected.sort();
        assert_eq!(found, expected, "{}", self.name);
        for alert in &told {
            let known = alert["network"]["peer"].is_string();
            assert_eq!(alert["network"]["tls"], true, "{}", self.name);
            let partial = alert["partial"].as_array().into_iter().flatten();
            assert_eq!(
                partial.filter(|name| *name == "network.peer").count(),
                usize::from(!known),
                "{}",
                self.name
            );
            assert_eq!(
                text(alert, "/message").contains("unknown peer"),
                !known,
                "{}",
                self.name
            );
        }
    }
}

fn end(alert: &Value) -> End {
    let direction = ["incoming", "outgoing", "unknown"];
    let of = direction
        .into_iter()
        .find(|name| *name == text(alert, "/network/direction"))
        .unwrap();
    let server = text(
        alert,
        if of == "incoming" {
            "/network/local"
        } else {
            "/network/peer"
        },
    );
    End {
        executable: text(alert, "/process/executable").to_owned(),
        direction: of,
        server: server.parse().ok(),
    }
}
