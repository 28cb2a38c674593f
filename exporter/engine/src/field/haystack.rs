//! Texts in which the values of several fields lie: what is nowhere in one of them is in none of those values.

use std::borrow::Cow;

use super::{Context, FieldRef, Scratch};
use crate::{event::Told, net::http::Request};

/// A text of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Haystack {
    /// What was asked for, as sent, and its path, decoded.
    Target,
    /// The values of the request's arguments, decoded, without what divides them.
    Args,
    /// The host that is asked.
    Host,
    /// The head of the request.
    Head,
    /// The values of the request's headers of this name.
    Header(Box<[u8]>),
    /// The body of the request.
    Body,
    /// The piece of a stream.
    Payload,
}

impl Haystack {
    /// Shows the text, which may be in several pieces, none of which a value crosses.
    pub fn visit(&self, context: &Context<'_>, mut look: impl FnMut(&[u8])) {
        let Some(traffic) = context.traffic() else { return };
        if let (Haystack::Payload, Told::Payload(payload)) = (self, &traffic.told) {
            return look(&payload.bytes);
        }
        if let Some(request) = traffic.request() {
            self.visit_request(request, &mut context.scratch.borrow_mut(), look);
        }
    }

    /// The same of a request.
    pub fn visit_request(&self, request: &Request, scratch: &mut Scratch, mut look: impl FnMut(&[u8])) {
        match self {
            Haystack::Target => {
                look(request.target());
                if let Cow::Owned(path) = request.path() {
                    look(&path);
                }
            }
            Haystack::Args if request.may_have_args() => look(scratch.all_args(request)),
            Haystack::Host => request.host().into_iter().for_each(look),
            Haystack::Head => look(request.headers.text()),
            Haystack::Header(name) => request.headers.all(name).for_each(look),
            Haystack::Body => look(&request.body.bytes),
            Haystack::Args | Haystack::Payload => {}
        }
    }
}

impl FieldRef {
    /// The text in which every value of the field lies; None where it is not worth it or not so.
    pub(crate) fn haystack(&self) -> Option<Haystack> {
        Some(match self.field.name {
            "http.target" | "http.path" | "http.path.raw" | "http.query" | "http.args.name" => Haystack::Target,
            "http.args" => Haystack::Args,
            "http.host" => Haystack::Host,
            "http.header" => self.name().map_or(Haystack::Head, |name| {
                Haystack::Header(name.to_ascii_lowercase().into())
            }),
            "http.header.name" | "http.cookie" => Haystack::Head,
            "http.body" => Haystack::Body,
            "tcp.payload" => Haystack::Payload,
            _ => return None,
        })
    }
}
