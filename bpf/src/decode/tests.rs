//! Any bytes are either an event or an error.

use lapwing_engine::event::{Body, Direction, ExitReason, FlowChange, Value, Way, tcp};

use super::*;
use crate::wire::{
    bytes_of, lw_change, lw_direction, lw_ends, lw_exec, lw_exit, lw_field, lw_flow, lw_segment, lw_tls,
};

fn names() -> WatchNames {
    WatchNames::new()
}

fn header(kind: lw_kind, fixed: usize) -> lw_header {
    lw_header {
        time: 1,
        start: 2,
        seq: 3,
        size: u32::try_from(fixed).unwrap(),
        kind: u16::try_from(kind.0).unwrap(),
        cpu: 4,
        pid: 5,
        tid: 6,
        syscall: 59,
        generation: 7,
        fixed: u16::try_from(fixed).unwrap(),
        abi: 1,
        flavour: 1,
        flags: 1,
    }
}

fn exit(status: u32) -> Vec<u8> {
    bytes_of(&lw_exit {
        header: header(lw_kind::LW_EXIT, 64),
        status,
        reserved: 0,
    })
    .to_vec()
}

/// An exec with two arguments and a path that was cut.
fn exec() -> Vec<u8> {
    let fixed = size_of::<lw_exec>();
    let mut record = vec![0; fixed];
    for (field, bytes) in [
        (lw_field::LW_ARGS.0, &b"ls\0-l\0"[..]),
        (lw_field::LW_EXECUTABLE.0 | 0x8000, b"/ls"),
        (99, b"later"),
    ] {
        record.extend(u16::try_from(field).unwrap().to_ne_bytes());
        record.extend(u16::try_from(bytes.len()).unwrap().to_ne_bytes());
        record.extend(bytes);
        record.resize(record.len().next_multiple_of(4), 0);
    }
    let mut header = header(lw_kind::LW_EXEC, fixed);
    header.size = u32::try_from(record.len()).unwrap();
    record[..56].copy_from_slice(bytes_of(&header));
    record
}

fn ends() -> lw_ends {
    let mut local = [0; 16];
    local[10..].copy_from_slice(&[0xff, 0xff, 127, 0, 0, 1]);
    lw_ends {
        local,
        remote: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        local_port: 80,
        remote_port: 4000,
        netns: 9,
    }
}

/// A connection that was refused.
fn flow() -> Vec<u8> {
    bytes_of(&lw_flow {
        header: header(lw_kind::LW_FLOW, 152),
        flow: 77,
        ends: ends(),
        sent: 1,
        received: 2,
        duration: 3,
        segments_sent: 4,
        segments_received: 5,
        retransmits: 6,
        error: 111,
        change: lw_change::LW_REFUSED.0 as u8,
        direction: lw_direction::LW_OUTGOING.0 as u8,
        reserved: [0; 6],
    })
    .to_vec()
}

/// Three bytes of ten.
fn segment() -> Vec<u8> {
    let mut record = bytes_of(&lw_segment {
        header: header(lw_kind::LW_SEGMENT, 128),
        flow: 77,
        ends: ends(),
        sequence: 1000,
        ack: 2000,
        length: 10,
        flags: 0x11,
        way: 1,
        direction: 1,
        reserved: 0,
        passed: 0,
        unused: 0,
    })
    .to_vec();
    record.extend(u16::try_from(lw_field::LW_DATA.0).unwrap().to_ne_bytes());
    record.extend([3, 0, b'G', b'E', b'T', 0]);
    let size = u32::try_from(record.len()).unwrap();
    record[24..28].copy_from_slice(&size.to_ne_bytes());
    record
}

/// Three bytes of ten, of a connection that is not known.
fn tls() -> Vec<u8> {
    let mut record = bytes_of(&lw_tls {
        header: header(lw_kind::LW_TLS, 120),
        connection: 0x7f00,
        flow: 0,
        ends: ends(),
        length: 10,
        way: 0,
        direction: 0,
        known: 0,
        end: 1,
    })
    .to_vec();
    record.extend(u16::try_from(lw_field::LW_DATA.0).unwrap().to_ne_bytes());
    record.extend([3, 0, b'G', b'E', b'T', 0]);
    let size = u32::try_from(record.len()).unwrap();
    record[24..28].copy_from_slice(&size.to_ne_bytes());
    record
}

