//! Where in a library the probes go.

use super::elf::{Elf, Source};

/// One place to probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door {
    /// Of the instruction, in the file.
    pub offset: u64,
    /// The program for its begin.
    pub program: &'static str,
    /// Whether its return matters, too.
    pub returns: bool,
    /// Whether the kernel can emulate the instruction: else it single-steps, which costs twice as much and, in some virtual machines, far more.
    pub cheap: bool,
}

/// The functions that are looked for, and their programs.
const FUNCTIONS: &[(&str, &str)] = &[
    ("SSL_read", "lw_tls_read"),
    ("SSL_write", "lw_tls_write"),
    ("SSL_read_ex", "lw_tls_read_ex"),
    ("SSL_write_ex", "lw_tls_write_ex"),
];
const FREE: &str = "SSL_free";

/// All programs that doors name.
pub(crate) const PROGRAMS: &[&str] = &[
    "lw_tls_read",
    "lw_tls_write",
    "lw_tls_read_ex",
    "lw_tls_write_ex",
    "lw_tls_free",
    RETURN,
];
/// The program for returns.
pub(crate) const RETURN: &str = "lw_tls_done";

/// The doors of a TLS library; none when it is none: it reads, writes and frees connections.
pub(crate) fn doors(elf: &Elf<'_, impl Source + ?Sized>) -> Vec<Door> {
    let Some(free) = elf.function(FREE) else {
        return Vec::new();
    };
    let door = |offset, program, returns| Door {
        offset,
        program,
        returns,
        cheap: false,
    };
    let functions = FUNCTIONS
        .iter()
        .filter_map(|(name, program)| Some((elf.function(name)?, *program)));
    let mut doors: Vec<_> = functions.map(|(offset, program)| door(offset, program, true)).collect();
    if !doors.is_empty() {
        doors.push(door(free, "lw_tls_free", false));
    }
    doors
}
