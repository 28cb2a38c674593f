//! A real Prometheus scrapes the listener, and its API gives the series back.

#![allow(clippy::unwrap_used)]

#[path = "common/servers.rs"]
mod servers;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::SystemTime,
};

use lapwing::{
    http::Http,
    metrics::{
        ConfigInfo, Metrics, Snapshot,
        snapshot::{AlertCount, AlertRef, RuleCount},
    },
};
use lapwing_engine::{event::Sensor, spec::Severity};
use serde_json::Value;
use servers::{Server, free, program, wait_for, wait_until};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

/// The value of an instant query that gives one series.
fn query(prometheus: SocketAddr, query: &str) -> Option<(Value, f64)> {
    let encoded: String = query.bytes().map(|b| format!("%{b:02x}")).collect();
    let answer: Value = serde_json::from_str(&get(prometheus, &format!("/api/v1/query?query={encoded}"))).ok()?;
    let result = answer["data"]["result"].as_array()?;
    assert!(result.len() <= 1, "{query}: {answer}");
    let series = result.first()?;
    Some((series["metric"].clone(), series["value"][1].as_str()?.parse().ok()?))
}

fn snapshot(alerts: u64) -> Snapshot {
    let alert = |rule: &str, count| AlertCount {
        rule: rule.into(),
        severity: Severity::High,
        sensor: Sensor::File,
        count,
        masked: 0,
        active: count > 0,
        last: 0.0,
        exemplar: (count > 0).then(|| AlertRef {
            id: format!("{rule}-{count}").into(),
            at: SystemTime::now(),
        }),
    };
    let rule = |id: &str| RuleCount {
        id: id.into(),
        ruleset: "default".into(),
        matches: alerts,
        skipped: 0,
        masked: 0,
        evaluation: 0,
    };
    Snapshot {
        rules: vec![rule("etc"), rule("tmp")],
        alerts: vec![alert("etc", alerts), alert("tmp", 0)],
        ..Snapshot::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_come_back_from_prometheus() {
    let metrics = Metrics::new(300);
    metrics.config_loaded(
        ConfigInfo {
            hash: "abc".into(),
            profile: "demo",
            rules_hash: "def".into(),
        },
        300,
    );
    metrics.publish(snapshot(0));
    let http = Http::start("127.0.0.1:0".parse().unwrap(), false, metrics.clone())
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("prometheus.yml");
    let target = http.address();
    fs::write(
        &config,
        format!("scrape_configs:\n- job_name: lapwing\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  static_configs:\n  - targets: ['{target}']\n"),
    )
    .unwrap();
    let address = free();
    let mut command = Command::new(program("prometheus", "prometheus"));
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--enable-feature=exemplar-storage");
    let log = directory.path().join("log");
    let _prometheus = Server::start(&mut command, &log);
    wait_for(address);
    wait_until("a scrape", || {
        query(address, "lapwing_alerts_total{rule=\"etc\"}").is_some()
    });
    metrics.publish(snapshot(3));
    wait_until("the second value", || {
        query(address, "lapwing_alerts_total{rule=\"etc\"}").is_some_and(|(_, v)| v == 3.0)
    });
    let (labels, _) = query(address, "lapwing_alerts_total{rule=\"etc\"}").unwrap();
    for (label, value) in [
        ("severity", "high"),
        ("sensor", "file"),
        ("job", "lapwing"),
        ("instance", &*target.to_string()),
    ] {
        assert_eq!(labels[label], value);
    }
    // Born at 0, so that the first alerts are an increase.
    wait_until("an increase", || {
        query(address, "increase(lapwing_alerts_total{rule=\"etc\"}[1m])").is_some_and(|(_, v)| v >= 3.0)
    });
    assert_eq!(query(address, "lapwing_alerts_total{rule=\"tmp\"}").unwrap().1, 0.0);
    assert_eq!(query(address, "up").unwrap().1, 1.0);
    assert_eq!(query(address, "lapwing_config_info").unwrap().0["hash"], "abc");
    assert!(query(address, "process_resident_memory_bytes").unwrap().1 > 1e6);
    // The id of the alert is one click away from the graph.
    let range = "start=0&end=4000000000&query=lapwing_alerts_total";
    let exemplars: Value = serde_json::from_str(&get(address, &format!("/api/v1/query_exemplars?{range}"))).unwrap();
    let [series] = exemplars["data"].as_array().unwrap().as_slice() else {
        panic!("{exemplars}")
    };
    assert_eq!(series["seriesLabels"]["rule"], "etc", "{exemplars}");
    assert_eq!(series["exemplars"][0]["labels"]["alert_id"], "etc-3", "{exemplars}");
    // Types and help came along: Prometheus read it as OpenMetrics, without an error.
    let metadata: Value =
        serde_json::from_str(&get(address, "/api/v1/targets/metadata?metric=lapwing_alerts")).unwrap();
    assert_eq!(metadata["data"][0]["type"], "counter", "{metadata}");
    let targets: Value = serde_json::from_str(&get(address, "/api/v1/targets")).unwrap();
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "", "{targets}");
}
