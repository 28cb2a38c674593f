//! What `lapwing replay` says to a capture, and what tcpdump captured of curl and a server.

use std::{
    fs,
    io::Cursor,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lapwing::{
    capture::{Ignored, Reader},
    recording::Item,
};
use lapwing_engine::event::{Body, FlowChange};

use crate::{
    made::{packets_of, pcap},
    read,
};

/// What the program says to a capture: the alerts' rules and messages, and standard error.
fn replay(file: &[u8]) -> (Vec<(String, String)>, String) {
    let directory = tempfile::tempdir().unwrap();
    let (config, capture) = (directory.path().join("lapwing.toml"), directory.path().join("capture"));
    let rule = "[[network.rule]]\nid = \"test.passwd\"\nprotocol = \"http\"\ndirection = \"both\"\n\
        when = 'http.path contains \"../etc/passwd\"'\nseverity = \"high\"\n";
    fs::write(&config, rule).unwrap();
    fs::write(&capture, file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lapwing"))
        .args([
            "--config".as_ref(),
            config.as_os_str(),
            "replay".as_ref(),
            capture.as_os_str(),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let alert = |line: &str| {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        (
            alert["rule"].as_str().unwrap().to_owned(),
            alert["time"].as_str().unwrap().to_owned(),
        )
    };
    let stdout = String::from_utf8(output.stdout).unwrap();
    (
        stdout.lines().map(alert).collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_replay_alerts_on_what_was_captured_and_is_quiet_on_its_twin() {
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let file = |path: &str| pcap(101, &packets_of(false, ask(path).as_bytes()), 0);
    let (alerts, said) = replay(&file("/static/%2e%2e/%2e%2e/etc/passwd"));
    let ours = alerts
        .iter()
        .filter(|(rule, _)| rule == "test.passwd")
        .collect::<Vec<_>>();
    assert_eq!(ours.len(), 1, "{alerts:?}\n{said}");
    assert!(
        ours[0].1.starts_with("2023-11-14T22:13:20"),
        "the time of the capture: {}",
        ours[0].1
    );
    assert!(said.contains("6 packets read"), "{said}");
    let (alerts, said) = replay(&file("/static/etc/passwd.html"));
    assert_eq!(alerts, [], "{said}");
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn capture_into(file: &Path, device: &str, port: u16) -> Running {
    let mut tcpdump = Command::new("tcpdump");
    tcpdump
        .args([
            "-i",
            device,
            "-U",
            "--immediate-mode",
            "-B",
            "16384",
            "-s",
            "70000",
            "-w",
        ])
        .arg(file)
        .arg(format!("tcp port {port}"));
    let running = Running(
        tcpdump
            .stderr(Stdio::null())
            .spawn()
            .expect("tcpdump: scripts/setup.sh test installs it"),
    );
    // It writes the file's header when it listens.
    wait_until("tcpdump", || fs::metadata(file).is_ok_and(|file| file.len() >= 24));
    running
}

#[test]
fn a_real_capture_of_real_programs() {
    if std::env::var_os("LAPWING_SKIP_ROOT_TESTS").is_some() {
        eprintln!("SKIPPED: capturing needs root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("page.html"), "<p>hello</p>".repeat(5000)).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("python3");
    server
        .args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1"])
        .current_dir(directory.path());
    let _server = Running(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_until("the server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    // Ethernet as loopback shows it, and cooked.
    for device in ["lo", "any"] {
        let file = directory.path().join(device);
        let tcpdump = capture_into(&file, device, port);
        let url = format!("http://127.0.0.1:{port}/page.html?device={device}");
        let status = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "--http1.1", &url])
            .status()
            .unwrap();
        assert!(status.success());
        let ends = |file: &Path| {
            let mut flows = Reader::new(Cursor::new(fs::read(file).unwrap())).unwrap();
            flows.any(|item| matches!(item, Ok(Item::Event(event)) if matches!(&event.body, Body::Flow(flow) if flow.change == FlowChange::Closed)))
        };
        wait_until("the end of the connection", || ends(&file));
        drop(tcpdump);
        let seen = read(fs::read(&file).unwrap());
        let expected = format!("GET /page.html?device={device} HTTP/1.1 false");
        assert!(seen.messages[0].ends_with(&expected), "{}", seen.messages[0]);
        assert!(
            seen.messages[1].contains(&format!(" 200 {}", "<p>hello</p>".repeat(5000))),
            "the whole body"
        );
        assert_eq!(seen.messages.len(), 2);
        assert_eq!(seen.ignored, Ignored::default());
    }
}
