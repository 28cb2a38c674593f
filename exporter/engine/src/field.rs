//! Fields: what rules can ask of an event.
//!
//! One table ([`all`]) says their names (Falco's where it has one), types, documentation and which events carry them. Predicates,
//! message templates and the documentation are made from it.

mod context;
mod event;
mod file;
mod haystack;
mod http;
mod network;
mod process;
mod read;
mod scratch;
mod suggest;
mod user;

use std::fmt;

use crate::event::{Body, FlowChange, Told};

pub use context::{Connection, Context, Proc};
pub(crate) use event::name_of;
pub(crate) use haystack::Haystack;
pub use read::{FieldRef, Get, Read, Scalar, Selector, Who};
pub use scratch::Scratch;
pub(crate) use suggest::help_for;
pub use suggest::{nearest, nearest_of};

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Bytes.
    Text,
    /// Bytes that are a path: `pmatch` applies.
    Path,
    /// An integer.
    Number,
    /// True or false.
    Flag,
    /// An IP address: compared with addresses and networks.
    Address,
}

impl Type {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Path => "path",
            Type::Number => "number",
            Type::Flag => "true or false",
            Type::Address => "an IP address",
        }
    }
}

/// A set of kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// A successful exec.
    pub const EXEC: Kinds = Kinds(1);
    /// A refused exec.
    pub const EXEC_FAILURE: Kinds = Kinds(2);
    /// A change of credentials.
    pub const CREDENTIALS: Kinds = Kinds(4);
    /// A process that ended.
    pub const EXIT: Kinds = Kinds(8);
    /// An operation on a file.
    pub const FILE: Kinds = Kinds(16);
    /// What becomes of a connection.
    pub const FLOW: Kinds = Kinds(32);
    /// A socket that listens.
    pub const LISTEN: Kinds = Kinds(64);
    /// Bytes of a connection.
    pub const PAYLOAD: Kinds = Kinds(128);
    /// An HTTP request.
    pub const REQUEST: Kinds = Kinds(256);
    /// An HTTP response.
    pub const RESPONSE: Kinds = Kinds(512);
    /// A stream whose bytes may not be what the program got.
    pub const DESYNCHRONISED: Kinds = Kinds(1024);
    /// Every event that has two ends.
    pub const CONNECTION: Kinds = Kinds(32 | 128 | 256 | 512 | 1024);
    /// Every event of the network sensor.
    pub const NETWORK: Kinds = Kinds(32 | 64 | 128 | 256 | 512 | 1024);
    /// HTTP, both ways.
    pub const HTTP: Kinds = Kinds(256 | 512);
    /// Every event that rules can be about.
    pub const ALL: Kinds = Kinds(2047);
    /// None.
    pub const NONE: Kinds = Kinds(0);

    /// Those in either.
    pub const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether some are in both.
    pub const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// The kind of an event; [`Kinds::NONE`] for those that no rule is about.
    pub fn of(body: &Body) -> Kinds {
        match body {
            Body::Exec(_) => Kinds::EXEC,
            Body::ExecFailure(_) => Kinds::EXEC_FAILURE,
            Body::Credentials(_) => Kinds::CREDENTIALS,
            Body::Exit(_) => Kinds::EXIT,
            Body::File(_) => Kinds::FILE,
            Body::Flow(flow) if flow.change == FlowChange::Listening => Kinds::LISTEN,
            Body::Flow(_) => Kinds::FLOW,
            Body::Traffic(traffic) => match traffic.told {
                Told::Payload(_) => Kinds::PAYLOAD,
                Told::Request(_) => Kinds::REQUEST,
                Told::Response(..) => Kinds::RESPONSE,
                Told::Desynchronised(..) => Kinds::DESYNCHRONISED,
            },
            Body::Fork(_) | Body::Snapshot(_) | Body::Segment(_) | Body::Tls(_) => Kinds::NONE,
        }
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Kinds::ALL {
            return f.write_str("all");
        }
        let names = [
            (Kinds::EXEC, "exec"),
            (Kinds::EXEC_FAILURE, "refused exec"),
            (Kinds::CREDENTIALS, "credential change"),
            (Kinds::EXIT, "exit"),
            (Kinds::FILE, "file"),
            (Kinds::FLOW, "connection"),
            (Kinds::LISTEN, "listening socket"),
            (Kinds::PAYLOAD, "payload"),
            (Kinds::REQUEST, "request"),
            (Kinds::RESPONSE, "response"),
            (Kinds::DESYNCHRONISED, "desynchronised stream"),
        ];
        let mut first = true;
        for (_, name) in names.iter().filter(|(kind, _)| self.meets(*kind)) {
            f.write_str(if first { "" } else { ", " })?;
            f.write_str(name)?;
            first = false;
        }
        Ok(())
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Field {
    /// The name in predicates and messages.
    pub name: &'static str,
    /// What its values are.
    pub kind: Type,
    /// The events that carry it.
    pub on: Kinds,
    /// One line for people.
    pub doc: &'static str,
    /// How it is read.
    pub read: Read,
}

impl Field {
    const fn new(name: &'static str, kind: Type, on: Kinds, read: Read, doc: &'static str) -> Field {
        Field {
            name,
            kind,
            on,
            doc,
            read,
        }
    }

    /// What may stand in brackets after it; None when nothing may.
    pub fn selector(&self) -> Option<&'static str> {
        match self.read {
            Read::Of(Who::Ancestors, _) | Read::Of(_, Get::Many(_)) => Some("[n]"),
            Read::EventNamed(..) => Some("[name]"),
            Read::EventSpan(_) => Some("[from:length]"),
            _ => None,
        }
    }

    /// All values that it can have, if they are words.
    pub fn words(&self) -> Option<&'static [&'static str]> {
        match self.name {
            "net.direction" => Some(&["incoming", "outgoing", "unknown"]),
            "tcp.payload.way" => Some(&["sent", "received"]),
            "tcp.desynchronised" => Some(&["gap", "overlap", "surplus"]),
            _ => None,
        }
    }

    /// Whether it can have several values at once (without a selector); a check is then true if it is for any of them.
    pub fn is_multi(&self) -> bool {
        let one = matches!(
            self.read,
            Read::Event(_)
                | Read::EventMade(_)
                | Read::EventSpan(_)
                | Read::Of(Who::Process | Who::Parent, Get::One(_) | Get::Compose(_))
        );
        !one
    }
}

/// Every field, in the order in which they are documented.
pub fn all() -> impl Iterator<Item = &'static Field> {
    [
        event::FIELDS,
        process::FIELDS,
        user::FIELDS,
        file::FIELDS,
        network::FIELDS,
        http::FIELDS,
    ]
    .into_iter()
    .flatten()
}

/// The field of that name.
pub fn find(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

/// The table for people, one field a line: name, type, the events that carry it, documentation.
pub fn listing() -> String {
    let lines = all().map(|field| {
        let selector = field.selector().unwrap_or_default();
        let name = format!("{}{selector}", field.name);
        let many = if field.is_multi() { ", several" } else { "" };
        format!(
            "{name:<24} {}{many}; {} events. {}\n",
            field.kind.name(),
            field.on,
            field.doc
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests;
