// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Function flavour: names appear, change and disappear (mkdir, mknod, symlink, link, unlink, rmdir, rename). */
#define LW_MATCHES 40
#include "common/pending.h"

LW_SCRATCH(lw_scratch_file_names);

/* A program's number, which names its memory. */
enum {
	MKDIR,
	MKDIR_END,
	MKNOD,
	MKNOD_END,
	CREATE_END,
	SYMLINK,
	SYMLINK_END,
	LINK,
	LINK_END,
	UNLINK,
	UNLINK_END,
	RMDIR,
	RMDIR_END,
	RENAME,
	RENAME_END,
	RMDIR_OUTER_END,
};
_Static_assert((RMDIR_OUTER_END + 1) * 2 <= LW_MATCHES, "LW_MATCHES");

#define BEGIN(number, error, ...)                                                                \
	({                                                                                       \
		struct lw_change change = { __VA_ARGS__ };                                       \
		lw_change_begin(&change, &lw_scratch_file_names, number, error);                 \
		0;                                                                               \
	})

/* Both places that the dentry has had among the arguments, before 5.12 and since, and how many there were before. */
#define END(number, at, old_at, count, text)                                                                        \
	({                                                                                                          \
		struct dentry *dentry;                                                                              \
		__u64 result;                                                                                       \
		if (LW_IDMAPPED) {                                                                                  \
			dentry = (struct dentry *)LW_ARGUMENT(ctx, at);                                             \
			result = lw_result(ctx, (count) + 1);                                                       \
		} else {                                                                                            \
			dentry = (struct dentry *)LW_ARGUMENT(ctx, old_at);                                         \
			result = lw_result(ctx, count);                                                             \
		}                                                                                                   \
		lw_change_end(dentry, result, &lw_scratch_file_names, number, text);                                \
		0;                                                                                                  \
	})

SEC("fexit/security_path_mkdir")
int BPF_PROG(lw_path_mkdir, const struct path *dir, struct dentry *dentry, unsigned short mode, int ret)
{
	return BEGIN(MKDIR, ret, .op = LW_OP_CREATE, .dir = dir, .dentry = dentry);
}

SEC("fexit/security_path_mknod")
int BPF_PROG(lw_path_mknod, const struct path *dir, struct dentry *dentry, unsigned short mode, unsigned int dev, int ret)
{
	return BEGIN(MKNOD, ret, .op = LW_OP_CREATE, .dir = dir, .dentry = dentry);
}

SEC("fexit/security_path_symlink")
int BPF_PROG(lw_path_symlink, const struct path *dir, struct dentry *dentry, const char *text, int ret)
{
	return BEGIN(SYMLINK, ret, .op = LW_OP_CREATE, .dir = dir, .dentry = dentry, .text = text);
}

SEC("fexit/security_path_link")
int BPF_PROG(lw_path_link, struct dentry *old, const struct path *dir, struct dentry *dentry, int ret)
{
	return BEGIN(LINK, ret, .op = LW_OP_CREATE, .dir = dir, .dentry = dentry, .dir2 = dir, .dentry2 = old);
}

SEC("fexit/security_path_unlink")
int BPF_PROG(lw_path_unlink, const struct path *dir, struct dentry *dentry, int ret)
{
	return BEGIN(UNLINK, ret, .op = LW_OP_DELETE, .dir = dir, .dentry = dentry);
}

SEC("fexit/security_path_rmdir")
int BPF_PROG(lw_path_rmdir, const struct path *dir, struct dentry *dentry, int ret)
{
	return BEGIN(RMDIR, ret, .op = LW_OP_DELETE, .dir = dir, .dentry = dentry);
}

SEC("fexit/security_path_rename")
int BPF_PROG(lw_path_rename, const struct path *dir, struct dentry *dentry, const struct path *dir2, struct dentry *dentry2,
	     unsigned int flags, int ret)
{
	return BEGIN(RENAME, ret, .op = LW_OP_RENAME, .dir = dir, .dentry = dentry, .dir2 = dir2, .dentry2 = dentry2);
}

SEC("fexit/vfs_mkdir")
int lw_vfs_mkdir(__u64 *ctx)
{
	return END(MKDIR_END, 2, 1, 3, NULL);
}

SEC("fexit/vfs_mknod")
int lw_vfs_mknod(__u64 *ctx)
{
	return END(MKNOD_END, 2, 1, 4, NULL);
}

/* mknod of a regular file. */
SEC("fexit/vfs_create")
int lw_vfs_create(__u64 *ctx)
{
	return END(CREATE_END, 2, 1, 4, NULL);
}

SEC("fexit/vfs_symlink")
int lw_vfs_symlink(__u64 *ctx)
{
	const char *text;

	if (LW_IDMAPPED)
		text = (const char *)LW_ARGUMENT(ctx, 3);
	else
		text = (const char *)LW_ARGUMENT(ctx, 2);
	return END(SYMLINK_END, 2, 1, 3, text);
}

SEC("fexit/vfs_link")
int lw_vfs_link(__u64 *ctx)
{
	return END(LINK_END, 3, 2, 4, NULL);
}

SEC("fexit/vfs_unlink")
int lw_vfs_unlink(__u64 *ctx)
{
	return END(UNLINK_END, 2, 1, 3, NULL);
}

SEC("fexit/vfs_rmdir")
int lw_vfs_rmdir(__u64 *ctx)
{
	return END(RMDIR_END, 2, 1, 2, NULL);
}

/* Where the compiler has put vfs_rmdir into its caller, as on 5.10, which does not have the directory among its arguments. */
SEC("fexit/do_rmdir")
int BPF_PROG(lw_do_rmdir, int dir, void *name, long ret)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct lw_pending *p = bpf_map_lookup_elem(&lw_pendings, &thread);

	if (p && p->file.op == LW_OP_DELETE)
		lw_change_end((struct dentry *)p->dentry, ret, &lw_scratch_file_names, RMDIR_OUTER_END, NULL);
	return 0;
}

SEC("fexit/vfs_rename")
int lw_vfs_rename(__u64 *ctx)
{
	struct dentry *dentry;
	__u64 result;

	if (bpf_core_type_exists(struct renamedata)) {
		dentry = LW_GET((void *)LW_ARGUMENT(ctx, 0), struct renamedata, old_dentry);
		result = lw_result(ctx, 1);
	} else {
		dentry = (struct dentry *)LW_ARGUMENT(ctx, 1);
		result = lw_result(ctx, 6);
	}
	lw_change_end(dentry, result, &lw_scratch_file_names, RENAME_END, NULL);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
