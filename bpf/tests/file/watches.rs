//! What a watch covers: through replacement, aliases, mounts and reloads.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use lapwing_engine::{
    event::{Body, Event, FileOp},
    interest::Interest,
};

use crate::{Place, interest, one, rig, told, value, watching};

#[test]
fn a_replaced_file_stays_watched() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    let mut rig = watching(vec![place.watch("in/file", false)]);
    for _ in 0..3 {
        fs::write(place.outside("new"), "y").unwrap();
        fs::rename(place.outside("new"), place.inside("file")).unwrap();
        let event = one(&mut rig, || {
            drop(fs::OpenOptions::new().append(true).open(place.inside("file")).unwrap())
        });
        assert_eq!((event.op, &event.path), (FileOp::Write, &value(&place.inside("file"))));
    }
    // Once it was seen under its name, the new file is known by its key too.
    fs::hard_link(place.inside("file"), place.outside("alias")).unwrap();
    let event = one(&mut rig, || {
        drop(
            fs::OpenOptions::new()
                .append(true)
                .open(place.outside("alias"))
                .unwrap(),
        )
    });
    assert_eq!(event.path, value(&place.outside("alias")));
    told(&mut rig);
    fs::write(place.inside("neighbour"), "y").unwrap();
    assert_eq!(told(&mut rig), []);
}

#[test]
fn aliases_do_not_escape() {
    let place = Place::new();
    fs::create_dir(place.inside("dir")).unwrap();
    fs::write(place.inside("dir/file"), "x").unwrap();
    fs::hard_link(place.inside("dir/file"), place.outside("hard")).unwrap();
    symlink(place.inside("dir"), place.outside("soft")).unwrap();
    let watches = vec![place.watch("in", true), place.watch("in/dir/file", false)];
    let mut rig = watching(watches);
    for path in ["soft/file", "../in/dir/file", "hard"] {
        let event = one(&mut rig, || {
            drop(fs::OpenOptions::new().append(true).open(place.outside(path)).unwrap())
        });
        assert_eq!(event.op, FileOp::Write);
        assert!(event.hits.unwrap().contains(&"watch-in/dir/file".into()), "{path}");
    }
    let proc = PathBuf::from(format!("/proc/self/root{}", place.inside("dir/file").display()));
    let event = one(&mut rig, || {
        drop(fs::OpenOptions::new().append(true).open(proc).unwrap())
    });
    assert_eq!(event.path, value(&place.inside("dir/file")));
}

#[test]
fn a_watch_that_is_not_recursive_ends_at_direct_children() {
    let place = Place::new();
    fs::create_dir(place.inside("dir")).unwrap();
    let mut rig = watching(vec![place.watch("in", false)]);
    assert_eq!(
        one(&mut rig, || fs::write(place.inside("child"), "x").unwrap()).op,
        FileOp::Create
    );
    fs::write(place.inside("dir/grandchild"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
}

#[test]
fn what_does_not_exist_yet_is_watched_when_it_appears() {
    let place = Place::new();
    let mut rig = watching(vec![place.watch("in/a/b/c", true)]);
    fs::create_dir_all(place.inside("a/b/c/d")).unwrap();
    let event = one(&mut rig, || fs::write(place.inside("a/b/c/d/file"), "x").unwrap());
    assert_eq!(
        (event.op, &event.path),
        (FileOp::Create, &value(&place.inside("a/b/c/d/file")))
    );
    fs::rename(place.inside("a"), place.outside("a")).unwrap();
    fs::create_dir_all(place.inside("a/b/c")).unwrap();
    assert_eq!(
        one(&mut rig, || fs::write(place.inside("a/b/c/file"), "x").unwrap()).op,
        FileOp::Create
    );
    told(&mut rig);
    fs::write(place.inside("a/b/file"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
}

#[test]
fn a_bind_mount_does_not_escape() {
    let place = Place::new();
    fs::create_dir_all(place.inside("deep/deeper")).unwrap();
    fs::write(place.inside("deep/deeper/file"), "x").unwrap();
    let mut rig = rig(&place);
    let script = format!(
        "mount --make-rprivate / && mount --bind {} {} && echo y >> {}",
        place.inside("deep/deeper").display(),
        place.outside("").display(),
        place.outside("file").display()
    );
    let status = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .status()
        .unwrap();
    assert!(status.success());
    rig.drain();
    let file = value(&place.outside("file"));
    let written = |event: &&Event| matches!(&event.body, Body::File(f) if f.op == FileOp::Write && f.path == file && f.hits.is_some());
    assert_eq!(rig.events.iter().filter(written).count(), 1, "{:#?}", rig.events);
}

#[test]
fn a_reload_swaps_the_watches() {
    let place = Place::new();
    let mut rig = rig(&place);
    let mut other = interest(vec![place.watch("out", true)]);
    other.generation = 4;
    rig.sensors.apply(&other).unwrap();
    told(&mut rig);
    fs::write(place.inside("file"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
    fs::write(place.outside("file"), "x").unwrap();
    rig.drain();
    let event = rig
        .events
        .iter()
        .find(|e| matches!(&e.body, Body::File(f) if f.path == value(&place.outside("file"))))
        .unwrap();
    assert_eq!(event.header.generation, 4);
    rig.sensors
        .apply(&Interest {
            generation: 5,
            ..Interest::default()
        })
        .unwrap();
    told(&mut rig);
    fs::write(place.outside("more"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
}
