//! The running agent's outputs: real programs are run, their alerts are read where an operations team would.

#![allow(clippy::unwrap_used)]

#[path = "common/receivers.rs"]
mod receivers;
#[path = "common/root.rs"]
mod root;
#[path = "common/agent.rs"]
mod running;
#[path = "common/servers.rs"]
mod servers;

use std::{
    fs,
    io::{BufRead, BufReader},
    ops::Deref,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use receivers::Rotel;
use root::skipped;
use rustix::process::Signal;
use serde_json::Value;
use servers::{free, wait_until};

struct Agent(running::Agent);

impl Deref for Agent {
    type Target = running::Agent;

    fn deref(&self) -> &running::Agent {
        &self.0
    }
}

impl Agent {
    /// Every match alerts, so that each program that is run from /tmp is one line.
    fn start(config: &str, stdout: Stdio) -> Agent {
        let home = running::directory();
        let path = home.path().display().to_string();
        let metrics = free();
        let text = format!(
            "config_version = 1\n[metrics]\nlisten = \"{metrics}\"\n[score]\nfold_after = 1000000\nhost_threshold = 1000000\n\
             lineage_threshold = 1000000\n{}\n[agent]\nlock = \"{path}/lock\"\nstate_dir = \"{path}/state\"\nsocket = \"{path}/run/socket\"\nalert_queue = 16\n",
            config.replace("{home}", &path)
        );
        fs::write(home.path().join("lapwing.toml"), text).unwrap();
        let child = running::spawn_onto(home.path(), &["run"], stdout);
        let mut agent = running::Agent { child, metrics, home };
        agent.wait_ready();
        Agent(agent)
    }

    /// Ends it by that signal and starts it anew.
    fn restart(&mut self, signal: Signal) {
        self.signal(signal);
        self.0.child.wait().unwrap();
        self.start_again();
    }

    fn start_again(&mut self) {
        self.0.child = running::spawn_onto(self.home.path(), &["run"], Stdio::null());
        self.0.wait_ready();
    }

    fn metric(&self, series: &str) -> u64 {
        let page = self.get("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no {series} in {page}"));
        // An exemplar may follow.
        value.split(' ').next().unwrap().parse().unwrap()
    }

    /// Runs a program from /tmp, each time another one, and tells its path.
    fn attack(&self, name: &str) -> PathBuf {
        let program = self.path(name);
        // Not by this process: a program that a fork of another test still has open for writing cannot be run (ETXTBSY).
        assert!(
            Command::new("cp")
                .arg("/bin/true")
                .arg(&program)
                .status()
                .unwrap()
                .success()
        );
        assert!(Command::new(&program).status().unwrap().success());
        program
    }

    /// Ends it as an operator would; what it logged.
    fn stop(mut self) -> String {
        self.0.stop();
        self.log()
    }
}

/// The alerts about a program in a file of JSON lines.
fn alerts_about(program: &Path, file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let alerts = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    alerts
        .filter(|alert| alert["process"]["executable"] == *program.to_str().unwrap())
        .collect()
}

#[test]
fn one_alert_leaves_by_every_output_and_files_are_rotated() {
    if skipped() {
        return;
    }
    let grpc = free();
    let rotel = Rotel::start(grpc);
    let agent = Agent::start(
        &format!("[otlp]\nendpoint = \"http://{grpc}\"\n[json]\npath = \"{{home}}/log.d/alerts.json\"\n"),
        Stdio::null(),
    );
    let file = agent.path("log.d/alerts.json");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(agent.path("log.d")).unwrap().mode() & 0o7777, 0o700);

    let program = agent.attack("first");
    wait_until("the line", || !alerts_about(&program, &file).is_empty());
    let alerts = alerts_about(&program, &file);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["rule"], "exec-from-tmp");
    assert_eq!(alerts[0]["lineage"][0]["pid"], std::process::id());
    let id = alerts[0]["id"].as_str().unwrap().to_owned();
    wait_until("the OTLP record", || rotel.wait(1).contains(&id));
    assert!(
        rotel
            .said()
            .contains(&format!("-> process.executable.path: Str({})", program.display()))
    );
    let series = "lapwing_alerts_total{rule=\"exec-from-tmp\",severity=\"high\",sensor=\"process\"} ";
    wait_until("the metric", || agent.metric(series) >= 1);
    for output in ["json", "otlp"] {
        wait_until(output, || {
            agent.metric(&format!("lapwing_output_sent_total{{output=\"{output}\"}} ")) >= 1
        });
    }

    let rotated = agent.path("rotated");
    fs::rename(&file, &rotated).unwrap();
    agent.signal(Signal::HUP);
    wait_until("the new file", || file.exists());
    let second = agent.attack("second");
    wait_until("the line in the new file", || !alerts_about(&second, &file).is_empty());
    assert!(alerts_about(&second, &rotated).is_empty());
    let log = agent.stop();
    assert!(log.contains("\"reloaded\""), "{log}");
}

