//! One guest to be run: the scenarios in one flavour, or what a host may refuse.

use crate::{
    refusals,
    rig::{
        initramfs::GuestFile,
        kernel::Kernel,
        plan::Boot,
        table::{Arch, Row},
    },
    world::Flavour,
};

/// What is done in a guest.
#[derive(Debug, Clone)]
pub enum Work {
    /// Scenarios, with hooks of one flavour throughout.
    Scenarios(Flavour, Boot),
    /// The cases of [`refusals`], which choose their flavours themselves.
    Refusals(refusals::Boot),
}

/// A kernel and what is done on it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The table's row.
    pub row: &'static Row,
    /// What it gave.
    pub kernel: Kernel,
    /// What is done.
    pub work: Work,
    /// lapwing, the runner, and the programs that scenarios ask for.
    pub files: Vec<GuestFile>,
}

impl Job {
    /// Tells the jobs of one run apart; a file's name too.
    pub fn name(&self) -> String {
        let what = match &self.work {
            Work::Scenarios(flavour, _) => flavour.name(),
            Work::Refusals(_) => "refusals",
        };
        let mut name = format!("{}-{what}", self.row.name);
        for parameter in self.parameters().split_whitespace() {
            name.push('-');
            name.extend(
                parameter
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
            );
        }
        name
    }

    /// For the guest's shell.
    pub fn command(&self) -> String {
        let (flavour, boot) = match &self.work {
            Work::Scenarios(flavour, boot) => (*flavour, boot),
            Work::Refusals(boot) => return format!("scenario-runner refusals {}", boot.cases.join(" ")),
        };
        let forced = match self.row.forced || flavour == Flavour::Syscall {
            true => format!("LAPWING_FORCE_FLAVOUR={} ", flavour.name()),
            false => String::new(),
        };
        format!(
            "LAPWING_EXPECT_FLAVOUR={} {forced}LAPWING_IDLE_SECONDS=20 scenario-runner --exact {}",
            flavour.name(),
            boot.scenarios.join(" ")
        )
    }

    /// For the kernel's command line.
    pub fn parameters(&self) -> String {
        match &self.work {
            Work::Scenarios(_, boot) => boot.parameters.join(" "),
            Work::Refusals(boot) => boot.parameters.to_owned(),
        }
    }

    /// Modules that the guest gets.
    pub fn modules(&self) -> &[&'static str] {
        match &self.work {
            Work::Scenarios(_, boot) => &boot.modules,
            Work::Refusals(_) => &[],
        }
    }

    /// Virtual processors. One for refusals: they switch the kernel's code all the time.
    pub fn cpus(&self) -> u32 {
        match self.work {
            Work::Scenarios(..) => self.row.cpus,
            Work::Refusals(_) => 1,
        }
    }

    /// The flavour of all hooks, if it is one.
    pub fn flavour(&self) -> Option<Flavour> {
        match self.work {
            Work::Scenarios(flavour, _) => Some(flavour),
            Work::Refusals(_) => None,
        }
    }

    /// The names of the results that it must give.
    pub fn results(&self) -> Vec<String> {
        match &self.work {
            Work::Scenarios(_, boot) => boot.scenarios.iter().map(|name| (*name).to_owned()).collect(),
            Work::Refusals(boot) => boot.cases.iter().map(|name| format!("refusal-{name}")).collect(),
        }
    }
}

/// What takes longest comes first, so that no guest runs alone at the end: another architecture, then the flavour with most hooks.
pub fn longest_first(jobs: &mut [Job]) {
    jobs.sort_by_key(|job| {
        let work = match job.work {
            Work::Scenarios(Flavour::Function, _) => 0,
            Work::Scenarios(Flavour::Syscall, _) => 1,
            Work::Refusals(_) => 2,
        };
        (job.row.arch == Arch::Amd64, work)
    });
}
