/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Is it watched? Goes from an object up to the root of its superblock, then up the mount chain the same way, and compares two things at
 * every step: the object's own key, and (parent's key, name). So neither a replaced file nor another name of the same file escapes, and a
 * bind mount is followed both ways.
 *
 * Where an entry on the way leads to another object than it did before (a directory that was made, renamed or mounted there), the kernel
 * arms the entries below it on the spot and begins again: no window in which userspace has yet to notice.
 *
 * Everything hangs from outer maps. `lw_file_rules` says which slot of the others is in force, so that replacing its only element changes all
 * of them at once.
 */
#ifndef LW_WATCH_H
#define LW_WATCH_H

#include "key.h"
#include "walk.h"

#define LW_MATCH_STEPS 192
#define LW_MATCH_HITS 16
#define LW_FILTER_BITS 13
#define LW_FILTER (1 << LW_FILTER_BITS)
#define LW_FILTER_OBJECT 1
#define LW_FILTER_PARENT 2

struct lw_entry_key {
	struct lw_key parent;
	char name[256]; /* padded with zeros */
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
	char name[256];
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

struct lw_match {
	__u64 dentry, mount, top, inode;
	__u64 first_dentry, first_mount, first_top, first_inode;
	__u32 depth, top_depth;
	__u32 climbed; /* the step is a mount point, its object the root of what is mounted there */
	__u32 arm;
	struct lw_key arm_key;
	struct lw_entry_key entry;
	struct lw_watch armed;
	__u32 ok, failed;
	__u32 partial;
	__u32 count;
	__u32 hits[LW_MATCH_HITS]; /* set << 8 | depth */
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

/* One state for each program that walks, and a spare one of each: see scratch.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_MATCHES);
	__type(key, __u32);
	__type(value, struct lw_match);
} lw_matches SEC(".maps");

LW_OUTER(lw_file_rules, 1, lw_rules_inner);
LW_OUTER(lw_file_objects, 2, lw_objects_inner);
LW_OUTER(lw_file_entries, 2, lw_entries_inner);
LW_OUTER(lw_file_nodes, 2, lw_nodes_inner);

/* The rules in force; null as long as there are none. */
static __always_inline struct lw_file_rules *lw_rules(void)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&lw_file_rules, &zero);

	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}

static __always_inline __u32 lw_inode_slot(__u64 inode)
{
	return ((__u32)inode * 2654435761u) >> (32 - LW_FILTER_BITS);
}

/* The first eight bytes of a name, the rest of a shorter one zero. */
static __always_inline __u32 lw_name_slot(__u64 parent, __u64 beginning, __u32 length)
{
	if (length < 8)
		beginning &= (1ull << (length * 8)) - 1;
	return ((beginning + parent * 0x9e3779b97f4a7c15ull + length) * 0xd6e8feb86659fd93ull) >> (64 - LW_FILTER_BITS);
}

static __always_inline void lw_match_hit(struct lw_match *m, const struct lw_watch *watch)
{
	__u32 depth = m->depth;
	__u32 n = m->count;

	if (!watch->set)
		return;
	m->ok |= watch->deep_ok;
	m->failed |= watch->deep_failed;
	if (depth <= 1) {
		m->ok |= watch->flat_ok;
		m->failed |= watch->flat_failed;
	}
	if (n >= LW_MATCH_HITS) {
		m->partial = 1;
		return;
	}
	m->hits[n & (LW_MATCH_HITS - 1)] = watch->set << 8 | (depth > 255 ? 255 : depth);
	m->count = n + 1;
}

/* What a step found worth a closer look. */
#define LW_LOOK_OBJECT 1
#define LW_LOOK_ENTRY 2
#define LW_LOOK_ARM 4

static __always_inline void lw_match_object(struct lw_match *m, void *objects)
{
	struct lw_watch *watch;

	lw_key_of(&m->entry.parent, (struct inode *)m->inode);
	watch = bpf_map_lookup_elem(objects, &m->entry.parent);
	if (watch)
		lw_match_hit(m, watch);
}

