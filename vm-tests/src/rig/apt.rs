//! apt with its own state, cache and sources: the machine's are neither read nor changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::{Context, Error, Result, output_of},
    rig::{kernel::put, table::Suite},
};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One private apt, for one architecture and some suites.
pub struct Apt {
    home: PathBuf,
    config: PathBuf,
    arch: &'static str,
}

impl Apt {
    /// Writes its configuration below `home`.
    pub fn new(home: &Path, arch: &'static str, suites: &[Suite]) -> Result<Apt> {
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
            .map(|suite| {
                let (uri, suite) = match suite {
                    Suite::Main(suite) => (&mirror.archive, suite),
                    Suite::Security(suite) => (&mirror.security, suite),
                };
                format!("deb [signed-by={KEYRING}] {uri} {suite} main\n")
            })
            .collect();
        fs::write(home.join("etc/sources.list"), sources).context("apt's sources.list")?;
        let h = home.display();
        let text = format!(
            "Dir::State \"{h}/state\";\nDir::State::status \"{h}/state/status\";\nDir::Cache \"{h}/cache\";\nDir::Etc \"{h}/etc\";\n\
             Dir::Etc::sourcelist \"{h}/etc/sources.list\";\nDir::Etc::sourceparts \"{h}/etc/parts\";\nDir::Etc::parts \"{h}/etc/parts\";\n\
             APT::Architecture \"{arch}\";\nAPT::Architectures {{\"{arch}\";}};\nAPT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\nAcquire::Check-Valid-Until \"false\";\nAcquire::Retries \"3\";\n"
        );
        let config = home.join("apt.conf");
        fs::write(&config, text).context(config.display())?;
        Ok(Apt { home, config, arch })
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

    /// Names that the archive has now and that begin with `prefix`.
    pub fn packages(&self, prefix: &str) -> Result<Vec<String>> {
        output_of(&mut self.command("apt-get", &["-q", "update"]))?;
        let names = output_of(&mut self.command("apt-cache", &["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Fetches packages and unpacks all of them over each other, in place of what `into` was.
    pub fn unpack(&self, packages: &[String], into: &Path) -> Result<()> {
        for old in debs(&self.home) {
            fs::remove_file(&old).context(old.display())?;
        }
        let names: Vec<String> = packages.iter().map(|name| format!("{name}:{}", self.arch)).collect();
        let mut args = vec!["-q", "download"];
        args.extend(names.iter().map(String::as_str));
        output_of(&mut self.command("apt-get", &args))?;
        // Beside its place first, so that an interrupted run leaves nothing half-unpacked.
        let beside = self.home.join("unpacked");
        let _ = fs::remove_dir_all(&beside);
        let fetched = debs(&self.home);
        if fetched.len() != packages.len() {
            return Err(Error(format!(
                "apt-get download left {} files for {}",
                fetched.len(),
                names.join(", ")
            )));
        }
        for deb in &fetched {
            output_of(Command::new("dpkg").arg("-x").arg(deb).arg(&beside))?;
        }
        put(&beside, into)?;
        fetched
            .iter()
            .try_for_each(|deb| fs::remove_file(deb).context(deb.display()))
    }
}

fn debs(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
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
