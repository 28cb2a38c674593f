//! What becomes of TCP connections: who opens, accepts, refuses and closes them, with counted bytes; and whose they are.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    act::{Act, me},
    error::{Context, Error, Result},
    place::Place,
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
};

/// What the client sends and the server answers, in bytes: more than a packet, and nothing else's length.
const SENT: u32 = 70_001;
const ANSWERED: u32 = 300_007;
/// What a request for a file outside looks like, and one that may be asked for.
pub const OUTSIDE: &str = "/x/../../etc/passwd";
pub const INSIDE: &str = "/x/etc/passwd?path=../up";

/// Ports of this run's own, below those that the kernel gives away.
pub struct Ports {
    /// The rules about flows name it, its neighbour is the twin's.
    pub flow: u16,
    /// The same for connections by io_uring.
    pub uring: u16,
    /// Where openssl serves.
    pub https: u16,
}

/// An address that rules do not pass over as they do loopback's, of this run's own: nobody else adds to its points. The act has it in a network
/// namespace (of those that are set aside for measurements, RFC 2544).
pub fn own_address() -> String {
    let pid = std::process::id();
    format!("198.18.{}.{}", pid / 250 % 250, 1 + pid % 250)
}

/// The same for one process at any time, and seldom those of another.
pub fn ports() -> Ports {
    let flow = 20_000 + (std::process::id() % 1500) as u16 * 8;
    Ports {
        flow,
        uring: flow + 2,
        https: flow + 4,
    }
}

pub fn scenarios() -> Vec<Scenario> {
    vec![
        flows("net-flows-ipv4", "127.0.0.1"),
        flows("net-flows-ipv6", "[::1]").known(|_| match TcpListener::bind("[::1]:0") {
            Ok(_) => Verdict::Seen,
            Err(e) => Verdict::NotApplicable(format!("no IPv6 here: {e}")),
        }),
        refused(),
        worker(),
        from_before(),
        Scenario::new(
            "net-fast-open-in-another-namespace",
            Group::Network,
            |_| Ok(()),
            |_| Act::of_mine(&["act", "net", "early", OUTSIDE]),
            |_| Ok(vec![traversal("outgoing")?, traversal("incoming")?]),
            |_| Act::of_mine(&["act", "net", "early", INSIDE]),
        ),
    ]
}

/// An alert about a connection of this program's.
pub fn about(rule: &'static str, event: &'static str, direction: &str) -> Result<Expected> {
    Ok(Expected {
        rule,
        sensor: "network",
        event,
        executable: Some(me()?.display().to_string()),
        also: vec![("/network/direction", direction.into())],
        ..Expected::default()
    })
}

