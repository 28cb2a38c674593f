//! Operations by io_uring: no system call makes them, so only hooks on the kernel's functions see them. Whoever in the kernel does the work
//! (a worker, a thread that polls), the process of the alert is the one whose ring it is.

use std::{net::TcpListener, path::Path};

use serde_json::Value;

use crate::{
    act::{Act, me, uring},
    agent::Agent,
    error::{Context, Error, Result},
    place::{Place, write},
    scenario::{Expected, Group, Scenario, check, observe},
    scenarios::Check,
    verdict::Verdict,
    world::{Flavour, World},
};

/// What `lapwing probes` says of the system-call flavour, too.
const UNSEEN: &str = "io_uring: no system call opens, renames, deletes or makes it";

/// A name, the mode and the operation, and the event.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("uring-create", "plain", "create", "file.create"),
    ("uring-write", "plain", "write", "file.write"),
    ("uring-unlink", "plain", "unlink", "file.delete"),
    ("uring-rename", "plain", "rename", "file.rename"),
    ("uring-mkdir", "plain", "mkdir", "file.create"),
    ("uring-worker-write", "worker", "write", "file.write"),
    ("uring-sqpoll-create", "sqpoll", "create", "file.create"),
    ("uring-sqpoll-write", "sqpoll", "write", "file.write"),
    ("uring-sqpoll-unlink", "sqpoll", "unlink", "file.delete"),
    ("uring-sqpoll-rename", "sqpoll", "rename", "file.rename"),
    ("uring-sqpoll-mkdir", "sqpoll", "mkdir", "file.create"),
];

/// In the watched tree; the twins do the same beside it.
pub fn scenarios() -> Vec<Scenario> {
    CASES.iter().map(|&case| scenario(case)).collect()
}

fn scenario((name, mode, operation, event): (&'static str, &'static str, &'static str, &'static str)) -> Scenario {
    let paths = move |top: &Path| match operation {
        "rename" => vec![text(&top.join("old")), text(&top.join("renamed"))],
        "write" | "unlink" => vec![text(&top.join("old"))],
        _ => vec![text(&top.join("new"))],
    };
    let act = move |top: &Path| {
        let paths = paths(top);
        let mut args = vec!["act", "uring", mode, operation];
        args.extend(paths.iter().map(String::as_str));
        Act::of_mine(&args)
    };
    Scenario::new(
        name,
        Group::Own,
        |place: &Place| {
            write(&place.watched.join("old"))?;
            write(&place.plain.join("old"))
        },
        move |place| act(&place.watched),
        move |place| {
            let mut paths = paths(&place.watched).into_iter();
            Ok(vec![Expected {
                rule: "own-tree",
                sensor: "file",
                event,
                executable: Some(text(&me()?)),
                file: paths.next(),
                target: paths.next(),
                ..Expected::default()
            }])
        },
        move |place| act(&place.plain),
    )
    .known(move |world| match (uring::lacking(operation), world.flavour) {
        (Some(why), _) => Verdict::NotApplicable(why),
        (None, Flavour::Syscall) => Verdict::NotSeen(UNSEEN.into()),
        (None, Flavour::Function) => Verdict::Seen,
    })
}

/// Connections need the network sensor, and so an agent of their own.
pub fn checks() -> Vec<Check> {
    vec![Check::judged("uring-connect", connect)]
}

/// The socket tells of its connections, whoever makes them: both flavours see it.
fn connect(_: &World) -> Result<Verdict> {
    if let Some(why) = uring::lacking("connect") {
        return Ok(Verdict::NotApplicable(why));
    }
    let listen = || TcpListener::bind("127.0.0.1:0").context("listening");
    let (watched, other) = (listen()?, listen()?);
    let at = |listener: &TcpListener| listener.local_addr().context("listener");
    let config = format!(
        "[network]\nenabled = true\n\n[[network.rule]]\nid = \"uring-connect\"\nprotocol = \"tcp\"\nevent = \"established\"\n\
         direction = \"outgoing\"\nwhen = 'net.peer.port = {}'\n\n[score]\nfold_window = \"1ms\"\nthreshold = 1000000\n",
        at(&watched)?.port()
    );
    let agent = Agent::start("production", &config)?;
    for mode in ["plain", "worker", "sqpoll"] {
        let act = |to: String| Act::of_mine(&["act", "uring", mode, "connect", &to]);
        let twin = observe(&agent, &act(at(&other)?.to_string()), 0)?;
        check(&[], &twin).context(format!("{mode}: the twin must not be noticed"))?;
        let found = observe(&agent, &act(at(&watched)?.to_string()), 1)?;
        let expected = Expected {
            rule: "uring-connect",
            sensor: "network",
            event: "network.established",
            executable: Some(text(&me()?)),
            also: vec![
                ("/network/direction", "outgoing".into()),
                ("/network/peer", at(&watched)?.to_string().into()),
            ],
            ..Expected::default()
        };
        check(&[expected], &found).map_err(|e| Error(format!("{mode}: {e}\n{}", found_network(&found))))?;
    }
    agent.stop()?;
    Ok(Verdict::Seen)
}

fn found_network(alerts: &[Value]) -> String {
    alerts.iter().map(|alert| format!("  {}\n", alert["network"])).collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
