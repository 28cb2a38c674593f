//! What is read of the plaintext, and what is not.

use lapwing_engine::{
    event::{BootTime, Way},
    interest::NetworkInterest,
    rule::RuleSet,
    spec::{NetworkEvent, NetworkProtocol, NetworkRule},
};

use crate::{
    CIPHERTEXT, GET, HELLO, OBJECT, OK, accepted, both,
    common::{Run, SECOND, shell},
    names, on_flow, rule, run, specs,
};

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

/// HTTP/2 whose beginning was before the agent, or another protocol: counted when it ends, and what is read or recognised is not.
#[test]
fn a_connection_in_which_nothing_is_http1_is_counted() {
    let unread = |pieces: &[(Way, &[u8])]| {
        let mut events = shell();
        for (way, data) in pieces {
            events.tls(10, OBJECT, *way, data);
        }
        events.exit(10, 0);
        let mut run = Run::new(specs(both()));
        run.observe(&events.take());
        run.tick(BootTime(events.now().0 + 10 * SECOND));
        run.engine.streams().tls_unread
    };
    let frames = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00abcdefgh".as_slice();
    assert_eq!(
        unread(&[(Way::Received, frames), (Way::Sent, frames), (Way::Received, frames)]),
        1
    );
    assert_eq!(
        unread(&[
            (Way::Received, frames),
            (Way::Sent, OK),
            (Way::Received, GET),
            (Way::Sent, OK)
        ]),
        0
    );
    assert_eq!(
        unread(&[
            (Way::Received, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            (Way::Sent, frames)
        ]),
        0
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
