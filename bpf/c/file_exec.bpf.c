// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A watched file is executed. Both flavours have this one: the tracepoint gives the file that the kernel runs. */
#define LW_MATCHES 2
#include "common/file_record.h"

LW_SCRATCH(lw_scratch_file_exec);

SEC("tp_btf/sched_process_exec")
int BPF_PROG(lw_file_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct lw_file_rules *rules = lw_rules();
	struct lw_match *m;
	__u32 index;

	if (!rules || !(rules->ok & LW_OP_EXECUTE))
		return 0;
	m = lw_match_take(&index, 0);
	if (!m)
		return 0;
	lw_file_begin(m, LW_OP_EXECUTE, 0);
	m->file.header.syscall = -1;
	m->file.header.abi = LW_ABI_NONE;
	lw_file_judge_open(m, index, &lw_scratch_file_exec, rules, LW_FUNCTION, bprm->file);
	lw_match_release(m);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
