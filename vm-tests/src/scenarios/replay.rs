//! A recording gives the alerts that the live run gave.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    act::{Act, copy_of_me, me},
    agent::{Agent, program},
    error::{Context, Error, Result, output_of},
    place::{Place, copy_program, write},
    scenario::{fence, is_of_session},
    scenarios::Check,
};

const BOUND: Duration = Duration::from_secs(30);

pub fn checks() -> Vec<Check> {
    vec![Check {
        name: "replay-gives-the-live-alerts",
        run: replay,
    }]
}

fn replay() -> Result<()> {
    let place = Place::new("replay")?;
    write(&place.etc.join("old"))?;
    let agent = Agent::start("demo", "[score]\nhost_threshold = 1000000\n")?;
    let recording = agent.home.join("recording");
    let log = File::create(agent.home.join("record.log")).context("record.log")?;
    let mut recorder = Command::new(me()?)
        .args(["act", "bound-to-parent"])
        .arg(program()?)
        .args(["--profile", "demo", "--config"])
        .arg(agent.home.join("config.toml"))
        .arg("record")
        .arg(&recording)
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("record.log")?)
        .stderr(log)
        .spawn()
        .context("lapwing record")?;
    let done = live(&agent, &place, &recording);
    let pid = Pid::from_raw(recorder.id() as i32).ok_or_else(|| Error("no pid".into()))?;
    kill_process(pid, Signal::INT).context("ending the recorder")?;
    let status = recorder.wait().context("lapwing record")?;
    let said = fs::read_to_string(agent.home.join("record.log")).unwrap_or_default();
    let pids = done.context(format!("recorder said: {said}"))?;
    if !status.success() {
        return Err(Error(format!("lapwing record ended with {status}\n{said}")));
    }

    let mut command = Command::new(program()?);
    command
        .args(["--profile", "demo", "--config"])
        .arg(agent.home.join("config.toml"))
        .arg("replay")
        .arg(&recording);
    let out = output_of(&mut command)?;
    let replayed: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).context(format!("replay wrote {line}")))
        .collect::<Result<_>>()?;
    let (live, again) = (summaries(&agent.alerts()?, &pids), summaries(&replayed, &pids));
    if live.len() < 5 {
        return Err(Error(format!("too few live alerts to compare: {live:#?}")));
    }
    if live != again {
        let only =
            |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join("\n  ");
        return Err(Error(format!(
            "only live:\n  {}\nonly in the replay:\n  {}",
            only(&live, &again),
            only(&again, &live)
        )));
    }
    println!("  {} alerts live and replayed alike", live.len());
    agent.stop()
}

/// Does a bit of everything; the pids of the sessions.
fn live(agent: &Agent, place: &Place, recording: &std::path::Path) -> Result<Vec<u32>> {
    let start = Instant::now();
    // It records once its file has grown past the header.
    while fs::metadata(recording).map_or(0, |file| file.len()) < 64 {
        if start.elapsed() > BOUND {
            return Err(Error("the recorder does not start to write".into()));
        }
        thread::sleep(Duration::from_millis(50));
    }
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
    let mut pids = Vec::new();
    for act in &acts {
        let mut child = act.start()?;
        pids.push(child.id());
        child.wait().context("waiting for the act")?;
    }
    fence(agent)?;
    // The recorder drains its rings on its own time.
    thread::sleep(Duration::from_millis(500));
    Ok(pids)
}

/// What must be equal: all but ids and times, which two sets of hooks number by themselves.
fn summaries(alerts: &[Value], pids: &[u32]) -> BTreeSet<String> {
    let of_acts = |alert: &&Value| pids.iter().any(|pid| is_of_session(alert, *pid));
    let fields = [
        "/rule",
        "/severity",
        "/sensor",
        "/event",
        "/result",
        "/count",
        "/process/pid",
        "/process/executable",
        "/file/path",
        "/file/target",
        "/process/exit_code",
        "/process/exit_signal",
    ];
    alerts
        .iter()
        .filter(of_acts)
        .map(|alert| {
            fields
                .map(|at| alert.pointer(at).unwrap_or(&Value::Null).to_string())
                .join(" ")
        })
        .collect()
}
