//! Programs that are run, or refused.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    process::Command,
};

use lapwing_engine::event::{Body, Event, ExitReason, Value};

use crate::{exec_of, exit_of, rig, run, tempdir};

fn namespace(name: &str) -> u32 {
    u32::try_from(fs::metadata(format!("/proc/self/ns/{name}")).unwrap().ino()).unwrap()
}

pub fn number(path: &str) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn an_exec_tells_what_the_process_is() {
    let mut rig = rig();
    let directory = tempdir("cwd");
    let pid = run(
        &mut rig,
        Command::new("/bin/sh")
            .args(["-c", "exit 3", "two words"])
            .current_dir(&directory),
    );
    assert_eq!(exit_of(&rig, pid), ExitReason::Code(3));

    let exec = exec_of(&rig, pid);
    let is = &exec.snapshot;
    let file = fs::canonicalize("/bin/sh").unwrap();
    let text = |value: &Value<lapwing_engine::event::Bytes>| value.get().map(|bytes| bytes.to_text());
    assert_eq!(text(&is.executable), Some(file.to_string_lossy().into_owned()));
    assert!(matches!(is.executable, Value::Known(_)));
    assert_eq!(text(&exec.filename), Some("/bin/sh".into()));
    assert_eq!(text(&is.cwd), Some(directory.clone()));
    let args: Vec<_> = is.args.get().unwrap().iter().map(|a| a.to_text()).collect();
    assert_eq!(args, ["/bin/sh", "-c", "exit 3", "two words"]);
    assert!(!is.args.is_partial());
    assert_eq!(is.parent.pid, std::process::id());
    assert_eq!(is.name.to_text(), "sh");
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(is.executable_key.unwrap().inode, metadata.ino());
    assert_eq!(
        (exec.mode, exec.links),
        (metadata.mode(), u32::try_from(metadata.nlink()).unwrap())
    );
    let expected = (
        namespace("pid_for_children"),
        namespace("mnt"),
        namespace("net"),
        namespace("user"),
    );
    assert_eq!(
        (
            is.namespaces.pid,
            is.namespaces.mnt,
            is.namespaces.net,
            is.namespaces.user
        ),
        expected
    );
    assert_eq!(is.loginuid, number("/proc/self/loginuid"));
    assert_eq!(is.session, number("/proc/self/sessionid"));
    let sid = rustix::process::getsid(None).unwrap().as_raw_nonzero().get();
    assert_eq!(is.sid, u32::try_from(sid).unwrap());
    assert_eq!((is.credentials.uid, is.credentials.euid, exec.before.euid), (0, 0, 0));
    let effective = fs::read_to_string("/proc/self/status").unwrap();
    let effective = effective
        .lines()
        .find_map(|l| l.strip_prefix("CapEff:"))
        .unwrap()
        .trim()
        .to_owned();
    assert_eq!(
        is.credentials.cap_effective,
        u64::from_str_radix(&effective, 16).unwrap()
    );
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let cgroup = text(&is.cgroup).unwrap();
    assert!(
        cgroups.lines().any(|line| line.ends_with(&format!(":{cgroup}"))),
        "{cgroup} in {cgroups}"
    );
}

#[test]
fn arguments_past_the_bound_are_partial() {
    let mut rig = rig();
    let pid = run(&mut rig, Command::new("/bin/true").args(vec!["x".repeat(100); 100]));
    let args = &exec_of(&rig, pid).snapshot.args;
    assert!(args.is_partial());
    let bytes: usize = args.get().unwrap().iter().map(|a| a.len() + 1).sum();
    assert!((4000..=4097).contains(&bytes), "{bytes}");
}

#[test]
fn a_refused_exec_is_told_with_its_error() {
    let mut rig = rig();
    let directory = tempdir("refused");
    let missing = format!("{directory}/is-not-there");
    assert!(Command::new(&missing).spawn().is_err());
    let locked = format!("{directory}/locked");
    fs::write(&locked, "#!/bin/sh\n").unwrap();
    assert!(Command::new(&locked).spawn().is_err());
    let refused = |events: &[Event], path: &str| -> Vec<i32> {
        events
            .iter()
            .filter_map(|event| match &event.body {
                Body::ExecFailure(f) if f.filename.get().is_some_and(|n| **n == *path.as_bytes()) => Some(f.errno),
                _ => None,
            })
            .collect()
    };
    rig.until(|events| !refused(events, &locked).is_empty());
    assert_eq!(refused(&rig.events, &missing), [2], "ENOENT");
    assert_eq!(refused(&rig.events, &locked), [13], "EACCES");
}

#[test]
fn a_program_that_is_no_file_has_the_name_of_its_memory() {
    use std::{io::Write, os::fd::AsRawFd};
    let mut rig = rig();
    let memory = rustix::fs::memfd_create("lapwing-test", rustix::fs::MemfdFlags::empty()).unwrap();
    let mut memory = fs::File::from(memory);
    memory.write_all(&fs::read("/bin/true").unwrap()).unwrap();
    // Nobody may have it open for writing while it runs: through a second descriptor, for reading, with the first one closed.
    let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    let reading = fs::File::open(&path).unwrap();
    drop(memory);
    let path = format!("/proc/{}/fd/{}", std::process::id(), reading.as_raw_fd());
    let pid = run(&mut rig, &mut Command::new(path));
    let exec = exec_of(&rig, pid);
    assert_eq!(exec.snapshot.executable, Value::Partial("/memfd:lapwing-test".into()));
    assert_eq!(exec.links, 0);
}

#[test]
fn a_setuid_program_shows_who_ran_it() {
    let mut rig = rig();
    let program = format!("{}/setuid", tempdir("setuid"));
    // By cp, since a descriptor for writing in here would be in what other tests fork, too (ETXTBSY at exec).
    assert!(
        Command::new("cp")
            .args(["/bin/true", &program])
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let pid = run(&mut rig, Command::new(&program).uid(65534).gid(65534));
    let exec = exec_of(&rig, pid);
    assert_eq!((exec.before.uid, exec.before.euid), (65534, 65534));
    assert_eq!(
        (exec.snapshot.credentials.uid, exec.snapshot.credentials.euid),
        (65534, 0)
    );
    assert_eq!(exec.mode & 0o7777, 0o4755);
    let changes = rig
        .of(pid)
        .into_iter()
        .filter(|event| matches!(&event.body, Body::Credentials(change) if change.after.euid == 0))
        .count();
    assert_eq!(changes, 0, "the exec tells it, and nothing else does");

    let pid = run(&mut rig, Command::new("/bin/true").uid(65534).gid(65534));
    let exec = exec_of(&rig, pid);
    assert_eq!((exec.before.euid, exec.snapshot.credentials.euid), (65534, 65534));
}
