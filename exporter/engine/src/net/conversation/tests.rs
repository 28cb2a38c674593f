//! Whole conversations, given as bytes and as packets.

mod bounds;
mod coding;
mod framing;
mod gaps;
mod odd;
mod split;
mod talk;
