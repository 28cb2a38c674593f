//! What connections carry: ordinary HTTP, kept alive, in several shapes.

use std::{io::Write, net::SocketAddr};

use flate2::{Compression, write::GzEncoder};
use lapwing_engine::event::{Carried, Direction, Endpoints, FlowKey, Segment, Way, tcp};

pub const ETHERNET: usize = 1448;
pub const SUPER: usize = 65_160;

const REQUEST_HEADERS: &str = "Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nReferer: https://www.example.com/catalogue/index.html\r\nConnection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=light; consent=1; _ga=GA1.2.1234567890.1234567890\r\n\
    Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nCache-Control: max-age=0\r\n";

const RESPONSE_HEADERS: &str = "Server: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\
    Connection: keep-alive\r\nLast-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nETag: \"655c9a10-5000\"\r\nAccept-Ranges: bytes\r\n\
    Cache-Control: max-age=3600\r\nVary: Accept-Encoding\r\nX-Frame-Options: DENY\r\n";

/// Requests and responses, in turn.
pub type Turns = Vec<(Way, Vec<u8>)>;

/// A shape of traffic: its name, what is said, and how many exchanges that is.
#[derive(Clone)]
pub struct Load {
    pub name: &'static str,
    pub turns: Turns,
}

impl Load {
    /// Payload bytes, both ways.
    pub fn bytes(&self) -> u64 {
        self.turns.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub fn exchanges(&self) -> u64 {
        self.turns.iter().filter(|(way, _)| *way == Way::Received).count() as u64
    }
}

/// All shapes.
pub fn all() -> Vec<Load> {
    let plain = |form, body, count| exchanges(form, count, || framed("Content-Length", body, &text(body)));
    let load = |name, turns| Load { name, turns };
    vec![
        load("page", plain(0, 20 << 10, 100)),
        load("api", plain(0, 300, 1000)),
        load("upload", plain(100 << 10, 300, 20)),
        load("download", plain(0, 8 << 20, 2)),
        load("chunked", exchanges(0, 40, || chunked(&text(64 << 10), 4096))),
        load("gzip", exchanges(0, 100, || gzip(&text(20 << 10)))),
    ]
}

fn exchanges(form: usize, count: usize, answer: impl Fn() -> Vec<u8>) -> Turns {
    let one = |number: usize| {
        let method = if form > 0 { "POST" } else { "GET" };
        let ask = format!(
            "{method} /catalogue/item{number}.html?ref=home&page=%32 HTTP/1.1\r\n{REQUEST_HEADERS}Content-Length: {form}\r\n\r\n{}",
            "f".repeat(form)
        );
        [(Way::Received, ask.into_bytes()), (Way::Sent, answer())]
    };
    (0..count).flat_map(one).collect()
}

fn text(length: usize) -> Vec<u8> {
    b"<p>text</p>\n".iter().copied().cycle().take(length).collect()
}

fn framed(header: &str, value: impl std::fmt::Display, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{RESPONSE_HEADERS}{header}: {value}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut coded = Vec::new();
    for chunk in body.chunks(size) {
        coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        coded.extend_from_slice(chunk);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    framed("Transfer-Encoding", "chunked", &coded)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    let packed = packed.unwrap_or_default();
    assert!(!packed.is_empty());
    let length = format!("{}\r\nContent-Encoding: gzip", packed.len());
    framed("Content-Length", length, &packed)
}

/// A server's and a client's end of one connection.
pub const ENDS: [(&str, &str); 2] = [
    ("10.0.0.1:80", "203.0.113.9:40000"),
    ("203.0.113.9:40000", "10.0.0.1:80"),
];

/// What is left for the agent of ordinary exchanges with the default rules: one packet a request, which says how many bytes of the response
/// before it passed. `wrk` sends as little as can be, `browser` what browsers send.
pub fn asked() -> [Load; 2] {
    let wrk = |_| b"GET /1024 HTTP/1.1\r\nHost: 127.0.0.1:43210\r\n\r\n".to_vec();
    let browser = |number| {
        format!("GET /catalogue/item{number}.html?ref=home&page=%32 HTTP/1.1\r\n{REQUEST_HEADERS}\r\n").into_bytes()
    };
    let load = |name, ask: &dyn Fn(usize) -> Vec<u8>| Load {
        name,
        turns: (0..1000).map(|number| (Way::Received, ask(number))).collect(),
    };
    [load("wrk", &wrk), load("browser", &browser)]
}

/// The same as both ends of one connection on this host see it, and each in turn: first what the client sends, then what the server takes.
pub fn asked_segments(load: &Load) -> Vec<(usize, Segment)> {
    const ANSWER: u32 = 1263;
    let mut segments: Vec<(usize, Segment)> = Vec::new();
    let (mut sequence, mut ack) = (1, 1);
    for (end, direction, way) in [
        (1, Direction::Outgoing, Way::Sent),
        (0, Direction::Incoming, Way::Received),
    ] {
        segments.push((end, one(end, direction, way, (0, 0, tcp::SYN), b"", 0)));
        segments.push((
            end,
            one(end, direction, way.other(), (0, 1, tcp::SYN | tcp::ACK), b"", 0),
        ));
    }
    for (number, (_, ask)) in load.turns.iter().enumerate() {
        let passed = if number == 0 { 0 } else { ANSWER };
        ack += passed;
        for (end, direction, way) in [
            (1, Direction::Outgoing, Way::Sent),
            (0, Direction::Incoming, Way::Received),
        ] {
            segments.push((end, one(end, direction, way, (sequence, ack, tcp::ACK), ask, passed)));
        }
        sequence += ask.len() as u32;
    }
    segments
}

fn one(
    end: usize,
    direction: Direction,
    way: Way,
    (sequence, ack, flags): (u32, u32, u8),
    data: &[u8],
    passed: u32,
) -> Segment {
    let (local, remote) = ENDS[end];
    let address = |text: &str| text.parse().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 80)));
    Segment {
        flow: FlowKey(1 + end as u64),
        direction,
        way,
        endpoints: Endpoints {
            local: address(local),
            remote: address(remote),
            netns: 0,
        },
        sequence,
        ack,
        flags,
        length: data.len() as u32,
        data: Carried::from(data),
        passed,
    }
}

/// The turns as segments of one connection, from its SYNs on.
pub fn segments(turns: &Turns, size: usize) -> Vec<Segment> {
    let mut next = [1, 1_u32];
    let segment =
        |way, sequence, ack, flags, data: &[u8]| one(0, Direction::Incoming, way, (sequence, ack, flags), data, 0);
    let mut segments = vec![
        segment(Way::Received, 0, 0, tcp::SYN, b""),
        segment(Way::Sent, 0, 1, tcp::SYN | tcp::ACK, b""),
    ];
    for (way, bytes) in turns {
        for part in bytes.chunks(size) {
            let ack = next[1 - *way as usize];
            let next = &mut next[*way as usize];
            segments.push(segment(*way, *next, ack, tcp::ACK, part));
            *next = next.wrapping_add(part.len() as u32);
        }
    }
    segments
}
