//! A connection and HTTP by the semantic conventions: `network.*`, `server.*`, `client.*`, `url.*`, `http.*`.

use std::net::SocketAddr;

use lapwing_engine::{
    alert::{HttpView, NetworkView},
    event::Direction,
};

use super::super::attributes::Attributes;

/// The ends: by role where that is known, and as this host has them.
pub(super) fn about_network(a: &mut Attributes, network: &NetworkView, http: Option<&HttpView>) {
    a.text("network.transport", "tcp");
    let end = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<SocketAddr>().ok());
    let (local, peer) = (end(&network.local), end(&network.peer));
    let kind = local.or(peer).map(|end| if end.is_ipv4() { "ipv4" } else { "ipv6" });
    a.maybe_text("network.type", kind);
    put(a, "network.local", local);
    put(a, "network.peer", peer);
    let (server, client) = match network.direction {
        Direction::Incoming => (local, peer),
        Direction::Outgoing => (peer, local),
        Direction::Unknown => (None, None),
    };
    put(a, "server", server);
    put(a, "client", client);
    a.text("lapwing.network.direction", network.direction.name());
    a.maybe_int("lapwing.network.namespace", network.namespace);
    a.maybe_int("lapwing.network.bytes_sent", network.bytes_sent);
    a.maybe_int("lapwing.network.bytes_received", network.bytes_received);
    a.maybe_int("lapwing.network.retransmits", network.retransmits);
    if let Some(duration) = network.duration {
        a.double("lapwing.network.duration", duration);
    }
    if network.tls {
        a.flag("tls.established", true);
    }
    a.maybe_text("lapwing.network.excerpt", network.excerpt.as_deref());
    if http.is_some() {
        a.text("network.protocol.name", "http");
        a.maybe_text(
            "network.protocol.version",
            http.and_then(|http| http.version.as_deref()),
        );
        a.text("url.scheme", if network.tls { "https" } else { "http" });
    }
}

fn put(a: &mut Attributes, role: &'static str, end: Option<SocketAddr>) {
    let (address, port) = match role {
        "network.local" => ("network.local.address", "network.local.port"),
        "network.peer" => ("network.peer.address", "network.peer.port"),
        "server" => ("server.address", "server.port"),
        _ => ("client.address", "client.port"),
    };
    if let Some(end) = end {
        a.text(address, end.ip().to_string());
        a.int(port, end.port());
    }
}

/// The request and its response.
pub(super) fn about_http(a: &mut Attributes, http: &HttpView) {
    a.maybe_text("http.request.method", http.method.as_deref());
    a.maybe_text("url.path", http.path.as_deref());
    a.maybe_text("url.query", http.query.as_deref());
    a.maybe_text("url.domain", http.host.as_deref());
    let agent = http.headers.iter().find_map(|header| {
        let (name, value) = header.split_once(": ")?;
        name.eq_ignore_ascii_case("user-agent").then_some(value)
    });
    a.maybe_text("user_agent.original", agent);
    a.maybe_int("http.request.body.size", http.body_bytes);
    a.maybe_int("http.response.status_code", http.status);
    a.maybe_int("http.response.body.size", http.response_body_bytes);
    a.maybe_text("lapwing.http.request_line", http.request.as_deref());
    a.texts("lapwing.http.request_headers", &http.headers);
    a.texts("lapwing.http.response_headers", &http.response_headers);
    a.texts("lapwing.http.oddities", &http.oddities);
}
