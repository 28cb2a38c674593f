//! What the tests of the TLS probes share: real servers and clients.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Body, Event, TlsData, Way},
    interest::{Interest, NetworkInterest},
};

use super::{Rig, net};

pub fn wanted() -> NetworkInterest {
    NetworkInterest {
        https: true,
        ..net::network(false)
    }
}

pub fn interest() -> Interest {
    net::interest(wanted())
}

pub fn rig() -> Rig {
    Rig::open(&Options::default(), &interest())
}

/// A key and a certificate in one file of `place`.
pub fn certificate(place: &Path) -> PathBuf {
    let file = place.join("both.pem");
    let done = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
        ])
        .arg(&file)
        .arg("-out")
        .arg(&file)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
    // -out took the place of -keyout's: both in one.
    let text = std::fs::read_to_string(&file).unwrap();
    if !text.contains("PRIVATE KEY") {
        panic!("openssl wrote no key");
    }
    file
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

/// A server in Python that takes one connection after the other, reads until an empty line and answers with `answer` bytes.
pub fn python(place: &Path, answer: usize) -> Server {
    let script = place.join("server.py");
    std::fs::write(
        &script,
        "import socket, ssl, sys\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         context.load_cert_chain(sys.argv[1])\n\
         listener = socket.create_server(('127.0.0.1', 0))\n\
         print('127.0.0.1:%d' % listener.getsockname()[1], flush=True)\n\
         while True:\n\
        \x20   try:\n\
        \x20       stream = context.wrap_socket(listener.accept()[0], server_side=True)\n\
        \x20       got = b''\n\
        \x20       while not got.endswith(b'\\r\\n\\r\\n'):\n\
        \x20           got += stream.recv(65536)\n\
        \x20       body = b'a' * int(sys.argv[2])\n\
        \x20       stream.sendall(b'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body)\n\
        \x20       stream.close()\n\
        \x20   except OSError:\n\
        \x20       pass\n",
    )
    .unwrap();
    Server::start(
        Command::new("/usr/bin/python3")
            .arg(&script)
            .arg(certificate(place))
            .arg(answer.to_string()),
    )
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
