//! Captures become the network sensor's events: packets made here of every kind, and a real capture of real programs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    io::Cursor,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use etherparse::{IpNumber, PacketBuilder};
use lapwing::{
    capture::{CaptureError, Ignored, Reader, is_capture},
    recording::Item,
};
use lapwing_engine::{
    event::{Body, Direction, FlowChange, Way},
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits, Message},
    },
};

const ASK: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// SYN, SYN+ACK, request, response, FIN, FIN: flags (FIN 1, SYN 2, ACK 16), from the client, numbers and payload.
fn talk(ask: &[u8]) -> [(u8, bool, u32, u32, &[u8]); 6] {
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
fn packets(v6: bool) -> Vec<Vec<u8>> {
    packets_of(v6, ASK)
}

fn packets_of(v6: bool, ask: &[u8]) -> Vec<Vec<u8>> {
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
fn with_extension(packet: &[u8]) -> Vec<u8> {
    let mut extended = packet.to_vec();
    let length = u16::from_be_bytes([packet[4], packet[5]]) + 8;
    extended[4..6].copy_from_slice(&length.to_be_bytes());
    extended[6] = 0;
    extended.splice(40..40, [6, 0, 1, 4, 0, 0, 0, 0]);
    extended
}

fn behind(header: &[u8], packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| [header, packet].concat()).collect()
}

/// A file of microseconds, little-endian; of each packet all but `cut` bytes are kept.
fn pcap(link: u32, packets: &[Vec<u8>], cut: usize) -> Vec<u8> {
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
fn pcapng(link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
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

/// What a capture came to.
#[derive(Debug, Default)]
struct Seen {
    changes: Vec<FlowChange>,
    directions: Vec<Direction>,
    messages: Vec<String>,
    ignored: Ignored,
    packets: u64,
    times: Vec<u64>,
    error: Option<CaptureError>,
}

fn read(file: Vec<u8>) -> Seen {
    assert!(is_capture(&file));
    let mut reader = Reader::new(Cursor::new(file)).unwrap();
    let (mut budget, mut said, mut seen) = (Budget::new(1 << 20), Vec::new(), Seen::default());
    let mut conversation = Conversation::new(Arc::new(Limits::default()));
    for item in reader.by_ref() {
        match item {
            Ok(Item::Event(event)) => match event.body {
                Body::Flow(flow) => seen.changes.push(flow.change),
                Body::Segment(segment) => {
                    seen.times.push(event.header.time.0);
                    seen.directions.push(segment.direction);
                    conversation.segment(&segment, &mut budget, &mut said);
                }
                _ => unreachable!(),
            },
            Ok(_) => {}
            Err(error) => seen.error = Some(error),
        }
    }
    conversation.close(End::Closed(None), &mut budget, &mut said);
    (seen.ignored, seen.packets) = (reader.ignored(), reader.packets());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    seen.messages = said
        .iter()
        .map(|message| match message {
            Message::Request(way, request) => format!("{way:?} {} {}", text(request.line()), request.partial),
            Message::Response(way, response, _) => format!(
                "{way:?} {} {} {}",
                response.status,
                text(&response.body.bytes),
                response.partial
            ),
            other => format!("{other:?}"),
        })
        .collect();
    seen
}

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

/// What the program says to a capture: the alerts' rules and messages, and standard error.
fn replay(file: &[u8]) -> (Vec<(String, String)>, String) {
    let directory = tempfile::tempdir().unwrap();
    let (config, capture) = (directory.path().join("lapwing.toml"), directory.path().join("capture"));
    let rule = "[[network.rule]]\nid = \"test.passwd\"\nprotocol = \"http\"\ndirection = \"both\"\n\
        when = 'http.path contains \"../etc/passwd\"'\nseverity = \"high\"\n";
    fs::write(&config, rule).unwrap();
    fs::write(&capture, file).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lapwing"))
        .args([
            "--config".as_ref(),
            config.as_os_str(),
            "replay".as_ref(),
            capture.as_os_str(),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let alert = |line: &str| {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        (
            alert["rule"].as_str().unwrap().to_owned(),
            alert["time"].as_str().unwrap().to_owned(),
        )
    };
    let stdout = String::from_utf8(output.stdout).unwrap();
    (
        stdout.lines().map(alert).collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_replay_alerts_on_what_was_captured_and_is_quiet_on_its_twin() {
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let file = |path: &str| pcap(101, &packets_of(false, ask(path).as_bytes()), 0);
    let (alerts, said) = replay(&file("/static/%2e%2e/%2e%2e/etc/passwd"));
    let ours = alerts
        .iter()
        .filter(|(rule, _)| rule == "test.passwd")
        .collect::<Vec<_>>();
    assert_eq!(ours.len(), 1, "{alerts:?}\n{said}");
    assert!(
        ours[0].1.starts_with("2023-11-14T22:13:20"),
        "the time of the capture: {}",
        ours[0].1
    );
    assert!(said.contains("6 packets read"), "{said}");
    let (alerts, said) = replay(&file("/static/etc/passwd.html"));
    assert_eq!(alerts, [], "{said}");
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn capture_into(file: &Path, device: &str, port: u16) -> Running {
    let mut tcpdump = Command::new("tcpdump");
    tcpdump
        .args([
            "-i",
            device,
            "-U",
            "--immediate-mode",
            "-B",
            "16384",
            "-s",
            "70000",
            "-w",
        ])
        .arg(file)
        .arg(format!("tcp port {port}"));
    let running = Running(
        tcpdump
            .stderr(Stdio::null())
            .spawn()
            .expect("tcpdump: scripts/setup.sh test installs it"),
    );
    // It writes the file's header when it listens.
    wait_until("tcpdump", || fs::metadata(file).is_ok_and(|file| file.len() >= 24));
    running
}

#[test]
fn a_real_capture_of_real_programs() {
    if std::env::var_os("LAPWING_SKIP_ROOT_TESTS").is_some() {
        eprintln!("SKIPPED: capturing needs root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("page.html"), "<p>hello</p>".repeat(5000)).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("python3");
    server
        .args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1"])
        .current_dir(directory.path());
    let _server = Running(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_until("the server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    // Ethernet as loopback shows it, and cooked.
    for device in ["lo", "any"] {
        let file = directory.path().join(device);
        let tcpdump = capture_into(&file, device, port);
        let url = format!("http://127.0.0.1:{port}/page.html?device={device}");
        let status = Command::new("curl")
            .args(["-s", "-o", "/dev/null", "--http1.1", &url])
            .status()
            .unwrap();
        assert!(status.success());
        let ends = |file: &Path| {
            let mut flows = Reader::new(Cursor::new(fs::read(file).unwrap())).unwrap();
            flows.any(|item| matches!(item, Ok(Item::Event(event)) if matches!(&event.body, Body::Flow(flow) if flow.change == FlowChange::Closed)))
        };
        wait_until("the end of the connection", || ends(&file));
        drop(tcpdump);
        let seen = read(fs::read(&file).unwrap());
        let expected = format!("GET /page.html?device={device} HTTP/1.1 false");
        assert!(seen.messages[0].ends_with(&expected), "{}", seen.messages[0]);
        assert!(
            seen.messages[1].contains(&format!(" 200 {}", "<p>hello</p>".repeat(5000))),
            "the whole body"
        );
        assert_eq!(seen.messages.len(), 2);
        assert_eq!(seen.ignored, Ignored::default());
    }
}
