/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The file sensor at the exit of a system call. A descriptor leads to the object, and the kernel judges. A path is a mere string: a single
 * name in a directory is judged here, anything else by userspace, which resolves it.
 */
#ifndef LW_FILE_CALL_H
#define LW_FILE_CALL_H

#include "common/calls.h"
#include "common/file_record.h"
#include "common/open.h"

LW_SCRATCH(lw_scratch_file_syscall);

#define AT_EMPTY_PATH 0x1000
#define AT_SYMLINK_NOFOLLOW 0x100

static __always_inline __u64 lw_arg(struct lw_match *m, __u8 at)
{
	return m->args[at & 7];
}

static __always_inline void lw_args(struct lw_match *m, struct pt_regs *regs, bool compat)
{
#ifdef __TARGET_ARCH_x86
	m->args[1] = compat ? (__u32)regs->bx : regs->di;
	m->args[2] = compat ? (__u32)regs->cx : regs->si;
	m->args[3] = compat ? (__u32)regs->dx : regs->dx;
	m->args[4] = compat ? (__u32)regs->si : regs->r10;
	m->args[5] = compat ? (__u32)regs->di : regs->r8;
#else
	/* The upper halves of a 32-bit program's registers are nobody's. */
	__u64 mask = compat ? 0xffffffff : ~0ull;

	m->args[1] = regs->orig_x0 & mask;
	m->args[2] = regs->regs[1] & mask;
	m->args[3] = regs->regs[2] & mask;
	m->args[4] = regs->regs[3] & mask;
	m->args[5] = regs->regs[4] & mask;
#endif
}

/* The flags of an open, by its arguments. */
static __always_inline __u32 lw_open_flags(struct lw_match *m, const struct lw_call *call)
{
	__u64 flags = lw_arg(m, call->flags);

	if (call->form & LW_CREAT)
		return O_CREAT | O_TRUNC | 1;
	if (call->form & LW_HOW && bpf_probe_read_user(&flags, sizeof(flags), (void *)flags))
		return O_PATH;
	return flags;
}

/* Reads the path at `at` into m->entry; whether it is a single name. */
static __always_inline bool lw_single_name(struct lw_match *m, __u32 index, __u64 at)
{
	__builtin_memset(m->entry.name, 0, sizeof(m->entry.name));
	if (bpf_probe_read_user_str(m->entry.name, sizeof(m->entry.name), (void *)at) <= 1)
		return false;
	return lw_is_name(index);
}

/* Judges one path of a call by directory and name. False when that needs more than the kernel can do here. */
static __always_inline bool lw_judge_name(struct lw_match *m, struct lw_file_rules *rules, __u32 index, __s32 dir, __u64 given)
{
	struct path base;
	struct inode *inode;

	if (!lw_single_name(m, index, given) || !lw_base(&base, dir))
		return false;
	inode = LW_GET(base.dentry, struct dentry, d_inode);
	lw_at(m, base.mnt, base.dentry, inode);
	lw_match_walk(index, 1);
	/* The walk has used m->entry. */
	if (!lw_single_name(m, index, given))
		return false;
	lw_match_look(index, LW_LOOK_NAME);
	return true;
}

/* The strings of one path, for userspace to put together. */
static __always_inline void lw_raw(struct lw_match *m, __u32 index, struct lw_scratch *s, __u16 base_field, __s32 dir, __u64 given)
{
	struct path base;
	__u8 first = 0;

	bpf_probe_read_user(&first, 1, (void *)given);
	if (first != '/' && lw_base(&base, dir)) {
		lw_at(m, base.mnt, base.dentry, NULL);
		lw_match_path(index, 0);
		lw_tail_walk(s, base_field, &m->path);
	}
	lw_tail_user_string(s, base_field + 1, (void *)given, LW_FIELD_MAX);
	if (lw_task_root(&base)) {
		lw_at(m, base.mnt, base.dentry, NULL);
		lw_match_path(index, 0);
		lw_tail_walk(s, base_field + 2, &m->path);
	}
}

/* Whether the call means a symbolic link itself, not its end. */
static __always_inline bool lw_no_follow(struct lw_match *m, const struct lw_call *call)
{
	return call->form & LW_NOFOLLOW || (call->form & LW_AT_FLAGS && lw_arg(m, call->flags) & AT_SYMLINK_NOFOLLOW);
}

