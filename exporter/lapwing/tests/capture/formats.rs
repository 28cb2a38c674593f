//! Link types and file formats, whole and damaged.

use std::io::Cursor;

use etherparse::{IpNumber, PacketBuilder};
use lapwing::{
    capture::{CaptureError, Ignored, Reader, is_capture},
    recording::Item,
};
use lapwing_engine::event::{Body, Direction, FlowChange, Way};

use crate::{
    made::{ASK, behind, packets, pcap, pcapng, talk, with_extension},
    read,
};

#[test]
fn every_link_type_and_file_format_say_the_same() {
    let (v4, v6) = (packets(false), packets(true));
    let extended: Vec<Vec<u8>> = v6.iter().map(|packet| with_extension(packet)).collect();
    let ethernet = |kind: [u8; 2]| [&[2; 12][..], &kind].concat();
    let vlan = [&[2; 12][..], &[0x81, 0, 0, 5, 0x08, 0]].concat();
    let double = [&[2; 12][..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 0x08, 0]].concat();
    // Seen by others (type 3): the capture does not say which end is ours.
    let sll = [&[0, 3][..], &[0; 12], &[0x08, 0]].concat();
    let sll2 = [&[0x86, 0xdd][..], &[0; 8], &[3], &[0; 9]].concat();
    let raw_big_endian = {
        let mut file = vec![
            0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101,
        ];
        for (index, packet) in v4.iter().enumerate() {
            for word in [1_700_000_000, index * 1_000_000, packet.len(), packet.len()] {
                file.extend((word as u32).to_be_bytes());
            }
            file.extend(packet);
        }
        file
    };
    let cases = [
        ("Ethernet", pcap(1, &behind(&ethernet([8, 0]), &v4), 0)),
        ("Ethernet, IPv6", pcap(1, &behind(&ethernet([0x86, 0xdd]), &v6), 0)),
        (
            "extension headers",
            pcap(1, &behind(&ethernet([0x86, 0xdd]), &extended), 0),
        ),
        ("VLAN", pcap(1, &behind(&vlan, &v4), 0)),
        ("VLAN in VLAN", pcap(1, &behind(&double, &v4), 0)),
        ("cooked", pcap(113, &behind(&sll, &v4), 0)),
        ("cooked 2", pcap(276, &behind(&sll2, &v6), 0)),
        ("raw", pcap(101, &v4, 0)),
        ("raw, nanoseconds, big-endian", raw_big_endian),
        ("raw IPv6", pcap(229, &v6, 0)),
        ("null", pcap(0, &behind(&[2, 0, 0, 0], &v4), 0)),
        ("loop", pcap(108, &behind(&[0, 0, 0, 30], &v6), 0)),
        ("pcapng", pcapng(1, &behind(&ethernet([8, 0]), &v4))),
        ("pcapng, raw", pcapng(101, &v6)),
    ];
    for (name, file) in cases {
        let seen = read(file);
        assert_eq!(
            seen.messages,
            ["Received GET /a HTTP/1.1 false", "Sent 200 ok false"],
            "{name}"
        );
        assert_eq!(seen.changes, [FlowChange::Established, FlowChange::Closed], "{name}");
        assert!(
            seen.directions
                .iter()
                .all(|direction| *direction == Direction::Incoming),
            "{name}"
        );
        assert_eq!(
            (seen.ignored, seen.packets, seen.error),
            (Ignored::default(), 6, None),
            "{name}"
        );
        let times: Vec<u64> = (0..6)
            .map(|index| 1_700_000_000_000_000_000 + index * 1_000_000)
            .collect();
        assert_eq!(seen.times, times, "{name}");
    }
}

#[test]
fn cooked_captures_say_which_end_is_ours() {
    // The client's packets leave, the server's arrive.
    let mut packets = packets(false);
    for (packet, (_, from_client, ..)) in packets.iter_mut().zip(talk(ASK)) {
        packet.splice(
            0..0,
            [&[0, if from_client { 4 } else { 0 }][..], &[0; 12], &[8, 0]].concat(),
        );
    }
    let seen = read(pcap(113, &packets, 0));
    assert_eq!(seen.messages, ["Sent GET /a HTTP/1.1 false", "Received 200 ok false"]);
    assert_eq!(
        seen.changes,
        [FlowChange::Opening, FlowChange::Established, FlowChange::Closed]
    );
}

