//! Two agents on one host.

use std::{fs, path::Path, process::Output};

use crate::{
    agent::{Agent, QUIET, spawn},
    root::skipped,
    servers::{free, wait_until},
};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory for another agent with the same lock.
fn another(agent: &Agent) -> std::path::PathBuf {
    let home = agent.path("another");
    fs::create_dir(&home).unwrap();
    let own = agent.home.path().display().to_string();
    let text = fs::read_to_string(agent.path("lapwing.toml")).unwrap();
    let text = text
        .replace(&own, &home.display().to_string())
        .replace(&format!("{}/lock", home.display()), &format!("{own}/lock"))
        .replace(&agent.metrics.to_string(), &free().to_string());
    fs::write(home.join("lapwing.toml"), text).unwrap();
    home
}

#[test]
fn the_second_says_who_is_there_and_leaves_unless_told_otherwise() {
    if skipped() {
        return;
    }
    let mut agent = Agent::start(QUIET);
    let home = another(&agent);
    let second = |arguments: &[&str]| {
        let mut child = spawn(&home, arguments);
        move || child.try_wait().unwrap()
    };
    let log = || fs::read_to_string(home.join("log")).unwrap();

    let mut ended = None;
    let mut poll = second(&["run"]);
    wait_until("the second to leave", || {
        ended = poll();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(5), "{}", log());
    let pid = format!("process {},", agent.child.id());
    let (config, socket) = (agent.path("lapwing.toml"), agent.path("run/socket"));
    for part in [
        &*pid,
        "since 20",
        config.to_str().unwrap(),
        socket.to_str().unwrap(),
        "--beside",
    ] {
        assert!(log().contains(part), "no {part:?} in {}", log());
    }
    assert!(!home.join("state").exists(), "it did nothing");

    // Told otherwise; both see the same.
    let mut beside = spawn(&home, &["run", "--beside"]);
    wait_until("the one beside to watch", || log().contains("watching"));
    assert!(log().contains("every alert comes twice"), "{}", log());
    let told = home.join("alerts.json");
    agent.fence("seen-by-both");
    wait_until("its alert", || {
        // Its rule is about its own directory, which lies in the other's.
        let program = home.join("seen");
        let _ = std::process::Command::new("cp").arg("/bin/true").arg(&program).status();
        std::process::Command::new(&program).status().unwrap();
        fs::read_to_string(&told).unwrap_or_default().contains("seen")
    });
    beside.kill().unwrap();
    beside.wait().unwrap();

    // What a killed agent leaves blocks nobody, and so does one that ended.
    agent.kill();
    assert!(
        fs::metadata(agent.path("lock")).unwrap().len() > 0,
        "its note is still there"
    );
    agent.start_again();
    agent.stop();
    agent.start_again();
}

#[test]
fn other_commands_work_beside_a_running_agent_and_a_recording_tells_nothing_twice() {
    if skipped() {
        return;
    }
    let agent = Agent::start(QUIET);
    let file = agent.path("recording");
    // Until its bound, so that it ends by itself.
    let mut recording = spawn(agent.home.path(), &["record", file.to_str().unwrap(), "--for", "3s"]);
    wait_until("the recording to watch", || {
        agent.log().matches("watching").count() == 2
    });
    agent.fence("recorded");
    for arguments in [&["status"][..], &["probes"], &["check", "--attach"], &["rules", "list"]] {
        let output = agent.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }
    assert!(recording.wait().unwrap().success(), "{}", agent.log());
    assert_eq!(
        alerts_about(&agent, "recorded"),
        1,
        "the recording told it a second time"
    );
    let replayed = agent.command(&["replay", file.to_str().unwrap()]);
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    let text = String::from_utf8(replayed.stdout).unwrap();
    assert_eq!(
        text.matches("/recorded\"").count().min(1),
        1,
        "it is in the recording: {text}"
    );
    // The agent's own doors are still its own.
    assert!(agent.command(&["status"]).status.success());
    assert!(agent.get("/-/ready").ends_with("ready\n"));
}

fn alerts_about(agent: &Agent, program: &str) -> usize {
    let path: &Path = &agent.path(program);
    let about = |alert: &serde_json::Value| alert["process"]["executable"] == *path.to_str().unwrap();
    agent.alerts().iter().filter(|alert| about(alert)).count()
}
