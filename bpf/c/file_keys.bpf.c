// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Says the kernel's keys of the files that the agent holds open: userspace opens what is watched with O_PATH and reads this iterator. */
#include "common/header.h"
#include "common/key.h"
#include "common/watch_maps.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

static __always_inline void lw_note_root(void)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = LW_GET(task, struct task_struct___files, fs);
	__u32 zero = 0;
	struct lw_root *root = bpf_map_lookup_elem(&lw_host_root, &zero);

	if (!root)
		return;
	root->mnt = (__u64)LW_GET(fs, struct fs_struct, root.mnt);
	root->dentry = (__u64)LW_GET(fs, struct fs_struct, root.dentry);
}

SEC("iter/task_file")
int lw_file_keys(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct lw_file_key found = {};

	if (!task || !file)
		return 0;
	/* The reader of the iterator asks about itself; threads share the descriptors. */
	if (task->tgid != bpf_get_current_pid_tgid() >> 32 || task->pid != task->tgid)
		return 0;
	lw_note_root();
	found.fd = ctx->fd;
	found.magic = file->f_inode->i_sb->s_magic;
	lw_key_of(&found.key, file->f_inode);
	bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
