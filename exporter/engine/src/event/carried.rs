//! Bytes that connections carry, on their way through the agent.

use std::{fmt, ops::Deref};

use bytes::BytesMut;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bytes, Segment};

/// So many bytes of segments share a piece of memory, which lives as long as one of them does.
const SHARED: usize = 64 << 10;
/// Most boxes that are kept.
const MOST_BOXES: usize = 1024;

/// What a segment carried. For a short life: many share one piece of memory (see [`Room`]).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Carried(bytes::Bytes);

/// Boxes of segments that nobody needs any more.
#[allow(clippy::vec_box, reason = "the boxes are what is kept")]
pub type Boxes = Vec<Box<Segment>>;

/// Room for segments, so that not each of them asks the allocator: they are made in one thread and given up in another, at which allocators
/// are slow.
#[derive(Debug, Default)]
pub struct Room {
    shared: BytesMut,
    boxes: Boxes,
}

impl Room {
    /// A copy of `data`.
    pub fn carried(&mut self, data: &[u8]) -> Carried {
        if data.len() > SHARED / 4 {
            return Carried::from(data);
        }
        if self.shared.capacity() < data.len() {
            self.shared.reserve(SHARED);
        }
        self.shared.extend_from_slice(data);
        Carried(self.shared.split().freeze())
    }

    /// `segment` in a box.
    pub fn boxed(&mut self, segment: Segment) -> Box<Segment> {
        match self.boxes.pop() {
            Some(mut room) => {
                *room = segment;
                room
            }
            None => Box::new(segment),
        }
    }

    /// Takes back the boxes of segments that nobody needs any more.
    pub fn reuse(&mut self, boxes: Boxes) {
        let room = MOST_BOXES.saturating_sub(self.boxes.len());
        self.boxes.extend(boxes.into_iter().take(room));
    }
}

impl Deref for Carried {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Carried {
    fn from(bytes: &[u8]) -> Self {
        Carried(bytes::Bytes::copy_from_slice(bytes))
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for Carried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(|bytes| Carried::from(&*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_memory_stays_what_it_was() {
        let mut room = Room::default();
        let data = |number: usize| vec![number as u8; number * 37 % (SHARED / 3)];
        let carried: Vec<Carried> = (0..2000).map(|number| room.carried(&data(number))).collect();
        for (number, carried) in carried.iter().enumerate() {
            assert_eq!(**carried, data(number));
        }
    }
}
