//! What a byte of TCP costs: put in order, read as HTTP, and judged.
//!
//! `in order` is reassembly alone, without and with every second pair of segments exchanged. `http` is a whole conversation, kept alive,
//! with everything kept that rules could read: `page` a browser's requests (700 bytes of head) and HTML of 20 KiB, `api` the same requests
//! and 300 bytes, `upload` forms of 100 KiB, `download` bodies of 8 MiB, which are passed over after their first 512 KiB, `chunked` 64 KiB
//! in chunks of 4 KiB, `gzip` 20 KiB packed to some hundred bytes, which are unpacked. Segments are as large as Ethernet's (1448 bytes of
//! payload) and as the kernel's super-packets (up to 64 KiB). `observe` is the whole of [`Engine::observe`] with the rules that the program
//! ships: segments in, alerts out, of which this traffic makes none; `both ends` (and `server's end`) is what is left of small exchanges whose client and server
//! are both on this host: one packet a request for each end, no response (an element is one request, judged twice). Throughput is payload as it passed, both directions, on one core;
//! an element is one request with its response.

mod load;
mod rules;

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapwing_engine::{
    engine::{Engine, Settings},
    event::{Body, Direction, Event, FlowChange, FlowKey, tcp},
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits},
        reassembly::{Bounds, Input, Piece, Stream},
    },
    synthetic::Synthetic,
};

use load::{ETHERNET, Load, SUPER, segments};

fn http(criterion: &mut Criterion) {
    let limits = Arc::new(Limits::default());
    let mut group = criterion.benchmark_group("http");
    for load in load::all() {
        group.throughput(throughput(&load));
        for (by, size) in [("ethernet", ETHERNET), ("super", SUPER)] {
            let segments = segments(&load.turns, size);
            let (mut budget, mut out) = (Budget::new(64 << 20), Vec::new());
            group.bench_function(format!("{}, {by}", load.name), |bencher| {
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
            assert_eq!(budget.counters.responses % load.exchanges(), 0);
            assert_eq!((budget.counters.malformed, budget.counters.partial), (0, 0));
        }
    }
    group.finish();
}

/// The connection of a web server, from its opening to its end, after what tells of the server.
fn connection(load: &Load, size: usize) -> (Vec<Event>, Vec<Event>) {
    const SERVER: u32 = 10;
    let mut source = Synthetic::new();
    source
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .fork(1, SERVER)
        .exec(SERVER, "/usr/sbin/nginx", &["nginx"]);
    let before = source.take();
    let (local, remote) = ("10.0.0.1:80", "203.0.113.9:40000");
    let mut change = |change| {
        source.flow(SERVER, change, Direction::Incoming, local, remote, |_| {});
        source.take()
    };
    let mut events = change(FlowChange::Established);
    let header = events[0].header.clone();
    events.extend(segments(&load.turns, size).into_iter().map(|segment| Event {
        header: header.clone(),
        body: Body::Segment(Box::new(segment)),
    }));
    events.extend(change(FlowChange::Closed));
    (before, events)
}

fn observing(criterion: &mut Criterion) {
    let rules = rules::default();
    let mut group = criterion.benchmark_group("observe");
    for load in load::all() {
        group.throughput(throughput(&load));
        for (by, size) in [("ethernet", ETHERNET), ("super", SUPER)] {
            let (before, events) = connection(&load, size);
            let (mut engine, mut alerts) = (Engine::new(rules.clone(), Settings::default()), Vec::new());
            before.iter().for_each(|event| engine.observe(event, &mut alerts));
            group.bench_function(format!("{}, {by}", load.name), |bencher| {
                bencher.iter(|| events.iter().for_each(|event| engine.observe(event, &mut alerts)));
            });
            assert_eq!(engine.streams().responses % load.exchanges(), 0);
            assert_eq!(
                (engine.streams().malformed, engine.streams().partial, alerts.len()),
                (0, 0, 0)
            );
        }
    }
    let ends = load::asked().map(|load| [("both ends", 2, load.clone()), ("server's end", 1, load)]);
    for (end, count, load) in ends.into_iter().flatten() {
        group.throughput(throughput(&load));
        let (before, mut events) = both_ends(&load);
        events.retain(|event| count == 2 || !is_clients(event));
        let (mut engine, mut alerts) = (Engine::new(rules.clone(), Settings::default()), Vec::new());
        before.iter().for_each(|event| engine.observe(event, &mut alerts));
        group.bench_function(format!("{}, {end}", load.name), |bencher| {
            bencher.iter(|| events.iter().for_each(|event| engine.observe(event, &mut alerts)));
        });
        assert_eq!(engine.streams().requests % (count * load.turns.len() as u64), 0);
        let odd = engine.streams().malformed + engine.streams().partial + engine.streams().desynchronised;
        assert_eq!((odd, alerts.len()), (0, 0));
    }
    group.finish();
}

/// A server and its client, both on this host, whose every request is a packet and whose every response passes untold.
fn both_ends(load: &Load) -> (Vec<Event>, Vec<Event>) {
    const PIDS: [u32; 2] = [10, 11];
    let mut source = Synthetic::new();
    source.snapshot(1, 0, "/usr/lib/systemd/systemd");
    for (pid, program) in PIDS.into_iter().zip(["/usr/sbin/nginx", "/usr/bin/wrk"]) {
        source.fork(1, pid).exec(pid, program, &[program]);
    }
    let before = source.take();
    let mut flows = |change| {
        for (end, direction) in [(1, Direction::Outgoing), (0, Direction::Incoming)] {
            let (local, remote) = load::ENDS[end];
            source.flow(PIDS[end], change, direction, local, remote, |flow| {
                flow.flow = FlowKey(1 + end as u64);
            });
        }
        source.take()
    };
    let mut events = flows(FlowChange::Established);
    let headers = [events[1].header.clone(), events[0].header.clone()];
    events.extend(load::asked_segments(load).into_iter().map(|(end, segment)| Event {
        header: headers[end].clone(),
        body: Body::Segment(Box::new(segment)),
    }));
    events.extend(flows(FlowChange::Closed));
    (before, events)
}

/// Of the client's end of the connection.
fn is_clients(event: &Event) -> bool {
    match &event.body {
        Body::Flow(flow) => flow.direction == Direction::Outgoing,
        Body::Segment(segment) => segment.direction == Direction::Outgoing,
        _ => false,
    }
}

fn throughput(load: &Load) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: load.exchanges(),
        bytes: load.bytes(),
    }
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
    targets = reassembly, http, observing
}
criterion_main!(benches);
