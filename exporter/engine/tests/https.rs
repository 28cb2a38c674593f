//! HTTP read from TLS libraries: the same rules, with or without the TCP connection below.

mod common;

use common::{Run, SECOND, common, shell};
use lapwing_engine::{
    alert::Alert,
    engine::{Engine, Settings},
    event::{BootTime, Direction, FlowChange, FlowKey, Way},
    interest::NetworkInterest,
    rule::RuleSet,
    spec::{Holds, NetworkEvent, NetworkProtocol, NetworkRule, NetworkSettings, RuleDirection, Severity, Specs},
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

#[test]
fn one_exchange_on_a_known_connection_gives_one_alert_with_both_ends() {
    let mut events = shell();
    accepted(&mut events).segment(10, Way::Received, HELLO);
    events.segment(10, Way::Received, CIPHERTEXT);
    on_flow(&mut events, Way::Received, GET);
    on_flow(&mut events, Way::Sent, OK);
    events.segment(10, Way::Sent, CIPHERTEXT);
    let alerts = run(both(), &mut events);
    assert_eq!(names(&alerts), [("any", "http.request"), ("tls", "http.request")]);
    let network = alerts[0].network.as_ref().expect("a connection");
    assert!(network.tls);
    assert_eq!(
        (network.local.as_deref(), network.peer.as_deref()),
        (Some(LOCAL), Some(PEER))
    );
    assert_eq!(network.direction, Direction::Incoming);
    assert!(alerts[0].partial.is_empty());
    assert_eq!(
        alerts[0].message,
        "203.0.113.9:40000 asked bash[10] (root) for GET https://h/a/../../etc/passwd"
    );
    let http = alerts[0].http.as_ref().expect("HTTP");
    assert_eq!(
        http.request.as_deref(),
        Some("GET /a/../../etc/passwd?token=[redacted] HTTP/1.1")
    );
}

#[test]
fn an_unknown_peer_is_said_and_never_guessed() {
    let mut events = shell();
    events
        .tls(10, OBJECT, Way::Received, GET)
        .tls(10, OBJECT, Way::Sent, OK);
    end(&mut events);
    let mut by_peer = rule("peer", NetworkProtocol::Https, "not net.peer.address = 203.0.113.9");
    by_peer.subjects = Some(vec![Holds::Remote]);
    by_peer.common.points = Some(500);
    let mut rules = both();
    rules.push(by_peer);
    rules.push(rule("never", NetworkProtocol::Https, "net.peer.address != 203.0.113.9"));
    let mut run = Run::new(specs(rules));
    let mut alerts = run.observe(&events.take()).take();
    alerts.sort_by(|a, b| a.rule.cmp(&b.rule));
    // A check on a missing value is false, and an unknown address collects no points.
    let rules: Vec<_> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
    assert_eq!(rules, ["any", "peer", "tls"]);
    let network = alerts[0].network.as_ref().expect("a connection");
    assert_eq!((network.local.as_deref(), network.peer.as_deref()), (None, None));
    // Who asks has opened it.
    assert_eq!(network.direction, Direction::Incoming);
    assert_eq!(alerts[0].partial, ["network.peer"]);
    assert!(alerts[0].message.starts_with("an unknown peer asked bash[10] (root)"));
    assert_eq!(run.engine.streams().unknown_peers, 1);
}

#[test]
fn the_connection_below_may_become_known_later() {
    let mut events = shell();
    accepted(&mut events);
    let (first, rest) = GET.split_at(9);
    events.tls(10, OBJECT, Way::Received, first);
    on_flow(&mut events, Way::Received, rest);
    let alerts = run(both(), &mut events);
    assert_eq!(alerts.len(), 2);
    let network = alerts[0].network.as_ref().expect("a connection");
    assert_eq!(network.peer.as_deref(), Some(PEER));
}

#[test]
fn ends_told_with_the_plaintext_are_enough() {
    let mut events = shell();
    let mut other = shell();
    accepted(&mut other);
    let ends = other.take().pop().and_then(|event| match event.body {
        lapwing_engine::event::Body::Flow(flow) => Some(flow.endpoints),
        _ => None,
    });
    events.tls_with(10, OBJECT, Way::Sent, GET, |tls| {
        (tls.endpoints, tls.direction) = (ends, Direction::Outgoing);
    });
    let alerts = run(both(), &mut events);
    let network = alerts[0].network.as_ref().expect("a connection");
    assert_eq!(
        (network.peer.as_deref(), network.direction),
        (Some(PEER), Direction::Outgoing)
    );
}

#[test]
fn what_is_not_encrypted_is_nothing_for_rules_about_https() {
    let mut events = shell();
    accepted(&mut events)
        .segment(10, Way::Received, GET)
        .segment(10, Way::Sent, OK);
    assert_eq!(names(&run(both(), &mut events)), [("any", "http.request")]);
}

#[test]
fn payload_is_the_handshake_and_then_the_plaintext_and_found_once() {
    let payload = |when: &str| {
        let mut rule = rule("payload", NetworkProtocol::Tcp, when);
        rule.event = Some(NetworkEvent::Payload);
        let mut events = shell();
        accepted(&mut events).segment(10, Way::Received, HELLO);
        on_flow(&mut events, Way::Received, GET);
        events.segment(10, Way::Received, CIPHERTEXT);
        on_flow(&mut events, Way::Sent, OK);
        run(vec![rule], &mut events).len()
    };
    assert_eq!(payload("tcp.payload contains sni.example"), 1);
    assert_eq!(payload("tcp.payload contains \"token=abc\" and net.tls = true"), 1);
    assert_eq!(payload("tcp.payload contains \"token=abc\" and net.tls = false"), 0);
    assert_eq!(
        payload("tcp.payload startswith \"\\x17\\x03\""),
        0,
        "ciphertext of what is read"
    );
    assert_eq!(payload("tcp.payload exists"), 1, "one connection");
    // Nothing is known below: still once.
    let mut events = shell();
    for _ in 0..3 {
        events.tls(10, OBJECT, Way::Sent, b"mining.subscribe");
    }
    let stratum = rule("stratum", NetworkProtocol::Tcp, "tcp.payload contains mining.subscribe");
    let alerts = run(vec![stratum], &mut events);
    assert_eq!((alerts.len(), alerts[0].count), (1, 1));
}

#[test]
fn a_freed_address_that_is_used_again_is_another_connection() {
    let mut events = shell();
    // Half a request is all that the first one carries; the next begins at the same address.
    events.tls(10, OBJECT, Way::Received, b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Len");
    end(&mut events);
    events.tls(10, OBJECT, Way::Received, GET);
    end(&mut events);
    // The same object in another process is another connection too.
    events.tls(10, OBJECT, Way::Received, &GET[..20]).fork(10, 11);
    events.tls(
        11,
        OBJECT,
        Way::Received,
        b"GET /other/../x HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(run(both(), &mut events).len(), 2 + 2);
    // Its end is not told, but another TCP connection is below.
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, &GET[..20]);
    events.tls_with(10, OBJECT, Way::Received, GET, |tls| tls.flow = Some(FlowKey(2)));
    assert_eq!(run(both(), &mut events).len(), 2);
    // Nor that, but the process is another program.
    let mut events = shell();
    events
        .tls(10, OBJECT, Way::Received, &GET[..20])
        .exec(10, "/bin/curl", &["curl"]);
    events.tls(10, OBJECT, Way::Received, GET);
    assert_eq!(run(both(), &mut events).len(), 2);
}

/// What the engine holds after the events, and a while later.
fn held(events: &mut Synthetic) -> (u64, u64) {
    let mut run = Run::new(specs(both()));
    run.observe(&events.take());
    let flows = |engine: &Engine| {
        let tables = engine.tables();
        let flows = tables.iter().find(|table| table.name == "flows");
        flows.map_or(u64::MAX, |table| table.entries)
    };
    let before = flows(&run.engine);
    run.tick(BootTime(events.now().0 + 3 * SECOND));
    (before, flows(&run.engine))
}

#[test]
fn it_is_forgotten_with_the_object_the_process_or_the_connection_below() {
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    assert_eq!(held(&mut events), (2, 2));
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    end(&mut events);
    assert_eq!(held(&mut events), (1, 1));
    let mut events = shell();
    events.tls(10, OBJECT, Way::Received, GET).exit(10, 0);
    assert_eq!(held(&mut events), (0, 0));
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    assert_eq!(held(&mut events), (1, 0), "the library may still have something");
    // The end of what was never heard of leaves nothing.
    let mut events = shell();
    end(&mut events);
    assert_eq!(held(&mut events), (0, 0));
}

#[test]
fn what_the_library_still_had_when_the_connection_closed_is_read() {
    let response = rule("response", NetworkProtocol::Https, "http.response.body = \"hello\"");
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    let (first, rest) = OK.split_at(20);
    on_flow(&mut events, Way::Sent, first);
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    on_flow(&mut events, Way::Sent, rest);
    let alerts = run(vec![response.clone()], &mut events);
    assert_eq!(alerts.len(), 1);
    // A body that the end of the connection ends.
    let mut events = shell();
    accepted(&mut events);
    on_flow(&mut events, Way::Received, GET);
    on_flow(&mut events, Way::Sent, b"HTTP/1.0 200 OK\r\n\r\nhello");
    events.flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    let mut run = Run::new(specs(vec![response]));
    assert!(run.observe(&events.take()).rules().is_empty());
    let alerts = run.tick(BootTime(events.now().0 + 3 * SECOND)).take();
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].partial.is_empty());
}

