//! From the bytes of a record to an [`Event`]: pure, and safe on any bytes.

mod file;
mod net;
mod process;
mod tail;
mod tls;

use lapwing_engine::event::{Abi, BootTime, Event, Flavour, Header, ProcessKey, Room, Syscall};

pub use crate::watch::{WatchName, WatchNames};
use crate::wire::{self, lw_abi, lw_flavour, lw_header, lw_kind};
use tail::Tail;

pub(crate) use process::arguments;

/// Why a record is not an event. Each is counted as lost in stage `decode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header, or than the fixed part of its kind.
    #[error("the record is shorter than its kind")]
    Short,
    /// The header's sizes are not those of the bytes.
    #[error("the record's sizes contradict its bytes")]
    Size,
    /// No such kind, flavour, ABI or operation.
    #[error("the record has a number that means nothing")]
    Unknown,
    /// A field of the tail runs past its end.
    #[error("a field runs past the end of the record")]
    Field,
    /// The record is about a watch that is not (or no longer) known.
    #[error("the record names an unknown watch")]
    Watch,
}

/// Reads one record. `watches` gives the ids of the watches that a file record names.
///
/// # Errors
/// A record that is short, lies about its lengths, or is of an unknown kind; nothing is read past its end.
pub fn decode(record: &[u8], watches: &WatchNames) -> Result<Event, DecodeError> {
    decode_into(record, watches, &mut Room::default())
}

/// The same; what a segment carries goes into `room`.
pub(crate) fn decode_into(record: &[u8], watches: &WatchNames, room: &mut Room) -> Result<Event, DecodeError> {
    let raw: lw_header = wire::view(record).ok_or(DecodeError::Short)?;
    let fixed = usize::from(raw.fixed);
    if raw.size as usize != record.len() || fixed > record.len() || fixed < size_of::<lw_header>() {
        return Err(DecodeError::Size);
    }
    let (front, rest) = record.split_at(fixed);
    let tail = Tail::parse(rest)?;
    let body = match lw_kind(u32::from(raw.kind)) {
        lw_kind::LW_FORK => process::fork(front, &tail)?,
        lw_kind::LW_EXEC => process::exec(front, &tail)?,
        lw_kind::LW_EXEC_FAILURE => process::exec_failure(front, &tail)?,
        lw_kind::LW_CREDENTIALS => process::credentials(front)?,
        lw_kind::LW_EXIT => process::exit(front)?,
        lw_kind::LW_SNAPSHOT => process::snapshot(front, &tail)?,
        lw_kind::LW_FILE => file::event(front, &tail, watches)?,
        lw_kind::LW_FLOW => net::flow(front)?,
        lw_kind::LW_SEGMENT => net::segment(front, &tail, room)?,
        lw_kind::LW_TLS => tls::data(front, &tail, room)?,
        _ => return Err(DecodeError::Unknown),
    };
    Ok(Event {
        header: header(&raw)?,
        body,
    })
}

fn header(raw: &lw_header) -> Result<Header, DecodeError> {
    let abi = match lw_abi(u32::from(raw.abi)) {
        lw_abi::LW_ABI_NONE => None,
        lw_abi::LW_ABI_X86_64 => Some(Abi::X86_64),
        lw_abi::LW_ABI_I386 => Some(Abi::I386),
        lw_abi::LW_ABI_AARCH64 => Some(Abi::Aarch64),
        lw_abi::LW_ABI_ARM => Some(Abi::Arm),
        _ => return Err(DecodeError::Unknown),
    };
    let flavour = match lw_flavour(u32::from(raw.flavour)) {
        lw_flavour::LW_FUNCTION => Flavour::Function,
        lw_flavour::LW_SYSCALL => Flavour::Syscall,
        _ => return Err(DecodeError::Unknown),
    };
    Ok(Header {
        time: BootTime(raw.time),
        process: ProcessKey {
            pid: raw.pid,
            start: raw.start,
        },
        tid: raw.tid,
        cpu: raw.cpu,
        seq: raw.seq,
        syscall: abi.filter(|_| raw.syscall >= 0).map(|abi| Syscall {
            number: raw.syscall,
            abi,
        }),
        generation: raw.generation,
        flavour,
    })
}

/// The fixed part as `T`: its size must be exactly that.
fn fixed<T: wire::Plain>(front: &[u8]) -> Result<T, DecodeError> {
    if front.len() != size_of::<T>() {
        return Err(DecodeError::Size);
    }
    wire::view(front).ok_or(DecodeError::Short)
}

#[cfg(test)]
mod tests;
