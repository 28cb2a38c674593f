//! The process table: what it knows, what it forgets, and that it says so.

use lapwing_engine::{
    event::{Body, BootTime, Bytes, Event, ExitReason, ProcessKey, Value},
    process::{Limits, Table},
    synthetic::Synthetic,
};

const SECOND: u64 = 1_000_000_000;

fn observe(table: &mut Table, events: &[Event]) {
    for event in events {
        table.expire(event.header.time);
        table.update(event);
    }
}

fn table(events: &[Event]) -> Table {
    let mut table = Table::new(Limits::default());
    observe(&mut table, events);
    table
}

fn ancestors(table: &Table, key: &ProcessKey) -> Vec<u32> {
    table.ancestors(key).map(|process| process.key.pid).collect()
}

#[test]
fn a_child_is_what_its_parent_is_until_it_execs() {
    let mut stream = Synthetic::new();
    stream
        .snapshot(1, 0, "/sbin/init")
        .fork(1, 20)
        .exec(20, "/bin/bash", &["bash", "-l"])
        .fork(20, 30);
    let (bash, child) = (stream.key(20), stream.key(30));
    // The fork's record says only what the kernel gives cheaply.
    let mut events = stream.take();
    if let Some(Body::Fork(fork)) = events.last_mut().map(|event| &mut event.body) {
        fork.snapshot.executable = Value::Missing;
        fork.snapshot.args = Value::Missing;
        fork.snapshot.cwd = Value::Missing;
        fork.snapshot.name = Bytes::default();
    }
    let mut table = table(&events);
    let born = table.get(&child).expect("known").snapshot.clone();
    assert_eq!(born.executable, Value::Known(Bytes::from("/bin/bash")));
    assert_eq!((born.name, born.parent), (Bytes::from("bash"), bash));
    assert_eq!(born.args, Value::Known(vec![Bytes::from("bash"), Bytes::from("-l")]));

    observe(&mut table, &stream.exec(30, "/usr/bin/id", &["id"]).take());
    let now = table.get(&child).expect("known");
    assert_eq!(now.snapshot.executable, Value::Known(Bytes::from("/usr/bin/id")));
    assert_eq!(
        now.previous.as_ref().map(|image| image.name.to_text()),
        Some("bash".to_owned())
    );
    assert_eq!(ancestors(&table, &child), [20, 1]);
}

#[test]
fn lineage_goes_by_the_parent_that_made_it() {
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init").fork(1, 20).fork(20, 30);
    let (init, made) = (stream.key(1), stream.key(30));
    // Its parent ends, the kernel gives it to init, and the exec tells that one.
    stream
        .exit(20, 0)
        .exec_with(30, "/tmp/x", &["x"], |exec| exec.snapshot.parent = init);
    let table = table(&stream.take());
    assert_eq!(ancestors(&table, &made), [20, 1]);
}

#[test]
fn an_ended_process_is_kept_a_while_and_as_long_as_its_descendants() {
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init").fork(1, 20).fork(1, 21).fork(20, 30);
    let (parent, alone, child) = (stream.key(20), stream.key(21), stream.key(30));
    stream.kill(20, 11).exit(21, 3);
    let ended = stream.now();
    let mut table = table(&stream.take());
    assert!(matches!(
        table.get(&parent).and_then(|process| process.exit),
        Some((_, ExitReason::Signal { number: 11, .. }))
    ));
    assert!(matches!(
        table.get(&alone).and_then(|process| process.exit),
        Some((_, ExitReason::Code(3)))
    ));

    table.expire(BootTime(ended.0 + 59 * SECOND));
    assert!(table.get(&alone).is_some());
    table.expire(BootTime(ended.0 + 61 * SECOND));
    assert!(table.get(&alone).is_none());
    assert_eq!(
        ancestors(&table, &child),
        [20, 1],
        "the child's lineage needs its parent"
    );

    observe(&mut table, &stream.exit(30, 0).take());
    table.expire(BootTime(ended.0 + 200 * SECOND));
    assert_eq!((table.get(&parent).is_none(), table.len()), (true, 1));
}

