//! Rules about HTTP and payload: what they match in what connections carry, whom they are held against, what their alerts show.

mod common;

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

#[test]
fn a_request_is_matched_by_all_its_parts() {
    let request = b"POST /a%2fb/../c?id=1%27&id=two&x=%3Cb%3E HTTP/1.1\r\nHost: example.org:8080\r\nUser-Agent: Curl\r\n\
        X-Two: a\r\nx-two: b\r\nCookie: s=1; t=2\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nform=y+";
    for when in [
        "http.method = POST",
        "http.path = \"/a/b/../c\" and http.path.raw = \"/a%2fb/../c\"",
        "normalize_path(http.path) = \"/a/c\"",
        "http.target startswith \"/a%2fb\" and http.query startswith \"id=\"",
        "http.args[id] = two and http.args[id] = \"1'\" and http.args[form] = \"y \"",
        "http.args = \"<b>\" and http.args.name = x",
        "http.header[USER-AGENT] = Curl and http.header[x-two] = b and http.header = a",
        "lower(http.header[user-agent]) = curl",
        "http.header.name = Cookie",
        "http.cookie[t] = 2 and http.cookie = 1",
        "http.host = example.org and http.version = 1.1",
        "http.body = \"form=y+\" and http.body.length = 7",
        "http.is_truncated = false and http.is_partial = false",
        "net.direction = incoming and fd.sport = 80 and proc.name = bash and net.bytes_received > 100",
        "evt.kind = \"http.request\"",
    ] {
        assert_eq!(matching(when, request), 1, "{when}");
    }
    for when in [
        "http.args[ID] = two",
        "http.header[x] exists",
        "http.cookie[t] = 1",
        "http.path contains \"%2f\"",
        "net.tls = true",
        "http.oddity exists",
    ] {
        assert_eq!(matching(when, request), 0, "{when}");
    }
}

#[test]
fn a_response_knows_its_request() {
    let rules = vec![
        http(
            "response",
            "http.status = 200 and http.response.header[server] = x and http.path = \"/p\"",
            0,
        ),
        http(
            "body",
            "http.response.body = hello and http.response.body.length = 5",
            0,
        ),
        http("request", "http.path = \"/p\"", 0),
        http("other", "http.status = 404", 0),
    ];
    let mut told: Vec<_> = alerts(
        rules,
        b"GET /p?token=abc HTTP/1.1\r\nHost: h\r\nAuthorization: Basic x\r\n\r\n",
        OK,
    );
    told.sort_by(|a, b| a.rule.cmp(&b.rule));
    let names: Vec<_> = told.iter().map(|alert| (alert.rule.as_str(), alert.event)).collect();
    assert_eq!(
        names,
        [
            ("body", "http.response"),
            ("request", "http.request"),
            ("response", "http.response")
        ]
    );
    let view = told[2].http.as_ref().expect("HTTP");
    assert_eq!(view.request.as_deref(), Some("GET /p?token=[redacted] HTTP/1.1"));
    assert_eq!(view.query.as_deref(), Some("token=[redacted]"));
    assert_eq!((view.status, view.response_body_bytes), (Some(200), Some(5)));
    assert_eq!(view.headers, ["Host: h", "Authorization: [redacted]"]);
    assert!(view.response_headers.contains(&"Set-Cookie: [redacted]".to_owned()));
    assert_eq!(
        told[2].message,
        "203.0.113.9:40000 asked bash[10] (root) for GET h/p, and the answer was 200"
    );
    assert_eq!(
        told[1].http.as_ref().and_then(|view| view.status),
        None,
        "it was not there yet"
    );
    let network = told[2].network.as_ref().expect("a connection");
    assert_eq!(
        (network.peer.as_deref(), network.excerpt.as_deref()),
        (Some(PEER), None)
    );
}

#[test]
fn a_transaction_that_reaches_its_threshold_is_one_alert_with_all_that_raised_it() {
    let score = |id: &str, when: &str| {
        let mut rule = http(id, when, 60);
        rule.common.alert = AlertMode::Score;
        rule
    };
    let rules = || {
        vec![
            score("one", "http.args contains x"),
            score("two", "http.path contains y"),
            score("three", "http.status = 200"),
        ]
    };
    let both = alerts(rules(), b"GET /y?a=x HTTP/1.1\r\nHost: h\r\n\r\n", OK);
    assert_eq!(
        both.len(),
        1,
        "the second match reaches it, the third stays below the next multiple"
    );
    let alert = &both[0];
    let score = alert.score.as_ref().expect("a score");
    assert_eq!(
        (alert.rule.as_str(), score.subject_kind),
        ("score.transaction", "transaction")
    );
    assert_eq!(score.subject, "GET /y?a=x HTTP/1.1");
    assert_eq!(score.contributions.len(), 2);
    assert!(alert.http.is_some() && alert.network.is_some());
    // The same matches spread over two requests of one connection stay below.
    let mut events = shell();
    exchange(
        &mut events,
        PEER,
        b"GET /y HTTP/1.1\r\nHost: h\r\n\r\n",
        b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n",
    );
    events.segment(10, Way::Received, b"GET /?a=x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(Run::new(specs(rules())).observe(&events.take()).take().is_empty());
    // A request and its response are one, across a second request that came before the answer.
    let mut events = shell();
    events
        .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, PEER, |_| {})
        .segment(
            10,
            Way::Received,
            b"GET /y HTTP/1.1\r\nHost: h\r\n\r\nGET /z HTTP/1.1\r\nHost: h\r\n\r\n",
        )
        .segment(10, Way::Sent, OK);
    let piped = Run::new(specs(rules())).observe(&events.take()).take();
    assert_eq!(piped.len(), 1);
    assert_eq!(piped[0].score.as_ref().expect("a score").subject, "GET /y HTTP/1.1");
}

