/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Operations on names that are under way, between the two hooks that see them: see pending.h. */
#ifndef LW_PENDING_MAP_H
#define LW_PENDING_MAP_H

#include "common/watch_maps.h"

struct lw_pending {
	__u64 dentry, mnt;
	__u64 dentry2, mnt2; /* a rename's new name, a link's existing object */
	__u64 parent; /* of dentry, and its name: a rename changes both */
	__u32 length;
	__u32 ok, failed, count, partial;
	__u32 hits[LW_MATCH_HITS];
	struct lw_file file;
	struct lw_entry_key entry;
};

/*
 * By thread, each of which does one thing at a time. Not LRU, which would push out in silence: what finds it full is counted as lost. An
 * operation that never came to vfs_* leaves its entry to the thread's next one, to the end of its open, or to its exit.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct lw_pending);
} lw_pendings SEC(".maps");

/* Nothing is under way in the thread (pid_tgid) any more. */
static __always_inline void lw_pending_forget(__u64 thread)
{
	bpf_map_delete_elem(&lw_pendings, &thread);
}

#endif
