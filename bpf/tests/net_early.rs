//! Payload that comes before its socket, on the real kernel: with a SYN (Fast Open), and with the handshake's last packet.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd as _, FromRawFd as _},
};

use common::net::{closed, flows, own_namespace, pair, rig, segments, set_option, stream};
use lapwing_engine::event::{Body, FlowChange, Way};

fn socket() -> TcpStream {
    // SAFETY: a new descriptor, which nobody else owns.
    unsafe { TcpStream::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0)) }
}

fn address(to: SocketAddr) -> libc::sockaddr_in {
    let SocketAddr::V4(to) = to else { panic!("{to}") };
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(to.ip().octets()),
        },
        sin_zero: [0; 8],
    }
}

/// Connects with the first bytes in the SYN.
fn fast_open(to: SocketAddr, first: &[u8]) -> TcpStream {
    let (socket, to) = (socket(), address(to));
    // SAFETY: the kernel reads the bytes and the address, whose lengths are theirs.
    let sent = unsafe {
        let size = size_of::<libc::sockaddr_in>() as u32;
        libc::sendto(
            socket.as_raw_fd(),
            first.as_ptr().cast(),
            first.len(),
            libc::MSG_FASTOPEN,
            (&raw const to).cast(),
            size,
        )
    };
    assert_eq!(sent, first.len() as isize, "{}", std::io::Error::last_os_error());
    socket
}

/// Connects, and leaves the handshake's last packet to the first write.
fn lazy(to: SocketAddr) -> TcpStream {
    let (socket, to) = (socket(), address(to));
    set_option(&socket, libc::TCP_DEFER_ACCEPT, 1);
    // SAFETY: the kernel reads the address, whose length is its.
    let connected = unsafe {
        let size = size_of::<libc::sockaddr_in>() as u32;
        libc::connect(socket.as_raw_fd(), (&raw const to).cast(), size)
    };
    assert_eq!(connected, 0, "{}", std::io::Error::last_os_error());
    socket
}

/// A server that reads `question` and answers; `ask` connects and says it.
fn early(question: &'static [u8], ask: fn(SocketAddr, &[u8]) -> TcpStream) {
    let mut rig = rig(true);
    let at = std::thread::spawn(move || {
        own_namespace();
        std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "519").unwrap(); // both ends, without cookies
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        set_option(&listener, libc::TCP_FASTOPEN, 8);
        let at = listener.local_addr().unwrap();
        let mut client = ask(at, question);
        let (mut server, _) = listener.accept().unwrap();
        let mut got = vec![0; question.len()];
        server.read_exact(&mut got).unwrap();
        assert_eq!(got, question);
        server.write_all(b"answer").unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
        drop(client);
        assert_eq!(server.read(&mut got).unwrap(), 0);
        at
    })
    .join()
    .unwrap();
    rig.until(|events| closed(events, at.port()) == 3);
    let (client, server) = pair(&rig.events, at.port());
    assert_eq!(server.0 >> 63, 1, "named before its socket was there");
    let said = (question.to_vec(), question.len() as u64);
    assert_eq!(stream(&rig.events, client, Way::Sent), said);
    let first: Vec<_> = segments(&rig.events, at.port())
        .into_iter()
        .filter(|s| s.flow == server && s.way == Way::Received && s.length > 0)
        .collect();
    assert_eq!(
        first.iter().flat_map(|s| s.data.to_vec()).collect::<Vec<u8>>(),
        question
    );
    for (flow, way) in [(client, Way::Received), (server, Way::Sent)] {
        assert_eq!(stream(&rig.events, flow, way), (b"answer".to_vec(), 6));
    }
    for (_, flow) in flows(&rig.events, at.port())
        .iter()
        .filter(|(_, f)| f.change == FlowChange::Closed)
    {
        if flow.flow == server {
            assert_eq!(
                (flow.totals.bytes_sent, flow.totals.bytes_received),
                (6, question.len() as u64)
            );
        } else if flow.flow == client {
            assert_eq!(
                (flow.totals.bytes_sent, flow.totals.bytes_received),
                (question.len() as u64, 6)
            );
        }
    }
    assert_eq!(rig.lost(), 0);
}

#[test]
fn payload_in_the_syn_belongs_to_the_connection() {
    early(b"GET / HTTP/1.0\r\n\r\n", fast_open);
}

#[test]
fn payload_in_the_last_packet_of_the_handshake_belongs_to_the_connection() {
    early(b"GET / HTTP/1.0\r\n\r\n", |at, question| {
        let mut client = lazy(at);
        client.write_all(question).unwrap();
        client
    });
}

/// A TCP packet with a payload, as nobody who knows the connection would send it.
fn forged(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(from.to_be_bytes());
    tcp.extend(to.to_be_bytes());
    tcp.extend([0, 0, 1, 0, 0, 0, 2, 0]); // sequence and acknowledgement
    tcp.extend([5 << 4, 0x18, 1, 0, 0, 0, 0, 0]); // PSH and ACK; the sum comes last
    tcp.extend(payload);
    tcp.resize(tcp.len().next_multiple_of(2), 0);
    let pseudo = [127, 0, 0, 1, 127, 0, 0, 1, 0, 6, 0, tcp.len() as u8];
    let words = pseudo.as_chunks::<2>().0.iter().chain(tcp.as_chunks::<2>().0);
    let mut sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    tcp[16..18].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    tcp
}

#[test]
fn payload_without_a_handshake_is_nobodys() {
    let mut rig = rig(true);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    // SAFETY: a new descriptor, which nobody else owns.
    let raw = unsafe { std::fs::File::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP)) };
    let (to, packet) = (address(at), forged(1, at.port(), b"GET /../../etc/passwd"));
    // SAFETY: the kernel reads the bytes and the address, whose lengths are theirs.
    let sent = unsafe {
        let size = size_of::<libc::sockaddr_in>() as u32;
        libc::sendto(
            raw.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            (&raw const to).cast(),
            size,
        )
    };
    assert_eq!(sent, packet.len() as isize, "{}", std::io::Error::last_os_error());
    // What comes after it has a real connection.
    drop((TcpStream::connect(at).unwrap(), listener.accept().unwrap()));
    rig.until(|events| closed(events, at.port()) == 2);
    assert!(segments(&rig.events, at.port()).iter().all(|s| s.length == 0));
    assert!(rig.events.iter().any(|event| matches!(event.body, Body::Segment(_))));
}
