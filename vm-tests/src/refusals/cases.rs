//! The list: what is refused, how a guest is brought to refuse it, and what must come of it.

/// One thing that a host may refuse.
pub struct Case {
    /// Unique.
    pub name: &'static str,
    /// Kernel parameters; the rig boots a guest for each set of them.
    pub parameters: &'static str,
    /// Only kernels before this version refuse it.
    pub before: Option<(u32, u32)>,
    /// For the shell, before lapwing starts, in a mount namespace that only lapwing and its children are in.
    pub inside: &'static str,
    /// For the shell, in the guest itself.
    pub outside: &'static str,
    /// Undoes `outside`; empty where that cannot be.
    pub undo: &'static str,
    /// Names that lapwing does not find among the kernel's types (those of them that this kernel has): it is as if the kernel had no such
    /// function or tracepoint (`btf_trace_NAME`).
    pub without: &'static [&'static str],
    /// All the capabilities that lapwing has; None: root's.
    pub only: Option<&'static str>,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a case.
pub enum Expect {
    /// It leaves with exit code 3 and one message that says these things.
    Leaves(&'static [&'static str]),
    /// It works, but for what is told.
    Works(Works),
}

/// What works.
pub struct Works {
    /// Hooks that work in no flavour, and what is told of each.
    pub refused: &'static [(&'static str, &'static str)],
    /// Hooks on the system-call flavour, and what is told of why; all others are on functions.
    pub lesser: &'static [(&'static str, &'static str)],
    /// Rules of `rules/refusals.toml` that have nothing to match.
    pub blind: &'static [&'static str],
    /// What is told of attached hooks.
    pub limits: &'static [(&'static str, &'static str)],
    /// What the agent's log says besides.
    pub logged: &'static [&'static str],
}

const ALL: Works = Works {
    refused: &[],
    lesser: &[],
    blind: &[],
    limits: &[],
    logged: &[],
};

const NOTHING: Case = Case {
    name: "nothing",
    parameters: "",
    before: None,
    inside: "",
    outside: "",
    undo: "",
    without: &[],
    only: None,
    expect: Expect::Works(ALL),
};

/// Root's limit before 5.11 is a page or two, which CAP_SYS_RESOURCE lifts; these cases are about other things.
const MEMORY: &str = "ulimit -l unlimited";

/// No securityfs to ask: the refusal itself must tell.
const LOCKED: &[&str] = &["locked down for confidentiality", "lockdown=integrity"];

