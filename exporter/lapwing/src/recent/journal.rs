//! Writing, bounded: when a file is full it becomes the older one, and the older one goes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
};

use rustix::fs::OFlags;

use super::{MAX_FILE, MAX_LINE, NAME, OLDER, Recent};
use crate::state_dir::StateDir;

/// The two files, open for writing.
#[derive(Debug)]
pub struct Journal {
    state: StateDir,
    file: File,
    size: u64,
    limit: u64,
    /// The last line was cut off: the next one begins with a line feed, so that only the one is lost.
    broken: bool,
}

impl Journal {
    /// Goes on where an earlier run ended.
    ///
    /// # Errors
    /// What the system says, and a file that is not a regular one.
    pub fn open(state: StateDir) -> io::Result<Journal> {
        Journal::with_limit(state, MAX_FILE)
    }

    pub(super) fn with_limit(state: StateDir, limit: u64) -> io::Result<Journal> {
        let file = open(&state)?;
        let size = file.metadata()?.len();
        let mut journal = Journal {
            state,
            file,
            size,
            limit,
            // Whether its last line is whole is not known; an empty line harms nobody.
            broken: size > 0,
        };
        if size > limit {
            journal.rotate()?;
        }
        Ok(journal)
    }

    /// Appends an alert.
    ///
    /// # Errors
    /// What the system says, and an alert that is too long.
    pub fn write(&mut self, alert: &Recent) -> io::Result<()> {
        let mut line = match self.broken {
            true => vec![b'\n'],
            false => Vec::new(),
        };
        serde_json::to_writer(&mut line, alert)?;
        line.push(b'\n');
        if line.len() > MAX_LINE {
            return Err(io::Error::new(ErrorKind::InvalidData, "an alert is longer than 64 KiB"));
        }
        if self.size > 0 && self.size + line.len() as u64 > self.limit {
            self.rotate()?;
        }
        let written = self.file.write_all(&line);
        self.broken = written.is_err();
        // After an error nobody knows how much is there: too much is counted, which only rotates earlier.
        self.size += line.len() as u64;
        written
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(self.state.path(NAME), self.state.path(OLDER))?;
        self.file = open(&self.state)?;
        self.size = self.file.metadata()?.len();
        self.broken = false;
        Ok(())
    }
}

fn open(state: &StateDir) -> io::Result<File> {
    // Not blocking: a pipe that somebody put there would be waited for; it is refused instead.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(state.path(NAME))?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidData, "it is not a regular file")),
    }
}
