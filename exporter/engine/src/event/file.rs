//! Events of the file sensor.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Bytes, Value};

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileOp {
    /// It appeared: open that created it, mkdir, mknod, symlink, hard link.
    Create,
    /// It was opened for writing or truncated.
    Write,
    /// It was opened for reading only.
    Read,
    /// Mode, owner, ACL or other extended attribute set.
    Permission,
    /// It was unlinked or removed.
    Delete,
    /// Its name changed; `target` is the new one.
    Rename,
    /// It was executed.
    Execute,
}

impl FileOp {
    /// All of them, in the order of [`FileOp::bit`].
    pub const ALL: [FileOp; 7] = [
        FileOp::Create,
        FileOp::Write,
        FileOp::Read,
        FileOp::Permission,
        FileOp::Delete,
        FileOp::Rename,
        FileOp::Execute,
    ];

    /// The name in configuration, alerts (`file.create`) and metrics.
    pub fn name(self) -> &'static str {
        match self {
            FileOp::Create => "create",
            FileOp::Write => "write",
            FileOp::Read => "read",
            FileOp::Permission => "permission",
            FileOp::Delete => "delete",
            FileOp::Rename => "rename",
            FileOp::Execute => "execute",
        }
    }

    /// Its bit in an [`Access`]; the C side has the same numbers (`LW_OP_*`).
    pub fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// A set of [`FileOp`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Access(pub u16);

impl Access {
    /// Whether `op` is in the set.
    pub fn contains(self, op: FileOp) -> bool {
        self.0 & op.bit() != 0
    }
}

impl FromIterator<FileOp> for Access {
    fn from_iter<I: IntoIterator<Item = FileOp>>(ops: I) -> Self {
        Access(ops.into_iter().fold(0, |bits, op| bits | op.bit()))
    }
}

/// The key of an object, made by the kernel only (stat's numbers differ).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ObjectKey {
    /// `s_dev` in the kernel's encoding.
    pub device: u32,
    /// `i_generation`.
    pub generation: u32,
    /// `i_ino`.
    pub inode: u64,
    /// The real inode's number on overlayfs, the subvolume's id on btrfs, else 0.
    pub layer: u64,
}

/// A path as a system call gave it, for userspace to resolve.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RawPath {
    /// The directory that a relative `given` starts from, as the kernel resolved it.
    pub base: Value<Bytes>,
    /// The string of the call.
    pub given: Value<Bytes>,
    /// The root of the task when it is not the host's (chroot, container), as the kernel resolved it.
    pub root: Option<Bytes>,
}

/// Something was done to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEvent {
    /// What.
    pub op: FileOp,
    /// 0, or the positive errno with which the kernel refused.
    pub errno: i32,
    /// The object. Partial when the walk ran out of steps or the path was resolved in userspace.
    pub path: Value<Bytes>,
    /// The new name (rename) or the existing object (hard link; the text of a symbolic link).
    pub target: Value<Bytes>,
    /// The object's key, where the hook had the object.
    pub key: Option<ObjectKey>,
    /// `st_mode` layout: the file's type and permissions; after the change for Permission. 0 when not known.
    pub mode: u32,
    /// Flags of the open (`O_*`), of the rename (`RENAME_*`); `AT_SYMLINK_NOFOLLOW` for a Permission that a path call meant for a symbolic
    /// link itself; 0 elsewhere.
    pub flags: u32,
    /// The owner set by a chown (`uid`, `gid`; 4294967295 leaves it).
    pub owner: Option<(u32, u32)>,
    /// Ids of the watches that the kernel found on the walk; None when it had only a string (system-call flavour)
    /// and the engine must judge by `path` and `target`.
    pub hits: Option<Vec<Arc<str>>>,
    /// The unresolved strings of the call: of the path and, for a rename or link, of the target. The agent resolves them before the engine.
    pub raw: Option<Box<(RawPath, Option<RawPath>)>>,
}
