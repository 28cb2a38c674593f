//! The ring reader: from the rings to events.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use lapwing_engine::event::{BootTime, Boxes, Event, Room, Sensor};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    decode::{WatchNames, decode_into},
    ring::Ring,
};

/// What reader and sensors share.
#[derive(Default)]
pub(crate) struct Common {
    /// Records that could not be decoded, by sensor.
    pub undecoded: [AtomicU64; 3],
    /// Ids of the watches by number.
    pub watches: Arc<RwLock<WatchNames>>,
    /// Rings made after the reader: it takes them at its next turn.
    pub added: Mutex<Vec<(Sensor, Ring)>>,
}

/// Reads all rings. Belongs to one thread, which drains it every few milliseconds: no record wakes it.
///
/// It goes through them in passes. What a pass takes of each ring is what was there when it began, so that none keeps it from the others.
pub struct Reader {
    rings: Vec<(Sensor, Ring)>,
    /// Up to where the present pass reads each ring.
    ends: Vec<usize>,
    /// The ring that it is at; behind the last one it is over.
    at: usize,
    begun: BootTime,
    complete: BootTime,
    common: Arc<Common>,
    /// Events of others that came during the self-test.
    early: VecDeque<Event>,
    room: Room,
}

impl Reader {
    pub(crate) fn new(rings: Vec<(Sensor, Ring)>, common: Arc<Common>) -> Reader {
        Reader {
            rings,
            ends: Vec::new(),
            at: 0,
            begun: BootTime(0),
            complete: BootTime(0),
            common,
            early: VecDeque::new(),
            room: Room::default(),
        }
    }

    /// Gives at most `budget` events to `sink` and returns how many. Fewer than `budget` means that a pass is over.
    pub fn drain(&mut self, budget: usize, sink: &mut dyn FnMut(Event)) -> usize {
        let mut seen = 0;
        while seen < budget
            && let Some(event) = self.early.pop_front()
        {
            sink(event);
            seen += 1;
        }
        seen + self.read(budget - seen, sink)
    }

    /// When the last whole pass began: what was in a ring by then was given to a sink, but for what is behind a record that was still being written.
    pub fn complete(&self) -> BootTime {
        self.complete
    }

    /// The same as [`Reader::drain`], from the rings alone.
    fn read(&mut self, budget: usize, sink: &mut dyn FnMut(Event)) -> usize {
        if self.at >= self.ends.len() {
            self.begin();
        }
        let Reader {
            rings, common, room, ..
        } = self;
        let watches = common.watches.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut seen = 0;
        for ((sensor, ring), end) in rings.iter_mut().zip(&self.ends).skip(self.at) {
            seen += ring.drain(*end, budget - seen, |record| {
                match decode_into(exact(*sensor, record), &watches, room) {
                    Ok(event) => sink(event),
                    Err(error) => {
                        common.undecoded[*sensor as usize].fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(sensor = sensor.name(), %error, "a record could not be decoded");
                    }
                }
            });
            if seen == budget {
                return seen;
            }
            self.at += 1;
        }
        self.complete = self.begun;
        seen
    }

    fn begin(&mut self) {
        if let Ok(mut added) = self.common.added.try_lock() {
            self.rings.append(&mut added);
        }
        let now = clock_gettime(ClockId::Boottime);
        self.begun = BootTime(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64);
        self.ends.clear();
        self.ends.extend(self.rings.iter().map(|(_, ring)| ring.end()));
        self.at = 0;
    }

    /// Takes back the boxes of segments that nobody needs any more, for the next ones.
    pub fn reuse(&mut self, boxes: Boxes) {
        self.room.reuse(boxes);
    }

    /// Reads everything; what `mine` wants is returned, the rest is kept for [`Reader::drain`].
    pub(crate) fn sift(&mut self, mut mine: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let mut all = Vec::new();
        self.at = self.ends.len();
        self.read(usize::MAX, &mut |event| all.push(event));
        let (mine, others) = all.into_iter().partition(|event| mine(event));
        self.early.extend::<Vec<Event>>(others);
        mine
    }
}

/// A network record without what its place in the ring has more: it is reserved before its size is known.
fn exact(sensor: Sensor, record: &[u8]) -> &[u8] {
    match record.get(24..28).and_then(|size| size.try_into().ok()) {
        Some(size) if sensor == Sensor::Network => record.get(..u32::from_ne_bytes(size) as usize).unwrap_or(record),
        _ => record,
    }
}
