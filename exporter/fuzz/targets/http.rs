//! Conversations, as peers could have them: turns of bytes, in order. However they are cut into segments, the messages are the same; what is
//! held is within the budget and given back.

#![no_main]

use std::{net::SocketAddr, sync::Arc};

use lapwing_engine::{
    event::{Carried, Direction, Endpoints, FlowKey, FlowTotals, Segment, Way, tcp},
    net::{
        budget::Budget,
        conversation::{Conversation, End, Limits, Message},
        reassembly::Bounds,
    },
};
use libfuzzer_sys::fuzz_target;

/// Ends a turn.
const TURN: u8 = 0xff;

/// Small enough to be met.
fn limits() -> Arc<Limits> {
    Arc::new(Limits {
        head: 600,
        headers: 9,
        request_body: 100,
        response_body: 200,
        reorder: Bounds {
            bytes: 1 << 20,
            segments: 1 << 12,
        },
        pending: 3,
        payload: 50,
        payload_again: 5,
    })
}

struct Side {
    next: u32,
    way: Way,
}

fn segment(side: &mut Side, flags: u8, data: &[u8]) -> Segment {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let sequence = side.next;
    side.next = sequence.wrapping_add(data.len() as u32 + u32::from(flags & tcp::SYN != 0));
    Segment {
        flow: FlowKey(1),
        direction: Direction::Incoming,
        way: side.way,
        endpoints: Endpoints {
            local: address,
            remote: address,
            netns: 0,
        },
        sequence,
        ack: 0,
        flags,
        length: data.len() as u32,
        data: Carried::from(data),
        passed: 0,
    }
}

/// Holds the conversation in pieces of `sizes`, in turn; 0 is a whole turn.
fn talk(turns: &[u8], sizes: &[u8], syn: bool, budget: usize) -> (Vec<Message>, Budget) {
    let (mut budget, mut out) = (Budget::new(budget), Vec::new());
    let limit = budget.used();
    let mut conversation = Conversation::new(limits());
    let mut sides = [
        Side {
            next: u32::MAX - 50,
            way: Way::Received,
        },
        Side {
            next: 7,
            way: Way::Sent,
        },
    ];
    let mut sizes = sizes.iter().cycle();
    if syn {
        for side in &mut sides {
            conversation.segment(&segment(side, tcp::SYN, b""), &mut budget, &mut out);
        }
    }
    for (index, turn) in turns.split(|byte| *byte == TURN).enumerate() {
        let mut rest = turn;
        while !rest.is_empty() {
            let size = sizes.next().map_or(0, |size| usize::from(*size));
            let (now, after) = rest.split_at(if size == 0 { rest.len() } else { size.min(rest.len()) });
            conversation.segment(&segment(&mut sides[index % 2], 0, now), &mut budget, &mut out);
            rest = after;
        }
    }
    for side in &mut sides {
        conversation.segment(&segment(side, tcp::FIN, b""), &mut budget, &mut out);
    }
    conversation.close(End::Closed(Some(&FlowTotals::default())), &mut budget, &mut out);
    assert_eq!(budget.used(), limit, "all is given back");
    // Pieces of payload are what they are.
    let mut payload = [Vec::new(), Vec::new()];
    out.retain(|message| match message {
        Message::Payload { way, offset, bytes } => {
            let stream = &mut payload[*way as usize];
            let (again, new) = bytes.split_at(stream.len() - *offset as usize);
            assert!(again.len() <= 5 && !new.is_empty());
            assert_eq!(again, &stream[*offset as usize..]);
            stream.extend_from_slice(new);
            false
        }
        _ => true,
    });
    assert!(payload.iter().all(|stream| stream.len() <= 50));
    (out, budget)
}

/// What everybody may ask of a message.
fn look(message: &Message) {
    match message {
        Message::Request(_, request) => {
            assert!(request.body.bytes.len() <= 100 && request.headers.len() <= 9 + 16);
            assert!(request.headers.text().len() < 600 + 17 * 300);
            let _ = (
                request.path(),
                request.query(),
                request.host(),
                request.line(),
                request.method(),
            );
            assert!(request.args().count() <= 1000 && request.cookies().count() <= 1000);
        }
        Message::Response(_, response, request) => {
            assert!(response.body.bytes.len() <= 200);
            let _ = (response.reason(), request.as_ref().map(|request| request.target()));
        }
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((head, turns)) = input.split_first_chunk::<4>() else {
        return;
    };
    let syn = head[0] & 1 == 0;
    let (whole, budget) = talk(turns, &[0], syn, 1 << 24);
    whole.iter().for_each(look);
    let (pieces, counted) = talk(turns, &[head[1] % 64, head[2] % 64, head[3]], syn, 1 << 24);
    assert_eq!(pieces, whole);
    assert_eq!(
        (
            budget.counters.requests,
            budget.counters.responses,
            budget.counters.malformed
        ),
        (
            counted.counters.requests,
            counted.counters.responses,
            counted.counters.malformed
        )
    );
    // With next to nothing to hold things in, less is told, and nothing breaks.
    talk(turns, &[1 + head[1] % 64], syn, 3000);
});
