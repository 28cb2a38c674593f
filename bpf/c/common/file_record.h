/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* From what a file hook found to a record. */
#ifndef LW_FILE_RECORD_H
#define LW_FILE_RECORD_H

#include "common/tail.h"
#include "common/watch.h"

#define LW_FILE_FIXED (sizeof(struct lw_file) - sizeof(struct lw_header))

/* The kernel said no. Not: it is not there, is there already, is no directory, a bad argument, try again. */
static __always_inline bool lw_refused(__s64 error)
{
	switch (error) {
	case 1: /* EPERM */
	case 13: /* EACCES */
	case 16: /* EBUSY */
	case 26: /* ETXTBSY */
	case 28: /* ENOSPC */
	case 30: /* EROFS */
	case 122: /* EDQUOT */
		return true;
	}
	return false;
}

static __always_inline void lw_file_begin(struct lw_match *m, __u32 op, __s64 result)
{
	m->file.header.flags = 0;
	__builtin_memset(&m->file.key, 0, LW_FILE_FIXED);
	m->file.op = op;
	m->file.error = result < 0 ? -result : 0;
}

static __always_inline void lw_file_object(struct lw_match *m, struct inode *inode)
{
	lw_key_of(&m->file.key, inode);
	m->file.mode = LW_GET(inode, struct inode, i_mode);
	m->file.header.flags |= LW_HAS_KEY;
}

/* Takes a slot of `map` and puts m->file and the hits in. NULL: the agent itself did it, or it is lost; either is counted. */
static __always_inline struct lw_scratch *lw_file_record(struct lw_match *m, void *map, struct lw_file_rules *rules, __u8 flavour)
{
	struct lw_scratch *s;
	struct lw_file *file;

	if (lw_is_self(LW_FILES))
		return NULL;
	s = lw_begin(map, LW_FILES, LW_FILE, sizeof(struct lw_file), flavour);
	if (!s)
		return NULL;
	file = (struct lw_file *)s->record;
	__builtin_memcpy(&file->key, &m->file.key, LW_FILE_FIXED);
	file->header.flags = m->file.header.flags;
	file->header.syscall = m->file.header.syscall;
	file->header.abi = m->file.header.abi;
	file->header.generation = rules->generation;
	return s;
}

/* The hits, unless the verdict is not the kernel's. */
static __always_inline void lw_file_hits(struct lw_match *m, struct lw_scratch *s)
{
	__u32 count = m->count;

	if (m->partial)
		return;
	if (count > LW_MATCH_HITS)
		count = LW_MATCH_HITS;
	((struct lw_file *)s->record)->header.flags |= LW_HAS_HITS;
	lw_tail_bytes(s, LW_HITS, m->hits, count * sizeof(m->hits[0]));
}

/* An object at hand: judges it, and sends the record when some watch wants it. Without `mnt` the path is that within the file system, and partial. */
static __always_inline void lw_file_judge(struct lw_match *m, __u32 index, void *scratch, struct lw_file_rules *rules, __u8 flavour,
					  struct vfsmount *mnt, struct dentry *dentry, struct inode *inode)
{
	struct lw_scratch *s;

	lw_at(m, mnt, dentry, inode);
	lw_match_walk(index, 0);
	if (!lw_match_wants(m))
		return;
	lw_file_object(m, inode);
	s = lw_file_record(m, scratch, rules, flavour);
	if (!s)
		return;
	lw_match_path(index, 0);
	if (!m->mnt)
		m->path.partial = 1;
	lw_tail_walk(s, LW_PATH, &m->path);
	lw_file_hits(m, s);
	lw_end(s, &lw_ring_file, LW_FILES);
}

/* The same for an open file. */
static __always_inline void lw_file_judge_open(struct lw_match *m, __u32 index, void *scratch, struct lw_file_rules *rules, __u8 flavour,
					       const struct file *file)
{
	lw_file_judge(m, index, scratch, rules, flavour, LW_GET(file, struct file, f_path.mnt), LW_GET(file, struct file, f_path.dentry),
		      LW_GET(file, struct file, f_inode));
}

#endif
