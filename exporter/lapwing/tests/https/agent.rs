//! A running agent that records, with rules about requests and answers.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::servers::free;

/// Generous: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server gives, for the rule about answers.
pub const SERVED: &str = "eval(atob(";

const RULES: &str = r#"
[process]
enabled = false
[file]
enabled = false
[score]
fold_window = "1ms"

[[network.rule]]
id = "served"
protocol = "https"
event = "response"
when = 'http.response.body contains "eval(atob("'

[[network.rule]]
id = "by-tls-only"
protocol = "https"
when = 'http.path contains "/../"'

[[network.rule]]
id = "payload"
protocol = "tcp"
direction = "outgoing"
when = 'net.tls = true and tcp.payload contains "mining.subscribe"'
"#;

/// The agent.
pub struct Agent {
    child: Child,
    metrics: SocketAddr,
    directory: TempDir,
}

impl Agent {
    /// `network` are more keys of that section.
    pub fn start(network: &str) -> Agent {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let metrics = free();
        write_config(&directory, metrics, network);
        let log = File::create(directory.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lapwing"))
            .args(["record", "--alerts"])
            .arg(directory.path().join("recording"))
            .arg("--config")
            .arg(directory.path().join("lapwing.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut agent = Agent {
            child,
            metrics,
            directory,
        };
        agent.wait_ready();
        agent
    }

    /// Takes other keys of `[network]` from now on, and waits until they are in force.
    pub fn reload(&self, network: &str) {
        let before = self.metric("lapwing_config_loads_total");
        write_config(&self.directory, self.metrics, network);
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
        self.wait("the reload", || self.metric("lapwing_config_loads_total") > before);
    }

    /// Looks again and again, and shows the log if it does not come.
    pub fn wait(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The alerts so far that have this in them.
    pub fn alerts(&self, marker: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("alerts.json")).unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        about(whole, marker)
    }

    /// A sample of `/metrics`; 0 where there is none.
    pub fn metric(&self, sample: &str) -> f64 {
        let page = self.page();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The hooks that are attached.
    pub fn attached(&self) -> BTreeSet<String> {
        let page = self.page();
        let hooks = page.lines().filter_map(|line| {
            let labels = line.strip_prefix("lapwing_sensor_hook{")?;
            let hook = labels.split_once("hook=\"")?.1.split_once('"')?.0;
            labels.contains("state=\"attached\"").then(|| hook.to_owned())
        });
        hooks.collect()
    }

    /// Ends it as an operator would, and gives the alerts that a replay of its recording gives.
    pub fn end_and_replay(mut self, marker: &str) -> (Vec<Value>, Vec<Value>) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
        let out = Command::new(env!("CARGO_BIN_EXE_lapwing"))
            .arg("replay")
            .arg(self.path("recording"))
            .arg("--config")
            .arg(self.path("lapwing.toml"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let replayed = about(&String::from_utf8(out.stdout).unwrap(), marker);
        (self.alerts(marker), replayed)
    }

    /// A file of its own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn page(&self) -> String {
        ask(self.metrics, "/metrics").unwrap()
    }

    fn wait_ready(&mut self) {
        let start = Instant::now();
        while ask(self.metrics, "/-/ready").is_none() {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "the agent ended: {}", self.log());
            assert!(start.elapsed() < PATIENCE, "the agent is not ready\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_config(directory: &TempDir, metrics: SocketAddr, network: &str) {
    let home = directory.path().display();
    let text = format!(
        "config_version = 1\n[metrics]\nlisten = \"{metrics}\"\n[json]\npath = \"{home}/alerts.json\"\n\
         [agent]\nlock = \"{home}/lock\"\nsocket = \"{home}/run/socket\"\nstate_dir = \"{home}/state\"\n[network]\nenabled = true\n{network}\n{RULES}"
    );
    fs::write(directory.path().join("lapwing.toml"), text).unwrap();
}

fn about(lines: &str, marker: &str) -> Vec<Value> {
    let about = lines.lines().filter(|line| line.contains(marker));
    about.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The body of an answer of success.
fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
}
