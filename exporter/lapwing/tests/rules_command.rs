//! `lapwing rules` and the summary of `lapwing check`.

#![allow(clippy::expect_used)] // helpers of tests: clippy.toml allows it in the tests themselves only

use lapwing::{
    check::summary,
    cli::RulesCommand,
    config::{Input, Loaded, Source, parse},
    recording::{Limits, Meta, Stop, Writer},
    rules_command::answer,
};
use lapwing_engine::{event::FileOp, synthetic::Synthetic};

fn load(text: &str) -> Loaded {
    let files = vec![Source {
        name: "lapwing.toml".into(),
        text: text.into(),
        ruleset: "local",
    }];
    parse(&Input {
        files,
        ..Input::default()
    })
    .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn ask(loaded: &Loaded, command: &RulesCommand) -> Result<String, String> {
    let mut out = Vec::new();
    answer(loaded, command, &mut out).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

/// What explain prints is the rule: read again, it is the same.
#[test]
fn explained_rules_can_be_read_again() {
    let loaded =
        load("profile = 'demo'\n[[override]]\nid = 'etc'\nadd_except = 'proc.name = \"a\\\\b\"'\nmessage = \"it's\"");
    let mut text = String::from("defaults = false\n");
    for rule in loaded.rules.rules() {
        text += &ask(&loaded, &RulesCommand::Explain { id: rule.id.clone() }).expect("known");
    }
    let again = load(&text);
    for (old, new) in loaded.specs.process.iter().zip(&again.specs.process) {
        let mut old = old.clone();
        old.common.ruleset = "local".into();
        assert_eq!(&old, new);
    }
    for (old, new) in loaded.specs.watches.iter().zip(&again.specs.watches) {
        let mut old = old.clone();
        old.common.ruleset = "local".into();
        assert_eq!(&old, new);
    }
    assert_eq!(again.rules.rules().len(), loaded.rules.rules().len());
}

#[test]
fn a_rule_that_is_not_there_is_answered_with_the_nearest() {
    let asked = ask(
        &load(""),
        &RulesCommand::Explain {
            id: "exec-from-tpm".into(),
        },
    );
    assert_eq!(
        asked,
        Err("there is no rule \"exec-from-tpm\"; did you mean \"exec-from-tmp\"?".into())
    );
    let asked = ask(&load(""), &RulesCommand::Explain { id: "zzz".into() });
    assert_eq!(
        asked,
        Err("there is no rule \"zzz\"; `lapwing rules list` shows the ids".into())
    );
}

#[test]
fn the_list_has_every_rule() {
    let loaded = load("[[override]]\nid = 'etc'\nenabled = false");
    let table = ask(&loaded, &RulesCommand::List { json: false }).expect("listed");
    assert_eq!(table.lines().count(), loaded.rules.rules().len() + 1);
    let words = |id: &str| -> Vec<&str> {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(id));
        line.map(|line| line.split_whitespace().collect()).unwrap_or_default()
    };
    assert_eq!(
        words("etc"),
        ["etc", "file", "high", "off", "each", "disabled", "default"]
    );
    assert_eq!(
        words("exec-from-tmp"),
        ["exec-from-tmp", "process", "high", "off", "each", "enabled", "default"]
    );
    let json = ask(&loaded, &RulesCommand::List { json: true }).expect("listed");
    let list: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
    let etc = list.iter().find(|rule| rule["id"] == "etc").expect("etc");
    assert_eq!(
        (etc["enabled"].as_bool(), etc["success_severity"].as_str()),
        (Some(false), Some("high"))
    );
}

#[test]
fn a_recording_shows_what_each_rule_matches() {
    let mut events = Synthetic::new();
    events
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .fork(1, 700)
        .exec(700, "/usr/bin/bash", &["bash"]);
    events
        .file(700, FileOp::Create, "/etc/new")
        .file(700, FileOp::Write, "/etc/new");
    events
        .fork(700, 701)
        .exec(701, "/usr/bin/dpkg", &["dpkg"])
        .file(701, FileOp::Write, "/etc/conffile");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("recording");
    let mut writer = Writer::create(&file, false, &Meta::default(), Limits::default()).expect("created");
    events.take().iter().for_each(|event| writer.event(event));
    assert_eq!(writer.finish().reason, Stop::Asked);

    let loaded = load("");
    let all = ask(
        &loaded,
        &RulesCommand::Test {
            file: file.clone(),
            rule: None,
        },
    )
    .expect("read");
    let words = |text: &str, id: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(id));
        line.map(|line| line.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    };
    assert_eq!(
        words(&all, "etc"),
        ["etc", "2", "1"],
        "two matches, dpkg's was skipped: {all}"
    );
    assert_eq!(words(&all, "usr-bin"), ["usr-bin", "0", "0"]);
    assert!(all.ends_with("8 events\n"), "{all}");

    let one = ask(
        &loaded,
        &RulesCommand::Test {
            file: file.clone(),
            rule: Some("etc".into()),
        },
    )
    .expect("read");
    assert_eq!(
        one.lines()
            .filter(|line| line.contains("  high  ") && line.contains("/etc/new"))
            .count(),
        2,
        "{one}"
    );
    assert!(words(&one, "usr-bin").is_empty());
    std::fs::write(&file, "x").expect("written");
    let bad = ask(&loaded, &RulesCommand::Test { file, rule: None });
    assert!(bad.is_err_and(|error| error.starts_with("not a Lapwing recording")));
}

#[test]
fn the_summary_of_check_says_what_is_in_force() {
    let loaded = load("defaults = false\n[[process.rule]]\nid = 'a'\nevent = 'bin-execution'\nenabled = false");
    assert_eq!(
        summary(&loaded),
        format!(
            "The configuration is valid.\n  file   lapwing.toml\n  rules  1 (0 enabled)\n  hash   {}",
            loaded.hash
        )
    );
    let network = |keys: &str| {
        let summary = summary(&load(&format!("[network]\nenabled = true\n{keys}")));
        let (_, line) = summary.split_once("  network ").expect("a line");
        line.lines().next().expect("a line").to_owned()
    };
    assert_eq!(network(""), "connections of all processes, https off");
    assert_eq!(
        network("https = 'on'\nmode = 'except'\nprocesses = ['haproxy', '/usr/bin/restic']"),
        "connections of all processes except haproxy, /usr/bin/restic, https on"
    );
    let only = summary(&load(
        "[network]\nenabled = true\nmode = 'only'\nprocesses = ['worker']",
    ));
    assert!(
        only.contains("of worker only, https off\n") && only.contains("name both"),
        "{only}"
    );
}
