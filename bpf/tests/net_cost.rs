//! What the network sensor costs a packet and a round trip. Not a test of speed (the machine is shared): `cargo test --release -p lapwing-bpf
//! --test net_cost -- --ignored --nocapture` prints the figures.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::Instant,
};

use common::{
    Rig,
    net::{budgets, interest, network},
};
use lapwing_bpf::{Options, Sensors};
use lapwing_engine::interest::{Interest, NetworkInterest, Processes, Selector};

const TURNS: u32 = 20_000;
const ROUNDS: usize = 7;
const BULK: usize = 256 << 20;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

/// Nanoseconds of one question and its answer.
fn ping() -> f64 {
    let (mut client, mut server) = connection();
    let answers = std::thread::spawn(move || {
        let mut byte = [0; 100];
        while server.read_exact(&mut byte).is_ok() {
            server.write_all(&byte).unwrap();
        }
    });
    let mut bytes = [7; 100];
    let start = Instant::now();
    for _ in 0..TURNS {
        client.write_all(&bytes).unwrap();
        client.read_exact(&mut bytes).unwrap();
    }
    let took = start.elapsed();
    drop(client);
    answers.join().unwrap();
    took.as_nanos() as f64 / f64::from(TURNS)
}

/// Nanoseconds of a mebibyte one way.
fn bulk() -> f64 {
    let (mut client, mut server) = connection();
    let sends = std::thread::spawn(move || {
        let block = vec![1; 1 << 18];
        for _ in 0..BULK / block.len() {
            server.write_all(&block).unwrap();
        }
    });
    let mut block = vec![0; 1 << 18];
    let start = Instant::now();
    while client.read(&mut block).unwrap() > 0 {}
    let took = start.elapsed();
    sends.join().unwrap();
    took.as_nanos() as f64 / (BULK >> 20) as f64
}

/// Nanoseconds of a connection: opened, accepted, one question, one answer, closed.
fn churn() -> f64 {
    const CONNECTIONS: u32 = 2000;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let mut bytes = [7; 100];
    let start = Instant::now();
    for _ in 0..CONNECTIONS {
        let mut client = TcpStream::connect(at).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&bytes).unwrap();
        server.read_exact(&mut bytes).unwrap();
        server.write_all(&bytes).unwrap();
        client.read_exact(&mut bytes).unwrap();
    }
    start.elapsed().as_nanos() as f64 / f64::from(CONNECTIONS)
}

fn runs(sensors: &Sensors) -> BTreeMap<String, (u64, u64)> {
    let network = sensors.programs().into_iter().filter(|p| p.name.starts_with("lw_net"));
    network.map(|p| (p.name, (p.runs, p.nanoseconds))).collect()
}

fn kinds() -> Vec<(&'static str, Option<NetworkInterest>)> {
    let payload = |budget| budgets(budget, budget);
    let others = Processes::Only(vec![Selector::Name(b"nobody".to_vec())]);
    vec![
        ("nothing", None),
        ("flows", Some(network(false))),
        (
            "payload of others",
            Some(NetworkInterest {
                only: others,
                ..network(true)
            }),
        ),
        ("payload, counted", Some(payload(0))),
        ("payload, default budgets", Some(network(true))),
        ("payload, all", Some(payload(u32::MAX))),
    ]
}

#[test]
#[ignore = "prints figures; run by hand on a quiet machine"]
fn a_packet_and_a_round_trip() {
    let options = |stats| Options {
        stats,
        network_ring: 256 << 20,
        ..Options::default()
    };
    let apply = |rig: &mut Rig, kind: Option<NetworkInterest>| {
        rig.sensors
            .apply(&kind.map_or_else(Interest::default, interest))
            .unwrap();
        rig.drain();
        rig.events.clear();
    };
    for (what, act) in [
        ("round trip", ping as fn() -> f64),
        ("connection", churn),
        ("mebibyte", bulk),
    ] {
        let mut rig = Rig::open(&options(false), &Interest::default());
        let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for (name, kind) in kinds() {
                apply(&mut rig, kind);
                times.entry(name).or_default().push(act());
            }
        }
        let median = |name: &str| {
            let mut of = times[name].clone();
            of.sort_by(f64::total_cmp);
            of[of.len() / 2]
        };
        let base = median("nothing");
        for (name, _) in kinds() {
            println!(
                "{what}: {name}: {:.0} ns, ratio {:.3}",
                median(name),
                median(name) / base
            );
        }
        drop(rig);
        let mut rig = Rig::open(&options(true), &Interest::default());
        for (name, kind) in kinds() {
            apply(&mut rig, kind);
            let before = runs(&rig.sensors);
            act();
            for (program, (runs, time)) in runs(&rig.sensors) {
                let (earlier, spent) = before.get(&program).copied().unwrap_or_default();
                let (runs, time) = (runs - earlier, time - spent);
                println!("{what}: {name}: {program}: {runs} runs, {} ns each", time / runs.max(1));
            }
        }
        println!("lost: {}", rig.lost());
    }
}
