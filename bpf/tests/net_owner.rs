//! Whose a connection is, on the real kernel: workers, processes that were there before, the filter, the agent itself.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
};

use common::{
    Rig,
    net::{closed, flows, fork, interest, network, pair, rename, rig, segments, stream, wait},
};
use lapwing_engine::{
    event::{Body, Direction, FlowChange, Sensor, Way},
    interest::{Processes, Selector},
};

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// Answers one question of four bytes with as many.
fn serve(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut question = [0; 4];
    stream.read_exact(&mut question).unwrap();
    stream.write_all(b"pong").unwrap();
    assert_eq!(stream.read(&mut question).unwrap(), 0);
}

fn ask(at: SocketAddr) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_connection_belongs_to_the_worker_that_serves_it() {
    let mut rig = rig(true);
    let (listener, at) = listen();
    let worker = fork(|| serve(&listener));
    ask(at);
    wait(worker);
    drop(listener);
    rig.until(|events| closed(events, at.port()) == 3);
    let me = std::process::id();
    let (client, server) = pair(&rig.events, at.port());
    let told: Vec<_> = flows(&rig.events, at.port())
        .into_iter()
        .filter(|(_, flow)| flow.flow == server)
        .map(|(pid, flow)| (flow.change, pid))
        .collect();
    assert_eq!(
        told,
        [
            (FlowChange::Established, me),
            (FlowChange::Taken, worker),
            (FlowChange::Closed, worker)
        ]
    );
    let owners = |flow, way| {
        let mut owners: Vec<_> = rig
            .events
            .iter()
            .filter(|event| matches!(&event.body, Body::Segment(s) if s.flow == flow && s.way == way && s.length > 0))
            .map(|event| event.header.process.pid)
            .collect();
        owners.dedup();
        owners
    };
    assert_eq!(owners(server, Way::Sent), [worker]);
    assert_eq!(owners(client, Way::Sent), [me]);
}

#[test]
fn what_was_there_before_is_told_and_followed() {
    let (listener, at) = listen();
    let mut client = TcpStream::connect(at).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut rig = rig(true);
    rig.sensors.seed().unwrap();
    rig.until(|events| flows(events, at.port()).len() == 3);
    let (me, port) = (std::process::id(), at.port());
    let existing = flows(&rig.events, port);
    assert!(
        existing
            .iter()
            .all(|(pid, f)| *pid == me && f.change == FlowChange::Existing)
    );
    let ends: Vec<_> = existing
        .iter()
        .map(|(_, f)| (f.direction, f.endpoints.local.port() == port, f.endpoints.remote.port()))
        .collect();
    assert_eq!(ends[0], (Direction::Incoming, true, 0), "who listens comes first");
    let away = client.local_addr().unwrap().port();
    assert!(ends.contains(&(Direction::Incoming, true, away)), "{ends:?}");
    assert!(ends.contains(&(Direction::Unknown, false, port)), "{ends:?}");
    client.write_all(b"ping").unwrap();
    server.read_exact(&mut [0; 4]).unwrap();
    drop((client, server, listener));
    rig.until(|events| closed(events, port) == 3);
    let said: Vec<_> = segments(&rig.events, port)
        .iter()
        .filter(|s| s.length > 0)
        .map(|s| (s.way, s.data.to_vec()))
        .collect();
    assert_eq!(said, [(Way::Sent, b"ping".to_vec()), (Way::Received, b"ping".to_vec())]);
}

/// A child that listens, answers one question and ends; its pid and port.
fn server(name: &'static std::ffi::CStr) -> (u32, SocketAddr) {
    let mut pipe = std::io::pipe().unwrap();
    let server = fork(|| {
        rename(name);
        let (listener, at) = listen();
        pipe.1.write_all(&at.port().to_ne_bytes()).unwrap();
        serve(&listener);
    });
    let mut port = [0; 2];
    pipe.0.read_exact(&mut port).unwrap();
    (server, (Ipv4Addr::LOCALHOST, u16::from_ne_bytes(port)).into())
}

/// A child that listens and lets a child of its own serve one connection, once the pipe is closed.
fn pool() -> (u32, SocketAddr, std::io::PipeWriter) {
    let mut port = std::io::pipe().unwrap();
    let mut go = std::io::pipe().unwrap();
    let pool = fork(|| {
        let (listener, at) = listen();
        port.1.write_all(&at.port().to_ne_bytes()).unwrap();
        // SAFETY: the number is the descriptor's, which nobody here uses any more.
        unsafe { libc::close(std::os::fd::AsRawFd::as_raw_fd(&go.1)) };
        let worker = fork(|| {
            assert_eq!(go.0.read(&mut [0]).unwrap(), 0);
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
        });
        wait(worker);
    });
    let mut number = [0; 2];
    port.0.read_exact(&mut number).unwrap();
    (pool, (Ipv4Addr::LOCALHOST, u16::from_ne_bytes(number)).into(), go.1)
}

