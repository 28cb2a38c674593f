//! Ends that no hook is told of, made by detaching the hooks while a connection ends, on the real kernel.
#![allow(clippy::unwrap_used)]

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd as _, FromRawFd as _},
    time::{Duration, Instant},
};

use lapwing_engine::{
    event::{Body, Direction, FlowChange, FlowEvent},
    interest::{Appetite, Interest, NetworkInterest, Processes, Sides},
};

use super::{used, walk};
use crate::{Options, Reader, Sensors, loader};

const STATE: [&str; 2] = ["lw_net_state", "lw_net_state_again"];

struct Rig {
    sensors: Sensors,
    reader: Reader,
    /// Of connections of `at`, and of itself.
    told: Vec<FlowEvent>,
    listener: TcpListener,
    at: SocketAddr,
}

impl Rig {
    fn open() -> Rig {
        let network = NetworkInterest {
            flows: true,
            payload: false,
            https: false,
            only: Processes::All,
            request_budget: 0,
            response_budget: 0,
            sides: Sides::same(Appetite::default()),
            foreign_bytes: 0,
        };
        let interest = Interest {
            generation: 1,
            network: Some(network),
            ..Interest::default()
        };
        let (mut sensors, reader) = Sensors::open(&Options::default(), &interest).unwrap();
        sensors.exclude_self(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        Rig {
            sensors,
            reader,
            told: Vec::new(),
            listener,
            at,
        }
    }

    /// From now on no hook is told of a change.
    fn unhook(&mut self) {
        let flow = self
            .sensors
            .loaded
            .iter_mut()
            .find(|loaded| loaded.source == "net_flow");
        flow.unwrap().links.clear();
        // A process that another test has started holds the links too, until it runs its program.
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = probe.local_addr().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            self.drain_seeing(at.port());
            drop((TcpStream::connect(at).unwrap(), probe.accept().unwrap()));
            if self.drain_seeing(at.port()) == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "the hooks stay");
        }
    }

    fn hook(&mut self) {
        let base = &self.sensors.base;
        let flow = self
            .sensors
            .loaded
            .iter_mut()
            .find(|loaded| loaded.source == "net_flow");
        let flow = flow.unwrap();
        for program in STATE {
            let link = loader::link(base, &flow.object, program).unwrap();
            flow.links.insert(program, link);
        }
    }

    fn connect(&self) -> (TcpStream, TcpStream) {
        (TcpStream::connect(self.at).unwrap(), self.listener.accept().unwrap().0)
    }

    fn drain(&mut self) {
        self.drain_seeing(0);
    }

    /// How many of what is told is of connections of the port `other`.
    fn drain_seeing(&mut self, other: u16) -> usize {
        let (told, port) = (&mut self.told, self.at.port());
        let mut seen = 0;
        while self.reader.drain(1000, &mut |event| {
            if let Body::Flow(flow) = event.body {
                let ports = [flow.endpoints.local.port(), flow.endpoints.remote.port()];
                seen += usize::from(ports.contains(&other) && flow.change == FlowChange::Opening);
                if ports.contains(&port) {
                    told.push(*flow);
                }
            }
        }) > 0
        {}
        seen
    }

    fn walk(&mut self) {
        walk(&self.sensors.loaded).unwrap();
        self.drain();
    }

    /// Walks until so many ends are told, at most a minute; a few walks more must not tell another.
    fn walk_until(&mut self, ends: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ends() < ends {
            assert!(Instant::now() < deadline, "{:#?}", self.told);
            self.walk();
            std::thread::sleep(Duration::from_millis(5));
        }
        (0..5).for_each(|_| self.walk());
        assert_eq!(self.ends(), ends, "{:#?}", self.told);
    }

    fn ends(&self) -> usize {
        self.told.iter().filter(|flow| is_end(flow.change)).count()
    }

    fn of(&self, direction: Direction) -> Vec<&FlowEvent> {
        let of = |flow: &&FlowEvent| flow.direction == direction && flow.endpoints.remote.port() != 0;
        self.told.iter().filter(of).collect()
    }
}

fn is_end(change: FlowChange) -> bool {
    change.is_close() || matches!(change, FlowChange::Refused(_) | FlowChange::RefusedUnseen)
}

/// The next close of `stream` resets the connection.
fn reset_at_close(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the kernel reads a struct linger, which is there.
    let set = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        )
    };
    assert_eq!(set, 0);
}

/// `connect` as the system call; whether it succeeded at once.
fn connect(socket: i32, family: libc::c_int, to: SocketAddr) -> bool {
    let address = libc::sockaddr_in {
        sin_family: family as libc::sa_family_t,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    };
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the kernel reads a struct sockaddr_in, which is there.
    unsafe { libc::connect(socket, (&raw const address).cast(), size) == 0 }
}

