//! Flows on the real kernel: real sockets, and exactly what became of them.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use common::{
    Rig,
    net::{closed, flows, interest, network, rig, talk},
};
use lapwing_bpf::{Options, State};
use lapwing_engine::{
    event::{Direction, FlowChange, Sensor},
    interest::Interest,
};

#[test]
fn a_connection_is_told_from_both_ends_with_exact_totals() {
    let mut rig = rig(false);
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
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
    assert_eq!(told, [FlowChange::Opening, FlowChange::Refused(libc::ECONNREFUSED)]);
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

#[test]
fn past_its_bound_the_table_forgets_and_counts() {
    const CONNECTIONS: usize = 450; // a process may have 1024 descriptors
    let small = Options {
        connections: 256,
        ..Options::default()
    };
    let mut rig = Rig::open(&small, &interest(network(false)));
    rig.sensors.seed().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let pairs: Vec<_> = (0..CONNECTIONS)
        .map(|_| (TcpStream::connect(at).unwrap(), listener.accept().unwrap()))
        .collect();
    drop(pairs);
    drop(listener);
    let (mut told, mut forgotten) = (0, 0);
    for _ in 0..200 {
        rig.drain();
        told = closed(&rig.events, at.port());
        forgotten = rig.lost() as usize;
        if told + forgotten > 2 * CONNECTIONS {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Sockets of others on this host may be forgotten too.
    assert!(
        told + forgotten > 2 * CONNECTIONS,
        "{told} told and {forgotten} forgotten"
    );
    assert!(told <= 256 && told > 0, "{told}");
    assert_eq!(
        flows(&rig.events, at.port())
            .iter()
            .filter(|(_, f)| f.change == FlowChange::Established)
            .count(),
        2 * CONNECTIONS
    );
}
