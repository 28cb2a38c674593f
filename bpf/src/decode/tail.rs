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

/// The fields of a record; of two with the same number the first counts.
#[derive(Debug)]
pub(super) struct Tail<'a>(Vec<Field<'a>>);

impl<'a> Tail<'a> {
    /// Reads all fields; unknown numbers are kept and never asked for.
    pub fn parse(mut rest: &'a [u8]) -> Result<Tail<'a>, DecodeError> {
        let mut fields = Vec::with_capacity(6);
        while !rest.is_empty() {
            let (Some(number), Some(len)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                return Err(DecodeError::Field);
            };
            let len = usize::from(len);
            let bytes = rest.get(4..4 + len).ok_or(DecodeError::Field)?;
            rest = rest.get(4 + len.next_multiple_of(4)..).ok_or(DecodeError::Field)?;
            fields.push(Field {
                number: number & !PARTIAL,
                partial: number & PARTIAL != 0,
                bytes,
            });
        }
        Ok(Tail(fields))
    }

    /// The bytes of a field, and whether they are all of it.
    pub fn bytes(&self, field: lw_field) -> Value<&'a [u8]> {
        match self.0.iter().find(|f| u32::from(f.number) == field.0) {
            None => Value::Missing,
            Some(f) if f.partial => Value::Partial(f.bytes),
            Some(f) => Value::Known(f.bytes),
        }
    }

    /// The same, owned.
    pub fn owned(&self, field: lw_field) -> Value<Bytes> {
        map(self.bytes(field), Bytes::from)
    }
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
