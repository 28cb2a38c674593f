//! Why the sensors cannot run here: what, the consequence, what to do.

/// Nothing can be seen on this host as it is.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Capabilities are missing.
    #[error(
        "missing {}: BPF programs cannot be loaded and nothing can be seen; run lapwing as root (or with these capabilities)",
        missing.join(", ")
    )]
    NotRoot {
        /// Names of the missing capabilities.
        missing: Vec<&'static str>,
    },
    /// The kernel does not tell its types.
    #[error(
        "this kernel has no BTF (/sys/kernel/btf/vmlinux): the probes cannot find its structures; \
         use a kernel built with CONFIG_DEBUG_INFO_BTF, 5.10 or newer"
    )]
    NoBtf,
    /// The bpf() system call is not there or refuses.
    #[error(
        "the bpf() system call is refused ({why}): nothing can be seen; \
         look for a seccomp filter (a container runtime's) or a kernel without CONFIG_BPF_SYSCALL"
    )]
    NoBpf {
        /// The kernel's answer.
        why: String,
    },
    /// Process ids would mean something else than the kernel says.
    #[error(
        "lapwing is not in the host's PID namespace: process ids would not be the host's; \
         start it on the host, or its container with the host's PID namespace (--pid=host, hostPID: true)"
    )]
    NotHostPidNamespace,
    /// Maps could not be made.
    #[error(
        "the kernel refuses the shared BPF maps ({why}): nothing can be seen; look at the locked-memory limit and at available memory"
    )]
    Maps {
        /// The kernel's answer.
        why: String,
    },
    /// fork, exec and exit cannot be seen.
    #[error("the hooks on fork, exec and exit do not work on this kernel ({why}): without them no process is known")]
    NoLifecycle {
        /// The reason of the load, the attach or the self-test.
        why: String,
    },
}

impl Unavailable {
    pub(crate) fn maps(error: libbpf_rs::Error) -> Unavailable {
        Unavailable::Maps { why: error.to_string() }
    }
}

/// The new interest could not be installed; the kernel judges as before.
#[derive(Debug, thiserror::Error)]
#[error("the probes could not be told what the new rules need: {0}")]
pub struct ApplyError(pub(crate) String);
