// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Refused execs and credentials on the functions that do the work: no other system call pays, every ABI is seen. */
#include "common/creds.h"
#include "common/exec.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

LW_SCRATCH(lw_refused_scratch);

struct task_struct___execve {
	__u32 in_execve : 1;
} __attribute__((preserve_access_index));

/* All ways to new credentials lead here; an exec's are told by the exec. */
SEC("fentry/commit_creds")
int BPF_PROG(lw_on_commit_creds, struct cred *new)
{
	struct task_struct___execve *task = (void *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	struct lw_memory creds;

	if (BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		return 0;
	/* A thread that nobody has told of yet: what it is now is what it was. */
	if (lw_remembers() && !bpf_map_lookup_elem(&lw_remembered, &tid)) {
		lw_read_current_creds(&creds);
		lw_remember(tid, &creds);
	}
	lw_read_creds(&creds, new);
	if (!lw_is_self(LW_PROCESS))
		lw_compare(tid, &creds, LW_FUNCTION, true);
	lw_remember(tid, &creds);
	return 0;
}

#define LW_EPERM 1

/* The arguments are read from the task: 5.10 does not know the type of `regs` where it is called that. */
#define LW_EXEC(symbol, index, argument)                                                          \
	SEC("fexit/" #symbol)                                                                     \
	int BPF_PROG(lw_on_##symbol, struct pt_regs *regs, long ret)                              \
	{                                                                                         \
		if (ret < 0)                                                                      \
			lw_exec_refused(&lw_refused_scratch, argument(lw_regs(), index), ret, LW_FUNCTION); \
		return 0;                                                                         \
	}

/* `count` arguments are user ids; a 16-bit id is compared as it is. */
#define LW_SETUID(symbol, count, argument)                                                        \
	SEC("fexit/" #symbol)                                                                     \
	int BPF_PROG(lw_on_##symbol, struct pt_regs *regs, long ret)                              \
	{                                                                                         \
		if (ret == -LW_EPERM) {                                                           \
			struct pt_regs *r = lw_regs();                                            \
                                                                                                  \
			if (!(__u32)argument(r, 0) || (count > 1 && !(__u32)argument(r, 1)) ||    \
			    (count > 2 && !(__u32)argument(r, 2)))                                \
				lw_refused_root(LW_EPERM, LW_FUNCTION);                           \
		}                                                                                 \
		return 0;                                                                         \
	}

#ifdef __TARGET_ARCH_x86
LW_EXEC(__x64_sys_execve, 0, lw_argument)
LW_EXEC(__x64_sys_execveat, 1, lw_argument)
LW_EXEC(__ia32_compat_sys_execve, 0, lw_argument32)
LW_EXEC(__ia32_compat_sys_execveat, 1, lw_argument32)
LW_SETUID(__x64_sys_setuid, 1, lw_argument)
LW_SETUID(__x64_sys_setreuid, 2, lw_argument)
LW_SETUID(__x64_sys_setresuid, 3, lw_argument)
LW_SETUID(__ia32_sys_setuid, 1, lw_argument32)
LW_SETUID(__ia32_sys_setreuid, 2, lw_argument32)
LW_SETUID(__ia32_sys_setresuid, 3, lw_argument32)
#else
LW_EXEC(__arm64_sys_execve, 0, lw_argument)
LW_EXEC(__arm64_sys_execveat, 1, lw_argument)
LW_EXEC(__arm64_compat_sys_execve, 0, lw_argument32)
LW_EXEC(__arm64_compat_sys_execveat, 1, lw_argument32)
LW_SETUID(__arm64_sys_setuid, 1, lw_argument)
LW_SETUID(__arm64_sys_setreuid, 2, lw_argument)
LW_SETUID(__arm64_sys_setresuid, 3, lw_argument)
#endif
