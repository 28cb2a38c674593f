//! Records of the file sensor.

use std::sync::Arc;

use lapwing_engine::event::{Body, FileEvent, FileOp, RawPath, Value};

use super::{DecodeError, WatchNames, fixed, process::key, tail::Tail};
use crate::wire::{lw_field, lw_file, lw_file_flag};

pub(super) fn event(front: &[u8], tail: &Tail, watches: &WatchNames) -> Result<Body, DecodeError> {
    let raw: lw_file = fixed(front)?;
    let has = |flag: lw_file_flag| raw.header.flags & flag.0 != 0;
    Ok(Body::File(Box::new(FileEvent {
        op: op(raw.op)?,
        errno: raw.error,
        path: tail.owned(lw_field::LW_PATH),
        target: tail.owned(lw_field::LW_TARGET),
        key: has(lw_file_flag::LW_HAS_KEY).then(|| key(&raw.key)),
        mode: raw.mode,
        flags: raw.open_flags,
        owner: has(lw_file_flag::LW_HAS_OWNER).then_some((raw.uid, raw.gid)),
        hits: if has(lw_file_flag::LW_HAS_HITS) { Some(hits(tail, watches)?) } else { None },
        raw: has(lw_file_flag::LW_HAS_RAW).then(|| {
            let path = raw_path(tail, [lw_field::LW_RAW_BASE, lw_field::LW_RAW_GIVEN, lw_field::LW_RAW_ROOT]);
            let target = has(lw_file_flag::LW_HAS_RAW_TARGET)
                .then(|| raw_path(tail, [lw_field::LW_RAW_TARGET_BASE, lw_field::LW_RAW_TARGET_GIVEN, lw_field::LW_RAW_TARGET_ROOT]));
            Box::new((path, target))
        }),
    })))
}

fn op(bit: u32) -> Result<FileOp, DecodeError> {
    FileOp::ALL.into_iter().find(|op| u32::from(op.bit()) == bit).ok_or(DecodeError::Unknown)
}

fn hits(tail: &Tail, watches: &WatchNames) -> Result<Vec<Arc<str>>, DecodeError> {
    let Value::Known(bytes) = tail.bytes(lw_field::LW_HITS) else { return Err(DecodeError::Field) };
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(DecodeError::Field);
    }
    numbers.iter().map(|n| watches.get(&u32::from_ne_bytes(*n)).cloned().ok_or(DecodeError::Watch)).collect()
}

fn raw_path(tail: &Tail, [base, given, root]: [lw_field; 3]) -> RawPath {
    RawPath { base: tail.owned(base), given: tail.owned(given), root: tail.owned(root).get().cloned() }
}
