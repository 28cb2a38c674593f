// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Function flavour: opens, at the exit of the one function behind open, openat, openat2, creat, their 32-bit forms and io_uring's. */
#define LW_MATCHES 4
#include "common/file_record.h"
#include "common/open.h"
#include "common/pending_map.h"
#include "common/result.h"

LW_SCRATCH(lw_scratch_file_open);

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct filename {
	const char *name;
};
struct open_flags {
	int open_flag;
};
#pragma clang attribute pop

/* It was refused: there is no object, only the name and where it starts. */
static __always_inline void lw_open_refused(struct lw_match *m, struct lw_file_rules *rules, __u32 index, __s32 dir, const char *name)
{
	struct lw_scratch *s;
	struct path base;
	char first = 0;

	m->partial = 1;
	m->file.header.flags |= LW_HAS_RAW;
	s = lw_file_record(m, &lw_scratch_file_open, rules, LW_FUNCTION);
	if (!s)
		return;
	bpf_probe_read_kernel(&first, 1, name);
	if (first != '/' && lw_base(&base, dir)) {
		lw_at(m, base.mnt, base.dentry, NULL);
		lw_match_path(index, 0);
		lw_tail_walk(s, LW_RAW_BASE, &m->path);
	}
	lw_tail_string(s, LW_RAW_GIVEN, name, LW_FIELD_MAX);
	if (lw_task_root(&base)) {
		lw_at(m, base.mnt, base.dentry, NULL);
		lw_match_path(index, 0);
		lw_tail_walk(s, LW_RAW_ROOT, &m->path);
	}
	lw_end(s, &lw_ring_file, LW_FILES);
}

static __always_inline int lw_opened(__u32 program, __s32 dir, struct filename *name, const struct open_flags *how, __u64 result)
{
	struct lw_file_rules *rules = lw_rules();
	__s32 error = lw_error(result);
	struct lw_match *m;
	__u32 flags, ops, op, index;

	if (!rules)
		return 0;
	flags = LW_GET(how, struct open_flags, open_flag);
	/* What creates a file asks security_path_mknod too, but nothing of vfs_* follows. */
	if (flags & O_CREAT)
		lw_pending_forget(bpf_get_current_pid_tgid());
	if (error && !lw_refused(-error))
		return 0;
	ops = lw_open_ops(flags) & (error ? rules->failed : rules->ok);
	if (!ops || flags & FMODE_EXEC)
		return 0;
	op = error ? (flags & O_CREAT ? LW_OP_CREATE : ops) : lw_open_op(flags, LW_GET((void *)result, struct file, f_mode));
	if (!(ops & op))
		return 0;
	m = lw_match_take(&index, program);
	if (!m)
		return 0;
	lw_file_begin(m, op, error);
	m->file.header.syscall = -1;
	m->file.header.abi = LW_ABI_NONE;
	m->file.open_flags = flags;
	if (error)
		lw_open_refused(m, rules, index, dir, LW_GET(name, struct filename, name));
	else
		lw_file_judge_open(m, index, &lw_scratch_file_open, rules, LW_FUNCTION, (struct file *)result);
	lw_match_release(m);
	return 0;
}

SEC("fexit/do_filp_open")
int BPF_PROG(lw_do_filp_open, int dir, struct filename *name, const struct open_flags *how, struct file *file)
{
	return lw_opened(0, dir, name, how, (__u64)file);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
