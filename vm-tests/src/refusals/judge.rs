//! Brings the guest to refuse, starts lapwing, and holds it to what is expected.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    cases::{Case, Expect, Works},
    sights,
};
use crate::{
    act::me,
    agent::{Agent, program},
    error::{Context, Error, Result, output_of},
    metrics::Metrics,
    world::version,
};

/// Where the kernel tells its types.
const TYPES: &str = "/sys/kernel/btf/vmlinux";
/// Them with names missing.
const FEWER_TYPES: &str = "/run/lapwing-refusals-types";
/// The configuration of the commands that leave at once.
const CONFIG: &str = "/run/lapwing-refusals.toml";
/// How long the kernel may take to free what nobody holds any more.
const FREED: Duration = Duration::from_secs(60);

/// One variant of a hook, as `lapwing probes --json` tells of it.
#[derive(Debug, Deserialize)]
struct Row {
    sensor: String,
    hook: String,
    flavour: String,
    state: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    unseen: String,
}

/// Does the case; the guest is then as before, but for what cannot be undone.
pub fn run(case: &Case) -> Result<()> {
    sights::prepare()?;
    let text = format!(
        "config_version = 1\ndefaults = false\n{}",
        include_str!("../../rules/refusals.toml")
    );
    fs::write(CONFIG, text).context(CONFIG)?;
    if !case.without.is_empty() {
        fs::write(FEWER_TYPES, fewer_types(case.without)?).context(FEWER_TYPES)?;
    }
    shell(case.outside)?;
    let outcome = judge(case).and_then(|()| nothing_left());
    shell(case.undo)?;
    outcome
}

fn judge(case: &Case) -> Result<()> {
    let words = words(case)?;
    match &case.expect {
        Expect::Leaves(says) => {
            for command in [&["run"][..], &["probes"], &["check", "--attach"]] {
                leaves(&words, command, says).context(command.join(" "))?;
            }
            Ok(())
        }
        Expect::Works(works) => works_but(&words, works),
    }
}

fn shell(script: &str) -> Result<()> {
    match script.is_empty() {
        true => Ok(()),
        false => output_of(Command::new("sh").args(["-ec", script])).map(drop),
    }
}

/// What to put before lapwing's command line, so that it meets the refusal.
fn words(case: &Case) -> Result<Vec<String>> {
    let types = match case.without {
        [] => String::new(),
        _ => format!("mount --bind {FEWER_TYPES} {TYPES}\n"),
    };
    let script = format!("set -e\n{}\n{types}exec \"$@\"", case.inside);
    let mut words: Vec<String> = ["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    if let Some(capabilities) = case.only {
        words.push(me()?.display().to_string());
        words.extend(["act", "limited", capabilities].map(str::to_owned));
    }
    Ok(words)
}

/// The kernel's types, in which none has one of these names.
fn fewer_types(names: &[&str]) -> Result<Vec<u8>> {
    let mut types = fs::read(TYPES).context(TYPES)?;
    let mut hidden = 0;
    for name in names {
        let wanted = [b"\0", name.as_bytes(), b"\0"].concat();
        if let Some(at) = types.windows(wanted.len()).position(|window| window == wanted) {
            types[at + 1] = b'~';
            hidden += 1;
        }
    }
    match hidden {
        0 => Err(Error(format!("this kernel has none of {}", names.join(", ")))),
        _ => Ok(types),
    }
}

fn lapwing(words: &[String], args: &[&str]) -> Result<Output> {
    let mut all = words.to_vec();
    all.push(program()?.display().to_string());
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    all.extend(["--config", CONFIG].map(str::to_owned));
    let mut command = Command::new(&all[0]);
    command.args(&all[1..]).stdin(Stdio::null());
    command.output().context("lapwing")
}

/// Exit code 3, and on standard error one line, which says what it must.
fn leaves(words: &[String], command: &[&str], says: &[&str]) -> Result<()> {
    let done = lapwing(words, command)?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let mut problems = Vec::new();
    if done.status.code() != Some(3) {
        problems.push(format!("it ended with {}", done.status));
    }
    if said.lines().count() != 1 || !said.starts_with("lapwing: ") {
        problems.push("that is not one message".to_owned());
    }
    problems.extend(
        says.iter()
            .filter(|part| !said.contains(**part))
            .map(|part| format!("it does not say {part:?}")),
    );
    as_result(problems, &said)
}