#[test]
fn a_connection_from_before_is_read_from_its_next_message_on() {
    let mut events = shell();
    // The end of a body, in the middle of the one that is sent; then the other side speaks.
    events
        .tls(
            10,
            OBJECT,
            Way::Received,
            b"rest of an upload, \x00\x01 ../../ and more\r\n\r\n",
        )
        .tls(10, OBJECT, Way::Sent, b"HTTP/1.1 204 No Content\r\n\r\n")
        .tls(10, OBJECT, Way::Received, GET)
        .tls(10, OBJECT, Way::Sent, OK);
    let mut run = Run::new(specs(both()));
    assert_eq!(run.observe(&events.take()).rules().len(), 2);
    let streams = run.engine.streams();
    assert_eq!(
        (streams.requests, streams.malformed, streams.desynchronised),
        (1, 0, 0),
        "{streams:?}"
    );
}

#[test]
fn http2_is_counted_and_never_malformed() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00".as_slice();
    let settings = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80".as_slice();
    let frames = b"\x00\x00\x26\x01\x05\x00\x00\x00\x01GET / HTTP/1.1\r\n\r\n".as_slice();
    // Either side may speak first, and the preface may come in pieces.
    let orders: [&[(Way, &[u8])]; 3] = [
        &[(Way::Received, preface), (Way::Sent, settings), (Way::Received, frames)],
        &[(Way::Sent, settings), (Way::Received, preface), (Way::Received, frames)],
        &[
            (Way::Received, &preface[..5]),
            (Way::Received, &preface[5..]),
            (Way::Sent, settings),
            (Way::Received, GET),
        ],
    ];
    for order in orders {
        let mut events = shell();
        for (way, bytes) in order {
            events.tls(10, OBJECT, *way, bytes);
        }
        let mut run = Run::new(specs(both()));
        assert!(run.observe(&events.take()).rules().is_empty(), "{order:?}");
        let streams = run.engine.streams();
        assert_eq!(
            (
                streams.http2,
                streams.malformed,
                streams.requests,
                streams.desynchronised
            ),
            (1, 0, 0, 0),
            "{order:?}"
        );
    }
    // Its beginning was not seen: nothing is known, and nothing is said.
    let mut events = shell();
    for _ in 0..3 {
        events
            .tls(10, OBJECT, Way::Received, settings)
            .tls(10, OBJECT, Way::Sent, frames);
    }
    let mut run = Run::new(specs(both()));
    assert!(run.observe(&events.take()).rules().is_empty());
    assert_eq!((run.engine.streams().malformed, run.engine.streams().http2), (0, 0));
}