#[test]
fn what_was_seen_is_not_overwritten_by_a_later_snapshot() {
    let mut stream = Synthetic::new();
    stream
        .snapshot(1, 0, "/sbin/init")
        .fork(1, 20)
        .exec(20, "/bin/new", &["new"]);
    let key = stream.key(20);
    stream.snapshot(20, 1, "/bin/old");
    let table = table(&stream.take());
    assert_eq!(
        table.get(&key).expect("known").snapshot.executable,
        Value::Known(Bytes::from("/bin/new"))
    );
}

#[test]
fn a_late_fork_only_tells_the_parent() {
    let mut stream = Synthetic::new();
    stream
        .snapshot(1, 0, "/sbin/init")
        .fork(1, 20)
        .fork(20, 30)
        .exec(30, "/bin/ls", &["ls"]);
    let key = stream.key(30);
    let mut events = stream.take();
    if let Body::Exec(exec) = &mut events[3].body {
        exec.snapshot.parent = ProcessKey::default();
    }
    events.swap(2, 3);
    let table = table(&events);
    assert_eq!(
        table.get(&key).expect("known").snapshot.executable,
        Value::Known(Bytes::from("/bin/ls"))
    );
    assert_eq!(ancestors(&table, &key), [20, 1]);
    assert_eq!(table.counters().unknown, 1);
}

#[test]
fn a_process_whose_beginning_was_lost_is_not_made_up() {
    let mut stream = Synthetic::new();
    let key = stream.key(77);
    stream.file(77, lapwing_engine::event::FileOp::Write, "/etc/x").file(
        77,
        lapwing_engine::event::FileOp::Write,
        "/etc/y",
    );
    let mut table = table(&stream.take());
    assert!(table.get(&key).is_none());
    assert_eq!(
        (table.counters().unknown, table.lineage_root(&key)),
        (1, key),
        "counted once, stands for itself"
    );

    // The task iterator finds it later.
    observe(&mut table, &stream.snapshot(77, 0, "/usr/bin/late").take());
    assert!(table.get(&key).is_some());
    // An exit that was seen before its snapshot stays seen.
    stream.snapshot(78, 0, "/usr/bin/gone");
    let gone = stream.key(78);
    let snapshot = stream.take();
    observe(&mut table, &stream.exit(78, 1).take());
    observe(&mut table, &snapshot);
    assert!(table.get(&gone).is_some_and(|process| process.exit.is_some()));
}

#[test]
fn a_pid_that_turns_up_again_ends_the_process_that_had_it() {
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init").fork(1, 20);
    let first = stream.key(20);
    stream.wait(1.0).fork(1, 20);
    let second = stream.key(20);
    let end = stream.now();
    let mut table = table(&stream.take());
    assert_ne!(first, second);
    assert_eq!(table.counters().lost_exits, 1);
    assert!(
        table.get(&first).is_some_and(|process| process.exit.is_none()),
        "how it ended is not known"
    );
    table.expire(BootTime(end.0 + 61 * SECOND));
    assert!(table.get(&first).is_none() && table.get(&second).is_some());
}

#[test]
fn a_million_processes_stay_within_the_bound() {
    let mut stream = Synthetic::new();
    let mut table = Table::new(Limits {
        max_processes: 1000,
        ..Limits::default()
    });
    stream.snapshot(1, 0, "/sbin/init").snapshot(2, 1, "/bin/sh");
    observe(&mut table, &stream.take());
    let shell = stream.key(2);
    let mut last = shell;
    for pid in 0..500_000 {
        stream.fork(2, 100 + pid);
        last = stream.key(100 + pid);
        observe(&mut table, &stream.exit(100 + pid, 0).take());
    }
    assert!(table.len() <= 1000);
    assert_eq!(table.counters().evicted_ended, 500_000 - 998);
    assert_eq!((table.counters().evicted_living, table.counters().unknown), (0, 0));
    assert_eq!(ancestors(&table, &last), [2, 1]);

    // None of these ends: living ones must go, those with children last.
    for pid in 0..500_000 {
        stream.fork(2, 1_000_000 + pid);
        observe(&mut table, &stream.take());
    }
    assert!(table.len() <= 1000);
    assert_eq!(
        table.counters().evicted_living + table.counters().evicted_ended,
        1_000_000 - 998
    );
    assert!(table.get(&shell).is_some());
}

