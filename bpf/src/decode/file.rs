//! Records of the file sensor.

use std::sync::Arc;

use lapwing_engine::event::{Body, Bytes, FileEvent, FileOp, RawPath, Value};

use super::{DecodeError, WatchNames, fixed, process::key, tail::Tail};
use crate::wire::{lw_field, lw_file, lw_file_flag};

pub(super) fn event(front: &[u8], tail: &Tail, watches: &WatchNames) -> Result<Body, DecodeError> {
    let raw: lw_file = fixed(front)?;
    let has = |flag: lw_file_flag| raw.header.flags & flag.0 != 0;
    let mut event = FileEvent {
        op: op(raw.op)?,
        errno: raw.error,
        path: tail.owned(lw_field::LW_PATH),
        target: tail.owned(lw_field::LW_TARGET),
        key: has(lw_file_flag::LW_HAS_KEY).then(|| key(&raw.key)),
        mode: raw.mode,
        flags: raw.open_flags,
        owner: has(lw_file_flag::LW_HAS_OWNER).then_some((raw.uid, raw.gid)),
        hits: if has(lw_file_flag::LW_HAS_HITS) {
            Some(hits(tail, watches)?)
        } else {
            None
        },
        raw: None,
    };
    if has(lw_file_flag::LW_HAS_RAW) {
        let path = raw_path(
            tail,
            [lw_field::LW_RAW_BASE, lw_field::LW_RAW_GIVEN, lw_field::LW_RAW_ROOT],
        );
        let target = has(lw_file_flag::LW_HAS_RAW_TARGET).then(|| {
            raw_path(
                tail,
                [
                    lw_field::LW_RAW_TARGET_BASE,
                    lw_field::LW_RAW_TARGET_GIVEN,
                    lw_field::LW_RAW_TARGET_ROOT,
                ],
            )
        });
        if event.hits.is_some() {
            // The kernel judged: single names in directories that it knows.
            event.path = joined(&path);
            if let Some(target) = target {
                event.target = joined(&target);
            }
        } else {
            event.raw = Some(Box::new((path, target)));
        }
    }
    Ok(Body::File(Box::new(event)))
}

/// A single name in its directory. Never known for sure: it was read when the call ended, and another thread may have changed it meanwhile.
fn joined(raw: &RawPath) -> Value<Bytes> {
    let (Some(base), Some(given)) = (raw.base.get(), raw.given.get()) else {
        return Value::Missing;
    };
    let mut path = base.to_vec();
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(given);
    Value::Partial(path.into())
}

fn op(bit: u32) -> Result<FileOp, DecodeError> {
    FileOp::ALL
        .into_iter()
        .find(|op| u32::from(op.bit()) == bit)
        .ok_or(DecodeError::Unknown)
}

/// Each number is a path's, with the object's depth below it: what is not recursive holds for the object itself and its direct children.
fn hits(tail: &Tail, watches: &WatchNames) -> Result<Vec<Arc<str>>, DecodeError> {
    let Value::Known(bytes) = tail.bytes(lw_field::LW_HITS) else {
        return Err(DecodeError::Field);
    };
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(DecodeError::Field);
    }
    let mut hits: Vec<Arc<str>> = Vec::new();
    for number in numbers {
        let number = u32::from_ne_bytes(*number);
        let (set, depth) = (number >> 8, number & 255);
        for watch in watches.get(&set).ok_or(DecodeError::Watch)?.iter() {
            if (watch.recursive || depth <= 1) && !hits.contains(&watch.id) {
                hits.push(Arc::clone(&watch.id));
            }
        }
    }
    Ok(hits)
}

fn raw_path(tail: &Tail, [base, given, root]: [lw_field; 3]) -> RawPath {
    RawPath {
        base: tail.owned(base),
        given: tail.owned(given),
        root: tail.owned(root).get().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_read_from_a_call_is_never_known_for_sure() {
        let raw = |base: &str| RawPath {
            base: Value::Known(base.into()),
            given: Value::Known("passwd".into()),
            root: None,
        };
        for (base, whole) in [("/etc", "/etc/passwd"), ("/", "/passwd")] {
            assert_eq!(joined(&raw(base)), Value::Partial(whole.into()));
        }
    }
}
