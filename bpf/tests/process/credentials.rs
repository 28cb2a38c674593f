//! Who becomes whom by a call.

use std::process::Command;

use lapwing_bpf::Options;
use lapwing_engine::event::{Body, Event};

use crate::{
    common::{Rig, everything},
    rig,
};

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
    let server = crate::common::net::fork(|| {
        act_as(Uid::ROOT);
        std::thread::spawn(move || act_as(Uid::from_raw(65533))).join().unwrap();
        act_as(Uid::from_raw(65534));
        act_as(Uid::from_raw(65534));
    });
    crate::common::net::wait(server);
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
