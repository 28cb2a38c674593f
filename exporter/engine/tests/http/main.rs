//! Rules about HTTP and payload: what they match in what connections carry, whom they are held against, what their alerts show.

#[path = "../common/mod.rs"]
mod common;
mod matching;
mod owner;
mod scoring;
mod streams;

use common::{Run, common, shell};
use lapwing_engine::{
    alert::Alert,
    engine::Settings,
    event::{Direction, Event, FlowChange, FlowKey, Way},
    spec::{
        AlertMode, Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, ScoreSettings,
        Severity, Specs,
    },
    synthetic::Synthetic,
};

const LOCAL: &str = "10.0.0.1:80";
const PEER: &str = "203.0.113.9:40000";

fn http(id: &str, when: &str, points: u32) -> NetworkRule {
    let mut common = common(id);
    common.when = Some(when.to_owned());
    common.points = Some(points);
    NetworkRule {
        common,
        protocol: NetworkProtocol::Http,
        event: None,
        direction: RuleDirection::Both,
        severity: Severity::High,
        subjects: None,
        skip_paths: Vec::new(),
    }
}

fn specs(network: Vec<NetworkRule>) -> Specs {
    Specs {
        network,
        ..Specs::default()
    }
}

/// A server that is asked by `peer` and answers.
fn exchange(events: &mut Synthetic, peer: &str, request: &[u8], response: &[u8]) {
    events
        .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, peer, |_| {})
        .segment(10, Way::Received, request)
        .segment(10, Way::Sent, response);
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: sid=1\r\nContent-Length: 5\r\n\r\nhello";

fn alerts(rules: Vec<NetworkRule>, request: &[u8], response: &[u8]) -> Vec<Alert> {
    let mut events = shell();
    exchange(&mut events, PEER, request, response);
    Run::new(specs(rules)).observe(&events.take()).take()
}

fn matching(when: &str, request: &[u8]) -> usize {
    alerts(vec![http("rule", when, 0)], request, OK).len()
}
