//! System calls of 32-bit programs, which any 64-bit program can make by `int 0x80`. Classic tracepoints do not see them; our hooks do.

use std::path::Path;

use crate::{
    act::{Act, me, succeeds},
    error::Result,
    place::{Place, write},
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
    world::Need,
};

/// An open that creates, and a deletion.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("int80-open", "open", "new", "file.create"),
        scenario("int80-unlink", "unlink", "old", "file.delete"),
    ]
}

fn scenario(name: &'static str, call: &'static str, file: &'static str, event: &'static str) -> Scenario {
    let act = move |top: &Path| Act::of_mine(&["act", "int80", call, &top.join(file).display().to_string()]);
    Scenario::new(
        name,
        Group::Own,
        |place: &Place| {
            write(&place.watched.join("old"))?;
            write(&place.plain.join("old"))
        },
        move |place| act(&place.watched),
        move |place| expected(event, &place.watched.join(file)),
        move |place| act(&place.plain),
    )
    .needs(Need::X86)
    .known(|_| match succeeds(&["act", "int80", "probe"]) {
        true => Verdict::Seen,
        false => Verdict::NotApplicable("this kernel has no 32-bit calls".into()),
    })
}

fn expected(event: &'static str, file: &Path) -> Result<Vec<Expected>> {
    Ok(vec![Expected {
        rule: "own-tree",
        sensor: "file",
        event,
        executable: Some(me()?.display().to_string()),
        file: Some(file.display().to_string()),
        ..Expected::default()
    }])
}
