//! `lapwing replay`: a recording through the same engine, which has no clock of its own and therefore says the same.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Read, Write},
    sync::Arc,
};

use clap::ValueEnum;
use lapwing_engine::{
    alert::Alert,
    engine::{Engine, Settings},
    event::Sensor,
    process,
    rule::RuleSet,
};

use crate::{
    cli::{ConfigArgs, Profile, ReplayArgs},
    config::{self, Loaded, Problem},
    outputs::{AlertRecord, Host, WallClock},
    recording::{Item, Meta, ReadError, Reader},
};

/// What a replay came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Events that went into the engine.
    pub events: u64,
    /// Alerts that came out.
    pub alerts: u64,
    /// What the recording lacks, by sensor and stage.
    pub lost: BTreeMap<(Sensor, String), u64>,
    /// How often the rules changed while it was made.
    pub reloads: u64,
    /// Why it could not be read to its end.
    pub damage: Option<ReadError>,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording could not be read (any further).
    #[error("{0}")]
    Recording(#[from] ReadError),
    /// The configuration is wrong.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Problem>),
    /// Alerts could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Sends everything in `recording` through `engine`; `sink` gets the alerts, also those before damage, and may end the replay with an error.
pub fn replay<R: Read>(
    recording: Reader<R>,
    engine: &mut Engine,
    mut sink: impl FnMut(Alert) -> io::Result<()>,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut alerts = Vec::new();
    for item in recording {
        match item {
            Ok(Item::Event(event)) => {
                outcome.events += 1;
                engine.observe(&event, &mut alerts);
            }
            Ok(Item::Tick(now)) => engine.tick(now, &mut alerts),
            Ok(Item::Lost { sensor, stage, count }) => *outcome.lost.entry((sensor, stage)).or_default() += count,
            Ok(Item::Reload { .. }) => outcome.reloads += 1,
            Ok(Item::End { .. }) => {}
            Err(error) => outcome.damage = Some(error),
        }
        outcome.alerts += alerts.len() as u64;
        alerts.drain(..).try_for_each(&mut sink)?;
    }
    // As the agent does at its end: what was folded is said.
    engine.finish(&mut alerts);
    outcome.alerts += alerts.len() as u64;
    alerts.drain(..).try_for_each(&mut sink)?;
    Ok(outcome)
}

/// The engine's settings by the configuration, for a live run and for a replay alike.
pub fn settings(loaded: &Loaded, hostname: &str) -> Settings {
    let table = process::Limits {
        max_processes: loaded.config.process.max_processes,
        keep_ended: u64::try_from(loaded.config.process.keep_exited.as_nanos()).unwrap_or(u64::MAX),
    };
    Settings {
        score: loaded.specs.score.clone(),
        table,
        hostname: hostname.to_owned(),
        active_for: u64::try_from(loaded.config.metrics.active_for.as_nanos()).unwrap_or(u64::MAX),
        network: loaded.specs.network_settings.clone(),
    }
}

/// The command: alerts as JSON lines on standard output, everything else on standard error.
pub fn run(config: &ConfigArgs, args: &ReplayArgs) -> Result<(), ReplayError> {
    let recording = Reader::open(&args.file)?;
    let meta = recording.meta().clone();
    let (loaded, mut engine) = engine(config, &meta)?;
    if loaded.hash != meta.config_hash {
        eprintln!(
            "lapwing: the recording was made under configuration {}, this replay is under {}: alerts may differ",
            meta.config_hash, loaded.hash
        );
    }
    let host = Arc::new(Host {
        name: meta.hostname.clone(),
        kernel: meta.kernel.clone(),
        ..Host::default()
    });
    let wall = WallClock { boot: meta.wall_offset };
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = replay(recording, &mut engine, |alert| {
        let record = AlertRecord {
            alert,
            wall,
            host: host.clone(),
        };
        writeln!(out, "{}", record.to_json_line())
    });
    let outcome = outcome.and_then(|outcome| out.flush().map(|()| outcome));
    match outcome {
        Ok(outcome) => say(outcome),
        // The reader has seen enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(ReplayError::Output(error)),
    }
}

/// The engine that the recorded agent had, as far as the configuration is the same. The recording's profile is taken unless another one is asked for.
fn engine(config: &ConfigArgs, meta: &Meta) -> Result<(Loaded, Engine), ReplayError> {
    let profile = config.profile.or_else(|| Profile::from_str(&meta.profile, true).ok());
    let loaded = config::load(&ConfigArgs {
        profile,
        ..config.clone()
    })
    .map_err(ReplayError::Config)?;
    let rules = RuleSet::compile(&loaded.specs).map_err(|errors| {
        let problem = |error: lapwing_engine::rule::RuleError| {
            Problem::without_place(
                format!("rule {}: {}: {}", error.rule, error.key, error.message),
                error.help,
            )
        };
        ReplayError::Config(errors.into_iter().map(problem).collect())
    })?;
    let engine = Engine::new(Arc::new(rules), settings(&loaded, &meta.hostname));
    Ok((loaded, engine))
}

/// The summary; damage is a failure although everything before it was replayed.
fn say(outcome: Outcome) -> Result<(), ReplayError> {
    eprintln!("lapwing: {} events replayed, {} alerts", outcome.events, outcome.alerts);
    for ((sensor, stage), count) in &outcome.lost {
        eprintln!(
            "lapwing: {count} {} events were lost while recording ({stage})",
            sensor.name()
        );
    }
    if outcome.reloads > 0 {
        eprintln!(
            "lapwing: the rules changed {} times while recording: alerts may differ",
            outcome.reloads
        );
    }
    outcome.damage.map_or(Ok(()), |damage| Err(damage.into()))
}