/* A call that gives paths. */
static __always_inline void lw_judge_paths(struct lw_match *m, struct lw_file_rules *rules, __u32 index, const struct lw_call *call)
{
	__s32 dir = call->dir ? (__s32)lw_arg(m, call->dir) : AT_FDCWD;
	__s32 dir2 = call->dir2 ? (__s32)lw_arg(m, call->dir2) : AT_FDCWD;
	__u64 path = lw_arg(m, call->path);
	__u64 path2 = lw_arg(m, call->path2);
	bool text = call->form & LW_TEXT;
	bool judged = lw_no_follow(m, call);
	struct lw_scratch *s;

	if (judged)
		judged = lw_judge_name(m, rules, index, dir, path);
	if (judged && call->path2 && !text)
		judged = lw_judge_name(m, rules, index, dir2, path2);
	if (judged && !lw_match_wants(m))
		return;
	if (!judged)
		m->partial = 1;
	m->file.header.flags |= LW_HAS_RAW;
	if (call->path2 && !text)
		m->file.header.flags |= LW_HAS_RAW_TARGET;
	s = lw_file_record(m, &lw_scratch_file_syscall, rules, LW_SYSCALL);
	if (!s)
		return;
	lw_raw(m, index, s, LW_RAW_BASE, dir, path);
	if (text)
		lw_tail_user_string(s, LW_TARGET, (void *)path2, LW_FIELD_MAX);
	else if (call->path2)
		lw_raw(m, index, s, LW_RAW_TARGET_BASE, dir2, path2);
	lw_file_hits(m, s);
	lw_end(s, &lw_ring_file, LW_FILES);
}

static __always_inline void lw_open(struct lw_match *m, struct lw_file_rules *rules, __u32 index, const struct lw_call *call, long ret)
{
	__u32 flags = lw_open_flags(m, call);
	__u32 ops = lw_open_ops(flags) & (ret < 0 ? rules->failed : rules->ok);
	struct file *file;
	__u32 mode, op;

	if (!ops)
		return;
	if (ret < 0) {
		lw_file_begin(m, flags & O_CREAT ? LW_OP_CREATE : ops, ret);
		m->file.open_flags = flags;
		return lw_judge_paths(m, rules, index, call);
	}
	file = lw_descriptor(ret);
	if (!file)
		return;
	mode = LW_GET(file, struct file, f_mode);
	op = lw_open_op(flags, mode);
	if (!(ops & op))
		return;
	lw_file_begin(m, op, 0);
	m->file.open_flags = flags;
	lw_file_judge_open(m, index, &lw_scratch_file_syscall, rules, LW_SYSCALL, file);
}

static __always_inline void lw_other(struct lw_match *m, struct lw_file_rules *rules, __u32 index, const struct lw_call *call, long ret)
{
	__u64 flags = lw_arg(m, call->flags);
	struct file *file = NULL;

	lw_file_begin(m, call->op, ret);
	if (call->owner) {
		m->file.uid = lw_arg(m, call->owner);
		m->file.gid = lw_arg(m, call->owner + 1);
		m->file.header.flags |= LW_HAS_OWNER;
	}
	if (call->op == LW_OP_RENAME)
		m->file.open_flags = flags;
	if (call->op == LW_OP_PERMISSION && lw_no_follow(m, call))
		m->file.open_flags = AT_SYMLINK_NOFOLLOW;
	if (call->fd)
		file = lw_descriptor(lw_arg(m, call->fd));
	else if (call->form & LW_AT_FLAGS && flags & AT_EMPTY_PATH && !call->path2)
		file = lw_descriptor(lw_arg(m, call->dir));
	if (file)
		return lw_file_judge_open(m, index, &lw_scratch_file_syscall, rules, LW_SYSCALL, file);
	if (call->fd)
		return;
	/* The engine must see that the target is a symbolic link's text, not a name that was touched. */
	m->file.mode = call->form & LW_TEXT ? 0120777 : call->mode ? lw_arg(m, call->mode) : 0;
	lw_judge_paths(m, rules, index, call);
}

static __always_inline void lw_file_call(const struct lw_call *call, __u32 nr, struct pt_regs *regs, bool compat, long ret)
{
	struct lw_file_rules *rules = lw_rules();
	struct lw_match *m;
	__u32 index;

	if (!rules || !(call->op & (LW_OPENS | (ret < 0 ? rules->failed : rules->ok))))
		return;
	m = lw_match_take(&index, 0);
	if (!m)
		return;
	lw_args(m, regs, compat);
	m->file.header.syscall = nr;
	m->file.header.abi = LW_NATIVE_ABI + compat;
	if (call->op == LW_OPENS)
		lw_open(m, rules, index, call, ret);
	else
		lw_other(m, rules, index, call, ret);
	lw_match_release(m);
}

#endif
