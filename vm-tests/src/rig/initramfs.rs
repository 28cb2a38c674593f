//! The guest's only file system: busybox, an init script, and the files that a run needs with the libraries they load.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Context, Error, Result},
    rig::{cpio::Archive, modules::Brought},
};

const INIT: &str = include_str!("../../guest/init.sh");

/// A file of this machine and where the guest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFile {
    /// Here.
    pub host: PathBuf,
    /// There.
    pub guest: String,
}

impl std::str::FromStr for GuestFile {
    type Err = std::convert::Infallible;

    /// `path` or `path:guestpath`; without a guest path it is `/usr/bin/NAME`.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some((host, guest)) => GuestFile {
                host: host.into(),
                guest: guest.to_owned(),
            },
            None => {
                let host = PathBuf::from(text);
                let name = host.file_name().unwrap_or_default().to_string_lossy().into_owned();
                GuestFile {
                    host,
                    guest: format!("/usr/bin/{name}"),
                }
            }
        })
    }
}

/// What a guest gets.
#[derive(Debug, Default)]
pub struct Load {
    /// Runs in the guest's shell.
    pub command: String,
    /// With the libraries they are linked to.
    pub files: Vec<GuestFile>,
    /// Kernel modules.
    pub modules: Brought,
}

/// Builds the archive.
pub fn build(load: &Load, busybox: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for directory in [
        "proc", "sys", "dev", "tmp", "run", "root", "etc", "var/tmp", "home", "mnt", "usr/bin", "usr/lib",
    ] {
        archive.directory(directory);
    }
    archive.character_device("/dev/console", 0o600, (5, 1));
    archive.character_device("/dev/null", 0o666, (1, 3));
    archive.file(
        "/etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    );
    archive.file("/etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n");
    archive.file(
        "/etc/shadow",
        0o600,
        b"root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n",
    );
    archive.file("/etc/hosts", 0o644, b"127.0.0.1 localhost\n");
    archive.file("/bin/busybox", 0o755, &read(busybox)?);
    archive.file("/init", 0o755, INIT.as_bytes());
    archive.file("/.vm/command", 0o755, load.command.as_bytes());
    load.modules.directories.iter().for_each(|path| archive.directory(path));
    for (path, bytes) in &load.modules.files {
        archive.file(path, 0o644, bytes);
    }

    let mut libraries = BTreeSet::new();
    for file in &load.files {
        let mode = fs::metadata(&file.host)
            .context(file.host.display())?
            .permissions()
            .mode()
            & 0o7777;
        archive.file(&file.guest, mode, &read(&file.host)?);
        if mode & 0o111 != 0 {
            libraries.extend(libraries_of(&file.host)?);
        }
    }
    for library in &libraries {
        archive.file(&library.to_string_lossy(), 0o755, &read(library)?);
    }
    Ok(archive.finish())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(path.display())
}

/// What ldd(1) says that a program loads; nothing for a static program or a script.
fn libraries_of(program: &Path) -> Result<Vec<PathBuf>> {
    let done = Command::new("ldd").arg(program).output().context("ldd")?;
    let text = String::from_utf8_lossy(&done.stdout);
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        return Err(Error(format!("{}: {}", program.display(), line.trim())));
    }
    Ok(parse_ldd(&text))
}

fn parse_ldd(text: &str) -> Vec<PathBuf> {
    text.lines()
        .flat_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{GuestFile, parse_ldd};

    #[test]
    fn ldd_lines_give_paths_and_the_loader_but_not_the_vdso() {
        let text = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        assert_eq!(
            parse_ldd(text),
            [
                "/lib/x86_64-linux-gnu/libelf.so.1".as_ref(),
                "/lib64/ld-linux-x86-64.so.2".as_ref() as &std::path::Path
            ]
        );
        assert!(parse_ldd("\tnot a dynamic executable\n").is_empty());
    }

    #[test]
    fn a_file_goes_to_usr_bin_unless_told() {
        let parse = |text: &str| text.parse::<GuestFile>().unwrap().guest;
        assert_eq!(parse("target/release/lapwing"), "/usr/bin/lapwing");
        assert_eq!(parse("x:/etc/lapwing.toml"), "/etc/lapwing.toml");
    }
}
