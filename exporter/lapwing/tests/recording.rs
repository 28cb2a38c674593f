//! What is written is read; what is damaged is said, where, and costs only what follows it.

#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use lapwing::recording::{CreateError, FORMAT, Item, Limits, MAX_FRAME, Meta, ReadError, Reader, Stop, Writer};
use lapwing_engine::{
    event::{BootTime, Direction, Endpoints, FlowKey, Sensor, Way},
    synthetic::Synthetic,
};

const FIRST_FRAME: u64 = 12;

fn meta() -> Meta {
    Meta {
        lapwing: "0.1.0".into(),
        wall_offset: 1_700_000_000_000_000_000,
        hostname: "host".into(),
        kernel: "6.12.0".into(),
        profile: "demo".into(),
        config_hash: "c0ffee".into(),
    }
}

/// What [`record`] writes, as items.
fn items() -> Vec<Item> {
    let mut items: Vec<Item> = events::every_kind().into_iter().map(Item::Event).collect();
    let events = items.len() as u64;
    items.insert(1, Item::Tick(BootTime(10_000)));
    items.push(Item::Lost {
        sensor: Sensor::File,
        stage: "ring_full".into(),
        count: 3,
    });
    items.push(Item::Reload {
        generation: 2,
        config_hash: "decaf".into(),
    });
    items.push(Item::End {
        reason: Stop::Asked,
        events,
    });
    items
}

/// Hands each item to the writer's own method.
fn record() -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &meta(), Limits::default()).unwrap();
    for item in items() {
        match item {
            Item::Event(event) => writer.event(&event),
            Item::Tick(now) => writer.tick(now),
            Item::Lost { sensor, stage, count } => writer.lost(sensor, &stage, count),
            Item::Reload {
                generation,
                config_hash,
            } => writer.reload(generation, &config_hash),
            Item::End { .. } => {}
        }
    }
    let summary = writer.finish();
    assert_eq!((summary.refused, summary.reason), (0, Stop::Asked));
    assert_eq!(summary.bytes, file.len() as u64);
    file
}

/// All items up to the end or the first error.
fn read(file: &[u8]) -> (Vec<Item>, Option<ReadError>) {
    let mut found = Vec::new();
    match Reader::new(file) {
        Err(error) => return (found, Some(error)),
        Ok(reader) => {
            for item in reader {
                match item {
                    Ok(item) => found.push(item),
                    Err(error) => return (found, Some(error)),
                }
            }
        }
    }
    (found, None)
}

