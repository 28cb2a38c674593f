use std::{fs, os::unix::fs::MetadataExt};

use super::*;

fn alert(number: u64) -> Recent {
    Recent {
        time: "2026-11-21T12:00:00.000000000Z".into(),
        id: format!("id-{number}"),
        rule: "etc".into(),
        ruleset: "default".into(),
        severity: Severity::High,
        sensor: Sensor::File,
        event: "file.write".into(),
        message: "bash wrote /etc/\u{1b}[2J\n\u{202e}passwd".into(),
        count: 1,
        details: [("path".to_owned(), "/etc/\u{1b}[2J\n\u{202e}passwd".to_owned())].into(),
        masked: None,
    }
}

fn state(home: &tempfile::TempDir) -> StateDir {
    StateDir::open(&home.path().join("state")).unwrap()
}

#[test]
fn the_newest_alerts_are_there_after_restarts_and_the_size_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    for run in 0..5 {
        let mut journal = Journal::with_limit(state(&home), 10_000).unwrap();
        (0..50).for_each(|n| journal.write(&alert(run * 50 + n)).unwrap());
    }
    let state = state(&home);
    let store = Store::read(&state).unwrap();
    let ids: Vec<_> = store.alerts.iter().map(|alert| alert.id.clone()).collect();
    assert_eq!(store.find("id-249"), Some(&alert(249)));
    assert_eq!(store.find("id-0"), None);
    // All of the newest, in order, and no fewer than one file holds.
    let first = 250 - ids.len();
    assert!((30..=80).contains(&ids.len()), "{}", ids.len());
    assert_eq!(ids, (first..250).map(|n| format!("id-{n}")).collect::<Vec<_>>());
    for name in [NAME, OLDER] {
        let metadata = fs::metadata(state.path(name)).unwrap();
        assert!(metadata.len() <= 10_000 && metadata.mode() & 0o777 == 0o600);
    }
}

#[test]
fn a_line_that_was_cut_off_costs_itself_only() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state(&home)).unwrap();
    journal.write(&alert(1)).unwrap();
    journal.write(&alert(2)).unwrap();
    drop(journal);
    let state = state(&home);
    let text = fs::read(state.path(NAME)).unwrap();
    fs::write(state.path(NAME), &text[..text.len() - 20]).unwrap();
    let mut journal = Journal::open(state.clone()).unwrap();
    journal.write(&alert(3)).unwrap();
    let store = Store::read(&state).unwrap();
    let ids: Vec<_> = store.alerts.iter().map(|alert| &*alert.id).collect();
    assert_eq!((ids, store.damaged), (vec!["id-1", "id-3"], 1));
}
