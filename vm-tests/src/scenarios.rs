//! All scenarios, and the checks that need an agent of their own.

mod compat;
mod escape;
mod file;
mod flavour;
mod https;
mod itself;
mod load;
mod loss;
mod network;
mod network_rules;
mod ordinary;
mod overlay;
mod process;
mod quiet;
mod race;
mod real;
mod refused;
mod reload;
mod replay;
mod score;
mod uring;
mod verifier;

use crate::{
    agent::Agent,
    error::Result,
    place::watched,
    scenario::{FEW_RULES, Scenario, unmet},
    verdict::Verdict,
    world::{Need, World},
};

/// A test that starts its own agent, or shares one with the checks beside it.
pub struct Check {
    /// Unique.
    pub name: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    run: Run,
}

enum Run {
    Plain(fn() -> Result<()>),
    Judged(fn(&World) -> Result<Verdict>),
    Shared(Setting, fn(&Agent, &World) -> Result<Verdict>),
}

/// An agent that checks share, one after the other: a start takes an emulated guest some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Production with its built-in rules, an OTLP receiver, and a watch of its own output.
    Production,
    /// The test's own rules that count, and those that tell each thing (`rules/counting.toml`, `rules/load.toml`).
    Counting,
    /// One rule only; what else a check needs it gives the agent by a reload.
    Few,
}

impl Setting {
    /// Such an agent.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(self) -> Result<Agent> {
        match self {
            Setting::Production => itself::start(),
            Setting::Counting => loss::start(),
            Setting::Few => Agent::start("production", FEW_RULES),
        }
    }
}

impl Check {
    /// One that passes everywhere or fails.
    pub fn new(name: &'static str, run: fn() -> Result<()>) -> Check {
        Check {
            name,
            needs: &[],
            run: Run::Plain(run),
        }
    }

    /// One that knows what a kernel or flavour does not tell, holds it to that and says so.
    pub fn judged(name: &'static str, run: fn(&World) -> Result<Verdict>) -> Check {
        Check {
            name,
            needs: &[],
            run: Run::Judged(run),
        }
    }

    /// One that leaves the agent fit for the next.
    fn shared(name: &'static str, setting: Setting, run: fn(&Agent, &World) -> Result<Verdict>) -> Check {
        Check {
            name,
            needs: &[],
            run: Run::Shared(setting, run),
        }
    }

    /// Things that it cannot do without; without one the verdict is "not applicable".
    pub fn needs(self, needs: &'static [Need]) -> Check {
        Check { needs, ..self }
    }

    /// With whom it can share an agent.
    pub fn setting(&self) -> Option<Setting> {
        match self.run {
            Run::Shared(setting, _) => Some(setting),
            _ => None,
        }
    }

    /// Runs it. `held` is the agent of the check before, if it has the same setting, and is left for the next one; not after a failure.
    ///
    /// # Errors
    /// When something is not as it should be.
    pub fn run(&self, world: &World, held: &mut Option<Agent>) -> Result<Verdict> {
        if let Some(why) = unmet(self.needs, world)? {
            return Ok(Verdict::NotApplicable(why));
        }
        match self.run {
            Run::Plain(run) => run().map(Verdict::from),
            Run::Judged(run) => run(world),
            Run::Shared(setting, run) => {
                let agent = match held.take() {
                    Some(agent) => agent,
                    None => setting.start()?,
                };
                let verdict = run(&agent, world)?;
                *held = Some(agent);
                Ok(verdict)
            }
        }
    }
}

/// Rules for the scenarios that no built-in rule is about.
pub fn own_rules() -> String {
    let text = |name| watched(name).display().to_string();
    include_str!("../rules/own.toml")
        .replace("{tree}", &text("tree"))
        .replace("{single}", &text("single"))
}

/// What the agent of the network scenarios is told besides the built-in rules.
pub fn network_rules() -> String {
    let ports = network::ports();
    include_str!("../rules/network.toml")
        .replace("{flow}", &ports.flow.to_string())
        .replace("{uring}", &ports.uring.to_string())
}

/// The connection that has to be older than that agent.
pub fn before_network() -> Result<()> {
    network::before()
}

/// "Do this, expect exactly these alerts, and none for the twin."
pub fn scenarios() -> Vec<Scenario> {
    [
        file::scenarios(),
        process::scenarios(),
        escape::scenarios(),
        refused::scenarios(),
        uring::scenarios(),
        network::scenarios(),
        network_rules::scenarios(),
        https::scenarios(),
        compat::scenarios(),
        race::scenarios(),
        overlay::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Everything else; those that share an agent are side by side.
pub fn checks() -> Vec<Check> {
    [
        flavour::checks(),
        verifier::checks(),
        quiet::checks(),
        itself::checks(),
        loss::checks(),
        load::checks(),
        reload::checks(),
        score::checks(),
        replay::checks(),
        real::checks(),
        ordinary::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the rig's guests run, and the page of kernels tells.
pub fn of_guests() -> Vec<(&'static str, Vec<Need>)> {
    all()
        .into_iter()
        .filter(|(_, needs)| !needs.contains(&Need::Host))
        .collect()
}

/// Every name with what it needs, in the order in which they run.
pub fn all() -> Vec<(&'static str, Vec<Need>)> {
    let scenarios = scenarios().into_iter().map(|s| (s.name, s.needs));
    let checks = checks().into_iter().map(|c| (c.name, c.needs.to_vec()));
    scenarios.chain(checks).collect()
}

#[cfg(test)]
mod tests {
    use super::checks;

    #[test]
    fn checks_that_share_an_agent_are_side_by_side() {
        let mut settings: Vec<_> = checks().iter().filter_map(|check| check.setting()).collect();
        let names = |all: &[_]| all.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
        settings.dedup();
        let mut unique = names(&settings);
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), settings.len(), "{:?}", names(&settings));
    }
}
