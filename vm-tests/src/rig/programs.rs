//! lapwing and the runner of scenarios, as a guest needs them.

use crate::{
    error::{Context, Error, Result},
    rig::initramfs::GuestFile,
};

/// Those beside this program; they travel with the libraries that they are linked to.
pub fn for_guest() -> Result<Vec<GuestFile>> {
    let me = std::env::current_exe().context("own path")?;
    let file = |name| {
        let host = me.with_file_name(name);
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
