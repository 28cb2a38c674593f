//! What guests run: busybox, and lapwing and the runner of scenarios as they need them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Context, Error, Result},
    place::executable,
    rig::{
        apt::Apt,
        initramfs::GuestFile,
        table::{Arch, Suite},
    },
};

/// Debian's release whose packages of another architecture are taken: its libc is no newer than that of the cross compiler.
const RELEASE: Suite = Suite::Main("bookworm");

/// Programs of this machine, for scenarios that ask for them. What is not here the guest does not get, and one of another architecture gets none.
pub fn of_host(arch: Arch, names: &[&str]) -> Vec<GuestFile> {
    if arch != Arch::Amd64 {
        return Vec::new();
    }
    let found = names
        .iter()
        .filter_map(|name| Some((executable(name).ok()?, format!("/usr/bin/{name}"))));
    found.map(|(host, guest)| GuestFile { host, guest }).collect()
}

/// lapwing and the runner. For this machine: those beside this program, with the libraries that they are linked to. For another: static, built here
/// when they are not up to date.
pub fn for_guest(arch: Arch, cache: &Path) -> Result<Vec<GuestFile>> {
    let directory = match arch {
        Arch::Amd64 => std::env::current_exe().context("own path")?.with_file_name(""),
        Arch::Arm64 => build_arm64(cache)?,
    };
    let file = |name| {
        let host = directory.join(name);
        let guest = format!("/usr/bin/{name}");
        match host.is_file() {
            true => Ok(GuestFile { host, guest }),
            false => Err(Error(format!(
                "no {}: cargo build --release --workspace --bins",
                host.display()
            ))),
        }
    };
    ["lapwing", "scenario-runner"].into_iter().map(file).collect()
}

/// A static busybox: this machine's own, or that of Debian's package for another one below `cache`.
pub fn busybox(arch: Arch, cache: &Path) -> Result<PathBuf> {
    if arch == Arch::Amd64 {
        return ["/bin/busybox", "/usr/bin/busybox"]
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .ok_or_else(|| Error("no busybox here: install the package busybox-static".into()));
    }
    let home = packages(arch, cache, "busybox", &["busybox-static"])?;
    ["bin/busybox", "usr/bin/busybox"]
        .iter()
        .map(|path| home.join(path))
        .find(|path| path.exists())
        .ok_or_else(|| Error(format!("no busybox in {}", home.display())))
}

/// Builds them, unless they are up to date; where they are then.
fn build_arm64(cache: &Path) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Headers and libraries that libbpf is linked with, besides libc, which comes with the cross compiler.
    let libraries = packages(Arch::Arm64, cache, "libelf", &["libelf-dev", "zlib1g-dev"])?;
    let built = Command::new("bash")
        .arg(root.join("scripts/build-arm64.sh"))
        .arg(libraries)
        .status()
        .context("bash")?;
    match built.success() {
        true => Ok(root.join("target/aarch64-unknown-linux-gnu/release")),
        false => Err(Error("lapwing for arm64 was not built (see above)".into())),
    }
}

/// Where these packages lie unpacked below `cache`, fetched when they do not yet.
fn packages(arch: Arch, cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let name = format!("{name}-{}", arch.debian());
    let home = cache.join("packages").join(&name);
    if !home.is_dir() {
        let apt = Apt::new(&cache.join("apt").join(&name), arch, &[RELEASE])?;
        apt.packages(packages[0])?;
        let packages: Vec<String> = packages.iter().map(|package| (*package).to_owned()).collect();
        apt.unpack(&packages, &home)?;
    }
    home.canonicalize().context(home.display())
}
