//! Stock Debian kernels by version: found by name in the archive, fetched with a private apt, unpacked and kept.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::{Context, Error, Result, output_of};

/// Where a version's packages are: (version, [(suite, whether it lies in the security archive)]).
const KNOWN: [(&str, &[(&str, bool)]); 5] = [
    ("5.10", &[("bullseye-security", true)]),
    ("6.1", &[("bookworm-security", true), ("bookworm", false)]),
    ("6.12", &[("bookworm-security", true), ("bookworm-backports", false)]),
    ("6.18", &[("trixie-backports", false)]),
    ("7.2", &[("sid", false)]),
];

/// The kernels built for clouds: small, and all that is needed is built in.
const FLAVOUR: &str = "-cloud-amd64";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A kernel that can be booted.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// As `uname -r` says.
    pub release: String,
    /// vmlinuz.
    pub image: PathBuf,
    /// `lib/modules/RELEASE` of its package, if there is one.
    pub modules: Option<PathBuf>,
}

/// The kernel of this version below `cache`, fetched when it is not there yet. Nothing is written elsewhere.
pub fn get(version: &str, cache: &Path) -> Result<Kernel> {
    let home = cache.join("kernels").join(version);
    if let Some(kernel) = unpacked(&home) {
        return Ok(kernel);
    }
    let Some((_, suites)) = KNOWN.iter().find(|(known, _)| *known == version) else {
        let known: Vec<_> = KNOWN.iter().map(|(version, _)| *version).collect();
        return Err(Error(format!(
            "kernel {version} is not in the table; known: {}",
            known.join(", ")
        )));
    };
    let apt = Apt::new(&cache.join("apt").join(version), suites)?;
    let mut problems = Vec::new();
    // The newest may be missing from a mirror that is being updated: the next ones will do.
    for package in apt.packages(version)?.iter().take(3) {
        match apt.unpack(package, &home) {
            Ok(()) => break,
            Err(e) => problems.push(e.to_string()),
        }
    }
    unpacked(&home).ok_or_else(|| Error(format!("no kernel {version}: {}", problems.join("; "))))
}

/// The image that an unpacked package left in `home`.
fn unpacked(home: &Path) -> Option<Kernel> {
    fs::read_dir(home.join("boot")).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let release = name.strip_prefix("vmlinuz-")?.to_owned();
        let modules = ["lib/modules", "usr/lib/modules"]
            .iter()
            .map(|directory| home.join(directory).join(&release))
            .find(|directory| directory.is_dir());
        Some(Kernel {
            release,
            image: entry.path(),
            modules,
        })
    })
}

/// apt with its own state, cache and sources: the machine's are neither read nor changed.
struct Apt {
    home: PathBuf,
    config: PathBuf,
}

impl Apt {
    fn new(home: &Path, suites: &[(&str, bool)]) -> Result<Apt> {
        fs::create_dir_all(home).context(home.display())?;
        let home = home.canonicalize().context(home.display())?;
        for directory in [
            "state/lists/partial",
            "cache/archives/partial",
            "etc/parts",
            "etc/preferences.d",
        ] {
            fs::create_dir_all(home.join(directory)).context(home.join(directory).display())?;
        }
        fs::write(home.join("state/status"), "").context("apt's status file")?;
        let mirror = Mirror::find()?;
        let sources: String = suites
            .iter()
            .map(|(suite, security)| {
                let uri = if *security { &mirror.security } else { &mirror.archive };
                format!("deb [signed-by={KEYRING}] {uri} {suite} main\n")
            })
            .collect();
        fs::write(home.join("etc/sources.list"), sources).context("apt's sources.list")?;
        let h = home.display();
        let text = format!(
            "Dir::State \"{h}/state\";\nDir::State::status \"{h}/state/status\";\nDir::Cache \"{h}/cache\";\nDir::Etc \"{h}/etc\";\n\
             Dir::Etc::sourcelist \"{h}/etc/sources.list\";\nDir::Etc::sourceparts \"{h}/etc/parts\";\nDir::Etc::parts \"{h}/etc/parts\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{\"amd64\";}};\nAPT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\nAcquire::Check-Valid-Until \"false\";\nAcquire::Retries \"3\";\n"
        );
        let config = home.join("apt.conf");
        fs::write(&config, text).context(config.display())?;
        Ok(Apt { home, config })
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("APT_CONFIG", &self.config)
            .env("LC_ALL", "C")
            .current_dir(&self.home);
        command
    }

