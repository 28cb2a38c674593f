//! Makes conversations for the tests.

use std::{net::SocketAddr, sync::Arc};

use super::super::{Conversation, End, Limits, Message};
use crate::{
    event::{Carried, Direction, Endpoints, FlowKey, Segment, Way, tcp},
    net::{
        budget::{Budget, Counters},
        http::{Request, Response},
    },
};

pub const FROM_CLIENT: Way = Way::Received;
pub const FROM_SERVER: Way = Way::Sent;

/// A conversation with its budget and what it said.
pub struct Talk {
    pub conversation: Conversation,
    pub budget: Budget,
    pub said: Vec<Message>,
    next: [u32; 2],
    /// Of the next segment.
    passed: u32,
}

impl Talk {
    pub fn new() -> Talk {
        Talk::with(Limits::default(), 64 << 20)
    }

    /// From its SYNs, whose numbers are near the wraparound.
    pub fn with(limits: Limits, budget: usize) -> Talk {
        let mut talk = Talk::midstream(limits, budget);
        for way in [FROM_CLIENT, FROM_SERVER] {
            talk.packet(way, 0, tcp::SYN, b"");
            talk.next[way as usize] += 1;
        }
        talk
    }

    /// Without them.
    pub fn midstream(limits: Limits, budget: usize) -> Talk {
        Talk {
            conversation: Conversation::new(Arc::new(limits)),
            budget: Budget::new(budget),
            said: Vec::new(),
            next: [u32::MAX - 20, u32::MAX - 3000],
            passed: 0,
        }
    }

    /// The next bytes of a direction, in one segment.
    pub fn say(&mut self, way: Way, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.packet(way, 0, 0, bytes);
        self.advance(way, bytes.len())
    }

    /// The same in segments of `size`.
    pub fn say_in(&mut self, size: usize, way: Way, bytes: impl AsRef<[u8]>) -> &mut Self {
        bytes.as_ref().chunks(size).for_each(|part| {
            self.say(way, part);
        });
        self
    }

    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(FROM_CLIENT, bytes)
    }

    pub fn answer(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(FROM_SERVER, bytes)
    }

    /// So many bytes pass and are not there; the next segment shows it.
    pub fn advance(&mut self, way: Way, bytes: usize) -> &mut Self {
        self.next[way as usize] = self.next[way as usize].wrapping_add(bytes as u32);
        self
    }

    /// A segment of `length` bytes of which the kernel copied only `bytes`.
    pub fn say_cut(&mut self, way: Way, length: usize, bytes: &[u8]) -> &mut Self {
        self.segment(way, self.next[way as usize], 0, length, bytes, None);
        self.advance(way, length)
    }

    /// A segment after so many bytes of the other way that are whole messages, which nobody asked for.
    pub fn say_after(&mut self, passed: usize, way: Way, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.advance(way.other(), passed);
        self.passed = passed as u32;
        let (next, other) = (self.next[way as usize], self.next[way.other() as usize]);
        self.segment(way, next, 0, bytes.len(), bytes, Some(other));
        self.advance(way, bytes.len())
    }

    /// So many bytes that are whole messages, which nobody asked for, in a segment of their own.
    pub fn segment_whole(&mut self, way: Way, length: usize) -> &mut Self {
        self.segment(way, self.next[way as usize], tcp::WHOLE, length, b"", None);
        self.advance(way, length)
    }

    /// A segment `distance` from the next byte.
    pub fn packet(&mut self, way: Way, distance: i32, flags: u8, bytes: &[u8]) -> &mut Self {
        let sequence = self.next[way as usize].wrapping_add_signed(distance);
        self.segment(way, sequence, flags, bytes.len(), bytes, None)
    }

    /// An empty segment with the acknowledgement of all that the other side sent.
    pub fn acknowledge(&mut self, way: Way) -> &mut Self {
        let (next, other) = (self.next[way as usize], self.next[1 - way as usize]);
        self.segment(way, next, 0, 0, b"", Some(other))
    }

    pub fn segment(
        &mut self,
        way: Way,
        sequence: u32,
        flags: u8,
        length: usize,
        bytes: &[u8],
        ack: Option<u32>,
    ) -> &mut Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let segment = Segment {
            flow: FlowKey(1),
            direction: Direction::Incoming,
            way,
            endpoints: Endpoints {
                local: address,
                remote: address,
                netns: 0,
            },
            sequence,
            ack: ack.unwrap_or(0),
            flags: if ack.is_some() { flags | tcp::ACK } else { flags },
            length: length as u32,
            data: Carried::from(bytes),
            passed: std::mem::take(&mut self.passed),
        };
        self.conversation.segment(&segment, &mut self.budget, &mut self.said);
        self
    }

    /// Ends it and checks that everything was given back.
    pub fn close(&mut self) -> &mut Self {
        self.conversation
            .close(End::Closed(None), &mut self.budget, &mut self.said);
        assert_eq!(self.budget.used(), 0, "all is given back");
        self
    }

    pub fn counters(&self) -> &Counters {
        &self.budget.counters
    }

    pub fn requests(&self) -> Vec<&Arc<Request>> {
        let requests = self.said.iter().filter_map(|message| match message {
            Message::Request(_, request) => Some(request),
            _ => None,
        });
        requests.collect()
    }

    pub fn responses(&self) -> Vec<(&Arc<Response>, Option<&Arc<Request>>)> {
        let responses = self.said.iter().filter_map(|message| match message {
            Message::Response(_, response, request) => Some((response, request.as_ref())),
            _ => None,
        });
        responses.collect()
    }

    /// The names of the oddities, in order.
    pub fn malformed(&self) -> Vec<&'static str> {
        let odd = self.said.iter().filter_map(|message| match message {
            Message::Malformed { what, .. } => Some(what.name()),
            _ => None,
        });
        odd.collect()
    }

    /// What was said, one short line for each.
    pub fn story(&self) -> Vec<String> {
        self.said.iter().map(line).collect()
    }
}

fn line(message: &Message) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let state = |truncated, partial| {
        format!(
            "{}{}",
            if truncated { " truncated" } else { "" },
            if partial { " partial" } else { "" }
        )
    };
    match message {
        Message::Payload { offset, bytes, .. } => format!("payload {offset} {}", text(bytes)),
        Message::Request(_, request) => {
            let state = state(request.truncated, request.partial);
            format!(
                "{} {} [{}]{state}",
                text(request.method()),
                text(request.target()),
                text(&request.body.bytes)
            )
        }
        Message::Response(_, response, request) => {
            let state = state(response.truncated, response.partial);
            let asked = request
                .as_ref()
                .map_or_else(|| "?".to_owned(), |request| text(request.target()));
            format!(
                "{} for {asked} [{}]{state}",
                response.status,
                text(&response.body.bytes)
            )
        }
        Message::Malformed { what, .. } => format!("malformed {what}"),
        Message::Desynchronised { offset, why, .. } => format!("desynchronised {offset} {why:?}"),
        Message::Upgraded { to } => format!("upgraded {}", text(to)),
    }
}
