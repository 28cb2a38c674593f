//! A running agent: started with a configuration of its own, asked over HTTP, its alerts read from its JSON file.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    act::me,
    error::{Context, Error, Result},
    http,
    metrics::Metrics,
    steps::{Step, timed},
    world::{FORCED, GUEST},
};

/// Loading and attaching takes a while in a guest without hardware virtualisation.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(15);

/// The agent under test.
pub struct Agent {
    child: Child,
    /// Everything of this run: config.toml, alerts.json, agent.log.
    pub home: PathBuf,
    address: SocketAddr,
    read: RefCell<Alerts>,
}

/// What of its alerts has been read: a scenario looks every few milliseconds, and all others of its group are before its own.
#[derive(Default)]
struct Alerts {
    bytes: u64,
    all: Vec<Value>,
}

impl Agent {
    /// Starts `lapwing run --profile PROFILE` and waits until it is ready. `config` follows the test's own `[agent]` table, so that it may
    /// begin with keys of that; before a line `---` are keys of no table. `{home}` in it is the run's directory.
    pub fn start(profile: &str, config: &str) -> Result<Agent> {
        Agent::start_as(&["run"], profile, config)
    }

    /// The same behind `words`: a program and its arguments, which runs what follows them.
    pub fn start_within(words: &[String], profile: &str, config: &str) -> Result<Agent> {
        Agent::start_all(words, &["run"], profile, config)
    }

    /// The same for another command that detects: `record {home}/FILE`.
    pub fn start_as(command: &[&str], profile: &str, config: &str) -> Result<Agent> {
        Agent::start_all(&[], command, profile, config)
    }

    fn start_all(words: &[String], command: &[&str], profile: &str, config: &str) -> Result<Agent> {
        let address = http::free_port()?;
        let home = Path::new("/run").join(format!("lapwing-test-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&home).context(home.display())?;
        write_config(&home, address, config)?;
        let log = File::create(home.join("agent.log")).context("agent.log")?;
        let child = Command::new(me()?)
            .args(["act", "bound-to-parent"])
            .args(words)
            .arg(program()?)
            .args(
                command
                    .iter()
                    .map(|arg| arg.replace("{home}", &home.display().to_string())),
            )
            .args(["--profile", profile, "--config"])
            .arg(home.join("config.toml"))
            .args(forced_flavour())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("agent.log")?)
            .stderr(log)
            .spawn()
            .context("lapwing")?;
        let mut agent = Agent {
            child,
            home,
            address,
            read: RefCell::default(),
        };
        timed(Step::Start, || agent.wait_ready())?;
        Ok(agent)
    }

    /// The agent's pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Replaces its configuration file.
    pub fn write_config(&self, config: &str) -> Result<()> {
        write_config(&self.home, self.address, config)
    }

    /// All alerts so far, in order.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        self.alerts_where(|_| true)
    }

    /// Those of them that are wanted.
    pub fn alerts_where(&self, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        let mut read = self.read.borrow_mut();
        read.on(&self.home.join("alerts.json"))?;
        Ok(read.all.iter().filter(|alert| wanted(alert)).cloned().collect())
    }

