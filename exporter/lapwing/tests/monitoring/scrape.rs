//! A real Prometheus scrapes the listener, and its API gives the series back.

use std::time::SystemTime;

use lapwing::{
    http::Http,
    metrics::{
        ConfigInfo, Metrics, Snapshot,
        snapshot::{AlertCount, AlertRef, RuleCount},
    },
};
use lapwing_engine::{event::Sensor, spec::Severity};

use crate::{http::get_json, prometheus::Prometheus, servers::wait_until};

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
    let target = http.address();
    let prometheus = Prometheus::start(&format!(
        "scrape_configs:\n- job_name: lapwing\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  static_configs:\n  - targets: ['{target}']\n"
    ));
    let series = |query: &str| prometheus.query(query).into_iter().next();
    wait_until("a scrape", || series("lapwing_alerts_total{rule=\"etc\"}").is_some());
    metrics.publish(snapshot(3));
    wait_until("the second value", || {
        series("lapwing_alerts_total{rule=\"etc\"}").is_some_and(|(_, v)| v == 3.0)
    });
    let (labels, _) = series("lapwing_alerts_total{rule=\"etc\"}").unwrap();
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
        series("increase(lapwing_alerts_total{rule=\"etc\"}[1m])").is_some_and(|(_, v)| v >= 3.0)
    });
    assert_eq!(series("lapwing_alerts_total{rule=\"tmp\"}").unwrap().1, 0.0);
    assert_eq!(series("up").unwrap().1, 1.0);
    assert_eq!(series("lapwing_config_info").unwrap().0["hash"], "abc");
    assert!(series("process_resident_memory_bytes").unwrap().1 > 1e6);
    // The id of the alert is one click away from the graph.
    let range = "start=0&end=4000000000&query=lapwing_alerts_total";
    let exemplars = get_json(prometheus.address, &format!("/api/v1/query_exemplars?{range}"));
    let [of_etc] = exemplars["data"].as_array().unwrap().as_slice() else {
        panic!("{exemplars}")
    };
    assert_eq!(of_etc["seriesLabels"]["rule"], "etc", "{exemplars}");
    assert_eq!(of_etc["exemplars"][0]["labels"]["alert_id"], "etc-3", "{exemplars}");
    // Types and help came along: Prometheus read it as OpenMetrics, without an error.
    let metadata = get_json(prometheus.address, "/api/v1/targets/metadata?metric=lapwing_alerts");
    assert_eq!(metadata["data"][0]["type"], "counter", "{metadata}");
    let targets = get_json(prometheus.address, "/api/v1/targets");
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "", "{targets}");
}
