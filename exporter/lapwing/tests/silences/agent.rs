//! The running agent: a watched file is touched, its alert is masked by the command that it names, and unmasked again.

use std::{fs, ops::Deref, process::Command};

use serde_json::Value;

use crate::{alertmanager::Alertmanager, running, servers::wait_until};

struct Agent(running::Agent);

impl Deref for Agent {
    type Target = running::Agent;

    fn deref(&self) -> &running::Agent {
        &self.0
    }
}

impl Agent {
    /// Watches one file; nothing is folded, so that each touch is a line.
    fn start(alertmanager: &str) -> Agent {
        Agent(running::Agent::start(&format!(
            "defaults = false\n---\n[score]\nfold_window = \"0\"\n[alertmanager]\nurls = [\"{alertmanager}\"]\npoll_interval = \"1s\"\n\
             [[file.watch]]\nid = \"watched\"\npath = \"{{home}}/watched\"\nseverity = \"high\"\naccess = [\"create\", \"write\"]\n"
        )))
    }

    /// Another command with its configuration: whether it succeeded, and what it said.
    fn command(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.0.command(arguments);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Touches the watched file by another program, and gives the alert of that.
    fn touch(&self) -> Value {
        let before = self.alerts().len();
        assert!(
            Command::new("touch")
                .arg(self.path("watched"))
                .status()
                .unwrap()
                .success()
        );
        wait_until("the alert", || self.alerts().len() > before);
        self.alerts().pop().unwrap()
    }

    /// Touches it until that is masked, or until it is not.
    fn touch_until(&self, masked: bool) -> Value {
        let mut alert = Value::Null;
        wait_until("masked to change", || {
            alert = self.touch();
            alert["masked"].is_null() != masked
        });
        alert
    }

    fn restart(&mut self) {
        self.0.stop();
        self.0.start_again();
    }
}

#[test]
fn the_command_in_the_alert_masks_the_next_one_until_it_is_taken_back() {
    if crate::root::skipped() {
        return;
    }
    let mut alertmanager = Alertmanager::start();
    let mut agent = Agent::start(&alertmanager.url());
    let first = agent.touch();
    assert_eq!((&first["rule"], &first["masked"]), (&"watched".into(), &Value::Null));
    let line = first["mask"].as_str().unwrap();
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    assert_eq!(
        line,
        format!("lapwing mask add --alert {} --for 2h", first["id"].as_str().unwrap())
    );
    // The store is written by a thread of its own.
    wait_until("the store", || {
        fs::read_to_string(agent.path("state/alerts.jsonl"))
            .unwrap_or_default()
            .contains(first["id"].as_str().unwrap())
    });
    let (done, id, said) =
        agent.command(&[&words[..], &["--yes", "--author", "alice", "--comment", "a test"]].concat());
    assert!(done, "{said}");
    assert!(said.contains("recent alerts of this host it would mask 1."), "{said}");

    let masked = agent.touch_until(true);
    assert_eq!(masked["masked"]["silence"], id.trim());
    assert_eq!(
        (&masked["masked"]["author"], &masked["masked"]["comment"]),
        (&"alice".into(), &"a test".into())
    );
    assert!(masked["masked"]["until"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        (&masked["mask"], &masked["score"]),
        (&Value::Null, &Value::Null),
        "no command, no points"
    );
    // What status shows is half a second old.
    wait_until("status to show the mask", || {
        agent
            .command(&["status"])
            .1
            .contains("1 in force, 0 to come, 0 refused")
    });

    alertmanager.end();
    agent.restart();
    assert_eq!(
        agent.touch()["masked"]["silence"],
        id.trim(),
        "known from the first event on, Alertmanager being away"
    );
    alertmanager.begin();
    let (done, _, said) = agent.command(&["mask", "expire", id.trim(), "--yes"]);
    assert!(done || said.contains("404"), "{said}");
    let free = agent.touch_until(false);
    assert!(free["mask"].is_string());
}
