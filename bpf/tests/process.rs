//! The process sensor on the real kernel: a real program does the thing, the event must tell it.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod common;

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    process::{Child, Command, Stdio},
};

use common::{Rig, everything};
use lapwing_bpf::{Options, State};
use lapwing_engine::event::{Body, Event, Exec, ExitReason, Value};

fn rig() -> Rig {
    Rig::open(&Options::default(), &everything())
}

fn run(rig: &mut Rig, command: &mut Command) -> u32 {
    let mut child: Child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    child.wait().unwrap();
    rig.until_exit(pid);
    pid
}

fn exec_of(rig: &Rig, pid: u32) -> &Exec {
    let mut execs = rig.of(pid).into_iter().filter_map(|event| match &event.body {
        Body::Exec(exec) => Some(&**exec),
        _ => None,
    });
    let exec = execs
        .next()
        .unwrap_or_else(|| panic!("no exec of {pid}: {:#?}", rig.of(pid)));
    assert!(execs.next().is_none(), "{pid} ran one program");
    exec
}

fn exit_of(rig: &Rig, pid: u32) -> ExitReason {
    let exits: Vec<_> = rig
        .of(pid)
        .into_iter()
        .filter_map(|event| match &event.body {
            Body::Exit(exit) => Some(exit.reason),
            _ => None,
        })
        .collect();
    assert_eq!(exits.len(), 1, "a process ends once: {:#?}", rig.of(pid));
    exits[0]
}

fn namespace(name: &str) -> u32 {
    u32::try_from(fs::metadata(format!("/proc/self/ns/{name}")).unwrap().ino()).unwrap()
}

