//! Which hooks there are, in which flavours, and what is not seen without them.

use lapwing_engine::{
    event::{Flavour, Sensor},
    interest::Interest,
};

/// All hooks of all sensors.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static Hook> {
    crate::process::HOOKS
        .iter()
        .chain(crate::file::HOOKS)
        .chain(crate::net::HOOKS)
}

/// The object of the system-call flavour.
pub(crate) const SYSCALL: &str = "syscall";
/// Its one program, for all hooks: it is told which calls it sees to.
pub(crate) const SYSCALL_PROGRAMS: &[&str] = &["lw_sys_exit"];

/// One thing to be told, and the ways to be told it.
pub(crate) struct Hook {
    pub sensor: Sensor,
    pub name: &'static str,
    /// Whether the rules need it.
    pub needed: fn(&Interest) -> bool,
    /// The best first.
    pub variants: &'static [Variant],
    /// What nobody tells when no variant works.
    pub unseen: &'static str,
}

/// One way: programs of one object that work together.
pub(crate) struct Variant {
    pub flavour: Flavour,
    /// `c/NAME.bpf.c`.
    pub object: &'static str,
    /// All of them must attach and run in the self-test.
    pub programs: &'static [&'static str],
    /// Attached where the kernel has what they hook (32-bit calls for one); not run by the self-test.
    pub optional: &'static [&'static str],
    /// What this way does not tell; empty when it tells all.
    pub unseen: &'static str,
}

/// Programs of the same object that stand in, together, for one that a kernel refuses or never runs; none for most.
pub(crate) fn substitutes(program: &str) -> &'static [&'static str] {
    match program {
        "lw_path_chown" => &["lw_chown_begin", "lw_chown_end"],
        "lw_vfs_rmdir" => &["lw_do_rmdir"],
        _ => &[],
    }
}

/// What became of one variant of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// Whose hook.
    pub sensor: Sensor,
    /// Its name: `exec-failure`, `file-open`, ...
    pub hook: &'static str,
    /// Which variant.
    pub flavour: Flavour,
    /// Attached or why not.
    pub state: State,
    /// What is therefore not seen; empty when nothing is missing.
    pub unseen: String,
}

/// State of one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Attached, and seen to work where the self-test can make it work.
    Attached,
    /// No enabled rule needs the hook.
    NotNeeded,
    /// A better variant is attached.
    NotChosen,
    /// The kernel, its table of known faults or the self-test refused it.
    Refused {
        /// Why, for people.
        why: String,
    },
}