#[test]
fn an_end_that_no_hook_was_told_of_is_told_by_the_second_walk() {
    let mut rig = Rig::open();
    let (mut client, mut server) = rig.connect();
    client.write_all(&[1; 1000]).unwrap();
    server.read_exact(&mut [0; 1000]).unwrap();
    server.write_all(&[2; 70_000]).unwrap();
    client.read_exact(&mut vec![0; 70_000]).unwrap();
    rig.walk();
    rig.unhook();
    // Both have ended, and their memory stays theirs.
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    rig.walk();
    assert_eq!(rig.ends(), 0, "one walk may have met a hook at work");
    rig.walk_until(2);
    for (direction, sent, received) in [(Direction::Outgoing, 1000, 70_000), (Direction::Incoming, 70_000, 1000)] {
        let flows = rig.of(direction);
        let (first, last) = (flows.first().unwrap(), flows.last().unwrap());
        assert_eq!((first.flow, first.endpoints.netns), (last.flow, last.endpoints.netns));
        assert_eq!(last.change, FlowChange::Closed, "{flows:#?}");
        let totals = last.totals;
        assert_eq!((totals.bytes_sent, totals.bytes_received), (sent, received));
        assert!(totals.segments_sent > 2 && totals.segments_received > 2, "{totals:?}");
        assert_eq!(totals.duration, 0, "when it ended is not known");
    }
    assert!(
        rig.sensors.ended_late() >= 2,
        "others' connections may have ended meanwhile"
    );
    rig.hook();
    drop((client, server));
    rig.walk_until(2);
}

#[test]
fn an_end_found_at_the_next_connection_of_the_same_memory_is_told_once_and_first() {
    let mut rig = Rig::open();
    let (client, server) = rig.connect();
    rig.walk();
    rig.unhook();
    reset_at_close(&server);
    drop(server);
    assert!((&client).read(&mut [0]).is_err(), "reset");
    rig.hook();
    // The same socket, so the same memory.
    assert!(connect(client.as_raw_fd(), libc::AF_UNSPEC, rig.at));
    assert!(connect(client.as_raw_fd(), libc::AF_INET, rig.at));
    drop(rig.listener.accept().unwrap());
    drop(client);
    rig.walk_until(4);
    let told: Vec<_> = rig.of(Direction::Outgoing).iter().map(|flow| flow.change).collect();
    let connection = [FlowChange::Opening, FlowChange::Established];
    assert_eq!(
        told,
        [
            &connection[..],
            &[FlowChange::ClosedUnseen],
            &connection,
            &[FlowChange::Closed]
        ]
        .concat()
    );
    let ended = rig.of(Direction::Outgoing)[2];
    assert!(ended.known_totals().is_none() && ended.totals == Default::default());
    assert!(rig.sensors.ended_late() >= 2, "others' connections may be among them");
}

#[test]
fn what_lives_is_left_alone() {
    let mut rig = Rig::open();
    // SAFETY: of a listening socket; what no longer fits its queue is not answered.
    assert_eq!(unsafe { libc::listen(rig.listener.as_raw_fd(), 0) }, 0);
    let established = rig.connect();
    let queued = TcpStream::connect(rig.at).unwrap();
    // SAFETY: a new descriptor, which the stream owns.
    let opening = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
        assert!(socket >= 0);
        TcpStream::from_raw_fd(socket)
    };
    assert!(!connect(opening.as_raw_fd(), libc::AF_INET, rig.at), "under way");
    let after = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (0..20).for_each(|_| rig.walk());
    assert_eq!(rig.ends(), 0, "{:#?}", rig.told);
    assert_eq!(rig.of(Direction::Outgoing).len(), 5, "two established, one opening");
    // Before there is room for it in the queue.
    drop(opening);
    drop((established, rig.listener.accept().unwrap(), queued, after));
    rig.walk_until(5);
    let closed = rig.told.iter().filter(|flow| flow.change.is_close());
    assert_eq!(closed.count(), 4, "{:#?}", rig.told);
}

/// Holds 8,400 connections, both ends of each.
const HOLDER: &str = "
import socket
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen()
held = [(socket.create_connection(listener.getsockname()), listener.accept()) for _ in range(8400)]
print(len(held), flush=True)
input()";

/// `cargo test --release -p lapwing-bpf --lib what_a_walk_costs -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures; wants 17,000 descriptors"]
fn what_a_walk_costs() {
    let rig = Rig::open();
    let mut holders = Vec::new();
    for entries in (0..4).map(|holders| holders * 16_800) {
        let mut took: Vec<_> = (0..21)
            .map(|_| {
                let before = used();
                walk(&rig.sensors.loaded).unwrap();
                used() - before
            })
            .collect();
        took.sort();
        println!("{entries} entries: {:?}, at least {:?}", took[10], took[0]);
        let mut holder = std::process::Command::new("python3")
            .args(["-c", HOLDER])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = [0; 5];
        holder.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"8400\n");
        holders.push(holder);
    }
    for mut holder in holders {
        holder.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(holder.wait().unwrap().success());
    }
}
