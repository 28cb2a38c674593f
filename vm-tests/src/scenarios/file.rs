//! What is done to files under /etc, by the built-in watch.

use std::path::PathBuf;

use crate::{
    act::Act,
    error::Result,
    place::{Place, executable, write},
    scenario::{Expected, Group, Scenario},
};

/// The built-in watch of /etc.
const WATCH: &str = "etc";

/// The five operations of the main job.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "file-create",
            Group::Demo,
            |_| Ok(()),
            |place| Act::new("touch", &[&text(&place.etc.join("new"))]),
            |place| expect("file.create", "touch", place.etc.join("new")),
            |place| Act::new("touch", &[&text(&place.plain.join("new"))]),
        ),
        Scenario::new(
            "file-append",
            Group::Demo,
            both_exist,
            |place| Act::shell(&format!("echo more >>{}", text(&place.etc.join("old")))),
            |place| expect("file.write", "sh", place.etc.join("old")),
            |place| Act::shell(&format!("echo more >>{}", text(&place.plain.join("old")))),
        ),
        Scenario::new(
            "file-chmod",
            Group::Demo,
            both_exist,
            |place| Act::new("chmod", &["0640", &text(&place.etc.join("old"))]),
            |place| expect("file.permission", "chmod", place.etc.join("old")),
            |place| Act::new("chmod", &["0640", &text(&place.plain.join("old"))]),
        ),
        Scenario::new(
            "file-rename",
            Group::Demo,
            both_exist,
            |place| rename(&place.etc),
            |place| {
                let mut expected = expect("file.rename", "mv", place.etc.join("old"))?;
                expected[0].target = Some(text(&place.etc.join("newer")));
                Ok(expected)
            },
            |place| rename(&place.plain),
        ),
        Scenario::new(
            "file-delete",
            Group::Demo,
            both_exist,
            |place| Act::new("rm", &[&text(&place.etc.join("old"))]),
            |place| expect("file.delete", "rm", place.etc.join("old")),
            |place| Act::new("rm", &[&text(&place.plain.join("old"))]),
        ),
        Scenario::new(
            "file-read-is-not-watched",
            Group::Demo,
            both_exist,
            |place| Act::new("cat", &[&text(&place.etc.join("old"))]),
            |_| Ok(vec![]),
            |place| Act::new("cat", &[&text(&place.plain.join("old"))]),
        ),
    ]
}

fn both_exist(place: &Place) -> Result<()> {
    write(&place.etc.join("old"))?;
    write(&place.plain.join("old"))
}

fn rename(directory: &std::path::Path) -> Act {
    Act::new("mv", &[&text(&directory.join("old")), &text(&directory.join("newer"))])
}

fn expect(event: &'static str, program: &str, file: PathBuf) -> Result<Vec<Expected>> {
    Ok(vec![Expected {
        rule: WATCH,
        sensor: "file",
        event,
        executable: Some(text(&executable(program)?)),
        file: Some(text(&file)),
        ..Expected::default()
    }])
}

fn text(path: &std::path::Path) -> String {
    path.display().to_string()
}
