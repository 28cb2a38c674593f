//! One agent a host, unless told otherwise: a second one would see everything again, and every alert would come twice.
//!
//! A lock on `[agent] lock` says whether one is there, and what is written in that file says who. The kernel takes the lock back from an agent
//! that was killed, so what it has left never blocks the next one. An agent in a container sees the host's only where the file is shared with it.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::Loaded,
    control::{self, ControlError},
    outputs::now_rfc3339,
};

/// Of what an agent writes about itself: a configuration has few files.
const MAX_NOTE: u64 = 64 << 10;

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    /// Its process, as seen in its own PID namespace.
    pub pid: u32,
    /// When it started, RFC 3339.
    pub since: String,
    /// The configuration files that it read at its start; none: the built-in default.
    pub configuration: Vec<PathBuf>,
    /// Where `lapwing status` asks it.
    pub socket: PathBuf,
}

impl Occupant {
    /// This process, starting now.
    pub fn me(loaded: &Loaded) -> Occupant {
        Occupant {
            pid: std::process::id(),
            since: now_rfc3339(),
            configuration: loaded.sources.clone(),
            socket: loaded.config.agent.socket.clone(),
        }
    }
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> = self
            .configuration
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let configuration = match files.is_empty() {
            true => "the built-in default".to_owned(),
            false => files.join(", "),
        };
        write!(
            f,
            "process {}, since {}, configuration: {configuration}, control socket: {}",
            self.pid,
            self.since,
            self.socket.display()
        )
    }
}

/// Why the place is not this agent's.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// It has its agent already; None for one that has not said yet who it is.
    #[error(
        "another agent runs on this host: {}. Stop it first; or start this one with --beside, and every alert comes twice; or give \
         it a lock of its own ([agent] lock)",
        .0.as_ref().map_or_else(|| "it does not say which".to_owned(), ToString::to_string)
    )]
    Occupied(Option<Occupant>),
    /// The directory is not one to trust.
    #[error("{0}")]
    Directory(#[from] ControlError),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// The place of the host's agent, held until it is dropped or the process ends, however that is.
#[derive(Debug)]
pub struct Alone {
    file: File,
}

impl Alone {
    /// Takes the place at `path` and writes down who has it.
    ///
    /// # Errors
    /// [`AloneError::Occupied`] when another agent has it; otherwise nobody can tell whether one runs.
    pub fn take(path: &Path, me: &Occupant) -> Result<Alone, AloneError> {
        let io = |source| AloneError::Io {
            path: path.to_owned(),
            source,
        };
        control::make_directory(path.parent().unwrap_or(Path::new("/")))?;
        // Opening a pipe that somebody put there would wait for ever.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)
            .map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(AloneError::Occupied(read(file))),
            Err(errno) => return Err(io(errno.into())),
        }
        let note = serde_json::to_vec(me).map_err(|error| io(error.into()))?;
        file.set_len(0).map_err(io)?;
        file.write_all(&note).map_err(io)?;
        Ok(Alone { file })
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // The file stays: removed, it could be locked by one agent while the next makes another of that name.
        let _ = self.file.set_len(0);
        // Not by closing it alone: a child that is being started may still have it.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// What the other wrote; None while it is writing.
fn read(file: File) -> Option<Occupant> {
    let mut note = Vec::new();
    file.take(MAX_NOTE).read_to_end(&mut note).ok()?;
    serde_json::from_slice(&note).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        process::{Command, Stdio},
    };

    use super::*;

    fn somebody(pid: u32) -> Occupant {
        Occupant {
            pid,
            since: "2026-11-21T16:00:00Z".into(),
            configuration: vec!["/etc/lapwing/lapwing.toml".into()],
            socket: "/run/lapwing/lapwing.sock".into(),
        }
    }

    #[test]
    fn the_second_is_told_who_is_there_and_the_next_finds_the_place_free() {
        let home = tempfile::tempdir().unwrap();
        let lock = home.path().join("run/lock");
        let first = Alone::take(&lock, &somebody(1)).unwrap();
        assert_eq!(std::fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
        let error = Alone::take(&lock, &somebody(2)).unwrap_err();
        let AloneError::Occupied(Some(who)) = &error else {
            panic!("{error}")
        };
        assert_eq!(*who, somebody(1));
        let told = error.to_string();
        for part in [
            "process 1,",
            "2026-11-21T16:00:00Z",
            "lapwing.toml",
            "lapwing.sock",
            "--beside",
        ] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        drop(first);
        let second = Alone::take(&lock, &somebody(2)).unwrap();
        assert!(matches!(Alone::take(&lock, &somebody(3)), Err(AloneError::Occupied(Some(who))) if who.pid == 2));
        drop(second);
    }

    #[test]
    fn what_a_killed_one_left_does_not_block_and_a_silent_one_does() {
        let home = tempfile::tempdir().unwrap();
        let lock = home.path().join("lock");
        // A note longer than the next one, without its lock.
        std::fs::write(&lock, "x".repeat(5_000)).unwrap();
        drop(Alone::take(&lock, &somebody(1)).unwrap());
        // util-linux's flock holds it and has written nothing.
        let mut holder = Command::new("flock")
            .args([
                lock.as_os_str(),
                "sh".as_ref(),
                "-c".as_ref(),
                "echo held; read x".as_ref(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0; 4];
        holder.stdout.take().unwrap().read_exact(&mut held).unwrap();
        assert!(matches!(
            Alone::take(&lock, &somebody(2)),
            Err(AloneError::Occupied(None))
        ));
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert!(Alone::take(&lock, &somebody(2)).is_ok());
    }

    #[test]
    fn a_place_that_others_may_write_to_is_no_place() {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = Alone::take(&home.path().join("lock"), &somebody(1)).unwrap_err();
        assert!(matches!(error, AloneError::Directory(_)), "{error}");
    }
}
