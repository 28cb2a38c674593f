//! Where a scenario acts: directories of its own in the places that rules are about, removed at the end.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::error::{Context, Error, Result};

/// The directories of one run.
pub struct Place {
    /// Watched by the demo profile.
    pub etc: PathBuf,
    /// Programs do not belong here.
    pub tmp: PathBuf,
    /// Nor here.
    pub shm: PathBuf,
    /// Programs belong here.
    pub bin: PathBuf,
    /// No rule is about it.
    pub plain: PathBuf,
    /// The tree that the test's own rules watch.
    pub watched: PathBuf,
    /// In it only `secret` is watched.
    pub single: PathBuf,
}

impl Place {
    /// Makes them; `name` tells the runs apart.
    pub fn new(name: &str) -> Result<Place> {
        let below = |parent: &str| Path::new(parent).join(format!("lapwing-test-{}-{name}", std::process::id()));
        let place = Place {
            etc: below("/etc"),
            tmp: below("/tmp"),
            shm: below("/dev/shm"),
            bin: below("/usr/bin"),
            plain: below("/opt"),
            watched: watched("tree"),
            single: watched("single"),
        };
        for directory in place.all() {
            fs::create_dir_all(directory).context(directory.display())?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).context(directory.display())?;
        }
        Ok(place)
    }

    fn all(&self) -> [&PathBuf; 7] {
        [
            &self.etc,
            &self.tmp,
            &self.shm,
            &self.bin,
            &self.plain,
            &self.watched,
            &self.single,
        ]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for directory in self.all() {
            // Nothing that follows depends on it being gone.
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// A directory that the test's own rules name; of this process, so that two runs do not meet.
pub fn watched(name: &str) -> PathBuf {
    Path::new("/opt").join(format!("lapwing-test-{}-own-{name}", std::process::id()))
}

/// A program of PATH as the kernel will name it: every link followed (in a guest most programs are busybox).
pub fn executable(program: &str) -> Result<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error(format!("{program} is not in PATH")))?
        .canonicalize()
        .context(program)
}

/// Copies a program of this machine; the copy keeps the name, by which busybox knows what to be.
pub fn copy_program(program: &str, directory: &Path) -> Result<PathBuf> {
    let to = directory.join(program);
    fs::copy(executable(program)?, &to).context(to.display())?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).context(to.display())?;
    Ok(to)
}

/// Writes a small file.
pub fn write(path: &Path) -> Result<()> {
    fs::write(path, "lapwing\n").context(path.display())
}
