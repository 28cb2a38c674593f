//! The life of the agent, from top to bottom.

mod doors;
mod fill;
mod heart;
mod purpose;
mod reload;
mod report;

use std::{sync::Arc, time::Duration};

use heart::Heart;
use lapwing_bpf::{Options, Sensors};
use lapwing_engine::{engine::Engine, event::Flavour, rule::RuleSet};
pub use purpose::Purpose;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    alertmanager::Poller,
    cli::{ConfigArgs, RecordArgs},
    commands::{Failure, other},
    config::{self, Config, Loaded},
    last_alerts::LastAlerts,
    log,
    metrics::Metrics,
    outputs::{Host, Outputs, RecentAlerts, WallClock},
    pipeline::{Detector, Ended, Pipeline, State, boot_now},
    privileges,
    recent::Journal,
    record,
    recording::Stop,
    replay,
    resolve::Resolver,
    state_dir::StateDir,
    unwatched::{Alive, Unwatched},
};

/// How often totals go to the metrics.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// How long outputs may take for what waits when the agent ends.
const LAST_ALERTS: Duration = Duration::from_secs(5);

/// Attach, detect, export, until a signal says stop.
///
/// # Errors
/// Configuration problems, sensors that cannot work here, addresses and files that cannot be used. After the start nothing ends the agent but a
/// signal or the death of one of its threads.
pub fn run(args: &ConfigArgs, flavour: Option<Flavour>, purpose: &Purpose) -> Result<(), Failure> {
    let mut loaded = config::load(args).map_err(Failure::Config)?;
    purpose.adapt(&mut loaded.config);
    let log = log::init(&loaded.config.log).map_err(other)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let rules = compile(&loaded)?;
    let place = purpose.take_place(&loaded)?;
    // Whatever the sensors tell is of this run.
    let started = boot_now();
    let state_dir = match purpose.is_agent() {
        true => open_state(&loaded.config.agent.state_dir),
        false => None,
    };
    let mut heart = Heart::new(state_dir.as_ref());
    let (mut sensors, reader) = Sensors::open(&options(&loaded.config, flavour), &heart.interest(&rules, 1))?;
    let attached = boot_now();
    report::say_hooks(&sensors);
    let (alive, unwatched) = match &state_dir {
        Some(state) => Alive::take(state, attached),
        None => (None, None),
    };
    let running = sensors.seed().unwrap_or_else(|error| {
        tracing::error!("{error}");
        Vec::new()
    });
    let host = Arc::new(Host::read(&loaded.config.agent.host_root));
    let resolver = Resolver::new(&loaded.config.agent.host_root).map_err(other)?;
    let wall = WallClock::now();
    let recorder = purpose
        .recording()
        .map(|recording| record::create(recording, &loaded, &host, wall))
        .transpose()
        .map_err(other)?;
    // Its thread gives up capabilities itself: on older kernels it needs one more than the others.
    sensors.find_tls();
    // Threads inherit what the thread that starts them has: nothing else may be started before this.
    let kept = privileges::drop_capabilities().map_err(other)?;
    tracing::debug!(?kept, "capabilities dropped");

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(other)?;
    let outcome = runtime.block_on(async {
        let metrics = Metrics::new(loaded.config.metrics.max_rules);
        metrics.config_loaded(report::config_info(&loaded), loaded.config.metrics.max_rules);
        metrics.show_log(log.lost());
        let recent = state_dir.as_ref().and_then(|state| remember(state, &metrics));
        let mut outputs = Outputs::start(&loaded.config, &host, &metrics).map_err(other)?;
        outputs.remember(recent.clone());
        let outputs = Arc::new(outputs);
        outputs.date_by(wall);
        let engine = Engine::new(rules, replay::settings(&loaded, &host.name));
        let mut detector = Detector::new(engine, resolver, recorder, outputs.clone());
        let unix = wall.unix_nanoseconds(started);
        let last_alerts = LastAlerts::load(state_dir.clone(), started, unix);
        detector.restore(last_alerts.active(unix, loaded.config.metrics.active_for));
        let mut poller = Poller::start(&loaded.config, state_dir);
        detector.set_masks(poller.masks());
        detector.seed(&running);
        let pipeline = Pipeline::start(reader, detector, loaded.config.agent.drain_interval).map_err(other)?;
        let losses = purpose.recording().is_some().then(record::Losses::default);
        let mut agent = Agent {
            args: args.clone(),
            purpose: purpose.clone(),
            loaded,
            generation: 1,
            sensors,
            pipeline,
            outputs,
            metrics,
            host,
            losses,
            poller,
            recent,
            last_alerts,
            heart,
            alive,
            unwatched,
            fill: fill::Fill::default(),
        };
        // The first scrape finds every series, and those active that were it before.
        if let Some(state) = agent.pipeline.state().await {
            agent.report(&state);
        }
        let doors = doors::open(&agent.loaded.config, &agent.metrics, purpose).await?;
        if let Some(unwatched) = &agent.unwatched {
            tracing::info!(
                seconds = unwatched.seconds,
                end = unwatched.end.name(),
                "nobody watched before this start"
            );
            agent.outputs.tell(unwatched.clone(), attached);
        }
        agent.metrics.set_ready(true);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            rules = count(&agent.loaded),
            "watching"
        );
        let reason = agent.live(&log).await;
        agent.metrics.set_ready(false);
        drop(doors);
        agent.record_losses();
        agent.end(reason).await
    });
    log.flush();
    drop(place);
    outcome
}

