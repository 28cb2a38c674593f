//! Fields: what rules can ask of an event.
//!
//! One table ([`all`]) says their names (Falco's where it has one), types, documentation and which events carry them. Predicates,
//! message templates and the documentation are made from it.

mod context;
mod event;
mod file;
mod process;
mod read;
mod scratch;
mod suggest;
mod user;

use std::fmt;

use crate::event::Body;

pub use context::{Context, Proc};
pub(crate) use event::name_of;
pub use read::{FieldRef, Get, Read, Scalar, Who};
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
}

impl Type {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Path => "path",
            Type::Number => "number",
            Type::Flag => "true or false",
        }
    }
}

/// A set of kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

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
    /// Every event that rules can be about.
    pub const ALL: Kinds = Kinds(31);
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
            Body::Fork(_) | Body::Snapshot(_) | Body::Flow(_) | Body::Segment(_) | Body::Tls(_) => Kinds::NONE,
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

    /// Whether it takes a selector: `proc.aname[2]`.
    pub fn takes_selector(&self) -> bool {
        matches!(self.read, Read::Of(Who::Ancestors, _) | Read::Of(_, Get::Many(_)))
    }

    /// Whether it can have several values at once (without a selector); a check is then true if it is for any of them.
    pub fn is_multi(&self) -> bool {
        self.takes_selector() || matches!(self.read, Read::EventMany(_))
    }
}

/// Every field, in the order in which they are documented.
pub fn all() -> impl Iterator<Item = &'static Field> {
    [event::FIELDS, process::FIELDS, user::FIELDS, file::FIELDS]
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
        let selector = if field.takes_selector() { "[n]" } else { "" };
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
