//! `lapwing status`: what the running agent says of itself.

mod table;

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, IsTerminal, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use crate::{
    cost::{self, Cost},
    metrics::{LostReason, Metrics, OutputCounters, Snapshot},
};

/// How long the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER: u64 = 16 << 20;

/// The answer of a running agent. Its keys are stable; new ones may be added.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Version of the agent.
    version: &'static str,
    /// Its process.
    pid: u32,
    /// Whether it sees and judges; otherwise why not.
    ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    unready: Option<&'static str>,
    /// The built-in profile.
    profile: &'static str,
    /// Hash of the configuration in force.
    config_hash: String,
    /// Its own processor time and memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
    /// Where alerts go.
    outputs: Vec<Output>,
    /// Totals of sensors and engine, at most a second old.
    #[serde(flatten)]
    snapshot: Arc<Snapshot>,
}

/// One output.
#[derive(Debug, Clone, Serialize)]
struct Output {
    name: &'static str,
    sent: u64,
    waiting: u64,
    capacity: usize,
    errors: u64,
    lost: BTreeMap<&'static str, u64>,
}

impl Output {
    fn of(counters: &OutputCounters) -> Output {
        Output {
            name: counters.name,
            sent: counters.total_sent(),
            waiting: counters.waiting(),
            capacity: counters.capacity,
            errors: counters.total_errors(),
            lost: LostReason::ALL
                .into_iter()
                .map(|reason| (reason.name(), counters.total_lost(reason)))
                .collect(),
        }
    }
}

impl Status {
    /// Of this process, now.
    pub fn of(metrics: &Metrics) -> Status {
        let config = metrics.config();
        let unready = metrics.unready();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            ready: unready.is_none(),
            unready,
            profile: config.as_ref().map_or("", |config| config.profile),
            config_hash: config.map_or_else(String::new, |config| config.hash),
            cost: cost::read(),
            outputs: metrics.outputs().iter().map(|output| Output::of(output)).collect(),
            snapshot: metrics.snapshot(),
        }
    }
}

/// Why the agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No socket, or a dead one.
    #[error("no agent runs (nobody answers on {0}); start one with `lapwing run`, or name its socket with --socket")]
    NotRunning(PathBuf),
    /// Not root.
    #[error("only root may ask the agent on {0}; try it with sudo")]
    Denied(PathBuf),
    /// It ended the connection without a word.
    #[error("the agent on {0} refused to answer; are you root?")]
    Refused(PathBuf),
    /// It said something else.
    #[error("the answer from {path} makes no sense ({message}); is it another version of lapwing?")]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The system refused.
    #[error("asking the agent on {path} failed: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Asks the agent that listens on `socket` and prints its answer: as JSON when asked for, as a table otherwise.
///
/// # Errors
/// As [`ask`].
pub fn run(socket: &Path, json: bool) -> Result<(), StatusError> {
    let answer = ask(socket)?;
    let text = if json {
        format!("{answer:#}\n")
    } else {
        table::render(&answer, io::stdout().is_terminal())
    };
    // A reader that has seen enough (`| head`) is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Asks the agent that listens on `socket`.
///
/// # Errors
/// When no agent listens there, the caller may not ask, or the answer makes no sense.
pub fn ask(socket: &Path) -> Result<serde_json::Value, StatusError> {
    let path = || socket.to_owned();
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => StatusError::NotRunning(path()),
        ErrorKind::PermissionDenied => StatusError::Denied(path()),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => StatusError::Refused(path()),
        _ => StatusError::Io { path: path(), source },
    };
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream
        .write_all(b"status\n")
        .and_then(|()| stream.shutdown(Shutdown::Write))
        .map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).map_err(failed)?;
    if answer.is_empty() {
        return Err(StatusError::Refused(path()));
    }
    let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|error| StatusError::Answer {
        path: path(),
        message: error.to_string(),
    })?;
    match answer["error"].as_str() {
        Some(error) => Err(StatusError::Answer {
            path: path(),
            message: error.to_owned(),
        }),
        None => Ok(answer),
    }
}
