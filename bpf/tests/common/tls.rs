//! What the tests of the TLS probes share: real servers and clients.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Body, Event, TlsData, Way},
    interest::NetworkInterest,
};

use super::{Rig, net};

/// Connections of one process with itself, through memory: `pair()` gives both ends of one.
pub const PAIRS: &str = r"
import os, socket, ssl, sys, threading
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1])
client = ssl._create_unverified_context()
def pair():
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends, done = [client.wrap_bio(a, b), server.wrap_bio(b, a, server_side=True)], set()
    while len(done) < 2:
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                pass
    return ends
";

pub fn wanted() -> NetworkInterest {
    NetworkInterest {
        https: true,
        ..net::network(false)
    }
}

pub fn rig() -> Rig {
    rig_for(wanted())
}

/// With the probes on the host's own libraries only.
pub fn rig_before_it_looks() -> Rig {
    Rig::open(&Options::default(), &net::interest(wanted()))
}

pub fn rig_for(wanted: NetworkInterest) -> Rig {
    let mut rig = Rig::open(&Options::default(), &net::interest(wanted));
    rig.sensors.find_tls();
    rig
}

/// Waits, a minute at most, until `done`.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}: it did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Reads until `count` connections of the process `pid` have ended.
pub fn until_ended(rig: &mut Rig, pid: u32, count: usize) {
    wait("the end of a connection", || {
        rig.drain();
        of(&rig.events, pid).iter().filter(|data| data.end).count() >= count
    });
}

/// A key and a certificate in one file of `place`.
pub fn certificate(place: &Path) -> PathBuf {
    let (key, certificate, both) = (
        place.join("key.pem"),
        place.join("certificate.pem"),
        place.join("both.pem"),
    );
    let done = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
    let parts = [std::fs::read(key).unwrap(), std::fs::read(certificate).unwrap()];
    std::fs::write(&both, parts.concat()).unwrap();
    both
}

/// Ends with the test.
pub struct Server {
    pub child: Child,
    pub at: SocketAddr,
}

impl Server {
    /// Starts `command`, which prints its address in the first line that has one (`ACCEPT 127.0.0.1:4433`).
    pub fn start(command: &mut Command) -> Server {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let at = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_whitespace().last().and_then(|word| word.parse().ok()))
            .unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, at }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server in Python that takes one connection after the other, reads until an empty line and answers with `answer` bytes after [`HEAD`].
pub const SERVER: &str = r"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(('127.0.0.1', 0))
print('127.0.0.1:%d' % listener.getsockname()[1], flush=True)
while True:
    try:
        stream = context.wrap_socket(listener.accept()[0], server_side=True)
        got = b''
        while not got.endswith(b'\r\n\r\n'):
            more = stream.recv(65536)
            if not more:
                break
            got += more
        stream.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + b'a' * int(sys.argv[2]))
        stream.close()
    except OSError:
        pass
";
/// What it answers first.
pub const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

/// The interpreter, to be given more; of the host, with the host's OpenSSL.
pub fn interpreter() -> Command {
    Command::new("/usr/bin/python3")
}

pub fn python(place: &Path, answer: usize) -> Server {
    Server::start(
        interpreter()
            .args(["-c", SERVER])
            .arg(certificate(place))
            .arg(answer.to_string()),
    )
}

/// curl asks for `path`; its pid, when it has ended well.
pub fn curl(server: &Server, path: &str) -> u32 {
    let mut curl = Command::new("curl")
        .args(["-sk", "--http1.1", "-A", "test", "-H", "Accept:"])
        .arg(format!("https://{}{path}", server.at))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = curl.id();
    assert!(curl.wait().unwrap().success());
    pid
}

/// What it asks.
pub fn asked(server: &Server, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: test\r\n\r\n", server.at).into_bytes()
}

/// What the process `pid` gave to or took from TLS.
pub fn of(events: &[Event], pid: u32) -> Vec<&TlsData> {
    events
        .iter()
        .filter(|event| event.header.process.pid == pid)
        .filter_map(|event| match &event.body {
            Body::Tls(data) => Some(&**data),
            _ => None,
        })
        .collect()
}

/// The bytes that were copied one way, and how many passed.
pub fn stream(events: &[Event], pid: u32, way: Way) -> (Vec<u8>, u64) {
    let mut all = (Vec::new(), 0);
    for data in of(events, pid).iter().filter(|data| data.way == way) {
        all.0.extend_from_slice(&data.data);
        all.1 += u64::from(data.length);
    }
    all
}
