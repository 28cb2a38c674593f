//! What runs already when the agent starts: the task iterator, completed from /proc.

mod proc;

pub(crate) use proc::is_still;

use std::{collections::BTreeSet, io::Read};

use lapwing_engine::event::{Body, Event, ProcessKey};
use libbpf_rs::Iter;

use crate::{
    decode::{WatchNames, decode},
    loader,
    sensors::Sensors,
};

/// The processes that run already could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the processes that run already cannot be listed by the kernel ({0}): they are unknown until they exec")]
pub struct SeedError(String);

impl Sensors {
    /// Every process that runs now, as `Body::Snapshot`, parents before children. Also tells the kernel's memory of credentials, and has it tell
    /// of the connections that are there, by the ring.
    ///
    /// # Errors
    /// When the kernel does not list its tasks.
    pub fn seed(&mut self) -> Result<Vec<Event>, SeedError> {
        let records = self.iterate();
        self.seed_network();
        let records = records.map_err(SeedError)?;
        let mut events = Vec::new();
        let mut rest = records.as_slice();
        // The header of a record begins with time, start and seq; its size is the u32 behind them.
        while let Some(size) = rest
            .get(24..28)
            .and_then(|b| Some(u32::from_ne_bytes(b.try_into().ok()?) as usize))
        {
            let Some((record, next)) = rest.split_at_checked(size).filter(|_| size > 0) else {
                break;
            };
            match decode(record, &WatchNames::new()) {
                Ok(event) => events.push(event),
                Err(error) => tracing::warn!(%error, "a process that runs already could not be read"),
            }
            rest = next;
        }
        events.iter_mut().for_each(proc::add_arguments);
        let hidden = proc::parents(&events);
        events.extend(hidden);
        Ok(parents_first(events))
    }

    fn iterate(&self) -> Result<Vec<u8>, String> {
        const PROGRAM: &str = "lw_on_task";
        let object = loader::load(&self.base, "process_iter", &BTreeSet::from([PROGRAM]))?;
        let program = object
            .progs_mut()
            .find(|p| p.name() == PROGRAM)
            .ok_or("no program lw_on_task")?;
        let link = program.attach().map_err(|error| error.to_string())?;
        let mut records = Vec::new();
        Iter::new(&link)
            .map_err(|error| error.to_string())?
            .read_to_end(&mut records)
            .map_err(|error| error.to_string())?;
        Ok(records)
    }
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