#[test]
fn a_restart_resolves_nothing() {
    if skipped() {
        return;
    }
    // A rule of its own: other tests run programs from /tmp at the same time.
    let config = "[json]\npath = \"{home}/alerts.json\"\n[[process.rule]]\nid = \"mine\"\nevent = \"bin-execution\"\n\
                  success_severity = \"high\"\nwhen = 'proc.exepath startswith \"{home}/\"'\n";
    let mut agent = Agent::start(config, Stdio::null());
    let labels = "{rule=\"mine\",severity=\"high\",sensor=\"process\"} ";
    let (active, given) = (
        format!("lapwing_alerts_active{labels}"),
        format!("lapwing_alerts_total{labels}"),
    );
    let last = |agent: &Agent| {
        let (page, name) = (
            agent.get("/metrics"),
            format!("lapwing_alert_last_timestamp_seconds{labels}"),
        );
        let value = page
            .lines()
            .find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok());
        value.unwrap_or_else(|| panic!("no {name} in {page}"))
    };
    assert_eq!((agent.metric(&active), agent.metric(&given), last(&agent)), (0, 0, 0.0));
    agent.attack("first");
    wait_until("the series to be active", || agent.metric(&active) == 1);
    assert_eq!(agent.metric(&given), 1);
    let alerted = last(&agent);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(alerted <= now && alerted > now - 60.0, "{alerted} {now}");
    let file = agent.path("state/last-alerts.json");
    wait_until("the file", || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains("\"active\":true"))
    });
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    for signal in [Signal::KILL, Signal::TERM] {
        agent.restart(signal);
        // At once: a scrape without it would resolve the alert.
        assert_eq!(
            (agent.metric(&active), agent.metric(&given), last(&agent)),
            (1, 0, alerted)
        );
    }
    agent.attack("second");
    wait_until("the second alert", || agent.metric(&given) == 1);
    assert!(last(&agent) > alerted);
    agent.signal(Signal::KILL);
    agent.0.child.wait().unwrap();
    fs::write(&file, "{").unwrap();
    agent.start_again();
    assert_eq!((agent.metric(&active), last(&agent)), (0, 0.0));
    let log = agent.stop();
    assert!(log.contains("last-alerts.json is refused: it is damaged"), "{log}");
}

/// As in `lapwing run | head -1`.
#[test]
fn a_reader_that_goes_away_is_counted_and_the_agent_lives_on() {
    if skipped() {
        return;
    }
    let mut agent = Agent::start("", Stdio::piped());
    let mut reader = BufReader::new(agent.0.child.stdout.take().unwrap());
    let first = agent.attack("first");
    let mut line = String::new();
    while !line.contains(first.to_str().unwrap()) {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["rule"], "exec-from-tmp");
    drop(reader);
    agent.attack("second");
    wait_until("the lost alert", || {
        agent.metric("lapwing_output_lost_total{output=\"json\",reason=\"write_error\"} ") >= 1
    });
    assert!(agent.get("/-/healthy").starts_with("HTTP/1.0 200"));
    let log = agent.stop();
    assert!(log.contains("cannot write to standard output"), "{log}");
}

/// As in `lapwing run | less`, left alone.
#[test]
fn a_reader_that_does_not_read_blocks_nothing_but_itself() {
    if skipped() {
        return;
    }
    let mut agent = Agent::start("", Stdio::piped());
    let reader = agent.0.child.stdout.take().unwrap();
    let refused = "lapwing_output_lost_total{output=\"json\",reason=\"queue_full\"} ";
    let matches = "lapwing_rule_matches_total{rule=\"exec-from-tmp\"} ";
    let mut attacks = 0;
    while agent.metric(refused) == 0 {
        assert!(attacks < 500, "nothing is refused: {}", agent.get("/metrics"));
        (0..20).for_each(|n| drop(agent.attack(&format!("attack-{}", attacks + n))));
        attacks += 20;
    }
    // The engine goes on: later attacks still match, and every alert is sent, refused or waiting.
    let before = agent.metric(matches);
    agent.attack("late");
    wait_until("the late match", || agent.metric(matches) > before);
    assert!(agent.get("/-/ready").starts_with("HTTP/1.0 200"));
    let log = agent.stop();
    assert!(log.contains("did not take the alerts that waited"), "{log}");
    drop(reader);
}
