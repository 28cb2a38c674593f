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
    world::BUSYBOX_32,
};

/// Debian's release whose packages of another architecture are taken: its libc is no newer than that of the cross compiler.
const RELEASE: Suite = Suite::Main("bookworm");

/// Programs of this machine that scenarios ask for, those of Debian's packages for another one. What is not here the guest does not get.
pub fn asked_for(arch: Arch, names: &[&str], cache: &Path) -> Result<Vec<GuestFile>> {
    if arch == Arch::Arm64 {
        return match names.contains(&"openssl") {
            true => debian_openssl(cache),
            false => Ok(Vec::new()),
        };
    }
    let found = names
        .iter()
        .filter_map(|name| Some((executable(name).ok()?, format!("/usr/bin/{name}"))));
    Ok(found.map(|(host, guest)| GuestFile { host, guest }).collect())
}

/// openssl for arm64, with the libraries and the loader that it names.
fn debian_openssl(cache: &Path) -> Result<Vec<GuestFile>> {
    const FILES: [(&str, &str); 5] = [
        ("usr/bin/openssl", "/usr/bin/openssl"),
        ("usr/lib/aarch64-linux-gnu/libssl.so.3", "/usr/lib/libssl.so.3"),
        ("usr/lib/aarch64-linux-gnu/libcrypto.so.3", "/usr/lib/libcrypto.so.3"),
        ("lib/aarch64-linux-gnu/libc.so.6", "/lib/libc.so.6"),
        (
            "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
            "/lib/ld-linux-aarch64.so.1",
        ),
    ];
    let packages = packages(Arch::Arm64.debian(), cache, "openssl", &["openssl", "libssl3", "libc6"])?;
    let file = |(host, guest): (&str, &str)| match packages.join(host) {
        host if host.is_file() => Ok(GuestFile {
            host,
            guest: guest.to_owned(),
        }),
        host => Err(Error(format!("Debian's packages have no {}", host.display()))),
    };
    FILES.into_iter().map(file).collect()
}

/// lapwing and the runner. For this machine: those beside this program, with the libraries that they are linked to. For another: static, built here
/// when they are not up to date, and a busybox of 32 bits.
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
    let mut files: Vec<GuestFile> = ["lapwing", "scenario-runner"]
        .into_iter()
        .map(file)
        .collect::<Result<_>>()?;
    if arch == Arch::Arm64 {
        files.push(GuestFile {
            host: debian_busybox("armhf", cache)?,
            guest: BUSYBOX_32.to_owned(),
        });
    }
    Ok(files)
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
    debian_busybox(arch.debian(), cache)
}

fn debian_busybox(arch: &'static str, cache: &Path) -> Result<PathBuf> {
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
    let libraries = packages(Arch::Arm64.debian(), cache, "libelf", &["libelf-dev", "zlib1g-dev"])?;
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
fn packages(arch: &'static str, cache: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let name = format!("{name}-{arch}");
    let home = cache.join("packages").join(&name);
    if !home.is_dir() {
        let apt = Apt::new(&cache.join("apt").join(&name), arch, &[RELEASE])?;
        // For the lists that come with the question.
        apt.packages(packages[0])?;
        let packages: Vec<String> = packages.iter().map(|package| (*package).to_owned()).collect();
        apt.unpack(&packages, &home)?;
    }
    home.canonicalize().context(home.display())
}
