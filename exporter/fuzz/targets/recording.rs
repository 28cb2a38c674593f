//! Recordings, as a disk, a copy or an attacker could have changed them.

#![no_main]

use lapwing::recording::{FORMAT, Item, Limits, MAGIC, Meta, Reader, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    read(input);
    read(&framed(input));
});

/// Reads everything; what was read must survive being written and read again.
fn read(file: &[u8]) {
    let Ok(reader) = Reader::new(file) else { return };
    let mut copy = Vec::new();
    let mut writer = Writer::new(&mut copy, reader.meta(), Limits::default()).expect("a vector takes all");
    let mut items = Vec::new();
    let mut failed = false;
    for item in reader {
        assert!(!failed, "nothing follows an error");
        match item {
            Ok(item) => items.push(item),
            Err(_) => failed = true,
        }
    }
    items.retain(|item| !matches!(item, Item::End { .. }));
    for item in &items {
        match item {
            Item::Event(event) => writer.event(event),
            Item::Tick(now) => writer.tick(*now),
            Item::Lost { sensor, stage, count } => writer.lost(*sensor, stage, *count),
            Item::Reload {
                generation,
                config_hash,
            } => writer.reload(*generation, config_hash),
            Item::End { .. } => {}
        }
    }
    assert_eq!(writer.finish().refused, 0);
    let again: Vec<Item> = Reader::new(&copy[..])
        .expect("just written")
        .map(|item| item.expect("just written"))
        .collect();
    assert_eq!(again[..again.len() - 1], items);
}

/// Takes the input for payloads, each behind a byte of length, and gives them the frames and checksums that no mutation would find.
fn framed(mut input: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    Writer::new(&mut file, &Meta::default(), Limits::default()).expect("a vector takes all");
    debug_assert!(file.starts_with(&MAGIC) && file[8..10] == FORMAT.to_le_bytes());
    while let Some((length, rest)) = input.split_first() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let length = (payload.len() as u32).to_le_bytes();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&length);
        crc.update(payload);
        file.extend_from_slice(&length);
        file.extend_from_slice(&crc.finalize().to_le_bytes());
        file.extend_from_slice(payload);
        input = rest;
    }
    file
}
