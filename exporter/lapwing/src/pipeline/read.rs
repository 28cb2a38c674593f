//! The reader thread: rings to batches, nothing else.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    time::{Duration, Instant},
};

use lapwing_bpf::Reader;
use lapwing_engine::event::Boxes;

use super::{BATCH, Input};

/// Longest time for reading what is left once told to stop: a busy host never stops filling the rings.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Reads until told to stop, then what is left.
///
/// Records are submitted without a wakeup (waking a sleeping reader costs the observed task 16 to 23 microseconds), so the rings are read by the
/// clock. `pause` bounds latency from above and the reader's own cost from below. The boxes of segments come back by `spent`. `complete` says up to
/// when all is sent that was in a ring, in boot time: the engine would not know it where there was nothing to send.
pub fn run(
    mut reader: Reader,
    engine: &SyncSender<Input>,
    spent: &Receiver<Boxes>,
    complete: &AtomicU64,
    stop: &AtomicBool,
    pause: Duration,
) {
    let mut expected = 0;
    while !stop.load(Ordering::Relaxed) {
        spent.try_iter().for_each(|boxes| reader.reuse(boxes));
        match pass_on(&mut reader, &mut expected, engine) {
            None => return,
            Some(read) if read < BATCH => {
                complete.store(reader.complete().0, Ordering::Release);
                std::thread::sleep(pause);
            }
            Some(_) => {}
        }
    }
    let end = Instant::now() + LAST_WORDS;
    while Instant::now() < end && pass_on(&mut reader, &mut expected, engine).is_some_and(|read| read > 0) {}
    let _ = engine.send(Input::Stop);
}

/// One batch, for which as much room is made as the one before took; None when the engine is gone.
fn pass_on(reader: &mut Reader, expected: &mut usize, engine: &SyncSender<Input>) -> Option<usize> {
    let mut batch = Vec::with_capacity(*expected);
    reader.drain(BATCH, &mut |event| batch.push(event));
    let read = batch.len();
    *expected = read;
    if read > 0 {
        let complete = reader.complete();
        engine.send(Input::Events { batch, complete }).ok()?;
    }
    Some(read)
}
