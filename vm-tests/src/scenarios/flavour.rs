//! `lapwing probes` tells how each hook is attached; in a guest it must be the function flavour throughout.

use std::process::Command;

use serde_json::Value;

use crate::{
    agent::program,
    error::{Context, Error, Result, output_of},
    scenarios::Check,
};

/// Set by the rig: `function` or `syscall`.
const WANTED: &str = "LAPWING_EXPECT_FLAVOUR";

pub fn checks() -> Vec<Check> {
    vec![Check {
        name: "probes-tell-flavour-and-reason",
        run: probes,
    }]
}

fn probes() -> Result<()> {
    let text = output_of(Command::new(program()?).args(["probes", "--json", "--profile", "demo"]))?;
    let told: Value = serde_json::from_str(&text).context(format!("not JSON: {text}"))?;
    let hooks = told["hooks"]
        .as_array()
        .ok_or_else(|| Error(format!("no hooks in {told}")))?;
    let wanted = std::env::var(WANTED).ok();
    let mut problems = Vec::new();
    let mut attached = 0;
    for hook in hooks {
        let (name, state, flavour) = (&hook["hook"], hook["state"].as_str().unwrap_or("?"), &hook["flavour"]);
        match state {
            "attached" => attached += 1,
            "not needed" => continue,
            // What is not the best says why, and what is not seen.
            _ if hook["why"].as_str().is_none_or(str::is_empty) => {
                problems.push(format!("{name} is {state} and does not say why"))
            }
            _ => {}
        }
        println!("  {name} {flavour} {state} {} {}", hook["why"], hook["unseen"]);
        if state == "attached" && wanted.as_deref().is_some_and(|wanted| flavour.as_str() != Some(wanted)) {
            problems.push(format!(
                "{name} is attached as {flavour}, not {}",
                wanted.as_deref().unwrap_or_default()
            ));
        }
    }
    if attached < 4 {
        problems.push(format!("only {attached} hooks are attached"));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error(problems.join("\n")))
    }
}
