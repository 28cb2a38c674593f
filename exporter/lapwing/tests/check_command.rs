//! The real program: what `lapwing check` and its neighbours print and return, with real files, variables and flags.

#![allow(clippy::expect_used)] // helpers of tests: clippy.toml allows it in the tests themselves only

use std::{
    fs,
    process::{Command, Output},
};

fn lapwing(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.output().expect("lapwing runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A configuration file in a directory of its own.
fn file(content: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("lapwing.toml");
    fs::write(&path, content).expect("written");
    let path = path.display().to_string();
    (directory, path)
}

#[test]
fn a_valid_configuration_ends_with_0_and_says_what_is_in_force() {
    let (_directory, path) = file("[score]\nthreshold = 50");
    let output = lapwing(&["check", "--config", &path], &[("LAPWING_SERVICE_HOST", "10.0.0.1")]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        stdout.starts_with(&format!("The configuration is valid.\n  file   {path}\n")),
        "{stdout}"
    );
}

#[test]
fn every_problem_is_printed_and_the_exit_code_is_1() {
    let (_directory, path) = file("[score]\ntreshold = 50\nfold_after = 0\n");
    let output = lapwing(&["--config", &path, "check"], &[("LAPWING__LOG__LEVEL", "loud")]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    for problem in [
        format!("{path}:2:1: unknown key treshold in [score]; did you mean threshold?\n"),
        format!(
            "{path}:3:14: fold_after must be a whole number from 1 to 1000000, not 0; write a value in that range\n"
        ),
        "environment variable LAPWING__LOG__LEVEL: level must be a level or directives, not \"loud\"".into(),
    ] {
        assert!(stderr.contains(&problem), "{problem}\nin\n{stderr}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn the_other_commands_refuse_a_bad_configuration_too() {
    let (_directory, path) = file("x = 1");
    for arguments in [&["rules", "list"][..], &["run"], &["probes"], &["status"], &[]] {
        let output = lapwing(&[&["--config", &path], arguments].concat(), &[]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(
            text(&output.stderr).contains(&format!("{path}:1:1: unknown key or section x")),
            "{arguments:?}"
        );
    }
}

#[test]
fn flags_and_variables_reach_the_configuration() {
    let rules = |arguments: &[&str], variables: &[(&str, &str)]| -> usize {
        let output = lapwing(&[arguments, &["rules", "list", "--json"]].concat(), variables);
        let list: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        list.len()
    };
    let production = rules(&[], &[]);
    assert!(rules(&["--profile", "demo"], &[]) > production);
    assert!(rules(&[], &[("LAPWING__PROFILE", "demo")]) > production);
    assert_eq!(
        rules(&["--profile", "production"], &[("LAPWING__PROFILE", "demo")]),
        production,
        "flags go last"
    );
    assert_eq!(rules(&[], &[("LAPWING__DEFAULTS", "false")]), 0);
}

/// What protects the endpoint is checked along, with the place in its own file; and an open address without it is refused.
#[test]
fn the_web_configuration_is_checked_too() {
    let (directory, path) = file("");
    let web = directory.path().join("web.yml");
    let name = web.display().to_string();
    let run = |listen: &str, text: &str| {
        let more = format!("[metrics]\nlisten = \"{listen}\"\nweb_config_file = \"{name}\"\n");
        fs::write(&path, more).expect("written");
        fs::write(&web, text).expect("written");
        let output = lapwing(&["check", "--config", &path], &[]);
        (output.status.code(), text_of(&output))
    };
    let here = "127.0.0.1:1";
    assert_eq!(run(here, "").0, Some(0));
    let absent = "tls_server_config:\n  cert_file: absent.pem\n  key_file: web.yml\n";
    let directory = directory.path().display();
    for (listen, text, said) in [
        (
            here,
            "basic_auth_usrs: {}",
            format!("{name}:1:1: unknown key \"basic_auth_usrs\" in the file; did you mean basic_auth_users?"),
        ),
        (
            here,
            absent,
            format!(
                "{name}:2:14: cert_file {directory}/absent.pem cannot be read: No such file or directory (os error 2); check the path"
            ),
        ),
        (
            here,
            absent,
            format!(
                "{name}:3:13: key_file {directory}/web.yml is refused, everybody on this host may read it (mode 0644); chmod o-rwx"
            ),
        ),
        (
            "0.0.0.0:1",
            "",
            format!(
                "{path}:2:10: listen = \"0.0.0.0:1\" is reachable from other hosts, and {name} has neither encryption nor authentication"
            ),
        ),
    ] {
        let (code, stderr) = run(listen, text);
        assert!(code == Some(1) && stderr.contains(&said), "{said}\nin\n{stderr}");
    }
    fs::remove_file(&web).expect("removed");
    let output = lapwing(&["check", "--config", &path], &[]);
    let said = format!("{path}:3:19: web_config_file: {name} cannot be read: No such file or directory");
    assert!(
        output.status.code() == Some(1) && text_of(&output).contains(&said),
        "{}",
        text_of(&output)
    );
}

fn text_of(output: &Output) -> String {
    text(&output.stderr)
}
