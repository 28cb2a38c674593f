/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The path of a task's cgroup: in the v2 hierarchy or, where that knows only the root, in the first v1 hierarchy that knows more. */
#ifndef LW_CGROUP_H
#define LW_CGROUP_H

#include "common/tail.h"

#define LW_CGROUP_DEPTH 24
#define LW_CGROUP_HIERARCHIES 16

static __always_inline struct kernfs_node *lw_kernfs_parent(struct kernfs_node *node)
{
	if (bpf_core_field_exists(node->__parent))
		return BPF_CORE_READ(node, __parent);
	return (struct kernfs_node *)BPF_CORE_READ((struct kernfs_node___old *)node, parent);
}

static __always_inline struct kernfs_node *lw_cgroup_node(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *node = BPF_CORE_READ(set, dfl_cgrp, kn), *other;
	__u32 count = bpf_core_field_size(set->subsys) / sizeof(void *);
	struct cgroup_subsys_state *state;

	if (lw_kernfs_parent(node))
		return node;
	for (__u32 i = 0; i < LW_CGROUP_HIERARCHIES && i < count; i++) {
		if (bpf_probe_read_kernel(&state, sizeof(state), (void *)set + bpf_core_field_offset(set->subsys) + i * sizeof(void *)))
			break;
		other = BPF_CORE_READ(state, cgroup, kn);
		if (other && lw_kernfs_parent(other))
			return other;
	}
	return node;
}

/* Puts "/name" before the text; false when there is no room. */
static __always_inline bool lw_cgroup_prepend(struct lw_scratch *s, struct kernfs_node *node)
{
	long len = bpf_probe_read_kernel_str(s->name, sizeof(s->name), BPF_CORE_READ(node, name));
	__u64 offset = s->walk.offset;

	if (len <= 1 || len > (long)sizeof(s->name) || (__u64)len > offset)
		return false;
	len -= 1;
	offset -= len + 1;
	asm volatile("" : "+r"(offset), "+r"(len));
	offset &= LW_PATH_END;
	len &= LW_NAME_MAX - 1;
	s->walk.text[offset] = '/';
	bpf_probe_read_kernel(&s->walk.text[offset + 1], len, s->name);
	s->walk.offset = offset;
	return true;
}

static __always_inline void lw_tail_cgroup(struct lw_scratch *s, struct task_struct *task)
{
	struct kernfs_node *node = lw_cgroup_node(task), *parent;

	s->walk.offset = LW_PATH_END;
	s->walk.partial = 1;
	for (int i = 0; i < LW_CGROUP_DEPTH; i++) {
		parent = lw_kernfs_parent(node);
		if (!parent) {
			s->walk.partial = 0;
			break;
		}
		if (!lw_cgroup_prepend(s, node))
			break;
		node = parent;
	}
	if (s->walk.offset == LW_PATH_END) {
		s->walk.offset = LW_PATH_END - 1;
		s->walk.text[LW_PATH_END - 1] = '/';
	}
	lw_tail_path(s, LW_CGROUP);
}

#endif
