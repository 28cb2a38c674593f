//! Which files are probed: they appear and disappear, in other mount namespaces too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{path::Path, process::Command};

use common::{
    Rig,
    tls::{HEAD, Server, asked, curl, interpreter, python_by, rig, stream, until_ended, wait},
};
use lapwing_engine::event::Way;

/// The host's library.
fn library() -> String {
    let cache = Command::new("ldconfig").arg("-p").output().unwrap().stdout;
    let cache = String::from_utf8(cache).unwrap();
    let line = cache.lines().find(|line| line.contains("libssl.so.3")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

fn is_probed(rig: &Rig, path: &str) -> bool {
    rig.sensors.tls_objects().iter().any(|object| object.path == path)
}

/// A server whose library is the one at `path`, in its own eyes: it is found, what it does is seen, and it is let go when the server has ended.
fn comes_and_goes(mut rig: Rig, server: Server, path: &str) {
    wait("the library that appeared", || is_probed(&rig, path));
    let (client, serving) = (curl(&server, "/found"), server.pid());
    until_ended(&mut rig, serving, 1);
    until_ended(&mut rig, client, 1);
    assert_eq!(stream(&rig.events, serving, Way::Received).0, asked(&server, "/found"));
    assert_eq!(stream(&rig.events, serving, Way::Sent).0, [HEAD, b"aaaaa"].concat());
    drop(server);
    wait("the end of the library's probes", || !is_probed(&rig, path));
    assert_eq!(rig.lost(), 0);
}

fn copy(place: &Path) -> String {
    let copied = place.join("libssl.so.3");
    assert!(
        Command::new("cp")
            .arg(library())
            .arg(&copied)
            .status()
            .unwrap()
            .success()
    );
    copied.to_str().unwrap().to_owned()
}

#[test]
fn a_library_that_appears_is_probed_and_let_go_when_nobody_uses_it() {
    let place = tempfile::tempdir().unwrap();
    let path = copy(place.path());
    let rig = rig();
    assert!(!is_probed(&rig, &path));
    let mut command = interpreter();
    command.env("LD_LIBRARY_PATH", place.path());
    let server = python_by(command, place.path(), 5);
    comes_and_goes(rig, server, &path);
}

#[test]
fn a_library_that_was_there_before_is_probed() {
    let place = tempfile::tempdir().unwrap();
    let path = copy(place.path());
    let mut command = interpreter();
    command.env("LD_LIBRARY_PATH", place.path());
    let server = python_by(command, place.path(), 5);
    comes_and_goes(rig(), server, &path);
}

/// As in a container: the path means nothing to the agent.
#[test]
fn a_library_that_only_another_mount_namespace_has_is_probed() {
    let place = tempfile::tempdir().unwrap();
    let hidden = tempfile::tempdir().unwrap();
    let path = hidden.path().join("libssl.so.3").to_str().unwrap().to_owned();
    let rig = rig();
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c"]);
    command.arg(format!(
        "mount -t tmpfs none {0} && cp {1} {0}/ && LD_LIBRARY_PATH={0} exec /usr/bin/python3 \"$@\"",
        hidden.path().display(),
        library()
    ));
    command.arg("sh");
    let server = python_by(command, place.path(), 5);
    assert!(!Path::new(&path).exists());
    comes_and_goes(rig, server, &path);
}
