//! What the kernel refuses is told with its errno.

use crate::{
    act::{Act, me},
    error::Result,
    place::{Place, copy_program, executable, write},
    scenario::{Expected, Group, Scenario},
    verdict::Verdict,
};

/// As nobody: writing to shadow, deleting another's file, running what is not executable.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "refused-write-of-shadow",
            Group::Own,
            open_to_all,
            // Without O_CREAT: what a refused open would have made of a file is known to function hooks only.
            |_| Act::new("truncate", &["-c", "-s", "0", "/etc/shadow"]).as_nobody(),
            |_| refused("own-shadow", "file.write", "truncate", "/etc/shadow"),
            |place| {
                Act::new(
                    "truncate",
                    &["-c", "-s", "0", &place.tmp.join("mine").display().to_string()],
                )
                .as_nobody()
            },
        )
        .known(|_| {
            Verdict::Partial(
                "a refused open gives the kernel no file: the path is what the call said, resolved afterwards".into(),
            )
        }),
        Scenario::new(
            "refused-delete",
            Group::Own,
            |place| {
                open_to_all(place)?;
                write(&place.single.join("secret"))
            },
            |place| Act::new("rm", &["-f", &place.single.join("secret").display().to_string()]).as_nobody(),
            |place| {
                refused(
                    "own-file",
                    "file.delete",
                    "rm",
                    &place.single.join("secret").display().to_string(),
                )
            },
            |place| Act::new("rm", &["-f", &place.tmp.join("mine").display().to_string()]).as_nobody(),
        ),
        Scenario::new(
            "refused-exec",
            Group::Own,
            |place| {
                write(&place.plain.join("not-a-program"))?;
                copy_program("true", &place.plain).map(drop)
            },
            |place| Act::new(place.plain.join("not-a-program"), &[]).as_nobody(),
            |_| {
                // The one that tried is still what it was.
                let executable = Some(me()?.display().to_string());
                let rule = "own-refused-exec";
                let errno = Some("EACCES");
                Ok(vec![Expected {
                    rule,
                    sensor: "process",
                    event: "process.exec",
                    errno,
                    executable,
                    ..Expected::default()
                }])
            },
            |place| Act::new(place.plain.join("true"), &[]).as_nobody(),
        )
        .known(|_| Verdict::Partial("what was refused is named as the call wrote it, in every flavour".into())),
    ]
}

/// A file that nobody may write and delete.
fn open_to_all(place: &Place) -> Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};

    use crate::error::Context;

    write(&place.tmp.join("mine"))?;
    for (path, mode) in [(place.tmp.clone(), 0o777), (place.tmp.join("mine"), 0o666)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).context(path.display())?;
    }
    Ok(())
}

fn refused(rule: &'static str, event: &'static str, program: &str, file: &str) -> Result<Vec<Expected>> {
    let executable = Some(executable(program)?.display().to_string());
    let file = Some(file.to_owned());
    Ok(vec![Expected {
        rule,
        sensor: "file",
        event,
        errno: Some("EACCES"),
        executable,
        file,
        ..Expected::default()
    }])
}