/// Compiles the rules; [`config::load`] has reported what is wrong with them, with its place.
///
/// # Errors
/// What the rules say wrong: configurations that `config::load` took have none.
pub fn compile(loaded: &Loaded) -> Result<Arc<RuleSet>, Failure> {
    RuleSet::compile(&loaded.specs).map(Arc::new).map_err(|errors| {
        Failure::Config(
            errors
                .into_iter()
                .map(|e| config::Problem::without_place(e.message, e.help))
                .collect(),
        )
    })
}

/// What the sensors are opened with.
pub fn options(config: &Config, flavour: Option<Flavour>) -> Options {
    Options {
        flavour,
        stats: config.agent.bpf_stats,
        lifecycle_ring: config.agent.lifecycle_ring,
        file_ring: config.agent.file_ring,
        network_ring: config.agent.network_ring,
        connections: u32::try_from(config.network.max_flows).unwrap_or(u32::MAX),
    }
}

/// How many rules are loaded.
fn count(loaded: &Loaded) -> usize {
    loaded.specs.process.len() + loaded.specs.watches.len() + loaded.specs.network.len()
}

/// What outlives the agent; without it the agent runs all the same.
fn open_state(path: &std::path::Path) -> Option<StateDir> {
    StateDir::open(path)
        .inspect_err(|error| tracing::warn!("counters, silences and recent alerts will not outlive the agent: {error}"))
        .ok()
}

/// The store of recent alerts; without it `lapwing mask add --alert ID` knows nothing of an alert.
fn remember(state: &StateDir, metrics: &Metrics) -> Option<Arc<RecentAlerts>> {
    let started = Journal::open(state.clone()).and_then(|journal| RecentAlerts::start(journal, metrics));
    started
        .inspect_err(|error| tracing::warn!("recent alerts are not kept for `lapwing mask`: {error}"))
        .ok()
        .map(Arc::new)
}

/// Everything that lives as long as the agent.
struct Agent {
    args: ConfigArgs,
    purpose: Purpose,
    loaded: Loaded,
    generation: u32,
    sensors: Sensors,
    pipeline: Pipeline,
    outputs: Arc<Outputs>,
    metrics: Metrics,
    host: Arc<Host>,
    /// What a recording was told of losses; None without one.
    losses: Option<record::Losses>,
    /// Silences of Alertmanager.
    poller: Poller,
    /// The store of recent alerts.
    recent: Option<Arc<RecentAlerts>>,
    /// When each series alerted last.
    last_alerts: LastAlerts,
    /// Whether the sensors still deliver.
    heart: Heart,
    /// What tells the next start since when nobody watches.
    alive: Option<Alive>,
    /// How long nobody watched before this start.
    unwatched: Option<Unwatched>,
    /// How full the kernel's tables are.
    fill: fill::Fill,
}

