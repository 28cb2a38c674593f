//! System calls of 32-bit programs. On x86 any 64-bit program can make them by `int 0x80`, and classic tracepoints do not see them; on Arm a program is
//! of one kind, and its numbers mean other calls than those of 64 bits. Our hooks tell them apart.

use std::{path::Path, process::Command};

use crate::{
    act::{Act, me, succeeds},
    error::{Result, output_of},
    place::{Place, write},
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
    world::{BUSYBOX_32, Need},
};

/// An open that creates, and a deletion.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        int80("int80-open", "open", "new", "file.create"),
        int80("int80-unlink", "unlink", "old", "file.delete"),
        arm32("arm32-open", "touch", "new", "file.create"),
        arm32("arm32-unlink", "rm", "old", "file.delete"),
    ]
}

fn int80(name: &'static str, call: &'static str, file: &'static str, event: &'static str) -> Scenario {
    let act = move |top: &Path| Act::of_mine(&["act", "int80", call, &top.join(file).display().to_string()]);
    scenario(name, act, file, move |file| Ok(expected(event, &me()?, file)))
        .needs(Need::Arch("x86_64"))
        .known(|_| match succeeds(&["act", "int80", "probe"]) {
            true => Verdict::Seen,
            false => Verdict::NotApplicable("this kernel has no 32-bit calls".into()),
        })
}

fn arm32(name: &'static str, applet: &'static str, file: &'static str, event: &'static str) -> Scenario {
    let act = move |top: &Path| Act::new(BUSYBOX_32, &[applet, &top.join(file).display().to_string()]).that_succeeds();
    scenario(name, act, file, move |file| {
        Ok(expected(event, Path::new(BUSYBOX_32), file))
    })
    .needs(Need::Arch("aarch64"))
    .known(|_| match output_of(Command::new(BUSYBOX_32).arg("true")) {
        Ok(_) => Verdict::Seen,
        Err(_) => Verdict::NotApplicable("no 32-bit program runs here".into()),
    })
}

fn scenario(
    name: &'static str,
    act: impl Fn(&Path) -> Act + Copy + 'static,
    file: &'static str,
    expected: impl Fn(&Path) -> Result<Vec<Expected>> + 'static,
) -> Scenario {
    Scenario::new(
        name,
        Group::Own,
        |place: &Place| {
            write(&place.watched.join("old"))?;
            write(&place.plain.join("old"))
        },
        move |place| act(&place.watched),
        move |place| expected(&place.watched.join(file)),
        move |place| act(&place.plain),
    )
}

fn expected(event: &'static str, executable: &Path, file: &Path) -> Vec<Expected> {
    vec![Expected {
        rule: "own-tree",
        sensor: "file",
        event,
        executable: Some(executable.display().to_string()),
        file: Some(file.display().to_string()),
        ..Expected::default()
    }]
}
