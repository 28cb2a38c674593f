//! Facts about the host and this run of the agent.

use std::{fs, path::Path};

use rustix::system::uname;

/// Where alerts come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// `/etc/machine-id` as it is: what OpenTelemetry's own resource detectors send, so that alerts join the host's other telemetry.
    pub id: Option<String>,
    /// `amd64`, `arm64`: the convention's names.
    pub arch: String,
    /// Release of the kernel.
    pub kernel: String,
    /// `debian`.
    pub os_name: Option<String>,
    /// `12`.
    pub os_version: Option<String>,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub os_description: Option<String>,
    /// Random; another one for each run of the agent.
    pub instance: String,
}

impl Host {
    /// Reads them, files below `root` (`/`, or where the host's root is mounted).
    pub fn read(root: &Path) -> Host {
        let uname = uname();
        let release = read(root, "etc/os-release")
            .or_else(|| read(root, "usr/lib/os-release"))
            .unwrap_or_default();
        Host {
            name: uname.nodename().to_string_lossy().into_owned(),
            id: read(root, "etc/machine-id")
                .map(|id| id.trim().to_owned())
                .filter(|id| !id.is_empty() && id != "uninitialized"),
            arch: arch(&uname.machine().to_string_lossy()).to_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            os_name: os_release(&release, "ID"),
            os_version: os_release(&release, "VERSION_ID"),
            os_description: os_release(&release, "PRETTY_NAME"),
            instance: fs::read_to_string("/proc/sys/kernel/random/uuid")
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }
}

fn read(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

fn arch(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A value of os-release(5), its quotes removed.
fn os_release(text: &str, key: &str) -> Option<String> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::write(
            root.path().join("etc/os-release"),
            "NAME=\"X\"\nVERSION_ID=\"12\"\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
        )
        .unwrap();
        let host = Host::read(root.path());
        assert_eq!(host.id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
        assert_eq!(host.os_name.as_deref(), Some("debian"));
        assert_eq!(host.os_version.as_deref(), Some("12"));
        assert_eq!(host.os_description.as_deref(), Some("Debian GNU/Linux 12"));
        assert_eq!(host.instance.len(), 36);
        assert_ne!(host.instance, Host::read(root.path()).instance);
        assert!(!host.name.is_empty() && !host.kernel.is_empty());
    }
}