/// The same with further fields.
pub fn with(expected: Expected, fields: &[(&'static str, Value)]) -> Expected {
    let also = [expected.also.as_slice(), fields].concat();
    Expected { also, ..expected }
}

/// That of a request for what is outside.
pub fn traversal(direction: &str) -> Result<Expected> {
    let line = format!("GET {OUTSIDE} HTTP/1.1");
    let alert = about("path-traversal", "http.request", direction)?;
    Ok(with(alert, &[("/http/request", line.into())]))
}

/// The whole life of a connection, from both ends.
fn flows(name: &'static str, host: &'static str) -> Scenario {
    let act = move |port: u16| {
        let at = format!("{host}:{port}");
        Act::of_mine(&["act", "net", "exchange", &at, &SENT.to_string(), &ANSWERED.to_string()])
    };
    Scenario::new(
        name,
        Group::Network,
        |_| Ok(()),
        move |_| act(ports().flow),
        move |_| {
            let at: Value = format!("{host}:{}", ports().flow).into();
            let (local, peer) = (("/network/local", at.clone()), ("/network/peer", at));
            let bytes = |sent: u32, received: u32| {
                [
                    ("/network/bytes_sent", sent.into()),
                    ("/network/bytes_received", received.into()),
                ]
            };
            let flow = |rule, event, direction, end: &(&'static str, Value)| -> Result<Expected> {
                Ok(with(about(rule, event, direction)?, std::slice::from_ref(end)))
            };
            let closed = |direction, end, sent, received| -> Result<Expected> {
                let alert = flow("flow-close", "network.close", direction, end)?;
                Ok(with(alert, &bytes(sent, received)))
            };
            Ok(vec![
                flow("flow-listen", "network.listen", "incoming", &local)?,
                flow("flow-open", "network.open", "outgoing", &peer)?,
                flow("flow-established", "network.established", "outgoing", &peer)?,
                flow("flow-established", "network.established", "incoming", &local)?,
                closed("outgoing", &peer, SENT, ANSWERED)?,
                closed("incoming", &local, ANSWERED, SENT)?,
                // The listening socket.
                with(
                    flow("flow-close", "network.close", "incoming", &local)?,
                    &[("/network/peer", Value::Null)],
                ),
            ])
        },
        move |_| act(ports().flow + 1),
    )
}

fn refused() -> Scenario {
    let act = |port: u16| Act::of_mine(&["act", "net", "refused", &format!("127.0.0.1:{port}")]);
    Scenario::new(
        "net-refused",
        Group::Network,
        |_| Ok(()),
        move |_| act(ports().flow),
        |_| {
            let peer = [("/network/peer", format!("127.0.0.1:{}", ports().flow).into())];
            let refused = with(about("flow-refused", "network.refused", "outgoing")?, &peer);
            Ok(vec![
                with(about("flow-open", "network.open", "outgoing")?, &peer),
                Expected {
                    errno: Some("ECONNREFUSED"),
                    ..refused
                },
            ])
        },
        move |_| act(ports().flow + 1),
    )
}

/// A server that listens and leaves the rest to another process.
fn worker() -> Scenario {
    let program = |place: &Place| place.plain.join("worker").display().to_string();
    let act = move |place: &Place, target| Act::of_mine(&["act", "net", "worker", &program(place), target]);
    Scenario::new(
        "net-served-by-a-worker",
        Group::Network,
        // By a link: the kernel calls a program what it is executed as.
        |place| link_to_me(&place.plain.join("worker")),
        move |place| act(place, OUTSIDE),
        |_| {
            let name = me()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // As the kernel cuts it.
            let client: String = name.chars().take(15).collect();
            Ok(vec![
                with(traversal("outgoing")?, &[("/process/name", client.into())]),
                with(traversal("incoming")?, &[("/process/name", "worker".into())]),
            ])
        },
        move |place| act(place, INSIDE),
    )
}

/// This program by another name, which is what the kernel then calls it.
fn link_to_me(link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(me()?, link).context(link.display())
}

/// Asks on a connection that is older than the agent.
fn from_before() -> Scenario {
    let act = |target| {
        let mut act = Act::of_mine(&["act", "net", "wake", &door().display().to_string(), target]);
        act.noticed = before_pid();
        act
    };
    Scenario::new(
        "net-connection-from-before-the-agent",
        Group::Network,
        |_| match before_pid() {
            Some(_) => Ok(()),
            None => Err(Error("nobody opened it before the agent".into())),
        },
        move |_| act(OUTSIDE),
        // Who opened it is known by who asks.
        |_| Ok(vec![traversal("outgoing")?, traversal("incoming")?]),
        move |_| act(INSIDE),
    )
}

static BEFORE: Mutex<Option<Child>> = Mutex::new(None);

fn before_pid() -> Option<u32> {
    let child = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    child.as_ref().map(Child::id)
}

fn door() -> PathBuf {
    Path::new("/run").join(format!("lapwing-test-{}-before.sock", std::process::id()))
}

/// Opens that connection; its process ends with this one.
pub fn before() -> Result<()> {
    let door = door();
    let _ = fs::remove_file(&door);
    let child = Command::new(me()?)
        .args(["act", "bound-to-parent"])
        .arg(me()?)
        .args(["act", "net", "before"])
        .arg(&door)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("connection from before")?;
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !door.exists() {
        if Instant::now() > deadline {
            return Err(Error("the connection from before the agent was not opened".into()));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Sees to it that somebody listens at the ports of io_uring's connections, to the end of this process.
pub fn listen_for_uring() -> Result<()> {
    static LISTENERS: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    if listeners.is_empty() {
        for port in [ports().uring, ports().uring + 1] {
            listeners.push(TcpListener::bind(("127.0.0.1", port)).context(port)?);
        }
    }
    Ok(())
}
