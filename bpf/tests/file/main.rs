//! The file sensor on the real kernel: a real call does the thing, exactly one event must tell it, and its twin none.

#![allow(clippy::unwrap_used)]

mod attributes;
#[path = "../common/mod.rs"]
mod common;
mod counted;
mod names;
mod opens;
mod watches;

use std::{
    ffi::CString,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use common::Rig;
use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Body, Event, FileEvent, FileOp},
    interest::{Interest, WatchPoint},
};

/// A directory to watch and one beside it that nobody watches.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("in")).unwrap();
        fs::create_dir(home.path().join("out")).unwrap();
        Place { home }
    }

    fn inside(&self, name: &str) -> PathBuf {
        self.home.path().join("in").join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.home.path().join("out").join(name)
    }

    fn watch(&self, path: &str, recursive: bool) -> WatchPoint {
        WatchPoint {
            id: format!("watch-{path}").into(),
            path: self.home.path().join(path).as_os_str().as_bytes().to_vec(),
            recursive,
            access: FileOp::ALL.into_iter().collect(),
            success: true,
            failure: true,
        }
    }
}

fn interest(watches: Vec<WatchPoint>) -> Interest {
    Interest {
        generation: 3,
        watches,
        ..Interest::default()
    }
}

fn watching(watches: Vec<WatchPoint>) -> Rig {
    Rig::open(&Options::default(), &interest(watches))
}

/// Sensors that watch `in` and everything below.
fn rig(place: &Place) -> Rig {
    watching(vec![place.watch("in", true)])
}

/// Its file, if it is this process's.
fn mine(event: &Event) -> Option<&FileEvent> {
    match &event.body {
        Body::File(file) if event.header.process.pid == std::process::id() => Some(file),
        _ => None,
    }
}

/// The file events of this process, so far.
fn told(rig: &mut Rig) -> Vec<FileEvent> {
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.drain();
    std::mem::take(&mut rig.events)
        .iter()
        .filter_map(|event| mine(event).cloned())
        .collect()
}

/// Does it and expects one event, which the kernel judged or which userspace has yet to resolve.
fn one(rig: &mut Rig, act: impl FnOnce()) -> FileEvent {
    told(rig);
    act();
    // It can be behind another's record that is still being written.
    rig.until(|events| events.iter().any(|event| mine(event).is_some()));
    let mut told = told(rig);
    assert_eq!(told.len(), 1, "{told:#?} by {:#?}", rig.sensors.hooks());
    told.remove(0)
}

/// Does it and expects no event that a watch could match.
fn none(rig: &mut Rig, place: &Place, act: impl FnOnce()) {
    told(rig);
    act();
    let told: Vec<_> = told(rig)
        .into_iter()
        .filter(|event| event.hits.is_some() || below(event, &place.inside("")))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// Whether one of the strings of a call that userspace has to resolve leads into `directory`.
fn below(event: &FileEvent, directory: &Path) -> bool {
    let Some(raw) = &event.raw else { return false };
    [Some(&raw.0), raw.1.as_ref()]
        .into_iter()
        .flatten()
        .any(|raw| path_of(raw).starts_with(directory.parent().unwrap()) && path_of(raw).starts_with(directory))
}

fn path_of(raw: &lapwing_engine::event::RawPath) -> PathBuf {
    let base = raw.base.get().map(|base| base.to_vec()).unwrap_or_default();
    let given = raw.given.get().map(|given| given.to_vec()).unwrap_or_default();
    Path::new(std::ffi::OsStr::from_bytes(&base)).join(std::ffi::OsStr::from_bytes(&given))
}

fn value(path: &Path) -> lapwing_engine::event::Value<lapwing_engine::event::Bytes> {
    lapwing_engine::event::Value::Known(path.as_os_str().as_bytes().into())
}

/// A path that the kernel resolved is known; one that was read from a call is only partly so.
fn named(told: &lapwing_engine::event::Value<lapwing_engine::event::Bytes>, path: &Path) {
    assert_eq!(told.get(), value(path).get());
}

/// The event is about this path: as the kernel resolved it, or as the call gave it.
fn is_about(event: &FileEvent, path: &Path) {
    match &event.raw {
        None => {
            named(&event.path, path);
            assert_eq!(event.hits.as_deref(), Some(&["watch-in".into()][..]));
        }
        Some(raw) => {
            assert_eq!(path_of(&raw.0), path);
            assert!(event.hits.is_none());
        }
    }
}

fn is_to(event: &FileEvent, path: &Path) {
    match &event.raw {
        None => assert_eq!(event.target, value(path)),
        Some(raw) => assert_eq!(path_of(raw.1.as_ref().unwrap()), path),
    }
}

fn call(path: &Path, call: impl FnOnce(*const libc::c_char) -> i32) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    assert_eq!(call(path.as_ptr()), 0, "{}", std::io::Error::last_os_error());
}
