//! Events of the process sensor.

use serde::{Deserialize, Serialize};

use super::{Bytes, ObjectKey, ProcessKey, Value};

/// Who a process acts as (kernel `struct cred`), ids in the initial user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Credentials {
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Saved user id.
    pub suid: u32,
    /// User id for file access.
    pub fsuid: u32,
    /// Effective capabilities, bit n for capability n (capability.h).
    pub cap_effective: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
}

/// Inode numbers of the namespaces, as in `/proc/PID/ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Namespaces {
    /// PID namespace that its children are made in.
    pub pid: u32,
    /// Mount namespace.
    pub mnt: u32,
    /// Network namespace.
    pub net: u32,
    /// User namespace.
    pub user: u32,
}

/// What a process is: the part that exec, fork and the task iterator tell alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessSnapshot {
    /// The parent that made it (`real_parent`'s thread group), which may be gone.
    pub parent: ProcessKey,
    /// `comm`: at most 15 bytes, chosen by the process.
    pub name: Bytes,
    /// The executable as the kernel resolved it (walk of `exe_file`), never `argv[0]`. Missing for kernel threads.
    pub executable: Value<Bytes>,
    /// The executable's object key.
    pub executable_key: Option<ObjectKey>,
    /// Arguments, `argv[0]` first; Partial when truncated.
    pub args: Value<Vec<Bytes>>,
    /// Working directory.
    pub cwd: Value<Bytes>,
    /// Controlling terminal (`pts3`, `tty1`); Missing when there is none.
    pub tty: Value<Bytes>,
    /// Path of the cgroup in its hierarchy (v2, or the first v1 hierarchy that knows the task).
    pub cgroup: Value<Bytes>,
    /// Who it acts as.
    pub credentials: Credentials,
    /// The user that logged in (audit); 4294967295 when unset.
    pub loginuid: u32,
    /// The audit session; 4294967295 when unset.
    pub session: u32,
    /// The session leader's pid (`setsid`), in the host's PID namespace.
    pub sid: u32,
    /// Its namespaces.
    pub namespaces: Namespaces,
}

/// A process was made; what is not said here it has from its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The new process. The header's process is the one that called fork or clone.
    pub child: ProcessKey,
    /// What the child is at birth (its parent's image, credentials, namespaces).
    pub snapshot: ProcessSnapshot,
}

/// A process became another program. `snapshot` is what it is after the exec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// What the process is now.
    pub snapshot: ProcessSnapshot,
    /// The path that the caller gave (`bprm->filename`).
    pub filename: Value<Bytes>,
    /// Credentials before the exec, to see what setuid, setgid or file capabilities gave.
    pub before: Credentials,
    /// Mode of the executable, `st_mode` layout (setuid is 0o4000).
    pub mode: u32,
    /// Links to the executable; 0 for a deleted one or a memfd.
    pub links: u32,
}

/// The kernel refused an exec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecFailure {
    /// The path as given; Partial, since the kernel did not (fully) resolve it.
    pub filename: Value<Bytes>,
    /// Positive errno.
    pub errno: i32,
}

/// The credentials of a process changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialChange {
    /// Before.
    pub before: Credentials,
    /// After (the same as before when `errno` is not 0).
    pub after: Credentials,
    /// A set*id or capset call did it; false when they changed without a call (an exploit's mark).
    pub by_call: bool,
    /// 0, or the positive errno with which the kernel refused a change to uid 0.
    pub errno: i32,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// It returned this code (0 to 255).
    Code(u8),
    /// This signal ended it.
    Signal {
        /// The signal's number.
        number: u8,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
}

/// A process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// How.
    pub reason: ExitReason,
}
