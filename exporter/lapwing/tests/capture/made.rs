//! Packets of one exchange, and files of them.

use etherparse::PacketBuilder;

pub const ASK: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// SYN, SYN+ACK, request, response, FIN, FIN: flags (FIN 1, SYN 2, ACK 16), from the client, numbers and payload.
pub fn talk(ask: &[u8]) -> [(u8, bool, u32, u32, &[u8]); 6] {
    let (asked, answered) = (1000 + ask.len() as u32, 2000 + ANSWER.len() as u32);
    [
        (2, true, 999, 0, b""),
        (18, false, 1999, 1000, b""),
        (16, true, 1000, 2000, ask),
        (16, false, 2000, asked, ANSWER),
        (17, true, asked, answered, b""),
        (17, false, answered, asked + 1, b""),
    ]
}

/// The IP packets of it, between 10.0.0.1:40000 and 10.0.0.2:80 (or fd00::1 and fd00::2).
pub fn packets(v6: bool) -> Vec<Vec<u8>> {
    packets_of(v6, ASK)
}

pub fn packets_of(v6: bool, ask: &[u8]) -> Vec<Vec<u8>> {
    let one = |(flags, from_client, sequence, ack, payload): (u8, bool, u32, u32, &[u8])| {
        let (from, to) = if from_client { (1, 2) } else { (2, 1) };
        let (source, destination) = if from_client { (40000, 80) } else { (80, 40000) };
        let v6_address = |last| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        let ip = if v6 {
            PacketBuilder::ipv6(v6_address(from), v6_address(to), 64)
        } else {
            PacketBuilder::ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
        };
        let mut tcp = ip.tcp(source, destination, sequence, 1000);
        if flags & 1 != 0 {
            tcp = tcp.fin();
        }
        if flags & 2 != 0 {
            tcp = tcp.syn();
        }
        if flags & 16 != 0 {
            tcp = tcp.ack(ack);
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, payload).unwrap();
        packet
    };
    talk(ask).into_iter().map(one).collect()
}

/// Puts a hop-by-hop header of eight bytes between the IPv6 header and TCP.
pub fn with_extension(packet: &[u8]) -> Vec<u8> {
    let mut extended = packet.to_vec();
    let length = u16::from_be_bytes([packet[4], packet[5]]) + 8;
    extended[4..6].copy_from_slice(&length.to_be_bytes());
    extended[6] = 0;
    extended.splice(40..40, [6, 0, 1, 4, 0, 0, 0, 0]);
    extended
}

pub fn behind(header: &[u8], packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| [header, packet].concat()).collect()
}

/// A file of microseconds, little-endian; of each packet all but `cut` bytes are kept.
pub fn pcap(link: u32, packets: &[Vec<u8>], cut: usize) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.to_le_bytes());
    for (index, packet) in packets.iter().enumerate() {
        let kept = &packet[..packet.len() - cut.min(packet.len())];
        for word in [1_700_000_000, index * 1000, kept.len(), packet.len()] {
            file.extend((word as u32).to_le_bytes());
        }
        file.extend(kept);
    }
    file
}

/// A pcapng file of nanoseconds.
pub fn pcapng(link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, mut body: Vec<u8>| {
        body.resize(body.len().next_multiple_of(4), 0);
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut file = block(0x0a0d_0d0a, section);
    file.extend(block(
        1,
        [&link.to_le_bytes()[..], &[0; 6], &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]].concat(),
    ));
    for (index, packet) in packets.iter().enumerate() {
        let time = 1_700_000_000_000_000_000 + index as u64 * 1_000_000;
        let mut body = 0_u32.to_le_bytes().to_vec();
        for word in [
            (time >> 32) as u32,
            time as u32,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            body.extend(word.to_le_bytes());
        }
        file.extend(block(6, [&body[..], packet].concat()));
    }
    // Statistics, which are not looked at.
    file.extend(block(5, vec![0; 12]));
    file
}
