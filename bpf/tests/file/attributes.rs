//! Permissions and owners, and what is refused.

use std::{
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _, chown, symlink},
    },
    path::PathBuf,
};

use lapwing_engine::event::{Body, FileOp};

use crate::{Place, is_about, none, one, path_of, rig, told, value};

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
