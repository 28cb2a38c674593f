//! Where the packets of every process pass: the root of the v2 hierarchy, wherever it is mounted, and even where it is not.

use std::{
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::PathBuf,
};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Inode number of the initial cgroup namespace, fixed in the kernel (PROC_CGROUP_INIT_INO).
const INITIAL_CGROUP_NAMESPACE: u64 = 0xEFFF_FFFB;

/// Opens the root. That of pid 1, where it may be looked at: in a cgroup namespace of our own, our mount shows a part only.
pub(crate) fn root() -> Result<OwnedFd, String> {
    let of_first = mounted("1");
    if let Ok(Some(root)) = of_first {
        return Ok(root);
    }
    if !sees_all() {
        let why = of_first.err().unwrap_or_else(|| "it has none mounted".to_owned());
        return Err(format!(
            "lapwing is in a cgroup namespace of its own, which shows a part of cgroup v2 only, and it cannot use that of pid 1 ({why}): \
             give its container the host's (--cgroupns=host), or lapwing CAP_SYS_PTRACE"
        ));
    }
    match mounted("self") {
        Ok(Some(root)) => Ok(root),
        Err(why) => Err(why),
        // Every kernel since 4.5 has the hierarchy, with every process in it, mounted or not: an agent that may mount can look at it.
        Ok(None) => unmounted().map_err(|error| {
            format!(
                "cgroup v2 is not mounted, and lapwing may not mount it for itself ({error}): mount it before lapwing starts, \
                 for example by mount -t cgroup2 none /sys/fs/cgroup/unified"
            )
        }),
    }
}

/// The root that a process has mounted, if it has.
fn mounted(process: &str) -> Result<Option<OwnedFd>, String> {
    let path = format!("/proc/{process}/mountinfo");
    let mounts = fs::read_to_string(&path).map_err(|error| format!("reading {path}: {error}"))?;
    let mut problem = None;
    for place in places(&mounts) {
        let path = format!("/proc/{process}/root{place}");
        match File::open(PathBuf::from(&path)) {
            Ok(root) => return Ok(Some(root.into())),
            Err(error) => problem = Some(format!("opening {path}: {error}")),
        }
    }
    problem.map_or(Ok(None), Err)
}

/// A mount of our own that is nowhere in the file system; it ends with the descriptor.
fn unmounted() -> io::Result<OwnedFd> {
    let context = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    let flags =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?)
}

/// Whether our cgroup namespace is the host's. A kernel without such namespaces has only that.
fn sees_all() -> bool {
    fs::metadata("/proc/self/ns/cgroup").map_or(true, |namespace| namespace.ino() == INITIAL_CGROUP_NAMESPACE)
}

/// Where the whole of cgroup v2 is mounted (a bind mount may show a part of it), with the octal escapes of proc(5) undone for blanks.
fn places(mountinfo: &str) -> impl Iterator<Item = String> + '_ {
    mountinfo.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut words = mount.split(' ').skip(3);
        let (root, place) = (words.next()?, words.next()?);
        (root == "/" && kind.starts_with("cgroup2 ")).then(|| place.replace("\\040", " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_the_second_version_is_found_among_those_of_the_first() {
        let mounts = "25 20 0:22 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw\n\
                      26 25 0:23 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw\n\
                      27 25 0:24 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      28 25 0:23 /system.slice /part rw - cgroup2 cgroup2 rw\n\
                      29 25 0:23 / /a\\040b rw - cgroup2 none rw\n";
        assert_eq!(places(mounts).collect::<Vec<_>>(), ["/sys/fs/cgroup/unified", "/a b"]);
        assert_eq!(places("cgroup2\n\nx y - cgroup2 ").count(), 0);
    }

    #[test]
    fn the_hierarchy_can_be_looked_at_where_it_is_not_mounted() {
        if !rustix::process::geteuid().is_root() {
            return; // mounting is the administrator's
        }
        let root = unmounted().unwrap();
        let here = rustix::fs::fstat(&root).unwrap();
        let Ok(Some(other)) = mounted("self") else { return };
        let there = rustix::fs::fstat(&other).unwrap();
        assert_eq!((here.st_dev, here.st_ino), (there.st_dev, there.st_ino));
    }
}
