//! Captured packets (pcap, pcapng) as the events that the network sensor would have made of them, for `lapwing replay FILE.pcap`.
//!
//! A capture does not say which end is this host, nor which process it was:
//!
//! * **Who opened** the connection: the sender of the SYN. Midstream, the end with the higher port, as servers listen on the lower one.
//! * **Which end is ours**: as the capture says it, if it was taken on the "any" device (Linux cooked, SLL and SLL2); else the private
//!   address, if only one of both is (RFC 1918, unique local, link local, loopback); else the end that did not open the connection.
//! * The process is unknown (pid 0). Times are those of the capture, which are Unix time: the replay's boot was in 1970.
//!
//! Checksums are not verified: on the host that captures they are often filled in by the network card, later. What is not TCP, fragments
//! (never put together), and broken headers are counted by kind.

mod endpoint;
mod error;
mod file;
mod flows;
mod packet;

use std::{collections::VecDeque, io::Read};

use lapwing_engine::event::{BootTime, Event};

use crate::recording::Item;

pub use error::CaptureError;
use file::File;
use flows::Flows;

/// Between two ticks of the engine, in nanoseconds of the capture's time.
const TICK: u64 = 200_000_000;

/// What of a capture made no event, or was not all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ignored {
    /// Packets that are not TCP over IP.
    pub not_tcp: u64,
    /// Fragments of IP packets.
    pub fragments: u64,
    /// Packets whose headers are broken, or cut off by the capture.
    pub broken: u64,
    /// Packets of a link type that is not read here.
    pub link_type: u64,
    /// Segments of which the capture kept only a part: the rest is a gap.
    pub cut: u64,
    /// Connections that were forgotten because there were too many at once.
    pub forgotten: u64,
}

/// Whether a file that begins with `start` is a capture: by its magic number (pcap in both byte orders, with micro- or nanoseconds or in
/// Kuznetzov's form, or pcapng).
pub fn is_capture(start: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 4] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0xa1, 0xb2, 0xcd, 0x34],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    let Some(start) = start.first_chunk::<4>() else {
        return false;
    };
    let mut reversed = *start;
    reversed.reverse();
    MAGICS.contains(start) || MAGICS.contains(&reversed)
}

/// An iterator over what a replay hands to the engine. After an error it is at its end.
pub struct Reader {
    file: File,
    flows: Flows,
    ignored: Ignored,
    ready: VecDeque<Item>,
    /// Events made.
    events: u64,
    /// The last tick.
    ticked: u64,
    done: bool,
}

impl Reader {
    /// Reads the beginning of a capture.
    ///
    /// # Errors
    /// When it is neither a pcap nor a pcapng file, or cannot be read.
    pub fn new(source: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        Ok(Reader {
            file: File::new(source)?,
            flows: Flows::default(),
            ignored: Ignored::default(),
            ready: VecDeque::new(),
            events: 0,
            ticked: 0,
            done: false,
        })
    }

    /// Packets read so far.
    pub fn packets(&self) -> u64 {
        self.file.packets()
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// Reads packets until one makes something; false at the end of the capture.
    fn advance(&mut self) -> Result<bool, CaptureError> {
        let Reader {
            file,
            flows,
            ignored,
            ready,
            events,
            ticked,
            ..
        } = self;
        while ready.is_empty() {
            let more = file.next(|packet| {
                let now = packet.time;
                // One tick for each packet at most: a capture may be silent for years.
                if *ticked == 0 || now >= ticked.saturating_add(TICK) {
                    *ticked = now;
                    ready.push_back(Item::Tick(BootTime(now)));
                }
                flows.take(&packet, ignored, &mut |mut event: Event| {
                    event.header.seq = *events;
                    *events += 1;
                    ready.push_back(Item::Event(event));
                });
            })?;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Iterator for Reader {
    type Item = Result<Item, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.advance() {
            Ok(true) => self.ready.pop_front().map(Ok),
            Ok(false) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}
