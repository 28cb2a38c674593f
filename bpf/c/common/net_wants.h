/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Whose connections: the process filter, judged once for each owner of a connection. */
#ifndef LW_NET_WANTS_H
#define LW_NET_WANTS_H

#include "common/net_maps.h"
#include "common/walk.h"

/* The including program says how many programs it has: each has two slots, see scratch.h. */
struct lw_net_walk {
	__u32 busy;
	struct lw_net_path key;
	struct lw_path path;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_NET_WALKS * 2);
	__type(key, __u32);
	__type(value, struct lw_net_walk);
} lw_net_walks SEC(".maps");

static __always_inline struct lw_net_walk *lw_net_walk_take(__u32 program)
{
	for (int spare = 0; spare < 2; spare++) {
		__u32 slot = program * 2 + spare;
		struct lw_net_walk *w = bpf_map_lookup_elem(&lw_net_walks, &slot);

		if (!w)
			return NULL;
		__sync_fetch_and_add(&w->busy, 1);
		if (*(volatile __u32 *)&w->busy == 1)
			return w;
		__sync_fetch_and_add(&w->busy, -1);
	}
	return NULL;
}

static __always_inline bool lw_net_path_found(struct lw_net_rules *rules, struct task_struct *task, struct lw_net_walk *w)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	__u64 at, length;

	if (!file)
		return false;
	lw_path_walk(&w->path, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry));
	at = w->path.offset;
	asm volatile("" : "+r"(at));
	if (w->path.partial || at >= LW_PATH_END)
		return false;
	length = LW_PATH_END - at;
	asm volatile("" : "+r"(length));
	if (length >= LW_NET_PATH_MAX)
		return false;
	w->key.slot = rules->slot;
	__builtin_memset(w->key.path, 0, sizeof(w->key.path));
	bpf_probe_read_kernel(w->key.path, length, &w->path.text[at]);
	return bpf_map_lookup_elem(&lw_net_paths, &w->key);
}

/* Whether the rules want the connections of `task`'s process. A path that cannot be told apart (no memory to walk it in) is wanted. */
static __always_inline bool lw_net_wants(struct lw_net_rules *rules, struct task_struct *task, __u32 program)
{
	struct task_struct *leader;
	struct lw_net_name name = {};
	struct lw_net_walk *w;
	bool found = false;

	if (rules->mode == LW_NET_ALL)
		return true;
	leader = BPF_CORE_READ(task, group_leader);
	if (rules->flags & LW_NET_NAMES) {
		name.slot = rules->slot;
		bpf_probe_read_kernel_str(name.name, sizeof(name.name), leader->comm);
		found = bpf_map_lookup_elem(&lw_net_names, &name);
	}
	if (!found && rules->flags & LW_NET_PATHS) {
		w = lw_net_walk_take(program);
		if (!w)
			return true;
		found = lw_net_path_found(rules, task, w);
		__sync_fetch_and_add(&w->busy, -1);
	}
	return found == (rules->mode == LW_NET_ONLY);
}

#endif
