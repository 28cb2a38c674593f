//! Whose conversation it is: the connection below, as far as it is known, and what it carried.

use lapwing_engine::{
    event::{Direction, Way},
    spec::{Holds, NetworkProtocol},
};

use crate::{
    CIPHERTEXT, GET, HELLO, LOCAL, OBJECT, OK, PEER, accepted, both,
    common::{Run, shell},
    end, names, on_flow, rule, run, specs,
};

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
