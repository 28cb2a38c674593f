//! The built-in rules and the configuration that is in force without a file.

use std::collections::BTreeSet;

use lapwing::config::{Config, Input, Loaded, Problem, parse};

fn load(flags: &[(&'static str, &'static str, &'static str)]) -> Loaded {
    let flags = flags
        .iter()
        .map(|(section, key, value)| ("--flag".into(), *section, *key, (*value).into()))
        .collect();
    parse(&Input {
        flags,
        ..Input::default()
    })
    .unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn without_a_file_the_defaults_and_the_production_rules_are_in_force() {
    let loaded = load(&[]);
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, []);
    assert!(
        loaded
            .specs
            .process
            .iter()
            .all(|rule| rule.common.ruleset == "default" && rule.common.enabled)
    );
    let ids: BTreeSet<&str> = loaded.rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    for id in [
        "exec-from-tmp",
        "root-escalation",
        "killed-by-fault",
        "etc",
        "usr-bin",
        "root-authorized-keys",
    ] {
        assert!(ids.contains(id), "{id}");
    }
    assert!(!ids.iter().any(|id| id.starts_with("demo")));
}

#[test]
fn the_demo_profile_adds_rules_and_defaults_false_drops_all() {
    let production = load(&[]).rules.rules().len();
    let demo = load(&[("", "profile", "demo")]);
    assert!(demo.rules.rules().len() > production);
    assert!(demo.rules.rules().iter().any(|rule| rule.id == "demo-exit-code"));
    assert_eq!(
        load(&[("", "profile", "demo"), ("", "defaults", "false")])
            .rules
            .rules()
            .len(),
        0
    );
}

/// One action, one alert: no path belongs to two watches that want the same operation.
#[test]
fn the_built_in_watches_do_not_overlap() {
    let watches = load(&[("", "profile", "demo")]).specs.watches;
    let covers =
        |above: &str, path: &str| path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    for outer in &watches {
        for inner in watches.iter().filter(|inner| inner.common.id != outer.common.id) {
            let inside = covers(&outer.path, &inner.path);
            let excluded = outer
                .exclude
                .iter()
                .any(|path| path.starts_with('/') && covers(path, &inner.path));
            assert!(
                !inside || excluded,
                "{} lies in {} and is not excluded there",
                inner.path,
                outer.path
            );
        }
    }
}
