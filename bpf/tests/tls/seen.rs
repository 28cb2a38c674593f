//! What programs give to a library and take from it is told.

use std::process::{Command, Stdio};

use lapwing_bpf::State;
use lapwing_engine::{
    event::{Body, Direction, Way},
    interest::{Processes, Selector},
};

use crate::common::{
    Rig, net,
    tls::{
        HEAD, Server, asked, certificate, curl, interpreter, of, python, rig, rig_for, stream, until_ended, wait,
        wanted,
    },
};

fn check(rig: &Rig, pid: u32, way: Way, bytes: &[u8]) {
    let (data, total) = stream(&rig.events, pid, way);
    assert_eq!(total, bytes.len() as u64, "{pid} {way:?}");
    assert!(
        data == bytes,
        "{pid} {way:?}: {:?}",
        String::from_utf8_lossy(&data[..data.len().min(300)])
    );
}

#[test]
fn curl_and_a_server_in_python_are_read_in_the_clear() {
    let place = tempfile::tempdir().unwrap();
    let mut rig = rig();
    let server = python(place.path(), 100_000);
    let (client, serving) = (curl(&server, "/a/path?b=c"), server.pid());
    until_ended(&mut rig, client, 1);
    until_ended(&mut rig, serving, 1);

    let request = asked(&server, "/a/path?b=c");
    let answer = [HEAD, &[b'a'; 100_000]].concat();
    for (pid, asks, answers) in [(client, Way::Sent, Way::Received), (serving, Way::Received, Way::Sent)] {
        check(&rig, pid, asks, &request);
        check(&rig, pid, answers, &answer);
    }
    let flow = rig.events.iter().find_map(|event| match &event.body {
        Body::Flow(flow) if flow.direction == Direction::Outgoing && flow.endpoints.remote == server.at => {
            Some(flow.flow)
        }
        _ => None,
    });
    for data in of(&rig.events, client) {
        assert_eq!((data.flow, data.direction), (flow, Direction::Outgoing));
        assert_eq!(data.endpoints.unwrap().remote, server.at);
    }
    for data in of(&rig.events, serving) {
        assert_eq!((data.flow.is_some(), data.direction), (true, Direction::Incoming));
        assert_eq!(data.endpoints.unwrap().local, server.at);
    }
    assert_eq!(rig.lost(), 0);
}

/// `openssl s_server -HTTP` reads and writes by a BIO, which does not call SSL_read.
#[test]
fn a_server_that_uses_the_library_s_own_streams_is_seen() {
    let place = tempfile::tempdir().unwrap();
    let answer = [HEAD, &[b'b'; 40_000]].concat();
    std::fs::write(place.path().join("file"), &answer).unwrap();
    let mut rig = rig();
    let server = Server::start(
        Command::new("openssl")
            .args([
                "s_server",
                "-accept",
                "127.0.0.1:0",
                "-HTTP",
                "-key",
                "both.pem",
                "-cert",
            ])
            .arg(certificate(place.path()))
            .stderr(Stdio::null())
            .current_dir(place.path()),
    );
    let client = curl(&server, "/file");
    until_ended(&mut rig, client, 1);
    until_ended(&mut rig, server.pid(), 1);
    check(&rig, client, Way::Received, &answer);
    check(&rig, server.pid(), Way::Sent, &answer);
    check(&rig, server.pid(), Way::Received, &asked(&server, "/file"));
    assert_eq!(rig.lost(), 0);
}

