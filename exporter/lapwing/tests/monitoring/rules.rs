//! `alertmanager/*.rules.yml` judged by promtool.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    http::get_json,
    servers::{free, program},
    shipped,
    stack::Prometheus,
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
        ("severity: ", "sev-erity: "),
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
    let prometheus = Prometheus::start(nobody, nobody);
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
