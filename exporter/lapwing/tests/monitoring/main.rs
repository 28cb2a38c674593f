//! What is shipped for Prometheus, Alertmanager and Grafana, judged by them: `alertmanager/` by promtool, amtool and the real servers, `dashboards/` by
//! Grafana's published schema and by the Prometheus that scrapes a running agent.

#![allow(clippy::unwrap_used)]

#[path = "../common/http.rs"]
mod http;
#[path = "../common/prometheus.rs"]
mod prometheus;
#[path = "../common/root.rs"]
mod root;
#[path = "../common/agent.rs"]
mod running;
#[path = "../common/servers.rs"]
mod servers;

mod agent;
mod dashboards;
mod end_to_end;
mod mutants;
mod routing;
mod rules;
mod scrape;
mod stack;

use std::path::PathBuf;

/// A file or folder of the repository.
fn shipped(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .unwrap()
        .join(path)
}
