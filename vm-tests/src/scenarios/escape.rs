//! Other names for a watched file, and the edges of a watch.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::{
    act::Act,
    error::{Context, Result},
    place::{Place, executable, write},
    scenario::{Expected, Group, Scenario},
};

const FILE: &str = "own-file";
const TREE: &str = "own-tree";

/// No alias escapes; what is not watched stays quiet.
pub fn scenarios() -> Vec<Scenario> {
    [aliases(), edges()].into_iter().flatten().collect()
}

/// Appends to the one watched file by another name; the twin appends to its neighbour.
fn alias(name: &'static str, prepare: fn(&Place) -> Result<()>, act: fn(&Place) -> Act) -> Scenario {
    let twin = |place: &Place| append(&place.single.join("neighbour"));
    Scenario::new(
        name,
        Group::Own,
        prepare,
        act,
        |_| expect(FILE, "file.write", "sh"),
        twin,
    )
}

fn aliases() -> Vec<Scenario> {
    vec![
        alias("watch-of-one-file", secret, |place| {
            append(&place.single.join("secret"))
        }),
        alias(
            "escape-hard-link",
            |place| {
                secret(place)?;
                fs::hard_link(place.single.join("secret"), place.plain.join("alias")).context("link")
            },
            |place| append(&place.plain.join("alias")),
        ),
        alias(
            "escape-symlink",
            |place| {
                secret(place)?;
                symlink(place.single.join("secret"), place.plain.join("alias")).context("symlink")
            },
            |place| append(&place.plain.join("alias")),
        ),
        alias("escape-dot-dot", secret, |place| {
            append(&place.plain.join("..").join(name_of(&place.single)).join("secret"))
        }),
        alias("escape-proc-self-root", secret, |place| {
            append(
                &Path::new("/proc/self/root")
                    .join(place.single.strip_prefix("/").unwrap_or(&place.single))
                    .join("secret"),
            )
        }),
        alias(
            "escape-bind-mount",
            |place| {
                secret(place)?;
                fs::create_dir(place.plain.join("bound")).context("mkdir")
            },
            |place| {
                let bound = place.plain.join("bound");
                let line = format!(
                    "mount --bind {} {bound} && echo more >>{bound}/secret",
                    place.single.display(),
                    bound = bound.display()
                );
                // In a mount namespace of its own, so that it is gone with the process.
                Act::new("unshare", &["-m", "sh", "-c", &line])
            },
        ),
        alias(
            "escape-replaced-file",
            |place| {
                secret(place)?;
                write(&place.single.join("replacement"))?;
                fs::rename(place.single.join("replacement"), place.single.join("secret")).context("rename")
            },
            |place| append(&place.single.join("secret")),
        ),
    ]
}

fn edges() -> Vec<Scenario> {
    vec![
        tree("tree-that-appears-later", "file.create", "touch", |top| {
            Act::new("touch", &[&text(&top.join("new"))])
        }),
        tree("tree-mkdir", "file.create", "mkdir", |top| {
            Act::new("mkdir", &[&text(&top.join("directory"))])
        }),
        tree("tree-symlink", "file.create", "ln", |top| {
            Act::new("ln", &["-s", "nowhere", &text(&top.join("link"))])
        }),
        tree("tree-hard-link", "file.create", "ln", |top| {
            Act::new("ln", &[&text(&top.join("old")), &text(&top.join("second"))])
        }),
        tree("tree-chown", "file.permission", "chown", |top| {
            Act::new("chown", &["65534", &text(&top.join("old"))])
        }),
        tree("tree-deep-below", "file.create", "sh", |top| {
            Act::shell(&format!("echo >{}/sub/deeper/new", top.display()))
        }),
        tree("tree-rmdir", "file.delete", "rmdir", |top| {
            Act::new("rmdir", &[&text(&top.join("empty"))])
        }),
        Scenario::new(
            "tree-rename-out",
            Group::Own,
            trees,
            |place| {
                Act::new(
                    "mv",
                    &[&text(&place.watched.join("old")), &text(&place.plain.join("out"))],
                )
            },
            |_| expect(TREE, "file.rename", "mv"),
            |place| {
                Act::new(
                    "mv",
                    &[&text(&place.plain.join("old")), &text(&place.plain.join("out"))],
                )
            },
        ),
        Scenario::new(
            "tree-rename-in",
            Group::Own,
            trees,
            |place| {
                Act::new(
                    "mv",
                    &[&text(&place.plain.join("empty")), &text(&place.watched.join("in"))],
                )
            },
            |_| expect(TREE, "file.rename", "mv"),
            |place| Act::new("mv", &[&text(&place.plain.join("old")), &text(&place.plain.join("in"))]),
        ),
        Scenario::new(
            "tree-excludes",
            Group::Own,
            trees,
            |place| append(&place.watched.join("excluded/file")),
            |_| Ok(vec![]),
            |place| append(&place.watched.join(".old.swp")),
        ),
        Scenario::new(
            "watch-of-reads",
            Group::Own,
            secret,
            |place| Act::new("cat", &[&text(&place.single.join("secret"))]),
            |_| expect(FILE, "file.read", "cat"),
            |place| Act::new("cat", &[&text(&place.single.join("neighbour"))]),
        ),
    ]
}

/// The same act in the watched tree and in the plain one.
fn tree(name: &'static str, event: &'static str, program: &'static str, act: fn(&Path) -> Act) -> Scenario {
    let twin = move |place: &Place| act(&place.plain);
    Scenario::new(
        name,
        Group::Own,
        trees,
        move |place| act(&place.watched),
        move |_| expect(TREE, event, program),
        twin,
    )
}

fn secret(place: &Place) -> Result<()> {
    write(&place.single.join("secret"))?;
    write(&place.single.join("neighbour"))
}

fn trees(place: &Place) -> Result<()> {
    for top in [&place.watched, &place.plain] {
        for directory in ["empty", "excluded", "sub/deeper"] {
            fs::create_dir_all(top.join(directory)).context(directory)?;
        }
        for file in ["old", ".old.swp", "excluded/file"] {
            write(&top.join(file))?;
        }
    }
    Ok(())
}

fn append(path: &Path) -> Act {
    Act::shell(&format!("echo more >>{}", path.display()))
}

fn expect(rule: &'static str, event: &'static str, program: &str) -> Result<Vec<Expected>> {
    let executable = Some(text(&executable(program)?));
    Ok(vec![Expected {
        rule,
        sensor: "file",
        event,
        executable,
        ..Expected::default()
    }])
}

fn name_of(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
