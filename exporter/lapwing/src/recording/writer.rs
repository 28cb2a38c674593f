//! Writes a recording, within its bounds, and says why it ended.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use lapwing_engine::event::{BootTime, Event, Sensor};
use rustix::fs::OFlags;
use serde::Serialize;

use super::{CreateError, FORMAT, MAGIC, MAX_FRAME, Meta, Stop, checksum};

/// Handed to the file in pieces of about this size, and at least once a second of event time.
const BUFFER: usize = 64 << 10;
const FLUSH_EVERY: u64 = 1_000_000_000;

/// Kept free below the largest size, for the end mark.
const END_RESERVE: u64 = 64;

/// The bounds of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest file.
    pub bytes: u64,
    /// Nanoseconds from the first tick.
    pub duration: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 1 << 30,
            duration: None,
        }
    }
}

/// What a recording came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Events in the file (of a piece that could not be written in full, none).
    pub events: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// Items that could not be recorded: too large, or after the recording had stopped.
    pub refused: u64,
    /// Why it ended.
    pub reason: Stop,
}

/// Writes items until a bound is reached, the file fails or it is finished. Whatever comes after that is refused and counted.
#[derive(Debug)]
pub struct Writer<W: Write = File> {
    sink: W,
    /// Frames on their way to `sink`.
    buffer: Vec<u8>,
    /// The frame being made.
    payload: Vec<u8>,
    limits: Limits,
    /// Bytes handed to `sink`.
    written: u64,
    events: u64,
    /// Of the events, those still in `buffer`.
    buffered: u64,
    refused: u64,
    started: Option<BootTime>,
    flushed: BootTime,
    stopped: Option<Stop>,
}

impl Writer<File> {
    /// Creates the recording `path`, readable by its owner only. A regular file in its place is replaced when `force` is given; nothing else ever is.
    ///
    /// # Errors
    /// When something is in its place that is not to be replaced, or the file cannot be made.
    pub fn create(path: &Path, force: bool, meta: &Meta, limits: Limits) -> Result<Self, CreateError> {
        let io = |source| CreateError::Io {
            path: path.to_owned(),
            source,
        };
        if force {
            match fs::symlink_metadata(path) {
                Ok(there) if there.is_file() => fs::remove_file(path).map_err(io)?,
                Ok(_) => return Err(CreateError::NotRegular(path.to_owned())),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(io(error)),
            }
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags((OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32)
            .open(path)
            .map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => CreateError::Exists(path.to_owned()),
                _ => io(error),
            })?;
        Writer::new(file, meta, limits).map_err(io)
    }

    /// The file, for the agent to leave it out of what it watches.
    pub fn file(&self) -> &File {
        &self.sink
    }
}

impl<W: Write> Writer<W> {
    /// Starts a recording in `sink`.
    ///
    /// # Errors
    /// When its beginning cannot be written.
    pub fn new(sink: W, meta: &Meta, limits: Limits) -> std::io::Result<Self> {
        let mut writer = Writer {
            sink,
            buffer: Vec::with_capacity(2 * BUFFER),
            payload: Vec::new(),
            limits,
            written: 0,
            events: 0,
            buffered: 0,
            refused: 0,
            started: None,
            flushed: BootTime::default(),
            stopped: None,
        };
        writer.buffer.extend_from_slice(&MAGIC);
        writer.buffer.extend_from_slice(&FORMAT.to_le_bytes());
        writer.buffer.extend_from_slice(&[0, 0]);
        writer.frame(meta).map_err(std::io::Error::other)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Records what goes into `Engine::observe`.
    pub fn event(&mut self, event: &Event) {
        self.item(ItemRef::Event(event));
    }

    /// Records what goes into `Engine::tick`, and looks at the time: this is where `--for` ends a recording.
    pub fn tick(&mut self, now: BootTime) {
        let started = *self.started.get_or_insert(now);
        self.item(ItemRef::Tick(now));
        if self
            .limits
            .duration
            .is_some_and(|most| now.0.saturating_sub(started.0) >= most)
        {
            self.stop(Stop::Time);
        } else if now.0.saturating_sub(self.flushed.0) >= FLUSH_EVERY && self.stopped.is_none() {
            self.flushed = now;
            self.flush_or_stop();
        }
    }

    /// Records that `count` events were lost.
    pub fn lost(&mut self, sensor: Sensor, stage: &str, count: u64) {
        self.item(ItemRef::Lost { sensor, stage, count });
    }

    /// Records that the rules changed.
    pub fn reload(&mut self, generation: u32, config_hash: &str) {
        self.item(ItemRef::Reload {
            generation,
            config_hash,
        });
    }

    /// Why the recording has ended, when it has: by a bound or a failure. The agent asks after each tick.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Ends the recording and says what it came to.
    pub fn finish(mut self) -> Summary {
        self.stop(Stop::Asked);
        Summary {
            events: self.events,
            bytes: self.written,
            refused: self.refused,
            reason: self.stopped.take().unwrap_or(Stop::Asked),
        }
    }

    /// Records one item, or counts it as refused.
    fn item(&mut self, item: ItemRef<'_>) {
        let before = self.buffer.len();
        if self.stopped.is_some() || self.frame(&item).is_err() {
            self.refused += 1;
            return;
        }
        if self.written + self.buffer.len() as u64 + END_RESERVE > self.limits.bytes {
            self.buffer.truncate(before);
            self.refused += 1;
            self.stop(Stop::Size);
            return;
        }
        if matches!(item, ItemRef::Event(_)) {
            self.events += 1;
            self.buffered += 1;
        }
        if self.buffer.len() >= BUFFER {
            self.flush_or_stop();
        }
    }

    /// Appends a frame to the buffer, or leaves the buffer as it was and says why.
    fn frame(&mut self, content: &impl Serialize) -> Result<(), String> {
        self.payload.clear();
        let payload = std::mem::take(&mut self.payload);
        self.payload = postcard::to_extend(content, payload).map_err(|error| error.to_string())?;
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        if length > MAX_FRAME {
            return Err(format!("{length} bytes are more than a frame may have"));
        }
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer
            .extend_from_slice(&checksum(length, &self.payload).to_le_bytes());
        self.buffer.extend_from_slice(&self.payload);
        Ok(())
    }

    /// Writes the end mark and everything before it, once.
    fn stop(&mut self, reason: Stop) {
        if self.stopped.is_some() {
            return;
        }
        // The mark is far below the limit of a frame.
        let _ = self.frame(&ItemRef::End {
            reason: &reason,
            events: self.events,
        });
        self.stopped = Some(reason);
        self.flush_or_stop();
    }

    fn flush_or_stop(&mut self) {
        if let Err(error) = self.flush() {
            self.stopped = Some(Stop::Failed(error.to_string()));
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let result = self.sink.write_all(&self.buffer).and_then(|()| self.sink.flush());
        if result.is_ok() {
            self.written += self.buffer.len() as u64;
        } else {
            self.events -= self.buffered;
            self.refused += self.buffered;
        }
        self.buffered = 0;
        self.buffer.clear();
        result
    }
}

/// [`super::Item`] without owning: the same variants in the same order, which a test compares.
#[derive(Serialize)]
enum ItemRef<'a> {
    Event(&'a Event),
    Tick(BootTime),
    Lost { sensor: Sensor, stage: &'a str, count: u64 },
    Reload { generation: u32, config_hash: &'a str },
    End { reason: &'a Stop, events: u64 },
}
