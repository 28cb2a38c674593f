//! Files that processes have mapped, in containers too: is it a TLS library, and where are its functions?

#![no_main]

use lapwing_bpf::tls_doors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for offset in tls_doors(bytes) {
        assert!(offset < bytes.len() as u64, "a probe behind the end of the file");
    }
});