#[test]
fn plaintext_says_its_connection_only_when_that_is_known() {
    let mut record = tls();
    let decoded = |record: &[u8]| match decode(record, &names()).map(|event| event.body) {
        Ok(Body::Tls(data)) => Ok(*data),
        Ok(_) => panic!(),
        Err(error) => Err(error),
    };
    let data = decoded(&record).unwrap();
    assert_eq!((data.connection, data.flow, data.endpoints), (0x7f00, None, None));
    assert_eq!((data.way, data.direction), (Way::Received, Direction::Unknown));
    assert_eq!((data.length, data.data, data.end), (10, b"GET"[..].into(), true));
    record[118] = 1; // known
    let data = decoded(&record).unwrap();
    assert_eq!(data.endpoints.unwrap().local, "127.0.0.1:80".parse().unwrap());
    assert_eq!(data.flow.map(|flow| flow.0), Some(0));
    for (at, value, error) in [
        (112, 2, DecodeError::Size), // fewer bytes passed than are there
        (116, 2, DecodeError::Unknown),
        (117, 9, DecodeError::Unknown),
    ] {
        let mut record = tls();
        record[at] = value;
        assert_eq!(decoded(&record), Err(error), "{at}");
    }
}

#[test]
fn a_flow_says_what_became_of_it() {
    let Body::Flow(flow) = decode(&flow(), &names()).unwrap().body else {
        panic!()
    };
    assert_eq!(
        (flow.change, flow.direction),
        (FlowChange::Refused(111), Direction::Outgoing)
    );
    assert_eq!(flow.endpoints.local, "127.0.0.1:80".parse().unwrap());
    assert_eq!(flow.endpoints.remote, "[::1]:4000".parse().unwrap());
    assert_eq!((flow.flow.0, flow.endpoints.netns), (77, 9));
    assert_eq!((flow.totals.bytes_sent, flow.totals.retransmits), (1, 6));
    assert!(flow.known_totals().is_some());
}

#[test]
fn an_end_that_was_found_late_may_have_no_totals() {
    for (change, expected) in [
        (lw_change::LW_CLOSED_UNSEEN, FlowChange::ClosedUnseen),
        (lw_change::LW_REFUSED_UNSEEN, FlowChange::RefusedUnseen),
    ] {
        let mut record = flow();
        record[144] = change.0 as u8;
        let Body::Flow(flow) = decode(&record, &names()).unwrap().body else {
            panic!()
        };
        assert_eq!((flow.change, flow.known_totals()), (expected, None));
    }
}

#[test]
fn a_segment_has_the_first_bytes_of_its_length() {
    let Body::Segment(segment) = decode(&segment(), &names()).unwrap().body else {
        panic!()
    };
    assert_eq!((segment.way, segment.direction), (Way::Sent, Direction::Incoming));
    assert_eq!((segment.sequence, segment.ack, segment.length), (1000, 2000, 10));
    assert_eq!((segment.flags, segment.data), (tcp::FIN | tcp::ACK, b"GET"[..].into()));
}

#[test]
fn network_records_that_contradict_themselves_are_errors() {
    let lie = |mut record: Vec<u8>, at: usize, value: u8| {
        record[at] = value;
        decode(&record, &names()).unwrap_err()
    };
    let (change, direction) = (144, 145);
    assert_eq!(lie(flow(), change, 0), DecodeError::Unknown);
    assert_eq!(lie(flow(), change, 99), DecodeError::Unknown);
    assert_eq!(lie(flow(), direction, 3), DecodeError::Unknown);
    let (length, way, direction) = (112, 117, 118);
    assert_eq!(lie(segment(), way, 2), DecodeError::Unknown);
    assert_eq!(lie(segment(), direction, 9), DecodeError::Unknown);
    assert_eq!(lie(segment(), length, 2), DecodeError::Size, "more data than there was");
}

#[test]
fn a_good_record_is_an_event() {
    let event = decode(&exec(), &names()).unwrap();
    assert_eq!(
        (event.header.process.pid, event.header.process.start, event.header.seq),
        (5, 2, 3)
    );
    let Body::Exec(exec) = event.body else {
        panic!("{event:?}")
    };
    assert_eq!(exec.snapshot.args, Value::Known(vec!["ls".into(), "-l".into()]));
    assert_eq!(exec.snapshot.executable, Value::Partial("/ls".into()));
    assert_eq!(exec.snapshot.cwd, Value::Missing);
}

