//! The hooks of the process sensor.

use lapwing_engine::event::{Flavour, Sensor};

use crate::hooks::{Hook, SYSCALL, SYSCALL_PROGRAMS, Variant};

/// The program on a system call's function, whose name depends on the architecture.
macro_rules! function {
    ($call:literal) => {
        if cfg!(target_arch = "x86_64") {
            concat!("lw_on___x64_sys_", $call)
        } else {
            concat!("lw_on___arm64_sys_", $call)
        }
    };
}

/// The same for the call of 32-bit programs.
macro_rules! function_compat {
    ($call:literal) => {
        if cfg!(target_arch = "x86_64") {
            concat!("lw_on___ia32_compat_sys_", $call)
        } else {
            concat!("lw_on___arm64_compat_sys_", $call)
        }
    };
}

/// In the order in which `lapwing probes` shows them.
pub(crate) const HOOKS: &[Hook] = &[
    Hook {
        sensor: Sensor::Process,
        name: "process-lifecycle",
        needed: |_| true, // the process table lives on it, whatever the rules
        variants: &[Variant {
            flavour: Flavour::Function,
            object: LIFECYCLE_OBJECT,
            programs: &["lw_on_fork", LIFECYCLE_PROGRAM, "lw_on_exit"],
            optional: &[],
            unseen: "",
        }],
        unseen: "fork, exec and exit of processes",
    },
    Hook {
        sensor: Sensor::Process,
        name: EXEC_FAILURE,
        needed: |interest| interest.process && interest.exec_failures,
        variants: &[
            Variant {
                flavour: Flavour::Function,
                object: "process_function",
                programs: &[function!("execve")],
                optional: &[
                    function!("execveat"),
                    function_compat!("execve"),
                    function_compat!("execveat"),
                ],
                unseen: "",
            },
            Variant {
                flavour: Flavour::Syscall,
                object: SYSCALL,
                programs: SYSCALL_PROGRAMS,
                optional: &[],
                unseen: "",
            },
        ],
        unseen: "execs that the kernel refuses",
    },
    Hook {
        sensor: Sensor::Process,
        name: CREDENTIALS,
        needed: |interest| interest.process && interest.credentials,
        variants: &[
            Variant {
                flavour: Flavour::Function,
                object: "process_function",
                programs: &["lw_on_commit_creds", function!("setuid"), function!("setresuid")],
                optional: &[
                    function!("setreuid"),
                    "lw_on___ia32_sys_setuid",
                    "lw_on___ia32_sys_setreuid",
                    "lw_on___ia32_sys_setresuid",
                ],
                unseen: "",
            },
            Variant {
                flavour: Flavour::Syscall,
                object: SYSCALL,
                programs: SYSCALL_PROGRAMS,
                optional: &[],
                unseen: "changes without a call, until the next fork, exec or exit of the thread",
            },
        ],
        unseen: "changes of credentials, but for those that an exec, fork or exit shows",
    },
];

/// The object without which nothing works.
pub(crate) const LIFECYCLE_OBJECT: &str = "process_lifecycle";
/// One of its programs, by which it is known early that nothing will work.
pub(crate) const LIFECYCLE_PROGRAM: &str = "lw_on_exec";

const EXEC_FAILURE: &str = "exec-failure";
const CREDENTIALS: &str = "credentials";

/// What the system-call program must see to, by hook: the `op` of `c/common/calls.h`.
pub(crate) fn calls(hook: &str) -> u32 {
    match hook {
        EXEC_FAILURE => 0x100,
        CREDENTIALS => 0x200,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hooks_of_the_system_call_flavour_have_their_calls() {
        for hook in HOOKS {
            let has = hook.variants.iter().any(|variant| variant.flavour == Flavour::Syscall);
            assert_eq!(has, calls(hook.name) != 0, "{}", hook.name);
        }
    }
}
