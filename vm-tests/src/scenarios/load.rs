//! Many threads at once, which preempt each other in the middle of a probe: every record is whole, of the right process and path, or counted as lost.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    act::{Act, churn, me},
    agent::Agent,
    error::{Context, Error, Result},
    metrics::Metrics,
    place::copy_program,
    scenario::{brief, fence, is_of_session, run_to_end},
    scenarios::{Check, Setting},
    verdict::Verdict,
    world::{Flavour, World},
};

const THREADS: u32 = 8;
const ROUNDS: u32 = 64;
/// Alerts of thousands of events are written and read in an emulated guest.
const SETTLE: Duration = Duration::from_secs(60);
/// How the kernel preempts; it can be changed as it runs (PREEMPT_DYNAMIC).
const PREEMPT: &str = "/sys/kernel/debug/sched/preempt";

pub fn checks() -> Vec<Check> {
    vec![
        Check::shared(
            "load-records-are-whole-or-counted",
            Setting::Counting,
            |agent, world| load("any", agent, world),
        ),
        Check::shared(
            "load-with-preempt-full-whole-or-counted",
            Setting::Counting,
            |agent, world| preempted("full", agent, world),
        ),
        Check::shared(
            "load-with-preempt-lazy-whole-or-counted",
            Setting::Counting,
            |agent, world| preempted("lazy", agent, world),
        ),
    ]
}

/// What one thing that happened looks like in an alert: event, path and target, or event and program.
type Deed = (String, String, String);

fn preempted(mode: &str, agent: &Agent, world: &World) -> Result<Verdict> {
    let modes = fs::read_to_string(PREEMPT).unwrap_or_default();
    let (now, known) = (
        modes
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map(|(now, _)| now.to_owned()),
        modes
            .split_whitespace()
            .any(|word| word.trim_matches(['(', ')']) == mode),
    );
    let Some(now) = now.filter(|_| known) else {
        return Ok(Verdict::NotApplicable(format!(
            "this kernel cannot be told preempt={mode} as it runs"
        )));
    };
    if !world.guest && now != mode {
        return Ok(Verdict::NotApplicable(
            "the machine's own scheduling is left alone".into(),
        ));
    }
    fs::write(PREEMPT, mode).context(PREEMPT)?;
    let verdict = load(mode, agent, world);
    fs::write(PREEMPT, now).context(PREEMPT)?;
    verdict
}

/// In a directory of the mode's own, because the agent knows those of the modes before.
fn load(mode: &str, agent: &Agent, world: &World) -> Result<Verdict> {
    let below = |name: &str| agent.home.join(name).join(mode);
    let (directory, programs) = (below("load"), below("programs"));
    set_up(agent, &directory, &programs)?;
    let (before, earlier) = (agent.metrics()?, agent.alerts()?.len());
    let text = |path: &Path| path.display().to_string();
    let (threads, rounds) = (THREADS.to_string(), ROUNDS.to_string());
    let args = ["act", "churn", &text(&directory), &text(&programs), &threads, &rounds];
    let pid = run_to_end(&Act::of_mine(&args))?;

    let mut files = made_files(&directory);
    let mut execs = made_programs(&programs);
    let (all_files, all_execs) = (files.len(), execs.len());
    let lost = settled(agent, &before, (all_files as u64, all_execs as u64), world)?;
    // What is told twice is told by now.
    fence(agent)?;
    let me = text(&me()?);
    for alert in agent.alerts()?.into_iter().skip(earlier) {
        let by = |executable: &str| alert["process"]["executable"] == executable;
        let wrong = |why: &str| Err(Error(format!("{why}: {} {}", brief(&alert), alert["file"])));
        let (left, right) = match alert["rule"].as_str() {
            Some("load-files") if of_set_up(&alert, &directory) => continue,
            Some("load-files") => (&mut files, alert["process"]["pid"] == pid && by(&me)),
            // Its argument is the name of the directory that it lies in.
            Some("load-programs") => (
                &mut execs,
                is_of_session(&alert, pid) && by(&text(&argument_below(&programs, &alert))),
            ),
            _ => continue,
        };
        if !right {
            return wrong("an alert of another process");
        }
        if !left.remove(&deed(&alert)) {
            return wrong("told twice, or never done");
        }
        if world.flavour == Flavour::Function && !alert["partial"].is_null() {
            return wrong("only known in part");
        }
    }
    for (what, left, all, lost) in [
        ("files", files, all_files, lost.0),
        ("programs", execs, all_execs, lost.1),
    ] {
        println!(
            "  {what}: {all} done = {} told and right + {} not told, {lost} counted as lost",
            all - left.len(),
            left.len()
        );
        if left.len() as u64 > lost {
            return Err(Error(format!(
                "{what}: {} of {all} were not told, but only {lost} are counted as lost: {:?}",
                left.len(),
                left.iter().take(5).collect::<Vec<_>>()
            )));
        }
    }
    Ok(Verdict::Seen)
}

