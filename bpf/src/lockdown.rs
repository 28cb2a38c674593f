//! Kernel lockdown: for confidentiality no BPF program may read the kernel's memory, which ours do throughout.

/// What the kernel tells, where securityfs is mounted (kernel_lockdown(7)).
const STATE: &str = "/sys/kernel/security/lockdown";

/// Whether a refusal with the reason `why` is lockdown's: it takes the helpers that read kernel memory away.
pub(crate) fn refused(why: &str) -> bool {
    let state = std::fs::read_to_string(STATE).unwrap_or_default();
    confidential(&state) || state.is_empty() && takes_reading_away(why)
}

fn confidential(state: &str) -> bool {
    state.contains("[confidentiality]")
}

/// As the verifier says it: `cannot use helper bpf_probe_read#4` since 6.12 or so, `unknown func bpf_probe_read_kernel#113` before.
fn takes_reading_away(why: &str) -> bool {
    ["cannot use helper", "unknown func"]
        .iter()
        .any(|words| why.contains(&format!("{words} bpf_probe_read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_confidentiality_and_only_reading_count() {
        assert!(confidential("none integrity [confidentiality]\n"));
        assert!(!confidential("none [integrity] confidentiality\n"));
        assert!(takes_reading_away(
            "Invalid argument (os error 22): program of this type cannot use helper bpf_probe_read#4"
        ));
        assert!(takes_reading_away("unknown func bpf_probe_read_kernel#113"));
        assert!(!takes_reading_away("unknown func bpf_loop#181"));
    }
}