fn works_but(words: &[String], works: &Works) -> Result<()> {
    let done = lapwing(words, &["probes", "--json"])?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let rows: Vec<Row> = serde_json::from_str(&said).context(format!(
        "{}: {said}{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    ))?;
    as_result(told(&rows, works), &said)?;
    if !works.refused.is_empty() {
        // The message is one line, whatever the reasons are.
        let hooks: Vec<_> = works.refused.iter().map(|(hook, _)| *hook).collect();
        leaves_unattached(words, &hooks)?;
    }
    // What the kernel measures needs a capability of its own.
    let config = format!(
        "defaults = false\n---\nbpf_stats = true\n{}",
        include_str!("../../rules/refusals.toml")
    );
    let agent = Agent::start_within(words, "production", &config)?;
    sights::look(&agent, works.blind)?;
    as_result(measured(&agent.metrics()?, &rows), "by the metrics")?;
    let log = agent.log();
    let silent = works
        .refused
        .iter()
        .filter(|(hook, why)| !(log.contains(hook) && log.contains(why)));
    let silent = silent.map(|(hook, _)| *hook);
    let unsaid = works.logged.iter().filter(|part| !log.contains(**part)).copied();
    let missing = silent
        .chain(unsaid)
        .map(|what| format!("the log does not tell of {what}"));
    as_result(missing.collect(), &log)?;
    agent.stop()
}

/// `check --attach` names the hooks that do not work.
fn leaves_unattached(words: &[String], hooks: &[&str]) -> Result<()> {
    let names: Vec<String> = hooks.iter().map(|hook| format!("{hook}: ")).collect();
    let mut says: Vec<&str> = names.iter().map(String::as_str).collect();
    says.push("not attached: ");
    leaves(words, &["check", "--attach"], &says).context("check --attach")
}

/// How `lapwing probes` differs from what it must say.
fn told(rows: &[Row], works: &Works) -> Vec<String> {
    let mut problems = Vec::new();
    let names: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.state != "not_needed")
        .map(|row| row.hook.as_str())
        .collect();
    if names.len() < 6 {
        problems.push(format!("only {} hooks are needed", names.len()));
    }
    let reason =
        |list: &[(&str, &'static str)], name: &str| list.iter().find(|(hook, _)| *hook == name).map(|(_, why)| *why);
    for name in names {
        let of = |state: &'static str| rows.iter().filter(move |row| row.hook == name && row.state == state);
        let attached: Vec<&Row> = of("attached").collect();
        let (refused, lesser) = (reason(works.refused, name), reason(works.lesser, name));
        match (attached.as_slice(), refused, lesser) {
            ([], Some(why), _) => {
                let bad = of("refused").any(|row| !row.why.contains(why) || row.unseen.is_empty());
                problems
                    .extend(bad.then(|| format!("{name}: a reason is not {why:?}, or what is not seen is not told")));
            }
            ([one], None, Some(why)) => {
                let bad = one.flavour != "syscall" || !of("refused").any(|row| row.why.contains(why) || has_fault(row));
                problems.extend(bad.then(|| format!("{name} is not on the system-call flavour because of {why:?}")));
            }
            ([one], None, None) if one.flavour == "function" || of("refused").any(has_fault) => {}
            (rows, ..) => problems.push(format!("{name} is attached {} times", rows.len())),
        }
        if let Some(limit) = reason(works.limits, name)
            && !attached.iter().any(|row| row.unseen.contains(limit))
        {
            problems.push(format!("{name}: it does not tell {limit:?}"));
        }
    }
    problems
}

/// Whether it is refused because of a fault of the kernel's that makes lapwing leave its functions alone: of the matrix's kernels 6.1 has them.
fn has_fault(row: &Row) -> bool {
    let faults = ["function hook is attached or detached", "function hooks are detached"];
    let kernel = version(&rustix::system::uname().release().to_string_lossy());
    kernel == (6, 1) && row.flavour == "function" && faults.iter().any(|fault| row.why.contains(fault))
}

/// How the agent's metrics differ from what `lapwing probes` told.
fn measured(metrics: &Metrics, rows: &[Row]) -> Vec<String> {
    let mut problems = Vec::new();
    for Row {
        sensor,
        hook,
        flavour,
        state,
        ..
    } in rows
    {
        let labels = [
            ("sensor", sensor.as_str()),
            ("hook", hook.as_str()),
            ("flavour", flavour.as_str()),
            ("state", state.as_str()),
        ];
        if metrics.sum("lapwing_sensor_hook", &labels) != 1 {
            problems.push(format!("lapwing_sensor_hook: {hook} {flavour} is not {state}"));
        }
    }
    let sensors: BTreeSet<&str> = rows.iter().map(|row| row.sensor.as_str()).collect();
    for sensor in sensors {
        let own = || rows.iter().filter(|row| row.sensor == sensor);
        let works = |name: &str| own().any(|row| row.hook == name && row.state != "refused");
        let degraded = own().any(|row| !works(&row.hook));
        let state = if degraded { "degraded" } else { "ok" };
        if metrics.sum("lapwing_sensor_state", &[("sensor", sensor), ("state", state)]) != 1 {
            problems.push(format!("lapwing_sensor_state: {sensor} is not {state}"));
        }
        for flavour in ["function", "syscall"] {
            let attached = own().any(|row| row.flavour == flavour && row.state == "attached");
            if metrics.sum("lapwing_sensor_flavour", &[("sensor", sensor), ("flavour", flavour)]) != u64::from(attached)
            {
                problems.push(format!("lapwing_sensor_flavour: {sensor} {flavour} is not {attached}"));
            }
        }
    }
    problems
}

/// Nothing of lapwing's is in the kernel or pinned.
fn nothing_left() -> Result<()> {
    let deadline = Instant::now() + FREED;
    loop {
        let loaded = output_of(Command::new(program()?).args(["probes", "--loaded", "--config", CONFIG]))?;
        if loaded.starts_with("nothing") {
            break;
        }
        if Instant::now() > deadline {
            return Err(Error(format!("lapwing has ended, and the kernel still has\n{loaded}")));
        }
        thread::sleep(Duration::from_millis(200));
    }
    let pinned: Vec<_> = fs::read_dir(Path::new("/sys/fs/bpf"))
        .context("/sys/fs/bpf")?
        .flatten()
        .map(|entry| entry.path().display().to_string())
        .collect();
    match pinned.is_empty() {
        true => Ok(()),
        false => Err(Error(format!("lapwing has ended, and left {}", pinned.join(", ")))),
    }
}

fn as_result(problems: Vec<String>, said: &str) -> Result<()> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Error(format!("{}\n{said}", problems.join("\n")))),
    }
}
