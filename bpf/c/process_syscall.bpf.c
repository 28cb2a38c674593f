// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Refused execs and credentials where functions cannot be hooked: tracepoints of single system calls, which cost every other
 * call 47 ns, half of a hook on all of them. They do not see 32-bit calls: such a change of credentials is noticed later (lw_compare).
 */
#include "common/creds.h"
#include "common/exec.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

LW_SCRATCH(lw_refused_scratch);

#define LW_EPERM 1

struct lw_sys_exit {
	__u64 common;
	__s32 number;
	__u32 padding;
	__s64 ret;
};

SEC("tp/syscalls/sys_exit_execve")
int lw_on_execve(struct lw_sys_exit *ctx)
{
	if (ctx->ret < 0)
		lw_exec_refused(&lw_refused_scratch, lw_argument(lw_regs(), 0), ctx->ret, LW_SYSCALL);
	return 0;
}

SEC("tp/syscalls/sys_exit_execveat")
int lw_on_execveat(struct lw_sys_exit *ctx)
{
	if (ctx->ret < 0)
		lw_exec_refused(&lw_refused_scratch, lw_argument(lw_regs(), 1), ctx->ret, LW_SYSCALL);
	return 0;
}

/* After a call that may have changed credentials: tells a change to root, remembers them. */
static __always_inline int lw_changed(long ret, const int uids)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct pt_regs *regs = lw_regs();
	struct lw_memory creds;

	if (ret == -LW_EPERM && ((uids > 0 && !(__u32)lw_argument(regs, 0)) || (uids > 1 && !(__u32)lw_argument(regs, 1)) ||
				 (uids > 2 && !(__u32)lw_argument(regs, 2))))
		lw_refused_root(LW_EPERM, LW_SYSCALL);
	if (ret)
		return 0;
	lw_read_current_creds(&creds);
	if (!lw_is_self(LW_PROCESS))
		lw_compare(tid, &creds, LW_SYSCALL);
	lw_remember(tid, &creds);
	return 0;
}

SEC("tp/syscalls/sys_exit_setuid")
int lw_on_setuid(struct lw_sys_exit *ctx)
{
	return lw_changed(ctx->ret, 1);
}

SEC("tp/syscalls/sys_exit_setreuid")
int lw_on_setreuid(struct lw_sys_exit *ctx)
{
	return lw_changed(ctx->ret, 2);
}

SEC("tp/syscalls/sys_exit_setresuid")
int lw_on_setresuid(struct lw_sys_exit *ctx)
{
	return lw_changed(ctx->ret, 3);
}

SEC("tp/syscalls/sys_exit_capset")
int lw_on_capset(struct lw_sys_exit *ctx)
{
	return lw_changed(ctx->ret, 0);
}
