//! Giving up what the agent no longer needs once its probes are attached.

use lapwing_bpf::keep_capabilities;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs};

/// What is kept, and why; `README.md` has the same list.
///
/// * `BPF`, `PERFMON`: a reload fills maps and attaches a hook that no rule needed before (kernel 5.8 and newer: CAP_SYS_ADMIN is not needed).
/// * `NET_ADMIN`: a reload attaches the network sensor's programs on packets (`cgroup_skb`), which the kernel counts among network administration.
/// * `DAC_READ_SEARCH`: watched paths may lie below directories that root without it may not search.
/// * `SYS_PTRACE`: `/proc/PID/cwd`, `exe`, `maps` and `map_files` of other users' processes.
/// * `CHECKPOINT_RESTORE` (5.9 and newer): to follow `/proc/PID/map_files`, the libraries that processes have mapped, deleted ones too. Probing
///   them (`BPF`, `PERFMON`) happens while the agent runs, in a thread of its own, which before Linux 6.6 keeps `SYS_ADMIN` too: uprobes were perf
///   events then, which ask for it.
pub const KEPT: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::CHECKPOINT_RESTORE);

/// Drops every capability but [`KEPT`] from this thread and from all that it will start. To be called before any thread is started: on Linux
/// capabilities belong to threads.
///
/// # Errors
/// When the kernel refuses, which it does not do for a thread that only gives up.
pub fn drop_capabilities() -> std::io::Result<CapabilitySet> {
    for capability in CapabilitySet::all().difference(KEPT).iter() {
        // EINVAL: a capability that this kernel does not know. EPERM: no CAP_SETPCAP, so the bounding set stays; without exec it does not matter.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let kept = keep_capabilities(KEPT)?;
    set_no_new_privs(true)?;
    Ok(kept)
}
