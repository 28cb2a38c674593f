//! Fields: what rules can ask of an event. One table says their names, types, documentation and which events carry them.

mod scratch;

pub use scratch::Scratch;
