//! config.example.toml says the truth: every key is there, and every default is the real one.

use std::collections::{BTreeMap, BTreeSet};

use lapwing::config::{Config, Input, KEYS, Loaded, Source, parse};

const EXAMPLE: &str = include_str!("../../../../config.example.toml");

/// The example with what is commented out switched on: lines that begin with `#` and a key or a header.
fn everything() -> String {
    let switched_on = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with("[[") || rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
        _ => line,
    });
    switched_on.collect::<Vec<_>>().join("\n")
}

fn load(text: &str) -> Loaded {
    let files = vec![Source {
        name: "config.example.toml".into(),
        text: text.into(),
        ruleset: "local",
    }];
    parse(&Input {
        files,
        ..Input::default()
    })
    .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn table(text: &str) -> toml::Table {
    text.parse().expect("TOML")
}

fn has(table: &toml::Table, section: &str, name: &str) -> bool {
    match section {
        "" => table.contains_key(name),
        section => table.get(section).and_then(|section| section.get(name)).is_some(),
    }
}

#[test]
fn what_it_states_as_default_is_the_default() {
    let loaded = load(EXAMPLE);
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.hash, load("").hash, "it changes nothing");
}

#[test]
fn every_setting_is_there_and_those_with_a_default_state_it() {
    let (stated, all) = (table(EXAMPLE), table(&everything()));
    let defaults = serde_json::to_value(Config::default()).expect("serializable");
    for key in KEYS {
        assert!(has(&all, key.section, key.name), "{} is not in the example", key.path());
        let section = if key.section.is_empty() {
            Some(&defaults)
        } else {
            defaults.get(key.section)
        };
        let has_default = section.and_then(|section| section.get(key.name)).is_some();
        assert_eq!(has(&stated, key.section, key.name), has_default, "{}", key.path());
    }
}

#[test]
fn every_key_of_rules_and_overrides_is_there_and_the_examples_compile() {
    let text = everything();
    load(&text);
    let all = table(&text);
    let overrides = all["override"].as_array().expect("a list");
    for (header, given, more) in [
        (
            "[[process.rule]]",
            keys(all["process"]["rule"].as_array().expect("a list")),
            &["severity"][..],
        ),
        (
            "[[file.watch]]",
            keys(all["file"]["watch"].as_array().expect("a list")),
            &[],
        ),
        (
            "[[network.rule]]",
            keys(all["network"]["rule"].as_array().expect("a list")),
            &[],
        ),
        ("[[override]]", keys(overrides), &[]),
    ] {
        let given: BTreeSet<String> = given
            .into_iter()
            .chain(more.iter().map(|key| (*key).to_owned()))
            .collect();
        assert_eq!(given, known(header), "{header}");
    }
}

/// The keys that the tables of a list have.
fn keys(tables: &[toml::Value]) -> BTreeSet<String> {
    tables
        .iter()
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.keys().cloned())
        .collect()
}

/// The keys that the program knows, by what it answers to one that it does not.
fn known(header: &str) -> BTreeSet<String> {
    let files = vec![Source {
        name: "f".into(),
        text: format!("{header}\nxxxxxxxxxxxxxxxxx = 1"),
        ruleset: "local",
    }];
    let problems = parse(&Input {
        files,
        ..Input::default()
    })
    .expect_err("an unknown key");
    let helps: BTreeMap<usize, &str> = problems
        .iter()
        .map(|problem| (problem.line, problem.help.as_str()))
        .collect();
    let list = helps[&2].strip_prefix("known keys: ").expect("the list");
    list.split(", ").map(str::to_owned).collect()
}
