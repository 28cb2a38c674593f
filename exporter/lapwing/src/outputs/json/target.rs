//! Where the lines go.

use std::{
    fmt,
    fs::{DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Why the lines cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The file or its directory.
    #[error("cannot open {} for the alerts: {error}; write a path that root may write, or \"-\" for standard output", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// A pipe or socket, which could block or vanish.
    #[error("{} is not a regular file or a device; write the path of a file, or \"-\" for standard output", .0.display())]
    Kind(PathBuf),
    /// Standard output was closed.
    #[error("standard output cannot be used: {0}; start lapwing with one, or set [json] path to a file")]
    Stdout(io::Error),
    /// No thread.
    #[error("cannot start the thread that writes alerts: {0}")]
    Thread(io::Error),
}

/// Standard output or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Stdout,
    File(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => f.write_str("standard output"),
            Target::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Target {
    pub(super) fn new(path: &Path) -> Target {
        if path == Path::new("-") {
            Target::Stdout
        } else {
            Target::File(path.to_owned())
        }
    }

    /// Opens for appending; a new file is 0600, a new directory 0700. What exists keeps its mode: an administrator may have chosen it.
    pub(super) fn open(&self) -> Result<File, JsonError> {
        match self {
            Target::Stdout => io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .map(File::from)
                .map_err(JsonError::Stdout),
            Target::File(path) => {
                let file = open_file(path).map_err(|error| JsonError::Open {
                    path: path.clone(),
                    error,
                })?;
                let kind = file
                    .metadata()
                    .map_err(|error| JsonError::Open {
                        path: path.clone(),
                        error,
                    })?
                    .file_type();
                match kind.is_file() || kind.is_char_device() {
                    true => Ok(file),
                    false => Err(JsonError::Kind(path.clone())),
                }
            }
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    // Non-blocking, so that a pipe without a reader is refused instead of waited for; it changes nothing for a file.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nonblocking)
        .open(path)
}

/// Writes everything, also where standard output is non-blocking (a terminal shared with another program).
/// The error comes with the number of bytes written before it.
pub(super) fn write(mut file: &File, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), written)),
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}
