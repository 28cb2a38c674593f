//! Whom matches are held against.

use super::*;

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
