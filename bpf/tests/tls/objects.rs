//! Which files are probed: they appear and disappear, in other mount namespaces too.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use lapwing_bpf::keep_capabilities;
use lapwing_engine::event::Way;
use rustix::thread::CapabilitySet;

use crate::common::{
    Rig,
    tls::{HEAD, Server, asked, certificate, curl, rig, rig_before_it_looks, stream, until_ended, wait},
};

/// The host's library.
fn library() -> String {
    let cache = Command::new("ldconfig").arg("-p").output().map(|output| output.stdout);
    let cache = String::from_utf8(cache.unwrap_or_default()).unwrap();
    let line = cache.lines().find(|line| line.contains("libssl.so.3"));
    line.map_or("/lib/x86_64-linux-gnu/libssl.so.3", |line| {
        line.split_whitespace().last().unwrap()
    })
    .to_owned()
}

fn is_probed(rig: &Rig, path: &str) -> bool {
    rig.sensors.tls_objects().iter().any(|object| object.path == path)
}

/// A server that answers [`HEAD`] and some bytes, started by a shell after `before`, with the libraries of the directory `libraries`.
fn server(place: &Path, libraries: &Path, before: &str) -> Server {
    std::fs::write(place.join("found"), [HEAD, b"aaaaa"].concat()).unwrap();
    certificate(place);
    Server::start(
        Command::new("unshare")
            .args(["-m", "sh", "-c"])
            .arg(format!(
                "{before} LD_LIBRARY_PATH={} exec openssl s_server -accept 127.0.0.1:0 -HTTP -key both.pem -cert both.pem",
                libraries.display()
            ))
            .stderr(Stdio::null())
            .current_dir(place),
    )
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

/// What the agent keeps (`privileges.rs`): its thread that finds libraries has no more.
fn drop_capabilities() {
    let kept = CapabilitySet::BPF
        | CapabilitySet::PERFMON
        | CapabilitySet::NET_ADMIN
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::SYS_PTRACE
        | CapabilitySet::CHECKPOINT_RESTORE;
    keep_capabilities(kept).unwrap();
}

/// With the capabilities that the agent keeps.
#[test]
fn a_library_that_appears_is_probed_and_let_go_when_nobody_uses_it() {
    // In a thread of its own: where one thread runs all tests the next ones would be without.
    std::thread::spawn(appears_and_is_let_go).join().unwrap();
}

fn appears_and_is_let_go() {
    let place = tempfile::tempdir().unwrap();
    let path = copy(place.path());
    let mut rig = rig_before_it_looks();
    // Where the thread needs more than the agent keeps it is started before.
    if rig.sensors.tls_needs_admin() {
        rig.sensors.find_tls();
        drop_capabilities();
    } else {
        drop_capabilities();
        rig.sensors.find_tls();
    }
    assert!(!is_probed(&rig, &path));
    comes_and_goes(rig, server(place.path(), place.path(), ""), &path);
}

#[test]
fn a_library_that_was_there_before_is_probed() {
    let place = tempfile::tempdir().unwrap();
    let path = copy(place.path());
    let server = server(place.path(), place.path(), "");
    comes_and_goes(rig(), server, &path);
}

/// It was upgraded, say, and the server not started again.
#[test]
fn a_library_that_was_deleted_is_probed() {
    let place = tempfile::tempdir().unwrap();
    let path = copy(place.path());
    let server = server(place.path(), place.path(), "");
    std::fs::remove_file(&path).unwrap();
    comes_and_goes(rig(), server, &format!("{path} (deleted)"));
}

/// As in a container: the path means nothing to the agent.
#[test]
fn a_library_that_only_another_mount_namespace_has_is_probed() {
    let (place, hidden) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = hidden.path().join("libssl.so.3");
    let rig = rig();
    let hide = format!(
        "mount -t tmpfs none {0} && cp {1} {0}/ &&",
        hidden.path().display(),
        library()
    );
    let server = server(place.path(), hidden.path(), &hide);
    assert!(!path.exists());
    comes_and_goes(rig, server, path.to_str().unwrap());
}

/// Two containers of one image: two overlays, one file below both, which is told once.
#[test]
fn one_library_below_two_overlays_is_told_once() {
    let (place, lower, empty) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    copy(lower.path());
    let mut rig = rig();
    let overlays = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let servers: Vec<_> = overlays
        .iter()
        .map(|overlay| {
            let (overlay, lower, empty) = (overlay.path(), lower.path().display(), empty.path().display());
            let mount = format!(
                "mount -t overlay none -o lowerdir={lower}:{empty} {} &&",
                overlay.display()
            );
            server(place.path(), overlay, &mount)
        })
        .collect();
    for (server, overlay) in servers.iter().zip(&overlays) {
        let path = overlay.path().join("libssl.so.3");
        // Whichever of the two was found, both are probed then.
        wait("the library below", || {
            let objects = rig.sensors.tls_objects();
            objects.iter().any(|object| {
                overlays
                    .iter()
                    .any(|place| Path::new(&object.path).starts_with(place.path()))
            })
        });
        let (client, serving) = (curl(server, "/found"), server.pid());
        until_ended(&mut rig, serving, 1);
        until_ended(&mut rig, client, 1);
        assert_eq!(
            stream(&rig.events, serving, Way::Received).0,
            asked(server, "/found"),
            "{}",
            path.display()
        );
        assert_eq!(stream(&rig.events, serving, Way::Sent).0, [HEAD, b"aaaaa"].concat());
    }
    assert_eq!(rig.lost(), 0);
}
