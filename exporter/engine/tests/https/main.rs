//! HTTP read from TLS libraries: the same rules, with or without the TCP connection below.

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod lifetime;
mod reading;

use common::{Run, common};
use lapwing_engine::{
    alert::Alert,
    event::{Direction, FlowChange, FlowKey, Way},
    spec::{NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, Severity, Specs},
    synthetic::Synthetic,
};

const LOCAL: &str = "10.0.0.1:443";
const PEER: &str = "203.0.113.9:40000";
const OBJECT: u64 = 0x5555_0000;
const GET: &[u8] = b"GET /a/../../etc/passwd?token=abc HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// A ClientHello's beginning, and application data.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03GET / HTTP/1.1\r\nHost: sni.example\r\n\r\n";
const CIPHERTEXT: &[u8] = b"\x17\x03\x03\x00\x45GET /a/../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n";

fn rule(id: &str, protocol: NetworkProtocol, when: &str) -> NetworkRule {
    let mut common = common(id);
    common.when = Some(when.to_owned());
    common.points = Some(0);
    NetworkRule {
        common,
        protocol,
        event: None,
        direction: RuleDirection::Both,
        severity: Severity::High,
        subjects: None,
        skip_paths: Vec::new(),
    }
}

fn both() -> Vec<NetworkRule> {
    let when = "http.path contains \"/../\"";
    vec![
        rule("any", NetworkProtocol::Http, when),
        rule("tls", NetworkProtocol::Https, when),
    ]
}

fn specs(network: Vec<NetworkRule>) -> Specs {
    Specs {
        network,
        network_settings: NetworkSettings {
            https: true,
            ..NetworkSettings::default()
        },
        ..Specs::default()
    }
}

fn run(rules: Vec<NetworkRule>, events: &mut Synthetic) -> Vec<Alert> {
    let mut alerts = Run::new(specs(rules)).observe(&events.take()).take();
    alerts.sort_by(|a, b| a.rule.cmp(&b.rule));
    alerts
}

fn names(alerts: &[Alert]) -> Vec<(&str, &str)> {
    let names = alerts.iter().map(|alert| (alert.rule.as_str(), alert.event));
    names.collect()
}

fn accepted(events: &mut Synthetic) -> &mut Synthetic {
    let ends = (Direction::Incoming, LOCAL, PEER);
    events.flow(10, FlowChange::Established, ends.0, ends.1, ends.2, |_| {})
}

fn on_flow(events: &mut Synthetic, way: Way, data: &[u8]) {
    events.tls_with(10, OBJECT, way, data, |tls| tls.flow = Some(FlowKey(1)));
}

fn end(events: &mut Synthetic) {
    events.tls_with(10, OBJECT, Way::Sent, b"", |tls| tls.end = true);
}