/* An entry that leads to another object than before: watch that object too, and arm what is below it. */
static __always_inline void lw_match_learn(struct lw_match *m, struct lw_file_rules *rules, void *objects, struct lw_watch *watch)
{
	if (!m->inode)
		return;
	lw_key_of(&m->arm_key, (struct inode *)m->inode);
	if (lw_key_same(&watch->known, &m->arm_key))
		return;
	watch->known = m->arm_key;
	if (watch->set) {
		m->armed = *watch;
		m->armed.next = 0;
		if (bpf_map_update_elem(objects, &m->arm_key, &m->armed, BPF_ANY))
			lw_count(LW_FILES, LW_NO_MEMORY);
		rules->inodes[lw_inode_slot(m->arm_key.inode) & (LW_FILTER - 1)] |= LW_FILTER_OBJECT;
	}
	m->arm = watch->next;
}

static __always_inline void lw_match_entry(struct lw_match *m, struct lw_file_rules *rules, void *objects, void *entries)
{
	struct dentry *dentry = (struct dentry *)m->dentry;
	struct dentry *parent = LW_GET(dentry, struct dentry, d_parent);
	const unsigned char *name = LW_GET(dentry, struct dentry, d_name.name);
	__u32 length = LW_GET(dentry, struct dentry, d_name.len) & 255;
	struct lw_watch *watch;
	__u64 beginning = 0;

	lw_key_of(&m->entry.parent, LW_GET(parent, struct dentry, d_inode));
	bpf_probe_read_kernel(&beginning, sizeof(beginning), name);
	if (!rules->names[lw_name_slot(m->entry.parent.inode, beginning, length) & (LW_FILTER - 1)])
		return;
	__builtin_memset(m->entry.name, 0, sizeof(m->entry.name));
	bpf_probe_read_kernel(m->entry.name, length, name);
	watch = bpf_map_lookup_elem(entries, &m->entry);
	if (!watch)
		return;
	lw_match_hit(m, watch);
	lw_match_learn(m, rules, objects, watch);
}

/* Arms one node under m->arm_key and goes to its sibling; after the last one the walk begins again. */
static __always_inline void lw_match_arm(struct lw_match *m, struct lw_file_rules *rules, void *entries, void *nodes)
{
	__u32 id = m->arm;
	struct lw_node *node = bpf_map_lookup_elem(nodes, &id);
	__u32 at;

	m->arm = 0;
	if (node) {
		m->entry.parent = m->arm_key;
		__builtin_memcpy(m->entry.name, node->name, sizeof(node->name));
		if (bpf_map_update_elem(entries, &m->entry, &node->watch, BPF_NOEXIST) == -7 /* E2BIG: full */)
			lw_count(LW_FILES, LW_NO_MEMORY);
		at = lw_inode_slot(m->arm_key.inode) & (LW_FILTER - 1);
		rules->inodes[at] |= LW_FILTER_PARENT;
		at = lw_name_slot(m->arm_key.inode, *(__u64 *)node->name, node->name_length) & (LW_FILTER - 1);
		rules->names[at] = 1;
		m->arm = node->sibling;
	}
	if (!m->arm) {
		m->dentry = m->first_dentry;
		m->mount = m->first_mount;
		m->top = m->first_top;
		m->inode = m->first_inode;
		m->depth = m->top_depth = m->climbed = m->count = m->ok = m->failed = 0;
	}
}

/*
 * The rare part of a step, in a function of its own that the verifier looks at once (a global one, so its arguments are numbers: before
 * 5.12 it takes nothing else). `index` is the state's in lw_matches.
 */
