//! Asks the kernel for the keys of paths: opens them with O_PATH (which neither reads nor blocks) and reads the iterator of `file_keys.bpf.c`.

use std::{
    collections::HashMap,
    io::Read as _,
    os::fd::{AsRawFd as _, OwnedFd},
};

use libbpf_rs::{Iter, Link};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::plan::Found;
use crate::wire::{self, lw_file_key, lw_key};

/// File systems whose inodes last only as long as somebody holds them: proc, sysfs, debugfs, tracefs, bpf, cgroup, cgroup2, securityfs.
const FLEETING: [u64; 8] = [
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0xcafe_4a11,
    0x0027_e0eb,
    0x6367_7270,
    0x7363_6673,
];

/// The keys of paths, and the descriptors that keep some of them true.
pub(super) struct Keys {
    pub found: HashMap<Vec<u8>, Found>,
    pub held: Vec<OwnedFd>,
}

/// How a path was opened.
struct Opened {
    path: Vec<u8>,
    link: bool,
    fd: OwnedFd,
}

/// The keys of those `paths` (absolute; the root is the empty one) that exist.
pub(super) fn keys(iterator: &Link, paths: Vec<Vec<u8>>) -> Result<Keys, libbpf_rs::Error> {
    let mut opened = Vec::with_capacity(paths.len() * 2);
    for path in paths {
        for link in [false, true] {
            if let Some(fd) = open(&path, link) {
                opened.push(Opened {
                    path: path.clone(),
                    link,
                    fd,
                });
            }
        }
    }
    let kernel = read(iterator)?;
    let mut keys = Keys {
        found: HashMap::new(),
        held: Vec::new(),
    };
    for Opened { path, link, fd } in opened {
        let Some(&(key, magic)) = kernel.get(&fd.as_raw_fd()) else {
            continue;
        };
        let found = keys.found.entry(path).or_default();
        if link {
            found.link = Some(key);
        } else {
            found.object = Some(key);
        }
        // Holding it elsewhere would keep somebody from unmounting.
        if FLEETING.contains(&magic) {
            keys.held.push(fd);
        }
    }
    Ok(keys)
}

fn open(path: &[u8], link: bool) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | if link { OFlags::NOFOLLOW } else { OFlags::empty() };
    let path = if path.is_empty() { b"/" } else { path };
    openat(CWD, path, flags, Mode::empty()).ok()
}

/// The key and the file system's magic number of every descriptor of this process.
fn read(iterator: &Link) -> Result<HashMap<i32, (lw_key, u64)>, libbpf_rs::Error> {
    let mut bytes = Vec::new();
    Iter::new(iterator)?
        .read_to_end(&mut bytes)
        .map_err(libbpf_rs::Error::from)?;
    Ok(bytes
        .chunks_exact(size_of::<lw_file_key>())
        .filter_map(wire::view::<lw_file_key>)
        .map(|found| (found.fd as i32, (found.key, found.magic)))
        .collect())
}
