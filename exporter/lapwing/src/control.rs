//! The agent's unix socket: root asks, the running agent answers.
//!
//! One request a connection: a line with a command, then one JSON object and the end. There is one command, `status`.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixListener,
    time::timeout,
};
use tracing::{debug, warn};

use crate::{metrics::Metrics, status::Status};

/// A client that takes longer is left.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest request that is read.
const REQUEST: u64 = 256;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Somebody answers there.
    #[error("another agent answers on {0}; stop it first, or give this one a socket of its own ([agent] socket)")]
    InUse(PathBuf),
    /// The place is not safe.
    #[error("{path}: {why}; give [agent] socket a path in a directory of root's own")]
    Unsafe {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refused.
    #[error("cannot listen on {path}: {source}")]
    Io {
        /// The socket or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The listening socket; its file is removed when dropped.
#[derive(Debug)]
pub struct Control {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens on `path` (0600, in a directory that is made 0700). What an agent that died has left there is replaced.
    ///
    /// # Errors
    /// When an agent that lives listens there, or the path cannot be used.
    pub fn bind(path: &Path) -> Result<Control, ControlError> {
        let io = |source| ControlError::Io {
            path: path.to_owned(),
            source,
        };
        make_directory(path.parent().unwrap_or(Path::new("/")))?;
        remove_stale(path)?;
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(io)?;
        // From here on the file is ours to remove.
        let control = Control {
            listener,
            path: path.to_owned(),
        };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io)?;
        control.listener.set_nonblocking(true).map_err(io)?;
        Ok(control)
    }

    /// Answers, one client after the other, until the task is dropped. Must run inside tokio.
    ///
    /// # Errors
    /// When tokio cannot take the socket; a client that misbehaves is no error.
    pub async fn serve(self, metrics: Metrics) -> io::Result<()> {
        let listener = UnixListener::from_std(self.listener.try_clone()?)?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => match timeout(PATIENCE, answer(stream, &metrics)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => debug!(%error, "a client of the control socket was not answered"),
                    Err(_) => debug!("a client of the control socket took too long"),
                },
                Err(error) => {
                    warn!(%error, "the control socket accepts nobody; trying again");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn answer(mut stream: tokio::net::UnixStream, metrics: &Metrics) -> io::Result<()> {
    // The mode of the file keeps others out already; a descriptor that was handed on does not.
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("uid {peer} may not ask"),
        ));
    }
    let (source, mut sink) = stream.split();
    let mut request = String::new();
    BufReader::new(source.take(REQUEST)).read_line(&mut request).await?;
    let answer = match request.trim_end() {
        "status" => serde_json::to_vec(&Status::of(metrics))?,
        _ => br#"{"error":"unknown request; this agent knows: status"}"#.to_vec(),
    };
    sink.write_all(&answer).await?;
    sink.shutdown().await
}

/// Makes the socket's directory, or sees that nobody else can put something in it.
pub(crate) fn make_directory(directory: &Path) -> Result<(), ControlError> {
    let io = |source| ControlError::Io {
        path: directory.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    let there = fs::symlink_metadata(directory).map_err(io)?;
    let refuse = |why| {
        Err(ControlError::Unsafe {
            path: directory.to_owned(),
            why,
        })
    };
    if !there.is_dir() {
        refuse("is not a directory")
    } else if there.uid() != rustix::process::geteuid().as_raw() {
        refuse("belongs to another user")
    } else if there.mode() & 0o022 != 0 {
        refuse("others may write to it")
    } else {
        Ok(())
    }
}

/// Removes a socket that nobody answers on.
fn remove_stale(path: &Path) -> Result<(), ControlError> {
    let io = |source| ControlError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(there) if !there.file_type().is_socket() => {
            return Err(ControlError::Unsafe {
                path: path.to_owned(),
                why: "is not a socket",
            });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ControlError::InUse(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(io),
        Err(error) => Err(io(error)),
    }
}
