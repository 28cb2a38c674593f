//! What rules match in requests and responses, and what their alerts show.

use super::*;

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
        "{http.header[user-agent]} {http.header[authorization]} {http.header} {http.args[id]} {http.args[token]} {http.cookie} {http.query} {http.target} {http.trailer} {http.body}"
            .to_owned(),
    );
    let request = b"POST /?id=7&token=s3 HTTP/1.1\r\nUser-Agent: ua\r\nAuthorization: Bearer s3\r\nCookie: s=s3\r\n\
          Transfer-Encoding: chunked\r\n\r\n2\r\ns3\r\n0\r\nX-Token: s3\r\n\r\n";
    let told = alerts(vec![rule], request, OK);
    assert!(
        told[0].message.starts_with("ua [redacted] [redacted]"),
        "{}",
        told[0].message
    );
    assert!(told[0].message.contains(" 7 [redacted] "), "{}", told[0].message);
    let rest = "id=7&token=[redacted] /?id=7&token=[redacted] [redacted] 2 bytes";
    assert!(told[0].message.ends_with(rest), "{}", told[0].message);
    let all = serde_json::to_string(&told[0]).expect("JSON");
    assert!(!all.contains("s3"), "{all}");
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
        )
        .segment(10, Way::Sent, OK);
    let told = Run::new(specs(vec![http("all", "http.method = GET", 0)]))
        .observe(&events.take())
        .take();
    assert_eq!(told.len(), 2);
    assert_ne!(told[0].id, told[1].id);
}

/// All values are first looked at as one text: what only that text has is in no value, and what a value has by its place is found.
#[test]
fn a_value_ends_where_it_ends() {
    let request = b"GET /p?first=ab&second=cd&third=x%2By HTTP/1.1\r\nHost: h\r\nX-Left: left\r\nX-Right: right\r\nCookie: a=1; b=2\r\n\r\n";
    for when in [
        "http.args contains ab and http.args icontains CD and http.args regex \"x[+]y\"",
        "http.args regex \"^cd$\" and http.header regex \"^right$\" and http.cookie regex \"^2$\"",
        "http.args regex \"\\\\bcd\\\\b\"",
        "http.args[second] contains c and http.header[x-left] regex \"^l\"",
        "http.response.header contains sid and http.response.header regex \"^5$\"",
    ] {
        assert_eq!(matching(when, request), 1, "{when}");
    }
    for when in [
        "http.args contains bc or http.args regex \"b.*c\" or http.args icontains ABC",
        "http.args contains second or http.header contains X-Left or http.header contains GET",
        "http.header regex \"left.*right\" or http.cookie contains \"1; b\"",
        "http.args contains \"%2B\"",
    ] {
        assert_eq!(matching(when, request), 0, "{when}");
    }
}

#[test]
fn what_follows_a_chunked_body_is_matched_as_trailers() {
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Took: 8ms\r\n\r\n";
    for (when, wanted) in [
        ("http.trailer[x-sum] = 7", 1),
        ("http.trailer contains 7 and http.trailer regex \"^7$\"", 1),
        ("http.response.trailer[X-Took] = 8ms", 1),
        ("http.header[x-sum] exists or http.trailer[x-took] exists", 0),
        ("http.response.trailer = 7", 0),
    ] {
        let told = alerts(vec![http("rule", when, 0)], request, answer);
        assert_eq!(told.len(), wanted, "{when}");
    }
}
