//! The file sensor on the real kernel: a real call does the thing, exactly one event must tell it, and its twin none.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    ffi::CString,
    fs,
    io::Write as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink},
    },
    path::{Path, PathBuf},
};

use common::Rig;
use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Access, Body, Event, FileEvent, FileOp, Flavour},
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

/// Sensors that watch `in` and everything below.
fn rig(place: &Place) -> Rig {
    Rig::open(&options(), &interest(vec![place.watch("in", true)]))
}

/// `LAPWING_TEST_FLAVOUR` forces one, to test both where both work.
fn options() -> Options {
    let flavour = match std::env::var("LAPWING_TEST_FLAVOUR").as_deref() {
        Ok("function") => Some(Flavour::Function),
        Ok("syscall") => Some(Flavour::Syscall),
        _ => None,
    };
    Options {
        flavour,
        ..Options::default()
    }
}

/// The file events of this process, so far.
fn told(rig: &mut Rig) -> Vec<FileEvent> {
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.drain();
    let mine = std::process::id();
    let file = |event: Event| match event.body {
        Body::File(file) if event.header.process.pid == mine => Some(*file),
        _ => None,
    };
    std::mem::take(&mut rig.events).into_iter().filter_map(file).collect()
}

/// Does it and expects one event, which the kernel judged or which userspace has yet to resolve.
fn one(rig: &mut Rig, act: impl FnOnce()) -> FileEvent {
    told(rig);
    act();
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

#[test]
fn an_open_that_creates_is_a_create() {
    let place = Place::new();
    let mut rig = rig(&place);
    let event = one(&mut rig, || drop(fs::File::create(place.inside("new")).unwrap()));
    assert_eq!((event.op, event.errno), (FileOp::Create, 0));
    is_about(&event, &place.inside("new"));
    assert!(event.key.is_some_and(|key| key.inode != 0));
    assert_eq!(event.mode & 0o170_000, 0o100_000);
    none(&mut rig, &place, || {
        drop(fs::File::create(place.outside("new")).unwrap())
    });
    assert_eq!(rig.lost(), 0);
}

#[test]
fn an_open_for_writing_is_a_write_and_for_reading_a_read() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    fs::write(place.outside("file"), "x").unwrap();
    let mut rig = rig(&place);
    let event = one(&mut rig, || {
        drop(fs::OpenOptions::new().append(true).open(place.inside("file")).unwrap())
    });
    assert_eq!((event.op, event.flags & 0o2001), (FileOp::Write, 0o2001));
    is_about(&event, &place.inside("file"));
    let event = one(&mut rig, || drop(fs::File::open(place.inside("file")).unwrap()));
    assert_eq!(event.op, FileOp::Read);
    is_about(&event, &place.inside("file"));
    let path_only = || {
        drop(
            fs::OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(place.inside("file"))
                .unwrap(),
        )
    };
    none(&mut rig, &place, path_only);
    none(&mut rig, &place, || {
        drop(fs::File::open(place.outside("file")).unwrap())
    });
}

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

#[test]
fn permissions_and_owners() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    fs::write(place.outside("file"), "x").unwrap();
    let mut rig = rig(&place);
    let event = one(&mut rig, || {
        fs::set_permissions(place.inside("file"), fs::Permissions::from_mode(0o4755)).unwrap()
    });
    assert_eq!((event.op, event.mode & 0o7777), (FileOp::Permission, 0o4755));
    is_about(&event, &place.inside("file"));
    let event = one(&mut rig, || chown(place.inside("file"), Some(65534), None).unwrap());
    assert_eq!((event.op, event.owner), (FileOp::Permission, Some((65534, u32::MAX))));
    assert_eq!(event.flags, 0);
    one(&mut rig, || symlink("../outside", place.inside("link")).unwrap());
    let event = one(&mut rig, || {
        std::os::unix::fs::lchown(place.inside("link"), Some(65534), None).unwrap()
    });
    is_about(&event, &place.inside("link"));
    let file = fs::OpenOptions::new()
        .custom_flags(libc::O_NOFOLLOW)
        .read(true)
        .open(place.inside("file"))
        .unwrap();
    let event = one(&mut rig, || {
        file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap()
    });
    assert_eq!(
        (event.op, event.mode, &event.path),
        (FileOp::Permission, 0o100_640, &value(&place.inside("file")))
    );
    assert_eq!(event.hits.as_deref(), Some(&["watch-in".into()][..]));
    let xattr = || {
        rustix::fs::setxattr(
            place.inside("file"),
            "trusted.lapwing",
            b"x",
            rustix::fs::XattrFlags::empty(),
        )
        .unwrap()
    };
    assert_eq!(one(&mut rig, xattr).op, FileOp::Permission);
    none(&mut rig, &place, || {
        fs::set_permissions(place.outside("file"), fs::Permissions::from_mode(0o600)).unwrap()
    });
    let times = || {
        fs::File::open(place.outside("file"))
            .unwrap()
            .set_modified(std::time::SystemTime::now())
            .unwrap()
    };
    none(&mut rig, &place, times);
    file.set_modified(std::time::SystemTime::now()).unwrap();
    assert_eq!(told(&mut rig), [], "a time stamp is no permission");
}

