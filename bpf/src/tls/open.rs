//! Opens a file that some process has mapped, whoever that is: never a file system whose answers come from a program or a network, which could
//! keep the agent waiting, and nothing but the file that is mapped.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::fd::{AsRawFd as _, OwnedFd},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2};

use super::maps::Mapping;

/// Local file systems that libraries and programs live on. Looked up by the mount table, which asks no file system anything.
const LOCAL: &[&str] = &[
    "bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "nilfs2", "ntfs3",
    "overlay", "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "ubifs", "vfat", "xfs", "zfs",
];

/// A regular file, open for reading.
pub(crate) struct Opened {
    pub file: File,
    /// Device and inode as stat(2) says.
    pub id: (u64, u64),
}

/// File systems by device.
#[derive(Default)]
pub(crate) struct FileSystems {
    local: HashMap<(u32, u32), bool>,
}

impl FileSystems {
    /// Those of the host.
    pub fn new() -> FileSystems {
        let mut all = FileSystems::default();
        all.add(1);
        all
    }

    /// Whether the device, as the process `pid` sees it, is a local file system.
    fn is_local(&mut self, device: (u32, u32), pid: u32) -> bool {
        if !self.local.contains_key(&device) {
            self.add(pid);
        }
        self.local.get(&device) == Some(&true)
    }

    fn add(&mut self, pid: u32) {
        let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        self.local.extend(table.lines().filter_map(mount));
    }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mount(line: &str) -> Option<((u32, u32), bool)> {
    let (before, after) = line.split_once(" - ")?;
    let (major, minor) = before.split(' ').nth(2)?.split_once(':')?;
    let kind = after.split(' ').next()?;
    Some(((major.parse().ok()?, minor.parse().ok()?), LOCAL.contains(&kind)))
}

/// The file of a mapping of `pid`. The error says why not, for people.
pub(crate) fn mapped(pid: u32, mapping: &Mapping<'_>, systems: &mut FileSystems) -> Result<Opened, String> {
    let device = (mapping.file.major, mapping.file.minor);
    if !systems.is_local(device, pid) {
        return Err("it is on no local file system".to_owned());
    }
    by_mapping(pid, mapping)
        .or_else(|error| by_path(pid, mapping).map_err(|other| format!("map_files: {error}; root: {other}")))
        .and_then(reopen)
}

/// A file of this host's own.
pub(crate) fn own(path: &str) -> Result<Opened, String> {
    let place = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|error| error.to_string())?;
    reopen(place)
}

/// Exactly what is mapped, even if it was deleted or replaced since. Needs CAP_CHECKPOINT_RESTORE.
fn by_mapping(pid: u32, mapping: &Mapping<'_>) -> Result<OwnedFd, String> {
    let (from, to) = mapping.range.split_once('-').ok_or("no range")?;
    // maps(5) pads addresses, the names in map_files are not padded.
    let range = [from, to].map(|address| address.trim_start_matches('0')).join("-");
    let path = format!("/proc/{pid}/map_files/{range}");
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|error| error.to_string())
}

/// By its path below the process's root. The kernel said the path, so there is no symbolic link in it.
fn by_path(pid: u32, mapping: &Mapping<'_>) -> Result<OwnedFd, String> {
    let say = |error: rustix::io::Errno| error.to_string();
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = openat(
        CWD,
        format!("/proc/{pid}/root"),
        flags | OFlags::DIRECTORY,
        Mode::empty(),
    )
    .map_err(say)?;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let found = openat2(root, mapping.path, flags, Mode::empty(), inside).map_err(say)?;
    match fstat(&found).map_err(say)?.st_ino == mapping.file.inode {
        true => Ok(found),
        false => Err("another file has the name now".to_owned()),
    }
}

/// Opens for reading what is a regular file.
fn reopen(place: OwnedFd) -> Result<Opened, String> {
    let say = |error: rustix::io::Errno| error.to_string();
    let stat = fstat(&place).map_err(say)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("it is no regular file".to_owned());
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let path = format!("/proc/self/fd/{}", place.as_raw_fd());
    let file = open(path, flags, Mode::empty()).map_err(say)?.into();
    let id = (stat.st_dev, stat.st_ino);
    Ok(Opened { file, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_networks_are_not_asked() {
        let of = |kind: &str| mount(&format!("36 35 0:41 / /mnt rw shared:1 master:2 - {kind} source rw"));
        for kind in ["fuse.sshfs", "fuseblk", "nfs4", "cifs", "9p", "proc"] {
            assert_eq!(of(kind), Some(((0, 41), false)), "{kind}");
        }
        assert_eq!(of("overlay"), Some(((0, 41), true)));
        assert_eq!(mount("36 35 no"), None);
    }

    #[test]
    fn only_regular_files_are_opened() {
        assert!(own("/dev/null").is_err());
        assert!(own("/proc/self").is_err());
        assert!(own("/proc/self/exe").is_ok());
    }
}
