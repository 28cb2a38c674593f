//! What the TLS probes cost the programs that they look at. Run by hand:
//! `cargo test --release -p lapwing-bpf --test tls_cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::tls::{certificate, interpreter, rig_for, wanted};

/// One process talks TLS to itself through memory: no socket, so that nothing but cryptography and the probes takes time.
const SCRIPT: &str = r"
import ssl, sys, time
s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
s.load_cert_chain(sys.argv[1])
c = ssl._create_unverified_context()
a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
ends = [c.wrap_bio(a, b), s.wrap_bio(b, a, server_side=True)]
done = set()
while len(done) < 2:
    for end in ends:
        try:
            end.do_handshake()
            done.add(end)
        except ssl.SSLWantReadError:
            pass
data, best = b'x' * int(sys.argv[2]), 1e9
for turn in range(9):
    begin = time.perf_counter()
    for i in range(5000):
        ends[0].write(data)
        ends[1].read(65536)
    best = min(best, (time.perf_counter() - begin) / 5000)
print('%.2f' % (best * 1e6))
";

#[test]
#[ignore = "measures; run by hand on a quiet machine"]
fn microseconds_for_a_write_and_a_read() {
    let place = tempfile::tempdir().unwrap();
    let certificate = certificate(place.path());
    let measure = |size: usize| {
        let output = interpreter()
            .args(["-c", SCRIPT])
            .arg(&certificate)
            .arg(size.to_string())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for size in [100, 16_000] {
        let without = measure(size);
        let mut budget = wanted();
        budget.request_budget = u32::MAX;
        let rig = rig_for(budget);
        let copied = measure(size);
        drop(rig);
        let rig = rig_for(wanted());
        let counted = measure(size);
        drop(rig);
        println!(
            "{size} bytes: {without} us without, {counted} us past the budget, {copied} us with every byte copied"
        );
    }
}
