// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A watched file is executed. Both flavours have this one: the tracepoint gives the file that the kernel runs. */
#define LW_MATCHES 2
#include "common/file_record.h"

LW_SCRATCH(lw_scratch_file_exec);

SEC("tp_btf/sched_process_exec")
int BPF_PROG(lw_file_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct lw_file_rules *rules = lw_rules();
	struct file *file = bprm->file;
	struct lw_scratch *s;
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
	lw_at(m, file->f_path.mnt, file->f_path.dentry, file->f_inode);
	lw_match_walk(index, 0);
	if (lw_match_wants(m)) {
		lw_file_object(m, file->f_inode);
		s = lw_file_record(m, &lw_scratch_file_exec, rules, LW_FUNCTION);
		if (s) {
			lw_match_path(index, 0);
			lw_tail_walk(s, LW_PATH, &m->path);
			lw_file_hits(m, s);
			lw_end(s, &lw_ring_file, LW_FILES);
		}
	}
	lw_match_release(m);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
