//! The one path, live: reader thread -> engine thread -> outputs.
//!
//! Every queue is bounded. When the engine falls behind, the reader waits and the kernel's rings fill: what does not fit there is counted there,
//! once, by sensor.

mod clock;
mod detect;
mod read;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
};

use lapwing_bpf::Reader;
use lapwing_engine::{
    engine::{ActiveSeries, Counters, Settings, TableSize},
    event::{BootTime, Event},
    mask::Masks,
    reorder::ReorderCounters,
    rule::RuleSet,
    score::SubjectKind,
};
use tokio::sync::oneshot;

pub use clock::boot_now;
pub use detect::{Detector, Ended};

use crate::{metrics::snapshot::LossCount, outputs::Outputs};

/// Batches between the reader and the engine; a batch is what one drain of the rings gave, at most [`BATCH`] events.
const QUEUE: usize = 64;

/// Most events of one batch.
const BATCH: usize = 1024;

/// Most events between the threads.
pub const CAPACITY: usize = QUEUE * BATCH;

/// New rules for a running engine.
pub struct Reload {
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// Scores, bounds.
    pub settings: Settings,
    /// New outputs, where their configuration changed.
    pub outputs: Option<Arc<Outputs>>,
    /// The generation that the kernel judges by from now on.
    pub generation: u32,
    /// Hash of the configuration.
    pub hash: String,
}

/// What the engine thread is told, events among it, in order.
enum Input {
    Events {
        batch: Vec<Event>,
        /// What was in a ring by then is in this batch or was in one before.
        complete: BootTime,
    },
    Lost(Vec<LossCount>),
    Reload(Box<Reload>),
    Masks(Arc<Masks>),
    Snapshot(oneshot::Sender<State>),
    Stop,
}

/// What the engine thread says about itself.
#[derive(Debug, Clone)]
pub struct State {
    /// The engine's own counters.
    pub counters: Counters,
    /// Every series of alerts, and whether it is active.
    pub active: Vec<ActiveSeries>,
    /// Silences in force that cover critical alerts.
    pub hiding_critical: u64,
    /// The highest scores.
    pub scores: [(SubjectKind, f64); SubjectKind::ALL.len()],
    /// What was seen in the connections' bytes, and what was not.
    pub streams: lapwing_engine::net::budget::Counters,
    /// How full its tables are.
    pub tables: Vec<TableSize>,
    /// What went through the reorder buffer.
    pub reorder: ReorderCounters,
    /// Events held in it.
    pub held: usize,
    /// Raw paths that were only normalised as text.
    pub unresolved_paths: u64,
    /// A recording was asked for and has reached one of its bounds.
    pub recording_over: bool,
}

/// The two threads and the queue between them.
pub struct Pipeline {
    input: SyncSender<Input>,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<()>,
    engine: JoinHandle<Ended>,
}

impl Pipeline {
    /// Starts both threads; the rings are read every `pause`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(reader: Reader, detector: Detector, pause: Duration) -> std::io::Result<Pipeline> {
        let (input, inbox) = sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let (to_reader, spent) = sync_channel(QUEUE);
        let complete = Arc::new(AtomicU64::new(0));
        let read_up_to = complete.clone();
        let engine = Builder::new()
            .name("lapwing-engine".into())
            .spawn(move || detector.run(&inbox, &to_reader, &read_up_to))?;
        let (to_engine, told) = (input.clone(), stop.clone());
        let reader = Builder::new()
            .name("lapwing-reader".into())
            .spawn(move || read::run(reader, &to_engine, &spent, &complete, &told, pause))?;
        Ok(Pipeline {
            input,
            stop,
            reader,
            engine,
        })
    }

    /// Hands new rules to the engine; false when it is gone. Waits while the queue is full.
    pub fn reload(&self, reload: Reload) -> bool {
        self.input.send(Input::Reload(Box::new(reload))).is_ok()
    }

    /// Hands other masks to the engine; false when it is gone. Waits while the queue is full.
    pub fn set_masks(&self, masks: Arc<Masks>) -> bool {
        self.input.send(Input::Masks(masks)).is_ok()
    }

    /// Tells a recording what was lost.
    pub fn lost(&self, losses: Vec<LossCount>) -> bool {
        losses.is_empty() || self.input.send(Input::Lost(losses)).is_ok()
    }

    /// The engine's counters; None when the queue is full or the engine does not answer within two seconds.
    pub async fn state(&self) -> Option<State> {
        let (reply, answer) = oneshot::channel();
        self.input.try_send(Input::Snapshot(reply)).ok()?;
        tokio::time::timeout(Duration::from_secs(2), answer).await.ok()?.ok()
    }

    /// Whether a thread has ended although nobody asked it to.
    pub fn broken(&self) -> bool {
        self.reader.is_finished() || self.engine.is_finished()
    }

    /// Reads what the rings still hold, says what was held back, and ends both threads. None when one of them had panicked.
    pub fn stop(self) -> Option<Ended> {
        self.stop.store(true, Ordering::Relaxed);
        let reader = self.reader.join();
        // A reader that panicked did not say so to the engine.
        let _ = self.input.try_send(Input::Stop);
        drop(self.input);
        let engine = self.engine.join();
        reader.ok().and(engine.ok())
    }
}