#[test]
fn what_is_written_is_read() {
    let file = record();
    assert_eq!(Reader::new(&file[..]).unwrap().meta(), &meta());
    let (found, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(found, items());
}

#[test]
fn a_file_cut_anywhere_gives_what_is_before_the_cut_and_says_so() {
    let (file, whole) = (record(), items());
    let mut last = 0;
    for length in 0..file.len() {
        let (found, error) = read(&file[..length]);
        assert_eq!(found, whole[..found.len()], "cut at {length}");
        assert!(found.len() >= last && found.len() < whole.len(), "cut at {length}");
        last = found.len();
        match error.unwrap() {
            ReadError::NotARecording { .. } => assert!(length < 8),
            ReadError::Truncated { offset, missing } => assert!(offset < length as u64 && missing > 0 && length >= 8),
            ReadError::Unfinished { offset } => assert_eq!(offset, length as u64),
            other => panic!("cut at {length}: {other}"),
        }
    }
    assert_eq!(last, whole.len() - 1, "only the end mark is missing in the end");
}

#[test]
fn a_changed_byte_is_never_read_as_something_else() {
    let (file, whole) = (record(), items());
    for at in 0..file.len() {
        if at == 10 || at == 11 {
            continue; // reserved, not read
        }
        let mut damaged = file.clone();
        damaged[at] ^= 0x41;
        let (found, error) = read(&damaged);
        assert_eq!(found, whole[..found.len()], "byte {at}");
        let error = error.unwrap_or_else(|| panic!("byte {at} went unnoticed"));
        match &error {
            ReadError::NotARecording { .. } => assert!(at < 8),
            ReadError::Version { .. } => assert!((8..10).contains(&at)),
            ReadError::Checksum { offset } | ReadError::Length { offset, .. } | ReadError::Truncated { offset, .. } => {
                assert!(*offset >= FIRST_FRAME && *offset <= at as u64, "byte {at}: {error}");
                assert!(error.to_string().contains(&offset.to_string()));
            }
            other => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn a_huge_length_is_refused_before_it_is_allocated() {
    let mut file = record();
    file[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = Reader::new(&file[..]).unwrap_err();
    assert!(
        matches!(
            error,
            ReadError::Length {
                offset: FIRST_FRAME,
                length: u32::MAX
            }
        ),
        "{error}"
    );
}

#[test]
fn a_newer_version_and_another_file_are_told_apart() {
    let mut file = record();
    file[8] = 77;
    assert!(Reader::new(&file[..]).unwrap_err().to_string().contains("format 77"));
    let error = Reader::new(&b"{\"time\":\"2026\"}"[..]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("not a Lapwing recording: its first bytes are \"{\\\"time\\\""),
        "{error}"
    );
}

#[test]
fn what_follows_the_end_mark_is_reported() {
    let mut file = record();
    let end = file.len() as u64;
    file.extend_from_slice(b"more");
    let (found, error) = read(&file);
    assert_eq!(found, items());
    assert!(matches!(error, Some(ReadError::Trailing { offset }) if offset == end));
}

#[test]
fn the_size_bound_holds_and_the_end_says_so() {
    let event = &events::every_kind()[0];
    let mut file = Vec::new();
    let mut writer = Writer::new(
        &mut file,
        &meta(),
        Limits {
            bytes: 2_000,
            duration: None,
        },
    )
    .unwrap();
    for _ in 0..1_000 {
        writer.event(event);
    }
    assert_eq!(writer.stopped(), Some(&Stop::Size));
    let summary = writer.finish();
    assert_eq!(summary.events + summary.refused, 1_000);
    assert!(summary.events > 0 && file.len() <= 2_000, "{} bytes", file.len());
    let (found, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        found.last(),
        Some(&Item::End {
            reason: Stop::Size,
            events: summary.events
        })
    );
    assert_eq!(found.len() as u64, summary.events + 1);
}

#[test]
fn the_time_bound_counts_from_the_first_tick() {
    let mut file = Vec::new();
    let mut writer = Writer::new(
        &mut file,
        &meta(),
        Limits {
            duration: Some(1_000),
            ..Limits::default()
        },
    )
    .unwrap();
    for now in [500_000, 500_400, 500_999] {
        writer.tick(BootTime(now));
        assert_eq!(writer.stopped(), None);
    }
    writer.tick(BootTime(501_000));
    assert_eq!(writer.stopped(), Some(&Stop::Time));
    writer.tick(BootTime(501_001));
    let summary = writer.finish();
    assert_eq!((summary.refused, summary.reason), (1, Stop::Time));
    let (found, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        found[3..],
        [
            Item::Tick(BootTime(501_000)),
            Item::End {
                reason: Stop::Time,
                events: 0
            }
        ]
    );
}

/// A disk with room for so many bytes.
struct Disk<'a>(usize, &'a mut Vec<u8>);

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        self.1.extend_from_slice(&bytes[..taken]);
        if taken == 0 {
            Err(std::io::Error::from_raw_os_error(28))
        } else {
            Ok(taken)
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_is_said() {
    let event = &events::every_kind()[0];
    let mut file = Vec::new();
    let mut writer = Writer::new(Disk(100_000, &mut file), &meta(), Limits::default()).unwrap();
    for _ in 0..10_000 {
        writer.event(event);
    }
    let summary = writer.finish();
    assert_eq!(summary.events + summary.refused, 10_000);
    let (found, error) = read(&file);
    assert!(
        found.len() as u64 >= summary.events && summary.events > 100,
        "{summary:?}, {} are readable",
        found.len()
    );
    assert!(
        matches!(error, Some(ReadError::Truncated { .. } | ReadError::Unfinished { .. })),
        "{error:?}"
    );
    assert!(
        matches!(&summary.reason, Stop::Failed(why) if why.contains("No space left")),
        "{summary:?}"
    );
}

#[test]
fn the_file_is_private_and_replaces_only_what_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.lapwing");
    let create = |path: &Path, force| Writer::create(path, force, &meta(), Limits::default());
    create(&path, false).unwrap().finish();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(create(&path, false), Err(CreateError::Exists(_))));
    create(&path, true).unwrap().finish();

    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(create(&link, false), Err(CreateError::Exists(_))));
    assert!(matches!(create(&link, true), Err(CreateError::NotRegular(_))));
    assert!(matches!(
        create(Path::new("/dev/null"), true),
        Err(CreateError::NotRegular(_))
    ));
    let nowhere = dir.path().join("none/events");
    assert!(create(&nowhere, false).unwrap_err().to_string().contains("must exist"));
    assert!(Reader::open(&path).unwrap().all(|item| item.is_ok()));
}

/// A recording of this format, made once, must stay readable. Whoever changes the event types raises `recording::FORMAT` and makes a new
/// one with LAPWING_GOLDEN=write; old ones stay, to prove that they are refused by version and not misread.
#[test]
fn the_golden_recording_stays_readable() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let current = format!("format-{FORMAT}.lapwing");
    for file in fs::read_dir(&directory).unwrap().map(|file| file.unwrap()) {
        if *file.file_name() != *current {
            let error = Reader::open(&file.path()).unwrap_err();
            assert!(matches!(error, ReadError::Version { .. }), "{file:?}: {error}");
        }
    }
    let path = directory.join(current);
    if std::env::var("LAPWING_GOLDEN").as_deref() == Ok("write") {
        fs::write(&path, record()).unwrap();
    }
    let golden = fs::read(&path).unwrap();
    let (found, error) = read(&golden);
    assert!(
        error.is_none(),
        "{error:?}: the event types changed; raise recording::FORMAT"
    );
    assert_eq!(found, items(), "the event types changed; raise recording::FORMAT");
    assert!(golden.len() < MAX_FRAME as usize / 100);
}

/// With and without what may be missing.
#[test]
fn plaintext_of_tls_is_written_and_read() {
    let mut events = Synthetic::new();
    events.tls(700, u64::MAX, Way::Sent, b"GET / HTTP/1.1\r\n\r\n");
    let ends = Endpoints {
        local: "[2001:db8::1]:443".parse().unwrap(),
        remote: "192.0.2.1:40000".parse().unwrap(),
        netns: 3,
    };
    events.tls_with(700, 1, Way::Received, b"\xff\0", |tls| {
        (tls.flow, tls.endpoints) = (Some(FlowKey(7)), Some(ends));
        (tls.direction, tls.length, tls.end) = (Direction::Incoming, 1 << 20, true);
    });
    let events = events.take();
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &meta(), Limits::default()).unwrap();
    events.iter().for_each(|event| writer.event(event));
    writer.finish();
    let (found, error) = read(&file);
    assert!(error.is_none(), "{error:?}");
    let found = found.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some(event),
        _ => None,
    });
    assert_eq!(found.collect::<Vec<_>>(), events);
}
