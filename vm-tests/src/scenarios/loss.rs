//! Nothing is lost in silence: seen + counted as lost = made.

use std::{fs, path::Path, time::Duration};

use crate::{
    act::{Act, append, me},
    agent::Agent,
    error::{Context, Error, Result},
    metrics::Metrics,
    place::copy_program,
    scenario::{fence, run_to_end},
    scenarios::{Check, Setting},
    verdict::Verdict,
    world::{GUEST, WANTED, World},
};

const PROCESSES: u64 = 5_000;
/// As many in a guest, where each takes 6 ms of an emulated processor; what is seen and lost has to be as exactly what was made.
const PROCESSES_OF_GUEST: u64 = 1_000;
const OPERATIONS: u64 = 20_000;
const SETTLE: Duration = Duration::from_secs(10);

pub fn checks() -> Vec<Check> {
    vec![
        Check::new("what-a-full-ring-loses-is-counted", full_ring),
        Check::shared("processes-are-all-seen-or-counted", Setting::Counting, processes),
        Check::shared(
            "20000-file-operations-are-all-seen-or-counted",
            Setting::Counting,
            operations,
        ),
    ]
}

/// The agent of all that is counted, and of the loads whose records are looked at one by one.
pub(super) fn start() -> Result<Agent> {
    let rules = counting("alert_queue = 100000", ALL);
    Agent::start(
        "production",
        &format!("{rules}\n{}", include_str!("../../rules/load.toml")),
    )
}

/// Rules that count: no points, no alerts. The directory is the run's own, so that nobody else's acts are counted.
fn counting(agent_keys: &str, access: &str) -> String {
    // No rules but these: other watches would have records of others in the ring.
    format!(
        "defaults = false\n---\n{agent_keys}\n{}",
        include_str!("../../rules/counting.toml").replace("{access}", access)
    )
}

const ALL: &str = r#"["create", "write", "permission", "delete"]"#;

/// Each is an exec and an exit with code 1.
fn processes(agent: &Agent, _: &World) -> Result<Verdict> {
    let made = match Path::new(GUEST).is_dir() {
        true => PROCESSES_OF_GUEST,
        false => PROCESSES,
    };
    let program = copy_program("false", &agent.home)?;
    let before = agent.metrics()?;
    run_to_end(&Act::new(
        me()?,
        &["act", "spawn", &made.to_string(), &program.display().to_string()],
    ))?;
    fence(agent)?;
    for rule in ["count-execs", "count-exits"] {
        settled(agent, &before, rule, "process", made)?;
    }
    Ok(Verdict::Seen)
}

fn operations(agent: &Agent, _: &World) -> Result<Verdict> {
    // The set-up's own: mkdir, create, append.
    let before = made(agent, "files", OPERATIONS, 3)?;
    settled(agent, &before, "count-files", "file", OPERATIONS)?;
    Ok(Verdict::Seen)
}

/// A ring far too small, drained too seldom. Only successful opens for writing are asked for: these the kernel can tell from all else in
/// either flavour, so that hardly a record of others (files without a path, such as O_TMPFILE) is in the ring.
fn full_ring() -> Result<()> {
    let small = "file_ring = \"64KiB\"\ndrain_interval = \"100ms\"";
    let agent = Agent::start("production", &counting(small, r#"["write"]"#))?;
    let before = made(&agent, "appends", OPERATIONS, 1)?;
    settled(&agent, &before, "count-files", "file", OPERATIONS)?;
    let lost = agent.metrics()?.lost("file") - before.lost("file");
    if lost == 0 {
        return Err(Error("a ring of 64 KiB lost nothing: this test tests nothing".into()));
    }
    agent.stop()
}

/// Lets a program make the operations; the metrics from before, when those of the set-up are in them.
fn made(agent: &Agent, kind: &str, count: u64, set_up: u64) -> Result<Metrics> {
    let directory = agent.home.join("files");
    let file = directory.join("file");
    fs::create_dir(&directory).context(directory.display())?;
    fs::write(&file, "").context(file.display())?;
    append(&file)?;
    agent.wait_until("the set-up's operations count", SETTLE, |agent| {
        Ok(agent.metrics()?.matches("count-files") == set_up)
    })?;
    let before = agent.metrics()?;
    run_to_end(&Act::new(
        me()?,
        &["act", kind, &directory.display().to_string(), &count.to_string()],
    ))?;
    fence(agent)?;
    Ok(before)
}

/// Waits until seen + lost is what was made; never more seen than made.
fn settled(agent: &Agent, before: &Metrics, rule: &str, sensor: &str, made: u64) -> Result<()> {
    let skipped = |metrics: &Metrics| {
        let labels = [("sensor", sensor), ("stage", "recursion")];
        metrics.sum("lapwing_events_lost_total", &labels)
    };
    let numbers = || -> Result<(u64, u64, u64)> {
        let now = agent.metrics()?;
        Ok((
            now.matches(rule) - before.matches(rule),
            now.lost(sensor) - before.lost(sensor),
            skipped(&now) - skipped(before),
        ))
    };
    let deadline = std::time::Instant::now() + SETTLE;
    loop {
        let (seen, lost, skipped) = numbers()?;
        let accounted = if lost == 0 {
            seen == made
        } else {
            // What others do at the same time may be lost with ours: a guest has no others, and the file ring hardly carries theirs.
            let others = match (sensor, std::env::var_os(WANTED)) {
                ("process", _) => u64::MAX / 2,
                (_, Some(_)) => 0,
                (_, None) => made / 1000,
            };
            // An operation passes several probes; where preemption skips some of them (6.18's lazy mode), each skip counts.
            let most = others.saturating_add(skipped);
            seen <= made && (made..=made.saturating_add(most)).contains(&(seen + lost))
        };
        if accounted {
            println!("  {rule}: {made} made = {seen} seen + {lost} counted as lost");
            return Ok(());
        }
        if std::time::Instant::now() > deadline {
            return Err(Error(format!(
                "{rule}: {made} made, but {seen} seen + {lost} counted as lost\n{}\nfile events of all: {}",
                agent.metrics()?.losses(),
                agent.metrics()?.sum("lapwing_events_total", &[("sensor", "file")]),
            )));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