fn number(path: &str) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn each_hook_is_attached_in_one_flavour() {
    let rig = rig();
    let hooks = rig.sensors.hooks();
    for name in ["process-lifecycle", "exec-failure", "credentials"] {
        let attached: Vec<_> = hooks
            .iter()
            .filter(|h| h.hook == name && h.state == State::Attached)
            .map(|h| h.flavour)
            .collect();
        assert_eq!(attached.len(), 1, "{name}: {hooks:#?}");
        println!("{name}: {}", format!("{:?}", attached[0]).to_lowercase());
        if let (Some(asked), true) = (common::asked_flavour(), name != "process-lifecycle") {
            assert_eq!(attached[0], asked, "{name}: {hooks:#?}");
        }
    }
    for hook in hooks.iter().filter(|h| h.state != State::NotNeeded) {
        println!("{hook:?}");
    }
    assert!(rig.sensors.map_memory() > 1 << 20, "the rings alone take more");
    assert!(rig.sensors.programs().iter().any(|p| p.name == "lw_on_exec"));
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
fn a_fork_tells_its_child() {
    let mut rig = rig();
    let pid = run(&mut rig, &mut Command::new("/bin/true"));
    let me = std::process::id();
    let forks: Vec<_> = rig
        .of(me)
        .into_iter()
        .filter_map(|event| match &event.body {
            Body::Fork(fork) if fork.child.pid == pid => Some(fork),
            _ => None,
        })
        .collect();
    assert_eq!(forks.len(), 1);
    let exec = rig.of(pid)[0].header.process;
    assert_eq!(
        forks[0].child, exec,
        "the key of the fork is that of what the child does"
    );
    assert_eq!(forks[0].snapshot.parent.pid, me);
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
fn a_signal_is_told_as_one() {
    let mut rig = rig();
    let pid = run(&mut rig, Command::new("/bin/sh").args(["-c", "kill -SEGV $$"]));
    assert!(matches!(exit_of(&rig, pid), ExitReason::Signal { number: 11, .. }));
    let pid = run(&mut rig, Command::new("/bin/sh").args(["-c", "kill -KILL $$"]));
    assert_eq!(
        exit_of(&rig, pid),
        ExitReason::Signal {
            number: 9,
            core_dumped: false
        }
    );
}

#[test]
fn many_threads_end_once() {
    let mut rig = rig();
    let test = std::env::current_exe().unwrap();
    for _ in 0..20 {
        let pid = run(
            &mut rig,
            Command::new(&test)
                .args(["--exact", "helper_threads", "--ignored"])
                .env("LAPWING_HELPER", "1"),
        );
        assert_eq!(exit_of(&rig, pid), ExitReason::Code(7));
    }
}

/// Not a test: what `many_threads_end_once` runs.
#[test]
#[ignore = "run by many_threads_end_once"]
fn helper_threads() {
    if std::env::var_os("LAPWING_HELPER").is_some() {
        for _ in 0..16 {
            std::thread::spawn(std::thread::park);
        }
        std::process::exit(7);
    }
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
    fs::copy("/bin/true", &program).unwrap();
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

#[test]
fn becoming_root_by_a_call_is_told_once_and_so_is_the_refusal() {
    use rustix::{process::Uid, thread};
    let mut rig = rig();
    let nobody = Uid::from_raw(65534);
    std::thread::spawn(move || {
        thread::set_thread_res_uid(None::<Uid>, nobody, None::<Uid>).unwrap();
        thread::set_thread_res_uid(None::<Uid>, Uid::ROOT, None::<Uid>).unwrap();
        thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        thread::set_thread_uid(Uid::ROOT).unwrap_err();
    })
    .join()
    .unwrap();
    let me = std::process::id();
    let changes = |events: &[Event]| -> Vec<_> {
        events
            .iter()
            .filter(|event| event.header.process.pid == me)
            .filter_map(|event| match &event.body {
                Body::Credentials(change) => {
                    Some((change.before.euid, change.after.euid, change.by_call, change.errno))
                }
                _ => None,
            })
            .collect()
    };
    rig.until(|events| changes(events).len() >= 2);
    assert_eq!(changes(&rig.events), [(65534, 0, true, 0), (65534, 65534, true, 1)]);
}

/// What a server does once it listens. The calls that change nothing, and a thread that changes alone, are no news.
#[test]
fn a_process_that_gives_root_up_is_told_as_who_it_becomes() {
    use rustix::{process::Uid, thread};
    let mut rig = rig();
    let act_as = |uid: Uid| thread::set_thread_res_uid(uid, uid, uid).unwrap();
    let server = common::net::fork(|| {
        act_as(Uid::ROOT);
        std::thread::spawn(move || act_as(Uid::from_raw(65533))).join().unwrap();
        act_as(Uid::from_raw(65534));
        act_as(Uid::from_raw(65534));
    });
    common::net::wait(server);
    rig.until_exit(server);
    let changes: Vec<_> = rig
        .of(server)
        .into_iter()
        .filter_map(|event| match &event.body {
            Body::Credentials(change) => {
                Some((change.before.euid, change.after.uid, change.after.euid, change.by_call))
            }
            _ => None,
        })
        .collect();
    assert_eq!(changes, [(0, 65534, 65534, true)]);
}

#[test]
fn credentials_that_changed_while_nobody_asked_are_no_change() {
    use rustix::{process::Uid, thread};
    let mut interest = everything();
    let mut rig = Rig::open(&Options::default(), &interest);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (done, step) = std::sync::mpsc::channel::<()>();
    let worker = std::thread::spawn(move || {
        thread::set_thread_res_uid(None::<Uid>, Uid::from_raw(65534), None::<Uid>).unwrap();
        done.send(()).unwrap();
        wait.recv().unwrap();
        thread::set_thread_res_uid(None::<Uid>, Uid::ROOT, None::<Uid>).unwrap();
        done.send(()).unwrap();
        wait.recv().unwrap();
        Command::new("/bin/true").status().unwrap();
    });
    step.recv().unwrap();
    interest.credentials = false;
    rig.sensors.apply(&interest).unwrap();
    go.send(()).unwrap();
    step.recv().unwrap();
    rig.sensors.apply(&everything()).unwrap();
    go.send(()).unwrap();
    worker.join().unwrap();
    rig.drain();
    let me = std::process::id();
    assert!(rig.of(me).iter().any(|event| matches!(event.body, Body::Fork(_))));
    let changes: Vec<_> = rig
        .of(me)
        .into_iter()
        .filter(|event| matches!(event.body, Body::Credentials(_)))
        .collect();
    assert!(changes.is_empty(), "{changes:#?}");
}

#[test]
fn what_runs_already_is_seeded_parents_first() {
    let mut rig = rig();
    let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let events = rig.sensors.seed().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let place = |pid: u32| events.iter().position(|event| event.header.process.pid == pid);
    let (me, sleep) = (place(std::process::id()).unwrap(), place(child.id()).unwrap());
    assert!(place(1).unwrap() < me && me < sleep);
    let Body::Snapshot(snapshot) = &events[sleep].body else {
        panic!("{:?}", events[sleep])
    };
    assert_eq!(snapshot.parent, events[me].header.process);
    assert_eq!(
        snapshot
            .args
            .get()
            .unwrap()
            .iter()
            .map(|a| a.to_text())
            .collect::<Vec<_>>(),
        ["/bin/sleep", "60"]
    );
    assert_eq!(
        snapshot.executable.get().unwrap().to_text(),
        fs::canonicalize("/bin/sleep").unwrap().to_string_lossy()
    );
    let kernel_thread = events.iter().find(|event| event.header.process.pid == 2).unwrap();
    assert!(matches!(&kernel_thread.body, Body::Snapshot(s) if s.executable == Value::Missing));
}

#[test]
fn the_agents_own_actions_are_excluded_and_counted() {
    let mut rig = rig();
    let count = |rig: &Rig| {
        rig.sensors
            .losses()
            .iter()
            .filter(|l| l.stage == "self")
            .map(|l| l.count)
            .sum::<u64>()
    };
    let before = count(&rig);
    rig.sensors.exclude_self(std::process::id());
    let pid = run(&mut rig, &mut Command::new("/bin/true"));
    assert_eq!(count(&rig), before + 1, "the fork");
    assert!(rig.of(std::process::id()).is_empty());
    assert_eq!(exit_of(&rig, pid), ExitReason::Code(0), "its child is another process");
}

#[test]
fn what_no_rule_needs_is_not_attached_until_one_does() {
    let mut interest = everything();
    interest.exec_failures = false;
    let mut rig = Rig::open(&Options::default(), &interest);
    let attached = |rig: &Rig| {
        rig.sensors
            .hooks()
            .iter()
            .any(|h| h.hook == "exec-failure" && h.state == State::Attached)
    };
    assert!(!attached(&rig));
    rig.sensors.apply(&everything()).unwrap();
    assert!(attached(&rig));
    rig.sensors.apply(&interest).unwrap();
    assert!(!attached(&rig));
}

/// A directory of this test, which outlives it in /tmp only when the test fails.
fn tempdir(name: &str) -> String {
    let path = format!("/tmp/lapwing-test-{}-{name}", std::process::id());
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
