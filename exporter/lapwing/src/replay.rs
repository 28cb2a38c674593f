//! `lapwing replay`: a recording (or captured packets) through the same engine, which has no clock of its own and therefore says the same.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
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
    capture::{self, CaptureError},
    cli::{ConfigArgs, Profile, ReplayArgs},
    config::{self, Loaded, Problem},
    outputs::{AlertRecord, Host, WallClock},
    recording::{Item, Meta, ReadError, Reader},
};

/// What a replay came to.
#[derive(Debug)]
pub struct Outcome<E = ReadError> {
    /// Events that went into the engine.
    pub events: u64,
    /// Alerts that came out.
    pub alerts: u64,
    /// What the recording lacks, by sensor and stage.
    pub lost: BTreeMap<(Sensor, String), u64>,
    /// How often the rules changed while it was made.
    pub reloads: u64,
    /// Why it could not be read to its end.
    pub damage: Option<E>,
}

impl<E> Default for Outcome<E> {
    fn default() -> Self {
        Outcome {
            events: 0,
            alerts: 0,
            lost: BTreeMap::new(),
            reloads: 0,
            damage: None,
        }
    }
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording could not be read (any further).
    #[error("{0}")]
    Recording(#[from] ReadError),
    /// The capture could not be read (any further).
    #[error("{0}")]
    Capture(#[from] CaptureError),
    /// The configuration is wrong.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Problem>),
    /// Alerts could not be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Sends everything in `recording` through `engine`; `sink` gets the alerts, also those before damage, and may end the replay with an error.
///
/// # Errors
/// Damage in the recording, or what `sink` returned.
pub fn replay<E>(
    recording: impl Iterator<Item = Result<Item, E>>,
    engine: &mut Engine,
    mut sink: impl FnMut(Alert) -> io::Result<()>,
) -> io::Result<Outcome<E>> {
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
///
/// # Errors
/// Problems of the configuration, of the recording, or of standard output.
pub fn run(config: &ConfigArgs, args: &ReplayArgs) -> Result<(), ReplayError> {
    let open = |source| ReadError::Open {
        path: args.file.clone(),
        source,
    };
    let mut file = File::open(&args.file).map_err(open)?;
    let mut start = [0; 4];
    let got = file.read(&mut start).map_err(open)?;
    file.rewind().map_err(open)?;
    if capture::is_capture(&start[..got]) {
        return run_capture(config, file);
    }
    let recording = Reader::new(BufReader::new(file))?;
    let meta = recording.meta().clone();
    let (loaded, mut engine) = engine(config, &meta)?;
    if loaded.hash != meta.config_hash {
        eprintln!(
            "lapwing: the recording was made under configuration {}, this replay is under {}: alerts may differ",
            meta.config_hash, loaded.hash
        );
    }
    print(recording, &mut engine, &meta)?.map_or(Ok(()), say)
}

/// The same for captured packets.
fn run_capture(config: &ConfigArgs, file: File) -> Result<(), ReplayError> {
    let mut packets = capture::Reader::new(file)?;
    let meta = Meta::default();
    let config = ConfigArgs {
        network: true,
        ..config.clone()
    };
    let (_, mut engine) = engine(&config, &meta)?;
    let Some(outcome) = print(packets.by_ref(), &mut engine, &meta)? else {
        return Ok(());
    };
    eprintln!("lapwing: {} packets read", packets.packets());
    let ignored = packets.ignored();
    for (count, what) in [
        (ignored.not_tcp, "packets are not TCP over IP and were ignored"),
        (
            ignored.fragments,
            "packets are fragments, which are not put together, and were ignored",
        ),
        (
            ignored.broken,
            "packets have broken or incomplete headers and were ignored",
        ),
        (
            ignored.link_type,
            "packets have a link type that is not read here and were ignored",
        ),
        (
            ignored.cut,
            "segments were captured in part only: the rest of them is missing",
        ),
        (
            ignored.forgotten,
            "connections were forgotten because there were too many at once",
        ),
    ] {
        if count > 0 {
            eprintln!("lapwing: {count} {what}");
        }
    }
    say(outcome)
}

/// Replays to standard output. None: whoever reads it has seen enough (`| head`).
fn print<E>(
    items: impl Iterator<Item = Result<Item, E>>,
    engine: &mut Engine,
    meta: &Meta,
) -> Result<Option<Outcome<E>>, ReplayError> {
    let host = Arc::new(Host {
        name: meta.hostname.clone(),
        kernel: meta.kernel.clone(),
        ..Host::default()
    });
    let wall = WallClock { boot: meta.wall_offset };
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = replay(items, engine, |alert| {
        let record = AlertRecord {
            alert,
            wall,
            host: host.clone(),
            unwatched: None,
        };
        writeln!(out, "{}", record.to_json_line())
    });
    match outcome.and_then(|outcome| out.flush().map(|()| outcome)) {
        Ok(outcome) => Ok(Some(outcome)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
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
fn say<E>(outcome: Outcome<E>) -> Result<(), ReplayError>
where
    ReplayError: From<E>,
{
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
