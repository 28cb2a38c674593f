//! HTTP over both directions: which side asks, what answers what, and how each message is read.

mod heads;
mod payload;
mod pending;
mod tell;

use super::{
    super::{
        budget::Budget,
        http::{Fed, Oddity, Scanner},
        reassembly::Piece,
    },
    Desync, Limits, Message,
    framing::Framing,
    index, other,
    side::{self, Next, Open, OpenHead, State},
};
use crate::event::Way;

use self::{
    payload::Tails,
    pending::{Kind, Pending},
};

/// What every step needs.
pub(super) struct Context<'a> {
    pub limits: &'a Limits,
    pub budget: &'a mut Budget,
    pub out: &'a mut Vec<Message>,
}

/// The readers of both directions and what ties them together.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    states: [State; 2],
    /// The way that requests go; None while it is not known that this is HTTP.
    client: Option<Way>,
    pending: Pending,
    /// Who spoke last.
    last: Option<Way>,
    /// Its beginning, or what came between, was not seen.
    midstream: bool,
    tails: Tails,
    /// What is missing now is whole messages.
    pub whole: bool,
    /// Nobody reads the payload.
    pub unread: bool,
}

impl Exchange {
    pub fn is_http(&self) -> bool {
        self.client.is_some()
    }

    /// Whether nothing that came was HTTP, or said that something else follows.
    pub fn is_unknown(&self) -> bool {
        self.client.is_none() && self.last.is_some() && !self.states.iter().any(|state| matches!(state, State::Off))
    }

    /// Says, before the first piece of a direction, whether that is its beginning.
    pub fn seen(&mut self, from_start: bool) {
        self.midstream |= !from_start && self.last.is_none();
    }

    /// Takes the next piece of a direction.
    pub fn piece(&mut self, way: Way, offset: u64, piece: Piece<'_>, cx: &mut Context<'_>) {
        if side::speaks(&piece) {
            self.turn(way, cx);
        }
        match piece {
            Piece::Bytes(bytes) => {
                self.tails.tell(way, offset, bytes, self.unread, cx);
                self.bytes(way, offset, bytes, cx);
            }
            Piece::Gap(length) => self.gap(way, offset, length, false, cx),
            Piece::Uncopied(length) => self.gap(way, offset, length, true, cx),
            Piece::Conflict => {
                cx.budget.counters.desynchronised += 1;
                cx.out.push(Message::Desynchronised {
                    way,
                    offset,
                    why: Desync::Overlap,
                });
            }
            Piece::End => self.end(way, true, cx),
            Piece::Reset => {
                self.end(way, false, cx);
                self.end(other(way), false, cx);
            }
        }
    }

    /// Tells what is under way and gives back what is held. `clean`: the connection ended as it should.
    pub fn close(&mut self, clean: bool, cx: &mut Context<'_>) {
        let client = self.client.unwrap_or(Way::Received);
        self.end(client, clean, cx);
        self.end(other(client), clean, cx);
        self.off(cx);
    }

    /// After the other side has spoken, a direction that was lost may start anew.
    fn turn(&mut self, way: Way, cx: &mut Context<'_>) {
        if self.last == Some(way) {
            return;
        }
        self.last = Some(way);
        let state = &mut self.states[index(way)];
        // What began somewhere in a turn and is no first line yet will never be one.
        let never = matches!(state, State::Head(head) if head.first.is_none() && !head.sure) && self.midstream;
        if !never && !matches!(state, State::Lost) {
            return;
        }
        std::mem::take(state).release(cx.budget);
        if self.client == Some(way) {
            // What was asked before was answered, or will never be told apart.
            self.pending.clear(cx.budget);
        }
    }

    fn bytes(&mut self, way: Way, offset: u64, bytes: &[u8], cx: &mut Context<'_>) {
        let mut taken = 0;
        while taken < bytes.len() {
            if matches!(self.states[index(way)], State::Off | State::Lost | State::Wait) {
                return;
            }
            let state = std::mem::take(&mut self.states[index(way)]);
            let (state, more) = self.step(way, state, &bytes[taken..], offset + taken as u64, cx);
            self.states[index(way)] = state;
            taken += more;
        }
    }

    /// Takes some of the bytes: the state after them, and how many they were.
    fn step(&mut self, way: Way, state: State, bytes: &[u8], offset: u64, cx: &mut Context<'_>) -> (State, usize) {
        match state {
            State::Start { sure } => {
                if let Some(done) = self.plain_head(way, bytes, cx) {
                    return done;
                }
                let scanner = Scanner::new(bytes.len());
                let head = OpenHead {
                    scanner,
                    first: None,
                    sure,
                    charged: 0,
                };
                self.head(way, head, bytes, cx)
            }
            State::Head(head) => self.head(way, *head, bytes, cx),
            State::Body(open, framing) => self.body(way, open, framing, bytes, offset, cx),
            State::Trailers(mut open, mut scanner) => match scanner.feed(bytes, cx.limits.head, cx.limits.headers) {
                Fed::Done(taken) => {
                    open.trailers = scanner.into_head().headers;
                    (self.tell(way, *open, cx), taken)
                }
                _ => (State::Trailers(open, scanner), bytes.len()),
            },
            State::Skip(framing) => self.skip(way, framing, bytes, offset, cx),
            State::SkipTrailers(mut scanner) => match scanner.feed(bytes, 0, 0) {
                Fed::Done(taken) => (State::Start { sure: true }, taken),
                _ => (State::SkipTrailers(scanner), bytes.len()),
            },
            other => (other, bytes.len()),
        }
    }

