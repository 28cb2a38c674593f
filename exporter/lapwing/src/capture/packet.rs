//! One packet of a capture, down to its TCP segment.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice, ip_number};
use lapwing_engine::event::tcp;

use super::Ignored;

/// A packet as the file has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    /// Unix time in nanoseconds.
    pub time: u64,
    /// LINKTYPE_ number.
    pub link: i32,
    /// What was kept of it.
    pub data: &'a [u8],
    /// Bytes that it had.
    pub length: usize,
}

/// Which way a packet went, where the capture says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// To the host that captured.
    Arriving,
    /// From it.
    Leaving,
}

/// A TCP segment of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tcp<'a> {
    pub seen: Option<Seen>,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Of the first byte of `data`.
    pub sequence: u32,
    pub ack: u32,
    pub flags: u8,
    /// Payload bytes that passed.
    pub length: u32,
    /// Those that were kept.
    pub data: &'a [u8],
}

/// Link types (<https://www.tcpdump.org/linktypes.html>).
pub(super) mod link {
    pub const NULL: i32 = 0;
    pub const ETHERNET: i32 = 1;
    pub const RAW: i32 = 101;
    pub const LOOP: i32 = 108;
    pub const LINUX_SLL: i32 = 113;
    pub const IPV4: i32 = 228;
    pub const IPV6: i32 = 229;
    pub const LINUX_SLL2: i32 = 276;
    /// `DLT_RAW` of OpenBSD and of others, in old files.
    pub const RAW_OLD: [i32; 2] = [14, 12];

    /// Whether packets of it are read.
    pub fn is_known(link: i32) -> bool {
        matches!(
            link,
            NULL | ETHERNET | RAW | LOOP | LINUX_SLL | IPV4 | IPV6 | LINUX_SLL2
        ) || RAW_OLD.contains(&link)
    }
}

/// The TCP segment in a packet; None: there is none, which is counted.
pub(super) fn tcp<'a>(packet: &Packet<'a>, ignored: &mut Ignored) -> Option<Tcp<'a>> {
    if !link::is_known(packet.link) {
        ignored.link_type += 1;
        return None;
    }
    let Some((seen, sliced)) = slice(packet) else {
        ignored.broken += 1;
        return None;
    };
    let Some((from, to, payload)) = sliced.net.as_ref().and_then(network) else {
        // A header that is cut off may have been one of IP.
        let counter = if sliced.stop_err.is_some() {
            &mut ignored.broken
        } else {
            &mut ignored.not_tcp
        };
        *counter += 1;
        return None;
    };
    if payload.fragmented {
        ignored.fragments += 1;
        return None;
    }
    let Some(TransportSlice::Tcp(segment)) = &sliced.transport else {
        let counter = if payload.tcp {
            &mut ignored.broken
        } else {
            &mut ignored.not_tcp
        };
        *counter += 1;
        return None;
    };
    let data = segment.payload();
    let header = segment.header_slice().len();
    let missing = packet.length.saturating_sub(packet.data.len());
    // Without a length of its own (offloaded to the card) the packet's tells.
    let length = payload.declared.map_or(data.len() + missing, |declared| {
        declared.saturating_sub(header).max(data.len())
    });
    let mut flags = 0;
    for (set, flag) in [
        (segment.fin(), tcp::FIN),
        (segment.syn(), tcp::SYN),
        (segment.rst(), tcp::RST),
        (segment.ack(), tcp::ACK),
    ] {
        flags |= if set { flag } else { 0 };
    }
    ignored.cut += u64::from(data.len() < length);
    Some(Tcp {
        seen,
        from: SocketAddr::new(from, segment.source_port()),
        to: SocketAddr::new(to, segment.destination_port()),
        // The SYN takes a number of its own, before the data.
        sequence: segment
            .sequence_number()
            .wrapping_add(u32::from(segment.syn() && length > 0)),
        ack: segment.acknowledgment_number(),
        flags,
        length: u32::try_from(length).unwrap_or(u32::MAX),
        data,
    })
}

/// Takes the link's header off. None: not even that is there.
fn slice<'a>(packet: &Packet<'a>) -> Option<(Option<Seen>, LaxSlicedPacket<'a>)> {
    let data = packet.data;
    let word = |at: usize| Some(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?]));
    let cooked = |kind: u16, protocol: u16, header: usize| {
        // PACKET_HOST, and PACKET_OUTGOING.
        let seen = match kind {
            0 => Some(Seen::Arriving),
            4 => Some(Seen::Leaving),
            _ => None,
        };
        Some((
            seen,
            LaxSlicedPacket::from_ether_type(EtherType(protocol), data.get(header..)?),
        ))
    };
    match packet.link {
        link::ETHERNET => Some((None, LaxSlicedPacket::from_ethernet(data).ok()?)),
        link::LINUX_SLL => cooked(word(0)?, word(14)?, 16),
        link::LINUX_SLL2 => cooked(u16::from(*data.get(10)?), word(0)?, 20),
        // Four bytes of address family, which the IP header says as well.
        link::NULL | link::LOOP => Some((None, LaxSlicedPacket::from_ip(data.get(4..)?).ok()?)),
        _ => Some((None, LaxSlicedPacket::from_ip(data).ok()?)),
    }
}

/// What the network layer says of its payload.
struct Payload {
    fragmented: bool,
    tcp: bool,
    /// Bytes, by the header.
    declared: Option<usize>,
}

fn network(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr, Payload)> {
    let (from, to, declared): (IpAddr, IpAddr, usize) = match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let before = header.slice().len() + ip.extensions().auth.map_or(0, |auth| auth.slice().len());
            let declared = usize::from(header.total_len()).saturating_sub(before);
            (header.source_addr().into(), header.destination_addr().into(), declared)
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let declared = usize::from(header.payload_length()).saturating_sub(ip.extensions().slice().len());
            (header.source_addr().into(), header.destination_addr().into(), declared)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let payload = net.ip_payload_ref()?;
    let payload = Payload {
        fragmented: payload.fragmented,
        tcp: payload.ip_number == ip_number::TCP,
        declared: (declared > 0).then_some(declared),
    };
    Some((from.to_canonical(), to.to_canonical(), payload))
}
