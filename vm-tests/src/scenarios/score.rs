//! Scores and folding, on the running agent: three matches of 40 alert at the third, and repeats are one summary.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;

use crate::{
    act::Act,
    agent::Agent,
    error::{Context, Error, Result},
    scenario::{FEW_RULES, brief, fence, session_alerts},
    scenarios::{Check, Setting, reload::reloaded},
    verdict::Verdict,
    world::World,
};

pub fn checks() -> Vec<Check> {
    vec![
        Check::shared("three-matches-of-40-alert-at-the-third", Setting::Few, third_of_40),
        Check::shared("repeats-become-one-summary", Setting::Few, summary),
    ]
}

/// Has the agent watch a directory by these keys; the directory.
fn set_up(agent: &Agent, score: &str, keys: &str) -> Result<PathBuf> {
    let watch = "[[file.watch]]\nid = \"heavy\"\npath = \"{home}/heavy\"\nrecursive = true\nseverity = \"medium\"\n";
    reloaded(
        agent,
        &format!("{FEW_RULES}[score]\nhost_threshold = 1000000\n{score}\n{watch}{keys}"),
    )?;
    let heavy = agent.home.join("heavy");
    fs::create_dir_all(&heavy).context("mkdir")?;
    Ok(heavy)
}

/// Runs a line of shell in one session and waits for so many alerts of it.
fn alerts_of(agent: &Agent, line: &str, count: usize, bound: Duration) -> Result<Vec<Value>> {
    let mut child = Act::shell(line).start()?;
    let pid = child.id();
    child.wait().context("waiting for the shell")?;
    agent.wait_until(&format!("{count} alerts"), bound, |agent| {
        Ok(session_alerts(agent, pid)?.len() >= count)
    })?;
    fence(agent)?;
    session_alerts(agent, pid)
}

fn third_of_40(agent: &Agent, _: &World) -> Result<Verdict> {
    let heavy = set_up(agent, "", "access = [\"create\"]\npoints = 40\n")?;
    let heavy = heavy.display();
    let two = alerts_of(agent, &format!("cd {heavy} && : >a && : >b"), 2, Duration::from_secs(2))?;
    expect(&two, &[("heavy", 1), ("heavy", 1)])?;
    let three = alerts_of(
        agent,
        &format!("cd {heavy} && : >c && : >d && : >e"),
        4,
        Duration::from_secs(2),
    )?;
    expect(
        &three,
        &[("heavy", 1), ("heavy", 1), ("heavy", 1), ("score.lineage", 1)],
    )?;
    let score = three
        .iter()
        .find(|alert| alert["rule"] == "score.lineage")
        .unwrap_or(&Value::Null);
    let contributions = score["score"]["contributions"].as_array().map_or(0, Vec::len);
    if contributions != 3 {
        return Err(Error(format!(
            "the score alert lists {contributions} contributions, not 3: {score}"
        )));
    }
    Ok(Verdict::Seen)
}

fn summary(agent: &Agent, _: &World) -> Result<Verdict> {
    let heavy = set_up(agent, "fold_window = \"2s\"", "access = [\"write\"]\npoints = 0\n")?;
    fs::write(heavy.join("log"), "").context("log")?;
    let line = format!("cd {} && for n in 1 2 3 4; do echo $n >>log; done", heavy.display());
    let found = alerts_of(agent, &line, 2, Duration::from_secs(6))?;
    expect(&found, &[("heavy", 1), ("heavy", 3)])?;
    Ok(Verdict::Seen)
}

/// Rules and counts, in any order.
fn expect(found: &[Value], wanted: &[(&str, u64)]) -> Result<()> {
    let mut got: Vec<_> = found
        .iter()
        .map(|alert| {
            (
                alert["rule"].as_str().unwrap_or_default(),
                alert["count"].as_u64().unwrap_or_default(),
            )
        })
        .collect();
    got.sort_unstable();
    if got == wanted {
        return Ok(());
    }
    let shown: Vec<_> = found.iter().map(brief).collect();
    Err(Error(format!("want {wanted:?}, got\n{}", shown.join("\n"))))
}
