//! The walk over all connections, which tells the ends that no hook was told of: `c/common/net_end.h` says what for.

use std::{
    io::{self, ErrorKind, Read as _},
    time::{Duration, Instant},
};

use libbpf_rs::Iter;
use rustix::time::{ClockId, clock_gettime};

use crate::{loader::Loaded, sensors::Sensors};

pub(super) const OBJECT: &str = "net_walk";
/// A program for each entry of the table of connections.
pub(crate) const TABLE_PROGRAM: &str = "lw_net_walk";

/// From one walk to the next. An end is told by the second that finds it.
const EVERY: Duration = Duration::from_secs(2);
/// A table that takes long is walked less often: at most 1 part in so many of a processor's time.
const SHARE: u32 = 200;

/// When to walk.
#[derive(Default)]
pub(crate) struct Walks {
    next: Option<Instant>,
    failed: bool,
}

/// Walks once, if the program is attached. CAP_BPF is enough, and not even that where bpf() is open to all.
pub(crate) fn walk(loaded: &[Loaded]) -> io::Result<()> {
    let Some(link) = loaded.iter().find_map(|loaded| loaded.links.get(TABLE_PROGRAM)) else {
        return Ok(());
    };
    let mut walk = Iter::new(link).map_err(|error| io::Error::other(error.to_string()))?;
    // A byte for every few thousand entries.
    let mut more = [0];
    loop {
        match walk.read(&mut more) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // So many entries that the kernel wants to be asked again.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Processor time of this thread so far.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl Sensors {
    /// Has the ends of connections told that no hook was told of, by the ring. Does nothing when it is not time yet, or no rule asks about
    /// connections: call it every second or so. A walk takes a millisecond, and 0.4 us for each connection.
    pub fn end_connections(&mut self) {
        let (start, before) = (Instant::now(), used());
        if self.walks.next.is_some_and(|next| start < next) {
            return;
        }
        let walked = walk(&self.loaded);
        let took = used().saturating_sub(before);
        self.walks.next = Some(start + EVERY.max(took * SHARE));
        match walked {
            Ok(()) => self.walks.failed = false,
            Err(error) if !self.walks.failed => {
                self.walks.failed = true;
                tracing::warn!(%error, "the connections cannot be walked: ends that no hook was told of are told when their memory is used again");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
