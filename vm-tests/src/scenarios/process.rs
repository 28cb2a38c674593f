//! What processes do: programs from where none belong, an escalation, ends that are failures.

use std::path::Path;

use serde_json::Value;

use crate::{
    act::{Act, copy_of_me},
    error::Result,
    place::{Place, copy_program},
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
};

/// Ids of the built-in rules.
const FROM_TMP: &str = "exec-from-tmp";
const FROM_MEMORY: &str = "exec-from-memory";
const ESCALATION: &str = "root-escalation";
const CRASH: &str = "killed-by-fault";
const FAILED: &str = "demo-exit-code";

/// The main job's process part.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "exec-from-tmp",
            Group::Demo,
            |place| both(&place.tmp, place),
            |place| Act::new(place.tmp.join("true"), &[]),
            |place| expect(FROM_TMP, "process.exec", &place.tmp.join("true"), vec![]),
            |place| Act::new(place.bin.join("true"), &[]),
        ),
        Scenario::new(
            "exec-from-shm",
            Group::Demo,
            |place| both(&place.shm, place),
            |place| Act::new(place.shm.join("true"), &[]),
            |place| expect(FROM_TMP, "process.exec", &place.shm.join("true"), vec![]),
            |place| Act::new(place.bin.join("true"), &[]),
        ),
        Scenario::new(
            "exec-from-tmp-in-production",
            Group::Own,
            |place| both(&place.tmp, place),
            |place| Act::new(place.tmp.join("true"), &[]),
            |place| expect(FROM_TMP, "process.exec", &place.tmp.join("true"), vec![]),
            |place| Act::new(place.bin.join("true"), &[]),
        ),
        Scenario::new(
            "exec-from-memory",
            Group::Demo,
            helpers,
            |place| {
                Act::new(
                    place.plain.join("plain"),
                    &["act", "from-memory", "lapwing-test", "act", "exit", "0"],
                )
            },
            |_| expect(FROM_MEMORY, "process.exec", Path::new("/memfd:lapwing-test"), vec![]),
            |place| Act::new(place.plain.join("plain"), &["act", "exit", "0"]),
        )
        .known(|_| Verdict::Partial("the file is in no file system, so its name is not a whole path".into())),
        Scenario::new(
            "setuid-escalation",
            Group::Demo,
            helpers,
            |place| Act::new(place.plain.join("setuid"), &["act", "exit", "0"]).as_nobody(),
            |place| {
                let also = vec![("/process/uid", 65534.into()), ("/process/euid", 0.into())];
                expect(ESCALATION, "process.escalation", &place.plain.join("setuid"), also)
            },
            |place| Act::new(place.plain.join("plain"), &["act", "exit", "0"]).as_nobody(),
        ),
        Scenario::new(
            "crash",
            Group::Demo,
            helpers,
            |place| Act::new(place.plain.join("plain"), &["act", "signal", "SEGV"]),
            |place| {
                expect(
                    CRASH,
                    "process.exit",
                    &place.plain.join("plain"),
                    vec![("/process/exit_signal", "SIGSEGV".into())],
                )
            },
            |place| Act::new(place.plain.join("plain"), &["act", "signal", "TERM"]),
        ),
        Scenario::new(
            "crash-in-production",
            Group::Own,
            helpers,
            |place| Act::new(place.plain.join("plain"), &["act", "signal", "SEGV"]),
            |place| {
                expect(
                    CRASH,
                    "process.exit",
                    &place.plain.join("plain"),
                    vec![("/process/exit_signal", "SIGSEGV".into())],
                )
            },
            // In production a program may fail.
            |place| Act::new(place.plain.join("plain"), &["act", "exit", "3"]),
        ),
        Scenario::new(
            "exit-3",
            Group::Demo,
            helpers,
            |place| Act::new(place.plain.join("plain"), &["act", "exit", "3"]),
            |place| {
                expect(
                    FAILED,
                    "process.exit",
                    &place.plain.join("plain"),
                    vec![("/process/exit_code", 3.into())],
                )
            },
            |place| Act::new(place.plain.join("plain"), &["act", "exit", "0"]),
        ),
    ]
}

/// The same program where it does not belong and where it does.
fn both(wrong: &Path, place: &Place) -> Result<()> {
    copy_program("true", wrong)?;
    copy_program("true", &place.bin).map(drop)
}

/// Two copies of this program: one setuid root, one not.
fn helpers(place: &Place) -> Result<()> {
    copy_of_me(&place.plain.join("setuid"), 0o4755)?;
    copy_of_me(&place.plain.join("plain"), 0o755)
}

fn expect(
    rule: &'static str,
    event: &'static str,
    executable: &Path,
    also: Vec<(&'static str, Value)>,
) -> Result<Vec<Expected>> {
    let executable = Some(executable.display().to_string());
    Ok(vec![Expected {
        rule,
        sensor: "process",
        event,
        executable,
        also,
        failed: event == "process.exit",
        ..Expected::default()
    }])
}