#[test]
fn truncations_are_writes() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    let mut rig = rig(&place);
    // SAFETY: the path is a string of C.
    let truncate = || call(&place.inside("file"), |path| unsafe { libc::truncate(path, 0) });
    let event = one(&mut rig, truncate);
    assert_eq!(event.op, FileOp::Write);
    is_about(&event, &place.inside("file"));
    let event = one(&mut rig, || drop(fs::File::create(place.inside("file")).unwrap()));
    assert_eq!(event.op, FileOp::Write, "an open that truncates is one event");
    let file = fs::OpenOptions::new().append(true).open(place.inside("file")).unwrap();
    told(&mut rig);
    let event = one(&mut rig, || file.set_len(7).unwrap());
    assert_eq!((event.op, &event.path), (FileOp::Write, &value(&place.inside("file"))));
}

#[test]
fn a_replaced_file_stays_watched() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    let mut rig = Rig::open(&options(), &interest(vec![place.watch("in/file", false)]));
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
    let mut rig = Rig::open(&options(), &interest(watches));
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
    let mut rig = Rig::open(&options(), &interest(vec![place.watch("in", false)]));
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
    let mut rig = Rig::open(&options(), &interest(vec![place.watch("in/a/b/c", true)]));
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
fn refusals_tell_their_errno() {
    let place = Place::new();
    fs::write(place.inside("file"), "x").unwrap();
    fs::set_permissions(place.inside(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut rig = rig(&place);
    let script = format!(
        "cd {0}; true >> file; chmod 777 file; rm -f file; mkdir dir; mv file other; cat nothing",
        place.inside("").display()
    );
    let mut command = std::process::Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", &script])
        .stderr(std::process::Stdio::null());
    command.status().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.drain();
    let refused: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::File(file) if file.errno != 0 => Some(file),
            _ => None,
        })
        .filter(|file| {
            let text = |path: &PathBuf| path.starts_with(place.inside(""));
            file.path
                .get()
                .map(|p| PathBuf::from(std::ffi::OsStr::from_bytes(p)))
                .as_ref()
                .is_some_and(text)
                || file.raw.as_ref().is_some_and(|raw| text(&path_of(&raw.0)))
        })
        .map(|file| (file.op, file.errno))
        .collect();
    let expected = [
        (FileOp::Create, libc::EACCES), // an open with O_CREAT: whether the file is there, userspace finds out
        (FileOp::Permission, libc::EPERM),
        (FileOp::Delete, libc::EACCES),
        (FileOp::Create, libc::EACCES),
        (FileOp::Rename, libc::EACCES),
    ];
    assert_eq!(refused, expected, "{:#?}", rig.events);
}

