//! A running agent with a directory, a lock and a configuration of its own.

#![allow(dead_code)]

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::servers::{free, wait_until};

/// The agent; killed when dropped.
pub struct Agent {
    pub child: Child,
    pub metrics: SocketAddr,
    pub home: TempDir,
}

/// As little as an agent may be asked: keys of no table, and the one rule that a fence needs.
pub const QUIET: &str = "defaults = false\n---\n[score]\nfold_window = \"0\"\n[[process.rule]]\nid = \"fence\"\n\
    event = \"bin-execution\"\nsuccess_severity = \"low\"\npoints = 0\nwhen = 'proc.exepath startswith \"{home}\"'\n";

/// For an agent. Below /tmp, where running a program is what a built-in rule alerts on.
pub fn directory() -> TempDir {
    tempfile::tempdir_in("/tmp").unwrap()
}

impl Agent {
    /// Starts one and waits until it is ready. `config` is more of its configuration: what is before a line `---` belongs to no table, and
    /// what is before the first table to `[agent]`. `{home}` stands for its directory.
    pub fn start(config: &str) -> Agent {
        Agent::start_in(directory(), &["run"], config)
    }

    /// The same by another command than `run`, in a directory that may have something already.
    pub fn start_in(home: TempDir, arguments: &[&str], config: &str) -> Agent {
        let metrics = free();
        write_config(home.path(), metrics, config);
        let child = spawn(home.path(), arguments);
        let mut agent = Agent { child, metrics, home };
        agent.wait_ready();
        agent
    }

    /// Starts it anew, when it has ended.
    pub fn start_again(&mut self) {
        self.child = spawn(self.home.path(), &["run"]);
        self.wait_ready();
    }

    pub fn wait_ready(&mut self) {
        wait_until("the agent to be ready", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "the agent ended: {}", self.log());
            self.get("/-/ready").ends_with("ready\n")
        });
    }

    pub fn configure(&self, config: &str) {
        write_config(self.home.path(), self.metrics, config);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.metrics) {
            let _ = write!(stream, "GET {path} HTTP/1.0\r\n\r\n").and_then(|()| stream.read_to_string(&mut answer));
        }
        answer
    }

    /// The sum of all series of a family that carry these labels (`sensor="file"`); 0 when there is none.
    pub fn metric(&self, family: &str, labels: &[&str]) -> f64 {
        let page = self.get("/metrics");
        let of_family = page.lines().filter(|line| {
            let rest = line.strip_prefix(family);
            rest.is_some_and(|rest| rest.starts_with([' ', '{'])) && labels.iter().all(|label| line.contains(label))
        });
        // An exemplar may follow.
        let value = |line: &str| {
            let end = line.rfind('}').map_or(family.len(), |end| end + 1);
            line[end..].split_whitespace().next().unwrap().parse::<f64>().unwrap()
        };
        of_family.map(value).sum()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to read its configuration again.
    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGTERM and waits; it must end well.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait(), Some(0), "{}", self.log());
    }

    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert_eq!(self.wait(), None);
    }

    fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the agent to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Another command with its configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lapwing"))
            .arg("--config")
            .arg(self.path("lapwing.toml"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Its alerts so far.
    pub fn alerts(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("alerts.json")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Those of one rule.
    pub fn alerts_of(&self, rule: &str) -> Vec<Value> {
        let all = self.alerts().into_iter();
        all.filter(|alert| alert["rule"] == rule).collect()
    }

    /// Runs a program of its own and waits for the alert of that: what happened before has been judged then.
    pub fn fence(&self, name: &str) {
        let program = self.path(name);
        // By cp, since a descriptor for writing in here would be in what other tests fork, too (ETXTBSY at exec).
        let copied = Command::new("cp").arg("/bin/true").arg(&program).status().unwrap();
        assert!(copied.success());
        assert!(Command::new(&program).status().unwrap().success());
        wait_until("the fence's alert", || {
            let told = self.alerts_of("fence");
            told.iter()
                .any(|alert| alert["process"]["executable"] == *program.to_str().unwrap())
        });
    }

    /// Resident memory now and at its peak, in bytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |key: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
        };
        (kib("VmRSS:") << 10, kib("VmHWM:") << 10)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_config(home: &Path, metrics: SocketAddr, config: &str) {
    let (top, tables) = config.split_once("---\n").unwrap_or(("", config));
    let text = format!(
        "config_version = 1\n{top}[metrics]\nlisten = \"{metrics}\"\n[json]\npath = \"{{home}}/alerts.json\"\n\
         [agent]\nlock = \"{{home}}/lock\"\nsocket = \"{{home}}/run/socket\"\nstate_dir = \"{{home}}/state\"\n{tables}"
    );
    fs::write(
        home.join("lapwing.toml"),
        text.replace("{home}", &home.display().to_string()),
    )
    .unwrap();
}

/// Starts the program with the configuration in `home`. `{home}` in an argument stands for that.
pub fn spawn(home: &Path, arguments: &[&str]) -> Child {
    spawn_onto(home, arguments, log_of(home).into())
}

/// The same with a standard output of its own: alerts that no file takes.
pub fn spawn_onto(home: &Path, arguments: &[&str], stdout: Stdio) -> Child {
    let arguments = arguments
        .iter()
        .map(|argument| argument.replace("{home}", &home.display().to_string()));
    Command::new(env!("CARGO_BIN_EXE_lapwing"))
        .arg("--config")
        .arg(home.join("lapwing.toml"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(log_of(home))
        .spawn()
        .unwrap()
}

fn log_of(home: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(home.join("log"))
        .unwrap()
}