/// Who is told of when `only` holds, and a process named `lw-asks` asks one named `lw-serves`.
fn told_of(rig: &mut Rig, only: Processes) -> Vec<&'static str> {
    let mut wanted = network(true);
    wanted.only = only;
    rig.sensors.apply(&interest(wanted)).unwrap();
    rig.drain();
    rig.events.clear();
    let (server, at) = server(c"lw-serves");
    let client = fork(|| {
        rename(c"lw-asks");
        ask(at);
    });
    wait(client);
    wait(server);
    std::thread::sleep(std::time::Duration::from_millis(100)); // what must not come has its chance
    rig.drain();
    let mut told = Vec::new();
    for (pid, name) in [(client, "asks"), (server, "serves")] {
        let flows = flows(&rig.events, at.port()).iter().any(|(owner, _)| *owner == pid);
        let payload = rig.events.iter().any(|event| {
            event.header.process.pid == pid
                && matches!(&event.body, Body::Segment(s) if s.data == b"ping".as_slice().into())
        });
        assert_eq!(flows, payload, "{name}");
        if flows {
            told.push(name);
        }
    }
    told
}

#[test]
fn the_filter_chooses_processes_by_name_and_by_path() {
    let name = |name: &[u8]| Selector::Name(name.to_vec());
    let path = |path: &std::path::Path| Selector::Path(path.as_os_str().as_encoded_bytes().to_vec());
    let mut rig = rig(true);
    let me = std::env::current_exe().unwrap().canonicalize().unwrap();
    let nobody = std::path::Path::new("/nowhere");
    for (only, told) in [
        (Processes::All, &["asks", "serves"][..]),
        (Processes::Only(vec![name(b"lw-serves")]), &["serves"]),
        (Processes::Only(vec![name(b"lw-other"), name(b"lw-asks")]), &["asks"]),
        (Processes::Except(vec![name(b"lw-asks")]), &["serves"]),
        (Processes::Except(vec![path(nobody)]), &["asks", "serves"]),
        (Processes::Except(vec![path(&me)]), &[]),
        (Processes::Only(vec![path(&me)]), &["asks", "serves"]),
        (Processes::Only(vec![path(nobody), name(b"lw-asks")]), &["asks"]),
    ] {
        assert_eq!(told_of(&mut rig, only.clone()), told, "{only:?}");
    }
}

#[test]
fn the_agents_own_sockets_and_their_other_ends_are_excluded_and_counted() {
    let mut rig = rig(true);
    rig.sensors.exclude_self(std::process::id());
    let (mine, at) = listen();
    // Twice: the end of the first connection must not make the agent forget where it listens.
    for _ in 0..2 {
        let client = fork(|| ask(at));
        serve(&mine);
        wait(client);
    }
    // The other way round: a child listens, and the agent connects.
    let (server, theirs) = server(c"lw-serves");
    let port = theirs.port();
    ask(theirs);
    wait(server);
    rig.until(|events| closed(events, port) == 1);
    // And a worker that takes a connection when the agent's end of it is gone.
    let (pool, shared, go) = pool();
    TcpStream::connect(shared).unwrap().write_all(b"ping").unwrap();
    drop(go);
    wait(pool);
    rig.until(|events| closed(events, shared.port()) == 1);
    let told: Vec<_> = flows(&rig.events, shared.port())
        .iter()
        .map(|(pid, f)| (*pid, f.change))
        .collect();
    assert_eq!(told, [(pool, FlowChange::Listening), (pool, FlowChange::Closed)]);
    assert_eq!(flows(&rig.events, at.port()), []);
    let told: Vec<_> = flows(&rig.events, port)
        .iter()
        .map(|(pid, f)| (*pid, f.change))
        .collect();
    assert_eq!(told, [(server, FlowChange::Listening), (server, FlowChange::Closed)]);
    assert!(segments(&rig.events, port).is_empty() && segments(&rig.events, at.port()).is_empty());
    let own = rig
        .sensors
        .losses()
        .iter()
        .find(|l| l.sensor == Sensor::Network && l.stage == "self")
        .unwrap()
        .count;
    assert!(own > 10, "{own}");
}

#[test]
fn a_connection_of_another_network_namespace_is_told_with_its_number() {
    let mut rig = rig(true);
    let (namespace, at) = std::thread::spawn(|| {
        let namespace = common::net::own_namespace();
        (namespace, common::net::talk(Ipv4Addr::LOCALHOST.into(), 10, 20))
    })
    .join()
    .unwrap();
    let here = |flow: &lapwing_engine::event::FlowEvent| flow.endpoints.netns == namespace;
    rig.until(|events| {
        let closed = |(_, f): &&(u32, lapwing_engine::event::FlowEvent)| f.change == FlowChange::Closed && here(f);
        flows(events, at.port()).iter().filter(closed).count() == 3
    });
    let (client, server) = pair(&rig.events, at.port());
    assert_eq!(stream(&rig.events, client, Way::Sent), (vec![b'q'; 10], 10));
    assert_eq!(stream(&rig.events, server, Way::Sent), (vec![b'a'; 20], 20));
    assert!(
        segments(&rig.events, at.port())
            .iter()
            .all(|s| s.endpoints.netns == namespace)
    );
}
