//! Names that come, go and change without an open.

use std::{fs, os::unix::fs::symlink};

use lapwing_engine::event::FileOp;

use crate::{Place, call, is_about, is_to, named, none, one, rig, told};

#[test]
fn creations_without_an_open() {
    let place = Place::new();
    fs::write(place.outside("file"), "x").unwrap();
    let mut rig = rig(&place);
    let event = one(&mut rig, || fs::create_dir(place.inside("dir")).unwrap());
    assert_eq!(event.op, FileOp::Create);
    is_about(&event, &place.inside("dir"));
    let event = one(&mut rig, || symlink("text", place.inside("symlink")).unwrap());
    assert_eq!(
        (event.op, event.target.get().map(|t| t.to_vec())),
        (FileOp::Create, Some(b"text".to_vec()))
    );
    is_about(&event, &place.inside("symlink"));
    let event = one(&mut rig, || {
        fs::hard_link(place.outside("file"), place.inside("link")).unwrap()
    });
    assert_eq!(event.op, FileOp::Create);
    is_about(&event, &place.inside("link"));
    is_to(&event, &place.outside("file"));
    // SAFETY: the path is a string of C.
    let fifo = || call(&place.inside("fifo"), |path| unsafe { libc::mkfifo(path, 0o600) });
    let event = one(&mut rig, fifo);
    assert_eq!(event.op, FileOp::Create);
    is_about(&event, &place.inside("fifo"));
    none(&mut rig, &place, || fs::create_dir(place.outside("dir")).unwrap());
    none(&mut rig, &place, || symlink("text", place.outside("symlink")).unwrap());
}

#[test]
fn deletions() {
    let place = Place::new();
    for name in ["file", "other"] {
        fs::write(place.inside(name), "x").unwrap();
        fs::write(place.outside(name), "x").unwrap();
    }
    fs::create_dir(place.inside("dir")).unwrap();
    let mut rig = rig(&place);
    let event = one(&mut rig, || fs::remove_file(place.inside("file")).unwrap());
    assert_eq!((event.op, event.errno), (FileOp::Delete, 0));
    is_about(&event, &place.inside("file"));
    let event = one(&mut rig, || fs::remove_dir(place.inside("dir")).unwrap());
    assert_eq!(event.op, FileOp::Delete);
    is_about(&event, &place.inside("dir"));
    none(&mut rig, &place, || fs::remove_file(place.outside("file")).unwrap());
}

#[test]
fn a_single_name_in_a_directory_is_judged_by_the_kernel() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        fs::write(place.inside(name), "x").unwrap();
        fs::write(place.outside(name), "x").unwrap();
    }
    let mut rig = rig(&place);
    let inside = fs::File::open(place.inside("")).unwrap();
    let outside = fs::File::open(place.outside("")).unwrap();
    let event = one(&mut rig, || {
        rustix::fs::unlinkat(&inside, "a", rustix::fs::AtFlags::empty()).unwrap()
    });
    assert_eq!(event.op, FileOp::Delete);
    is_about(&event, &place.inside("a"));
    told(&mut rig);
    rustix::fs::unlinkat(&outside, "a", rustix::fs::AtFlags::empty()).unwrap();
    assert_eq!(told(&mut rig), []);
    let event = one(&mut rig, || {
        rustix::fs::renameat(&outside, "b", &inside, "new").unwrap()
    });
    assert_eq!(event.op, FileOp::Rename);
    named(&event.path, &place.outside("b"));
    named(&event.target, &place.inside("new"));
    rustix::fs::renameat(&outside, "c", &outside, "d").unwrap();
    assert_eq!(told(&mut rig), []);
}

#[test]
fn renames_match_by_either_end() {
    let place = Place::new();
    for name in ["a", "b"] {
        fs::write(place.inside(name), "x").unwrap();
        fs::write(place.outside(name), "x").unwrap();
    }
    let mut rig = rig(&place);
    for (from, to) in [
        (place.inside("a"), place.outside("a2")),
        (place.outside("a2"), place.inside("a3")),
        (place.inside("a3"), place.inside("a4")),
    ] {
        let event = one(&mut rig, || fs::rename(&from, &to).unwrap());
        assert_eq!(event.op, FileOp::Rename);
        is_about(&event, &from);
        is_to(&event, &to);
    }
    none(&mut rig, &place, || {
        fs::rename(place.outside("b"), place.outside("c")).unwrap()
    });
}