#[test]
fn execution_of_a_watched_file() {
    let place = Place::new();
    for to in [place.inside("true"), place.outside("true")] {
        // By cp, since a descriptor for writing in here would be in what other tests fork, too (ETXTBSY at exec).
        let copied = std::process::Command::new("cp").arg("/bin/true").arg(to).status();
        assert!(copied.unwrap().success());
    }
    let mut watch = place.watch("in", true);
    watch.access = Access::from_iter([FileOp::Execute]);
    let mut rig = Rig::open(&options(), &interest(vec![watch]));
    for program in [place.inside("true"), place.outside("true")] {
        assert!(std::process::Command::new(program).status().unwrap().success());
    }
    rig.drain();
    let files: Vec<_> = rig
        .events
        .iter()
        .filter_map(|e| if let Body::File(f) = &e.body { Some(f) } else { None })
        .collect();
    assert_eq!(files.len(), 1, "{files:#?}");
    assert_eq!(
        (files[0].op, &files[0].path),
        (FileOp::Execute, &value(&place.inside("true")))
    );
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

#[test]
fn the_agent_itself_is_excluded_and_counted() {
    let place = Place::new();
    let mut rig = rig(&place);
    let own = |rig: &Rig| {
        rig.sensors
            .losses()
            .iter()
            .filter(|l| l.stage == "self")
            .map(|l| l.count)
            .sum::<u64>()
    };
    rig.sensors.exclude_self(std::process::id());
    let before = own(&rig);
    fs::write(place.inside("file"), "x").unwrap();
    assert_eq!(told(&mut rig), []);
    assert_eq!(own(&rig), before + 1);
    assert!(
        std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("echo x >> {}", place.inside("file").display()))
            .status()
            .unwrap()
            .success()
    );
    rig.drain();
    assert!(
        rig.events
            .iter()
            .any(|e| matches!(&e.body, Body::File(f) if f.path == value(&place.inside("file"))))
    );
}

#[test]
fn seen_and_lost_is_all_that_was_done() {
    const TIMES: usize = 20_000;
    let place = Place::new();
    let mut watch = place.watch("in", true);
    watch.access = Access::from_iter([FileOp::Write]);
    let mut rig = Rig::open(
        &Options {
            file_ring: 1 << 20,
            ..options()
        },
        &interest(vec![watch]),
    );
    let path = place.inside("file");
    fs::write(&path, "x").unwrap();
    told(&mut rig);
    let before = rig.lost();
    for turn in 0..TIMES {
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"")
            .unwrap();
        // Half of the time nobody reads, so that the ring overflows.
        if turn > TIMES / 2 && turn % 500 == 0 {
            rig.drain();
        }
    }
    let seen = told(&mut rig).len();
    let lost = (rig.lost() - before) as usize;
    assert_eq!(seen + lost, TIMES, "seen {seen}, lost {lost}");
    assert!(lost > 0 && seen > 0, "seen {seen}, lost {lost}: both shall be tested");
}

/// open(path, flags, 0600) by `int 0x80`; the path must lie below 4 GiB.
#[cfg(target_arch = "x86_64")]
fn open_by_int80(path: &Path, flags: i64) -> i64 {
    let string = CString::new(path.as_os_str().as_bytes()).unwrap();
    let result: i64;
    // SAFETY: a fresh page, long enough for the string; the call reads it and touches no other memory of ours.
    unsafe {
        let flags_of_page = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            flags_of_page,
            -1,
            0,
        );
        assert_ne!(page, libc::MAP_FAILED);
        assert!(string.as_bytes_with_nul().len() <= 4096);
        std::ptr::copy_nonoverlapping(
            string.as_ptr().cast::<u8>(),
            page.cast::<u8>(),
            string.as_bytes_with_nul().len(),
        );
        std::arch::asm!(
            "xchg rbx, {path}", "int 0x80", "xchg rbx, {path}",
            path = inout(reg) page => _,
            inlateout("rax") 5i64 => result,
            in("rcx") flags, in("rdx") 0o600i64,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_call_does_not_escape() {
    let place = Place::new();
    let mut rig = rig(&place);
    told(&mut rig);
    let fd = open_by_int80(&place.inside("new"), 0o101);
    if fd == -i64::from(libc::ENOSYS) {
        eprintln!("not tested: this kernel has no 32-bit calls");
        return;
    }
    assert!(fd >= 0, "{fd}");
    std::thread::sleep(std::time::Duration::from_millis(20));
    rig.drain();
    let created: Vec<_> = rig
        .events
        .iter()
        .filter(|e| matches!(&e.body, Body::File(f) if f.path == value(&place.inside("new"))))
        .collect();
    assert_eq!(created.len(), 1, "{:#?}", rig.events);
    let Body::File(file) = &created[0].body else {
        unreachable!()
    };
    assert_eq!(file.op, FileOp::Create);
    if created[0].header.flavour == Flavour::Syscall {
        let call = created[0].header.syscall.unwrap();
        assert_eq!((call.number, call.abi), (5, lapwing_engine::event::Abi::I386));
    }
}