/// A peer that does not read: SSL_write says WANT_WRITE, and is called again with the same bytes.
#[test]
fn what_is_written_again_is_told_once() {
    const SCRIPT: &str = r"
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(('127.0.0.1', 0))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
client = socket.create_connection(listener.getsockname())
client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
plain = ssl._create_unverified_context()
peers = []
accepting = threading.Thread(target=lambda: peers.append(context.wrap_socket(listener.accept()[0], server_side=True)))
accepting.start()
stream = plain.wrap_socket(client)
accepting.join()
stream.setblocking(False)
data, sent, again = bytes(i % 251 for i in range(20000)), 0, 0
while again < 3 and sent < 500:
    try:
        assert stream.send(data) == len(data)
        sent += 1
        again = 0
    except ssl.SSLWantWriteError:
        again += 1
assert again == 3
print(sent, flush=True)
sys.stdin.readline()
";
    let place = tempfile::tempdir().unwrap();
    let mut wanted = wanted();
    wanted.request_budget = u32::MAX;
    let mut rig = rig_for(wanted);
    let mut child = interpreter()
        .args(["-c", SCRIPT])
        .arg(certificate(place.path()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let sent: usize = line.trim().parse().unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    until_ended(&mut rig, child.id(), 1);
    let data: Vec<u8> = (0..20_000).map(|at| (at % 251) as u8).collect();
    check(&rig, child.id(), Way::Sent, &data.repeat(sent));
    assert_eq!(rig.lost(), 0);
}

#[test]
fn node_is_seen_though_it_may_bring_its_own_library() {
    // Optional in scripts/setup.sh.
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("there is no node here: not tested");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut rig = rig();
    let server = python(place.path(), 50_000);
    let script = format!(
        "require('https').get({{host: '127.0.0.1', port: {}, path: '/from/node', rejectUnauthorized: false, agent: false}},\
         answer => {{ let n = 0; answer.on('data', d => n += d.length); answer.on('end', () => console.log(n)) }})",
        server.at.port()
    );
    // The first node of a host is found when it maps its program, which takes some milliseconds: this one waits.
    let mut node = Command::new("node")
        .args(["-e", &format!("require('fs').readSync(0, Buffer.alloc(1)); {script}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let uses = |path: &str| {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", node.id())).unwrap();
        let name = path.rsplit('/').next().unwrap();
        maps.lines().any(|line| line.ends_with(&format!("/{name}")))
    };
    wait(
        "what node uses (its program, or Debian's library) among what is probed",
        || rig.sensors.tls_objects().iter().any(|object| uses(&object.path)),
    );
    drop(node.stdin.take());
    let pid = node.id();
    assert_eq!(node.wait_with_output().unwrap().stdout, b"50000\n");
    until_ended(&mut rig, pid, 1);
    check(&rig, pid, Way::Received, &[HEAD, &[b'a'; 50_000]].concat());
    let request = stream(&rig.events, pid, Way::Sent);
    assert_eq!(request.0.len() as u64, request.1);
    assert!(request.0.starts_with(b"GET /from/node HTTP/1.1\r\n") && request.0.ends_with(b"\r\n\r\n"));
    assert_eq!(rig.lost(), 0);
}

#[test]
fn past_the_budget_bytes_are_counted_and_not_copied() {
    let place = tempfile::tempdir().unwrap();
    let mut wanted = wanted();
    (wanted.request_budget, wanted.response_budget) = (10, 1000);
    let mut rig = rig_for(wanted);
    let server = python(place.path(), 3_000_000);
    let (client, serving) = (curl(&server, "/"), server.pid());
    until_ended(&mut rig, client, 1);
    until_ended(&mut rig, serving, 1);
    let (request, answer) = (asked(&server, "/"), 3_000_000 + HEAD.len() as u64);
    for (pid, asks, answers) in [(client, Way::Sent, Way::Received), (serving, Way::Received, Way::Sent)] {
        assert_eq!(
            stream(&rig.events, pid, asks),
            (request[..10].to_vec(), request.len() as u64)
        );
        let (data, total) = stream(&rig.events, pid, answers);
        assert_eq!((data.len(), total), (1000, answer), "{pid}");
        assert!(of(&rig.events, pid).len() < 20);
    }
    assert_eq!(rig.lost(), 0);
}

/// Two processes that talk TLS by a socket that is no TCP: after `$1`, and its answer, 300 rounds of 1000 bytes each way.
const TALK: &str = r"
import os, socket, ssl, sys
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1])
ours, theirs = socket.socketpair()
first = sys.argv[2].encode().decode('unicode_escape').encode()
def take(stream, n):
    while n:
        n -= len(stream.recv(n))
