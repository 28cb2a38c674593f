//! Plaintext at the door of TLS libraries, on the real kernel with real programs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
mod cost;
mod losses;
mod objects;
mod seen;
