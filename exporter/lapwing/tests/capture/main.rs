//! Captures become the network sensor's events: packets made here of every kind, and a real capture of real programs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod formats;
mod made;
mod programs;

use std::{io::Cursor, sync::Arc};

use lapwing::{
    capture::{CaptureError, Ignored, Reader, is_capture},
    recording::Item,
};
use lapwing_engine::{
    event::{Body, Direction, FlowChange},
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits, Message},
    },
};

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
            Message::Request(way, request) => format!(
                "{way:?} {} {}",
                text(request.line()),
                request.partial || request.truncated
            ),
            Message::Response(way, response, _) => format!(
                "{way:?} {} {} {}",
                response.status,
                text(&response.body.bytes),
                response.partial || response.truncated
            ),
            other => format!("{other:?}"),
        })
        .collect();
    seen
}
