//! Stock Debian kernels: found by name in the archive, fetched with a private apt, unpacked and kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Context, Error, Result},
    rig::{
        apt::Apt,
        programs,
        table::{Arch, Row, preferred},
    },
};

/// So many releases are tried: the newest may be missing from a mirror that is being updated.
const TRIES: usize = 3;

/// A kernel that can be booted.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// For which machine.
    pub arch: Arch,
    /// As `uname -r` says.
    pub release: String,
    /// vmlinuz.
    pub image: PathBuf,
    /// The only program of its guest besides those that it is given.
    pub busybox: PathBuf,
    /// `lib/modules/RELEASE` of its package, if there is one.
    pub modules: Option<PathBuf>,
}

/// The kernel of this row below `cache`, fetched when it is not there yet or `anew`. When the archive gives none, the one that is there will do.
/// Nothing is written elsewhere.
pub fn get(row: &Row, cache: &Path, anew: bool) -> Result<Kernel> {
    let home = cache.join("kernels").join(row.name);
    let busybox = programs::busybox(row.arch, cache)?;
    let there = unpacked(row.arch, &home, &busybox);
    if let Some(kernel) = &there
        && !anew
    {
        return Ok(kernel.clone());
    }
    match (fetch(row, cache, &home, &busybox), there) {
        (Err(e), Some(kernel)) => {
            eprintln!("vm-tests: {}: {e}; the {} of before will do", row.name, kernel.release);
            Ok(kernel)
        }
        (fetched, _) => fetched,
    }
}

fn fetch(row: &Row, cache: &Path, home: &Path, busybox: &Path) -> Result<Kernel> {
    let apt = Apt::new(&cache.join("apt").join(row.name), row.arch.debian(), row.suites)?;
    let packages = apt.packages("linux-")?;
    // The kernels built for clouds: small, and all that is needed is built in.
    let flavour = format!("-cloud-{}", row.arch.debian());
    let release_of = |package: &String| {
        let release = KINDS.iter().find_map(|kind| package.strip_prefix(kind))?;
        release.ends_with(&flavour).then(|| release.to_owned())
    };
    let releases = preferred(row.series, packages.iter().filter_map(release_of).collect());
    let mut problems = Vec::new();
    for release in releases.iter().take(TRIES) {
        let parts = KINDS.iter().map(|kind| format!("{kind}{release}"));
        let parts: Vec<String> = parts.filter(|part| packages.contains(part)).collect();
        match apt.unpack(&parts, home) {
            Ok(()) => match unpacked(row.arch, home, busybox) {
                Some(kernel) => return Ok(kernel),
                None => problems.push(format!("no boot/vmlinuz-* in {}", parts.join(", "))),
            },
            Err(e) => problems.push(e.to_string()),
        }
    }
    if releases.is_empty() {
        problems.push(format!("no package linux-image-*{flavour} in {:?}", row.suites));
    }
    Err(Error(format!("no kernel {}: {}", row.name, problems.join("; "))))
}

/// A kernel is one package, or (from 7.1 on) several that the first only names.
const KINDS: [&str; 4] = ["linux-image-", "linux-binary-", "linux-modules-", "linux-base-"];

/// The image that unpacked packages left in `home`.
fn unpacked(arch: Arch, home: &Path, busybox: &Path) -> Option<Kernel> {
    // Where a merged /usr is not made by links, boot lies below it.
    let directories = ["boot", "usr/boot", "usr/lib/kernel"].map(|directory| home.join(directory));
    let entries = directories.iter().flat_map(fs::read_dir).flatten().flatten();
    let by_name = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let release = name.strip_prefix("vmlinuz-")?.to_owned();
        Some((release, entry.path()))
    });
    // From some release on the image lies beside the modules.
    let below = ["lib/modules", "usr/lib/modules"].map(|directory| home.join(directory));
    let beside = below
        .iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let image = entry.path().join("vmlinuz");
            Some((entry.file_name().into_string().ok()?, image.is_file().then_some(image)?))
        });
    let (release, image) = by_name.chain(beside).next()?;
    let modules = below
        .iter()
        .map(|directory| directory.join(&release))
        .find(|path| path.is_dir());
    Some(Kernel {
        arch,
        release,
        image,
        busybox: busybox.to_owned(),
        modules,
    })
}

/// Makes `into` what `beside` is.
pub(super) fn put(beside: &Path, into: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into.parent().unwrap_or(into)).context(into.display())?;
    fs::rename(beside, into).context(into.display())
}
