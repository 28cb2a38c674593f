/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Operations on names in the function flavour take two hooks. security_path_* sees them before they happen, with the mount and the names as
 * they still are: there they are judged. The vfs_* function that does the work tells the result. On overlayfs the inner calls are of other
 * dentries than those remembered, and so are no events.
 */
#ifndef LW_PENDING_H
#define LW_PENDING_H

#include "common/file_record.h"
#include "common/pending_map.h"
#include "common/result.h"

/* Too big for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_MATCHES);
	__type(key, __u32);
	__type(value, struct lw_pending);
} lw_pending_new SEC(".maps");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct renamedata {
	struct dentry *old_dentry;
	void *old_mnt_userns; /* 5.12 */
	void *old_mnt_idmap; /* 6.3 */
	void *mnt_idmap; /* 6.18 */
};
#pragma clang attribute pop

/*
 * Since 5.12 the functions that change a file system take an idmapping (or user namespace) as well. 5.10's later releases have struct
 * renamedata too, but not that.
 */
#define LW_IDMAPPED                                                                                                 \
	(bpf_core_field_exists(struct renamedata, old_mnt_userns) || bpf_core_field_exists(struct renamedata, old_mnt_idmap) || \
	 bpf_core_field_exists(struct renamedata, mnt_idmap))

/* What a hook on security_path_* knows. */
struct lw_change {
	const struct path *dir; /* only its mount is looked at */
	struct dentry *dentry;
	const struct path *dir2;
	struct dentry *dentry2;
	const char *text; /* of a symbolic link */
	__u32 op;
	__u32 uid, gid;
	bool owner; /* uid and gid are set */
};

/* The root's mount, when `dentry` is in its file system. */
static __always_inline struct vfsmount *lw_root_mount(struct dentry *dentry)
{
	__u32 zero = 0;
	struct lw_root *host = bpf_map_lookup_elem(&lw_host_root, &zero);

	if (!host || !host->mnt)
		return NULL;
	if (LW_GET((void *)host->mnt, struct vfsmount, mnt_sb) != LW_GET(dentry, struct dentry, d_sb))
		return NULL;
	return (struct vfsmount *)host->mnt;
}

static __always_inline struct lw_match *lw_change_judge(const struct lw_change *change, struct lw_file_rules *rules, __u32 *index, __u32 program)
{
	struct lw_match *m = lw_match_take(index, program);
	struct inode *inode;

	if (!m)
		return NULL;
	lw_file_begin(m, change->op, 0);
	m->file.header.syscall = -1;
	m->file.header.abi = LW_ABI_NONE;
	if (change->owner) {
		m->file.uid = change->uid;
		m->file.gid = change->gid;
		m->file.header.flags |= LW_HAS_OWNER;
	}
	if (change->dentry2) {
		inode = LW_GET(change->dentry2, struct dentry, d_inode);
		lw_at(m, LW_GET(change->dir2, struct path, mnt), change->dentry2, inode);
		lw_match_walk(*index, 0);
	}
	inode = LW_GET(change->dentry, struct dentry, d_inode);
	if (inode)
		lw_file_object(m, inode);
	lw_at(m, LW_GET(change->dir, struct path, mnt), change->dentry, inode);
	lw_match_walk(*index, 0);
	return m;
}

