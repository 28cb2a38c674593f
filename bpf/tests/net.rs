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
    event::{Body, Direction, Event, FlowChange, FlowEvent, Sensor},
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
        assert_eq!((established.flow, established.endpoints), (client.flow, client.endpoints));
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
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
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
