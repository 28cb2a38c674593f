//! What the tests of the network sensor share.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
};

use lapwing_bpf::{Options, State};
use lapwing_engine::{
    event::{Body, Direction, Event, FlowChange, FlowEvent, FlowKey, Segment, Sensor, Way, tcp},
    interest::{Appetite, Interest, NetworkInterest, Processes, Sides},
};

use super::Rig;

pub fn network(payload: bool) -> NetworkInterest {
    NetworkInterest {
        flows: true,
        payload,
        https: false,
        only: Processes::All,
        request_budget: 128 << 10,
        response_budget: 512 << 10,
        sides: Sides::same(Appetite::all(128 << 10, 512 << 10)),
        foreign_bytes: u32::MAX,
    }
}

/// The same with other budgets.
pub fn budgets(request: u32, response: u32) -> NetworkInterest {
    NetworkInterest {
        request_budget: request,
        response_budget: response,
        sides: Sides::same(Appetite::all(request, response)),
        ..network(true)
    }
}

pub fn interest(network: NetworkInterest) -> Interest {
    Interest {
        generation: 3,
        network: Some(network),
        ..Interest::default()
    }
}

pub fn rig(payload: bool) -> Rig {
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
pub fn flows(events: &[Event], port: u16) -> Vec<(u32, FlowEvent)> {
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

pub fn closed(events: &[Event], port: u16) -> usize {
    flows(events, port)
        .iter()
        .filter(|(_, flow)| flow.change == FlowChange::Closed)
        .count()
}

/// Sends `question` and gets `answer` back, over a connection to a listener of our own; both ends close.
pub fn talk(address: IpAddr, question: usize, answer: usize) -> SocketAddr {
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

/// The segments of sockets with one end at `port`.
pub fn segments(events: &[Event], port: u16) -> Vec<&Segment> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Segment(s) if [s.endpoints.local.port(), s.endpoints.remote.port()].contains(&port) => Some(&**s),
            _ => None,
        })
        .collect()
}

/// One way of one flow, put together by its sequence numbers: the bytes copied, and how many there were in all. Fails on a hole.
pub fn stream(events: &[Event], flow: FlowKey, way: Way) -> (Vec<u8>, u64) {
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
        .map(|s| {
            if s.length == 0 {
                s.sequence.wrapping_add(1)
            } else {
                s.sequence
            }
        })
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

/// Makes segments of their own of what others say that has passed.
pub fn told_passed(events: &mut Vec<Event>) {
    let told = |event: &Event| match &event.body {
        Body::Segment(s) if s.passed > 0 => {
            let passed = Segment {
                way: s.way.other(),
                sequence: s.ack.wrapping_sub(s.passed),
                length: s.passed,
                flags: 0,
                data: Default::default(),
                passed: 0,
                ..(**s).clone()
            };
            Some(Event {
                header: event.header.clone(),
                body: Body::Segment(Box::new(passed)),
            })
        }
        _ => None,
    };
    let passed: Vec<Event> = events.iter().filter_map(told).collect();
    events.extend(passed);
}

/// The flow of the end that opened, and of the one that was opened.
pub fn pair(events: &[Event], port: u16) -> (FlowKey, FlowKey) {
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

/// Runs `act` in a child process, as a fork does it; gives its pid. The child ends with 0 unless `act` panics.
pub fn fork(act: impl FnOnce()) -> u32 {
    // SAFETY: the child has one thread, uses what glibc keeps usable after a fork, and never returns from here.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).is_err();
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(i32::from(failed)) }
        }
        pid => u32::try_from(pid).unwrap(),
    }
}

/// Waits for a child, which must have ended well.
pub fn wait(pid: u32) {
    let mut status = 0;
    // SAFETY: writes one int, which is there.
    let waited = unsafe { libc::waitpid(i32::try_from(pid).unwrap(), &raw mut status, 0) };
    assert_eq!((waited, status), (i32::try_from(pid).unwrap(), 0));
}

/// Gives the running process (not thread) another name.
pub fn rename(name: &std::ffi::CStr) {
    // SAFETY: the kernel copies the string.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) }, 0);
}

/// Moves the thread into a network namespace of its own, with a loopback interface that is up; gives the namespace's number.
pub fn own_namespace() -> u32 {
    // SAFETY: a network namespace has no say in the memory or the descriptors of other threads.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.unwrap();
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    // SAFETY: a structure of integers; all zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    (request.ifr_name[0], request.ifr_name[1]) = (b'l'.cast_signed(), b'o'.cast_signed());
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: SIOCSIFFLAGS reads a struct ifreq.
    let set = unsafe {
        libc::ioctl(
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            libc::SIOCSIFFLAGS as _,
            &request,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    let link = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    let number = link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit());
    number.parse().unwrap()
}

/// Sets an integer option of a TCP socket.
pub fn set_option(socket: &impl std::os::fd::AsRawFd, option: i32, value: i32) {
    // SAFETY: the kernel reads one int, which is there.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            4,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}
