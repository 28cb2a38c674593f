//! OTLP receivers that we did not write.

#![allow(dead_code)]

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::servers::{Server, free, venv, wait_for, wait_until};

/// oteltap: takes OTLP/HTTP, prints each record as a line of JSON.
pub struct Tap {
    _server: Server,
    pub address: SocketAddr,
    output: PathBuf,
    _directory: TempDir,
}

impl Tap {
    pub fn start(address: SocketAddr) -> Tap {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("tap.out");
        let port = address.port().to_string();
        let mut command = Command::new(venv("bin/python"));
        // Unbuffered: the lines are read while it runs.
        let server = Server::start(command.args(["-u", "-m", "oteltap", "--port", &port]), &output);
        wait_for(address);
        Tap {
            _server: server,
            address,
            output,
            _directory: directory,
        }
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.output).unwrap();
        // The last line may be incomplete.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Until so many records came.
    pub fn wait(&self, records: usize) -> Vec<Record> {
        let mut got = Vec::new();
        wait_until(&format!("{records} records"), || {
            got = self.lines().iter().filter_map(record_of).collect();
            got.len() >= records
        });
        got
    }
}

/// rotel: takes OTLP/gRPC, prints each record over many lines.
pub struct Rotel {
    _server: Server,
    output: PathBuf,
    _directory: TempDir,
}

impl Rotel {
    pub fn start(grpc: SocketAddr) -> Rotel {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("rotel.out");
        let file = |name: &str| directory.path().join(name).display().to_string();
        let mut command = Command::new(agent());
        command
            .args([
                "start",
                "--exporter",
                "blackhole",
                "--debug-log",
                "logs",
                "--debug-log-verbosity",
                "detailed",
            ])
            .args([
                "--otlp-grpc-endpoint",
                &grpc.to_string(),
                "--otlp-http-endpoint",
                &free().to_string(),
            ])
            .args(["--pid-file", &file("pid"), "--log-file", &file("log")]);
        let server = Server::start(&mut command, &output);
        wait_for(grpc);
        Rotel {
            _server: server,
            output,
            _directory: directory,
        }
    }

    /// All that it printed.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// The ids of the alerts, once so many came.
    pub fn wait(&self, records: usize) -> Vec<String> {
        let mut ids = Vec::new();
        wait_until(&format!("{records} records"), || {
            let said = self.said();
            let lines = said
                .lines()
                .filter_map(|line| line.trim().strip_prefix("-> lapwing.alert.id: Str("));
            ids = lines.map(|id| id.trim_end_matches(')').to_owned()).collect();
            ids.len() >= records
        });
        ids
    }
}

fn agent() -> PathBuf {
    let library = venv("lib");
    let mut found = fs::read_dir(&library).unwrap().filter_map(|python| {
        let agent = python.ok()?.path().join("site-packages/rotel/rotel-agent");
        agent.exists().then_some(agent)
    });
    found
        .next()
        .unwrap_or_else(|| panic!("rotel is missing below {}: run scripts/venv.sh", library.display()))
}

/// A log record as it arrived, attributes by name.
#[derive(Debug, Clone)]
pub struct Record {
    pub json: Value,
    pub attributes: BTreeMap<String, Value>,
}

impl Record {
    pub fn text(&self, attribute: &str) -> &str {
        self.attributes
            .get(attribute)
            .and_then(|v| v["stringValue"].as_str())
            .unwrap_or("(absent)")
    }

    pub fn int(&self, attribute: &str) -> Option<i64> {
        let value = &self.attributes.get(attribute)?["intValue"];
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    pub fn array(&self, attribute: &str) -> Vec<Value> {
        let values = self
            .attributes
            .get(attribute)
            .map(|v| v["arrayValue"]["values"].clone())
            .unwrap_or_default();
        values.as_array().cloned().unwrap_or_default()
    }

    pub fn body(&self) -> &str {
        self.json["body"]["stringValue"].as_str().unwrap_or("(absent)")
    }
}

fn record_of(json: &Value) -> Option<Record> {
    json.get("severityText")?;
    Some(Record {
        json: json.clone(),
        attributes: by_name(&json["attributes"]),
    })
}

fn by_name(attributes: &Value) -> BTreeMap<String, Value> {
    let pairs = attributes.as_array().cloned().unwrap_or_default();
    pairs
        .iter()
        .map(|pair| {
            (
                pair["key"].as_str().unwrap_or_default().to_owned(),
                pair["value"].clone(),
            )
        })
        .collect()
}
