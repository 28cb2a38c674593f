//! Where the packets of every process pass: the root of the v2 hierarchy, wherever it is mounted.

use std::{
    fs::{self, File},
    path::PathBuf,
};

/// Opens the root. That of pid 1, where it may be looked at: in a cgroup namespace of our own, our mount shows a part only.
pub(crate) fn root() -> Result<File, String> {
    let mut last = "cgroup v2 is not mounted".to_owned();
    for process in ["1", "self"] {
        let mounts = fs::read_to_string(format!("/proc/{process}/mounts")).unwrap_or_default();
        for place in places(&mounts) {
            let path = format!("/proc/{process}/root{place}");
            match File::open(PathBuf::from(&path)) {
                Ok(root) => return Ok(root),
                Err(error) => last = format!("opening {path}: {error}"),
            }
        }
    }
    Err(last)
}

/// The mount points of cgroup v2, with the octal escapes of proc(5) undone for blanks.
fn places(mounts: &str) -> impl Iterator<Item = String> + '_ {
    mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next()? == "cgroup2").then(|| place.replace("\\040", " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_the_second_version_is_found_among_those_of_the_first() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n\
                      none /a\\040b cgroup2 rw 0 0\n";
        assert_eq!(places(mounts).collect::<Vec<_>>(), ["/sys/fs/cgroup/unified", "/a b"]);
        assert_eq!(places("cgroup2\n\nx y").count(), 0);
    }
}
