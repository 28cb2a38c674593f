//! Rules about connections: what they match, whom they are held against, what their alerts say.

#[path = "../common/mod.rs"]
mod common;
mod compiling;
mod matching;
mod scoring;

use common::common;
use lapwing_engine::{
    event::{Direction, FlowChange},
    spec::{NetworkProtocol, NetworkRule, RuleDirection, Severity, Specs},
    synthetic::Synthetic,
};

const LOCAL: &str = "10.0.0.1:40000";
const PEER: &str = "203.0.113.9:4444";

fn rule(id: &str, when: &str) -> NetworkRule {
    let mut common = common(id);
    common.when = Some(when.to_owned());
    NetworkRule {
        common,
        protocol: NetworkProtocol::Tcp,
        event: None,
        direction: RuleDirection::Both,
        severity: Severity::Medium,
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

fn connect(events: &mut Synthetic, pid: u32, peer: &str) {
    let ends = (Direction::Outgoing, LOCAL, peer);
    events
        .flow(pid, FlowChange::Opening, ends.0, ends.1, ends.2, |_| {})
        .flow(pid, FlowChange::Established, ends.0, ends.1, ends.2, |_| {});
}
