//! One direction of a TCP connection, put in order as Linux does.
//!
//! What Linux gives to the program when segments overlap (net/ipv4/tcp_input.c; read in 6.x, the same since 4.9 made the queue a tree):
//!
//! * Bytes that are in order are taken at once and never replaced; a later segment only adds what lies beyond (`tcp_data_queue`).
//! * Segments that come too early wait in a tree by their first byte (`tcp_data_queue_ofo`). One that lies wholly within a waiting one is
//!   dropped; waiting ones that lie wholly within it are dropped for it; those that overlap in part both wait.
//! * When the hole closes they are taken by their first byte (`tcp_ofo_queue`): of two that overlap in part, the one that starts first
//!   gives the common bytes, whichever came first.
//!
//! The kernel may also join neighbours that wait (`tcp_ooo_try_coalesce`, when their memory allows it), which changes what "wholly within"
//! means; that cannot be seen from here. Segments that overlap and differ are therefore always told, as [`Piece::Conflict`].
//!
//! The sensor sees segments before the kernel checks their checksum and window: what it takes and the kernel does not is such a conflict as
//! soon as the true bytes come, if they come as a segment of the same place and length (checked by a hash of the last few segments).

mod queue;
mod recent;
#[cfg(test)]
mod tests;

use self::{queue::Queue, recent::Recent};
use super::budget::Budget;
use crate::event::tcp;

/// No window is larger (RFC 7323, section 2.3): what is farther away is not of this connection.
const WINDOW: i64 = 1 << 30;

/// No repetition is older: windows are some megabytes in practice (net.ipv4.tcp_rmem), and what seems far behind may be far ahead.
const BEHIND: i64 = 64 << 20;

/// So many segments in a row that continue each other outside of any window are believed: a stretch before them was lost as a whole.
const BELIEVED: u8 = 3;

/// A piece of a stream, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Its next bytes.
    Bytes(&'a [u8]),
    /// So many bytes passed that were lost on the way to the agent.
    Gap(u64),
    /// So many bytes passed that the kernel did not copy: no rule reads them.
    Uncopied(u64),
    /// Segments overlap here and differ: which one the program got is not certain.
    Conflict,
    /// It ended as it should (FIN).
    End,
    /// The connection was torn down (RST).
    Reset,
}

/// What a segment says of its direction.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Sequence number of the first byte of `data` (of the SYN or FIN when there is none).
    pub sequence: u32,
    /// [`tcp`] bits.
    pub flags: u8,
    /// Payload bytes that passed.
    pub length: u32,
    /// The first of them.
    pub data: &'a [u8],
}

/// What one direction may hold while a hole is open.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes.
    pub bytes: usize,
    /// Segments.
    pub segments: usize,
}

/// How a stream began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// It has not.
    #[default]
    Unseen,
    /// With its SYN.
    Syn,
    /// Somewhere: the connection was there before.
    Midstream,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Stream {
    beginning: Beginning,
    /// Sequence number of the next byte.
    next: u32,
    /// Its place in the stream: 0 is the first byte after the SYN, or the first seen.
    offset: u64,
    /// Where the stream ends, and whether by RST.
    end: Option<(u64, bool)>,
    ended: bool,
    queue: Queue,
    recent: Recent,
    /// Where the last segment outside of any window ended, and how many continued each other up to there.
    outside: (u32, u8),
}

impl Stream {
    /// How it began.
    pub fn beginning(&self) -> Beginning {
        self.beginning
    }

    /// Bytes given out, gaps included.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether segments wait for a hole to close.
    pub fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether it ended (FIN or RST, and everything before).
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what comes in order anyway: `length` bytes passed, the first of which are `data`.
    pub fn append(
        &mut self,
        length: u64,
        data: &[u8],
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) {
        self.deliver(length, &data[..data.len().min(length as usize)], budget, sink);
    }

