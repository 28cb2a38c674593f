//! The network sensor on the real kernel: real sockets, and exactly what became of them.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
};

use common::Rig;
use lapwing_bpf::{Options, State};
use lapwing_engine::{
    event::{Body, Direction, Event, FlowChange, FlowEvent, FlowKey, Segment, Sensor, Way, tcp},
    interest::{Interest, NetworkInterest, Processes},
};

fn network(payload: bool) -> NetworkInterest {
    NetworkInterest {
        flows: true,
        payload,
        https: false,
        only: Processes::All,
        request_budget: 128 << 10,
        response_budget: 512 << 10,
    }
}

fn interest(network: NetworkInterest) -> Interest {
    Interest {
        generation: 3,
        network: Some(network),
        ..Interest::default()
    }
}

fn rig(payload: bool) -> Rig {
    let rig = Rig::open(&Options::default(), &interest(network(payload)));
    for hook in rig.sensors.hooks().iter().filter(|hook| hook.sensor == Sensor::Network) {
        let attached = |name| {
            let hooks = rig.sensors.hooks();
            hooks.iter().any(|h| h.hook == name && h.state == State::Attached)
        };
        assert!(attached(hook.hook) || hook.state == State::NotNeeded, "{hook:#?}");
    }
    rig
}

/// What happened to sockets with one end at `port`, with the owner's pid.
fn flows(events: &[Event], port: u16) -> Vec<(u32, FlowEvent)> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Flow(flow) if [flow.endpoints.local.port(), flow.endpoints.remote.port()].contains(&port) => {
                Some((event.header.process.pid, (**flow).clone()))
            }
            _ => None,
        })
        .collect()
}

fn closed(events: &[Event], port: u16) -> usize {
    flows(events, port)
        .iter()
        .filter(|(_, flow)| flow.change == FlowChange::Closed)
        .count()
}

/// Sends `question` and gets `answer` back, over a connection to a listener of our own; both ends close.
fn talk(address: IpAddr, question: usize, answer: usize) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = vec![0; question];
        stream.read_exact(&mut got).unwrap();
        stream.write_all(&vec![b'a'; answer]).unwrap();
        // Until the other end has closed, so that nothing is cut off by a reset.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(&vec![b'q'; question]).unwrap();
    stream.read_exact(&mut vec![0; answer]).unwrap();
    drop(stream);
    server.join().unwrap();
    at
}

#[test]
fn a_connection_is_told_from_both_ends_with_exact_totals() {
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let mut rig = rig(false);
        rig.drain();
        rig.events.clear();
        let at = talk(address, 1000, 70_000);
        rig.until(|events| closed(events, at.port()) == 3);
        let flows = flows(&rig.events, at.port());
        let me = std::process::id();
        assert!(flows.iter().all(|(pid, _)| *pid == me), "{flows:#?}");
        let mut told: Vec<_> = flows.iter().map(|(_, f)| (f.change.name(), f.direction)).collect();
        assert_eq!(told[0], ("listen", Direction::Incoming));
        assert_eq!(told[1], ("open", Direction::Outgoing));
        told.sort();
        let (incoming, outgoing) = (Direction::Incoming, Direction::Outgoing);
        assert_eq!(
            told,
            [
                ("close", incoming),
                ("close", incoming),
                ("close", outgoing),
                ("established", incoming),
                ("established", outgoing),
                ("listen", incoming),
                ("open", outgoing),
            ]
        );
        let end = |change, direction| {
            let mut found = flows
                .iter()
                .map(|(_, f)| f)
                .filter(|f| f.change == change && f.direction == direction && f.endpoints.remote.port() != 0);
            let flow = found.next().unwrap().clone();
            assert_eq!(found.next(), None);
            flow
        };
        let (client, server) = (
            end(FlowChange::Closed, Direction::Outgoing),
            end(FlowChange::Closed, Direction::Incoming),
        );
        assert_eq!((client.totals.bytes_sent, client.totals.bytes_received), (1000, 70_000));
        assert_eq!((server.totals.bytes_sent, server.totals.bytes_received), (70_000, 1000));
        assert_eq!((client.endpoints.remote, server.endpoints.local), (at, at));
        assert_eq!(client.endpoints.local, server.endpoints.remote);
        assert!(client.totals.duration > 0 && client.totals.segments_sent > 2 && client.totals.segments_received > 2);
        let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(namespace.to_str().unwrap(), format!("net:[{}]", client.endpoints.netns));
        let established = end(FlowChange::Established, Direction::Outgoing);
        assert_eq!(
            (established.flow, established.endpoints),
            (client.flow, client.endpoints)
        );
        assert_eq!(end(FlowChange::Established, Direction::Incoming).flow, server.flow);
        assert_ne!(client.flow, server.flow);
        assert_eq!(rig.lost(), 0);
    }
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_is_ipv4() {
    let mut rig = rig(false);
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    assert_eq!(at.ip(), Ipv6Addr::UNSPECIFIED);
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, at.port())).unwrap();
    let (server, _) = listener.accept().unwrap();
    drop((client, server));
    rig.until(|events| closed(events, at.port()) == 2);
    let flows = flows(&rig.events, at.port());
    assert_eq!(flows[0].1.endpoints.local, at);
    for (pid, flow) in flows.iter().filter(|(_, f)| f.change == FlowChange::Established) {
        assert_eq!(*pid, std::process::id());
        assert!(flow.endpoints.local.is_ipv4() && flow.endpoints.remote.is_ipv4());
    }
}

