//! `agent.state_dir`: what outlives the agent. A directory of the agent's own (0700), files of its own (0600), replaced in one step.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

/// Why the directory or a file in it is not used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused.
    #[error("{} cannot be used: {error}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Others could have written what is in it.
    #[error("{} is refused: it {why}; make it root's own with `chown root` and `chmod go-rwx`, or remove it", path.display())]
    Unsafe {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It has its agent already.
    #[error("{0} is in use by another agent; give this one a directory of its own ([agent] state_dir)")]
    InUse(PathBuf),
    /// More than was ever written.
    #[error("{} is refused: it is larger than {limit} bytes; remove it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most that is read.
        limit: u64,
    },
}

/// The directory.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    /// Held as long as any clone lives; None for those that only read.
    _lock: Option<Arc<Lock>>,
}

#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Not by closing it alone: a child that is being started may still have it.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl StateDir {
    /// Makes the directory (0700) where it is absent, and sees that nobody else may write to it, another agent included.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(path: &Path) -> Result<StateDir, StateError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| io_error(path, error))?;
        let state = StateDir::existing(path)?;
        let lock_path = state.path("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&lock_path)
            .map_err(|error| io_error(&lock_path, error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(StateDir {
                _lock: Some(Arc::new(Lock(lock))),
                ..state
            }),
            Err(Errno::WOULDBLOCK) => Err(StateError::InUse(path.to_owned())),
            Err(errno) => Err(io_error(&lock_path, errno.into())),
        }
    }

    /// As [`StateDir::open`], but does not make it: for commands that only read.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn existing(path: &Path) -> Result<StateDir, StateError> {
        let metadata = fs::symlink_metadata(path).map_err(|error| io_error(path, error))?;
        match metadata.is_dir() {
            true => own(path, &metadata).map(|()| StateDir {
                path: path.to_owned(),
                _lock: None,
            }),
            false => Err(StateError::Unsafe {
                path: path.to_owned(),
                why: "is not a directory",
            }),
        }
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file of it for reading; None where it is absent.
    ///
    /// # Errors
    /// A file that others may write, a link, or what the system says.
    pub fn open_file(&self, name: &str) -> Result<Option<File>, StateError> {
        let path = self.path(name);
        // A link or a pipe is none of ours; opening a pipe would wait for a writer for ever.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path, error)),
        };
        let metadata = file.metadata().map_err(|error| io_error(&path, error))?;
        match metadata.is_file() {
            true => own(&path, &metadata).map(|()| Some(file)),
            false => Err(StateError::Unsafe {
                path,
                why: "is not a regular file",
            }),
        }
    }

    /// Reads a file of it in one piece; None where it is absent.
    ///
    /// # Errors
    /// As [`StateDir::open_file`], and a file of more than `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, StateError> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        let path = self.path(name);
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| io_error(&path, error))?;
        match bytes.len() as u64 > limit {
            true => Err(StateError::TooLarge { path, limit }),
            false => Ok(Some(bytes)),
        }
    }

    /// Replaces a file of it: after a crash there is the old one or the new one.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let write = || {
            // What a crash has left of an earlier attempt, or what somebody put there.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| io_error(&path, error))
    }
}

fn io_error(path: &Path, error: io::Error) -> StateError {
    StateError::Io {
        path: path.to_owned(),
        error,
    }
}

fn own(path: &Path, metadata: &fs::Metadata) -> Result<(), StateError> {
    let why = match () {
        _ if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() => "belongs to another user",
        _ if metadata.mode() & 0o022 != 0 => "may be written by others",
        _ => return Ok(()),
    };
    Err(StateError::Unsafe {
        path: path.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_is_nobody_elses() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/state");
        assert!(StateDir::existing(&path).is_err());
        let state = StateDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(state.read("x", 10).unwrap(), None);
        state.write("x", b"first").unwrap();
        // What a crash left behind is no obstacle.
        fs::write(state.path("x.new"), "half").unwrap();
        state.write("x", b"second").unwrap();
        assert_eq!(state.read("x", 10).unwrap().unwrap(), b"second");
        assert_eq!(fs::metadata(state.path("x")).unwrap().mode() & 0o777, 0o600);
        assert!(
            state
                .read("x", 5)
                .unwrap_err()
                .to_string()
                .contains("larger than 5 bytes")
        );
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "x and the lock");
        assert!(matches!(StateDir::open(&path), Err(StateError::InUse(_))));
        assert!(StateDir::existing(&path).is_ok());
        drop(state);
        assert!(StateDir::open(&path).is_ok());
    }

    #[test]
    fn what_others_could_have_written_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let state = StateDir::open(&home.path().join("state")).unwrap();
        let error = |name: &str| state.read(name, 10).unwrap_err().to_string();
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        state.write("x", b"1").unwrap();
        chmod(&state.path("x"), 0o620);
        assert!(error("x").contains("may be written by others"), "{}", error("x"));
        std::os::unix::fs::symlink("/etc/hostname", state.path("link")).unwrap();
        assert!(error("link").contains("cannot be used"), "{}", error("link"));
        fs::create_dir(state.path("directory")).unwrap();
        assert!(error("directory").contains("not a regular file"));
        chmod(&home.path().join("state"), 0o777);
        assert!(
            StateDir::open(&home.path().join("state"))
                .unwrap_err()
                .to_string()
                .contains("written by others")
        );
        fs::write(home.path().join("file"), "").unwrap();
        assert!(StateDir::open(&home.path().join("file")).is_err());
    }
}
