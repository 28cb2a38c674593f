//! Files that decide what a root process does or whom it trusts: read in one piece, bounded, and never when others may write them.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// What kind of reason, for callers that know better what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The kernel says so.
    Io,
    /// Others may write or read it.
    Open,
    /// A directory, a pipe, a device.
    NotAFile,
    /// More than the limit.
    TooLarge,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct Unread {
    /// What kind of reason.
    pub why: Why,
    /// What is wrong, to follow the name of the file.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Unread {
    fn new(why: Why, message: String, help: impl Into<String>) -> Unread {
        Unread {
            why,
            message,
            help: help.into(),
        }
    }

    fn io(error: io::Error) -> Unread {
        Unread::new(
            Why::Io,
            format!("cannot be read: {error}"),
            "check the path and its permissions",
        )
    }
}

/// Reads a file of at most `limit` bytes. Pipes and devices are refused, and so is what somebody else than root and the caller may write, or put
/// another file in the place of.
///
/// # Errors
/// All of that, and what the kernel says.
pub fn read(path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), Unread> {
    let real = path.canonicalize().map_err(Unread::io)?;
    // The directories first: who may write one of them can put another file in place of this one.
    for parent in real.ancestors().skip(1) {
        let metadata = parent.metadata().map_err(Unread::io)?;
        if let Some(reason) = writable_by_others(&metadata) {
            let message = format!("refused, the directory {} {reason}", parent.display());
            let help = format!("chown root {0} && chmod go-w {0}", parent.display());
            return Err(Unread::new(Why::Open, message, help));
        }
    }
    // Not blocking: opening a pipe would wait for a writer for ever.
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::NONBLOCK;
    let file = rustix::fs::open(&real, flags, rustix::fs::Mode::empty()).map_err(|errno| Unread::io(errno.into()))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(Unread::io)?;
    if !metadata.is_file() {
        let message = "is not a regular file".into();
        return Err(Unread::new(Why::NotAFile, message, "give the path of a file"));
    }
    if let Some(reason) = writable_by_others(&metadata) {
        let help = format!("chown root {0} && chmod go-w {0}", path.display());
        return Err(Unread::new(Why::Open, format!("refused, the file {reason}"), help));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Unread::io)?;
    if bytes.len() as u64 > limit {
        let message = format!("is larger than {}", size(limit));
        return Err(Unread::new(Why::TooLarge, message, "is it the right file?"));
    }
    Ok((bytes, metadata))
}

/// Like [`read`], for a private key or a password: everybody else may not read it either (a group may).
///
/// # Errors
/// As [`read`], and when the file's mode lets others read it.
pub fn read_secret(path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), Unread> {
    let (bytes, metadata) = read(path, limit)?;
    match readable_by_all(&metadata) {
        false => Ok((bytes, metadata)),
        true => {
            let mode = metadata.mode() & 0o7777;
            let message = format!("refused, everybody on this host may read it (mode {mode:04o})");
            Err(Unread::new(
                Why::Open,
                message,
                format!("chmod o-rwx {}", path.display()),
            ))
        }
    }
}

/// Whether the mode lets everybody read.
pub fn readable_by_all(metadata: &Metadata) -> bool {
    metadata.mode() & 0o004 != 0
}

/// Why this file or directory is not to be trusted: whoever writes the configuration of a root process is root.
fn writable_by_others(metadata: &Metadata) -> Option<String> {
    let caller = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != caller {
        return Some(format!(
            "belongs to uid {}, who is neither root nor the caller",
            metadata.uid()
        ));
    }
    // In a sticky directory nobody can replace what belongs to another.
    let sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
    if metadata.mode() & 0o022 != 0 && !sticky {
        return Some(format!(
            "may be written by others (mode {:04o})",
            metadata.mode() & 0o7777
        ));
    }
    None
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}
