//! The tail of a record: `{u16 field, u16 length, bytes}`, each padded to four bytes.

use lapwing_engine::event::{Bytes, Value};

use super::DecodeError;
use crate::wire::lw_field;

const PARTIAL: u16 = 0x8000;
const _: () = assert!(lw_field::LW_PARTIAL.0 == PARTIAL as u32);

/// One field.
#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    number: u16,
    partial: bool,
    bytes: &'a [u8],
}

/// The fields of a record; of two with the same number the first counts. They are few: each is looked for from the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail<'a>(&'a [u8]);

impl<'a> Tail<'a> {
    /// Checks all fields; unknown numbers are passed over and never asked for.
    pub fn parse(bytes: &'a [u8]) -> Result<Tail<'a>, DecodeError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = next(rest).ok_or(DecodeError::Field)?;
        }
        Ok(Tail(bytes))
    }

    /// The bytes of a field, and whether they are all of it.
    pub fn bytes(&self, field: lw_field) -> Value<&'a [u8]> {
        let mut rest = self.0;
        while let Some((found, after)) = next(rest) {
            if u32::from(found.number) == field.0 {
                return match found.partial {
                    true => Value::Partial(found.bytes),
                    false => Value::Known(found.bytes),
                };
            }
            rest = after;
        }
        Value::Missing
    }

    /// The same, owned.
    pub fn owned(&self, field: lw_field) -> Value<Bytes> {
        map(self.bytes(field), Bytes::from)
    }
}

/// The first field, and what is after it.
fn next(rest: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (number, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
    let field = Field {
        number: number & !PARTIAL,
        partial: number & PARTIAL != 0,
        bytes: rest.get(4..4 + len)?,
    };
    Some((field, rest.get(4 + len.next_multiple_of(4)..)?))
}

/// `f` of what is known.
pub(super) fn map<T, U>(value: Value<T>, f: impl FnOnce(T) -> U) -> Value<U> {
    match value {
        Value::Known(v) => Value::Known(f(v)),
        Value::Partial(v) => Value::Partial(f(v)),
        Value::Missing => Value::Missing,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
