//! What the TLS probes lose is counted.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
};

use lapwing_bpf::Options;
use lapwing_engine::interest::{Processes, Selector};

use crate::common::{
    Rig, net,
    tls::{PAIRS, certificate, interpreter, rig_for, wait, wanted},
};

/// Runs a script behind [`PAIRS`] until it has printed a line; it goes on until its standard input ends.
fn run(script: &str) -> Child {
    let place = tempfile::tempdir().unwrap();
    let mut child = interpreter()
        .args([
            "-c",
            &format!("{PAIRS}{script}print('done', flush=True)\nsys.stdin.read()\nos._exit(0)\n"),
        ])
        .arg(certificate(place.path()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "done\n");
    child
}

const MANY: &str = "
kept = [pair() for i in range(300)]
for ours, theirs in kept:
    ours.write(b'x')
    theirs.read(1)
";

#[test]
fn connections_that_give_way_are_counted() {
    let options = Options {
        connections: 64,
        ..Options::default()
    };
    let mut rig = Rig::open(&options, &net::interest(wanted()));
    rig.sensors.find_tls();
    let mut child = run(MANY);
    let table = || {
        let tables = rig.sensors.kernel_tables();
        let found = tables.iter().find(|table| table.name == "tls_connections");
        found.map_or(0, |table| table.entries)
    };
    // Others may use TLS meanwhile.
    wait("600 connections in a table of 64", || {
        let entries = table();
        entries <= 64 && rig.sensors.tls_evicted() + entries >= 600
    });
    let evicted = rig.sensors.tls_evicted();
    assert!(rig.lost_at("no_memory") >= evicted, "{evicted}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());

    drop(rig);

    // Where there is room none does, and what a process leaves is taken out.
    let mut rig = rig_for(wanted());
    let mut child = run(MANY);
    let entries = |rig: &mut Rig| {
        rig.drain();
        let tables = rig.sensors.kernel_tables();
        tables
            .iter()
            .find(|table| table.name == "tls_connections")
            .unwrap()
            .entries
    };
    assert!(entries(&mut rig) >= 600);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    wait("an emptier table", || entries(&mut rig) < 600);
    assert_eq!(rig.sensors.tls_evicted(), 0);
}

#[test]
fn what_a_killed_program_leaves_untold_is_counted() {
    let mut wanted = wanted();
    (wanted.request_budget, wanted.response_budget) = (10, 10);
    wanted.only = Processes::Only(vec![Selector::Name(b"lw-untold".to_vec())]);
    let rig = rig_for(wanted);
    let mut child = run("
open('/proc/self/comm', 'w').write('lw-untold')
kept = [pair() for i in range(5)]
for ours, theirs in kept * 2:
    ours.write(b'x' * 1000)
    theirs.read(1000)
");
    rig.sensors.kernel_tables();
    assert_eq!(rig.sensors.tls_untold(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    rig.sensors.kernel_tables();
    // Both ends of each: of the first write all was told, with ten bytes of it.
    assert_eq!(rig.sensors.tls_untold(), 10);
}

/// Which of the bytes went nobody knows; a thread that was reading got nothing.
#[test]
fn a_write_that_is_killed_is_counted_and_a_read_is_not() {
    let rig = rig_for(wanted());
    let script = |act: &str| {
        format!(
            "
import time
one, other = socket.socketpair()
accepting = threading.Thread(target=lambda: kept.append(server.wrap_socket(other, server_side=True)))
kept = []
accepting.start()
stream = client.wrap_socket(one)
accepting.join()
one = threading.Thread(target=lambda: stream.{act}, daemon=True)
one.start()
def waits_for_the_socket():
    call = open('/proc/self/task/%d/syscall' % one.native_id).read().split()
    return len(call) > 1 and int(call[1], 16) == stream.fileno()
while not waits_for_the_socket():
    time.sleep(0.01)
"
        )
    };
    for (act, count) in [("recv(1)", 0), ("sendall(b'x' * 10000000)", 1)] {
        let mut child: Child = run(&script(act));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(rig.lost_at("killed"), count, "{act}");
    }
}
