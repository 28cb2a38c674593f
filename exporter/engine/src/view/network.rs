//! What an alert shows of a connection and of HTTP.

use std::net::SocketAddr;

use super::printable;
use crate::{
    alert::{HttpView, NetworkView},
    event::{self, Event, Told, Traffic},
    net::http::{Body, Headers, Request},
    redact,
};

/// Most bytes of a path, a query or a request line.
const MAX_TEXT: usize = 1024;
/// Most bytes of a header's value.
const MAX_VALUE: usize = 256;
/// Most headers.
const MAX_HEADERS: usize = 32;
/// Most bytes of an excerpt.
const MAX_EXCERPT: usize = 256;

/// The connection that an event is about.
pub(crate) fn network(event: &Event) -> Option<NetworkView> {
    let (direction, ends, totals, tls) = match &event.body {
        event::Body::Flow(flow) => (flow.direction, Some(flow.endpoints), flow.known_totals(), false),
        event::Body::Traffic(traffic) => (traffic.direction, traffic.endpoints, Some(&traffic.totals), traffic.tls),
        _ => return None,
    };
    let listening = ends.is_some_and(|ends| ends.remote.port() == 0);
    let end = |end: Option<SocketAddr>| end.map(|end| end.to_string());
    Some(NetworkView {
        direction,
        local: end(ends.map(|ends| ends.local)),
        peer: end(ends.filter(|_| !listening).map(|ends| ends.remote)),
        namespace: ends.map(|ends| ends.netns).filter(|netns| *netns != 0),
        tls,
        bytes_sent: totals.filter(|_| !listening).map(|totals| totals.bytes_sent),
        bytes_received: totals.filter(|_| !listening).map(|totals| totals.bytes_received),
        retransmits: totals.map(|totals| totals.retransmits).filter(|count| *count != 0),
        duration: totals
            .map(|totals| totals.duration)
            .filter(|duration| *duration != 0)
            .map(|duration| duration as f64 / 1e9),
        excerpt: None,
    })
}

/// The request and response that an event is about.
pub(crate) fn http(event: &Event) -> Option<HttpView> {
    let event::Body::Traffic(traffic) = &event.body else {
        return None;
    };
    traffic.transaction()?;
    let mut view = HttpView::default();
    let mut oddities = None;
    if let Some(request) = traffic.request() {
        oddities = Some(request.oddities);
        let query = request.query();
        view = HttpView {
            request: Some(line(request)),
            method: Some(printable(request.method(), MAX_VALUE)),
            host: request.host().map(|host| printable(host, MAX_VALUE)),
            path: Some(redact::text(&printable(&request.path(), MAX_TEXT)).into_owned()),
            query: (!query.is_empty()).then(|| arguments(query)),
            version: Some(request.version.to_string()),
            headers: headers(&request.headers),
            body_bytes: Some(request.body.length),
            ..view
        };
    }
    if let Some(response) = traffic.response() {
        oddities = Some(response.oddities);
        view.status = Some(response.status);
        view.response_headers = headers(&response.headers);
        view.response_body_bytes = Some(response.body.length);
    }
    view.oddities = oddities
        .iter()
        .flat_map(|set| set.iter())
        .map(|oddity| oddity.name())
        .collect();
    Some(view)
}

/// The first bytes of what the event carried.
pub(crate) fn excerpt(event: &Event) -> Option<String> {
    let event::Body::Traffic(traffic) = &event.body else {
        return None;
    };
    let bytes: &[u8] = match &traffic.told {
        Told::Payload(payload) => &payload.bytes,
        Told::Request(request) => &request.body.bytes,
        Told::Response(response, _) => &response.body.bytes,
        Told::Desynchronised(..) => return None,
    };
    (!bytes.is_empty()).then(|| redact::text(&printable(bytes, MAX_EXCERPT)).into_owned())
}

/// What of the message is known only in part.
pub(super) fn partial(traffic: &Traffic, names: &mut Vec<&'static str>) {
    super::add(names, traffic.endpoints.is_none(), "network.peer");
    // A body of which nothing was kept is one that no rule reads.
    let unread = |body: &Body| body.truncated && body.bytes.is_empty();
    let request = traffic.request();
    super::add(
        names,
        request.is_some_and(|request| request.partial || request.truncated && !unread(&request.body)),
        "http.request",
    );
    let response = traffic.response();
    super::add(
        names,
        response.is_some_and(|response| response.partial || response.truncated && !unread(&response.body)),
        "http.response",
    );
}

fn line(request: &Request) -> String {
    let method = printable(request.method(), MAX_VALUE);
    format!("{method} {} HTTP/{}", target(request.target()), request.version)
}

/// What is asked for, as sent, without what is secret in its query.
pub(crate) fn target(target: &[u8]) -> String {
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let mut text = redact::text(&printable(&target[..end], MAX_TEXT)).into_owned();
    if end < target.len() {
        text.push('?');
        text.push_str(&arguments(&target[end + 1..]));
    }
    text
}

/// A query as sent, without the values of what names itself a secret.
pub(crate) fn arguments(query: &[u8]) -> String {
    let text = printable(query, MAX_TEXT);
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() && redact::is_secret(name) => format!("{name}={}", redact::REDACTED),
        _ => redact::text(pair).into_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn headers(headers: &Headers) -> Vec<String> {
    let shown = headers.iter().take(MAX_HEADERS).map(|(name, value)| {
        let name = printable(name, MAX_VALUE);
        if redact::is_secret(&name) {
            return format!("{name}: {}", redact::REDACTED);
        }
        let line = format!("{name}: {}", printable(value, MAX_VALUE));
        redact::text(&line).into_owned()
    });
    shown.collect()
}
