//! How the head of a message is read, and what it makes of the connection.

use super::{
    super::{
        super::http::{
            Draft, Fed, Head, Headers, Oddity, Version, ordinary_request_line, plain_head, plausible, request_line,
            status_line,
        },
        framing::{self, Framing},
        index, other,
        side::{First, Open, OpenHead, State},
    },
    Context, Exchange, Kind,
};
use crate::event::{Bytes, Way};

impl Exchange {
    /// Reads a head as nearly all are. None, and nothing has happened: it is for [`Exchange::head`].
    pub(super) fn plain_head(&mut self, way: Way, bytes: &[u8], cx: &mut Context<'_>) -> Option<(State, usize)> {
        let mut room = cx.budget.room();
        let head = plain_head(bytes, cx.limits.head, cx.limits.headers, &mut room);
        let Some((mut head, taken)) = head else {
            cx.budget.leave(room);
            return None;
        };
        let first = self.first_line(way, &mut head)?;
        Some((self.head_done(way, first, head, cx), taken))
    }

    /// Reads a head.
    pub(super) fn head(&mut self, way: Way, mut head: OpenHead, bytes: &[u8], cx: &mut Context<'_>) -> (State, usize) {
        let mut taken = 0;
        loop {
            match head.scanner.feed(&bytes[taken..], cx.limits.head, cx.limits.headers) {
                Fed::FirstLine(more) => {
                    taken += more;
                    head.first = self.first_line(way, head.scanner.head());
                    if head.first.is_none() {
                        return (self.not_http(way, &head, cx), taken);
                    }
                }
                Fed::Done(more) => {
                    cx.budget.give(head.charged);
                    let state = match head.first {
                        Some(first) => self.head_done(way, first, head.scanner.into_head(), cx),
                        None => State::Start { sure: head.sure },
                    };
                    return (state, taken + more);
                }
                Fed::More => return (self.head_goes_on(way, head, cx), bytes.len()),
            }
        }
    }

    fn head_goes_on(&mut self, way: Way, mut head: OpenHead, cx: &mut Context<'_>) -> State {
        if head.scanner.is_blank() {
            cx.budget.give(head.charged);
            return State::Start { sure: head.sure };
        }
        if !head.scanner.has_first() && !plausible(head.scanner.line()) {
            return self.not_http(way, &head, cx);
        }
        let cost = head.scanner.cost() + size_of::<OpenHead>();
        if !cx.budget.take(cost.saturating_sub(head.charged)) {
            cx.budget.counters.refused_bytes += cost as u64;
            cx.budget.give(head.charged);
            return State::Lost;
        }
        head.charged = head.charged.max(cost);
        State::Head(Box::new(head))
    }

    /// Whether the first line is one of HTTP. The first ever says which side asks.
    fn first_line(&mut self, way: Way, head: &mut Head) -> Option<First> {
        let (text, line) = (&head.headers.text, head.first);
        if self.client != Some(other(way))
            && let Some(request) = ordinary_request_line(text, line)
        {
            self.set_client(way);
            return Some(First::Request(request));
        }
        if !plausible(line.of(text)) {
            return None;
        }
        let request = (self.client != Some(other(way))).then(|| request_line(text, line, &mut head.oddities));
        if let Some(request) = request.flatten() {
            self.set_client(way);
            return Some(First::Request(request));
        }
        let status = (self.client != Some(way))
            .then(|| status_line(text, line, &mut head.oddities))
            .flatten()?;
        self.set_client(other(way));
        Some(First::Status(status))
    }

    fn set_client(&mut self, way: Way) {
        if self.client.is_none() {
            self.client = Some(way);
            let server = &mut self.states[index(other(way))];
            if matches!(server, State::Start { .. }) {
                *server = State::Start { sure: !self.midstream };
            }
        }
    }

    /// What came is no HTTP: the end of the matter, or something to tell.
    fn not_http(&mut self, way: Way, head: &OpenHead, cx: &mut Context<'_>) -> State {
        cx.budget.give(head.charged);
        if head.sure {
            let what = if self.client == Some(way) {
                Oddity::RequestLine
            } else {
                Oddity::StatusLine
            };
            cx.malformed(way, what);
            cx.budget.counters.desynchronised += 1;
            return State::Lost;
        }
        if self.midstream || self.is_http() {
            return State::Lost;
        }
        self.off(cx);
        State::Off
    }

    fn head_done(&mut self, way: Way, first: First, mut head: Head, cx: &mut Context<'_>) -> State {
        let framing = match first {
            First::Request(line) => {
                let kind = Kind::of(line.method.of(&head.headers.text));
                if kind == Kind::Preface {
                    return self.upgrade(Bytes::from("h2"), cx);
                }
                self.pending.push(kind, cx);
                check_host(&mut head, line.version);
                if kind == Kind::Connect {
                    Framing::Length(0)
                } else {
                    framing::of_request(&mut head)
                }
            }
            First::Status(line) => match self.pending.first_kind() {
                _ if (100..200).contains(&line.status) && line.status != 101 => return State::Start { sure: true },
                Some(Kind::Head) => Framing::Length(0),
                Some(Kind::Connect) if (200..300).contains(&line.status) => Framing::Length(0),
                _ if matches!(line.status, 101 | 204 | 304) => Framing::Length(0),
                _ => framing::of_response(&mut head),
            },
        };
        let announced = if let Framing::Length(length) = framing {
            Some(length)
        } else {
            None
        };
        let open = Open {
            first,
            head,
            trailers: Headers::default(),
            draft: Draft::default(),
            announced,
            partial: false,
            charged: 0,
        };
        if announced == Some(0) {
            self.tell(way, open, cx)
        } else {
            self.open_body(way, open, framing, cx)
        }
    }

    fn open_body(&mut self, way: Way, mut open: Open, framing: Framing, cx: &mut Context<'_>) -> State {
        let headers = &open.head.headers;
        let cost = headers.text.capacity() + headers.spans.capacity() * 16 + size_of::<Open>();
        if cx.budget.take(cost) {
            open.charged = cost;
            return State::Body(Box::new(open), framing);
        }
        cx.budget.counters.refused_bytes += cost as u64;
        open.draft.body.truncated = true;
        self.tell(way, open, cx);
        State::Skip(framing)
    }
}

fn check_host(head: &mut Head, version: Version) {
    match head.headers.all(b"host").take(2).count() {
        0 if version.major == 1 && version.minor >= 1 => head.oddities.add(Oddity::HostMissing),
        2 => head.oddities.add(Oddity::HostTwice),
        _ => {}
    }
}
