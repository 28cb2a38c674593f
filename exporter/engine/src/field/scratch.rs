//! Room for values that have to be put together (a command line), kept from event to event.

/// A reusable buffer.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) buffer: Vec<u8>,
}
