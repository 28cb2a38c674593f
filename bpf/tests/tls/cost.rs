//! What the TLS probes cost the programs that they look at. Run by hand:
//! `cargo test --release -p lapwing-bpf --test tls -- cost --ignored --nocapture`

use std::{path::Path, process::Stdio, time::Duration};

use lapwing_bpf::Options;
use lapwing_engine::{
    event::{Body, Event},
    interest::NetworkInterest,
};

use crate::common::{
    Rig, net,
    tls::{PAIRS, certificate, interpreter, rig_for, wanted},
};

/// Behind [`PAIRS`]: one process talks TLS to itself through memory, no socket, so that nothing but cryptography and the probes takes time.
const SCRIPT: &str = r"
import time
ends = pair()
data, best = b'x' * int(sys.argv[2]), 1e9
for turn in range(9):
    begin = time.perf_counter()
    for i in range(5000):
        ends[0].write(data)
        ends[1].read(65536)
    best = min(best, (time.perf_counter() - begin) / 5000)
print('%.2f' % (best * 1e6))
";

/// What the script prints, the ring being emptied meanwhile as the agent does; and how many bytes were copied.
fn measure(certificate: &Path, size: usize, mut rig: Option<&mut Rig>) -> (String, usize) {
    let mut child = interpreter()
        .args(["-c", &format!("{PAIRS}{SCRIPT}")])
        .arg(certificate)
        .arg(size.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut copied = 0;
    while child.try_wait().unwrap().is_none() {
        if let Some(rig) = &mut rig {
            rig.drain();
            copied += rig.events.drain(..).map(|event| copied_by(&event)).sum::<usize>();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap().trim().to_owned(), copied)
}

#[test]
#[ignore = "measures; run by hand on a quiet machine"]
fn microseconds_for_a_write_and_a_read() {
    let place = tempfile::tempdir().unwrap();
    let certificate = certificate(place.path());
    let copying = NetworkInterest {
        request_budget: u32::MAX,
        ..wanted()
    };
    for size in [100, 16_000] {
        println!("{size} bytes: {} us without", measure(&certificate, size, None).0);
        for (what, wanted) in [("past the budget", wanted()), ("every byte copied", copying.clone())] {
            let mut rig = rig_for(wanted.clone());
            let (time, copied) = measure(&certificate, size, Some(&mut rig));
            println!(
                "  {what}: {time} us; {copied} bytes copied, {} records lost",
                rig.lost()
            );
            drop(rig);
            // The kernel's statistics take some 50 ns of each run themselves.
            let options = Options {
                stats: true,
                ..Options::default()
            };
            let mut rig = Rig::open(&options, &net::interest(wanted));
            measure(&certificate, size, Some(&mut rig));
            println!("    of that in programs: {}", in_programs(&rig));
        }
    }
}

/// Microseconds in the TLS programs for each pair of calls: four runs of them.
fn in_programs(rig: &Rig) -> String {
    let programs = rig.sensors.programs();
    let tls = || {
        programs
            .iter()
            .filter(|program| program.name.starts_with("lw_tls_") && program.runs > 1000)
    };
    let each = tls().map(|program| {
        let nanoseconds = program.nanoseconds as f64 / program.runs as f64;
        format!("{} {nanoseconds:.0} ns ({} runs)", program.name, program.runs)
    });
    let pairs = tls().map(|program| program.runs).max().unwrap_or(0) as f64 / 2.0;
    let all: u64 = tls().map(|program| program.nanoseconds).sum();
    format!(
        "{:.2} us ({})",
        all as f64 / pairs / 1e3,
        each.collect::<Vec<_>>().join(", ")
    )
}

fn copied_by(event: &Event) -> usize {
    match &event.body {
        Body::Tls(data) => data.data.len(),
        _ => 0,
    }
}