static __always_inline void lw_change_remember(struct lw_match *m, __u32 index, const struct lw_change *change)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct lw_pending *p = bpf_map_lookup_elem(&lw_pending_new, &index);

	if (!p)
		return;
	p->dentry = (__u64)change->dentry;
	p->mnt = (__u64)LW_GET(change->dir, struct path, mnt);
	p->dentry2 = (__u64)change->dentry2;
	p->mnt2 = change->dentry2 ? (__u64)LW_GET(change->dir2, struct path, mnt) : 0;
	p->parent = (__u64)LW_GET(change->dentry, struct dentry, d_parent);
	p->length = LW_GET(change->dentry, struct dentry, d_name.len) & 255;
	bpf_probe_read_kernel(p->entry.name, p->length, LW_GET(change->dentry, struct dentry, d_name.name));
	p->ok = m->ok;
	p->failed = m->failed;
	p->count = m->count;
	p->partial = m->partial;
	__builtin_memcpy(p->hits, m->hits, sizeof(p->hits));
	p->file = m->file;
	if (bpf_map_update_elem(&lw_pendings, &thread, p, BPF_ANY)) {
		lw_count(LW_FILES, LW_TRIED);
		lw_count(LW_FILES, LW_NO_MEMORY);
	}
}

/* The paths, the hits, and off it goes. `moved`: the names have changed places. */
static __always_inline void lw_change_send(struct lw_match *m, __u32 index, struct lw_file_rules *rules, void *scratch,
					   const struct lw_pending *p, const char *text, bool moved)
{
	struct lw_scratch *s = lw_file_record(m, scratch, rules, LW_FUNCTION);

	if (!s)
		return;
	__builtin_memcpy(m->entry.name, p->entry.name, sizeof(m->entry.name));
	lw_at(m, (void *)p->mnt, (void *)p->parent, NULL);
	lw_match_path(index, p->length);
	lw_tail_walk(s, LW_PATH, &m->path);
	if (p->dentry2) {
		lw_at(m, (void *)p->mnt2, moved ? (void *)p->dentry : (void *)p->dentry2, NULL);
		lw_match_path(index, 0);
		lw_tail_walk(s, LW_TARGET, &m->path);
	} else if (text) {
		lw_tail_string(s, LW_TARGET, text, LW_FIELD_MAX);
	}
	lw_file_hits(m, s);
	lw_end(s, &lw_ring_file, LW_FILES);
}

/* At the exit of security_path_*: `error` when a security module refused, and then nothing follows. */
static __always_inline void lw_change_begin(const struct lw_change *change, void *scratch, __u32 program, __s32 error)
{
	struct lw_file_rules *rules = lw_rules();
	struct lw_pending *p;
	struct lw_match *m;
	__u32 index;

	if (!rules || !((rules->ok | rules->failed) & change->op))
		return;
	m = lw_change_judge(change, rules, &index, program);
	if (!m)
		return;
	if (m->partial || (m->ok | m->failed) & change->op) {
		lw_change_remember(m, index, change);
		p = bpf_map_lookup_elem(&lw_pending_new, &index);
		m->file.error = -error;
		if (error && p && lw_match_wants(m))
			lw_change_send(m, index, rules, scratch, p, change->text, false);
	}
	lw_match_release(m);
}

/* At the exit of the function that does it. */
static __always_inline void lw_change_end(struct dentry *dentry, __u64 result, void *scratch, __u32 program, const char *text)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct lw_pending *p = bpf_map_lookup_elem(&lw_pendings, &thread);
	struct lw_file_rules *rules = lw_rules();
	__s32 error = lw_error(result);
	struct inode *inode;
	struct lw_match *m;
	__u32 index;

	if (!p || p->dentry != (__u64)dentry || !rules)
		return;
	if (error && !lw_refused(-error))
		goto forget;
	m = lw_match_take(&index, program);
	if (!m)
		goto forget;
	m->ok = p->ok;
	m->failed = p->failed;
	m->count = p->count;
	m->partial = p->partial;
	__builtin_memcpy(m->hits, p->hits, sizeof(m->hits));
	m->file = p->file;
	m->file.error = -error;
	if (lw_match_wants(m)) {
		inode = LW_GET(dentry, struct dentry, d_inode);
		if (inode)
			lw_file_object(m, inode);
		lw_change_send(m, index, rules, scratch, p, text, !error && p->file.op == LW_OP_RENAME);
	}
	lw_match_release(m);
forget:
	lw_pending_forget(thread);
}

#endif