#[test]
fn a_closed_port_refuses_with_the_errno() {
    let mut rig = rig(false);
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    rig.drain();
    rig.events.clear();
    TcpStream::connect(at).unwrap_err();
    rig.until(|events| flows(events, at.port()).len() == 2);
    let told: Vec<_> = flows(&rig.events, at.port()).iter().map(|(_, f)| f.change).collect();
    assert_eq!(told, [FlowChange::Opening, FlowChange::Refused(libc_econnrefused())]);
}

fn libc_econnrefused() -> i32 {
    std::io::Error::from_raw_os_error(111).raw_os_error().unwrap()
}

#[test]
fn without_a_network_rule_nothing_is_attached_or_loaded() {
    let rig = Rig::open(&Options::default(), &Interest::default());
    let hooks = rig.sensors.hooks();
    let network: Vec<_> = hooks.iter().filter(|hook| hook.sensor == Sensor::Network).collect();
    assert!(!network.is_empty());
    assert!(network.iter().all(|hook| hook.state == State::NotNeeded));
    assert!(rig.sensors.programs().iter().all(|p| !p.name.starts_with("lw_net")));
}

/// The segments of sockets with one end at `port`.
fn segments(events: &[Event], port: u16) -> Vec<&Segment> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Segment(s) if [s.endpoints.local.port(), s.endpoints.remote.port()].contains(&port) => Some(&**s),
            _ => None,
        })
        .collect()
}

/// One way of one flow, put together by its sequence numbers: the bytes copied, and how many there were in all. Fails on a hole.
fn stream(events: &[Event], flow: FlowKey, way: Way) -> (Vec<u8>, u64) {
    let mut pieces: Vec<&Segment> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Segment(s) if s.flow == flow && s.way == way => Some(&**s),
            _ => None,
        })
        .collect();
    let first = pieces
        .iter()
        .find(|s| s.flags & tcp::SYN != 0)
        .map(|s| if s.length == 0 { s.sequence.wrapping_add(1) } else { s.sequence })
        .expect("a SYN");
    let at = |s: &Segment| u64::from(s.sequence.wrapping_sub(first));
    pieces.retain(|s| s.length > 0);
    pieces.sort_by_key(|s| at(s));
    let (mut data, mut end) = (Vec::new(), 0);
    for piece in pieces {
        // Below 4 GiB, so that sequence numbers do not wrap.
        assert!(at(piece) <= end, "a hole from {end} to {}", at(piece));
        let seen = usize::try_from(end - at(piece)).unwrap();
        data.extend(piece.data.get(seen..).unwrap_or_default());
        end = end.max(at(piece) + u64::from(piece.length));
    }
    (data, end)
}