    fn body(
        &mut self,
        way: Way,
        mut open: Box<Open>,
        framing: Framing,
        bytes: &[u8],
        offset: u64,
        cx: &mut Context<'_>,
    ) -> (State, usize) {
        let most = cx.most(&open.first);
        match side::next(framing, bytes) {
            Next::More(framing, data, taken) => {
                if open.draft.add(&bytes[data], most, cx.budget) {
                    return (State::Body(open, framing), taken);
                }
                self.tell(way, *open, cx);
                (State::Skip(framing), taken)
            }
            Next::Done(data, taken) => {
                open.draft.add(&bytes[data], most, cx.budget);
                (self.tell(way, *open, cx), taken)
            }
            Next::Trailers => (State::Trailers(open, Box::new(Scanner::trailers())), 0),
            Next::Broken => {
                open.head.oddities.add(Oddity::Chunk);
                open.partial = true;
                self.tell(way, *open, cx);
                (self.lost(way, offset, None, cx), bytes.len())
            }
        }
    }

    fn skip(&mut self, way: Way, framing: Framing, bytes: &[u8], offset: u64, cx: &mut Context<'_>) -> (State, usize) {
        match side::next(framing, bytes) {
            Next::More(framing, _, taken) => (State::Skip(framing), taken),
            Next::Done(_, taken) => (State::Start { sure: true }, taken),
            Next::Trailers => (State::SkipTrailers(Box::new(Scanner::trailers())), 0),
            Next::Broken => {
                cx.malformed(way, Oddity::Chunk);
                (self.lost(way, offset, None, cx), bytes.len())
            }
        }
    }

    /// `cut`: nothing is lost, the message is longer than what is read of it. Where a chunked one ends is then not known, and nothing to tell.
    fn gap(&mut self, way: Way, offset: u64, length: u64, cut: bool, cx: &mut Context<'_>) {
        let after = match std::mem::take(&mut self.states[index(way)]) {
            // As after a response; nothing is known to follow it.
            State::Start { .. } | State::Lost if self.whole => {
                self.pending.clear(cx.budget);
                self.midstream = true;
                State::Start { sure: false }
            }
            state @ (State::Off | State::Lost | State::Wait) => state,
            State::Body(mut open, framing) => {
                open.partial = !cut;
                open.draft.body.truncated |= cut;
                let after = self.tell(way, *open, cx);
                match side::pass(framing, length) {
                    Ok(None) => after,
                    Ok(Some(framing)) => State::Skip(framing),
                    Err(()) => self.beyond(way, offset, length, cut.then_some(framing), cx),
                }
            }
            State::Skip(framing) => match side::pass(framing, length) {
                Ok(None) => State::Start { sure: true },
                Ok(Some(framing)) => State::Skip(framing),
                Err(()) => self.beyond(way, offset, length, cut.then_some(framing), cx),
            },
            state => {
                self.tell_unfinished(way, state, false, cx);
                self.lost(way, offset, Some(length), cx)
            }
        };
        self.states[index(way)] = after;
    }

    /// What is not there reaches past the end of a message, or may: where the next one begins is not known. `cut`: it was not copied, of a body
    /// that is framed so.
    fn beyond(&mut self, way: Way, offset: u64, length: u64, cut: Option<Framing>, cx: &mut Context<'_>) -> State {
        let answers = self.client == Some(other(way)) && !self.pending.is_empty();
        match cut {
            // Answers to requests that were sent in a row, behind one that is longer than what is read of it.
            Some(_) if answers => {
                self.unanswered(other(way), cx);
                State::Lost
            }
            Some(Framing::Chunks(_)) => State::Lost,
            _ => self.lost(way, offset, Some(length), cx),
        }
    }

    /// The answers to what was asked `way` will not be read. Nobody waits for that of CONNECT then: what comes next shows what it was.
    fn unanswered(&mut self, way: Way, cx: &mut Context<'_>) {
        self.pending.forget(cx);
        let asking = &mut self.states[index(way)];
        if matches!(asking, State::Wait) {
            *asking = State::Lost;
        }
    }

    fn lost(&mut self, way: Way, offset: u64, gap: Option<u64>, cx: &mut Context<'_>) -> State {
        if !self.is_http() {
            // Nothing is known to be lost; what it is may show later.
            self.midstream = true;
            return State::Lost;
        }
        if self.client == Some(other(way)) {
            self.unanswered(other(way), cx);
        }
        cx.budget.counters.desynchronised += 1;
        if let Some(gap) = gap {
            cx.out.push(Message::Desynchronised {
                way,
                offset,
                why: Desync::Gap(gap),
            });
        }
        State::Lost
    }

    /// A direction is at its end.
    fn end(&mut self, way: Way, clean: bool, cx: &mut Context<'_>) {
        let state = std::mem::take(&mut self.states[index(way)]);
        self.states[index(way)] = match state {
            State::Off => State::Off,
            start @ State::Start { .. } => start,
            state => {
                self.tell_unfinished(way, state, clean, cx);
                State::Lost
            }
        };
    }

    /// Nothing more is read here.
    fn off(&mut self, cx: &mut Context<'_>) {
        for state in &mut self.states {
            std::mem::replace(state, State::Off).release(cx.budget);
        }
        self.pending.clear(cx.budget);
    }
}