#[test]
fn an_exit_says_how() {
    let how = |status| match decode(&exit(status), &names()).unwrap().body {
        Body::Exit(exit) => exit.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(how(3 << 8), ExitReason::Code(3));
    assert_eq!(
        how(9),
        ExitReason::Signal {
            number: 9,
            core_dumped: false
        }
    );
    assert_eq!(
        how(11 | 0x80),
        ExitReason::Signal {
            number: 11,
            core_dumped: true
        }
    );
}

#[test]
fn every_shorter_record_is_an_error() {
    for record in [exec(), exit(0), flow(), segment()] {
        for len in 0..record.len() {
            assert!(decode(&record[..len], &names()).is_err(), "{len} of {}", record.len());
        }
    }
}

#[test]
fn a_record_that_is_cut_and_says_so_is_an_error_unless_it_ends_at_a_field() {
    let whole = exec();
    let mut good = 0;
    for len in 56..whole.len() {
        let mut record = whole[..len].to_vec();
        record[24..28].copy_from_slice(&u32::try_from(len).unwrap().to_ne_bytes());
        good += usize::from(decode(&record, &names()).is_ok());
    }
    assert_eq!(good, 3, "behind the fixed part and behind two of three fields");
}

#[test]
fn lies_about_sizes_are_errors() {
    let lie = |change: fn(&mut lw_header)| {
        let mut record = exit(0);
        let mut header: lw_header = wire::view(&record).unwrap();
        change(&mut header);
        record[..56].copy_from_slice(bytes_of(&header));
        decode(&record, &names()).unwrap_err()
    };
    assert_eq!(lie(|h| h.size = 0), DecodeError::Size);
    assert_eq!(lie(|h| h.size = u32::MAX), DecodeError::Size);
    assert_eq!(lie(|h| h.fixed = 0), DecodeError::Size);
    assert_eq!(lie(|h| h.fixed = 60), DecodeError::Size);
    assert_eq!(lie(|h| h.fixed = u16::MAX), DecodeError::Size);
    assert_eq!(lie(|h| h.kind = 0), DecodeError::Unknown);
    assert_eq!(lie(|h| h.kind = 999), DecodeError::Unknown);
    assert_eq!(lie(|h| h.abi = 77), DecodeError::Unknown);
    assert_eq!(lie(|h| h.flavour = 2), DecodeError::Unknown);
    assert_eq!(lie(|h| h.kind = 2), DecodeError::Size);
}

#[test]
fn a_field_that_runs_past_the_end_is_an_error() {
    let mut record = exec();
    let at = size_of::<lw_exec>();
    record[at + 2..at + 4].copy_from_slice(&u16::MAX.to_ne_bytes());
    assert_eq!(decode(&record, &names()).unwrap_err(), DecodeError::Field);
}

#[test]
fn every_changed_byte_is_an_event_or_an_error() {
    for whole in [exec(), flow(), segment()] {
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut record = whole.clone();
                record[at] = value;
                let _ = decode(&record, &names());
            }
        }
    }
    for kind in 0..20u16 {
        for len in 0..400 {
            let mut record = vec![0xff; len];
            if len >= 56 {
                record[24..28].copy_from_slice(&u32::try_from(len).unwrap().to_ne_bytes());
                record[28..30].copy_from_slice(&kind.to_ne_bytes());
                for fixed in [56, 64, 104, 120, 144, 152, 184, 200, 224] {
                    record[48..50].copy_from_slice(&u16::to_ne_bytes(fixed));
                    let _ = decode(&record, &names());
                }
            }
            assert!(kind > 0 || decode(&record, &names()).is_err());
        }
    }
}

/// What the fuzzer starts from must get past the header.
#[test]
fn the_fuzzers_seeds_of_the_network_are_events() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../exporter/fuzz/seeds/decode");
    for (name, event) in [("flow", flow()), ("segment", segment())] {
        let seed = decode(&std::fs::read(seeds.join(name)).unwrap(), &names()).unwrap();
        assert_eq!(seed.body, decode(&event, &names()).unwrap().body, "{name}");
    }
}
