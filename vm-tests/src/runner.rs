//! Runs scenarios and checks one after the other and reports them in the form of Rust's test harness.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use crate::{
    act,
    agent::{self, Agent},
    error::{Context, Error, Result},
    fence::clean_up,
    refusals,
    scenario::{Counts, Group, Scenario, counted},
    scenarios::{self, Check, Setting},
    steps::Spent,
    verdict::{Line, Verdict},
    world::World,
};

/// `main` of the runner and of the host's tests: `[NAME...]`, `--list`, or `act ...`.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "act" => match act::main(rest) {
            Ok(code) => ExitCode::from(code as u8),
            Err(e) => {
                eprintln!("act: {e}");
                ExitCode::from(127)
            }
        },
        Some((first, names)) if first == "refusals" => refusals::main(names),
        _ if args.iter().any(|arg| arg == "--list") => {
            names().iter().for_each(|name| println!("{name}: test"));
            ExitCode::SUCCESS
        }
        _ => run(&args),
    }
}

fn names() -> Vec<&'static str> {
    scenarios::all().into_iter().map(|(name, _)| name).collect()
}

fn run(args: &[String]) -> ExitCode {
    if let Some(code) = from_elsewhere(args) {
        return code;
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let exact = args.iter().any(|arg| arg == "--exact");
    let chosen = |name: &str| {
        let fits = |filter: &&String| {
            if exact {
                name == filter.as_str()
            } else {
                name.contains(filter.as_str())
            }
        };
        filters.is_empty() || filters.iter().any(fits)
    };
    let mut report = Report::default();
    if !rustix::process::geteuid().is_root() {
        return without_root(names().into_iter().filter(|name| chosen(name)).count());
    }
    let world = match World::here() {
        Ok(world) => world,
        Err(e) => {
            println!("{e}");
            return ExitCode::FAILURE;
        }
    };
    run_scenarios(
        scenarios::scenarios().into_iter().filter(|s| chosen(s.name)).collect(),
        &world,
        &mut report,
    );
    run_checks(
        scenarios::checks().into_iter().filter(|c| chosen(c.name)).collect(),
        &world,
        &mut report,
    );
    clean_up();
    report.finish()
}

/// Checks of one setting share an agent, but for the one after a failure.
fn run_checks(checks: Vec<Check>, world: &World, report: &mut Report) {
    let mut held: Option<Agent> = None;
    let mut setting = None;
    for check in checks {
        if check.setting() != setting {
            stop(setting, held.take(), report);
            setting = check.setting();
        }
        report.test(check.name, || check.run(world, &mut held));
    }
    stop(setting, held, report);
}

fn stop(setting: Option<Setting>, agent: Option<Agent>, report: &mut Report) {
    if let (Some(setting), Some(agent)) = (setting, agent) {
        let name = format!("agent-of-{setting:?}-stops").to_lowercase();
        report.test(&name, || agent.stop().map(Verdict::from));
    }
}

/// A checkout below /tmp would make every act a program run from /tmp: a copy of this program outside runs the scenarios then.
fn from_elsewhere(args: &[String]) -> Option<ExitCode> {
    let me = act::me().ok()?;
    if !["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .any(|directory| me.starts_with(directory))
    {
        return None;
    }
    let home = Path::new("/opt").join(format!("lapwing-test-{}-runner", std::process::id()));
    let copy = home.join("scenario-runner");
    let outcome = fs::create_dir_all(&home)
        .and_then(|()| fs::copy(&me, &copy))
        .map_err(|e| Error(format!("{}: {e}", copy.display())))
        .and_then(|_| agent::program())
        .and_then(|lapwing| {
            Command::new(&copy)
                .args(args)
                .env("LAPWING_BIN", lapwing)
                .status()
                .context(copy.display())
        });
    // Nothing depends on it being gone.
    let _ = fs::remove_dir_all(&home);
    Some(match outcome {
        Ok(status) => ExitCode::from(status.code().unwrap_or(1) as u8),
        Err(e) => {
            println!("{e}");
            ExitCode::FAILURE
        }
    })
}

/// Scenarios of one group share an agent: each is judged by the alerts of its own session.
fn run_scenarios(scenarios: Vec<Scenario>, world: &World, report: &mut Report) {
    let mut groups: BTreeMap<Group, Vec<Scenario>> = BTreeMap::new();
    for scenario in scenarios {
        groups.entry(scenario.group).or_default().push(scenario);
    }
    for (group, scenarios) in groups {
        let agent = start(group);
        if let Err(e) = &agent {
            println!("no agent for {group:?}: {e}");
        }
        let mut counts = Counts::new();
        for scenario in scenarios {
            report.test(scenario.name, || match &agent {
                Ok(agent) => scenario.run(agent, world, &mut counts),
                Err(_) => Err(Error("no agent".into())),
            });
        }
        if let Ok(agent) = agent {
            report.test(&format!("agent-of-{group:?}-stops").to_lowercase(), || {
                counted(&agent, &counts)?;
                agent.stop().map(Verdict::from)
            });
        }
    }
}

fn start(group: Group) -> Result<Agent> {
    // Each scenario is a lineage of its own; the host as a whole is not what they are about. A window that closes at once
    // makes a second match an alert of its own instead of a count that nobody sees.
    let alone = "[score]\nhost_threshold = 1000000\nfold_window = \"1ms\"\n";
    match group {
        Group::Demo => Agent::start("demo", alone),
        Group::Own => Agent::start("production", &scenarios::own_rules()),
        Group::Network => {
            scenarios::before_network()?;
            Agent::start("production", &scenarios::network_rules())
        }
    }
}

fn without_root(count: usize) -> ExitCode {
    if std::env::var_os("LAPWING_SKIP_ROOT_TESTS").is_some() {
        println!("SKIPPED: {count} scenarios need root");
        println!("test result: ok. 0 passed; 0 failed; {count} ignored; 0 measured; 0 filtered out");
        return ExitCode::SUCCESS;
    }
    println!(
        "{count} scenarios load BPF programs and need root: run as root, or set LAPWING_SKIP_ROOT_TESTS=1 to skip them"
    );
    println!("test result: FAILED. 0 passed; {count} failed; 0 ignored; 0 measured; 0 filtered out");
    ExitCode::FAILURE
}

#[derive(Default)]
struct Report {
    passed: usize,
    ignored: usize,
    failed: Vec<String>,
    took: Duration,
}

impl Report {
    /// Runs one and prints its two lines: one for people, one for the rig.
    fn test(&mut self, name: &str, run: impl FnOnce() -> Result<Verdict>) {
        let (started, before) = (Instant::now(), Spent::so_far());
        let result = run();
        let took = started.elapsed();
        let steps = Spent::so_far().since(before);
        self.took += took;
        let seconds = took.as_secs_f64();
        match &result {
            Ok(Verdict::NotApplicable(why)) => {
                self.ignored += 1;
                println!("test {name} ... ignored, {why}");
            }
            Ok(Verdict::Seen) => println!("test {name} ... ok ({seconds:.1} s) {steps}"),
            Ok(verdict) => println!("test {name} ... ok, {verdict:?} ({seconds:.1} s) {steps}"),
            Err(e) => {
                println!("test {name} ... FAILED ({seconds:.1} s) {steps}\n{e}\n");
                self.failed.push(name.to_owned());
            }
        }
        println!("{}", Line::new(name, &result, seconds).print());
        self.passed += usize::from(!matches!(result, Err(_) | Ok(Verdict::NotApplicable(_))));
    }

    fn finish(self) -> ExitCode {
        let verdict = if self.failed.is_empty() { "ok" } else { "FAILED" };
        println!("time in steps: {}", Spent::so_far());
        for name in &self.failed {
            println!("failed: {name}");
        }
        println!(
            "test result: {verdict}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
            self.passed,
            self.failed.len(),
            self.ignored,
            self.took.as_secs_f64()
        );
        if self.failed.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
