//! Captures (pcap, pcapng), as a disk, a copy or an attacker could have changed them.

#![no_main]

use std::{collections::HashMap, io::Cursor, sync::Arc};

use lapwing::{
    capture::{Reader, is_capture},
    recording::Item,
};
use lapwing_engine::{
    event::Body,
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(mut reader) = Reader::new(Cursor::new(input.to_vec())) else {
        return;
    };
    assert!(is_capture(input));
    let limits = Arc::new(Limits::default());
    let (mut budget, mut out) = (Budget::new(1 << 20), Vec::new());
    let mut conversations: HashMap<_, Conversation> = HashMap::new();
    let (mut failed, mut segments) = (false, 0_u64);
    for item in reader.by_ref() {
        assert!(!failed, "nothing follows an error");
        match item {
            Ok(Item::Event(event)) => {
                let Body::Segment(segment) = event.body else { continue };
                assert!(segment.data.len() <= segment.length as usize);
                segments += 1;
                let conversation = conversations
                    .entry(segment.flow)
                    .or_insert_with(|| Conversation::new(limits.clone()));
                conversation.segment(&segment, &mut budget, &mut out);
                out.clear();
            }
            Ok(item) => assert!(matches!(item, Item::Tick(_))),
            Err(_) => failed = true,
        }
    }
    for conversation in conversations.values_mut() {
        conversation.close(End::Evicted, &mut budget, &mut out);
    }
    assert_eq!(budget.used(), 0);
    let ignored = reader.ignored();
    let counted = segments + ignored.not_tcp + ignored.fragments + ignored.broken + ignored.link_type;
    assert_eq!(counted, reader.packets(), "every packet is a segment or counted");
});