    /// A scrape.
    pub fn metrics(&self) -> Result<Metrics> {
        http::get(self.address, "/metrics").map(Metrics)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).ok_or_else(|| Error("no pid".into()))?;
        kill_process(pid, signal).context("signalling lapwing")
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("agent.log")).unwrap_or_default()
    }

    /// Waits until `done` says so, or fails with what was awaited and the log's end.
    pub fn wait_until(&self, what: &str, bound: Duration, mut done: impl FnMut(&Agent) -> Result<bool>) -> Result<()> {
        let bound = patient(bound);
        let deadline = Instant::now() + bound;
        let mut pause = Duration::from_millis(10);
        while !done(self)? {
            if Instant::now() > deadline {
                return Err(Error(format!("not within {bound:?}: {what}\n{}", self.log_end())));
            }
            thread::sleep(pause);
            // What takes long is asked less often: in a guest a scrape takes the agent the time in which it would get ready.
            pause = (pause * 5 / 4).min(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Ends it as an operator would; it must leave with 0.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// The same, its files being kept for a while.
    pub fn end(&mut self) -> Result<()> {
        timed(Step::Stop, || self.terminate())
    }

    fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + patient(STOP);
        loop {
            match self.child.try_wait().context("waiting for lapwing")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error(format!("lapwing ended with {status}\n{}", self.log_end()))),
                None if Instant::now() > deadline => {
                    return Err(Error(format!("lapwing did not end\n{}", self.log_end())));
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The end of its log, for error messages.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        format!(
            "--- end of lapwing's log ---\n{}",
            lines[lines.len().saturating_sub(15)..].join("\n")
        )
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + patient(START);
        loop {
            if let Some(status) = self.child.try_wait().context("waiting for lapwing")? {
                return Err(Error(format!(
                    "lapwing ended with {status} instead of getting ready\n{}",
                    self.log_end()
                )));
            }
            if http::get(self.address, "/-/ready").is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error(format!(
                    "lapwing is not ready after {START:?}\n{}",
                    self.log_end()
                )));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Alerts {
    /// Reads what has come since. No agent of a test shortens its file.
    fn on(&mut self, path: &Path) -> Result<()> {
        let Ok(mut file) = File::open(path) else {
            return Ok(());
        };
        let mut new = Vec::new();
        file.seek(SeekFrom::Start(self.bytes)).context(path.display())?;
        file.read_to_end(&mut new).context(path.display())?;
        // A line that is being written has no end yet.
        let end = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = &new[..end];
        for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let alert = serde_json::from_slice(line);
            let shown = || format!("not JSON: {}", String::from_utf8_lossy(line));
            self.all.push(alert.map_err(|e| Error(format!("{}: {e}", shown())))?);
        }
        self.bytes += whole.len() as u64;
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // After stop() it is gone already. Its files are of no use any more: errors have quoted the log.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}

fn write_config(home: &Path, address: SocketAddr, config: &str) -> Result<()> {
    let home_text = home.display().to_string();
    let common = format!(
        "[metrics]\nlisten = \"{address}\"\n\n[json]\npath = \"{home_text}/alerts.json\"\n\n\
         [agent]\nlock = \"{home_text}/lock\"\nstate_dir = \"{home_text}/state\"\nsocket = \"{home_text}/lapwing.sock\"\n"
    );
    let (top, tables) = config.split_once("---\n").unwrap_or(("", config));
    let text = format!(
        "config_version = 1\n{top}{common}{}",
        tables.replace("{home}", &home_text)
    );
    let path = home.join("config.toml");
    fs::write(&path, text).context(path.display())
}

/// A bound for something that takes no longer than this on a real machine: ten times that in a guest, which is emulated and shares its
/// processors with others.
pub fn patient(bound: Duration) -> Duration {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    bound * *FACTOR.get_or_init(|| if Path::new(GUEST).is_dir() { 10 } else { 1 })
}

/// `--flavour NAME` where the rig wants that: the system-call flavour, and on a kernel that has a known fault the function flavour. Elsewhere that
/// one has to be chosen without being told.
pub fn forced_flavour() -> Vec<String> {
    match std::env::var(FORCED) {
        Ok(flavour) => vec!["--flavour".to_owned(), flavour],
        Err(_) => Vec::new(),
    }
}

/// The lapwing beside this program (or one above: cargo puts tests into `deps`), unless `LAPWING_BIN` names another.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("LAPWING_BIN") {
        return Ok(path.into());
    }
    let me = me()?;
    me.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("lapwing"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error(format!(
                "no lapwing beside {}: cargo build --release -p lapwing",
                me.display()
            ))
        })
}
