//! `alertmanager/*.rules.yml` judged by promtool.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    http::get_json,
    prometheus::Prometheus,
    servers::{free, program},
    shipped, stack,
};

/// What promtool says, if it does not succeed.
pub fn promtool(arguments: &[&str], files: &[PathBuf]) -> Result<(), String> {
    let output = Command::new(program("promtool", "prometheus"))
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()),
    }
}

/// Every rules file with its tests.
pub fn files() -> Vec<(PathBuf, PathBuf)> {
    let folder = fs::read_dir(shipped("alertmanager")).unwrap();
    let mut files: Vec<_> = folder
        .filter_map(|entry| {
            let rules = entry.unwrap().path();
            let name = rules.file_name()?.to_str()?.strip_suffix(".rules.yml")?.to_owned();
            let tests = rules.with_file_name(format!("tests/{name}.test.yml"));
            Some((rules, tests))
        })
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn lint(file: &Path) -> Result<(), String> {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &[file.to_owned()])
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    for (rules, _) in files() {
        lint(&rules).unwrap();
    }
}

/// That lint would have found something.
#[test]
fn a_broken_rules_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.rules.yml");
    let (rules, _) = files().remove(0);
    let text = fs::read_to_string(rules).unwrap();
    for (from, to) in [
        ("expr: ", "expr: ("),
        ("{{ $labels.instance }}", "{{ $labels.instance"),
        ("for: ", "four: "),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&broken, text.replacen(from, to, 1)).unwrap();
        assert!(lint(&broken).is_err(), "{to}");
    }
    // Twice the same.
    let both = text.lines().filter(|line| !line.starts_with("groups:"));
    let both: String = both.map(|line| format!("{line}\n")).collect();
    fs::write(
        &broken,
        format!("{text}{}", both.replacen("- name: ", "- name: more-", 1)),
    )
    .unwrap();
    assert!(lint(&broken).is_err(), "duplicates");
}

#[test]
fn unit_tests_pass() {
    for (_, tests) in files() {
        assert!(tests.exists(), "{} is missing", tests.display());
        promtool(&["test", "rules"], &[tests]).unwrap();
    }
}

/// Every alert says what, why, what to do, and how urgent: asked of the Prometheus that loaded them.
#[test]
fn every_alert_rule_is_complete() {
    let nobody = free();
    let prometheus = stack::prometheus(nobody, nobody);
    let groups = get_json(prometheus.address, "/api/v1/rules?type=alert");
    let mut count = 0;
    for rule in groups["data"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
    {
        let name = rule["name"].as_str().unwrap();
        assert!(name.starts_with("Lapwing"), "{name}");
        for annotation in ["summary", "description", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{name}: {annotation}: {text}");
        }
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        let ours = rule["labels"].get("lapwing_severity").is_some();
        assert_eq!(ours, name == "LapwingDetection", "{name}");
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

/// The agent's series that expressions name, with the labels that they ask for. Not `severity`: which ones there are depends on the rules that are loaded.
fn selectors(expression: &str) -> Vec<String> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(named) {
        let length = rest[start..].find(|c| !named(c)).unwrap_or(rest.len() - start);
        let (name, after) = rest[start..].split_at(length);
        rest = after;
        if !(name.starts_with("lapwing_") || name.starts_with("process_")) {
            continue;
        }
        let labels = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        match labels {
            Some((labels, _)) if !labels.starts_with("severity=") => found.push(format!("{name}{{{labels}}}")),
            _ => found.push(name.to_owned()),
        }
    }
    found
}

/// The first agent on a host cannot have it: `tests/life` sees its values.
const OF_AN_EARLIER_RUN: &str = "lapwing_unwatched_seconds";

/// `docs/metrics.md` is made from what the agent shows, and a test compares them.
fn documented(metric: &str) -> bool {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    std::fs::read_to_string(page)
        .unwrap()
        .contains(&format!("### `{metric}`\n"))
}

/// A renamed metric would make a rule sleep for ever, and its unit test would not notice: everything that a rule asks for is there.
pub fn have_series(prometheus: &Prometheus) {
    let groups = get_json(prometheus.address, "/api/v1/rules");
    let groups = groups["data"]["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let selectors: BTreeSet<_> = rules
        .flat_map(|rule| selectors(rule["query"].as_str().unwrap()))
        .collect();
    assert!(selectors.len() >= 25, "{selectors:?}");
    let (later, now): (Vec<_>, Vec<_>) = selectors
        .iter()
        .partition(|selector| selector.starts_with(OF_AN_EARLIER_RUN));
    assert!(!later.is_empty() && documented(OF_AN_EARLIER_RUN));
    let missing: Vec<_> = now
        .iter()
        .filter(|selector| prometheus.query(selector).is_empty())
        .collect();
    assert!(missing.is_empty(), "no such series: {missing:?}");
}

#[test]
fn selectors_are_found_in_expressions() {
    let expression = "sum by (a) (rate(lapwing_a_total{x=\"y\"}[5m])) / b:lapwing_c:d > 0.5 and lapwing_e{severity=\"high\"} or process_f";
    assert_eq!(
        selectors(expression),
        ["lapwing_a_total{x=\"y\"}", "lapwing_e", "process_f"]
    );
}
