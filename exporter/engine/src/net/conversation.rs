//! One connection: both directions of it, and the messages in them.
//!
//! HTTP is found by content, on any port: a direction whose first line is a request or status line is HTTP, and so is then the other. A
//! connection that is something else costs nothing more than putting it in order, and that only as far as its payload is asked for.
//!
//! When bytes are missing, the message they were in is told as partial. Reading goes on at once if the hole lies wholly in a body whose
//! length is known; otherwise the direction is desynchronised until its next clean start: the first bytes after the other side has spoken.

mod exchange;
mod framing;
mod side;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::exchange::{Context, Exchange};
use super::{
    budget::Budget,
    http::{Oddity, Request, Response},
    reassembly::{Beginning, Bounds, Input, Piece, Stream},
};
use crate::event::{Bytes, FlowTotals, Segment, Way, tcp};

/// What a conversation may hold. Shared by all.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a head; what is more is skipped (but for the headers that frame the body).
    pub head: usize,
    /// Headers of a message.
    pub headers: usize,
    /// Bytes kept of a request's body, also after unpacking. 0: no rule looks at it.
    pub request_body: usize,
    /// The same of a response.
    pub response_body: usize,
    /// What a direction may hold while a hole is open.
    pub reorder: Bounds,
    /// Requests that are kept until their response comes.
    pub pending: usize,
    /// How much of a stream is given out as [`Message::Payload`], from its start. 0: no rule looks at it.
    pub payload: u64,
    /// How many bytes before are given out again with the next ones: what is looked for may lie across two pieces.
    pub payload_again: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: 64 << 10,
            headers: 2000,
            request_body: 128 << 10,
            response_body: 512 << 10,
            reorder: Bounds {
                bytes: 256 << 10,
                segments: 256,
            },
            pending: 64,
            payload: 0,
            payload_again: 0,
        }
    }
}

/// Why a direction was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Desync {
    /// So many bytes passed that are not there, and what they were cannot be told.
    Gap(u64),
    /// Overlapping segments differ: the program may have got other bytes. Reading goes on with those that Linux takes.
    Overlap,
    /// More bytes were seen than the kernel counts, by so many: the program did not get all that was seen.
    Surplus(u64),
}

/// What a conversation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The next bytes of a stream, in order, as far as [`Limits::payload`] asks.
    Payload {
        /// Which direction.
        way: Way,
        /// Their place in the stream.
        offset: u64,
        /// The bytes, after at most [`Limits::payload_again`] of those that were given out before; none after [`Conversation::unread`].
        bytes: Vec<u8>,
    },
    /// A request: when it is complete, or as soon as no more of it will be kept.
    Request(Way, Arc<Request>),
    /// A response, in the same manner, with the request it answers as far as known (which was told before).
    Response(Way, Arc<Response>, Option<Arc<Request>>),
    /// Something is wrong with a message; each oddity is told once for a message, before it.
    Malformed {
        /// Which direction.
        way: Way,
        /// What.
        what: Oddity,
    },
    /// What is read may not be what the program got.
    Desynchronised {
        /// Which direction.
        way: Way,
        /// The place in its stream.
        offset: u64,
        /// Why.
        why: Desync,
    },
    /// The connection goes on in another protocol (Upgrade, CONNECT, HTTP/2): no more messages.
    Upgraded {
        /// Which: the `Upgrade` header of the response, `CONNECT`, or `h2`.
        to: Bytes,
    },
}

/// How a conversation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// The socket closed; the kernel's counts, if known.
    Closed(Option<&'a FlowTotals>),
    /// It was put out of the table.
    Evicted,
}

/// One connection. Everything it holds is taken from the budget; [`Conversation::close`] gives it back, and must be called.
#[derive(Debug)]
pub struct Conversation {
    limits: Arc<Limits>,
    streams: [Stream; 2],
    exchange: Exchange,
    /// A side tore the connection down.
    reset: bool,
    /// It is what a TLS library carries.
    plain: bool,
}

fn index(way: Way) -> usize {
    match way {
        Way::Received => 0,
        Way::Sent => 1,
    }
}

fn other(way: Way) -> Way {
    match way {
        Way::Received => Way::Sent,
        Way::Sent => Way::Received,
    }
}

impl Conversation {
    /// One of which nothing was seen yet.
    pub fn new(limits: Arc<Limits>) -> Conversation {
        Conversation {
            limits,
            streams: Default::default(),
            exchange: Exchange::default(),
            reset: false,
            plain: false,
        }
    }

    /// Whether nobody reads the payload: from now on [`Message::Payload`] comes without bytes.
    pub fn unread(&mut self, unread: bool) {
        self.exchange.unread = unread;
    }