#[test]
fn a_login_session_a_service_and_a_container_are_lineages() {
    let cgroup = |path: &str| Value::Known(Bytes::from(path));
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init");
    stream.snapshot_with(10, 1, "/usr/sbin/sshd", |process| {
        process.cgroup = cgroup("/system.slice/ssh.service")
    });
    // The login: a child of the daemon, which pam gives a session of its own.
    stream.fork(10, 20).change(20, |process| {
        process.session = 5;
        process.cgroup = cgroup("/user.slice/user-0.slice/session-5.scope");
    });
    stream.fork(20, 30).exec(30, "/bin/bash", &["-bash"]);
    // Leaving the session does not leave the login.
    stream
        .change(30, |process| process.sid = 30)
        .fork(30, 40)
        .change(40, |process| process.sid = 40)
        .exec(40, "/tmp/x", &["x"]);
    let (sshd, login, shell, far) = (stream.key(10), stream.key(20), stream.key(30), stream.key(40));
    // A container that a service runs.
    let id = "ab".repeat(32);
    stream.fork(10, 50).change(50, |process| {
        process.cgroup = cgroup(&format!("/system.slice/docker-{id}.scope"))
    });
    stream.exec(50, "/entry", &["entry"]).fork(50, 60);
    let (entry, inside) = (stream.key(50), stream.key(60));
    let table = table(&stream.take());

    let root = |key: &ProcessKey| table.lineage_root(key).pid;
    assert_eq!(
        (root(&sshd), root(&login)),
        (10, 20),
        "the daemon is a lineage of its own"
    );
    assert_eq!((root(&shell), root(&far)), (20, 20));
    assert_eq!((root(&entry), root(&inside)), (50, 50));
}

#[test]
fn without_audit_and_units_the_session_decides_but_a_terminal_is_not_left() {
    let mut stream = Synthetic::new();
    stream.snapshot(1, 0, "/sbin/init").snapshot(10, 1, "/usr/sbin/cron");
    stream
        .fork(10, 20)
        .change(20, |process| process.sid = 20)
        .exec(20, "/bin/sh", &["sh"])
        .fork(20, 21);
    let (job, step) = (stream.key(20), stream.key(21));
    stream.fork(1, 30).change(30, |process| {
        process.sid = 30;
        process.tty = Value::Known(Bytes::from("pts0"));
    });
    stream
        .exec(30, "/bin/bash", &["bash"])
        .fork(30, 40)
        .change(40, |process| {
            process.sid = 40;
            process.tty = Value::Missing;
        });
    stream.exec(40, "/usr/bin/setsid", &["setsid", "x"]);
    let (shell, escaped) = (stream.key(30), stream.key(40));
    let table = table(&stream.take());
    assert_eq!((table.lineage_root(&job), table.lineage_root(&step)), (job, job));
    assert_eq!(
        (table.lineage_root(&shell), table.lineage_root(&escaped)),
        (shell, shell)
    );
}

#[test]
fn a_chain_of_forks_deeper_than_any_bound_is_one_lineage() {
    let mut stream = Synthetic::new();
    stream
        .snapshot(1, 0, "/sbin/init")
        .snapshot_with(10, 1, "/bin/bash", |process| process.session = 7);
    for pid in 10..1000 {
        stream.fork(pid, pid + 1).exit(pid, 0);
    }
    let deepest = stream.key(1000);
    let events = stream.take();
    let table = table(&events);
    assert_eq!(table.lineage_root(&deepest).pid, 10);
    assert_eq!(
        table.ancestors(&deepest).count(),
        lapwing_engine::process::MAX_ANCESTORS
    );
}
