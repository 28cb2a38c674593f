//! Why the sensors cannot run here: what, the consequence, what to do.

use rustix::process::{Resource, getrlimit};

use crate::{
    capability::{Capabilities, SYS_RESOURCE},
    lockdown,
};

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
    /// There is no /proc, or it shows other processes.
    #[error(
        "/proc is not mounted, or does not show this process: processes, mounts and capabilities cannot be told; \
         mount it (mount -t proc proc /proc), in a container the host's (--pid=host, hostPID: true)"
    )]
    NoProc,
    /// The kernel does not tell its types.
    #[error(
        "this kernel has no BTF ({why}): the probes cannot find its structures; use a kernel built with \
         CONFIG_DEBUG_INFO_BTF, 5.10 or newer; in a container, see that the host's /sys is there and not covered"
    )]
    NoBtf {
        /// The file, and what is wrong with it.
        why: String,
    },
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
        "the kernel refuses the shared BPF maps ({why}): nothing can be seen; {}",
        memory_advice()
    )]
    Maps {
        /// The kernel's answer.
        why: String,
    },
    /// Lockdown for confidentiality.
    #[error(
        "this kernel is locked down for confidentiality (/sys/kernel/security/lockdown): no BPF program may read its memory, and nothing can \
         be seen; start it with lockdown=integrity, which Secure Boot asks for and lapwing works under, or without"
    )]
    LockedDown,
    /// fork, exec and exit cannot be seen.
    #[error(
        "the hooks on fork, exec and exit do not work on this kernel ({why}): without them no process is known and nothing can be seen; \
         use a kernel with tracepoints and BTF, 5.10 or newer, and report this if it is one"
    )]
    NoLifecycle {
        /// The reason of the load, the attach or the self-test.
        why: String,
    },
}

impl Unavailable {
    pub(crate) fn maps(error: libbpf_rs::Error) -> Unavailable {
        Unavailable::Maps { why: error.to_string() }
    }

    pub(crate) fn lifecycle(why: String) -> Unavailable {
        match lockdown::refused(&why) {
            true => Unavailable::LockedDown,
            false => Unavailable::NoLifecycle { why },
        }
    }
}

/// What to do about maps that the kernel does not make.
pub(crate) fn memory_advice() -> String {
    // Kernels before 5.11 charge maps to the limit on locked memory; who may, raises it (libbpf does).
    let limit = getrlimit(Resource::Memlock).current;
    match limit {
        Some(bytes) if !Capabilities::held().has(SYS_RESOURCE) => format!(
            "before Linux 5.11 they count as locked memory, of which lapwing may have {} KiB: raise that limit (LimitMEMLOCK=infinity for \
             systemd, ulimit -l unlimited), give it CAP_SYS_RESOURCE, or make the rings of [agent] smaller; on newer kernels look at \
             available memory",
            bytes / 1024
        ),
        _ => "look at the memory that is available, also in lapwing's cgroup, and at the rings of [agent]".to_owned(),
    }
}

/// The new interest could not be installed; the kernel judges as before.
#[derive(Debug, thiserror::Error)]
#[error("the probes could not be told what the new rules need: {0}")]
pub struct ApplyError(pub(crate) String);
