//! What the tests share: sensors on the real kernel.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub mod net;
pub mod tls;

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use lapwing_bpf::{Options, Reader, Sensors};
use lapwing_engine::{
    event::{Body, Event, Flavour},
    interest::Interest,
};

/// One at a time: each opens sensors on the whole host and counts what happens there.
static HOST: Mutex<()> = Mutex::new(());

pub struct Rig {
    pub sensors: Sensors,
    pub reader: Reader,
    pub events: Vec<Event>,
    _host: MutexGuard<'static, ()>,
}

/// Everything that the process sensor can tell.
pub fn everything() -> Interest {
    Interest {
        generation: 7,
        process: true,
        exec_failures: true,
        credentials: true,
        watches: Vec::new(),
        network: None,
    }
}

/// LAPWING_TEST_FLAVOUR=function or syscall forces one: for kernels that would choose another.
pub fn asked_flavour() -> Option<Flavour> {
    match std::env::var("LAPWING_TEST_FLAVOUR").as_deref() {
        Ok("function") => Some(Flavour::Function),
        Ok("syscall") => Some(Flavour::Syscall),
        _ => None,
    }
}

impl Rig {
    /// Opens the sensors; what the test process itself does is seen too.
    pub fn open(options: &Options, interest: &Interest) -> Rig {
        // RUST_LOG=libbpf=debug shows what the verifier says.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .try_init();
        let host = HOST.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let options = Options {
            flavour: options.flavour.or(asked_flavour()),
            ..options.clone()
        };
        let (mut sensors, reader) = match Sensors::open(&options, interest) {
            Ok(opened) => opened,
            Err(why) => panic!("these tests need a kernel to test on: {why}"),
        };
        sensors.exclude_self(0);
        Rig {
            sensors,
            reader,
            events: Vec::new(),
            _host: host,
        }
    }

    /// Reads until the rings are empty.
    pub fn drain(&mut self) {
        let events = &mut self.events;
        while self.reader.drain(10_000, &mut |event| events.push(event)) > 0 {}
    }

    /// Reads until `done` of the events, at most a minute.
    pub fn until(&mut self, done: impl Fn(&[Event]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            self.drain();
            if done(&self.events) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "it did not come; what came: {:#?}",
                self.events
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The events of the process `pid`.
    pub fn of(&self, pid: u32) -> Vec<&Event> {
        self.events
            .iter()
            .filter(|event| event.header.process.pid == pid)
            .collect()
    }

    /// Whether `pid` has exited, as the events tell.
    pub fn until_exit(&mut self, pid: u32) {
        self.until(|events| {
            events
                .iter()
                .any(|e| e.header.process.pid == pid && matches!(e.body, Body::Exit(_)))
        });
    }

    /// What was lost at a stage, or (at `self`) left out, all sensors together.
    pub fn lost_at(&self, stage: &str) -> u64 {
        let losses = self.sensors.losses();
        let there = losses.iter().filter(|loss| loss.stage == stage);
        there.map(|loss| loss.count).sum()
    }

    /// Lost records, all sensors and stages. A failing test's output says which.
    pub fn lost(&self) -> u64 {
        let mut losses = self.sensors.losses();
        losses.retain(|loss| loss.stage != "self" && loss.count > 0);
        losses.iter().for_each(|loss| println!("lost: {loss:?}"));
        losses.iter().map(|loss| loss.count).sum()
    }
}