    /// Takes a segment; `sink` gets what is in order now, with its place.
    pub fn segment(
        &mut self,
        input: Input<'_>,
        bounds: Bounds,
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) {
        if !self.begin(&input) {
            return;
        }
        let syn = input.flags & tcp::SYN != 0 && input.length == 0;
        let sequence = if syn {
            input.sequence.wrapping_add(1)
        } else {
            input.sequence
        };
        let distance = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        if !(-BEHIND..=WINDOW).contains(&distance) && !self.believe(sequence, input.length, budget, sink) {
            return;
        }
        let distance = i64::from(sequence.wrapping_sub(self.next).cast_signed());
        // Before the first byte of a stream that began midstream there is nothing to compare with.
        let start = self.offset.cast_signed() + distance;
        self.place(start, &input, bounds, budget, sink);
        if input.flags & (tcp::FIN | tcp::RST) != 0 && self.end.is_none() {
            let end = start + i64::from(input.length);
            // An RST that is not of this very moment is not obeyed (RFC 5961, section 3.2); one that is ahead may become so.
            if end >= self.offset.cast_signed() {
                self.end = Some((end.cast_unsigned(), input.flags & tcp::RST != 0));
            }
        }
        self.finish(budget, sink);
    }

    /// The other side acknowledged everything before `ack`: what is missing of it will not come.
    pub fn acknowledged(&mut self, ack: u32, budget: &mut Budget, sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget)) {
        if self.beginning == Beginning::Unseen {
            return;
        }
        let ahead = i64::from(ack.wrapping_sub(self.next).cast_signed());
        // A FIN counts as one.
        let least = i64::from(self.queue.is_empty());
        if ahead <= least || ahead > WINDOW {
            return;
        }
        let known = self.offset + ahead.cast_unsigned();
        while self.offset < known {
            let hole_ends = self.queue.first().unwrap_or(u64::MAX).min(known);
            // A hole of one byte at the very end is the FIN.
            if self.queue.is_empty() && hole_ends - self.offset == 1 {
                break;
            }
            self.skip_to(hole_ends, budget, sink);
        }
        self.finish(budget, sink);
    }

    /// Gives up every hole that is open: nobody waits any longer.
    pub fn give_up(&mut self, budget: &mut Budget, sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget)) {
        while let Some(first) = self.queue.first() {
            self.skip_to(first, budget, sink);
        }
        if let Some((end, _)) = self.end
            && end > self.offset
        {
            self.skip_to(end, budget, sink);
        }
        self.finish(budget, sink);
    }

    /// Gives back what it holds.
    pub fn release(&mut self, budget: &mut Budget) {
        self.queue.clear(budget);
    }

    /// Finds the beginning; false when the segment says nothing of it.
    fn begin(&mut self, input: &Input<'_>) -> bool {
        if self.beginning != Beginning::Unseen {
            return true;
        }
        let syn = input.flags & tcp::SYN != 0;
        // An empty segment may be a keepalive, whose number is one less than the next.
        if !syn && input.length == 0 && input.flags & (tcp::FIN | tcp::RST) == 0 {
            return false;
        }
        self.beginning = if syn { Beginning::Syn } else { Beginning::Midstream };
        self.next = if syn && input.length == 0 {
            input.sequence.wrapping_add(1)
        } else {
            input.sequence
        };
        true
    }

    /// Counts a segment that lies outside of any window. True when it is believed after all: the stream goes on there.
    fn believe(
        &mut self,
        sequence: u32,
        length: u32,
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) -> bool {
        let continues = self.outside.0 == sequence && self.outside.1 > 0;
        let count = if continues { self.outside.1 + 1 } else { 1 };
        self.outside = (sequence.wrapping_add(length), count);
        if count < BELIEVED || length == 0 {
            budget.counters.outside += 1;
            return false;
        }
        self.outside = (0, 0);
        self.give_up(budget, sink);
        // How often the numbers went around is not known.
        self.deliver(u64::from(sequence.wrapping_sub(self.next)), &[], budget, sink);
        true
    }

    /// Puts the payload of a segment where it belongs. `start` is negative for what came before the stream's first byte.
    fn place(
        &mut self,
        start: i64,
        input: &Input<'_>,
        bounds: Bounds,
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) {
        let (length, data) = (
            u64::from(input.length),
            &input.data[..input.data.len().min(input.length as usize)],
        );
        if length == 0 {
            return;
        }
        let old = (self.offset.cast_signed() - start).max(0).cast_unsigned();
        if old > 0 {
            budget.counters.repeated_bytes += old.min(length);
            // A keepalive carries a byte of no meaning.
            if old >= length && length > 1 && self.recent.differs(start.cast_unsigned(), input.length, data) {
                budget.counters.conflicts += 1;
                sink(start.max(0).cast_unsigned(), Piece::Conflict, budget);
            }
            if old >= length {
                return;
            }
        }
        if self.ended {
            // After its FIN a side sends nothing: that FIN was not the kernel's.
            self.ended = false;
            self.end = None;
            budget.counters.conflicts += 1;
            sink(self.offset, Piece::Conflict, budget);
        }
        let start = start.max(self.offset.cast_signed()).cast_unsigned();
        let (length, data) = (length - old, data.get(old as usize..).unwrap_or_default());
        if start > self.offset {
            self.wait(start, length, data, bounds, budget, sink);
        } else {
            if self.queue.disputes(start, data) {
                budget.counters.conflicts += 1;
                sink(start, Piece::Conflict, budget);
            }
            self.deliver(length, data, budget, sink);
            self.drain(budget, sink);
        }
    }

    /// Keeps a segment that came too early; gives up holes when there is no room.
    fn wait(
        &mut self,
        start: u64,
        length: u64,
        data: &[u8],
        bounds: Bounds,
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) {
        budget.counters.reordered += 1;
        while start > self.offset {
            match self.queue.insert(start, length, data, bounds, budget) {
                Ok(differs) => {
                    if differs {
                        budget.counters.conflicts += 1;
                        sink(start, Piece::Conflict, budget);
                    }
                    return;
                }
                Err(queue::Full) => {
                    budget.counters.evictions += 1;
                    let first = self.queue.first().unwrap_or(start).min(start);
                    self.skip_to(first, budget, sink);
                }
            }
        }
        let old = self.offset - start;
        if old < length {
            self.deliver(length - old, data.get(old as usize..).unwrap_or_default(), budget, sink);
            self.drain(budget, sink);
        }
    }

    /// Gives up the hole before `to`, and takes what waited for it.
    fn skip_to(&mut self, to: u64, budget: &mut Budget, sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget)) {
        let hole = to.saturating_sub(self.offset);
        if hole > 0 {
            budget.counters.gaps += 1;
            budget.counters.gap_bytes += hole;
            sink(self.offset, Piece::Gap(hole), budget);
            self.offset += hole;
            self.next = self.next.wrapping_add(hole as u32);
        }
        self.drain(budget, sink);
    }

    /// Gives out what waited and is in order now.
    fn drain(&mut self, budget: &mut Budget, sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget)) {
        while let Some(held) = self.queue.take(self.offset, budget) {
            let old = self.offset - held.start;
            if old < held.length {
                self.deliver(
                    held.length - old,
                    held.data.get(old as usize..).unwrap_or_default(),
                    budget,
                    sink,
                );
            } else {
                budget.counters.repeated_bytes += held.length;
            }
        }
    }

    /// Gives out the next `length` bytes, of which `data` are there.
    fn deliver(
        &mut self,
        length: u64,
        data: &[u8],
        budget: &mut Budget,
        sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget),
    ) {
        let there = data.len() as u64;
        if there > 0 {
            budget.counters.bytes += there;
            self.recent.note(self.offset, data);
            sink(self.offset, Piece::Bytes(data), budget);
            self.offset += there;
        }
        if length > there {
            budget.counters.uncopied_bytes += length - there;
            sink(self.offset, Piece::Uncopied(length - there), budget);
            self.offset += length - there;
        }
        // By intention modulo 2^32.
        self.next = self.next.wrapping_add(length as u32);
    }

    /// Tells the end when it is reached.
    fn finish(&mut self, budget: &mut Budget, sink: &mut impl FnMut(u64, Piece<'_>, &mut Budget)) {
        if let Some((end, reset)) = self.end
            && !self.ended
            && end <= self.offset
        {
            self.ended = true;
            sink(self.offset, if reset { Piece::Reset } else { Piece::End }, budget);
        }
    }
}
