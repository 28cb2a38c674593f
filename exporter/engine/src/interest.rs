//! What the enabled rules need from the kernel: nothing else leaves it.

use std::sync::Arc;

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
