/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* From the running task's descriptors, directories and registers to the kernel's objects. */
#ifndef LW_DESCRIPTOR_H
#define LW_DESCRIPTOR_H

#include "common/watch.h"

#define AT_FDCWD -100

#ifdef __TARGET_ARCH_x86
#define LW_NATIVE_ABI LW_ABI_X86_64
#else
#define LW_NATIVE_ABI LW_ABI_AARCH64
#endif

static __always_inline __u32 lw_syscall_number(struct pt_regs *regs)
{
#ifdef __TARGET_ARCH_x86
	return regs->orig_ax;
#else
	return regs->syscallno;
#endif
}

/* The open file behind a descriptor of the running task. */
static __always_inline struct file *lw_descriptor(__u32 fd)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct files_struct *files = LW_GET(task, struct task_struct___files, files);
	struct fdtable *table = LW_GET(files, struct files_struct, fdt);
	struct file **array = LW_GET(table, struct fdtable, fd);

	if (fd >= LW_GET(table, struct fdtable, max_fds))
		return NULL;
	/* An element of an array of pointers, read as the first field of a structure that the kernel's BTF knows. */
	return (struct file *)LW_GET(array + fd, struct hlist_head, first);
}

/* The directory that a relative path of a call starts from. */
static __always_inline bool lw_base(struct path *base, __s32 dir)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fs_struct *fs;
	struct file *file;

	if (dir == AT_FDCWD) {
		fs = LW_GET(task, struct task_struct___files, fs);
		base->mnt = LW_GET(fs, struct fs_struct, pwd.mnt);
		base->dentry = LW_GET(fs, struct fs_struct, pwd.dentry);
	} else {
		file = lw_descriptor(dir);
		if (!file)
			return false;
		base->mnt = LW_GET(file, struct file, f_path.mnt);
		base->dentry = LW_GET(file, struct file, f_path.dentry);
	}
	return base->mnt && base->dentry;
}

/* The root directory of the running task, when it is not the agent's. */
static __always_inline bool lw_task_root(struct path *root)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fs_struct *fs = LW_GET(task, struct task_struct___files, fs);
	__u32 zero = 0;
	struct lw_root *host = bpf_map_lookup_elem(&lw_host_root, &zero);

	root->mnt = LW_GET(fs, struct fs_struct, root.mnt);
	root->dentry = LW_GET(fs, struct fs_struct, root.dentry);
	return host && host->mnt && (host->mnt != (__u64)root->mnt || host->dentry != (__u64)root->dentry);
}

/* Whether the string in m->entry.name is one component, and neither `.` nor `..`. */
__noinline int lw_is_name(__u32 index)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);

	if (!m || m->entry.name[0] == 0 || m->entry.name[254])
		return 0;
	if (m->entry.name[0] == '.' && (!m->entry.name[1] || (m->entry.name[1] == '.' && !m->entry.name[2])))
		return 0;
	for (int i = 0; i < 255; i++) {
		if (m->entry.name[i] == '/')
			return 0;
		if (!m->entry.name[i])
			break;
	}
	return 1;
}

#endif