/// Why the agent ends.
enum Reason {
    Signal(&'static str),
    RecordingOver,
    Broken,
}

impl Agent {
    /// Reports, reloads on SIGHUP, and returns when it is time to end.
    async fn live(&mut self, log: &log::LogHandle) -> Reason {
        let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = (
            listen(SignalKind::hangup()),
            listen(SignalKind::terminate()),
            listen(SignalKind::interrupt()),
        ) else {
            return Reason::Broken;
        };
        let mut report = interval(REPORT_EVERY);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = hangup.recv() => self.reload(log),
                _ = terminate.recv() => return Reason::Signal("SIGTERM"),
                _ = interrupt.recv() => return Reason::Signal("SIGINT"),
                () = self.poller.changed() => {
                    // A pipeline that does not take it has ended: the next report says so.
                    let _ = self.pipeline.set_masks(self.poller.masks());
                }
                _ = report.tick() => {
                    if self.pipeline.broken() {
                        return Reason::Broken;
                    }
                    self.follow_mounts();
                    tokio::task::block_in_place(|| self.sensors.end_connections());
                    if let Some(state) = self.pipeline.state().await {
                        let over = state.recording_over;
                        if let Some(alive) = &mut self.alive {
                            alive.sign(boot_now(), std::time::Instant::now());
                        }
                        self.report(&state);
                        self.record_losses();
                        if over {
                            return Reason::RecordingOver;
                        }
                    }
                }
            }
        }
    }

    fn report(&mut self, state: &State) {
        let (wall, now) = (WallClock::now(), std::time::Instant::now());
        self.last_alerts
            .follow(&state.active, |time| wall.unix_nanoseconds(time), now);
        if self.last_alerts.is_due(now) {
            tokio::task::block_in_place(|| self.last_alerts.save(now));
        }
        self.heart.beat(&self.sensors);
        let poll = self.poller.state();
        let mut snapshot = report::snapshot(state, &self.sensors, poll, &self.last_alerts, &self.heart);
        snapshot.unwatched = self.unwatched.clone();
        snapshot.kernel_tables = self.fill.of(&self.sensors, now);
        self.metrics.publish(snapshot);
    }

    fn record_losses(&mut self) {
        if let Some(losses) = &mut self.losses {
            // A pipeline that does not take it has ended.
            let _ = self.pipeline.lost(losses.since(&report::losses(&self.sensors)));
        }
    }

    /// A mount may bring a watched path into being, or put another directory in its place.
    fn follow_mounts(&mut self) {
        // A reload may want it for the first time.
        self.sensors.find_tls();
        match self.sensors.refresh_watches() {
            Ok(true) => tracing::debug!("mounts changed; the watched paths were looked up again"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!("mounts changed, and the watched paths could not be looked up again: {error}")
            }
        }
    }

    /// Ends in the order of the data: sensors, engine, outputs.
    async fn end(self, reason: Reason) -> Result<(), Failure> {
        match reason {
            Reason::Signal(signal) => tracing::info!(signal, "ending"),
            Reason::RecordingOver => tracing::info!("the recording is over; ending"),
            Reason::Broken => tracing::error!("a pipeline thread has died; ending, for nothing is seen without it"),
        }
        let Agent {
            purpose,
            pipeline,
            outputs,
            sensors,
            recent,
            mut last_alerts,
            alive,
            ..
        } = self;
        let ended = tokio::task::block_in_place(|| pipeline.stop());
        if let Some(ended) = &ended {
            if let Some(alive) = alive.filter(|_| !matches!(reason, Reason::Broken)) {
                tokio::task::block_in_place(|| alive.end(boot_now()));
            }
            let (wall, now) = (WallClock::now(), std::time::Instant::now());
            last_alerts.follow(&ended.state.active, |time| wall.unix_nanoseconds(time), now);
            tokio::task::block_in_place(|| last_alerts.save(now));
        }
        drop(sensors);
        if let Some(outputs) = Arc::into_inner(outputs) {
            outputs.shutdown(Instant::now() + LAST_ALERTS).await;
        }
        if let Some(recent) = recent.and_then(Arc::into_inner) {
            recent.shutdown(Instant::now() + LAST_ALERTS).await;
        }
        match (ended, reason) {
            (Some(ended), Reason::Signal(_) | Reason::RecordingOver) => say_recording(ended, purpose.recording()),
            _ => Err(Failure::Other("a pipeline thread had died; the log says why".into())),
        }
    }
}

fn listen(kind: SignalKind) -> std::io::Result<Signal> {
    signal(kind).inspect_err(|error| tracing::error!("no signal handler: {error}"))
}

fn say_recording(ended: Ended, recording: Option<&RecordArgs>) -> Result<(), Failure> {
    let (Some(summary), Some(recording)) = (ended.recording, recording) else {
        return Ok(());
    };
    eprintln!("lapwing: {}", record::describe(&summary, &recording.file));
    match summary.reason {
        Stop::Failed(why) => Err(Failure::Other(format!("the recording is not whole: {why}"))),
        _ => Ok(()),
    }
}
