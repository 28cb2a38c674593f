//! Operations by io_uring: no system call makes them, so only hooks on the kernel's functions see them. Whoever in the kernel does the work
//! (a worker, a thread that polls), the process of the alert is the one whose ring it is.

use std::path::Path;

use crate::{
    act::{Act, me, uring},
    place::{Place, write},
    scenario::{Expected, Group, Scenario},
    scenarios::network,
    verdict::Verdict,
    world::Flavour,
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

/// The mode in which a connection is opened.
const CONNECTS: &[(&str, &str)] = &[
    ("uring-connect", "plain"),
    ("uring-worker-connect", "worker"),
    ("uring-sqpoll-connect", "sqpoll"),
];

/// In the watched tree; the twins do the same beside it.
pub fn scenarios() -> Vec<Scenario> {
    let connects = CONNECTS.iter().map(|(name, mode)| connect(name, mode));
    CASES.iter().map(|&case| scenario(case)).chain(connects).collect()
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

/// The socket tells of its connections, whoever makes them: both flavours see it.
fn connect(name: &'static str, mode: &'static str) -> Scenario {
    let act = move |port: u16| Act::of_mine(&["act", "uring", mode, "connect", &format!("127.0.0.1:{port}")]);
    Scenario::new(
        name,
        Group::Network,
        |_| network::listen_for_uring(),
        move |_| act(network::ports().uring),
        |_| {
            let peer = format!("127.0.0.1:{}", network::ports().uring);
            let alert = network::about("uring-connect", "network.established", "outgoing")?;
            Ok(vec![network::with(alert, &[("/network/peer", peer.into())])])
        },
        move |_| act(network::ports().uring + 1),
    )
    .known(|_| uring::lacking("connect").map_or(Verdict::Seen, Verdict::NotApplicable))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
