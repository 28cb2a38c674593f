//! How messages are given out.

use std::sync::Arc;

use super::{
    super::{
        super::http::{Headers, Oddities, Oddity, Request, Response, path_and_query},
        Message,
        framing::Framing,
        index, other,
        side::{First, Open, OpenHead, State},
    },
    Context, Exchange, Kind,
};
use crate::event::{Bytes, Way};

impl Context<'_> {
    /// Tells one oddity.
    pub fn malformed(&mut self, way: Way, what: Oddity) {
        self.budget.counters.malformed += 1;
        self.out.push(Message::Malformed { way, what });
    }

    /// Bytes to keep of a body.
    pub fn most(&self, first: &First) -> usize {
        match first {
            First::Request(_) => self.limits.request_body,
            First::Status(_) => self.limits.response_body,
        }
    }

    fn told(&mut self, way: Way, oddities: Oddities, truncated: bool, partial: bool) {
        oddities.iter().for_each(|what| self.malformed(way, what));
        self.budget.counters.truncated += u64::from(truncated);
        self.budget.counters.partial += u64::from(partial);
    }
}

impl Exchange {
    /// Gives a message out as it is. The state after it, if it ends here.
    pub(super) fn tell(&mut self, way: Way, open: Open, cx: &mut Context<'_>) -> State {
        let Open {
            first,
            head,
            trailers,
            draft,
            announced,
            mut partial,
            charged,
        } = open;
        let mut oddities = head.oddities;
        let most = cx.most(&first);
        let (mut body, held) = draft.finish(&head.headers, most, &mut oddities, cx.budget);
        // By what is known of the message, not by how it was cut into pieces.
        body.length = if body.truncated {
            announced.unwrap_or(most as u64)
        } else {
            body.length
        };
        partial |= body.partial;
        body.partial = partial;
        let truncated = head.truncated || body.truncated;
        match first {
            First::Request(line) => {
                let (path, query) = path_and_query(&head.headers.text, line.target);
                let request = Request {
                    method: line.method,
                    target: line.target,
                    path,
                    query,
                    version: line.version,
                    headers: head.headers,
                    trailers,
                    body,
                    oddities,
                    truncated,
                    partial,
                };
                self.tell_request(way, Arc::new(request), charged + held, cx)
            }
            First::Status(line) => {
                cx.budget.give(charged + held);
                let response = Response {
                    reason: line.reason,
                    version: line.version,
                    status: line.status,
                    headers: head.headers,
                    trailers,
                    body,
                    oddities,
                    truncated,
                    partial,
                };
                self.tell_response(way, Arc::new(response), cx)
            }
        }
    }

    /// `held` is what was taken for it.
    fn tell_request(&mut self, way: Way, request: Arc<Request>, held: usize, cx: &mut Context<'_>) -> State {
        cx.told(way, request.oddities, request.truncated, request.partial);
        cx.budget.counters.requests += 1;
        let charged = hold(&request, held, cx);
        self.pending.complete(&request, charged, cx);
        let connects = Kind::of(request.method()) == Kind::Connect;
        cx.out.push(Message::Request(way, request));
        if connects {
            State::Wait
        } else {
            State::Start { sure: true }
        }
    }

    fn tell_response(&mut self, way: Way, response: Arc<Response>, cx: &mut Context<'_>) -> State {
        self.cut_request(other(way), cx);
        let kind = self.pending.first_kind();
        let request = self.pending.pop(cx.budget);
        cx.told(way, response.oddities, response.truncated, response.partial);
        cx.budget.counters.responses += 1;
        cx.out.push(Message::Response(way, response.clone(), request));
        if response.status == 101 {
            let to = response.headers.get(b"upgrade").unwrap_or_default();
            return self.upgrade(Bytes::from(to), cx);
        }
        if kind == Some(Kind::Connect) {
            if (200..300).contains(&response.status) {
                return self.upgrade(Bytes::from("CONNECT"), cx);
            }
            let client = &mut self.states[index(other(way))];
            if matches!(client, State::Wait) {
                *client = State::Start { sure: true };
            }
        }
        State::Start { sure: true }
    }

    /// A request that was answered before its end is told no later than its answer.
    fn cut_request(&mut self, way: Way, cx: &mut Context<'_>) {
        if !self.pending.is_only() {
            return;
        }
        let state = &mut self.states[index(way)];
        let after = match std::mem::take(state) {
            State::Body(mut open, framing) => {
                open.partial = true;
                self.tell(way, *open, cx);
                State::Skip(framing)
            }
            State::Trailers(open, scanner) => {
                self.tell(way, *open, cx);
                State::SkipTrailers(scanner)
            }
            state => state,
        };
        self.states[index(way)] = after;
    }

    /// Tells what will not become complete. `clean`: the connection ended here as it should.
    pub(super) fn tell_unfinished(&mut self, way: Way, state: State, clean: bool, cx: &mut Context<'_>) {
        match state {
            State::Body(mut open, framing) => {
                open.partial |= !(clean && framing == Framing::Close);
                self.tell(way, *open, cx);
            }
            State::Trailers(mut open, _) => {
                open.partial = true;
                self.tell(way, *open, cx);
            }
            State::Head(head) => self.tell_head(way, *head, cx),
            _ => {}
        }
    }

    /// Of a head that is not complete, what is there is told if its first line is.
    fn tell_head(&mut self, way: Way, head: OpenHead, cx: &mut Context<'_>) {
        cx.budget.give(head.charged);
        let Some(first) = head.first else { return };
        if let First::Request(line) = first {
            let head = head.scanner.peek();
            self.pending.push(Kind::of(line.method.of(&head.headers.text)), cx);
        }
        let open = Open {
            first,
            head: head.scanner.into_head(),
            trailers: Headers::default(),
            draft: Default::default(),
            announced: None,
            partial: true,
            charged: 0,
        };
        self.tell(way, open, cx);
    }

    /// The connection goes on in another protocol.
    pub(super) fn upgrade(&mut self, to: Bytes, cx: &mut Context<'_>) -> State {
        match to.eq_ignore_ascii_case(b"h2") || to.eq_ignore_ascii_case(b"h2c") {
            true => cx.budget.counters.http2 += 1,
            false => cx.budget.counters.upgraded += 1,
        }
        cx.out.push(Message::Upgraded { to });
        self.off(cx);
        State::Off
    }
}

/// Takes what a request costs while it waits for its response, of which `charged` is taken. 0: it cannot be kept.
fn hold(request: &Request, charged: usize, cx: &mut Context<'_>) -> usize {
    let cost = size_of::<Request>()
        + request.headers.text.capacity()
        + (request.headers.len() + request.trailers.len()) * 16
        + request.trailers.text.capacity()
        + request.body.bytes.capacity();
    cx.budget.give(charged);
    if cx.budget.take(cost) { cost } else { 0 }
}
