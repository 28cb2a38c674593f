//! The bytes of a stream as they are given out, however they are read.

use super::{
    super::{Message, index},
    Context,
};
use crate::event::Way;

/// What was given out last of each way, to be repeated with what comes next.
#[derive(Debug, Default)]
pub(super) struct Tails([Tail; 2]);

#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The place after them.
    end: u64,
}

impl Tails {
    /// Gives out what is asked for of the next bytes; where they are `unread`, only that there are some.
    pub fn tell(&mut self, way: Way, offset: u64, bytes: &[u8], unread: bool, cx: &mut Context<'_>) {
        let left = cx.limits.payload.saturating_sub(offset).min(bytes.len() as u64) as usize;
        if left == 0 {
            return;
        }
        let bytes = &bytes[..left];
        let tail = &mut self.0[index(way)];
        if tail.end != offset {
            tail.bytes.clear();
        }
        tail.end = offset + left as u64;
        let offset = offset - tail.bytes.len() as u64;
        let mut window = Vec::new();
        if !unread {
            window.reserve_exact(tail.bytes.len() + left);
            window.extend_from_slice(&tail.bytes);
            window.extend_from_slice(bytes);
        }
        if tail.end == cx.limits.payload {
            tail.bytes = Vec::new();
        } else {
            tail.keep(bytes, cx.limits.payload_again);
        }
        cx.out.push(Message::Payload {
            way,
            offset,
            bytes: window,
        });
    }
}

impl Tail {
    /// Keeps the last `most` of what it has and `bytes`.
    fn keep(&mut self, bytes: &[u8], most: usize) {
        let bytes = &bytes[bytes.len().saturating_sub(most)..];
        let old = self.bytes.len().min(most - bytes.len());
        self.bytes.drain(..self.bytes.len() - old);
        self.bytes.extend_from_slice(bytes);
    }
}
