//! What the enabled rules need from the kernel: nothing else leaves it.

use std::sync::Arc;

use serde::Serialize;

use crate::event::Access;

/// Everything that the sensors must deliver. Made by the engine from its rules, installed by `lapwing-bpf`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interest {
    /// Raised by one with every reload; comes back in [`crate::event::Header::generation`].
    pub generation: u32,
    /// `[process] enabled`: without it no process hook but those of the process table (fork, exec, exit).
    pub process: bool,
    /// Some rule can match a refused exec.
    pub exec_failures: bool,
    /// Some rule can match a change of credentials.
    pub credentials: bool,
    /// The file watches; empty means that no file hook is attached.
    pub watches: Vec<WatchPoint>,
    /// What the network rules need; `None` means that no network hook is attached, nor even loaded.
    pub network: Option<NetworkInterest>,
}

/// What the network rules need of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterest {
    /// Some rule can match what becomes of connections. Implied by `payload`.
    pub flows: bool,
    /// Some rule can match the bytes that connections carry.
    pub payload: bool,
    /// Plaintext of TLS libraries is wanted (`[network] https`).
    pub https: bool,
    /// Whose connections.
    pub only: Processes,
    /// Bytes copied of what the opener of a connection says, until the other end speaks (of either end while nobody knows who opened it).
    /// For TLS and SSH, where nothing can be read and small packets go both ways all the time, once for the whole connection.
    pub request_budget: u32,
    /// Bytes copied of what the other end answers, until the opener speaks again.
    pub response_budget: u32,
    /// The same of connections alone (the two above are the most of any), by who opened them.
    pub sides: Sides,
    /// So many bytes of each way of a connection that cannot be HTTP are looked at, no more.
    pub foreign_bytes: u32,
}

/// What is wanted of connections, by who opened them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sides {
    /// Nobody knows.
    pub unknown: Appetite,
    /// The other end.
    pub incoming: Appetite,
    /// We.
    pub outgoing: Appetite,
}

/// What the rules read of the connections of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appetite {
    /// Bytes of a request, or of what may be one.
    pub request: u32,
    /// Bytes of a response.
    pub response: u32,
    /// Bytes of what the opener says, until the other end speaks, where the connection's first bytes cannot be HTTP.
    pub foreign_request: u32,
    /// The same of what the other end answers.
    pub foreign_response: u32,
    /// Of HTTP responses with other statuses nothing is wanted.
    pub statuses: Statuses,
}

/// A set of HTTP statuses below 1024; a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statuses(pub [u64; 16]);

impl Statuses {
    /// All of them.
    pub const ALL: Statuses = Statuses([u64::MAX; 16]);

    /// Enters one.
    pub fn insert(&mut self, status: u16) {
        if let Some(word) = self.0.get_mut(usize::from(status >> 6)) {
            *word |= 1 << (status & 63);
        }
    }

    /// Whether it is there.
    pub fn contains(&self, status: u16) -> bool {
        let word = self.0.get(usize::from(status >> 6)).copied().unwrap_or(0);
        word >> (status & 63) & 1 == 1
    }
}

impl Appetite {
    /// So much of everything.
    pub fn all(request: u32, response: u32) -> Appetite {
        Appetite {
            request,
            response,
            foreign_request: request,
            foreign_response: response,
            statuses: Statuses::ALL,
        }
    }
}

impl Sides {
    /// The same of all.
    pub fn same(appetite: Appetite) -> Sides {
        Sides {
            unknown: appetite.clone(),
            incoming: appetite.clone(),
            outgoing: appetite,
        }
    }
}

/// Which processes' connections are looked at; decided in the kernel by the socket's owner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub enum Processes {
    /// Everybody's.
    #[default]
    All,
    /// Only those of these.
    Only(Vec<Selector>),
    /// All but those of these.
    Except(Vec<Selector>),
}

/// Processes by one property.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum Selector {
    /// The name (`comm`): at most 15 bytes count, since the kernel keeps no more.
    Name(Vec<u8>),
    /// The executable's absolute path, as the kernel resolves it.
    Path(Vec<u8>),
}

/// A watch as the kernel needs it. Excludes, skips and predicates are judged by the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPoint {
    /// The watch's id, as in the configuration.
    pub id: Arc<str>,
    /// Absolute, normalised path; need not exist (yet).
    pub path: Vec<u8>,
    /// Everything below, or only the object and its direct children.
    pub recursive: bool,
    /// The operations wanted.
    pub access: Access,
    /// Whether successes are wanted.
    pub success: bool,
    /// Whether failures are wanted.
    pub failure: bool,
}
