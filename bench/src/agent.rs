//! Starts and stops the agent under test.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

const LISTEN: &str = "127.0.0.1:19764";
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The directories of this run: removed when dropped.
pub struct Workspace {
    lapwing: PathBuf,
    /// Everything of this run but what is not watched is below.
    pub root: PathBuf,
    /// Watched by the agent under test.
    pub watched: PathBuf,
    /// Not watched.
    pub elsewhere: PathBuf,
}

impl Workspace {
    /// Makes the directory and finds the agent.
    pub fn new(lapwing: &Path) -> Result<Workspace> {
        let lapwing = fs::canonicalize(lapwing)
            .map_err(|error| format!("{}: {error}; build it first (cargo build --release)", lapwing.display()))?;
        let name = format!("lapwing-bench-{}", std::process::id());
        let root = std::env::temp_dir().join(&name);
        // Not beside the watched directory: the way up from most files does not lead through directories that lead to a watch.
        let elsewhere = Path::new("/var/tmp").join(&name);
        let workspace = Workspace {
            lapwing,
            watched: root.join("watched"),
            elsewhere,
            root,
        };
        for dir in [&workspace.watched, &workspace.elsewhere] {
            fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        Ok(workspace)
    }

    /// The production default, with one more watch that the loads hit. It only scores: what is measured is the way to the engine.
    fn config(&self, stats: bool) -> String {
        format!(
            r#"{}[[file.watch]]
id = "bench"
path = "{}"
recursive = true
access = ["create", "write", "permission", "delete", "rename"]
severity = "info"
alert = "score"
"#,
            self.common(stats),
            self.watched.display(),
        )
    }

    /// Where an agent of this run has its things.
    pub fn common(&self, stats: bool) -> String {
        format!(
            r#"[agent]
socket = "{root}/lapwing.sock"
lock = "{root}/lock"
state_dir = "{root}/state"
bpf_stats = {stats}
[metrics]
listen = "{LISTEN}"
[json]
path = "{root}/alerts.jsonl"
"#,
            root = self.root.display(),
        )
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
        let _ = fs::remove_dir_all(&self.elsewhere);
    }
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// The largest seen after a round.
    pub resident: u64,
    /// The largest at any time.
    pub peak: u64,
}

impl Memory {
    /// Keeps the larger ones.
    pub fn add(&mut self, other: Memory) {
        self.resident = self.resident.max(other.resident);
        self.peak = self.peak.max(other.peak);
    }
}

/// A running agent; ended when dropped.
pub struct Agent {
    child: Child,
}

impl Agent {
    /// Starts it and waits until it says that it is ready.
    pub fn start(workspace: &Workspace, stats: bool) -> Result<Agent> {
        Agent::start_with(workspace, &workspace.config(stats))
    }

    /// The same with a configuration of one's own.
    pub fn start_with(workspace: &Workspace, config: &str) -> Result<Agent> {
        let path = workspace.root.join("lapwing.toml");
        fs::write(&path, config).map_err(|error| format!("{}: {error}", path.display()))?;
        let log = workspace.root.join("log");
        let stderr = File::create(&log).map_err(|error| error.to_string())?;
        let child = Command::new(&workspace.lapwing)
            .arg("--config")
            .arg(&path)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("{}: {error}", workspace.lapwing.display()))?;
        let mut agent = Agent { child };
        let start = Instant::now();
        loop {
            if get("/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return Ok(agent);
            }
            let ended = agent.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || start.elapsed() > READY_WITHIN {
                let log = fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("the agent is not ready ({ended:?}):\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its `/metrics`.
    pub fn metrics(&self) -> Result<String> {
        get("/metrics").map_err(|error| error.to_string())
    }

    /// Its memory now.
    pub fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let kib = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok())
                .unwrap_or(0)
        };
        Ok(Memory {
            resident: kib("VmRSS:"),
            peak: kib("VmHWM:"),
        })
    }

    /// Nanoseconds of processor time that its threads took so far.
    pub fn cpu_time(&self) -> Result<f64> {
        cpu_time_of(self.child.id())
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) -> Result<()> {
        self.terminate()
    }

    fn terminate(&mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        if self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        }
        self.child.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.terminate();
    }
}

/// Nanoseconds of processor time that the threads of a process took so far.
pub fn cpu_time_of(pid: u32) -> Result<f64> {
    let tasks = format!("/proc/{pid}/task");
    let mut spent = 0.0;
    for task in fs::read_dir(&tasks)
        .map_err(|error| format!("{tasks}: {error}"))?
        .flatten()
    {
        // Nanoseconds on a processor, waiting for one, time slices; a thread may have ended.
        let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let first = schedstat.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        spent += first.unwrap_or(0.0);
    }
    Ok(spent)
}

/// One request; the whole answer.
fn get(path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(LISTEN)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {LISTEN}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
