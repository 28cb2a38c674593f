//! What a byte of TCP costs: put in order, and read as HTTP.
//!
//! `in order` is reassembly alone, without and with every second pair of segments exchanged. `http` is a whole conversation, kept alive:
//! `page` a browser's requests (700 bytes of head) and HTML of 20 KiB, `api` the same requests and JSON of 300 bytes, `upload` forms of 100 KiB,
//! `download` bodies of 8 MiB, which are passed over after their first 512 KiB. Segments are as large as Ethernet's (1448 bytes of payload)
//! and as the kernel's super-packets (up to 64 KiB). Throughput is payload, both directions, on one core.

use std::{hint::black_box, net::SocketAddr, sync::Arc, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapwing_engine::{
    event::{Bytes, Direction, Endpoints, FlowKey, Segment, Way, tcp},
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits},
        reassembly::{Bounds, Input, Piece, Stream},
    },
};

const ETHERNET: usize = 1448;
const SUPER: usize = 65_160;

const REQUEST_HEADERS: &str = "Host: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nReferer: https://www.example.com/catalogue/index.html\r\nConnection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=light; consent=1; _ga=GA1.2.1234567890.1234567890\r\n\
    Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nCache-Control: max-age=0\r\n";

const RESPONSE_HEADERS: &str = "Server: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\
    Connection: keep-alive\r\nLast-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r\nETag: \"655c9a10-5000\"\r\nAccept-Ranges: bytes\r\n\
    Cache-Control: max-age=3600\r\nVary: Accept-Encoding\r\nX-Frame-Options: DENY\r\n";

/// What is asked and answered, in turn.
fn exchange(form: usize, body: usize, count: usize) -> Vec<(Way, Vec<u8>)> {
    let one = |number: usize| {
        let method = if form > 0 { "POST" } else { "GET" };
        let ask = format!(
            "{method} /catalogue/item{number}.html?ref=home&page=%32 HTTP/1.1\r\n{REQUEST_HEADERS}Content-Length: {form}\r\n\r\n{}",
            "f".repeat(form)
        );
        let answer = format!(
            "HTTP/1.1 200 OK\r\n{RESPONSE_HEADERS}Content-Length: {body}\r\n\r\n{}",
            "<p>text</p>\n".repeat(body / 12 + 1)
        );
        let end = answer.len() - (body / 12 + 1) * 12 + body;
        [
            (Way::Received, ask.into_bytes()),
            (Way::Sent, answer.into_bytes()[..end].to_vec()),
        ]
    };
    (0..count).flat_map(one).collect()
}

fn segments(turns: &[(Way, Vec<u8>)], size: usize) -> Vec<Segment> {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let mut next = [1, 1_u32];
    let segment = |way, sequence, flags, data: &[u8]| Segment {
        flow: FlowKey(1),
        direction: Direction::Incoming,
        way,
        endpoints: Endpoints {
            local: address,
            remote: address,
            netns: 0,
        },
        sequence,
        ack: 0,
        flags,
        length: data.len() as u32,
        data: Bytes::from(data),
    };
    let mut segments = vec![
        segment(Way::Received, 0, tcp::SYN, b""),
        segment(Way::Sent, 0, tcp::SYN, b""),
    ];
    for (way, bytes) in turns {
        for part in bytes.chunks(size) {
            let next = &mut next[*way as usize];
            segments.push(segment(*way, *next, 0, part));
            *next = next.wrapping_add(part.len() as u32);
        }
    }
    segments
}

fn http(criterion: &mut Criterion) {
    let loads = [
        ("page", exchange(0, 20 << 10, 100)),
        ("api", exchange(0, 300, 1000)),
        ("upload", exchange(100 << 10, 300, 20)),
        ("download", exchange(0, 8 << 20, 2)),
    ];
    let limits = Arc::new(Limits::default());
    let mut group = criterion.benchmark_group("http");
    for (name, turns) in &loads {
        let bytes: usize = turns.iter().map(|(_, bytes)| bytes.len()).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        for (by, size) in [("ethernet", ETHERNET), ("super", SUPER)] {
            let segments = segments(turns, size);
            let (mut budget, mut out) = (Budget::new(64 << 20), Vec::new());
            group.bench_function(format!("{name}, {by}"), |bencher| {
                bencher.iter(|| {
                    let mut conversation = Conversation::new(limits.clone());
                    for segment in &segments {
                        conversation.segment(segment, &mut budget, &mut out);
                        out.drain(..).for_each(|message| {
                            black_box(message);
                        });
                    }
                    conversation.close(End::Closed(None), &mut budget, &mut out);
                });
            });
            assert_eq!(budget.counters.responses % (turns.len() as u64 / 2), 0);
            assert_eq!((budget.counters.malformed, budget.counters.partial), (0, 0));
        }
    }
    group.finish();
}

fn reassembly(criterion: &mut Criterion) {
    let data = vec![b'x'; ETHERNET];
    let bounds = Bounds {
        bytes: 256 << 10,
        segments: 256,
    };
    const COUNT: u32 = 1000;
    let mut group = criterion.benchmark_group("in order");
    group.throughput(Throughput::Bytes(u64::from(COUNT) * ETHERNET as u64));
    for (name, exchanged) in [("in order", 0), ("pairs exchanged", 1)] {
        group.bench_function(name, |bencher| {
            let mut budget = Budget::new(1 << 20);
            bencher.iter(|| {
                let (mut stream, mut bytes) = (Stream::default(), 0);
                let mut sink = |_: u64, piece: Piece<'_>, _: &mut Budget| {
                    if let Piece::Bytes(piece) = piece {
                        bytes += black_box(piece).len();
                    }
                };
                let syn = Input {
                    sequence: u32::MAX,
                    flags: tcp::SYN,
                    length: 0,
                    data: &[],
                };
                stream.segment(syn, bounds, &mut budget, &mut sink);
                for number in 0..COUNT {
                    let sequence = (number ^ exchanged) * ETHERNET as u32;
                    let input = Input {
                        sequence,
                        flags: 0,
                        length: ETHERNET as u32,
                        data: &data,
                    };
                    stream.segment(input, bounds, &mut budget, &mut sink);
                }
                assert_eq!(bytes, COUNT as usize * ETHERNET);
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2)).sample_size(20);
    targets = reassembly, http
}
criterion_main!(benches);
