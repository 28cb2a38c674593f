//! `lapwing probes` tells how each hook is attached; in a guest it must be the function flavour throughout.

use std::{collections::BTreeSet, process::Command};

use serde::Deserialize;

use crate::{
    agent::{forced_flavour, program},
    error::{Context, Error, Result, output_of},
    scenarios::Check,
    world::WANTED,
};

pub fn checks() -> Vec<Check> {
    vec![Check::new("probes-tell-flavour-and-reason", probes)]
}

/// One variant of a hook, as `lapwing probes --json` tells of it.
#[derive(Debug, Deserialize)]
struct Row {
    hook: String,
    flavour: String,
    state: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    unseen: String,
}

fn probes() -> Result<()> {
    let text = output_of(
        Command::new(program()?)
            .args(["probes", "--json", "--profile", "demo"])
            .args(forced_flavour()),
    )?;
    let rows: Vec<Row> = serde_json::from_str(&text).context(format!("not as expected: {text}"))?;
    for Row {
        hook,
        flavour,
        state,
        why,
        unseen,
    } in &rows
    {
        println!("  {hook} {flavour} {state} {why} {unseen}");
    }
    let problems = problems(&rows, std::env::var(WANTED).ok().as_deref());
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error(problems.join("\n")))
    }
}

/// Every hook that is needed is attached once, in the flavour that is wanted if one is; what was refused says why.
fn problems(rows: &[Row], wanted: Option<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.hook.as_str()).collect();
    if names.len() < 4 {
        problems.push(format!("only {} hooks", names.len()));
    }
    for name in names {
        let variants: Vec<&Row> = rows.iter().filter(|row| row.hook == name).collect();
        let attached: Vec<&Row> = variants.iter().copied().filter(|row| row.state == "attached").collect();
        let needed = variants.iter().any(|row| row.state != "not_needed");
        match attached.as_slice() {
            [] if needed => problems.push(format!("{name} is needed and not attached")),
            [] => {}
            [one]
                if wanted.is_some_and(|wanted| {
                    one.flavour != wanted && variants.iter().any(|row| row.flavour == wanted)
                }) =>
            {
                problems.push(format!("{name} is attached as {}", one.flavour));
            }
            [_] => {}
            many => problems.push(format!("{name} is attached {} times", many.len())),
        }
        for row in variants
            .iter()
            .filter(|row| row.state == "refused" && row.why.is_empty())
        {
            problems.push(format!("{name} as {} is refused without a reason", row.flavour));
        }
        // What the scenarios about io_uring and about races find is what is said here.
        let says = |row: &&Row| row.unseen.contains("io_uring") && row.unseen.contains("another thread");
        let silent = |row: &&&Row| name.starts_with("file-") && row.flavour == "syscall" && !says(row);
        if attached.iter().any(|row| silent(&row)) {
            problems.push(format!(
                "{name} as syscall does not say that io_uring and races are not seen"
            ));
        }
    }
    problems
}