/// In the order in which they run; what cannot be undone comes last.
pub(super) const CASES: &[Case] = &[
    // That the others prove something: with nothing refused all is seen.
    NOTHING,
    Case {
        name: "capabilities-of-bpf-only",
        inside: MEMORY,
        only: Some("BPF,PERFMON"),
        expect: Expect::Works(Works {
            refused: &[("network-payload", "lapwing has no CAP_NET_ADMIN")],
            blind: &["refusal-http"],
            limits: &[
                ("file-open", "without CAP_DAC_READ_SEARCH: watched paths"),
                ("process-lifecycle", "without CAP_SYS_PTRACE: executable and directory"),
            ],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "capabilities-of-bpf-and-network",
        inside: MEMORY,
        only: Some("BPF,PERFMON,NET_ADMIN"),
        expect: Expect::Works(Works {
            logged: &["agent.bpf_stats: the kernel does not measure"],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "a-capability-less",
        only: Some("BPF,NET_ADMIN,SYS_PTRACE,DAC_READ_SEARCH"),
        expect: Expect::Leaves(&["missing CAP_PERFMON", "run lapwing as root"]),
        ..NOTHING
    },
    Case {
        name: "no-tracefs-read-only-sys",
        inside: "umount -l /sys/kernel/tracing\numount -l /sys/kernel/debug\nmount -o remount,bind,ro /sys",
        ..NOTHING
    },
    Case {
        name: "hardened-sysctls",
        outside: "sysctl -q -w kernel.kptr_restrict=2 net.core.bpf_jit_harden=2 kernel.bpf_stats_enabled=1 \
                  kernel.perf_event_paranoid=3 kernel.unprivileged_bpf_disabled=1",
        undo: "sysctl -q -w kernel.kptr_restrict=0 net.core.bpf_jit_harden=0 kernel.bpf_stats_enabled=0 kernel.perf_event_paranoid=2",
        ..NOTHING
    },
    Case {
        name: "no-btf",
        inside: "mount -t tmpfs none /sys/kernel/btf",
        expect: Expect::Leaves(&[
            "this kernel has no BTF",
            "/sys/kernel/btf/vmlinux",
            "CONFIG_DEBUG_INFO_BTF",
        ]),
        ..NOTHING
    },
    Case {
        name: "no-proc",
        inside: "mount -t tmpfs none /proc",
        expect: Expect::Leaves(&["/proc is not mounted", "mount -t proc proc /proc"]),
        ..NOTHING
    },
    Case {
        name: "no-function",
        without: &["do_filp_open", "do_file_open"],
        expect: Expect::Works(Works {
            lesser: &[("file-open", "this kernel has no function do_filp_open")],
            limits: &[("file-open", "io_uring")],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "no-tracepoint-of-connections",
        without: &["btf_trace_inet_sock_set_state"],
        expect: Expect::Works(Works {
            refused: &[("network-flow", "this kernel has no tracepoint inet_sock_set_state")],
            // Whoever carries data is told by the payload hook.
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "no-tracepoint-of-exec",
        without: &["btf_trace_sched_process_exec"],
        expect: Expect::Leaves(&[
            "this kernel has no tracepoint sched_process_exec",
            "no process is known",
            "report this",
        ]),
        ..NOTHING
    },
    Case {
        name: "no-list-of-tasks",
        without: &["bpf_iter_task"],
        expect: Expect::Works(Works {
            logged: &["the processes that run already cannot be listed by the kernel"],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "no-cgroup-v2",
        outside: "umount -l /sys/fs/cgroup",
        undo: "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        ..NOTHING
    },
    Case {
        name: "no-cgroup-v2-and-no-right-to-mount",
        inside: MEMORY,
        outside: "umount -l /sys/fs/cgroup",
        undo: "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        only: Some("BPF,PERFMON,NET_ADMIN,SYS_PTRACE,DAC_READ_SEARCH"),
        expect: Expect::Works(Works {
            refused: &[(
                "network-payload",
                "cgroup v2 is not mounted, and lapwing may not mount it for itself",
            )],
            blind: &["refusal-http"],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        // As systemd's hybrid hierarchy; the acting process is in a net_cls group, which once took its sockets out of version 2.
        name: "cgroup-v1-hybrid",
        outside: "umount -l /sys/fs/cgroup\nmount -t tmpfs none /sys/fs/cgroup\ncd /sys/fs/cgroup\nmkdir unified net_cls pids\n\
                  mount -t cgroup2 none unified\nmount -t cgroup -o net_cls,net_prio none net_cls\nmount -t cgroup -o pids none pids\n\
                  mkdir net_cls/x pids/x\necho 1048577 >net_cls/x/net_cls.classid\necho $PPID >net_cls/x/cgroup.procs",
        undo: "cd /sys/fs/cgroup\necho $PPID >net_cls/cgroup.procs\necho $$ >net_cls/cgroup.procs\nrmdir net_cls/x pids/x\numount net_cls\numount pids\ncd /\n\
               umount -l /sys/fs/cgroup/unified\numount -l /sys/fs/cgroup\nmount -t cgroup2 cgroup2 /sys/fs/cgroup",
        ..NOTHING
    },
    Case {
        name: "memory-limit",
        before: Some((5, 11)),
        inside: "ulimit -l 64",
        only: Some("BPF,PERFMON,NET_ADMIN,SYS_PTRACE,DAC_READ_SEARCH"),
        expect: Expect::Leaves(&["shared BPF maps", "lapwing may have 64 KiB", "LimitMEMLOCK=infinity"]),
        ..NOTHING
    },
    Case {
        name: "memory-limit-of-two-sensors",
        before: Some((5, 11)),
        inside: "ulimit -l 40960",
        only: Some("BPF,PERFMON,NET_ADMIN,SYS_PTRACE,DAC_READ_SEARCH"),
        expect: Expect::Works(Works {
            refused: &[
                ("network-flow", "lapwing may have 40960 KiB"),
                ("network-owner", "lapwing may have 40960 KiB"),
                ("network-payload", "lapwing may have 40960 KiB"),
            ],
            blind: &["refusal-http"],
            ..ALL
        }),
        ..NOTHING
    },
    Case {
        name: "lockdown-integrity",
        outside: "echo integrity >/sys/kernel/security/lockdown",
        ..NOTHING
    },
    Case {
        name: "lockdown-confidentiality",
        outside: "echo confidentiality >/sys/kernel/security/lockdown",
        expect: Expect::Leaves(LOCKED),
        ..NOTHING
    },
    Case {
        name: "lockdown-confidentiality-unsaid",
        // The case before has done it already, and it is not done twice.
        outside: "grep -q '\\[confidentiality\\]' /sys/kernel/security/lockdown || echo confidentiality >/sys/kernel/security/lockdown",
        inside: "umount -l /sys/kernel/security",
        expect: Expect::Leaves(LOCKED),
        ..NOTHING
    },
    Case {
        name: "lsm-without-bpf-and-locked-at-boot",
        parameters: "lsm=lockdown,yama lockdown=integrity",
        inside: "grep -q '\\[integrity\\]' /sys/kernel/security/lockdown\n! grep -qw bpf /sys/kernel/security/lsm",
        ..NOTHING
    },
];
