//! Where scenarios run: which kernel, in which flavour of hooks, and what of their needs it has.

use std::{fs, path::Path, process::Command};

use serde::Deserialize;

use crate::{
    agent::program,
    error::{Context, Result, output_of},
    place::executable,
};

/// Set by the rig: the flavour in which every hook that has it must be attached.
pub const WANTED: &str = "LAPWING_EXPECT_FLAVOUR";
/// Set by the rig: the flavour that every agent is told to take.
pub const FORCED: &str = "LAPWING_FORCE_FLAVOUR";
/// There in the rig's guests only.
pub const GUEST: &str = "/.vm";
/// Where the rig puts busybox as a program of 32 bits, for a guest whose processor runs both.
pub const BUSYBOX_32: &str = "/.vm/busybox-32";
/// Where the rig puts modules for a guest: `NAME/NN-file.ko`, in the order in which they are loaded.
pub const MODULES: &str = "/.vm/modules";

/// How hooks are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flavour {
    /// On the kernel's functions.
    Function,
    /// On system calls.
    Syscall,
}

impl Flavour {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Function => "function",
            Flavour::Syscall => "syscall",
        }
    }
}

impl std::str::FromStr for Flavour {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        [Flavour::Function, Flavour::Syscall]
            .into_iter()
            .find(|flavour| flavour.name() == text)
            .ok_or_else(|| format!("{text} is no flavour: function or syscall"))
    }
}

/// One kernel with hooks of one flavour.
#[derive(Debug, Clone)]
pub struct World {
    /// As `uname -r` says.
    pub release: String,
    /// The first two numbers of it.
    pub version: (u32, u32),
    /// `x86_64` or `aarch64`.
    pub arch: &'static str,
    /// How files are watched here.
    pub flavour: Flavour,
    /// Whether this is one of the rig's guests.
    pub guest: bool,
}

impl World {
    /// This machine. Without word from the rig `lapwing probes` says the flavour.
    pub fn here() -> Result<World> {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let wanted = std::env::var(WANTED).ok();
        let flavour = match &wanted {
            Some(text) => text.parse::<Flavour>().context(WANTED)?,
            None => attached()?,
        };
        Ok(World {
            version: version(&release),
            release,
            arch: std::env::consts::ARCH,
            flavour,
            guest: Path::new(GUEST).is_dir(),
        })
    }

    /// Whether the kernel is at least of this version.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.version >= (major, minor)
    }
}

/// The first two numbers of a release.
pub fn version(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// How files are watched when nobody forces a flavour.
fn attached() -> Result<Flavour> {
    #[derive(Deserialize)]
    struct Row {
        hook: String,
        flavour: String,
        state: String,
    }
    let text = output_of(Command::new(program()?).args(["probes", "--json", "--profile", "demo"]))?;
    let rows: Vec<Row> = serde_json::from_str(&text).context("lapwing probes")?;
    let function = rows
        .iter()
        .any(|row| row.hook == "file-open" && row.state == "attached" && row.flavour == "function");
    Ok(if function { Flavour::Function } else { Flavour::Syscall })
}

/// Something that a scenario cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A kernel module, or the same thing built in: `overlay`. A guest gets it from its kernel's package, with what it depends on.
    Module(&'static str),
    /// A kernel parameter: `preempt=full`. The rig boots a guest of its own for each set of them.
    Parameter(&'static str),
    /// A kernel of at least this version.
    Kernel(u32, u32),
    /// A program of the machine on which the rig runs: a guest gets it with its libraries.
    Program(&'static str),
    /// A machine that is nobody's guest: programs are needed that do not travel. The page of kernels is not about it.
    Host,
    /// Nothing: it is the same in both flavours, so of a kernel's two guests one does it, that of the function flavour.
    OneFlavour,
    /// This processor (`x86_64`, `aarch64`): what is called does not exist elsewhere.
    Arch(&'static str),
}

impl Need {
    /// Why a machine with this processor cannot have it, if that is known without looking.
    pub fn unmet_on(self, arch: &str) -> Option<String> {
        matches!(self, Need::Arch(wanted) if wanted != arch).then(|| format!("{arch} has no such thing"))
    }

    /// Sees to it; why it cannot be had.
    pub fn unmet(self, world: &World) -> Result<Option<String>> {
        let unless = |met: bool, why: String| Ok((!met).then_some(why));
        match self {
            Need::Module(name) => unless(load(name)?, format!("the kernel's package has no module {name}")),
            Need::Parameter(parameter) => {
                let line = fs::read_to_string("/proc/cmdline").context("/proc/cmdline")?;
                let met = line.split_whitespace().any(|word| word == parameter);
                unless(met, format!("the kernel was not booted with {parameter}"))
            }
            Need::Kernel(major, minor) => unless(
                world.at_least(major, minor),
                format!("Linux {major}.{minor} is the first to have it"),
            ),
            Need::Program(name) => unless(executable(name).is_ok(), format!("{name} is not here")),
            Need::Host => unless(!world.guest, "a guest does not have the programs".into()),
            Need::OneFlavour => unless(
                !world.guest || world.flavour == Flavour::Function,
                "it is the same in both flavours: asked once, in the guest of the function flavour".into(),
            ),
            Need::Arch(_) => Ok(self.unmet_on(world.arch)),
        }
    }
}

/// Whether the module is there now.
fn load(name: &str) -> Result<bool> {
    let there = || {
        let listed = |file| fs::read_to_string(file).unwrap_or_default();
        Path::new("/sys/module").join(name.replace('-', "_")).is_dir()
            || listed("/proc/filesystems").split_whitespace().any(|word| word == name)
    };
    if there() {
        return Ok(true);
    }
    let brought = Path::new(MODULES).join(name);
    if !brought.is_dir() {
        // A machine that is nobody's guest: what it has, it has.
        let _ = Command::new("modprobe").args(["-q", name]).status();
        return Ok(there());
    }
    let mut files: Vec<_> = fs::read_dir(&brought)
        .context(brought.display())?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    for file in &files {
        // One that another module brought already is refused; what counts is whether the last one is there.
        let _ = output_of(Command::new("insmod").arg(file));
    }
    // An empty directory stands for what is built in.
    Ok(files.is_empty() || there())
}

#[cfg(test)]
mod tests {
    use super::{Flavour, Need, World, version};

    #[test]
    fn needs_say_what_is_missing() {
        let world = World {
            release: "6.1.0-56-cloud-amd64".into(),
            version: version("6.1.0-56-cloud-amd64"),
            arch: "aarch64",
            flavour: Flavour::Syscall,
            guest: false,
        };
        assert_eq!(world.version, (6, 1));
        assert_eq!(Need::Kernel(6, 1).unmet(&world).unwrap(), None);
        assert!(Need::Kernel(6, 10).unmet(&world).unwrap().unwrap().contains("6.10"));
        assert!(Need::Arch("x86_64").unmet(&world).unwrap().unwrap().contains("aarch64"));
        let parameter = Need::Parameter("lapwing.test=never");
        assert!(parameter.unmet(&world).unwrap().unwrap().contains("never"));
    }
}
