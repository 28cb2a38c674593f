//! The engine thread: order, resolve, record, observe, hand on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use lapwing_engine::{
    alert::Alert,
    engine::{AlertSeries, Engine},
    event::{Body, BootTime, Boxes, Carried, Event},
    mask::Masks,
    reorder::Reorder,
};

use super::{CAPACITY, Input, Reload, State, boot_now};
use crate::{
    metrics::snapshot::LossCount,
    outputs::Outputs,
    recording::{Summary, Writer},
    resolve::Resolver,
};

/// How often time passes for the engine when nothing happens: fold windows close this exactly.
const TICK: u64 = 200_000_000;

/// How long an event waits at least for earlier ones from other CPUs and rings, such as are behind a record that is still being written.
const REORDER_WINDOW: Duration = Duration::from_millis(10);

/// A record is written so much after its time at most, but for one whose program is preempted.
const WRITING: Duration = Duration::from_millis(1);

/// Owns the engine and everything that stands between it and the events.
pub struct Detector {
    engine: Engine,
    reorder: Reorder,
    resolver: Resolver,
    recorder: Option<Writer>,
    outputs: Arc<Outputs>,
    alerts: Vec<Alert>,
    ticked: BootTime,
    /// What was in a ring by then is here.
    complete: BootTime,
}

/// What is left when the engine thread has ended.
pub struct Ended {
    /// The last state.
    pub state: State,
    /// What the recording came to, where one was asked for.
    pub recording: Option<Summary>,
}

impl Detector {
    /// A detector that hands its alerts to `outputs` and, where asked, everything it observes to `recorder`.
    pub fn new(mut engine: Engine, resolver: Resolver, recorder: Option<Writer>, outputs: Arc<Outputs>) -> Detector {
        engine.measure(|| boot_now().0);
        Detector {
            engine,
            reorder: Reorder::new(CAPACITY, REORDER_WINDOW.as_nanos() as u64),
            resolver,
            recorder,
            outputs,
            alerts: Vec::new(),
            ticked: boot_now(),
            complete: BootTime(0),
        }
    }

    /// Takes the processes that were there before the agent. They go past the reorder buffer: what one of them did while they were listed
    /// has an earlier time, and must find them known.
    pub fn seed(&mut self, running: &[Event]) {
        running.iter().for_each(|event| self.observe(event));
    }

    /// Takes an event. Raw paths are looked up at once, while the directories are still where they were.
    fn accept(&mut self, mut event: Event) {
        self.resolver.resolve(&mut event);
        self.reorder.push(event);
    }

    /// Until [`Input::Stop`], or until nobody is left to send. `read` is up to when the rings were read and what they had was sent.
    pub(super) fn run(mut self, inbox: &Receiver<Input>, reader: &SyncSender<Boxes>, read: &AtomicU64) -> Ended {
        let mut spent = Boxes::new();
        loop {
            // Asked before the inbox is: what was sent by then is in it.
            let sent = BootTime(read.load(Ordering::Acquire));
            match inbox.recv_timeout(REORDER_WINDOW) {
                Ok(Input::Events { batch, complete }) => {
                    batch.into_iter().for_each(|event| self.accept(event));
                    self.complete = complete;
                }
                Ok(Input::Lost(losses)) => self.lost(&losses),
                Ok(Input::Reload(reload)) => self.reload(*reload),
                Ok(Input::Masks(masks)) => self.set_masks(masks),
                Ok(Input::Snapshot(reply)) => drop(reply.send(self.state())),
                Err(RecvTimeoutError::Timeout) => self.complete = self.complete.max(sent),
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            let now = self.now();
            while let Some(event) = self.reorder.pop_ready(now) {
                self.observe(&event);
                if let Body::Segment(mut segment) = event.body {
                    segment.data = Carried::default();
                    spent.push(segment);
                }
            }
            // A reader that has enough of them leaves them to be freed here.
            if !spent.is_empty() {
                let _ = reader.try_send(std::mem::take(&mut spent));
            }
            let settled = self.reorder.watermark(now);
            self.engine.settle(settled, &mut self.alerts);
            self.send();
            self.pass_time(settled);
        }
    }

    /// Now, or as much earlier as it takes to let go of nothing that happened since all rings were last read: the host may leave the reader no time,
    /// or batches wait in the queue.
    fn now(&self) -> BootTime {
        let known = Duration::from_nanos(self.complete.0).saturating_sub(WRITING) + REORDER_WINDOW;
        boot_now().min(BootTime(known.as_nanos() as u64))
    }

    /// Takes over which series were active when an earlier run of the agent ended, with the time of the last match.
    pub fn restore(&mut self, active: impl Iterator<Item = (AlertSeries, BootTime)>) {
        active.for_each(|(series, last)| self.engine.restore_active(series, last));
    }

    /// Takes other masks, for what is judged from now on.
    pub fn set_masks(&mut self, masks: Arc<Masks>) {
        self.engine.set_masks(masks, boot_now());
    }

    fn observe(&mut self, event: &Event) {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(event);
            // What is not recorded is not judged either: a recording gives the alerts of its run, no more and no less.
            if recorder.stopped().is_some() {
                return;
            }
        }
        self.engine.observe(event, &mut self.alerts);
        self.send();
    }

    fn pass_time(&mut self, settled: BootTime) {
        if settled.0.saturating_sub(self.ticked.0) < TICK {
            return;
        }
        self.ticked = settled;
        if let Some(recorder) = &mut self.recorder {
            recorder.tick(settled);
            if recorder.stopped().is_some() {
                return;
            }
        }
        self.engine.tick(settled, &mut self.alerts);
        self.send();
    }

    fn lost(&mut self, losses: &[LossCount]) {
        if let Some(recorder) = &mut self.recorder {
            losses
                .iter()
                .for_each(|loss| recorder.lost(loss.sensor, loss.stage, loss.count));
        }
    }

    fn reload(&mut self, reload: Reload) {
        if let Some(recorder) = &mut self.recorder {
            recorder.reload(reload.generation, &reload.hash);
        }
        self.engine.reload(reload.rules, reload.settings);
        if let Some(outputs) = reload.outputs {
            self.outputs = outputs;
        }
    }

    fn end(mut self) -> Ended {
        while let Some(event) = self.reorder.pop() {
            self.observe(&event);
        }
        self.engine.finish(&mut self.alerts);
        self.send();
        Ended {
            state: self.state(),
            recording: self.recorder.map(Writer::finish),
        }
    }

    fn send(&mut self) {
        for alert in self.alerts.drain(..) {
            self.outputs.send(alert);
        }
    }

    fn state(&self) -> State {
        let now = boot_now();
        State {
            counters: self.engine.counters().clone(),
            active: self.engine.active(now).collect(),
            hiding_critical: self.engine.silences_hiding_critical(now),
            scores: self.engine.highest_scores(now),
            streams: *self.engine.streams(),
            tables: self.engine.tables(),
            reorder: self.reorder.counters(),
            held: self.reorder.len(),
            unresolved_paths: self.resolver.unresolved(),
            recording_over: self
                .recorder
                .as_ref()
                .is_some_and(|recorder| recorder.stopped().is_some()),
        }
    }
}