#[test]
fn bytes_that_were_not_copied_are_a_gap() {
    let mut events = shell();
    let head = b"POST /a/../b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc";
    events
        .tls_with(10, OBJECT, Way::Received, head, |tls| {
            tls.length = tls.length - 3 + 1000;
        })
        .tls(10, OBJECT, Way::Sent, OK)
        .tls(10, OBJECT, Way::Received, GET);
    let alerts = run(both(), &mut events);
    assert_eq!(alerts.len(), 4);
}

#[test]
fn the_table_is_bounded() {
    let mut specs = specs(both());
    specs.network_settings.max_flows = 50;
    let settings = Settings {
        network: specs.network_settings.clone(),
        ..Settings::default()
    };
    let mut run = Run::with(&specs, settings);
    let mut events = shell();
    for object in 0..1_000 {
        events.tls(10, object, Way::Received, &GET[..20]);
    }
    run.observe(&events.take());
    let tables = run.engine.tables();
    let flows = tables.iter().find(|table| table.name == "flows").expect("a table");
    assert_eq!((flows.entries, flows.evicted), (50, 950));
    // All of them end with their process, and give back what they hold.
    events.exit(10, 0);
    run.observe(&events.take());
    for name in ["flows", "conversations", "conversation_bytes"] {
        let tables = run.engine.tables();
        let table = tables.iter().find(|table| table.name == name).expect("a table");
        assert_eq!(table.entries, 0, "{name}");
    }
}

#[test]
fn the_kernel_is_asked_for_plaintext_only_when_it_is_wanted_and_needed() {
    let interest = |https: bool, rules: Vec<NetworkRule>| -> NetworkInterest {
        let mut specs = specs(rules);
        specs.network_settings.https = https;
        let set = RuleSet::compile(&specs).expect("right");
        set.interest(1).network.expect("some")
    };
    let http = || rule("a", NetworkProtocol::Http, "http.path = \"/\"");
    let https = || rule("b", NetworkProtocol::Https, "http.path = \"/\"");
    let payload = || rule("c", NetworkProtocol::Tcp, "tcp.payload contains x");
    let flow = || rule("d", NetworkProtocol::Tcp, "net.peer.port = 22");
    let asked = |https, rules| {
        let interest = interest(https, rules);
        (interest.payload, interest.https)
    };
    assert_eq!(asked(true, vec![http()]), (true, true));
    assert_eq!(asked(true, vec![payload()]), (true, true));
    assert_eq!(
        asked(true, vec![https()]),
        (false, true),
        "nothing in the clear is read"
    );
    assert_eq!(asked(true, vec![flow()]), (false, false));
    assert_eq!(asked(false, vec![http(), https()]), (true, false));
    assert_eq!(asked(false, vec![https()]), (false, false));
}
