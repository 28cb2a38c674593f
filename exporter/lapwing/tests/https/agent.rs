//! A running agent that records, with rules about requests and answers.

use std::{collections::BTreeSet, fs, ops::Deref};

use serde_json::Value;

use crate::{running, servers::wait_until};

/// What a server gives, for the rule about answers.
pub const SERVED: &str = "eval(atob(";

const RULES: &str = r#"
[process]
enabled = false
[file]
enabled = false
[score]
fold_window = "1ms"

[[network.rule]]
id = "served"
protocol = "https"
event = "response"
when = 'http.response.body contains "eval(atob("'

[[network.rule]]
id = "by-tls-only"
protocol = "https"
when = 'http.path contains "/../"'

[[network.rule]]
id = "payload"
protocol = "tcp"
direction = "outgoing"
when = 'net.tls = true and tcp.payload contains "mining.subscribe"'
"#;

/// The agent.
pub struct Agent(running::Agent);

impl Deref for Agent {
    type Target = running::Agent;

    fn deref(&self) -> &running::Agent {
        &self.0
    }
}

impl Agent {
    /// `network` are more keys of that section.
    pub fn start(network: &str) -> Agent {
        let record = ["record", "--alerts", "{home}/recording"];
        Agent(running::Agent::start_in(
            running::directory(),
            &record,
            &config(network),
        ))
    }

    /// Takes other keys of `[network]` from now on, and waits until they are in force.
    pub fn reload(&self, network: &str) {
        let loads = || self.metric("lapwing_config_loads_total", &[]);
        let before = loads();
        self.configure(&config(network));
        self.0.reload();
        self.wait("the reload", || loads() > before);
    }

    /// Looks again and again, and shows the end of the log if it does not come.
    pub fn wait(&self, what: &str, condition: impl FnMut() -> bool) {
        let shown = ShownOnPanic(self);
        wait_until(what, condition);
        drop(shown);
    }

    /// The alerts so far that have this in them.
    pub fn alerts(&self, marker: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("alerts.json")).unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        about(whole, marker)
    }

    /// The hooks that are attached.
    pub fn attached(&self) -> BTreeSet<String> {
        let page = self.get("/metrics");
        let hooks = page.lines().filter_map(|line| {
            let labels = line.strip_prefix("lapwing_sensor_hook{")?;
            let hook = labels.split_once("hook=\"")?.1.split_once('"')?.0;
            labels.contains("state=\"attached\"").then(|| hook.to_owned())
        });
        hooks.collect()
    }

    /// Ends it as an operator would, and gives the alerts that a replay of its recording gives.
    pub fn end_and_replay(mut self, marker: &str) -> (Vec<Value>, Vec<Value>) {
        self.0.stop();
        let recording = self.path("recording");
        let out = self.command(&["replay", recording.to_str().unwrap()]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let replayed = about(&String::from_utf8(out.stdout).unwrap(), marker);
        (self.alerts(marker), replayed)
    }
}

/// Prints the end of the agent's log when a test fails meanwhile.
struct ShownOnPanic<'a>(&'a Agent);

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.0.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

fn config(network: &str) -> String {
    format!("[network]\nenabled = true\n{network}\n{RULES}")
}

fn about(lines: &str, marker: &str) -> Vec<Value> {
    let about = lines.lines().filter(|line| line.contains(marker));
    about.map(|line| serde_json::from_str(line).unwrap()).collect()
}
