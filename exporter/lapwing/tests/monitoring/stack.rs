//! What an operations team has: a Prometheus that scrapes an agent each second and judges the shipped rules, and an Alertmanager with the shipped
//! configuration. Both listen on loopback and end with their handle.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::{escaped, get_json, post_json},
    prometheus::Prometheus,
    rules,
    servers::{Server, free, program, wait_for},
    shipped,
};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Debian's Alertmanager with the shipped example configuration.
pub struct Alertmanager {
    _server: Server,
    pub address: SocketAddr,
    _directory: TempDir,
}

impl Alertmanager {
    pub fn start() -> Alertmanager {
        let directory = tempfile::tempdir().unwrap();
        let address = free();
        let mut command = Command::new(program("prometheus-alertmanager", "prometheus-alertmanager"));
        command
            .arg(format!(
                "--config.file={}",
                shipped("alertmanager/alertmanager.example.yml").display()
            ))
            .arg(format!("--storage.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            // No cluster: that would listen on every address.
            .arg("--cluster.listen-address=");
        let server = Server::start(&mut command, &directory.path().join("log"));
        wait_for(address);
        Alertmanager {
            _server: server,
            address,
            _directory: directory,
        }
    }

    /// What makes an agent poll it each second.
    pub fn config(&self) -> String {
        format!(
            "[alertmanager]\nurls = [\"http://{}\"]\npoll_interval = \"1s\"\n",
            self.address
        )
    }

    /// Silences what has these labels for five minutes; the silence's id.
    pub fn silence(&self, labels: &[(&str, &str)]) -> String {
        self.set_silence(None, labels, true, FIVE_MINUTES)
    }

    /// Silences what does not have this label.
    pub fn silence_all_but(&self, name: &str, value: &str) -> String {
        self.set_silence(None, &[(name, value)], false, FIVE_MINUTES)
    }

    /// Lets a silence end so soon, as a person would who edits it.
    pub fn end_silence(&self, id: &str, labels: &[(&str, &str)], after: Duration) {
        assert_eq!(self.set_silence(Some(id), labels, true, after), id);
    }

    fn set_silence(&self, id: Option<&str>, labels: &[(&str, &str)], equal: bool, lasts: Duration) -> String {
        let matcher =
            |(name, value): &(&str, &str)| json!({"name": name, "value": value, "isRegex": false, "isEqual": equal});
        let matchers: Vec<_> = labels.iter().map(matcher).collect();
        let now = SystemTime::now();
        // One that is in force keeps its start.
        let starts = id.map_or_else(
            || json!(timestamp(now)),
            |id| get_json(self.address, &format!("/api/v2/silence/{id}"))["startsAt"].clone(),
        );
        let silence = json!({
            "id": id,
            "matchers": matchers,
            "startsAt": starts,
            "endsAt": timestamp(now + lasts),
            "createdBy": "somebody",
            "comment": "planned work",
        });
        let answer = post_json(self.address, "/api/v2/silences", &silence);
        answer["silenceID"].as_str().unwrap().to_owned()
    }

    /// The alerts of a Lapwing rule that are active, neither silenced nor inhibited.
    pub fn firing(&self, rule: &str) -> Vec<Value> {
        let filter = escaped(&format!("rule=\"{rule}\""));
        let path = format!("/api/v2/alerts?active=true&silenced=false&inhibited=false&filter={filter}");
        get_json(self.address, &path).as_array().unwrap().clone()
    }
}

/// Prometheus with the shipped rules; `site="test"` is its external label.
pub fn prometheus(agent: SocketAddr, alertmanager: SocketAddr) -> Prometheus {
    let rules: String = rules::files()
        .iter()
        .map(|(rules, _)| format!("- '{}'\n", rules.display()))
        .collect();
    Prometheus::start(&format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n  external_labels: {{site: test}}\n\
         rule_files:\n{rules}\
         alerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['{alertmanager}']}}]\n\
         scrape_configs:\n- job_name: lapwing\n  static_configs: [{{targets: ['{agent}']}}]\n"
    ))
}

/// RFC 3339, by the program that has a calendar.
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_millis();
    let seconds = format!("@{}.{:03}", seconds / 1000, seconds % 1000);
    let output = Command::new("date")
        .args(["--utc", "--date", &seconds, "+%Y-%m-%dT%H:%M:%S.%3NZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
