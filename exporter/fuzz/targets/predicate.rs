//! Predicates as people (or their generators) write them, on an event of every kind.

#![no_main]

use std::sync::LazyLock;

use lapwing_engine::{
    event::{Event, FileOp},
    field::{Context, Kinds, Scratch},
    predicate::Predicate,
    process::{Limits, Table},
    synthetic::Synthetic,
};
use libfuzzer_sys::fuzz_target;

/// Events, and the process table after them.
static STORY: LazyLock<(Vec<Event>, Table)> = LazyLock::new(|| {
    let mut events = Synthetic::new();
    events
        .snapshot(1, 0, "/sbin/init")
        .fork(1, 50)
        .exec_setuid_root(50, "/usr/bin/sudo")
        .fork(50, 60);
    events
        .exec(60, "/tmp/t\u{f6}ol", &["tool", "", "-x", "a b"])
        .exec_failure(60, "/dev/shm/none", 2);
    events
        .credentials(60, false, |after| after.euid = 0)
        .file(60, FileOp::Write, "/etc/passwd");
    events
        .file_failure(60, FileOp::Rename, "/etc/shadow", 13)
        .kill(60, 11)
        .exit(50, 3);
    let events = events.take();
    let mut table = Table::new(Limits::default());
    events.iter().for_each(|event| table.update(event));
    (events, table)
});

fn judge(predicate: &Predicate) -> Vec<bool> {
    let (events, table) = &*STORY;
    let mut scratch = Scratch::default();
    events
        .iter()
        .map(|event| predicate.matches(&Context::new(event, table, &mut scratch)))
        .collect()
}

fuzz_target!(|text: &str| {
    let Ok(predicate) = Predicate::parse(text, Kinds::ALL) else {
        return;
    };
    let verdicts = judge(&predicate);
    // Evaluation has no memory, and the negation is the opposite (unless it is one parenthesis too deep).
    assert_eq!(verdicts, judge(&predicate));
    if let Ok(negated) = Predicate::parse(&format!("not ({text})"), Kinds::ALL) {
        assert!(
            judge(&negated)
                .iter()
                .zip(&verdicts)
                .all(|(negated, verdict)| negated != verdict)
        );
    }
});
