//! A recording: the stream that went into the engine, in that order, in a file that a replay can trust.
//!
//! ```text
//! magic 8 bytes | format version u16 | reserved u16 | frame(Meta) | frame(Item) | frame(Item) | ... | frame(Item::End)
//! frame = length u32 | crc32 u32 (over the length's four bytes and the payload) | payload (postcard)
//! ```
//!
//! All integers are little-endian. Every frame stands for itself: a reader that meets damage has everything before it. A recording without
//! its end mark was interrupted, and reading it says so. The items' layout is the engine's event types: [`FORMAT`] is raised whenever
//! they change, which a golden file in the tests watches.

mod error;
mod reader;
mod writer;

use lapwing_engine::event::{BootTime, Event, Sensor};
use serde::{Deserialize, Serialize};

pub use error::{CreateError, ReadError};
pub use reader::Reader;
pub use writer::{Limits, Summary, Writer};

/// The version that this program writes and reads.
pub const FORMAT: u16 = 2;

/// First bytes of every recording. Not text on purpose, so that a transfer that mends line ends is noticed.
pub const MAGIC: [u8; 8] = *b"\x89LWREC\r\n";

/// The largest payload that is written, and the largest that a reader allocates for. The largest event (a full argument list) is far below.
pub const MAX_FRAME: u32 = 1 << 20;

/// Bytes of a frame before its payload.
const FRAME_HEADER: usize = 8;

/// Where and how the recording was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Meta {
    /// Version of the lapwing that wrote it.
    pub lapwing: String,
    /// Unix time of boot in nanoseconds: added to a boot time it gives wall-clock time.
    pub wall_offset: i64,
    /// The host's name.
    pub hostname: String,
    /// The kernel's release (`uname -r`).
    pub kernel: String,
    /// The built-in profile that the rules came from.
    pub profile: String,
    /// Hash of the configuration in force; a replay with another one may give other alerts.
    pub config_hash: String,
}

/// One thing that was handed to the engine, or that must be known to read what was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// Went into `Engine::observe`.
    Event(Event),
    /// Went into `Engine::tick`.
    Tick(BootTime),
    /// That many events never arrived since the last such item.
    Lost {
        /// Whose.
        sensor: Sensor,
        /// Where they were lost.
        stage: String,
        /// How many.
        count: u64,
    },
    /// The rules were reloaded here; the recording does not carry them.
    Reload {
        /// The generation of the new rules.
        generation: u32,
        /// Hash of the new configuration.
        config_hash: String,
    },
    /// The recording ended here as it should.
    End {
        /// Why.
        reason: Stop,
        /// How many events were recorded.
        events: u64,
    },
}

/// Why a recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The agent was asked to stop.
    Asked,
    /// The time given with `--for` is over.
    Time,
    /// The largest size was reached.
    Size,
    /// The file could not be written (never in a file, for that reason).
    Failed(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::Asked => f.write_str("it was asked to stop"),
            Stop::Time => f.write_str("its time is over"),
            Stop::Size => f.write_str("it reached its largest size"),
            Stop::Failed(why) => write!(f, "the file could not be written: {why}"),
        }
    }
}

/// The checksum of a frame. It covers the length too, so that a damaged length is not taken for a truncated file where that can be told.
fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}
