//! The hooks of the file sensor.

use std::{
    ffi::CString,
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, chown, symlink},
    },
    path::Path,
};

use lapwing_engine::{
    event::{FileOp, Flavour, Sensor},
    interest::Interest,
};
use rustix::fs::{FileType, Mode, XattrFlags, mknodat};

use crate::hooks::{Hook, Variant};

/// Whether some watch wants one of `ops`.
fn wants(interest: &Interest, ops: &[FileOp]) -> bool {
    interest
        .watches
        .iter()
        .any(|watch| ops.iter().any(|op| watch.access.contains(*op)))
}

const RACE: &str =
    "io_uring; of refused opens the string is read when the call ends, so another thread may have changed it";
const RACE_NAMES: &str = "io_uring; a string that another thread changes during the call, or directories on its way: userspace resolves it afterwards";

const EARLY: &str =
    "refusals before the object is found: a read-only file system, a directory that may not be searched";

macro_rules! function {
    ($object:literal, $programs:expr, $optional:expr, $unseen:expr) => {
        Variant {
            flavour: Flavour::Function,
            object: $object,
            programs: $programs,
            optional: $optional,
            unseen: $unseen,
        }
    };
}

macro_rules! syscall {
    ($unseen:expr) => {
        Variant {
            flavour: Flavour::Syscall,
            object: crate::hooks::SYSCALL,
            programs: crate::hooks::SYSCALL_PROGRAMS,
            optional: &[],
            unseen: $unseen,
        }
    };
}

/// In the order in which `lapwing probes` shows them.
pub(crate) const HOOKS: &[Hook] = &[
    Hook {
        sensor: Sensor::File,
        name: OPEN,
        needed: |interest| wants(interest, &[FileOp::Create, FileOp::Write, FileOp::Read]),
        variants: &[function!("file_open", &["lw_do_filp_open"], &[], ""), syscall!(RACE)],
        unseen: "opens: files created, opened for writing or for reading",
    },
    Hook {
        sensor: Sensor::File,
        name: CREATE,
        needed: |interest| wants(interest, &[FileOp::Create]),
        variants: &[
            function!(
                "file_names",
                &[
                    "lw_path_mkdir",
                    "lw_path_mknod",
                    "lw_path_symlink",
                    "lw_path_link",
                    "lw_vfs_mkdir",
                    "lw_vfs_mknod",
                    "lw_vfs_create",
                    "lw_vfs_symlink",
                    "lw_vfs_link",
                ],
                &[],
                EARLY
            ),
            syscall!(RACE_NAMES),
        ],
        unseen: "directories, links and special files that appear",
    },
    Hook {
        sensor: Sensor::File,
        name: DELETE,
        needed: |interest| wants(interest, &[FileOp::Delete]),
        variants: &[
            function!(
                "file_names",
                &["lw_path_unlink", "lw_path_rmdir", "lw_vfs_unlink", "lw_vfs_rmdir"],
                &[],
                EARLY
            ),
            syscall!(RACE_NAMES),
        ],
        unseen: "deletions",
    },
    Hook {
        sensor: Sensor::File,
        name: RENAME,
        needed: |interest| wants(interest, &[FileOp::Rename]),
        variants: &[
            function!("file_names", &["lw_path_rename", "lw_vfs_rename"], &[], EARLY),
            syscall!(RACE_NAMES),
        ],
        unseen: "renames",
    },
    Hook {
        sensor: Sensor::File,
        name: PERMISSION,
        needed: |interest| wants(interest, &[FileOp::Permission]),
        variants: &[
            function!(
                "file_change",
                &[
                    "lw_path_chmod",
                    "lw_path_chown",
                    "lw_notify_change",
                    "lw_vfs_setxattr",
                    "lw_vfs_removexattr"
                ],
                &["lw_vfs_set_acl", "lw_vfs_remove_acl"],
                EARLY
            ),
            syscall!(RACE_NAMES),
        ],
        unseen: "changes of mode, owner and extended attributes",
    },
    Hook {
        sensor: Sensor::File,
        name: TRUNCATE,
        needed: |interest| wants(interest, &[FileOp::Write]),
        variants: &[
            function!(
                "file_change",
                &["lw_vfs_truncate"],
                &["lw_do_ftruncate", "lw_do_sys_ftruncate"],
                EARLY
            ),
            syscall!(RACE_NAMES),
        ],
        unseen: "truncations",
    },
    Hook {
        sensor: Sensor::File,
        name: "file-execute",
        needed: |interest| wants(interest, &[FileOp::Execute]),
        variants: &[Variant {
            flavour: Flavour::Function,
            object: "file_exec",
            programs: &["lw_file_exec"],
            optional: &[],
            unseen: "",
        }],
        unseen: "execution of watched files",
    },
];

const OPEN: &str = "file-open";
const CREATE: &str = "file-create";
const DELETE: &str = "file-delete";
const RENAME: &str = "file-rename";
const PERMISSION: &str = "file-permission";
const TRUNCATE: &str = "file-truncate";

/// What the system-call program must see to, by hook: the `op` of `c/common/calls.h`.
pub(crate) fn calls(hook: &str) -> u32 {
    match hook {
        OPEN => 0x80,
        CREATE => FileOp::Create.bit().into(),
        DELETE => FileOp::Delete.bit().into(),
        RENAME => FileOp::Rename.bit().into(),
        PERMISSION => FileOp::Permission.bit().into(),
        TRUNCATE => FileOp::Write.bit().into(),
        _ => 0,
    }
}

/// A harmless act for the self-test, which every file hook must notice.
pub(crate) fn act() {
    let name = format!("lapwing-self-test-{}", std::process::id());
    for directory in ["/dev/shm", "/run", "/tmp"] {
        let place = Path::new(directory).join(&name);
        if fs::create_dir(&place).is_ok() {
            if let Err(error) = act_in(&place) {
                tracing::warn!(%error, place = %place.display(), "the self-test of the file hooks could not do everything");
            }
            let _ = fs::remove_dir_all(&place);
            return;
        }
    }
    tracing::warn!("no directory for the self-test of the file hooks: /dev/shm, /run and /tmp cannot be written");
}

fn act_in(place: &Path) -> io::Result<()> {
    let file = place.join("file");
    let opened = fs::File::create(&file)?;
    opened.set_len(1)?;
    truncate(&file)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    chown(&file, None, Some(0))?;
    // A file system without extended attributes refuses, in the function that is hooked.
    let _ = rustix::fs::setxattr(&file, "user.lapwing", b"", XattrFlags::empty());
    let _ = rustix::fs::removexattr(&file, "user.lapwing");
    symlink("file", place.join("symlink"))?;
    fs::hard_link(&file, place.join("link"))?;
    mknodat(
        rustix::fs::CWD,
        place.join("node"),
        FileType::RegularFile,
        Mode::RUSR,
        0,
    )?;
    mknodat(rustix::fs::CWD, place.join("fifo"), FileType::Fifo, Mode::RUSR, 0)?;
    fs::rename(&file, place.join("renamed"))?;
    Ok(())
}

/// By path: the standard library truncates by descriptor only.
fn truncate(file: &Path) -> io::Result<()> {
    let path = CString::new(file.as_os_str().as_bytes())?;
    // SAFETY: the string ends with a NUL and outlives the call, which only reads it.
    match unsafe { libc::truncate(path.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hooks_of_the_system_call_flavour_have_their_calls() {
        for hook in HOOKS {
            let has = hook.variants.iter().any(|variant| variant.flavour == Flavour::Syscall);
            assert_eq!(has, calls(hook.name) != 0, "{}", hook.name);
        }
    }
}
