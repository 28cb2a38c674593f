//! OTLP against real receivers.

#![allow(clippy::unwrap_used)]

#[path = "common/alerts.rs"]
mod alerts;
#[path = "common/receivers.rs"]
mod receivers;
#[path = "common/servers.rs"]
mod servers;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lapwing::{
    config::{Config, OtlpProtocol},
    metrics::{LostReason, Metrics, OutputCounters},
    outputs::{Host, Outputs},
};
use receivers::{Record, Rotel, Tap};
use servers::{free, wait_until};

fn outputs(protocol: OtlpProtocol, address: SocketAddr, queue: usize) -> (Outputs, Arc<OutputCounters>) {
    let mut config = Config::default();
    config.json.enabled = false;
    config.otlp.protocol = protocol;
    config.otlp.endpoint = Some(format!("http://{address}"));
    config.otlp.headers = [("x-tenant".to_owned(), "birds".to_owned())].into();
    config.agent.alert_queue = queue;
    let metrics = Metrics::new(10);
    let host = Arc::new(Host::read(Path::new("/")));
    let outputs = Outputs::start(&config, &host, &metrics).unwrap();
    (outputs, metrics.output("otlp", queue))
}

fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(20)
}

fn check_conventions(record: &Record, number: u64) {
    let json = &record.json;
    assert_eq!(json["eventName"], "lapwing.file.write", "{json:#}");
    assert_eq!(json["severityText"], "high");
    assert_eq!(json["severityNumber"], 17);
    assert_eq!(
        record.body(),
        format!("bash (200) could not write /etc/passwd [{number}]")
    );
    let time: u64 = json["timeUnixNano"].as_str().unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(now.abs_diff(time) < 120_000_000_000, "{time} {now}");
    for (attribute, text) in [
        ("lapwing.alert.id", &*format!("id-{number}")),
        ("lapwing.rule.id", "etc"),
        ("lapwing.sensor", "file"),
        ("lapwing.result", "failure"),
        ("error.type", "EACCES"),
        ("process.executable.path", "/usr/bin/bash"),
        ("process.executable.name", "bash"),
        ("process.working_directory", "/root"),
        ("file.path", "/etc/passwd"),
        ("file.name", "passwd"),
        ("file.directory", "/etc"),
        ("file.mode", "0644"),
        ("lapwing.score.subject", "sshd[100]"),
        ("network.protocol.name", "http"),
        ("network.protocol.version", "1.1"),
        ("network.peer.address", "2001:db8::7"),
        ("url.scheme", "https"),
        ("url.path", "/a"),
    ] {
        assert_eq!(record.text(attribute), text, "{attribute}");
    }
    for (attribute, int) in [
        ("process.pid", 200),
        ("process.parent_pid", 100),
        ("process.user.id", 0),
        ("process.real_user.id", 1000),
    ] {
        assert_eq!(record.int(attribute), Some(int), "{attribute}");
    }
    assert!(
        json.to_string()
            .contains(r#"{"key":"tls.established","value":{"boolValue":true}}"#)
    );
    let args: Vec<_> = record
        .array("process.command_args")
        .iter()
        .map(|v| v["stringValue"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(args, ["bash", "--token=***", "a \"quoted\"\nline"]);
    let lineage = record.array("lapwing.lineage");
    assert_eq!(lineage.len(), 2);
    let first = lineage[0]["kvlistValue"]["values"].as_array().unwrap();
    assert!(
        first
            .iter()
            .any(|pair| pair["key"] == "process.executable.path" && pair["value"]["stringValue"] == "/usr/sbin/sshd")
    );
}

fn ids(records: &[Record]) -> BTreeSet<String> {
    records
        .iter()
        .map(|record| record.text("lapwing.alert.id").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_records_arrive_by_the_conventions() {
    let tap = Tap::start(free());
    let (outputs, counters) = outputs(OtlpProtocol::HttpProtobuf, tap.address, 100);
    (0..3).for_each(|n| outputs.send(alerts::alert(n)));
    let records = tap.wait(3);
    (0..3).for_each(|n| check_conventions(&records[n], n as u64));
    outputs.shutdown(soon()).await;
    assert_eq!(
        (counters.total_sent(), counters.waiting(), counters.total_errors()),
        (3, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_records_arrive_by_the_conventions() {
    let address = free();
    let rotel = Rotel::start(address);
    let (outputs, counters) = outputs(OtlpProtocol::Grpc, address, 100);
    (0..3).for_each(|n| outputs.send(alerts::alert(n)));
    assert_eq!(rotel.wait(3), ["id-0", "id-1", "id-2"]);
    outputs.shutdown(soon()).await;
    assert_eq!(
        (counters.total_sent(), counters.waiting(), counters.total_errors()),
        (3, 0, 0)
    );
    let said = rotel.said();
    for line in [
        "Resource SchemaURL: https://opentelemetry.io/schemas/1.44.0",
        "-> service.name: Str(lapwing)",
        concat!("-> service.version: Str(", env!("CARGO_PKG_VERSION"), ")"),
        "-> service.instance.id: Str(",
        "-> host.name: Str(",
        "-> host.arch: Str(",
        "-> os.type: Str(linux)",
        "EventName: lapwing.file.write",
        "SeverityNumber: SEVERITY_NUMBER_ERROR(17)",
        "SeverityText: high",
        "Body: Str(bash (200) could not write /etc/passwd [2])",
        "-> process.pid: Int(200)",
        "-> process.executable.path: Str(/usr/bin/bash)",
        "-> file.path: Str(/etc/passwd)",
        "-> error.type: Str(EACCES)",
        "-> lapwing.score.points: Double(60.5)",
    ] {
        assert!(said.contains(line), "no {line} in {said}");
    }
}

/// Started before the collector, which then goes away and comes back: nothing is missing, nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn http_collector_down_then_up() {
    let address = free();
    let (outputs, counters) = outputs(OtlpProtocol::HttpProtobuf, address, 4096);
    (0..1000).for_each(|n| outputs.send(alerts::alert(n)));
    wait_until("failed attempts", || counters.total_errors() >= 2);
    assert_eq!((counters.total_sent(), counters.waiting()), (0, 1000));
    let tap = Tap::start(address);
    assert_eq!(ids(&tap.wait(1000)).len(), 1000);
    wait_until("the acknowledgement", || counters.waiting() == 0);
    drop(tap);
    let errors = counters.total_errors();
    (1000..1500).for_each(|n| outputs.send(alerts::alert(n)));
    wait_until("failed attempts", || counters.total_errors() > errors);
    let tap = Tap::start(address);
    let late = ids(&tap.wait(500));
    assert_eq!(
        (late.len(), late.contains("id-1000"), late.contains("id-1499")),
        (500, true, true)
    );
    outputs.shutdown(soon()).await;
    assert_eq!((counters.total_sent(), counters.waiting()), (1500, 0));
    assert!(LostReason::ALL.iter().all(|reason| counters.total_lost(*reason) == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_collector_down_then_up() {
    let address = free();
    let (outputs, counters) = outputs(OtlpProtocol::Grpc, address, 4096);
    (0..1000).for_each(|n| outputs.send(alerts::alert(n)));
    wait_until("failed attempts", || counters.total_errors() >= 2);
    assert_eq!((counters.total_sent(), counters.waiting()), (0, 1000));
    let rotel = Rotel::start(address);
    assert_eq!(BTreeSet::from_iter(rotel.wait(1000)).len(), 1000);
    wait_until("the acknowledgement", || counters.waiting() == 0);
    drop(rotel);
    let errors = counters.total_errors();
    (1000..1500).for_each(|n| outputs.send(alerts::alert(n)));
    wait_until("failed attempts", || counters.total_errors() > errors);
    let rotel = Rotel::start(address);
    let late = BTreeSet::from_iter(rotel.wait(500));
    assert_eq!(
        (late.len(), late.contains("id-1000"), late.contains("id-1499")),
        (500, true, true)
    );
    outputs.shutdown(soon()).await;
    assert_eq!((counters.total_sent(), counters.waiting()), (1500, 0));
    assert!(LostReason::ALL.iter().all(|reason| counters.total_lost(*reason) == 0));
}

/// Nobody ever listens: sending costs no time, and every alert is accounted for.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_counted() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let (outputs, counters) = outputs(protocol, free(), 50);
        (0..500).for_each(|n| outputs.send(alerts::alert(n)));
        let refused = counters.total_lost(LostReason::QueueFull);
        assert_eq!((refused, counters.waiting()), (450, 50));
        outputs
            .shutdown(tokio::time::Instant::now() + Duration::from_millis(300))
            .await;
        assert_eq!(refused + counters.total_lost(LostReason::Shutdown), 500);
        assert_eq!((counters.waiting(), counters.total_sent()), (0, 0));
    }
}
