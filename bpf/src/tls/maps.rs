//! What processes have mapped executable, by /proc/PID/maps.

use std::{fs::File, io::Read as _};

/// More of one process is not looked at: some 100,000 mappings.
const MAPS: u64 = 16 << 20;

/// The kernel's names of a file that is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Mapped {
    pub major: u32,
    pub minor: u32,
    pub inode: u64,
}

/// One executable mapping of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub file: Mapped,
    /// Where in the file it begins.
    pub offset: u64,
    /// As in the name of its entry in `/proc/PID/map_files`.
    pub range: &'a str,
    /// As the process's root shows it; ends with ` (deleted)` when it is no longer there.
    pub path: &'a str,
}

/// The text of `/proc/PID/maps`; empty when the process is gone.
pub(crate) fn of(pid: u32) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/maps")) {
        let _ = file.take(MAPS).read_to_end(&mut bytes); // what came until it ended
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The executable mappings of files in it.
pub(crate) fn executable(maps: &str) -> impl Iterator<Item = Mapping<'_>> {
    maps.lines().filter_map(line)
}

/// `7f12-7f34 r-xp 0001f000 fe:01 1234       /usr/lib/libssl.so.3`
fn line(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, ' ');
    let range = words.next()?;
    if words.next()?.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    let (major, minor) = words.next()?.split_once(':')?;
    let file = Mapped {
        major: u32::from_str_radix(major, 16).ok()?,
        minor: u32::from_str_radix(minor, 16).ok()?,
        inode: words.next()?.parse().ok()?,
    };
    let path = words.next().unwrap_or_default().trim_start();
    (file.inode != 0 && path.starts_with('/')).then_some(Mapping {
        file,
        offset,
        range,
        path,
    })
}

/// The processes there are.
pub(crate) fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_of_files_count() {
        let maps = "55d0-55d1 r--p 00000000 fe:01 12 /bin/a\n\
                    7f12-7f34 r-xp 0001f000 fe:0a 1234                       /usr/lib/a b.so (deleted)\n\
                    7fff-8000 r-xp 00000000 00:00 0 [vdso]\n\
                    rubbish\n- r-x\n";
        let found: Vec<_> = executable(maps).collect();
        let file = Mapped {
            major: 0xfe,
            minor: 10,
            inode: 1234,
        };
        let expected = Mapping {
            file,
            offset: 0x1f000,
            range: "7f12-7f34",
            path: "/usr/lib/a b.so (deleted)",
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn this_process_maps_its_own_program() {
        let maps = of(std::process::id());
        let me = std::env::current_exe().unwrap();
        assert!(executable(&maps).any(|mapping| mapping.path == me.to_str().unwrap()));
    }
}
