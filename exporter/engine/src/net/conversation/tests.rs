//! Whole conversations, given as bytes and as packets.

mod framing;
mod talk;
