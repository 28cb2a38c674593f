//! The reader thread: rings to batches, nothing else.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    time::{Duration, Instant},
};

use lapwing_bpf::Reader;

use super::{BATCH, Input};

/// Longest time for reading what is left once told to stop: a busy host never stops filling the rings.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Reads until told to stop, then what is left.
///
/// Records are submitted without a wakeup (waking a sleeping reader costs the observed task 16 to 23 microseconds), so the rings are read by the
/// clock. `pause` bounds latency from above and the reader's own cost from below.
pub fn run(mut reader: Reader, engine: &SyncSender<Input>, stop: &AtomicBool, pause: Duration) {
    while !stop.load(Ordering::Relaxed) {
        match pass_on(&mut reader, engine) {
            None => return,
            Some(read) if read < BATCH => std::thread::sleep(pause),
            Some(_) => {}
        }
    }
    let end = Instant::now() + LAST_WORDS;
    while Instant::now() < end && pass_on(&mut reader, engine).is_some_and(|read| read > 0) {}
    let _ = engine.send(Input::Stop);
}

/// One batch; None when the engine is gone.
fn pass_on(reader: &mut Reader, engine: &SyncSender<Input>) -> Option<usize> {
    let mut batch = Vec::new();
    reader.drain(BATCH, &mut |event| batch.push(event));
    let read = batch.len();
    if read > 0 {
        engine.send(Input::Events(batch)).ok()?;
    }
    Some(read)
}
