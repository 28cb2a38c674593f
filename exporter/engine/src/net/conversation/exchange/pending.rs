//! Requests that wait for their response.

use std::{collections::VecDeque, sync::Arc};

use super::{
    super::super::{budget::Budget, http::Request},
    Context,
};

/// So many unanswered requests are nobody's pipeline: pairing starts anew.
const MOST: usize = 1024;

/// What of a method changes how its response is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Head,
    Connect,
    /// `PRI`: HTTP/2 follows.
    Preface,
    Other,
}

impl Kind {
    pub fn of(method: &[u8]) -> Kind {
        match method {
            b"HEAD" => Kind::Head,
            b"CONNECT" => Kind::Connect,
            b"PRI" => Kind::Preface,
            _ => Kind::Other,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    kind: Kind,
    /// None: it is still read, or there were too many.
    request: Option<Arc<Request>>,
    charged: usize,
}

/// In the order in which they were asked.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
}

impl Pending {
    /// A request's head is there.
    pub fn push(&mut self, kind: Kind, cx: &mut Context<'_>) {
        if self.waiting.len() >= MOST {
            self.forget(cx);
        }
        self.waiting.push_back(Waiting {
            kind,
            request: None,
            charged: 0,
        });
    }

    /// The last request is told; `charged` was taken for it.
    pub fn complete(&mut self, request: &Arc<Request>, charged: usize, cx: &mut Context<'_>) {
        let room = self.waiting.len() <= cx.limits.pending;
        match self.waiting.back_mut() {
            Some(last) if room && charged > 0 => {
                last.request = Some(request.clone());
                last.charged = charged;
            }
            _ => {
                cx.budget.counters.unpaired += 1;
                cx.budget.give(charged);
            }
        }
    }

    /// Their responses will not be seen: who comes next answers what is asked from now on.
    pub fn forget(&mut self, cx: &mut Context<'_>) {
        cx.budget.counters.unpaired += self.waiting.len() as u64;
        self.clear(cx.budget);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What the next response answers.
    pub fn first_kind(&self) -> Option<Kind> {
        self.waiting.front().map(|first| first.kind)
    }

    /// Whether the next response answers a request that is still read (or forgotten).
    pub fn is_only(&self) -> bool {
        self.waiting.len() == 1
    }

    /// The request that was answered now.
    pub fn pop(&mut self, budget: &mut Budget) -> Option<Arc<Request>> {
        let first = self.waiting.pop_front()?;
        budget.give(first.charged);
        self.shrink();
        first.request
    }

    pub fn clear(&mut self, budget: &mut Budget) {
        for waiting in self.waiting.drain(..) {
            budget.give(waiting.charged);
            waiting.request.into_iter().for_each(|request| budget.recycle(request));
        }
        self.shrink();
    }

    /// Room for the one or two that most connections ever wait for stays.
    fn shrink(&mut self) {
        if self.waiting.is_empty() && self.waiting.capacity() > 4 {
            self.waiting = VecDeque::new();
        }
    }
}
