//! The bytes that all conversations together may hold, and the account of what was dropped.

use std::sync::Arc;

use super::http::{Headers, Request};

/// What was seen and what was not, over all conversations. Every one only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Bytes given out in order.
    pub bytes: u64,
    /// Bytes that came again after they had been given out.
    pub repeated_bytes: u64,
    /// Holes that were given up: what was there was lost on the way to the agent.
    pub gaps: u64,
    /// Bytes in them.
    pub gap_bytes: u64,
    /// Bytes that the kernel told of and did not copy, since no rule reads them.
    pub uncopied_bytes: u64,
    /// Segments that came too early (before what precedes them) and were kept.
    pub reordered: u64,
    /// Holes that were given up because a connection, or all together, held too much.
    pub evictions: u64,
    /// Segments outside of any window: not taken, as the kernel would not take them.
    pub outside: u64,
    /// Overlapping segments that differ.
    pub conflicts: u64,
    /// HTTP requests given out.
    pub requests: u64,
    /// HTTP responses given out.
    pub responses: u64,
    /// Of these, cut off by a bound (head, number of headers, body, bomb).
    pub truncated: u64,
    /// Of these, with bytes missing.
    pub partial: u64,
    /// Oddities told.
    pub malformed: u64,
    /// How often a direction was lost until its next clean start.
    pub desynchronised: u64,
    /// Bytes of bodies that were not kept because the budget was used up.
    pub refused_bytes: u64,
    /// Requests that were waiting for their response and were forgotten: too many of them, or their responses are not known apart.
    pub unpaired: u64,
    /// Connections that began to speak HTTP/2, which is not read.
    pub http2: u64,
    /// Connections that went on in another protocol than HTTP (Upgrade, CONNECT), which is not read.
    pub upgraded: u64,
    /// TLS connections, now gone, in which nothing was HTTP/1: another protocol, or HTTP/2 that began before the agent.
    pub tls_unread: u64,
    /// TLS connections, now gone, of which nothing told the ends.
    pub unknown_peers: u64,
}

/// Most heads whose room is kept.
const MAX_SPARE: usize = 16;
/// Most bytes of one of them.
const MAX_SPARE_BYTES: usize = 4 << 10;

/// A bound over all conversations.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: usize,
    /// The account.
    pub counters: Counters,
    /// Room of heads that nobody needs any more.
    spare: Vec<Headers>,
}

impl Budget {
    /// At most `limit` bytes are held.
    pub fn new(limit: usize) -> Budget {
        Budget {
            limit,
            used: 0,
            counters: Counters::default(),
            spare: Vec::new(),
        }
    }

    /// Bytes held now.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether seven eighths are used: time to close the conversation that was silent for longest, before new ones go without.
    pub fn is_tight(&self) -> bool {
        self.used > self.limit - self.limit / 8
    }

    /// Room for a head.
    pub(crate) fn room(&mut self) -> Headers {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back the room of a request, if nobody else has it.
    pub(crate) fn recycle(&mut self, request: Arc<Request>) {
        if let Some(request) = Arc::into_inner(request) {
            self.leave(request.headers);
        }
    }

    /// Takes back room that was not needed.
    pub(crate) fn leave(&mut self, room: Headers) {
        if self.spare.len() < MAX_SPARE && room.text.capacity() + room.spans.capacity() * 16 <= MAX_SPARE_BYTES {
            self.spare.push(room);
        }
    }

    /// Takes `bytes`, or nothing when they are not there.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.limit.saturating_sub(self.used);
        if fits {
            self.used += bytes;
        }
        fits
    }

    /// Gives `bytes` back that were taken.
    pub(crate) fn give(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "more given back than taken");
        self.used = self.used.saturating_sub(bytes);
    }
}
