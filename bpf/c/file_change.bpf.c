// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Function flavour: mode, owner, extended attributes, size. */
#define LW_MATCHES 32
#include "common/pending.h"
#include "common/descriptor.h"

LW_SCRATCH(lw_scratch_file_change);

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct iattr {
	unsigned int ia_valid;
	unsigned short ia_mode;
};
#pragma clang attribute pop

#define ATTR_MODE 1
#define ATTR_UID 2
#define ATTR_GID 4

enum {
	CHMOD,
	CHOWN,
	ATTR_END,
	SETXATTR,
	REMOVEXATTR,
	SET_ACL,
	REMOVE_ACL,
	TRUNCATE,
	FTRUNCATE,
	OLD_FTRUNCATE,
	OLD_CHOWN,
	OLD_CHOWN_END,
};
_Static_assert((OLD_CHOWN_END + 1) * 2 <= LW_MATCHES, "LW_MATCHES");

SEC("fexit/security_path_chmod")
int BPF_PROG(lw_path_chmod, const struct path *path, unsigned short mode, int ret)
{
	struct lw_change change = { .op = LW_OP_PERMISSION, .dir = path, .dentry = path->dentry };

	lw_change_begin(&change, &lw_scratch_file_change, CHMOD, ret);
	return 0;
}

SEC("fexit/security_path_chown")
int BPF_PROG(lw_path_chown, const struct path *path, unsigned int uid, unsigned int gid, int ret)
{
	struct lw_change change = { .op = LW_OP_PERMISSION, .dir = path, .dentry = path->dentry, .uid = uid, .gid = gid, .owner = true };

	lw_change_begin(&change, &lw_scratch_file_change, CHOWN, ret);
	return 0;
}

/*
 * Where a function that is given a structure (kuid_t) by value cannot be hooked, as on 5.10. The ids are those of the caller's user namespace,
 * not the host's.
 */
SEC("fentry/chown_common")
int BPF_PROG(lw_chown_begin, const struct path *path, unsigned int uid, unsigned int gid)
{
	struct lw_change change = { .op = LW_OP_PERMISSION, .dir = path, .dentry = path->dentry, .uid = uid, .gid = gid, .owner = true };

	lw_change_begin(&change, &lw_scratch_file_change, OLD_CHOWN, 0);
	return 0;
}

/* What came to notify_change is over already; what did not was refused before. */
SEC("fexit/chown_common")
int BPF_PROG(lw_chown_end, const struct path *path, unsigned int uid, unsigned int gid, int ret)
{
	lw_change_end(path->dentry, (__u32)ret, &lw_scratch_file_change, OLD_CHOWN_END, NULL);
	return 0;
}

SEC("fexit/notify_change")
int lw_notify_change(__u64 *ctx)
{
	struct dentry *dentry;
	struct iattr *attr;
	__u64 result;

	if (LW_IDMAPPED) {
		dentry = (struct dentry *)LW_ARGUMENT(ctx, 1);
		attr = (struct iattr *)LW_ARGUMENT(ctx, 2);
		result = lw_result(ctx, 4);
	} else {
		dentry = (struct dentry *)LW_ARGUMENT(ctx, 0);
		attr = (struct iattr *)LW_ARGUMENT(ctx, 1);
		result = lw_result(ctx, 3);
	}
	if (LW_GET(attr, struct iattr, ia_valid) & (ATTR_MODE | ATTR_UID | ATTR_GID))
		lw_change_end(dentry, result, &lw_scratch_file_change, ATTR_END, NULL);
	return 0;
}

/*
 * An object at hand. Where the hook has no mount (extended attributes), the path is that within the file system, and partial: but through
 * the root's mount when it is the root's file system.
 */
