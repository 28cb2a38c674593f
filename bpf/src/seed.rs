//! What runs already when the agent starts: the task iterator, completed from /proc.

use std::{collections::BTreeSet, fs, io::Read};

use lapwing_engine::event::{Body, Event, ProcessKey, Value};
use libbpf_rs::Iter;

use crate::{
    decode::{WatchNames, arguments, decode},
    loader,
    sensors::Sensors,
};

/// The processes that run already could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the processes that run already cannot be listed by the kernel ({0}): they are unknown until they exec")]
pub struct SeedError(String);

/// Most bytes of a command line that are read.
const ARGS_MAX: usize = 4096;
/// Nanoseconds of a clock tick, the unit of times in /proc/PID/stat (USER_HZ is 100 everywhere).
const TICK: u64 = 10_000_000;

impl Sensors {
    /// Every process that runs now, as `Body::Snapshot`, parents before children. Also tells the kernel's memory of credentials.
    pub fn seed(&mut self) -> Result<Vec<Event>, SeedError> {
        let records = self.iterate().map_err(SeedError)?;
        let mut events = Vec::new();
        let mut rest = records.as_slice();
        // The header of a record begins with time, start and seq; its size is the u32 behind them.
        while let Some(size) = rest.get(24..28).and_then(|b| Some(u32::from_ne_bytes(b.try_into().ok()?) as usize)) {
            let Some((record, next)) = rest.split_at_checked(size).filter(|_| size > 0) else { break };
            match decode(record, &WatchNames::new()) {
                Ok(event) => events.push(event),
                Err(error) => tracing::warn!(%error, "a process that runs already could not be read"),
            }
            rest = next;
        }
        events.iter_mut().for_each(add_arguments);
        Ok(parents_first(events))
    }

    fn iterate(&self) -> Result<Vec<u8>, String> {
        const PROGRAM: &str = "lw_on_task";
        let object = loader::load(&self.base, "process_iter", &BTreeSet::from([PROGRAM]))?;
        let program = object.progs_mut().find(|p| p.name() == PROGRAM).ok_or("no program lw_on_task")?;
        let link = program.attach().map_err(|error| error.to_string())?;
        let mut records = Vec::new();
        Iter::new(&link).map_err(|error| error.to_string())?.read_to_end(&mut records).map_err(|error| error.to_string())?;
        Ok(records)
    }
}

/// The kernel's iterator cannot read another process's memory before 6.1: /proc can, if it is still the same process.
fn add_arguments(event: &mut Event) {
    let key = event.header.process;
    let Body::Snapshot(snapshot) = &mut event.body else { return };
    let Ok(file) = fs::File::open(format!("/proc/{}/cmdline", key.pid)) else { return };
    let mut bytes = Vec::new();
    if file.take(ARGS_MAX as u64 + 1).read_to_end(&mut bytes).is_err() || bytes.is_empty() || !is_still(key) {
        return;
    }
    snapshot.args = if bytes.len() > ARGS_MAX {
        Value::Partial(arguments(&bytes[..ARGS_MAX]))
    } else {
        Value::Known(arguments(&bytes))
    };
}

fn is_still(key: ProcessKey) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", key.pid)) else { return false };
    // Behind the name, which may hold anything, the start is the 20th field.
    let start = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_ascii_whitespace().nth(19)?.parse().ok());
    start == Some(key.start / TICK)
}

/// Orders by descent; who has no known parent comes as a root.
fn parents_first(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.header.process.start);
    let known: BTreeSet<ProcessKey> = events.iter().map(|event| event.header.process).collect();
    let mut done = BTreeSet::new();
    let mut ordered = Vec::with_capacity(events.len());
    while !events.is_empty() {
        let before = ordered.len();
        let mut waiting = Vec::new();
        for event in events {
            let parent = match &event.body {
                Body::Snapshot(snapshot) => snapshot.parent,
                _ => ProcessKey::default(),
            };
            if known.contains(&parent) && !done.contains(&parent) && parent != event.header.process {
                waiting.push(event);
            } else {
                done.insert(event.header.process);
                ordered.push(event);
            }
        }
        events = waiting;
        if ordered.len() == before {
            ordered.append(&mut events); // a loop, which the kernel never has
        }
    }
    ordered
}