#[test]
fn what_is_not_all_there_is_a_gap_or_counted() {
    // Cut by the capture's length: a gap of the payload's end.
    let mut cut = packets(false);
    cut.truncate(4);
    let seen = read(pcap(101, &cut[2..], 1));
    assert_eq!(seen.changes, [FlowChange::Existing]);
    assert_eq!(
        seen.ignored,
        Ignored {
            cut: 2,
            ..Ignored::default()
        }
    );
    assert!(
        seen.messages.contains(&"Sent 200 o true".to_owned()),
        "{:?}",
        seen.messages
    );
    // Headers that are cut off.
    let seen = read(pcap(101, &packets(false), 40 + ASK.len()));
    assert!(
        seen.ignored.broken >= 5 && seen.messages.is_empty(),
        "{:?}",
        seen.ignored
    );
    // Another protocol, a fragment, no IP at all.
    let mut others = packets(false);
    let mut udp = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .udp(1, 2)
        .write(&mut udp, b"x")
        .unwrap();
    let mut icmp = Vec::new();
    PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .write(&mut icmp, IpNumber(200), b"x")
        .unwrap();
    let mut fragment = others[2].clone();
    fragment[6] |= 0x20;
    others.extend([udp, icmp, fragment, vec![0xff; 40], vec![]]);
    let seen = read(pcap(101, &others, 0));
    assert_eq!(
        seen.ignored,
        Ignored {
            not_tcp: 2,
            fragments: 1,
            broken: 2,
            ..Ignored::default()
        }
    );
    assert_eq!(seen.messages.len(), 2);
}

#[test]
fn damage_is_told_with_packet_and_byte() {
    let whole = pcap(101, &packets(false), 0);
    let first = 24 + 16 + packets(false)[0].len() as u64;
    let seen = read(whole[..whole.len() - 5].to_vec());
    assert!(
        matches!(seen.error, Some(CaptureError::Truncated { packet: 6, .. })),
        "{:?}",
        seen.error
    );
    assert_eq!(seen.messages.len(), 2, "what comes before is intact");
    let seen = read(whole[..first as usize + 7].to_vec());
    assert_eq!(
        seen.error,
        Some(CaptureError::Truncated {
            packet: 2,
            offset: first
        })
    );
    // A length that lies.
    let mut lies = whole.clone();
    lies[24 + 8..24 + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        read(lies).error,
        Some(
            CaptureError::TooLarge {
                packet: 1,
                offset: 24,
                ..
            } | CaptureError::Truncated { packet: 1, offset: 24 }
        )
    ));
    // A packet of an interface that was not described.
    let mut unknown = pcapng(101, &packets(false));
    let at = 28 + 32 + 8;
    unknown[at] = 9;
    let error = read(unknown).error.map(|error| error.to_string());
    assert!(
        error
            .as_ref()
            .is_some_and(|error| error.contains("packet 1, at byte 60") && error.contains("interface 9")),
        "{error:?}"
    );
    let open = |file: &[u8]| Reader::new(Cursor::new(file.to_vec())).err();
    assert_eq!(open(&whole[..10]), Some(CaptureError::Header));
    assert!(!is_capture(b"root") && !is_capture(b"\xd4\xc3"));
    // A link type of which nothing can be read.
    assert_eq!(
        read(pcap(105, &packets(false), 0)).error,
        Some(CaptureError::LinkType(105))
    );
    assert_eq!(read(pcapng(105, &packets(false))).ignored.link_type, 6);
}

#[test]
fn ends_that_are_used_again_are_another_connection() {
    let once = packets(false);
    let mut twice = once.clone();
    twice.extend(once);
    let mut reader = Reader::new(Cursor::new(pcap(101, &twice, 0))).unwrap();
    let mut flows: Vec<u64> = Vec::new();
    while let Some(Ok(item)) = reader.next() {
        let Item::Event(event) = item else { continue };
        if let Body::Segment(segment) = event.body {
            flows.push(segment.flow.0);
            assert!(segment.way == Way::Sent || segment.way == Way::Received);
        }
    }
    assert_eq!(flows, [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
}
