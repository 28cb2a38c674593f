//! A recording gives the alerts that the live run gave.

use std::process::Command;

use serde_json::Value;

use crate::{
    act::{Act, copy_of_me},
    agent::{Agent, program},
    error::{Context, Error, Result, output_of},
    place::{Place, copy_program, write},
    scenario::{brief, fence, run_to_end},
    scenarios::Check,
};

pub fn checks() -> Vec<Check> {
    vec![Check {
        name: "replay-gives-the-live-alerts",
        run: replay,
    }]
}

fn replay() -> Result<()> {
    let mut agent = Agent::start_as(&["record", "{home}/recording"], "demo", "")?;
    live(&agent)?;
    agent.end()?;
    let live = agent.alerts()?;
    let mut command = Command::new(program()?);
    command
        .arg("replay")
        .arg(agent.home.join("recording"))
        .args(["--profile", "demo", "--config"]);
    let out = output_of(command.arg(agent.home.join("config.toml")))?;
    let replayed: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).context(format!("replay wrote {line}")))
        .collect::<Result<_>>()?;
    compare(&live, &replayed)?;
    if live.len() < 7 {
        return Err(Error(format!("only {} live alerts to compare", live.len())));
    }
    println!("  {} alerts, live and replayed alike", live.len());
    Ok(())
}

/// Does a bit of everything.
fn live(agent: &Agent) -> Result<()> {
    let place = Place::new("replay")?;
    write(&place.etc.join("old"))?;
    let program = copy_program("true", &place.tmp)?;
    let mine = place.plain.join("plain");
    copy_of_me(&mine, 0o755)?;
    let etc = |name: &str| place.etc.join(name).display().to_string();
    let acts = [
        Act::new("touch", &[&etc("new")]),
        Act::new("chmod", &["0640", &etc("old")]),
        Act::new("mv", &[&etc("old"), &etc("newer")]),
        Act::new("rm", &[&etc("newer")]),
        Act::new(&program, &[]),
        Act::new(&mine, &["act", "signal", "SEGV"]),
        Act::new(&mine, &["act", "exit", "3"]),
    ];
    for act in &acts {
        run_to_end(act)?;
    }
    fence(agent)
}

/// Equal in everything, ids, times and order included.
fn compare(live: &[Value], replayed: &[Value]) -> Result<()> {
    if live == replayed {
        return Ok(());
    }
    let only = |a: &[Value], b: &[Value]| {
        let lines: Vec<_> = a
            .iter()
            .filter(|alert| !b.contains(alert))
            .map(|alert| format!("  {}\n    {alert}", brief(alert)))
            .collect();
        lines.join("\n")
    };
    let (lost, new) = (only(live, replayed), only(replayed, live));
    Err(Error(format!(
        "{} live, {} replayed\nonly live:\n{lost}\nonly replayed:\n{new}",
        live.len(),
        replayed.len()
    )))
}
