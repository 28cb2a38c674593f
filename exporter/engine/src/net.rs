//! What TCP connections carry: streams put together from segments, and the messages in them. Pure: no socket, no clock.
//!
//! A [`conversation::Conversation`] is one connection: segments (or plaintext of a TLS library) go in, [`conversation::Message`]s come out.
//! Below it, [`reassembly`] gives the bytes of one direction in order, as Linux would have given them to the program, and [`http`] reads
//! HTTP/1 as leniently as servers do. All conversations share one [`budget::Budget`]: its bytes bound them together, and it counts
//! everything that was dropped.

pub mod budget;
pub mod conversation;
pub mod http;
pub mod reassembly;
pub mod table;

pub use table::{Flows, Limits};
