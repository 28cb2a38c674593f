//! lapwing and the runner of scenarios, as a guest needs them.

use std::path::{Path, PathBuf};

use crate::{
    error::{Context, Error, Result},
    rig::{
        apt::Apt,
        initramfs::GuestFile,
        table::{Arch, Suite},
    },
};

/// What a static lapwing for arm64 is linked with, besides libc: headers and libraries of Debian's arm64 packages, below `cache`.
pub fn arm64_sysroot(cache: &Path) -> Result<PathBuf> {
    let home = cache.join("sysroot-arm64");
    if !home.join("usr/include/libelf.h").is_file() {
        let apt = Apt::new(
            &cache.join("apt/sysroot-arm64"),
            Arch::Arm64,
            &[Suite::Main("bookworm")],
        )?;
        apt.packages("libelf")?;
        apt.unpack(&["libelf-dev".to_owned(), "zlib1g-dev".to_owned()], &home)?;
    }
    home.canonicalize().context(home.display())
}

/// Built for this machine: beside this program, with their libraries. For another: static, in its target's folder.
pub fn for_guest(arch: Arch) -> Result<Vec<GuestFile>> {
    let directory: PathBuf = match arch.target() {
        None => std::env::current_exe().context("own path")?.with_file_name(""),
        Some(target) => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../target")
            .join(target)
            .join("release"),
    };
    ["lapwing", "scenario-runner"]
        .into_iter()
        .map(|name| {
            let host = directory.join(name);
            let guest = format!("/usr/bin/{name}");
            match host.is_file() {
                true => Ok(GuestFile { host, guest }),
                false => Err(Error(format!(
                    "no {}: {}",
                    host.display(),
                    match arch {
                        Arch::Amd64 => "cargo build --release --workspace --bins",
                        Arch::Arm64 => "scripts/build-arm64.sh",
                    }
                ))),
            }
        })
        .collect()
}
