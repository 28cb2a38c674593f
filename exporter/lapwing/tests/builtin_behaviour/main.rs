//! What the built-in rules do with what people and attackers do: the right number of alerts, and none for the ordinary.
//!
//! The events are made by hand; the scenarios (vm-tests) do the same with a real kernel.

mod alerts;
mod quiet;

use lapwing::config::{Input, parse};
use lapwing_engine::{
    alert::Alert,
    engine::{Engine, Settings},
    event::Event,
    synthetic::Synthetic,
};

const ROOT_SHELL: u32 = 500;
const USER_SHELL: u32 = 600;

/// A host with a login of root and one of a user.
fn host() -> Synthetic {
    let mut events = Synthetic::new();
    events
        .snapshot(1, 0, "/usr/lib/systemd/systemd")
        .snapshot(400, 1, "/usr/sbin/sshd");
    events
        .snapshot(ROOT_SHELL, 400, "/usr/bin/bash")
        .snapshot(USER_SHELL, 400, "/usr/bin/bash");
    events.change(USER_SHELL, |process| {
        let credentials = &mut process.credentials;
        (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (1000, 1000, 1000, 1000);
    });
    events
}

fn run(profile: &str, events: &[Event]) -> Vec<Alert> {
    let input = Input {
        flags: vec![("--profile".into(), "", "profile", profile.into())],
        ..Input::default()
    };
    let loaded = parse(&input).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let settings = Settings {
        score: loaded.specs.score.clone(),
        ..Settings::default()
    };
    let (mut engine, mut alerts) = (Engine::new(loaded.rules, settings), Vec::new());
    for event in events {
        engine.observe(event, &mut alerts);
    }
    engine.finish(&mut alerts);
    alerts
}

fn rules_of(alerts: &[Alert]) -> Vec<String> {
    alerts
        .iter()
        .map(|alert| format!("{} {} {}", alert.rule, alert.event, alert.severity.name()))
        .collect()
}

/// The same in both profiles.
fn expect(name: &str, mut act: impl FnMut(&mut Synthetic), expected: &[&str]) {
    for profile in ["production", "demo"] {
        let mut events = host();
        act(&mut events);
        assert_eq!(rules_of(&run(profile, &events.take())), expected, "{name}, {profile}");
    }
}

/// A program run by the root shell.
fn program(events: &mut Synthetic, executable: &str) {
    events
        .fork(ROOT_SHELL, 700)
        .exec(700, executable, &[executable])
        .exit(700, 0);
}