    /// Names of the cloud kernels of `version`, newest first.
    fn packages(&self, version: &str) -> Result<Vec<String>> {
        output_of(&mut self.command("apt-get", &["-q", "update"]))?;
        let names = output_of(&mut self.command("apt-cache", &["pkgnames", &format!("linux-image-{version}.")]))?;
        let mut names: Vec<String> = names
            .lines()
            .filter(|name| name.ends_with(FLAVOUR))
            .map(str::to_owned)
            .collect();
        names.sort_by_cached_key(|name| Reverse(numbers(name)));
        if names.is_empty() {
            return Err(Error(format!("the archive has no linux-image-{version}*-cloud-amd64")));
        }
        Ok(names)
    }

    fn unpack(&self, package: &str, into: &Path) -> Result<()> {
        for old in debs(&self.home) {
            fs::remove_file(&old).context(old.display())?;
        }
        output_of(&mut self.command("apt-get", &["-q", "download", package]))?;
        let deb = debs(&self.home)
            .pop()
            .ok_or_else(|| Error(format!("apt-get download {package} left no file")))?;
        // Beside its place first, so that an interrupted run leaves nothing half-unpacked.
        let beside = self.home.join("unpacked");
        let _ = fs::remove_dir_all(&beside);
        output_of(Command::new("dpkg").arg("-x").arg(&deb).arg(&beside))?;
        let _ = fs::remove_dir_all(into);
        fs::create_dir_all(into.parent().unwrap_or(into)).context(into.display())?;
        fs::rename(&beside, into).context(into.display())?;
        fs::remove_file(&deb).context(deb.display())
    }
}

fn debs(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect()
}

/// The numbers in a package's name, in order: enough to compare two versions of one kernel.
fn numbers(name: &str) -> Vec<u64> {
    let version = name.trim_end_matches(FLAVOUR);
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

/// Where Debian's packages come from.
struct Mirror {
    archive: String,
    security: String,
}

impl Mirror {
    /// `LAPWING_DEBIAN_MIRROR` (the URI of the archive; security lies beside it), else what this machine's apt uses.
    fn find() -> Result<Mirror> {
        if let Ok(archive) = std::env::var("LAPWING_DEBIAN_MIRROR") {
            let archive = archive.trim_end_matches('/').to_owned();
            return Ok(Mirror {
                security: format!("{archive}-security"),
                archive,
            });
        }
        let mut list = Command::new("apt-get");
        list.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
        let uris = output_of(&mut list)?;
        let with = |end: &str| {
            uris.lines()
                .map(|uri| uri.trim_end_matches('/'))
                .find(|uri| uri.ends_with(end))
        };
        let archive = with("/debian").map(str::to_owned);
        match archive {
            Some(archive) => {
                let security = with("/debian-security").map_or_else(|| format!("{archive}-security"), str::to_owned);
                Ok(Mirror { archive, security })
            }
            None => Err(Error(
                "this machine's apt has no Debian archive to take kernels from: set LAPWING_DEBIAN_MIRROR to the URI of one (and install debian-archive-keyring)".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("linux-image-6.12.101+deb12-cloud-amd64") > numbers("linux-image-6.12.95+deb12-cloud-amd64"));
        assert!(numbers("linux-image-6.12.90+deb12.1-cloud-amd64") > numbers("linux-image-6.12.90+deb12-cloud-amd64"));
    }
}