#[test]
fn pipelined_requests_have_alerts_with_ids_of_their_own() {
    let mut events = shell();
    events
        .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, PEER, |_| {})
        .segment(
            10,
            Way::Received,
            b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        );
    let told = Run::new(specs(vec![http("all", "http.method = GET", 0)]))
        .observe(&events.take())
        .take();
    assert_eq!(told.len(), 2);
    assert_ne!(told[0].id, told[1].id);
}

#[test]
fn a_burst_of_refusals_is_the_score_of_the_address_that_asked() {
    let burst = |peer: &str, forwarded: Option<&str>| {
        let mut rule = http("refusals", "http.status in (401, 403, 404)", 10);
        rule.common.alert = AlertMode::Score;
        rule.subjects = Some(vec![Holds::Remote]);
        rule.direction = RuleDirection::Incoming;
        let settings = Settings {
            network: NetworkSettings {
                proxies: vec![
                    "127.0.0.0/8".parse().expect("net"),
                    "192.0.2.0/24".parse().expect("net"),
                ],
                ..NetworkSettings::default()
            },
            score: ScoreSettings::default(),
            ..Settings::default()
        };
        let mut run = Run::with(&specs(vec![rule]), settings);
        let header = forwarded
            .map(|value| format!("X-Forwarded-For: {value}\r\n"))
            .unwrap_or_default();
        let mut events = shell();
        for number in 0..12 {
            let request = format!("GET /{number} HTTP/1.1\r\nHost: h\r\n{header}\r\n");
            events
                .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, peer, |flow| {
                    flow.flow = FlowKey(number)
                })
                .segment(10, Way::Received, request.as_bytes())
                .segment(10, Way::Sent, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
        let told = run.observe(&events.take()).take();
        told.iter()
            .filter_map(|alert| Some(alert.score.as_ref()?.subject.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(burst(PEER, None), ["203.0.113.9"]);
    assert_eq!(
        burst(PEER, Some("198.51.100.1")),
        ["203.0.113.9"],
        "who is no proxy is not believed"
    );
    assert_eq!(burst("127.0.0.1:5", Some("198.51.100.1")), ["198.51.100.1"]);
    assert_eq!(
        burst("127.0.0.1:5", Some("10.9.9.9, 198.51.100.1, 192.0.2.7")),
        ["198.51.100.1"],
        "the last that is no proxy"
    );
    assert_eq!(
        burst("127.0.0.1:5", Some("[2001:db8:1:2::3]:99")),
        ["2001:db8:1:2::/64"]
    );
    assert!(burst("127.0.0.1:5", None).is_empty(), "a proxy is no subject");
    assert!(burst("127.0.0.1:5", Some("not an address")).is_empty());
}

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
fn excerpts_are_shown_when_they_are_asked_for() {
    let rule = http("body", "http.body contains secret", 0);
    let mut events = shell();
    exchange(
        &mut events,
        PEER,
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 24\r\n\r\npassword=x&other=secret\x01!",
        OK,
    );
    let specs = Specs {
        network_settings: NetworkSettings {
            excerpts: true,
            ..NetworkSettings::default()
        },
        ..specs(vec![rule])
    };
    let settings = Settings {
        network: specs.network_settings.clone(),
        ..Settings::default()
    };
    let told = Run::with(&specs, settings).observe(&events.take()).take();
    let excerpt = told[0].network.as_ref().and_then(|network| network.excerpt.clone());
    assert_eq!(excerpt.as_deref(), Some("password=[redacted]&other=secret\\u{1}"));
}

#[test]
fn a_message_never_carries_what_connections_carry() {
    let mut rule = http("told", "http.method = POST", 0);
    rule.common.message = Some(
        "{http.header[user-agent]} {http.header[authorization]} {http.header} {http.args[id]} {http.args[token]} {http.cookie} {http.body}"
            .to_owned(),
    );
    let request = b"POST /?id=7&token=s3 HTTP/1.1\r\nUser-Agent: ua\r\nAuthorization: Bearer s3\r\nCookie: s=s3\r\nContent-Length: 2\r\n\r\ns3";
    let told = alerts(vec![rule], request, OK);
    assert!(
        told[0].message.starts_with("ua [redacted] [redacted]"),
        "{}",
        told[0].message
    );
    assert!(told[0].message.contains(" 7 [redacted] "), "{}", told[0].message);
    assert!(told[0].message.ends_with("2 bytes"), "{}", told[0].message);
    let all = serde_json::to_string(&told[0]).expect("JSON");
    assert!(!all.contains("s3"), "{all}");
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
        .flow(10, FlowChange::Established, Direction::Incoming, LOCAL, PEER, |_| {})
        .segment(10, Way::Received, b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        .segment(10, Way::Received, b"lost")
        .segment(10, Way::Received, b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n");
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
