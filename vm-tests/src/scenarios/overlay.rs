//! An overlay does each operation twice: on what the user sees, and on the file system below. One of them is the event, with the user's path.
//! Below it copies files up, leaves whiteouts and writes attributes: none of that is an event, also when the layers are watched themselves.

use std::{fs, path::Path};

use crate::{
    act::Act,
    error::{Context, Result},
    place::{Place, executable, write},
    scenario::{Expected, Group, Scenario, run_to_end},
    verdict::Verdict,
    world::Need,
};

/// A name, a line for the shell (`M` is where the overlay is mounted), the program that does it, the event and its file.
struct Case(&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    Case("overlay-create", "echo new >M/new", "sh", "file.create", "new"),
    Case(
        "overlay-write-copies-up",
        "echo more >>M/old",
        "sh",
        "file.write",
        "old",
    ),
    Case(
        "overlay-chmod-copies-up",
        "chmod 600 M/old",
        "chmod",
        "file.permission",
        "old",
    ),
    Case("overlay-delete", "rm M/old", "rm", "file.delete", "old"),
    Case(
        "overlay-rename-copies-up",
        "mv M/old M/renamed",
        "mv",
        "file.rename",
        "old",
    ),
    Case(
        "overlay-mkdir",
        "mkdir M/directory",
        "mkdir",
        "file.create",
        "directory",
    ),
];

/// In the watched tree lie the overlay and its layers; in the plain one, for the twins, too, and the overlay's workshop, which each mount
/// changes itself.
pub fn scenarios() -> Vec<Scenario> {
    CASES.iter().map(scenario).chain([layer()]).collect()
}

/// The layers are watched, the overlay is not: what is done to a layer through the overlay is an event of the overlay's path, and nothing else.
fn layer() -> Scenario {
    let mount = |from: &Path, to: &Path, work: &Path| {
        let options = format!(
            "lowerdir={0}/lower,upperdir={0}/upper,workdir={1}",
            from.display(),
            work.display()
        );
        let merged = to.join("merged").display().to_string();
        let line =
            format!("mount -t overlay overlay -o {options} {merged} && echo more >>{merged}/old && rm {merged}/old");
        Act::new("unshare", &["-m", "sh", "-c", &line]).that_succeeds()
    };
    Scenario::new(
        "overlay-above-a-watched-layer",
        Group::Own,
        prepare,
        move |place| mount(&place.watched, &place.plain, &place.plain.join("work")),
        |_| Ok(vec![]),
        move |place| mount(&place.plain, &place.plain, &place.plain.join("work")),
    )
    .needs(Need::Module("overlay"))
    .known(|_| {
        Verdict::NotSeen(
            "what changes in a watched layer through an overlay elsewhere has the overlay's path only".into(),
        )
    })
}

fn scenario(&Case(name, line, program, event, file): &'static Case) -> Scenario {
    Scenario::new(
        name,
        Group::Own,
        prepare,
        move |place| on_overlay(&place.watched, &place.plain.join("work"), line),
        move |place| {
            let merged = place.watched.join("merged");
            let text = |name: &str| Some(merged.join(name).display().to_string());
            Ok(vec![Expected {
                rule: "own-tree",
                sensor: "file",
                event,
                executable: Some(executable(program)?.display().to_string()),
                file: text(file),
                target: (event == "file.rename").then(|| text("renamed")).flatten(),
                ..Expected::default()
            }])
        },
        move |place| on_overlay(&place.plain, &place.plain.join("work"), line),
    )
    .needs(Need::Module("overlay"))
}

fn prepare(place: &Place) -> Result<()> {
    for top in [&place.watched, &place.plain] {
        for directory in ["lower", "upper", "work", "merged"] {
            fs::create_dir(top.join(directory)).context(directory)?;
        }
        write(&top.join("lower/old"))?;
    }
    // A first mount leaves marks of its own on the layers, and is told as what it is.
    run_to_end(&on_overlay(&place.watched, &place.plain.join("work"), ":")).map(drop)
}

/// In a mount namespace of its own, so that the overlay is gone with the process.
fn on_overlay(top: &Path, work: &Path, line: &str) -> Act {
    let top = top.display();
    let options = format!("lowerdir={top}/lower,upperdir={top}/upper,workdir={}", work.display());
    let mount = format!("mount -t overlay overlay -o {options} {top}/merged");
    let line = line.replace("M/", &format!("{top}/merged/"));
    Act::new("unshare", &["-m", "sh", "-c", &format!("{mount} && {line}")]).that_succeeds()
}
