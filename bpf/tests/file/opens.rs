//! Creations, writes, reads and executions: whatever opens a file, or cuts it.

use std::{
    ffi::CString,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::Path,
};

use lapwing_engine::event::{Access, Body, FileOp, Flavour};

use crate::{Place, call, is_about, none, one, rig, told, value, watching};

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
fn execution_of_a_watched_file() {
    let place = Place::new();
    for to in [place.inside("true"), place.outside("true")] {
        // By cp, since a descriptor for writing in here would be in what other tests fork, too (ETXTBSY at exec).
        let copied = std::process::Command::new("cp").arg("/bin/true").arg(to).status();
        assert!(copied.unwrap().success());
    }
    let mut watch = place.watch("in", true);
    watch.access = Access::from_iter([FileOp::Execute]);
    let mut rig = watching(vec![watch]);
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
