//! Tests that load BPF programs need root.

use rustix::process::geteuid;

/// True when the test cannot do its work and it is known that it cannot.
///
/// # Panics
/// When nobody said that it is known: a test that silently does nothing would look like one that passed.
pub fn skipped() -> bool {
    if geteuid().is_root() {
        return false;
    }
    assert!(
        std::env::var_os("LAPWING_SKIP_ROOT_TESTS").is_some(),
        "loads BPF programs and needs root: run as root, or set LAPWING_SKIP_ROOT_TESTS=1 to skip it"
    );
    println!("SKIPPED: needs root");
    true
}
