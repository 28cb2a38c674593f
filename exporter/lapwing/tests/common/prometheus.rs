//! Debian's Prometheus of the test's own: loopback, a free port, its data in a temporary directory.

#![allow(dead_code)]

use std::{fs, net::SocketAddr, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    http::{escaped, request},
    servers::{Server, free, program, wait_for, wait_until},
};

/// The server; it ends with this value.
pub struct Prometheus {
    _server: Server,
    pub address: SocketAddr,
    _directory: TempDir,
}

impl Prometheus {
    /// `config` is the text of its file.
    pub fn start(config: &str) -> Prometheus {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let address = free();
        let mut command = Command::new(program("prometheus", "prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage");
        let server = Server::start(&mut command, &directory.path().join("log"));
        wait_for(address);
        wait_until("Prometheus to be ready", || {
            request(address, "GET", "/-/ready", "").0 == 200
        });
        Prometheus {
            _server: server,
            address,
            _directory: directory,
        }
    }

    /// The series of an instant query: labels and value.
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let (status, body) = request(
            self.address,
            "GET",
            &format!("/api/v1/query?query={}", escaped(query)),
            "",
        );
        assert_eq!(status, 200, "{query}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let series = answer["data"]["result"].as_array().unwrap().iter();
        series
            .map(|series| {
                let value = series["value"][1].as_str().unwrap();
                (series["metric"].clone(), value.parse().unwrap())
            })
            .collect()
    }

    /// The value of a query that gives one series, if there is one.
    pub fn value(&self, query: &str) -> Option<f64> {
        let series = self.query(query);
        assert!(series.len() <= 1, "{query}: {series:?}");
        series.first().map(|(_, value)| *value)
    }

    /// Until a query's one series has a value.
    pub fn wait_value(&self, query: &str, wanted: f64) {
        wait_until(&format!("{query} to be {wanted}"), || self.value(query) == Some(wanted));
    }
}