/// The flow of the end that opened, and of the one that was opened.
fn pair(events: &[Event], port: u16) -> (FlowKey, FlowKey) {
    let of = |direction| {
        let flows = flows(events, port);
        let mut found = flows
            .iter()
            .map(|(_, f)| f)
            .filter(|f| f.change == FlowChange::Established && f.direction == direction);
        let flow = found.next().unwrap().flow;
        assert_eq!(found.next(), None);
        flow
    };
    (of(Direction::Outgoing), of(Direction::Incoming))
}

#[test]
fn what_is_said_is_copied_once_for_each_end() {
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let mut rig = rig(true);
        let at = talk(address, 1000, 70_000);
        rig.until(|events| closed(events, at.port()) == 3);
        let (client, server) = pair(&rig.events, at.port());
        let (question, answer) = ((vec![b'q'; 1000], 1000), (vec![b'a'; 70_000], 70_000));
        assert_eq!(stream(&rig.events, client, Way::Sent), question);
        assert_eq!(stream(&rig.events, server, Way::Received), question);
        assert_eq!(stream(&rig.events, server, Way::Sent), answer);
        assert_eq!(stream(&rig.events, client, Way::Received), answer);
        for segment in segments(&rig.events, at.port()) {
            let end = if segment.flow == client {
                segment.endpoints.remote
            } else {
                segment.endpoints.local
            };
            assert_eq!(end, at);
            assert!(segment.data.len() <= segment.length as usize);
        }
        let fins = |flow, way| {
            let segments = segments(&rig.events, at.port());
            let fin = |s: &&&Segment| s.flow == flow && s.way == way && s.flags & tcp::FIN != 0;
            segments.iter().filter(fin).count()
        };
        for (flow, way) in [(client, Way::Sent), (server, Way::Received), (server, Way::Sent), (client, Way::Received)] {
            assert_eq!(fins(flow, way), 1, "{way:?}");
        }
        assert_eq!(rig.lost(), 0);
    }
}

#[test]
fn past_the_budget_bytes_are_counted_and_not_copied() {
    let (question, answer) = (1 << 20, 44 << 20);
    let mut rig = rig(true);
    let at = talk(Ipv4Addr::LOCALHOST.into(), question, answer);
    rig.until(|events| closed(events, at.port()) == 3);
    let (client, server) = pair(&rig.events, at.port());
    for (flow, way, sent, copied) in [
        (client, Way::Sent, question, 128 << 10),
        (server, Way::Received, question, 128 << 10),
        (client, Way::Received, answer, 512 << 10),
        (server, Way::Sent, answer, 512 << 10),
    ] {
        let (data, total) = stream(&rig.events, flow, way);
        assert_eq!((data.len(), total), (copied, sent as u64), "{way:?}");
    }
    let records = segments(&rig.events, at.port()).len();
    assert!(records < 500, "{records} records for 45 MB each way");
    assert_eq!(rig.lost(), 0);
}

#[test]
fn the_budget_is_anew_when_the_other_end_has_spoken() {
    let mut wanted = network(true);
    (wanted.request_budget, wanted.response_budget) = (100, 200);
    let mut rig = Rig::open(&Options::default(), &interest(wanted));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for turn in 0..3u8 {
        client.write_all(&[turn; 1000]).unwrap();
        server.read_exact(&mut [0; 1000]).unwrap();
        server.write_all(&[turn + 10; 5000]).unwrap();
        server.write_all(&[turn + 20; 5000]).unwrap();
        client.read_exact(&mut [0; 10_000]).unwrap();
    }
    drop((client, server));
    rig.until(|events| closed(events, at.port()) == 2);
    let (client, server) = pair(&rig.events, at.port());
    let turns = |of: &dyn Fn(u8) -> Vec<u8>| (0..3).flat_map(of).collect::<Vec<u8>>();
    let question = (turns(&|turn| vec![turn; 100]), 3000);
    let answer = (turns(&|turn| vec![turn + 10; 200]), 30_000);
    assert_eq!(stream(&rig.events, client, Way::Sent), question);
    assert_eq!(stream(&rig.events, server, Way::Received), question);
    assert_eq!(stream(&rig.events, server, Way::Sent), answer);
    assert_eq!(stream(&rig.events, client, Way::Received), answer);
}