__noinline int lw_match_look(__u32 index, __u32 look)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);
	struct lw_file_rules *rules = lw_rules();
	void *objects, *entries, *nodes;
	__u32 slot;

	if (!m || !rules)
		return 0;
	slot = rules->slot;
	objects = bpf_map_lookup_elem(&lw_file_objects, &slot);
	entries = bpf_map_lookup_elem(&lw_file_entries, &slot);
	nodes = bpf_map_lookup_elem(&lw_file_nodes, &slot);
	if (!objects || !entries || !nodes)
		return 0;
	if (look & LW_LOOK_ARM) {
		lw_match_arm(m, rules, entries, nodes);
		return 0;
	}
	if (look & LW_LOOK_OBJECT)
		lw_match_object(m, objects);
	if (look & LW_LOOK_ENTRY)
		lw_match_entry(m, rules, objects, entries);
	return 0;
}

/* From the root of a mount's superblock to the place where it is mounted. False when there is no such place. */
static __always_inline int lw_match_climb(struct lw_match *m)
{
	struct mount *mount = (struct mount *)m->mount;
	struct mount *above;

	if (!mount)
		return 0;
	above = LW_GET(mount, struct mount, mnt_parent);
	if (above == mount || !above)
		return 0;
	m->inode = (__u64)LW_GET((void *)m->top, struct dentry, d_inode);
	m->dentry = (__u64)LW_GET(mount, struct mount, mnt_mountpoint);
	m->top = (__u64)LW_GET(above, struct mount, mnt.mnt_root);
	m->mount = (__u64)above;
	m->depth = m->top_depth;
	m->climbed = 1;
	return 1;
}

/* One step. False when the walk is over. */
static __always_inline int lw_match_step(struct lw_match *m, struct lw_file_rules *rules, __u32 index)
{
	struct dentry *dentry = (struct dentry *)m->dentry;
	struct dentry *parent = LW_GET(dentry, struct dentry, d_parent);
	struct inode *above = 0;
	__u32 look = 0;

	if (m->inode && !m->climbed) {
		__u64 ino = LW_GET((void *)m->inode, struct inode, i_ino);

		look = rules->inodes[lw_inode_slot(ino) & (LW_FILTER - 1)] & LW_FILTER_OBJECT;
	}
	if (parent != dentry) {
		above = LW_GET(parent, struct dentry, d_inode);
		look |= rules->inodes[lw_inode_slot(LW_GET(above, struct inode, i_ino)) & (LW_FILTER - 1)] & LW_FILTER_PARENT;
	}
	if (m->arm)
		look = LW_LOOK_ARM;
	if (look) {
		lw_match_look(index, look);
		if (m->arm || look == LW_LOOK_ARM)
			return 1;
	}
	if (m->dentry == m->top)
		m->top_depth = m->depth;
	if (!above)
		return lw_match_climb(m);
	m->dentry = (__u64)parent;
	m->inode = (__u64)above;
	m->depth++;
	m->climbed = 0;
	return 1;
}

/*
 * Fills ok, failed and hits of the state at `index`. `mnt` may be null: then only the object's own superblock is looked at. `inode` is the
 * dentry's, null for a name without an object. Partial stays set when the steps did not suffice: userspace decides.
 */
static __always_inline void lw_match_walk(struct lw_match *m, struct lw_file_rules *rules, __u32 index, struct vfsmount *mnt,
					  struct dentry *dentry, struct inode *inode)
{
	m->first_dentry = m->dentry = (__u64)dentry;
	m->first_mount = m->mount = mnt ? (__u64)lw_mount_of(mnt) : 0;
	m->first_top = m->top = mnt ? (__u64)LW_GET(mnt, struct vfsmount, mnt_root) : 0;
	m->first_inode = m->inode = (__u64)inode;
	m->depth = m->top_depth = m->climbed = m->arm = 0;
	m->ok = m->failed = m->count = 0;
	m->partial = 0;
	for (int i = 0; i < LW_MATCH_STEPS; i++) {
		if (!lw_match_step(m, rules, index))
			return;
	}
	m->partial = 1;
}

#endif
