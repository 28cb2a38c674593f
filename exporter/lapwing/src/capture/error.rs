//! What can be wrong with a capture: where, what it means, what to do.

/// Why a capture could not be read (any further). What was read before is intact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The file is shorter than its own header, or its header is damaged.
    #[error(
        "the capture's header is damaged or incomplete: capture again (tcpdump -w FILE), or convert it with `tcpdump -r OLD -w NEW`"
    )]
    Header,
    /// Reading failed.
    #[error(
        "reading the capture failed after packet {packet}, near byte {offset}: look at the disk or the network it comes from"
    )]
    Read {
        /// Packets read before.
        packet: u64,
        /// Bytes read before.
        offset: u64,
    },
    /// The file ends within a packet.
    #[error(
        "the capture ends within packet {packet}, at byte {offset}: it was interrupted or the copy is incomplete, what comes before is intact"
    )]
    Truncated {
        /// The packet that is not all there; the first is 1.
        packet: u64,
        /// Where it starts.
        offset: u64,
    },
    /// A packet is larger than any can be.
    #[error(
        "packet {packet}, at byte {offset}, claims more than {most} bytes: the capture is damaged here, what comes before is intact"
    )]
    TooLarge {
        /// Which; the first is 1.
        packet: u64,
        /// Where it starts.
        offset: u64,
        /// The most that is read.
        most: usize,
    },
    /// What should be a packet is none.
    #[error(
        "packet {packet}, at byte {offset}, is not readable ({what}): the capture is damaged here, what comes before is intact"
    )]
    Damaged {
        /// Which; the first is 1.
        packet: u64,
        /// Where it starts.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// No packet of the file can be read.
    #[error(
        "the capture has link type {0}, which is not read here: Ethernet (1), Linux cooked (113, 276), raw IP (101, 228, 229) and loopback (0, 108) are"
    )]
    LinkType(i32),
}
