//! `lapwing mask`: the program itself, against a real Alertmanager and a store of recent alerts.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use lapwing::{
    recent::{Journal, Recent},
    state_dir::StateDir,
};
use lapwing_engine::{event::Sensor, spec::Severity};
use serde_json::Value;
use tempfile::TempDir;

use crate::alertmanager::{Alertmanager, create, silence};

const HOSTILE: &str = "/tmp/\u{1b}[2J\u{1b}]0;x\u{7}\n\"$(reboot)\" .*\u{202e}gpj\u{200b}";

fn alert(id: &str, rule: &str, severity: Severity, path: &str) -> Recent {
    Recent {
        time: "2026-11-21T12:00:00.000000000Z".into(),
        id: id.into(),
        rule: rule.into(),
        ruleset: "local".into(),
        severity,
        sensor: Sensor::File,
        event: "file.write".into(),
        message: format!("bash wrote {path}"),
        count: 1,
        details: [
            ("path", path),
            ("executable", "/usr/bin/bash"),
            ("process", "ba\u{1b}sh"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        masked: None,
    }
}

/// A host with a configuration and recent alerts.
struct Host {
    home: TempDir,
    alertmanager: Alertmanager,
}

/// Exit code, standard output, standard error.
type Said = (i32, String, String);

impl Host {
    fn new() -> Host {
        let home = tempfile::tempdir().unwrap();
        let alertmanager = Alertmanager::start();
        let state = home.path().join("state");
        let config = format!(
            "[agent]\nstate_dir = \"{}\"\n[alertmanager]\nurls = [\"{}\"]\nmaskable_critical = [\"listed\"]\nnever_mask = [\"never\"]\n\
             [[file.watch]]\nid = \"secret\"\npath = \"/etc/secret\"\nseverity = \"critical\"\naccess = [\"write\"]\n",
            state.display(),
            alertmanager.url()
        );
        fs::write(home.path().join("lapwing.toml"), config).unwrap();
        let mut journal = Journal::open(StateDir::open(&state).unwrap()).unwrap();
        for alert in [
            alert("1-0-1-aa", "etc", Severity::High, HOSTILE),
            alert("1-0-2-aa", "etc", Severity::High, HOSTILE),
            alert("1-0-3-aa", "etc", Severity::High, "/etc/passwd"),
            alert("1-0-4-aa", "secret", Severity::Critical, "/etc/secret"),
        ] {
            journal.write(&alert).unwrap();
        }
        Host { home, alertmanager }
    }

    fn run(&self, arguments: &[&str]) -> Said {
        run(&self.home.path().join("lapwing.toml"), arguments)
    }

    fn list(&self) -> Vec<Value> {
        let (code, stdout, stderr) = self.run(&["list", "--json"]);
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }
}

fn run(config: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_lapwing"))
        .arg("--config")
        .arg(config)
        .arg("mask")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_alert_with_a_hostile_name_is_shown_escaped_and_masked_by_exactly_that_name() {
    let host = Host::new();
    let (code, stdout, stderr) = host.run(&["add", "--alert", "1-0-1-aa", "--for", "2h"]);
    assert_eq!((code, &*stdout), (4, ""), "{stderr}");
    assert!(stderr.contains("give --yes"), "{stderr}");
    assert!(host.list().is_empty(), "nobody agreed");

    let arguments = [
        "add", "--alert", "1-0-1-aa", "--for", "2h", "--author", "alice", "--yes",
    ];
    let (code, stdout, stderr) = host.run(&arguments);
    assert_eq!(code, 0, "{stderr}");
    let hostile = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}".contains(c);
    assert!(!stderr.contains(hostile), "{stderr:?}");
    assert!(stderr.contains("path=\"/tmp/\\u{1b}[2J"), "{stderr}");
    assert!(
        stderr.contains("Of the 4 recent alerts of this host it would mask 2."),
        "{stderr}"
    );
    assert!(stderr.contains("honours it from its next poll"), "{stderr}");
    assert!(
        stderr.contains("Alertmanager does not know executable, path"),
        "{stderr}"
    );
    let id = stdout.trim();
    let list = host.list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], id);
    assert_eq!(
        (&list[0]["honoured"], &list[0]["state"]),
        (&true.into(), &"active".into())
    );
    assert_eq!(list[0]["author"], "alice");
    assert_eq!(
        list[0]["comment"], "lapwing mask: alert 1-0-1-aa",
        "no text of the event"
    );
    let matchers = list[0]["matchers"].as_array().unwrap();
    let path = matchers.iter().find(|matcher| matcher["name"] == "path").unwrap();
    assert_eq!((&path["value"], &path["isRegex"]), (&HOSTILE.into(), &false.into()));
    let (_, shown, _) = host.run(&["list"]);
    assert!(!shown.contains(hostile), "{shown:?}");

    let (code, _, stderr) = host.run(&["expire", id]);
    assert_eq!(code, 4, "{stderr}");
    assert_eq!(host.list().len(), 1, "nobody agreed");
    let (code, _, stderr) = host.run(&["expire", id, "--yes"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("lapwing mask: alert") && !stderr.contains(hostile),
        "{stderr}"
    );
    assert!(host.list().is_empty());
    let (code, _, stderr) = host.run(&["expire", id, "--yes"]);
    assert!(code == 0 && stderr.contains("expired already"), "{stderr}");
}

#[test]
fn what_the_agent_will_not_honour_is_said_with_the_reason() {
    let host = Host::new();
    let said = |arguments: &[&str]| {
        let (code, _, stderr) = host.run(&[&["add", "--for", "1h"], arguments].concat());
        assert_eq!(code, 4, "without --yes: {stderr}");
        stderr
    };
    let critical = said(&["--alert", "1-0-4-aa"]);
    assert!(
        critical.contains("NOT honour it for rule secret, which is critical and not listed"),
        "{critical}"
    );
    assert!(critical.contains("would mask 0."), "{critical}");
    let unknown = said(&["--match", "rule=etc", "--match", "instance=web1:19754"]);
    assert!(unknown.contains("NOT honour it: unknown_label"), "{unknown}");
    let narrow = said(&["--alert", "1-0-3-aa", "--match", "path"]);
    assert!(
        narrow.contains("would mask 1.") && narrow.contains("path=\"/etc/passwd\""),
        "{narrow}"
    );
    assert!(!narrow.contains("executable=\""), "{narrow}");
    let wide = said(&["--match", "rule=etc"]);
    assert!(
        wide.contains("would mask 3.") && !wide.contains("does not know"),
        "{wide}"
    );
}

#[test]
fn mistakes_get_an_answer_that_helps() {
    let host = Host::new();
    for (arguments, code, words) in [
        (
            &["add", "--alert", "9-9-9-9", "--for", "1h", "--yes"][..],
            4,
            "no alert 9-9-9-9 among the 4 recent ones",
        ),
        (&["add", "--for", "1h", "--yes"], 4, "--match rule=ID"),
        (
            &["add", "--alert", "1-0-1-aa", "--for", "1h", "--match", "container"],
            4,
            "known are: executable, path, process",
        ),
        (&["add", "--match", "rule=etc", "--for", "ages"], 2, "is not a duration"),
        (
            &["add", "--match", "rule=etc", "--for", "400d"],
            2,
            "not from 1s to 366d",
        ),
        (&["expire", "../status", "--yes"], 4, "is not the id of a silence"),
        (&["expire", "00000000-0000-4000-8000-000000000000", "--yes"], 4, "404"),
        (
            &["list", "--alertmanager", "http://127.0.0.1:1"],
            4,
            "cannot reach http://127.0.0.1:1",
        ),
        (
            &["list", "--alertmanager", "http://u:p@am:1"],
            4,
            "has a user or password in it",
        ),
        (
            &[
                "list",
                "--alertmanager",
                "http://192.0.2.1:1",
                "--bearer-token-file",
                "/nonexistent",
            ],
            4,
            "without encryption",
        ),
    ] {
        let (exit, stdout, stderr) = host.run(arguments);
        assert_eq!((exit, &*stdout), (code, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    let nowhere = host.home.path().join("empty.toml");
    fs::write(&nowhere, "config_version = 1\n").unwrap();
    let (code, _, stderr) = run(&nowhere, &["list"]);
    assert!(code == 4 && stderr.contains("which Alertmanager?"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_has_what_concerns_lapwing_and_says_what_is_not_honoured() {
    let host = Host::new();
    let url = host.alertmanager.url();
    for matchers in [
        &[("rule", "etc")][..],
        &[("rule", "etc"), ("instance", "other:1")],
        &[("alertname", "DiskFull"), ("instance", "db1")],
        &[("alertname", "LapwingDetection")],
        &[("severity", "warning")],
    ] {
        create(&url, &silence(matchers, 600)).await;
    }
    let list = host.list();
    let reason = |name: &str, value: &str| {
        let named = |silence: &&Value| {
            let matchers = silence["matchers"].as_array().unwrap();
            matchers
                .iter()
                .any(|matcher| matcher["name"] == name && matcher["value"] == value)
        };
        list.iter()
            .find(named)
            .map(|silence| silence["reason"].as_str().unwrap_or("honoured").to_owned())
    };
    assert_eq!(list.len(), 4);
    assert_eq!(reason("instance", "other:1").as_deref(), Some("unknown_label"));
    assert_eq!(reason("severity", "warning").as_deref(), Some("honoured"));
    assert_eq!(reason("alertname", "LapwingDetection").as_deref(), Some("honoured"));
    assert_eq!(reason("alertname", "DiskFull"), None);
    let (_, text, _) = host.run(&["list"]);
    assert!(
        text.contains("1 others do not concern Lapwing") && text.contains("NOT honoured by the agent: unknown_label"),
        "{text}"
    );
    let (_, all, _) = host.run(&["list", "--all", "--json"]);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&all).unwrap().len(), 5);
}

/// Runs a command at a terminal of its own, where somebody answers `answer`.
fn at_a_terminal(host: &Host, arguments: &str, answer: &str) -> (i32, String) {
    let command = format!(
        "{} --config {} mask {arguments}",
        env!("CARGO_BIN_EXE_lapwing"),
        host.home.path().join("lapwing.toml").display()
    );
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn at_a_terminal_the_answer_decides() {
    let host = Host::new();
    let add = "add --alert 1-0-3-aa --for 1h";
    for no in ["n\n", "\n", "yes please\n"] {
        let (code, shown) = at_a_terminal(&host, add, no);
        assert!(code == 4 && shown.contains("[y/N]"), "{code}: {shown}");
        assert!(host.list().is_empty(), "{no:?} is no yes");
    }
    let (code, shown) = at_a_terminal(&host, add, "y\n");
    assert_eq!(code, 0, "{shown}");
    let list = host.list();
    assert_eq!(list.len(), 1, "{shown}");
    let expire = format!("expire {}", list[0]["id"].as_str().unwrap());
    let (code, shown) = at_a_terminal(&host, &expire, "y\n");
    assert!(code == 0 && host.list().is_empty(), "{shown}");
}
