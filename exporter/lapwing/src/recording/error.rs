//! What can be wrong with a recording: where, what it means, what to do.

use std::path::PathBuf;

use super::{FORMAT, MAX_FRAME};

/// Why a recording could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Something is there.
    #[error("{0} exists; give another name, or --force to replace it")]
    Exists(PathBuf),
    /// `--force`, but a device, directory or link is there.
    #[error("{0} is not a regular file; --force replaces regular files only")]
    NotRegular(PathBuf),
    /// The system refused.
    #[error("cannot create {path}: {source}; the directory must exist and be writable")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a recording could not be read (any further). What was read before is intact.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Reading failed.
    #[error("reading failed at byte {offset}: {source}")]
    Io {
        /// Bytes read so far.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another kind of file.
    #[error("not a Lapwing recording: its first bytes are \"{}\"; recordings are made by `lapwing record FILE`", .found.escape_ascii())]
    NotARecording {
        /// The first bytes, at most 8.
        found: Vec<u8>,
    },
    /// Written by another version.
    #[error(
        "the recording has format {found}, this lapwing reads format {FORMAT}: replay it with the lapwing version that recorded it"
    )]
    Version {
        /// What the file says.
        found: u16,
    },
    /// A length that cannot be.
    #[error(
        "the frame at byte {offset} claims {length} bytes, more than the {MAX_FRAME} allowed: the file is damaged here, what comes before is intact"
    )]
    Length {
        /// Where the frame starts.
        offset: u64,
        /// What it claims.
        length: u32,
    },
    /// The content is not what was written.
    #[error(
        "the checksum of the frame at byte {offset} is wrong: the file is damaged here, what comes before is intact"
    )]
    Checksum {
        /// Where the frame starts.
        offset: u64,
    },
    /// The file ends within a frame.
    #[error(
        "the file ends within the frame at byte {offset} ({missing} bytes are missing): the recorder was interrupted or the copy is incomplete, what comes before is intact"
    )]
    Truncated {
        /// Where the frame starts.
        offset: u64,
        /// How many bytes more it should have.
        missing: u64,
    },
    /// The file ends where a frame could start, without the end mark.
    #[error(
        "the file ends at byte {offset} without an end mark: the recorder was interrupted or the copy is incomplete, what comes before is intact"
    )]
    Unfinished {
        /// The file's length.
        offset: u64,
    },
    /// Intact, and yet not an item.
    #[error(
        "the frame at byte {offset} is intact but not readable ({message}): it was written by a lapwing with other event types"
    )]
    Content {
        /// Where the frame starts.
        offset: u64,
        /// What the decoder said.
        message: String,
    },
    /// Something follows the end mark.
    #[error("the recording ends at byte {offset}, but more bytes follow: something was appended, it is ignored")]
    Trailing {
        /// Where the recording ends.
        offset: u64,
    },
}
