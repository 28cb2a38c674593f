//! Events of the network sensor: what becomes of TCP connections, and the bytes that they carry.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Carried;

/// A TCP socket: the kernel's socket cookie (`sock_gen_cookie`), unique until the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct FlowKey(pub u64);

/// Who opened the connection, seen from this host's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The other end connected to us.
    Incoming,
    /// We connected to the other end.
    Outgoing,
    /// It was there before the agent and nothing told.
    Unknown,
}

impl Direction {
    /// The name in alerts and rules.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Incoming => "incoming",
            Direction::Outgoing => "outgoing",
            Direction::Unknown => "unknown",
        }
    }
}

/// Which way bytes went, seen from this host's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From the other end to us.
    Received,
    /// From us to the other end.
    Sent,
}

/// Both ends. IPv4 in IPv6 (`::ffff:a.b.c.d`) is IPv4 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoints {
    /// This host's end.
    pub local: SocketAddr,
    /// The other end; the unspecified address and port 0 for a listening socket.
    pub remote: SocketAddr,
    /// Inode number of the network namespace in which the addresses mean something; 0 when not known.
    pub netns: u32,
}

impl Way {
    /// The opposite.
    pub fn other(self) -> Way {
        match self {
            Way::Received => Way::Sent,
            Way::Sent => Way::Received,
        }
    }
}

/// What became of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FlowChange {
    /// `connect` was called: the SYN is on its way. The local port may not be chosen yet (0).
    Opening,
    /// Both ends agreed.
    Established,
    /// It never came to be: the positive errno (ECONNREFUSED, ETIMEDOUT, EPERM, ...), 0 when not known.
    Refused(i32),
    /// It ended, by FIN or RST.
    Closed,
    /// It accepts connections from now on.
    Listening,
    /// It was there before the agent. A listening socket has remote port 0.
    Existing,
    /// Another process serves it from now on, the header's: a worker that reads what the listening socket's process was told to own.
    Taken,
    /// It ended, and no hook was told; found when its memory was another socket's already. The totals are not known (0 in the event).
    ClosedUnseen,
    /// The same of one that never came to be, as far as is known.
    RefusedUnseen,
}

impl FlowChange {
    /// The name in alerts (`network.established`) and metrics.
    pub fn name(self) -> &'static str {
        match self {
            FlowChange::Opening => "open",
            FlowChange::Established => "established",
            FlowChange::Refused(_) | FlowChange::RefusedUnseen => "refused",
            FlowChange::Closed | FlowChange::ClosedUnseen => "close",
            FlowChange::Listening => "listen",
            FlowChange::Existing => "existing",
            FlowChange::Taken => "taken",
        }
    }

    /// Whether it is the end of something that was established, or of a listening socket.
    pub fn is_close(self) -> bool {
        matches!(self, FlowChange::Closed | FlowChange::ClosedUnseen)
    }
}

/// The kernel's own counts of a connection (`struct tcp_sock`), so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct FlowTotals {
    /// Payload bytes sent and acknowledged (`bytes_acked`, the SYN apart).
    pub bytes_sent: u64,
    /// Payload bytes received in order (`bytes_received`).
    pub bytes_received: u64,
    /// Segments sent (`segs_out`).
    pub segments_sent: u32,
    /// Segments received (`segs_in`).
    pub segments_received: u32,
    /// Segments sent again (`total_retrans`).
    pub retransmits: u32,
    /// Nanoseconds since the connection opened; 0 when it was there before the agent.
    pub duration: u64,
}

/// A socket changed its state. The header's process is its owner as far as known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowEvent {
    /// Which.
    pub flow: FlowKey,
    /// What became of it.
    pub change: FlowChange,
    /// Who opened it.
    pub direction: Direction,
    /// Between whom.
    pub endpoints: Endpoints,
    /// The kernel's counts so far; all 0 for a listening socket, and where they are not known.
    pub totals: FlowTotals,
}

impl FlowEvent {
    /// The totals, where they are known.
    pub fn known_totals(&self) -> Option<&FlowTotals> {
        let unseen = matches!(self.change, FlowChange::ClosedUnseen | FlowChange::RefusedUnseen);
        (!unseen).then_some(&self.totals)
    }
}

/// Bits of [`Segment::flags`], as in the TCP header (RFC 9293).
pub mod tcp {
    /// No more from this side.
    pub const FIN: u8 = 0x01;
    /// The first of this side.
    pub const SYN: u8 = 0x02;
    /// The connection is void.
    pub const RST: u8 = 0x04;
    /// [`super::Segment::ack`] means something.
    pub const ACK: u8 = 0x10;
    /// Not TCP's: what passed without data is whole messages of HTTP, which no rule asks for.
    pub const WHOLE: u8 = 0x80;
}

/// A packet's (or super-packet's) worth of a connection, on its way up or down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Which connection.
    pub flow: FlowKey,
    /// Who opened it.
    pub direction: Direction,
    /// Which way.
    pub way: Way,
    /// Between whom.
    pub endpoints: Endpoints,
    /// TCP sequence number of the first payload byte (of the SYN or FIN when there is none; after the SYN when that carries payload).
    pub sequence: u32,
    /// The TCP header's acknowledgement number, when the flags have ACK: every byte of the other way before it has arrived, so that one
    /// missing here was lost between kernel and agent and is not waited for. Without it, a hole is kept open until a bound is met.
    pub ack: u32,
    /// [`tcp`] bits.
    pub flags: u8,
    /// Payload bytes that passed. More than `data` holds when the kernel stopped copying (the budget of the message is used up): what came then
    /// until the stretch ended is one segment without data.
    pub length: u32,
    /// The first of them.
    pub data: Carried,
    /// Bytes of the other way, up to `ack`, that passed before this segment and are told by nothing else: whole messages of HTTP, which no
    /// rule asks for.
    pub passed: u32,
}

/// Plaintext that a program gave to, or took from, a TLS library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsData {
    /// The library's connection object: its address, which means something within the process only.
    pub connection: u64,
    /// The TCP connection below, when a socket call in the same thread told.
    pub flow: Option<FlowKey>,
    /// Who opened it.
    pub direction: Direction,
    /// Its ends, when known.
    pub endpoints: Option<Endpoints>,
    /// Which way.
    pub way: Way,
    /// Bytes that passed; more than `data` holds when the budget of the message is used up.
    pub length: u32,
    /// The first of them.
    pub data: Carried,
    /// The connection object was freed: there will be no more of it.
    pub end: bool,
}