/// The directory of the files, and a program for each time that one is run: all the same file, under names of their own.
fn set_up(agent: &Agent, directory: &Path, programs: &Path) -> Result<()> {
    let told =
        |agent: &Agent| -> Result<u64> { Ok(agent.metrics()?.sum("lapwing_alerts_total", &[("rule", "load-files")])) };
    for made in [agent.home.join("load").as_path(), directory] {
        if made.is_dir() {
            continue;
        }
        let before = told(agent)?;
        fs::create_dir(made).context(made.display())?;
        agent.wait_until("the set-up's directory is told", SETTLE, |agent| {
            Ok(told(agent)? == before + 1)
        })?;
    }
    fs::create_dir_all(programs).context(programs.display())?;
    let program = copy_program("true", programs)?;
    for (thread, round) in rounds().filter(|(_, round)| round % churn::PROGRAM_EVERY == 0) {
        let path = programs.join(churn::program(thread, round));
        fs::create_dir(programs.join(churn::name(thread, round))).context(path.display())?;
        fs::hard_link(&program, &path).context(path.display())?;
    }
    Ok(())
}

/// Whether it is about the making of the directory itself, or of that above.
fn of_set_up(alert: &Value, directory: &Path) -> bool {
    let path = alert.pointer("/file/path").and_then(Value::as_str);
    path.is_some_and(|path| directory.starts_with(path))
}

fn argument_below(programs: &Path, alert: &Value) -> PathBuf {
    let argument = alert.pointer("/process/args/1").and_then(Value::as_str);
    programs.join(argument.unwrap_or_default()).join("true")
}

fn deed(alert: &Value) -> Deed {
    let text = |at: &str| alert.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    match alert["sensor"].as_str() {
        Some("process") => (text("/event"), text("/process/executable"), String::new()),
        _ => (text("/event"), text("/file/path"), text("/file/target")),
    }
}

fn rounds() -> impl Iterator<Item = (u32, u32)> {
    (0..THREADS).flat_map(|thread| (0..ROUNDS).map(move |round| (thread, round)))
}

fn made_files(directory: &Path) -> BTreeSet<Deed> {
    let below = |name: String| directory.join(name).display().to_string();
    rounds()
        .flat_map(|(thread, round)| {
            let (old, new) = (below(churn::name(thread, round)), below(churn::renamed(thread, round)));
            [
                ("file.create".to_owned(), old.clone(), String::new()),
                ("file.rename".to_owned(), old, new.clone()),
                ("file.delete".to_owned(), new, String::new()),
            ]
        })
        .collect()
}

fn made_programs(programs: &Path) -> BTreeSet<Deed> {
    rounds()
        .filter(|(_, round)| round % churn::PROGRAM_EVERY == 0)
        .map(|(thread, round)| {
            (
                "process.exec".to_owned(),
                programs.join(churn::program(thread, round)).display().to_string(),
                String::new(),
            )
        })
        .collect()
}

/// Waits until all that was done is told or counted as lost; how many of files and of programs are counted as lost.
///
/// A kernel that preempts everywhere skips a probe which it has just preempted in another thread, and counts that. It may have been one of two
/// probes of one operation, or one that had nothing to tell: of these losses there may be more than of things not told.
fn settled(agent: &Agent, before: &Metrics, (files, programs): (u64, u64), world: &World) -> Result<(u64, u64)> {
    let since = |now: &Metrics, name: &str, labels: &[(&str, &str)]| now.sum(name, labels) - before.sum(name, labels);
    let (mut told, mut lost) = ((0, 0), (0, 0));
    let done = |agent: &Agent| {
        let now = agent.metrics()?;
        let alerts = |rule| since(&now, "lapwing_alerts_total", &[("rule", rule)]);
        told = (alerts("load-files"), alerts("load-programs"));
        lost = (
            now.lost("file") - before.lost("file"),
            now.lost("process") - before.lost("process"),
        );
        let skipped = since(
            &now,
            "lapwing_events_lost_total",
            &[("sensor", "file"), ("stage", "recursion")],
        );
        // A guest has nobody else whose records could be lost with ours.
        let exact = !world.guest || told.0 + lost.0 - skipped <= files;
        Ok(exact && told.0 + lost.0 >= files && told.1 + lost.1 >= programs)
    };
    let waited = agent.wait_until("everything is told or counted as lost", SETTLE, done);
    waited.map_err(|e| {
        let losses = agent.metrics().map(|now| now.losses()).unwrap_or_default();
        Error(format!(
            "{e}\n{files} files and {programs} programs done; {told:?} told, {lost:?} lost\n{losses}"
        ))
    })?;
    Ok(lost)
}
