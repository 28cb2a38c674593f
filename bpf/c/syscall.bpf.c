// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Where functions cannot be hooked: one program at the exit of all system calls, for both sensors, since each hook on all calls costs every
 * call some 100 ns and a second one as much again. It sees 32-bit calls too; io_uring it does not see.
 */
#define LW_MATCHES 2
#include "common/file_call.h"
#include "common/process_call.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tp_btf/sys_exit")
int BPF_PROG(lw_sys_exit, struct pt_regs *regs, long ret)
{
	__u32 nr = lw_syscall_number(regs);
	const struct lw_call *call = &lw_calls[nr & (LW_CALLS - 1)];
	struct lw_config *config;
	bool compat = false;

	if (nr >= LW_CALLS || !(call->op | lw_compat_calls[nr].op))
		return 0;
	/* Execs are refused for many reasons, the others matter for few. */
	if (ret < 0 && !lw_refused(-ret) && !((call->op | lw_compat_calls[nr].op) & LW_EXECS))
		return 0;
	compat = lw_abi() == LW_ABI_COMPAT;
	if (compat)
		call = &lw_compat_calls[nr];
	config = lw_config();
	if (!config || !(call->op & config->calls))
		return 0;
	if (call->op & (LW_EXECS | LW_CREDS))
		lw_process_call(call, regs, compat, ret);
	else
		lw_file_call(call, nr, regs, compat, ret);
	return 0;
}
