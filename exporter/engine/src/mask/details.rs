//! What a silence may name of an alert besides its labels, because metrics never carry it.

use crate::{
    event::{Body, Bytes, Event, Value},
    process::Table,
    view,
};

/// A detail label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// `process`: the acting process' name (comm).
    Process,
    /// `executable`: what it runs, as the kernel resolved it.
    Executable,
    /// `path`: the file, or the program that the kernel refused to run.
    Path,
    /// `container`: the id of its container, 64 hexadecimal digits.
    Container,
    /// `remote`: the other end of the connection, an address without port.
    Remote,
    /// `user`: the effective user's number.
    User,
}

impl Detail {
    /// All of them.
    pub const ALL: [Detail; 6] = [
        Detail::Process,
        Detail::Executable,
        Detail::Path,
        Detail::Container,
        Detail::Remote,
        Detail::User,
    ];

    /// The name in a matcher.
    pub fn name(self) -> &'static str {
        match self {
            Detail::Process => "process",
            Detail::Executable => "executable",
            Detail::Path => "path",
            Detail::Container => "container",
            Detail::Remote => "remote",
            Detail::User => "user",
        }
    }

    pub(super) fn find(name: &str) -> Option<Detail> {
        Detail::ALL.into_iter().find(|detail| detail.name() == name)
    }
}

/// The detail labels of one alert. Cheap to clone. What is known only in part counts as missing, and what is not UTF-8 matches nothing:
/// a silence must not hide what nobody could have named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Details([Option<Bytes>; Detail::ALL.len()]);

impl Details {
    /// Of a match on an event that the table knows of.
    pub(crate) fn of(table: &Table, event: &Event) -> Details {
        let process = table.get(&event.header.process).map(|process| &process.snapshot);
        let path = match &event.body {
            Body::File(file) => known(&file.path),
            Body::ExecFailure(failure) => known(&failure.filename),
            _ => None,
        };
        let remote = match &event.body {
            Body::Flow(flow) => Some(flow.endpoints),
            Body::Traffic(traffic) => traffic.endpoints,
            _ => None,
        };
        // A listening socket has no other end.
        let remote = remote.map(|ends| ends.remote.ip().to_canonical());
        let remote = remote
            .filter(|address| !address.is_unspecified())
            .map(|address| address.to_string());
        Details([
            process.map(|snapshot| snapshot.name.clone()),
            process.and_then(|snapshot| known(&snapshot.executable)),
            path,
            view::container_id(table, &event.header.process).map(Bytes::from),
            remote.map(|remote| Bytes::from(&*remote)),
            process.map(|snapshot| Bytes::from(&*snapshot.credentials.euid.to_string())),
        ])
    }

    /// From values.
    pub fn from_values(values: impl IntoIterator<Item = (Detail, Bytes)>) -> Details {
        let mut details = Details::default();
        for (detail, value) in values {
            details.0[detail as usize] = Some(value);
        }
        details
    }

    /// The value, where all of it is known and it is text.
    pub fn get(&self, detail: Detail) -> Option<&str> {
        std::str::from_utf8(self.0[detail as usize].as_ref()?).ok()
    }
}

fn known(value: &Value<Bytes>) -> Option<Bytes> {
    match value {
        Value::Known(bytes) => Some(bytes.clone()),
        Value::Partial(_) | Value::Missing => None,
    }
}
