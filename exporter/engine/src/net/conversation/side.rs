//! Where the reader of one direction is.

use super::{
    super::{
        budget::Budget,
        http::{Chunked, Draft, Head, Headers, RequestLine, Scanner, StatusLine},
        reassembly::Piece,
    },
    framing::Framing,
};

/// The first line of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum First {
    Request(RequestLine),
    Status(StatusLine),
}

/// A head under way.
#[derive(Debug)]
pub(super) struct OpenHead {
    pub scanner: Scanner,
    pub first: Option<First>,
    /// Nothing but HTTP can come here; if it does not, that is told.
    pub sure: bool,
    /// Taken from the budget.
    pub charged: usize,
}

/// A message whose head is complete.
#[derive(Debug)]
pub(super) struct Open {
    pub first: First,
    pub head: Head,
    pub trailers: Headers,
    pub draft: Draft,
    /// What Content-Length says.
    pub announced: Option<u64>,
    /// Bytes are missing.
    pub partial: bool,
    /// Taken from the budget for the head.
    pub charged: usize,
}

/// The reader of one direction.
#[derive(Debug)]
pub(super) enum State {
    /// Between messages.
    Start {
        sure: bool,
    },
    Head(Box<OpenHead>),
    Body(Box<Open>, Framing),
    /// After a chunked body.
    Trailers(Box<Open>, Box<Scanner>),
    /// In a body whose message was told already.
    Skip(Framing),
    /// In the trailers of such a message.
    SkipTrailers(Box<Scanner>),
    /// After CONNECT, until it is answered.
    Wait,
    /// Desynchronised: the next clean start is waited for.
    Lost,
    /// Not HTTP, or not any more.
    Off,
}

impl Default for State {
    fn default() -> Self {
        State::Start { sure: false }
    }
}

impl State {
    /// Gives back what it holds.
    pub fn release(self, budget: &mut Budget) {
        match self {
            State::Head(head) => budget.give(head.charged),
            State::Body(open, _) | State::Trailers(open, _) => {
                budget.give(open.charged);
                open.draft.release(budget);
            }
            _ => {}
        }
    }
}

/// What is left of a body after so many bytes that are not there. None: nothing is. Err: where it ends is not known any more.
pub(super) fn pass(framing: Framing, gap: u64) -> Result<Option<Framing>, ()> {
    match framing {
        Framing::Length(left) if gap < left => Ok(Some(Framing::Length(left - gap))),
        Framing::Length(left) if gap == left => Ok(None),
        Framing::Length(_) => Err(()),
        Framing::Chunks(mut chunks) => match chunks.gap(gap) {
            true => Ok(Some(Framing::Chunks(chunks))),
            false => Err(()),
        },
        Framing::Close => Ok(Some(Framing::Close)),
    }
}

/// A body's next bytes, taken apart: what of them is data, and what comes then.
#[derive(Debug)]
pub(super) enum Next {
    /// It goes on; so many bytes are taken, the range of which is data.
    More(Framing, std::ops::Range<usize>, usize),
    /// It ended with them.
    Done(std::ops::Range<usize>, usize),
    /// Trailers follow.
    Trailers,
    /// This is no chunk.
    Broken,
}

/// Reads on in a body. `bytes` are not none.
pub(super) fn next(framing: Framing, bytes: &[u8]) -> Next {
    match framing {
        Framing::Length(left) => {
            let taken = left.min(bytes.len() as u64) as usize;
            match left - taken as u64 {
                0 => Next::Done(0..taken, taken),
                left => Next::More(Framing::Length(left), 0..taken, taken),
            }
        }
        Framing::Close => Next::More(framing, 0..bytes.len(), bytes.len()),
        Framing::Chunks(mut chunks) => match chunked(&mut chunks, bytes) {
            Ok(Some((data, taken))) => Next::More(Framing::Chunks(chunks), data, taken),
            Ok(None) => Next::Trailers,
            Err(()) => Next::Broken,
        },
    }
}

fn chunked(chunks: &mut Chunked, bytes: &[u8]) -> Result<Option<(std::ops::Range<usize>, usize)>, ()> {
    use super::super::http::Step;
    match chunks.step(bytes) {
        Step::Skip(taken) => Ok(Some((0..0, taken))),
        Step::Data(taken) => Ok(Some((0..taken, taken))),
        Step::Trailers => Ok(None),
        Step::Broken => Err(()),
    }
}

/// The bytes of a piece, if it has any.
pub(super) fn speaks(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Bytes(_) | Piece::Gap(_) | Piece::Uncopied(_))
}
