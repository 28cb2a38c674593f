/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The process sensor at the exit of a system call: refused execs, and changes of credentials. */
#ifndef LW_PROCESS_CALL_H
#define LW_PROCESS_CALL_H

#include "common/calls.h"
#include "common/creds.h"
#include "common/exec.h"

LW_SCRATCH(lw_refused_scratch);

#define LW_EPERM 1

/* One of the first three arguments. */
static __always_inline __u64 lw_process_argument(struct pt_regs *regs, bool compat, const int n)
{
	return compat ? lw_argument32(regs, n) : lw_argument(regs, n);
}

/* Whether one of the user ids that the call gave is root's. */
static __always_inline bool lw_asks_root(const struct lw_call *call, struct pt_regs *regs, bool compat)
{
	__u32 mask = call->form & LW_UID16 ? 0xffff : 0xffffffff;

	return (call->uids > 0 && !(lw_process_argument(regs, compat, 0) & mask)) ||
	       (call->uids > 1 && !(lw_process_argument(regs, compat, 1) & mask)) ||
	       (call->uids > 2 && !(lw_process_argument(regs, compat, 2) & mask));
}

/* After a call that may have changed credentials: tells a change to root or another user, remembers them. */
static __always_inline void lw_creds_call(const struct lw_call *call, struct pt_regs *regs, bool compat, long ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct lw_memory creds;

	if (ret == -LW_EPERM && lw_asks_root(call, regs, compat))
		lw_refused_root(LW_EPERM, LW_SYSCALL);
	if (ret)
		return;
	lw_read_current_creds(&creds);
	if (!lw_is_self(LW_PROCESS))
		lw_compare(tid, &creds, LW_SYSCALL, true);
	lw_remember(tid, &creds);
}

static __always_inline void lw_process_call(const struct lw_call *call, struct pt_regs *regs, bool compat, long ret)
{
	__u64 path;

	if (call->op == LW_CREDS)
		return lw_creds_call(call, regs, compat, ret);
	path = call->path == 1 ? lw_process_argument(regs, compat, 0) : lw_process_argument(regs, compat, 1);
	lw_exec_refused(&lw_refused_scratch, path, ret, LW_SYSCALL);
}

#endif
