//! What the file sensor costs an open that nobody watches. Not a test of speed (the machine is shared): `cargo test --release -p lapwing-bpf
//! --test file_cost -- --ignored --nocapture` prints the ratios.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path, time::Instant};

use common::Rig;
use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Access, FileOp},
    interest::{Interest, WatchPoint},
};

const TURNS: u32 = 20_000;
const ROUNDS: usize = 15;

fn open_and_close(path: &Path, write: bool) -> f64 {
    let mut options = fs::OpenOptions::new();
    options.read(!write).write(write);
    let start = Instant::now();
    for _ in 0..TURNS {
        drop(options.open(path).unwrap());
    }
    start.elapsed().as_nanos() as f64 / f64::from(TURNS)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

#[test]
#[ignore = "prints figures; run by hand on a quiet machine"]
fn an_open_that_nobody_watches() {
    let home = tempfile::tempdir().unwrap();
    let deep = home.path().join("a/b/c/d/e");
    fs::create_dir_all(&deep).unwrap();
    let file = deep.join("file");
    fs::write(&file, "x").unwrap();
    let watch = WatchPoint {
        id: "etc".into(),
        path: b"/etc".to_vec(),
        recursive: true,
        access: Access::from_iter([
            FileOp::Create,
            FileOp::Write,
            FileOp::Permission,
            FileOp::Delete,
            FileOp::Rename,
        ]),
        success: true,
        failure: true,
    };
    let watched = Interest {
        watches: vec![watch],
        ..Interest::default()
    };
    let mut rig = Rig::open(&Options::default(), &watched);
    for (write, what) in [
        (false, "for reading: no watch can match the flags"),
        (true, "for writing: walked and not found"),
    ] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            rig.sensors.apply(&watched).unwrap();
            with.push(open_and_close(&file, write));
            rig.sensors.apply(&Interest::default()).unwrap();
            without.push(open_and_close(&file, write));
        }
        let (with, without) = (median(with), median(without));
        println!(
            "open+close {what}: {without:.0} ns without, {with:.0} ns with, ratio {:.3}",
            with / without
        );
    }
}