if os.fork():
    ours.close()
    stream = server.wrap_socket(theirs, server_side=True)
    take(stream, len(first))
    for i in range(300):
        take(stream, 1000)
        stream.sendall(b's' * 1000)
    stream.recv(1)
    stream.close()
    os.wait()
else:
    theirs.close()
    stream = ssl._create_unverified_context().wrap_socket(ours)
    stream.sendall(first)
    for i in range(300):
        stream.sendall(b'c' * 1000)
        take(stream, 1000)
    stream.close()
";

fn talk(rig: &mut Rig, first: &str) -> u32 {
    let place = tempfile::tempdir().unwrap();
    let mut child = interpreter()
        .args(["-c", TALK])
        .arg(certificate(place.path()))
        .arg(first)
        .spawn()
        .unwrap();
    assert!(child.wait().unwrap().success());
    until_ended(rig, child.id(), 1);
    child.id()
}

/// Which is not read: the kernel soon stops to copy it, and to tell of each turn.
#[test]
fn of_http2_only_the_begin_is_copied() {
    let mut wanted = wanted();
    wanted.foreign_bytes = 5000;
    let mut rig = rig_for(wanted);
    let serving = talk(&mut rig, r"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let (asked, asked_of) = stream(&rig.events, serving, Way::Received);
    let (answered, answered_of) = stream(&rig.events, serving, Way::Sent);
    assert_eq!((asked.len(), asked_of), (24 + 5000, 24 + 300_000));
    assert_eq!((answered.len(), answered_of), (5000, 300_000));
    // Each piece, what passed each way, the end.
    assert!(
        of(&rig.events, serving).len() <= 14,
        "{}",
        of(&rig.events, serving).len()
    );

    // What only looks like it, further on, does not blind us.
    let serving = talk(&mut rig, r"GET / HTTP/1.1\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM");
    assert_eq!(stream(&rig.events, serving, Way::Received).0.len(), 300_038);
    assert_eq!(stream(&rig.events, serving, Way::Sent).0.len(), 300_000);
    assert_eq!(rig.lost(), 0);
}

#[test]
fn processes_that_nobody_wants_are_not_told() {
    let place = tempfile::tempdir().unwrap();
    let mut wanted = wanted();
    wanted.only = Processes::Only(vec![Selector::Name(b"curl".to_vec())]);
    let mut rig = rig_for(wanted);
    let server = python(place.path(), 10);
    let client = curl(&server, "/");
    until_ended(&mut rig, client, 1);
    check(&rig, client, Way::Sent, &asked(&server, "/"));
    assert_eq!(of(&rig.events, server.pid()).len(), 0);
}

#[test]
fn without_https_nothing_is_probed() {
    let mut rig = rig_for(net::network(true));
    assert_eq!(rig.sensors.tls_objects(), []);
    let row = |rig: &Rig| {
        rig.sensors
            .hooks()
            .into_iter()
            .find(|hook| hook.hook == "tls-library")
            .unwrap()
    };
    assert_eq!(row(&rig).state, State::NotNeeded);
    // A reload asks for it, and another one for it no more.
    rig.sensors.apply(&net::interest(wanted())).unwrap();
    rig.sensors.find_tls();
    assert_eq!(row(&rig).state, State::Attached);
    // Seen to deliver, by a call of the agent's own.
    assert!(!row(&rig).unseen.contains("not tested"), "{}", row(&rig).unseen);
    assert!(
        rig.sensors
            .tls_objects()
            .iter()
            .any(|object| object.standing && object.slow == 0)
    );
    rig.sensors.apply(&net::interest(net::network(true))).unwrap();
    assert_eq!(row(&rig).state, State::NotNeeded);
    let place = tempfile::tempdir().unwrap();
    let server = python(place.path(), 10);
    let client = curl(&server, "/");
    rig.until_exit(client);
    assert_eq!(of(&rig.events, client).len(), 0);
}
