//! What rules are refused, and what they ask the kernel for.

use lapwing_engine::{
    interest::{Processes, Selector, Statuses},
    rule::RuleSet,
    spec::{Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, Specs},
};

use crate::{rule, specs};

fn errors(specs: &Specs) -> Vec<String> {
    let errors = RuleSet::compile(specs).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| format!("{} {}: {}", error.rule, error.key, error.message))
        .collect()
}

#[test]
fn what_a_rule_cannot_mean_is_refused() {
    let with = |change: fn(&mut NetworkRule)| {
        let mut rule = rule("r", "net.peer.port = 1");
        change(&mut rule);
        errors(&specs(vec![rule]))
    };
    assert!(with(|_| {}).is_empty());
    assert_eq!(
        with(|rule| rule.event = Some(NetworkEvent::Request)),
        ["r event: \"request\" is no event of this protocol"]
    );
    assert_eq!(
        with(|rule| rule.subjects = Some(vec![Holds::Transaction])),
        ["r subjects: only HTTP has transactions"]
    );
    assert_eq!(
        with(|rule| rule.event = Some(NetworkEvent::Listen)),
        [
            "r when: net.peer.port is never set here: it comes with connection, payload, request, response, desynchronised stream events only"
        ]
    );
    let when = |text: &str| {
        let mut rule = rule("r", text);
        rule.common.when = Some(text.to_owned());
        errors(&specs(vec![rule]))
    };
    assert_eq!(when("net.peer.address = 300.1.1.1").len(), 1);
    assert_eq!(when("net.peer.address > 1.1.1.1").len(), 1);
    assert_eq!(when("tcp.payload[4] = x").len(), 1);
    assert_eq!(when("lower(net.peer.port) = 1").len(), 1);
    assert_eq!(when("louder(proc.name) = x").len(), 1);
    assert_eq!(when("lower(lower(lower(lower(lower(proc.name))))) = x").len(), 1);
    assert_eq!(
        when("lower(url_decode(proc.name)) = x and tcp.payload[0:4] contains \"\\x00\"").len(),
        0
    );
    assert_eq!(when("fs.path.name exists").len(), 1, "a file's");
    let globs = Specs {
        network_settings: NetworkSettings {
            ignored_rules: vec!["[".into()],
            ..NetworkSettings::default()
        },
        ..Specs::default()
    };
    assert_eq!(errors(&globs).len(), 1);
}

#[test]
fn the_kernel_is_asked_for_what_the_rules_read() {
    let interest = |rules: Vec<NetworkRule>| RuleSet::compile(&specs(rules)).expect("right").interest(1).network;
    assert_eq!(interest(vec![]), None);
    let flows = interest(vec![rule("a", "net.peer.port = 22")]).expect("some");
    assert!(flows.flows && !flows.payload && !flows.https);
    let payload = interest(vec![rule("a", "tcp.payload contains \"x\"")]).expect("some");
    assert!(payload.flows && payload.payload);
    assert_eq!(
        (payload.request_budget, payload.response_budget),
        (128 << 10, 512 << 10)
    );
    // How the other end's answer begins decides, unless its bytes are asked for.
    let of = |id: &str, protocol, direction, when: &str| NetworkRule {
        protocol,
        direction,
        ..rule(id, when)
    };
    let refused = of(
        "refused",
        NetworkProtocol::Http,
        RuleDirection::Incoming,
        "http.status in (401, 404) or http.status >= 500",
    );
    let asked = of("asked", NetworkProtocol::Http, RuleDirection::Both, "http.path = /x");
    let miner = of(
        "miner",
        NetworkProtocol::Tcp,
        RuleDirection::Outgoing,
        "tcp.payload.way = sent and tcp.payload contains x",
    );
    let mut shell = of("shell", NetworkProtocol::Tcp, RuleDirection::Both, "proc.name = sh");
    shell.event = Some(NetworkEvent::Payload);
    let sides = interest(vec![refused.clone(), asked, miner.clone(), shell])
        .expect("some")
        .sides;
    let wanted: Vec<u16> = (0..1024)
        .filter(|status| sides.incoming.statuses.contains(*status))
        .collect();
    assert_eq!(wanted, [401, 404].into_iter().chain(500..600).collect::<Vec<_>>());
    assert_eq!(sides.outgoing.statuses, Statuses::default());
    assert_eq!(
        sides.unknown.statuses,
        Statuses::ALL,
        "received may be the answer, and the miner's what was sent"
    );
    assert_eq!((sides.incoming.request, sides.incoming.response), (16 << 10, 16 << 10));
    assert_eq!(
        (sides.incoming.foreign_request, sides.incoming.foreign_response),
        (256, 256)
    );
    assert_eq!((sides.outgoing.request, sides.outgoing.response), (128 << 10, 16 << 10));
    assert_eq!(
        (sides.outgoing.foreign_request, sides.outgoing.foreign_response),
        (128 << 10, 256)
    );
    let reader = of(
        "reader",
        NetworkProtocol::Tcp,
        RuleDirection::Incoming,
        "tcp.payload contains x",
    );
    let sides = interest(vec![refused, reader]).expect("some").sides;
    assert_eq!(
        (sides.incoming.statuses, sides.incoming.response),
        (Statuses::ALL, 512 << 10)
    );
    assert_eq!(
        (sides.outgoing.request, sides.outgoing.response),
        (0, 0),
        "no rule is about those that we opened"
    );
    let only = Specs {
        network_settings: NetworkSettings {
            processes: Processes::Only(vec![Selector::Name(b"nginx".to_vec())]),
            ..NetworkSettings::default()
        },
        ..specs(vec![rule("a", "net.peer.port = 22")])
    };
    let only = RuleSet::compile(&only)
        .expect("right")
        .interest(1)
        .network
        .expect("some");
    assert_eq!(only.only, Processes::Only(vec![Selector::Name(b"nginx".to_vec())]));
}