static __always_inline int lw_changed(__u32 program, __u32 op, struct vfsmount *mnt, struct dentry *dentry, __u64 result)
{
	struct lw_file_rules *rules = lw_rules();
	__s32 error = lw_error(result);
	struct inode *inode = LW_GET(dentry, struct dentry, d_inode);
	struct lw_match *m;
	__u32 index;

	if (!rules || !((error ? rules->failed : rules->ok) & op) || (error && !lw_refused(-error)))
		return 0;
	if (!mnt)
		mnt = lw_root_mount(dentry);
	m = lw_match_take(&index, program);
	if (!m)
		return 0;
	lw_file_begin(m, op, error);
	m->file.header.syscall = -1;
	m->file.header.abi = LW_ABI_NONE;
	lw_file_judge(m, index, &lw_scratch_file_change, rules, LW_FUNCTION, mnt, dentry, inode);
	lw_match_release(m);
	return 0;
}

#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

/*
 * Whether the kernel works with credentials that are not the task's own. That is an overlay which does to its layers what it was asked for: what
 * it was asked is the event. A worker of io_uring may have others by the task's wish, a kernel thread (nfsd) by its client's.
 */
static __always_inline bool lw_nested(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (LW_GET(task, struct task_struct, flags) & (PF_KTHREAD | PF_IO_WORKER))
		return false;
	return LW_GET(task, struct task_struct, cred) != LW_GET(task, struct task_struct, real_cred);
}

/* The dentry of a call that has it first, or behind the idmapping. */
#define XATTR(number, count)                                                                      \
	({                                                                                        \
		struct dentry *dentry;                                                            \
		__u64 result;                                                                     \
		if (LW_IDMAPPED) {                                                                \
			dentry = (struct dentry *)LW_ARGUMENT(ctx, 1);                            \
			result = lw_result(ctx, (count) + 1);                                     \
		} else {                                                                          \
			dentry = (struct dentry *)LW_ARGUMENT(ctx, 0);                            \
			result = lw_result(ctx, count);                                           \
		}                                                                                 \
		lw_nested() ? 0 : lw_changed(number, LW_OP_PERMISSION, NULL, dentry, result);     \
	})

SEC("fexit/vfs_setxattr")
int lw_vfs_setxattr(__u64 *ctx)
{
	return XATTR(SETXATTR, 5);
}

SEC("fexit/vfs_removexattr")
int lw_vfs_removexattr(__u64 *ctx)
{
	return XATTR(REMOVEXATTR, 2);
}

/* Since 6.2 access lists have functions of their own. */
SEC("fexit/vfs_set_acl")
int lw_vfs_set_acl(__u64 *ctx)
{
	return XATTR(SET_ACL, 3);
}

SEC("fexit/vfs_remove_acl")
int lw_vfs_remove_acl(__u64 *ctx)
{
	return XATTR(REMOVE_ACL, 2);
}

SEC("fexit/vfs_truncate")
int BPF_PROG(lw_vfs_truncate, const struct path *path, long long length, long ret)
{
	return lw_changed(TRUNCATE, LW_OP_WRITE, path->mnt, path->dentry, (__u32)ret);
}

/* Since 6.9 do_sys_ftruncate calls do_ftruncate, which io_uring calls too; before, it does the work itself. */
__u32 lw_inner_ftruncate;

SEC("fexit/do_ftruncate")
int BPF_PROG(lw_do_ftruncate, struct file *file, long long length, int small, long ret)
{
	lw_inner_ftruncate = 1;
	return lw_changed(FTRUNCATE, LW_OP_WRITE, file->f_path.mnt, file->f_path.dentry, (__u32)ret);
}

SEC("fexit/do_sys_ftruncate")
int BPF_PROG(lw_do_sys_ftruncate, unsigned int fd, long long length, int small, long ret)
{
	struct file *file = lw_inner_ftruncate ? NULL : lw_descriptor(fd);

	if (!file)
		return 0;
	return lw_changed(OLD_FTRUNCATE, LW_OP_WRITE, LW_GET(file, struct file, f_path.mnt), LW_GET(file, struct file, f_path.dentry), (__u32)ret);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
