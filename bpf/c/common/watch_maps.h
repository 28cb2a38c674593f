/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The file watches as maps. They hang from outer maps: `lw_file_rules` says which slot of the others is in force, so that replacing its only
 * element changes all of them at once.
 */
#ifndef LW_WATCH_MAPS_H
#define LW_WATCH_MAPS_H

#include "lw.h"
#include <bpf/bpf_helpers.h>

#define LW_MATCH_HITS 16 /* paths that one event can be in */
#define LW_FILTER_BITS 13
#define LW_FILTER (1 << LW_FILTER_BITS)
#define LW_FILTER_OBJECT 1
#define LW_FILTER_PARENT 2

struct lw_entry_key {
	struct lw_key parent;
	__u8 name[256]; /* padded with zeros */
};

/* What stands behind a key. Masks are of LW_OP_* bits, one for operations that succeed and one for those that are refused. */
struct lw_watch {
	__u32 set; /* which watches, by a table of userspace; 0: none, only leads on */
	__u32 action; /* 0: report */
	__u16 deep_ok;
	__u16 deep_failed;
	__u16 flat_ok; /* flat: the object itself and its direct children */
	__u16 flat_failed;
	__u32 next; /* first of the nodes to arm below; 0: none */
	__u32 unused;
	struct lw_key known; /* entries: the object last seen under the name */
};

/* An entry to be armed once its parent is there. */
struct lw_node {
	__u8 name[256];
	struct lw_watch watch;
	__u32 sibling;
	__u32 name_length;
};

struct lw_file_rules {
	__u32 generation;
	__u32 slot;
	__u16 ok; /* the union of all watches */
	__u16 failed;
	__u32 unused;
	__u8 inodes[LW_FILTER]; /* LW_FILTER_* by inode number: most steps end here */
	__u8 names[LW_FILTER]; /* by parent, length and beginning of the name */
};

struct lw_rules_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct lw_file_rules));
};

struct lw_objects_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct lw_key));
	__uint(value_size, sizeof(struct lw_watch));
};

struct lw_entries_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct lw_entry_key));
	__uint(value_size, sizeof(struct lw_watch));
};

struct lw_nodes_inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct lw_node));
};

#define LW_OUTER(name, slots, inner)                         \
	struct {                                             \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);    \
		__uint(max_entries, slots);                  \
		__type(key, __u32);                          \
		__array(values, struct inner);               \
	} name SEC(".maps")

LW_OUTER(lw_file_rules, 1, lw_rules_inner);
LW_OUTER(lw_file_objects, 2, lw_objects_inner);
LW_OUTER(lw_file_entries, 2, lw_entries_inner);
LW_OUTER(lw_file_nodes, 2, lw_nodes_inner);

/* What the iterator of file_keys.bpf.c says about a descriptor of the agent. */
struct lw_file_key {
	struct lw_key key;
	__u64 magic; /* of the file system */
	__u32 fd;
	__u32 unused;
};

/* The root directory of the agent, by {mount, dentry}: tasks with another one are in a container or a chroot. */
struct lw_root {
	__u64 mnt;
	__u64 dentry;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lw_root);
} lw_host_root SEC(".maps");

#endif
