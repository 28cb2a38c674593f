//! Payload, and streams that are cut, full of holes, or of no interest.

use super::*;

#[test]
fn nothing_is_put_together_that_no_rule_reads() {
    let flow_rule = NetworkRule {
        protocol: NetworkProtocol::Tcp,
        ..http("flows", "net.peer.port > 0", 0)
    };
    let mut events = shell();
    exchange(&mut events, PEER, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", OK);
    let events = events.take();
    let mut run = Run::new(specs(vec![flow_rule]));
    run.observe(&events);
    assert_eq!(run.engine.streams().requests, 0);
    let mut run = Run::new(specs(vec![http("paths", "http.path = \"/\"", 0)]));
    run.observe(&events);
    assert_eq!((run.engine.streams().requests, run.engine.streams().responses), (1, 1));
}

#[test]
fn payload_is_found_across_pieces_and_once() {
    let rule = |when: &str| NetworkRule {
        protocol: NetworkProtocol::Tcp,
        ..http("payload", when, 0)
    };
    let pieces: Vec<&[u8]> = vec![b"\x16\x03\x01 mining.su", b"bscribe", b" more", b" and more"];
    let run = |when: &str| {
        let mut events = shell();
        events.flow(
            10,
            FlowChange::Established,
            Direction::Outgoing,
            PEER,
            "192.0.2.3:3333",
            |_| {},
        );
        for piece in &pieces {
            events.segment(10, Way::Sent, piece);
        }
        let alerts = Run::new(specs(vec![rule(when)])).observe(&events.take()).take();
        alerts
            .iter()
            .map(|alert| (alert.event, alert.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(run("tcp.payload contains mining.subscribe"), [("tcp.payload", 1)]);
    assert_eq!(run("tcp.payload[0:3] = \"\\x16\\x03\\x01\""), [("tcp.payload", 1)]);
    assert_eq!(run("tcp.payload.way = received and tcp.payload exists"), []);
    assert_eq!(run("tcp.payload[1000:10] exists"), []);
    assert_eq!(
        run("tcp.payload[4:6] = mining and tcp.payload.offset = 0"),
        [("tcp.payload", 1)]
    );
}

#[test]
fn what_is_cut_says_so_and_what_ends_early_too() {
    let rule = http("long", "http.method = POST and http.body exists", 0);
    let mut specs = specs(vec![rule]);
    specs.network_settings.request_bytes = 1024;
    let settings = Settings {
        network: specs.network_settings.clone(),
        ..Settings::default()
    };
    let mut request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n".to_vec();
    request.extend_from_slice(&[b'x'; 5000]);
    let mut events = shell();
    exchange(&mut events, PEER, &request, OK);
    let told = Run::with(&specs, settings).observe(&events.take()).take();
    assert!(told[0].partial.contains(&"http.request"), "{:?}", told[0].partial);
}

#[test]
fn a_connection_that_ends_tells_what_it_had() {
    let mut events = shell();
    events
        .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, PEER, |_| {})
        .segment(10, Way::Received, b"GET /until-close HTTP/1.0\r\n\r\n")
        .segment(10, Way::Sent, b"HTTP/1.0 200 OK\r\n\r\nno length")
        .flow(10, FlowChange::Closed, Direction::Incoming, LOCAL, PEER, |_| {});
    let rules = vec![
        http("ends", "http.response.body = \"no length\"", 0),
        NetworkRule {
            protocol: NetworkProtocol::Tcp,
            event: Some(NetworkEvent::Close),
            ..http("closed", "net.peer.port = 40000", 0)
        },
    ];
    let mut run = Run::new(specs(rules));
    run.observe(&events.take());
    assert_eq!(run.rules(), ["ends", "closed"]);
    let held: Vec<_> = run
        .engine
        .tables()
        .iter()
        .map(|table| (table.name, table.entries))
        .collect();
    for name in ["flows", "conversations", "conversation_bytes"] {
        assert!(held.contains(&(name, 0)), "{held:?}");
    }
}

#[test]
fn a_hole_that_nobody_closes_is_given_up() {
    let mut events = shell();
    events
        .flow(10, FlowChange::Established, Direction::Outgoing, PEER, LOCAL, |_| {})
        .segment(10, Way::Sent, b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        .segment(10, Way::Sent, b"lost")
        .segment(10, Way::Sent, b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut events: Vec<Event> = events.take();
    let lost = events.len() - 2;
    events.remove(lost);
    let desync = NetworkRule {
        protocol: NetworkProtocol::Tcp,
        event: Some(NetworkEvent::Desynchronised),
        ..http("desync", "tcp.desynchronised = gap", 0)
    };
    let mut run = Run::new(specs(vec![http("all", "http.method = GET", 0), desync]));
    run.observe(&events);
    assert_eq!(run.rules(), ["all"]);
    let mut now = events.last().expect("some").header.time;
    now.0 += 5_000_000_000;
    run.tick(now);
    assert_eq!(run.rules(), ["desync"]);
}

/// While a reload had the process filter look elsewhere, the connection went on; the next request is not behind a hole.
#[test]
fn what_passed_while_nobody_asked_is_no_hole() {
    use lapwing_engine::interest::{Processes, Selector};
    let paths = specs(vec![http("paths", "http.path startswith \"/\"", 0)]);
    let watching = |only: Processes| Settings {
        network: NetworkSettings {
            processes: only,
            ..NetworkSettings::default()
        },
        ..Settings::default()
    };
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut events = shell();
    exchange(&mut events, PEER, ask("/1").as_bytes(), OK);
    let mut run = Run::with(&paths, watching(Processes::All));
    assert_eq!(run.observe(&events.take()).rules().len(), 1);
    let others = Processes::Only(vec![Selector::Name(b"other".to_vec())]);
    run.engine.reload(common::compile(&paths), watching(others));
    events
        .segment(10, Way::Received, ask("/2").as_bytes())
        .segment(10, Way::Sent, OK);
    drop(events.take());
    run.engine.reload(common::compile(&paths), watching(Processes::All));
    events
        .segment(10, Way::Received, ask("/3").as_bytes())
        .segment(10, Way::Sent, OK);
    run.observe(&events.take());
    let streams = run.engine.streams();
    assert_eq!((streams.requests, streams.responses), (2, 2));
    assert_eq!((streams.desynchronised, streams.gaps, streams.malformed), (0, 0, 0));
}
