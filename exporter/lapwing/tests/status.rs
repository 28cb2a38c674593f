//! The agent's socket: who asks gets the truth, who may not ask gets nothing.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use lapwing::{
    control::{Control, ControlError},
    metrics::{
        ConfigInfo, Metrics, Snapshot,
        snapshot::{IncompleteCount, LossCount, QueueDepth},
    },
    status::{self, StatusError},
};
use lapwing_engine::event::Sensor;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("run/lapwing.sock");
    (dir, socket)
}

fn metrics() -> Metrics {
    let metrics = Metrics::new(300);
    metrics.config_loaded(
        ConfigInfo {
            hash: "c0ffee".into(),
            profile: "demo",
            rules_hash: "def".into(),
        },
        300,
    );
    metrics.set_ready(true);
    metrics.publish(Snapshot {
        losses: vec![LossCount {
            sensor: Sensor::File,
            stage: "ring_full",
            count: 42,
        }],
        incomplete: vec![IncompleteCount {
            reason: "exit_unseen",
            count: 5,
        }],
        queues: vec![QueueDepth {
            name: "events",
            length: 3,
            capacity: 1024,
        }],
        ..Snapshot::default()
    });
    metrics.output("json", 64).queued();
    metrics
}

/// Runs `ask` while an agent serves `socket`.
fn serving<T>(socket: &Path, ask: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let control = Control::bind(socket).unwrap();
    let task = runtime.spawn(control.serve(metrics()));
    let answer = ask();
    task.abort();
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    answer
}

#[test]
fn the_answer_is_what_the_agent_published() {
    let (_dir, socket) = place();
    let answer = serving(&socket, || status::ask(&socket)).unwrap();
    assert_eq!(answer["pid"], std::process::id());
    assert_eq!((&answer["ready"], &answer["profile"]), (&true.into(), &"demo".into()));
    assert_eq!(answer["config_hash"], "c0ffee");
    assert_eq!(
        answer["losses"],
        serde_json::json!([{"sensor": "file", "stage": "ring_full", "count": 42}])
    );
    assert_eq!(answer["queues"][0]["capacity"], 1024);
    assert_eq!(
        (&answer["outputs"][0]["name"], &answer["outputs"][0]["waiting"]),
        (&"json".into(), &1.into())
    );
    assert!(answer["cost"]["resident_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(!socket.exists(), "the socket is removed with the agent");
}

#[test]
fn socket_and_directory_are_for_root_alone() {
    let (_dir, socket) = place();
    let _control = Control::bind(&socket).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_dead_agents_socket_is_replaced_and_a_living_ones_is_not() {
    let (_dir, socket) = place();
    fs::create_dir(socket.parent().unwrap()).unwrap();
    // Nobody ever listens there: a listener would live on in what another test forks, until its exec.
    let left = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(left, &SocketAddrUnix::new(&socket).unwrap()).unwrap();
    assert!(socket.exists());
    assert!(matches!(status::ask(&socket), Err(StatusError::NotRunning(_))));
    serving(&socket, || {
        assert!(matches!(Control::bind(&socket), Err(ControlError::InUse(_))))
    });
}

#[test]
fn unsafe_places_are_refused() {
    let (dir, socket) = place();
    let parent = socket.parent().unwrap();
    fs::create_dir(parent).unwrap();
    fs::write(&socket, "precious").unwrap();
    assert!(
        Control::bind(&socket)
            .unwrap_err()
            .to_string()
            .contains("is not a socket")
    );
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    fs::remove_file(&socket).unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(
        Control::bind(&socket)
            .unwrap_err()
            .to_string()
            .contains("others may write to it")
    );
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    assert!(
        Control::bind(&link.join("lapwing.sock"))
            .unwrap_err()
            .to_string()
            .contains("is not a directory")
    );
}

#[test]
fn nonsense_gets_an_error_and_the_next_client_an_answer() {
    let (_dir, socket) = place();
    serving(&socket, || {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(b"shutdown\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("unknown request"), "{answer}");
        let mut stream = UnixStream::connect(&socket).unwrap();
        let _ = stream.write_all(&[b'x'; 100_000]);
        let _ = stream.read_to_string(&mut answer);
        assert!(status::ask(&socket).is_ok());
    });
}

#[test]
fn without_an_agent_the_error_says_what_to_do() {
    let error = status::ask(Path::new("/nonexistent/lapwing.sock")).unwrap_err();
    assert!(matches!(error, StatusError::NotRunning(_)));
    assert!(error.to_string().contains("lapwing run"), "{error}");
}

/// The command, as another user where the kernel lets us be one.
fn command(place: &Path, socket: &Path, uid: Option<u32>) -> (bool, String, String) {
    // Copied, since another user may not reach the build directory.
    let program = place.join("lapwing");
    if !program.exists() {
        // By cp, since a descriptor for writing in here would be in what other tests fork, too (ETXTBSY at exec).
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_lapwing"))
            .arg(&program)
            .status();
        assert!(copied.unwrap().success());
        fs::write(place.join("lapwing.toml"), "config_version = 1\n").unwrap();
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(place.join("lapwing.toml"))
        .arg("status")
        .arg("--socket")
        .arg(socket);
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_shows_a_table_or_says_why_not() {
    let (dir, socket) = place();
    let (success, _, stderr) = command(dir.path(), &socket, None);
    assert!(!success && stderr.contains("no agent runs"), "{stderr}");
    let (success, stdout, stderr) = serving(&socket, || command(dir.path(), &socket, None));
    assert!(success, "{stderr}");
    for part in [
        "profile demo",
        "ready",
        "file ring_full",
        "exit_unseen",
        "42",
        "3 of 1024 waiting",
        "json",
    ] {
        assert!(stdout.contains(part), "no {part:?} in {stdout}");
    }
}

#[test]
fn another_user_gets_no_answer() {
    if !rustix::process::geteuid().is_root() {
        return println!("SKIPPED: only root can become another user");
    }
    let (dir, socket) = place();
    serving(&socket, || {
        let (success, stdout, stderr) = command(dir.path(), &socket, Some(65534));
        assert!(
            !success && stdout.is_empty() && stderr.contains("only root"),
            "{stdout}{stderr}"
        );
        // Even one that gets to the socket is not answered.
        for (path, mode) in [(socket.parent().unwrap(), 0o755), (&socket, 0o666)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let (success, stdout, stderr) = command(dir.path(), &socket, Some(65534));
        assert!(
            !success && stdout.is_empty() && stderr.contains("refused to answer"),
            "{stdout}{stderr}"
        );
    });
}
