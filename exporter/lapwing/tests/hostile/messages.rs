//! Messages that are made to break readers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    agent::{Agent, QUIET},
    alone, counting, mine,
    root::skipped,
    servers::wait_until,
    traffic::{OK, ask, connect, good, serve, serve_on},
};

/// For the agent as a whole, with 4 MiB for what waits to become messages.
const MEMORY: u64 = 160 << 20;
/// Both ends are this process, and each is told of.
const ENDS: u64 = 2;
/// Forges a part of the request that is still to come: the kernel keeps it, and drops it again for what the connection itself sends. Then sends the
/// request's beginning again, with another path: that the kernel drops at once, since it has these bytes.
const FORGER: &str = r#"
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)
def number(queue):
    s.setsockopt(6, 20, queue)
    return struct.unpack("I", s.getsockopt(6, 21, 4))[0]
s.setsockopt(6, 19, 1)
seq, ack = number(2), number(1)
s.setsockopt(6, 19, -1)
def forge(offset, data):
    ports = s.getsockname()[1], s.getpeername()[1]
    def segment(check):
        return struct.pack("!HHIIBBHHH", *ports, (seq + offset) % 2**32, ack, 0x50, 0x18, 512, check, 0) + data
    whole = socket.inet_aton("127.0.0.1") * 2 + struct.pack("!BBH", 0, 6, 20 + len(data)) + segment(0)
    whole += b"\0" * (len(whole) % 2)
    total = sum(struct.unpack("!%dH" % (len(whole) // 2), whole))
    total = (total >> 16) + (total & 0xffff)
    total += total >> 16
    raw.sendto(segment(~total & 0xffff), ("127.0.0.1", 0))
forge(4, b"/forged/xyz")
s.send(b"GET /asked/true HTTP/1.1\r\n")
forge(0, b"GET /forged/ HTTP/1.1\r\nX:")
s.send(b"Host: here\r\n\r\n")
assert s.recv(100)
"#;

struct Attack {
    agent: Agent,
}

impl Attack {
    fn start() -> Attack {
        let rules = [
            counting("asked", "http", "request", "http.path startswith \"/asked\""),
            counting(
                "answered",
                "http",
                "response",
                "http.path startswith \"/asked\" and http.response.body exists",
            ),
            counting("forged", "http", "request", "http.path startswith \"/forged\""),
            counting("truncated", "http", "request", "http.is_truncated = true"),
        ];
        let agent = Agent::start(&format!(
            "{QUIET}{}{}",
            mine("max_buffered = \"4MiB\"\n"),
            rules.concat()
        ));
        Attack { agent }
    }

    fn matches(&self, rule: &str) -> u64 {
        let rule = format!("rule=\"{rule}\"");
        self.agent.metric("lapwing_rule_matches_total", &[&rule]) as u64
    }

    fn incomplete(&self, reason: &str) -> u64 {
        let reason = format!("reason=\"{reason}\"");
        self.agent.metric("lapwing_events_incomplete_total", &[&reason]) as u64
    }

    fn lost(&self) -> u64 {
        self.agent.metric("lapwing_events_lost_total", &["sensor=\"network\""]) as u64
    }

    /// Does `act`, which asks for "/asked" so many times: each end is told of each, or so much is counted as lost.
    fn seen(&self, what: &str, asked: u64, act: impl FnOnce()) {
        let (before, lost_before) = (self.matches("asked"), self.lost());
        act();
        self.agent.fence(what);
        let mut told = (0, 0);
        wait_until(&format!("{what}: {asked} requests"), || {
            told = (self.matches("asked") - before, self.lost() - lost_before);
            told.0 == asked || told.0 + told.1 >= asked && told.1 > 0
        });
        println!("{what}: {} of {asked} seen, {} records counted as lost", told.0, told.1);
        assert!(told.0 <= asked, "{what}: {told:?}");
    }
}

fn head(headers: impl Iterator<Item = String>) -> Vec<u8> {
    let headers: String = headers.collect();
    format!("GET /asked/headers HTTP/1.1\r\nHost: here\r\n{headers}\r\n").into_bytes()
}

/// 100 MiB of zeros, packed by gzip.
fn bomb() -> Vec<u8> {
    let packed = Command::new("sh")
        .args(["-c", "head -c 104857600 /dev/zero | gzip -9"])
        .output()
        .unwrap();
    let body = packed.stdout;
    assert!((50_000..500_000).contains(&body.len()), "{} bytes", body.len());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

#[test]
fn messages_made_to_break_readers_are_read_or_counted() {
    if skipped() {
        return;
    }
    let _alone = alone();
    let attack = Attack::start();
    let server = serve(OK.to_vec());
    attack.seen("a good one", ENDS, || good(server, "/asked"));

    let large = head(std::iter::once(format!("X-Large: {}\r\n", "x".repeat(64 << 10))));
    let many = head((0..10_000).map(|n| format!("X-{n}: {n}\r\n")));
    let truncated = attack.matches("truncated");
    attack.seen("64 KiB of header", ENDS, || ask(server, &large, 4096, OK.len()));
    attack.seen("10,000 headers", ENDS, || ask(server, &many, 4096, OK.len()));
    let told = attack.matches("truncated") - truncated;
    assert!(
        told == 2 * ENDS || attack.lost() > 0,
        "what was left out is said: {told}"
    );

    let request = b"GET /asked/bytes HTTP/1.1\r\nHost: here\r\nX-Pad: 0123456789\r\n\r\n";
    attack.seen("1-byte segments", 20 * ENDS, || {
        (0..20).for_each(|_| ask(server, request, 1, OK.len()))
    });

    let bomb = bomb();
    let length = bomb.len();
    let bombs = serve(bomb);
    attack.seen("gzip bombs", 10 * ENDS, || {
        let request = b"GET /asked/bomb HTTP/1.1\r\nHost: here\r\n\r\n";
        (0..10).for_each(|_| ask(bombs, request, request.len(), length));
    });
    wait_until("the bombs' responses", || {
        attack.matches("answered") + attack.lost() >= 33 * ENDS
    });

    forged(&attack, server);
    binary(&attack, server);
    slow(&attack, server);

    let (resident, peak) = attack.agent.memory();
    println!("{} MiB resident, {} MiB at most", resident >> 20, peak >> 20);
    assert!(peak < MEMORY, "{peak} bytes of memory");
}

/// Overlapping segments that differ: what the program got counts, and the difference is told.
fn forged(attack: &Attack, server: SocketAddr) {
    let before = attack.incomplete("stream_conflict");
    let port = server.port().to_string();
    // Its own end is not looked at: another program.
    attack.seen("overlapping segments that differ", 1, || {
        let forger = Command::new("/usr/bin/python3")
            .args(["-c", FORGER, &port])
            .output()
            .unwrap();
        assert!(forger.status.success(), "{}", String::from_utf8_lossy(&forger.stderr));
    });
    wait_until("the conflict", || attack.incomplete("stream_conflict") > before);
    assert_eq!(attack.matches("forged"), 0);
}

/// No HTTP where one expects it.
fn binary(attack: &Attack, server: SocketAddr) {
    // Another address of the loopback network, so that a web server of this host is in nobody's way.
    let listener = TcpListener::bind("127.29.7.54:80")
        .or_else(|_| TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; 256 << 10];
    bytes.iter_mut().for_each(|byte| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        *byte = noise as u8;
    });
    let address = serve_on(listener, bytes.clone());
    attack.seen("binary on port 80", ENDS, || {
        for start in [
            "",
            "GET ",
            "POST /posted HTTP/1.1\r\nContent-Length: 9999999999999999999999\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            let mut stream = connect(address);
            let sender = stream.try_clone().unwrap();
            let sent = [start.as_bytes(), &bytes].concat();
            let sending = thread::spawn(move || {
                let mut sender = sender;
                let _ = sender.write_all(&sent);
                let _ = sender.shutdown(std::net::Shutdown::Write);
            });
            let _ = stream.read(&mut [0; 4096]);
            drop(stream);
            sending.join().unwrap();
        }
        good(server, "/asked/after-binary");
    });
}

/// Requests that never end, on more connections than there is memory for.
fn slow(attack: &Attack, server: SocketAddr) {
    const CONNECTIONS: usize = 600;
    let line = format!("X-Slow: {}\r\n", "s".repeat(1_000));
    let mut held = Vec::new();
    attack.seen("slowloris", ENDS, || {
        for n in 0..CONNECTIONS {
            let mut stream = connect(server);
            write!(stream, "GET /slow/{n} HTTP/1.1\r\n").unwrap();
            held.push(stream);
        }
        for _ in 0..16 {
            held.iter_mut()
                .for_each(|stream| stream.write_all(line.as_bytes()).unwrap());
            thread::sleep(Duration::from_millis(20));
        }
        good(server, "/asked/meanwhile");
    });
    let bytes = attack
        .agent
        .metric("lapwing_table_entries", &["table=\"conversation_bytes\""]);
    assert!(bytes <= f64::from(4 << 20), "{bytes} bytes wait");
    attack.seen("after the slow ones", ENDS, || {
        held.clear();
        good(server, "/asked/afterwards");
    });
}