    /// Takes a segment; `out` gets what it completes.
    pub fn segment(&mut self, segment: &Segment, budget: &mut Budget, out: &mut Vec<Message>) {
        let Conversation {
            limits,
            streams,
            exchange,
            reset,
            ..
        } = self;
        if segment.passed > 0 {
            let way = other(segment.way);
            let input = Input {
                sequence: segment.ack.wrapping_sub(segment.passed),
                flags: 0,
                length: segment.passed,
                data: &[],
            };
            exchange.seen(streams[index(way)].beginning() == Beginning::Syn);
            exchange.whole = true;
            let mut take = |offset, piece: Piece<'_>, budget: &mut Budget| {
                exchange.piece(way, offset, piece, &mut Context { limits, budget, out });
            };
            streams[index(way)].segment(input, limits.reorder, budget, &mut take);
        }
        exchange.whole = false;
        if segment.flags & tcp::ACK != 0 {
            let way = other(segment.way);
            let mut take = |offset, piece: Piece<'_>, budget: &mut Budget| {
                exchange.piece(way, offset, piece, &mut Context { limits, budget, out });
            };
            streams[index(way)].acknowledged(segment.ack, budget, &mut take);
        }
        let way = segment.way;
        let stream = &mut streams[index(way)];
        let input = Input {
            sequence: segment.sequence,
            flags: segment.flags,
            length: segment.length,
            data: &segment.data,
        };
        exchange.seen(segment.flags & tcp::SYN != 0 || stream.beginning() == Beginning::Syn);
        exchange.whole = segment.flags & tcp::WHOLE != 0;
        let mut take = |offset, piece: Piece<'_>, budget: &mut Budget| {
            *reset |= piece == Piece::Reset;
            exchange.piece(way, offset, piece, &mut Context { limits, budget, out });
        };
        stream.segment(input, limits.reorder, budget, &mut take);
        exchange.whole = false;
    }

    /// Takes plaintext of a TLS library, which is in order. `length` bytes passed, the first of which are `data`.
    pub fn plain(&mut self, way: Way, length: u32, data: &[u8], budget: &mut Budget, out: &mut Vec<Message>) {
        self.plain = true;
        let Conversation {
            limits,
            streams,
            exchange,
            ..
        } = self;
        // It may have begun before the library was watched, and a server of HTTP/2 may speak before its client has said what follows: what
        // is no HTTP is not the end of the matter, and no malformed message.
        exchange.seen(false);
        let mut take = |offset, piece: Piece<'_>, budget: &mut Budget| {
            exchange.piece(way, offset, piece, &mut Context { limits, budget, out });
        };
        streams[index(way)].append(u64::from(length), data, budget, &mut take);
    }

    /// Whether a hole is open. The table calls [`Self::give_up`] when that lasts (the acknowledgement that closes it may never come).
    pub fn is_waiting(&self) -> bool {
        self.streams.iter().any(Stream::is_waiting)
    }

    /// Gives up the holes that are open.
    pub fn give_up(&mut self, budget: &mut Budget, out: &mut Vec<Message>) {
        for way in [Way::Received, Way::Sent] {
            let Conversation {
                limits,
                streams,
                exchange,
                ..
            } = self;
            let mut take = |offset, piece: Piece<'_>, budget: &mut Budget| {
                exchange.piece(way, offset, piece, &mut Context { limits, budget, out });
            };
            streams[index(way)].give_up(budget, &mut take);
        }
    }

    /// Bytes of a direction that were seen to pass, gaps included.
    pub fn passed(&self, way: Way) -> u64 {
        self.streams[index(way)].offset()
    }

    /// Whether it carries HTTP, as far as can be told.
    pub fn is_http(&self) -> bool {
        self.exchange.is_http()
    }

    /// Ends it: holes are given up, what is under way is told as it is, everything held is given back.
    pub fn close(&mut self, end: End<'_>, budget: &mut Budget, out: &mut Vec<Message>) {
        self.give_up(budget, out);
        if let End::Closed(Some(totals)) = end {
            self.compare(totals, budget, out);
        }
        if self.plain && self.exchange.is_unknown() {
            budget.counters.tls_unread += 1;
        }
        let clean = matches!(end, End::Closed(_)) && !self.reset;
        self.exchange.close(
            clean,
            &mut Context {
                limits: &self.limits,
                budget,
                out,
            },
        );
        self.streams.iter_mut().for_each(|stream| stream.release(budget));
    }

    /// Compares with the kernel's counts, if all of the connection was seen and both sides ended it. Only then are they comparable: what
    /// comes after a side has closed is seen, and refused.
    fn compare(&mut self, totals: &FlowTotals, budget: &mut Budget, out: &mut Vec<Message>) {
        if self.reset
            || !self
                .streams
                .iter()
                .all(|stream| stream.beginning() == Beginning::Syn && stream.has_ended())
        {
            return;
        }
        for (way, kernel) in [(Way::Received, totals.bytes_received), (Way::Sent, totals.bytes_sent)] {
            let passed = self.passed(way);
            // SYN and FIN count as one each, by version of the kernel.
            if kernel > 0 && passed > kernel {
                budget.counters.desynchronised += 1;
                let why = Desync::Surplus(passed - kernel);
                out.push(Message::Desynchronised {
                    way,
                    offset: passed,
                    why,
                });
            }
        }
    }
}
