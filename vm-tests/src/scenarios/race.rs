//! Another thread changes the string of a path while the call is under way. What counts is what the kernel worked on.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{
    act::{Act, me, race},
    error::{Context, Result},
    place::{Place, write},
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
    world::{Flavour, World},
};

const LATE: &str = "the string of a call is read when the call ends: by then another thread had put another there";

/// The twins work on what is not watched.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        // The name that the call has in the end is that of the other FIFO: neither flavour believes it.
        Scenario::new(
            "race-open",
            Group::Own,
            fifos,
            |place| race("open", &place.watched.join("fifo"), &place.plain.join("fifo")),
            |place| expect("file.write", &place.watched.join("fifo")),
            |place| race("open", &place.plain.join("fifo"), &place.watched.join("fifo")),
        ),
        Scenario::new(
            "race-unlink-of-a-watched-file",
            Group::Own,
            files,
            |place| race("unlink", &place.watched.join("one"), &place.plain.join("two")),
            |place| expect("file.delete", &place.watched.join("one")),
            |place| race("unlink", &place.plain.join("one"), &place.plain.join("two")),
        )
        .known(|world| known(world, Verdict::NotSeen(LATE.into()))),
        Scenario::new(
            "race-unlink-with-a-watched-name",
            Group::Own,
            files,
            |place| race("unlink", &place.plain.join("two"), &place.watched.join("two")),
            |_| Ok(vec![]),
            |place| race("unlink", &place.plain.join("one"), &place.plain.join("two")),
        )
        .known(|world| known(world, Verdict::Partial(LATE.into())))
        .partly(|place| {
            let mut expected = expect("file.delete", &place.watched.join("two"))?;
            expected[0].also = vec![("/partial", vec!["file.path"].into())];
            Ok(expected)
        }),
    ]
}

fn known(world: &World, by_calls: Verdict) -> Verdict {
    match (race::lacking(), world.flavour) {
        (Some(why), _) => Verdict::NotApplicable(why),
        (None, Flavour::Function) => Verdict::Seen,
        (None, Flavour::Syscall) => by_calls,
    }
}

fn race(call: &str, real: &Path, decoy: &Path) -> Act {
    Act::of_mine(&[
        "act",
        "race",
        call,
        &real.display().to_string(),
        &decoy.display().to_string(),
    ])
}

fn fifos(place: &Place) -> Result<()> {
    for directory in [&place.watched, &place.plain] {
        mknodat(CWD, directory.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).context("fifo")?;
    }
    Ok(())
}

fn files(place: &Place) -> Result<()> {
    for directory in [&place.watched, &place.plain] {
        write(&directory.join("one"))?;
        write(&directory.join("two"))?;
    }
    Ok(())
}

fn expect(event: &'static str, file: &Path) -> Result<Vec<Expected>> {
    Ok(vec![Expected {
        rule: "own-tree",
        sensor: "file",
        event,
        executable: Some(me()?.display().to_string()),
        file: Some(file.display().to_string()),
        ..Expected::default()
    }])
}
