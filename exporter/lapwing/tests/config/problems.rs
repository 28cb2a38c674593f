//! Every kind of mistake, with the exact place and words that its author reads. Here those of whole files and of the environment.

use std::collections::BTreeMap;

use lapwing::config::{Input, Loaded, Problem, Source, parse};

pub fn input(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Input {
    let files = files.iter().map(|(name, text)| Source {
        name: (*name).into(),
        text: (*text).into(),
        ruleset: "local",
    });
    let environment: BTreeMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Input {
        files: files.collect(),
        environment,
        ..Input::default()
    }
}

pub fn problems(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let parsed = parse(&input(files, variables));
    parsed.map_or_else(
        |problems| problems.iter().map(Problem::to_string).collect(),
        |_| Vec::new(),
    )
}

pub fn loaded(text: &str) -> Loaded {
    parse(&input(&[("f", text)], &[])).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Each case is a file `f` and the problems expected in it.
pub fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(problems(&[("f", text)], &[]), *expected, "{text}");
    }
}

#[test]
fn syntax_errors_are_all_reported_and_nothing_is_guessed_after_them() {
    check(&[
        (
            "[score]\nthreshold = \n[log\nx = 1",
            &[
                "f:2:13: not TOML: string values must be quoted, expected literal string",
                "f:3:5: not TOML: unclosed table, expected `]`",
            ],
        ),
        (
            "[score]\nthreshold = 1\nthreshold = 2",
            &["f:3:1: not TOML: duplicate key"],
        ),
    ]);
    let more = problems(&[("a", "x ="), ("b", "y = 1\n[[override]]\nid = 'z'")], &[]);
    assert_eq!(
        more.len(),
        2,
        "the rule may be in the file that could not be read: {more:?}"
    );
    assert!(
        more[0].starts_with("a:1:") && more[1].starts_with("b:1:1: unknown key"),
        "{more:?}"
    );
}

#[test]
fn variables_are_named() {
    let variables = [
        ("LAPWING__SCORE__TRESHOLD", "1"),
        ("LAPWING__SCORE__THRESHOLD", "x"),
        ("LAPWING__METRICS__LISTEN", "0.0.0.0:1"),
        ("LAPWING__OTLP__HEADERS", "secret"),
        ("LAPWING_SERVICE_HOST", "set by Kubernetes, not ours"),
    ];
    assert_eq!(
        problems(&[], &variables),
        [
            "environment variable LAPWING__OTLP__HEADERS: headers: an entry has no =; write name=value,name=value",
            "environment variable LAPWING__SCORE__THRESHOLD: threshold must be a whole number from 1 to 1000000, not x; write a value \
             in that range",
            "environment variable LAPWING__SCORE__TRESHOLD: no such setting; did you mean LAPWING__SCORE__THRESHOLD?",
            "environment variable LAPWING__METRICS__LISTEN: listen = \"0.0.0.0:1\" is reachable from other hosts, without encryption or \
             authentication; write \"127.0.0.1:19754\", or a web_config_file with TLS and users (docs/endpoint.md), or insecure = true in [metrics] to allow it",
        ]
    );
}

#[test]
fn a_newer_configuration_is_read_with_warnings() {
    const NEW: &str =
        "config_version = 2\nfuture = 1\n[score]\nbeauty = 5\n[[override]]\nid = \"etc\"\nseverity = \"low\"\nmood = 1";
    let warnings: Vec<String> = loaded(NEW).warnings.iter().map(Problem::to_string).collect();
    let ignores = "this binary is older than the configuration and ignores it";
    assert_eq!(
        warnings,
        [
            format!("f:2:1: unknown key or section future; {ignores}"),
            format!("f:4:1: unknown key beauty in [score]; {ignores}"),
            format!("f:8:1: [[override]] \"etc\": unknown key mood; {ignores}"),
        ]
    );
    assert!(
        !problems(&[("f", "config_version = 2\n[score]\nthreshold = 0")], &[]).is_empty(),
        "wrong values stay wrong"
    );
}
