//! A recording gives the alerts that the live run gave.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
};

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
    vec![Check::new("replay-gives-the-live-alerts", replay)]
}

fn replay() -> Result<()> {
    let mut agent = Agent::start_as(
        &["record", "--alerts", "{home}/recording"],
        "demo",
        "[network]\nenabled = true\n",
    )?;
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
    let network = live.iter().filter(|alert| alert["rule"] == "log4shell").count();
    if network < 1 {
        return Err(Error("no alert of the network sensor to compare".into()));
    }
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
    asked_for_too_much()?;
    fence(agent)
}

/// A request that the rule about log4j notices, at both ends; this program is both.
fn asked_for_too_much() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("bind")?;
    let address = listener.local_addr().context("address")?;
    let mut client = TcpStream::connect(address).context("connect")?;
    let (mut server, _) = listener.accept().context("accept")?;
    client
        .write_all(b"GET /?q=$%7Bjndi:ldap://x/y} HTTP/1.1\r\nHost: here\r\n\r\n")
        .context("request")?;
    server.read(&mut [0; 512]).context("request")?;
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .context("response")?;
    client.read(&mut [0; 512]).context("response")?;
    Ok(())
}

/// Equal in everything, ids, times and order included.
fn compare(live: &[Value], replayed: &[Value]) -> Result<()> {
    if live == replayed {
        return Ok(());
    }
    let problems = live
        .iter()
        .map(|alert| match replayed.iter().find(|other| other["id"] == alert["id"]) {
            None => format!("only live: {}", brief(alert)),
            Some(other) => differences("", alert, other).join("\n"),
        });
    let new = replayed
        .iter()
        .filter(|alert| live.iter().all(|other| other["id"] != alert["id"]));
    let problems: Vec<_> = problems
        .chain(new.map(|alert| format!("only replayed: {}", brief(alert))))
        .collect();
    Err(Error(format!(
        "{} live, {} replayed\n{}",
        live.len(),
        replayed.len(),
        problems.join("\n")
    )))
}

/// Each place where two values differ.
fn differences(at: &str, live: &Value, replayed: &Value) -> Vec<String> {
    match (live, replayed) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter()
                .flat_map(|key| differences(&format!("{at}/{key}"), &live[key], &replayed[key]))
                .collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .flat_map(|(n, (a, b))| differences(&format!("{at}/{n}"), a, b))
            .collect(),
        _ if live == replayed => vec![],
        _ => vec![format!("  {at}: live {live}, replayed {replayed}")],
    }
}
