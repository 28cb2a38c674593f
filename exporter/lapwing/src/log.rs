//! The agent's own log, on standard error: text on a terminal, JSON otherwise.
//!
//! Alerts are not in it, and no part of an event is: it tells about the agent.

mod writer;

use std::{
    io::{IsTerminal, stderr},
    sync::{Arc, atomic::AtomicU64},
};

use tracing_subscriber::{
    EnvFilter, Registry,
    fmt::{self, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// What a plain level means for the libraries inside: their debug output is not about Lapwing.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level.
    #[error(
        "[log] level: {0:?} is not a level ({1}); write error, warn, info, debug or trace, or directives as \"lapwing=debug,hyper=warn\""
    )]
    Level(String, String),
    /// Somebody set one up before.
    #[error("the log is set up already: {0}")]
    Twice(String),
    /// No thread.
    #[error("cannot start the thread that writes the log: {0}")]
    Thread(std::io::Error),
}

/// Keeps the log; its level can be changed.
#[derive(Debug)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
    lines: writer::Lines,
}

impl LogHandle {
    /// Takes over the level of a reloaded configuration.
    ///
    /// # Errors
    /// When it is no level; the one in force stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        self.filter
            .reload(filter(level)?)
            .map_err(|error| LogError::Twice(error.to_string()))
    }

    /// Waits (briefly) until what was said is written; for the end of the program.
    pub fn flush(&self) {
        self.lines.flush();
    }

    /// Counts the lines that nobody took in time, for the metrics.
    pub fn lost(&self) -> Arc<AtomicU64> {
        self.lines.lost()
    }
}

/// However the program ends: what it said last is what somebody will look for.
impl Drop for LogHandle {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Starts the log of the whole program; once.
///
/// # Errors
/// When the level is none, a log was started before, or there is no thread to write it.
pub fn init(settings: &Log) -> Result<LogHandle, LogError> {
    let text = match settings.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => stderr().is_terminal(),
    };
    let (filter, handle) = reload::Layer::new(filter(&settings.level)?);
    let lines = writer::Lines::start().map_err(LogError::Thread)?;
    let layer = fmt::layer().with_timer(Utc).with_writer(lines.clone());
    let registry = tracing_subscriber::registry().with(filter);
    let started = match text {
        true => registry
            .with(layer.with_ansi(stderr().is_terminal()).with_target(false))
            .try_init(),
        false => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| LogError::Twice(error.to_string()))?;
    Ok(LogHandle { filter: handle, lines })
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let level = level.trim().to_ascii_lowercase();
    let directives = match LEVELS.contains(&&*level) {
        true if matches!(&*level, "debug" | "trace") => {
            format!("info,lapwing={level},lapwing_engine={level},lapwing_bpf={level}")
        }
        _ => level.clone(),
    };
    EnvFilter::try_new(&directives).map_err(|error| LogError::Level(level, error.to_string()))
}

/// Check of a level without setting it, for `lapwing check`.
///
/// # Errors
/// When it is no level.
pub fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(|_| ())
}

/// RFC 3339, as in the alerts.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str(&crate::outputs::now_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked() {
        for good in [
            "info",
            "DEBUG",
            "off",
            "lapwing=debug,hyper=warn",
            "warn,lapwing_bpf=trace",
        ] {
            assert!(check_level(good).is_ok(), "{good}");
        }
        for bad in ["lapwing=loud", "a=b=c"] {
            let error = check_level(bad).unwrap_err().to_string();
            assert!(
                error.contains("[log] level") && error.contains("write error, warn"),
                "{error}"
            );
        }
        assert!(filter("debug").unwrap().to_string().contains("lapwing_engine=debug"));
    }
}
