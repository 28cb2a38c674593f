/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Is it watched? Goes from an object up to the root of its superblock, then up the mount chain the same way, and compares two things at
 * every step: the object's own key, and (parent's key, name). So neither a replaced file nor another name of the same file escapes, and a
 * bind mount is followed both ways.
 *
 * Where an entry on the way leads to another object than it did before (a directory that was made, renamed or mounted there), the kernel
 * arms the entries below it on the spot and begins again: no window in which userspace has yet to notice.
 */
#ifndef LW_WATCH_H
#define LW_WATCH_H

#include "common/count.h"
#include "common/key.h"
#include "common/walk.h"
#include "common/watch_maps.h"

#define LW_MATCH_STEPS 512
#define LW_MATCH_PATH_STEPS 512
struct lw_match {
	__u32 busy;
	__u32 climbed; /* the step is a mount point, its object the root of what is mounted there */
	__u64 dentry, mount, top, inode;
	__u64 mnt, first_dentry, first_mount, first_top, first_inode;
	__u32 depth, top_depth, first_depth;
	__u32 first_ok, first_failed, first_count;
	__u32 arm;
	__u32 ok, failed, count, partial; /* the verdict, over all walks since lw_match_begin */
	struct lw_key arm_key;
	struct lw_entry_key entry;
	struct lw_watch armed;
	__u32 hits[LW_MATCH_HITS]; /* set << 8 | depth */
	struct lw_file file; /* what happened, for the record */
	__u64 args[8]; /* of the system call; [0] is none */
	struct lw_path path;
};

/* One state for each program that walks, and a spare one of each: see scratch.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_MATCHES);
	__type(key, __u32);
	__type(value, struct lw_match);
} lw_matches SEC(".maps");

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
#define LW_LOOK_NAME 8

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

/* The name in m->entry, in the directory m->first_inode: for a call that gives a name and whose object is not at hand. */
static __always_inline void lw_match_name(struct lw_match *m, void *entries)
{
	struct lw_watch *watch;

	lw_key_of(&m->entry.parent, (struct inode *)m->first_inode);
	m->depth = 0;
	watch = bpf_map_lookup_elem(entries, &m->entry);
	if (watch)
		lw_match_hit(m, watch);
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
		m->depth = m->top_depth = m->first_depth;
		m->count = m->first_count;
		m->ok = m->first_ok;
		m->failed = m->first_failed;
		m->climbed = 0;
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
	if (look & LW_LOOK_NAME) {
		lw_match_name(m, entries);
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

/* One step; 0 when the walk is over. */
static __always_inline int lw_match_up(struct lw_match *m, struct lw_file_rules *rules, __u32 index)
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

/* All steps; false when they did not suffice. */
#ifdef LW_NO_LOOP
/* A global function too: the verifier looks at it once, not once for each step, which makes the difference between milliseconds and seconds. */
__noinline int lw_match_step(__u32 index)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);
	struct lw_file_rules *rules = lw_rules();

	return m && rules ? lw_match_up(m, rules, index) : 0;
}

static __always_inline bool lw_match_climbs(struct lw_match *m, struct lw_file_rules *rules, __u32 index)
{
	for (int i = 0; i < LW_MATCH_STEPS; i++) {
		if (!lw_match_step(index))
			return true;
	}
	return false;
}
#else
struct lw_climb {
	struct lw_match *m;
	struct lw_file_rules *rules;
	__u32 index;
};

static long lw_match_loop(__u32 i, struct lw_climb *climb)
{
	return !lw_match_up(climb->m, climb->rules, climb->index);
}

static __always_inline bool lw_match_climbs(struct lw_match *m, struct lw_file_rules *rules, __u32 index)
{
	struct lw_climb climb = { .m = m, .rules = rules, .index = index };

	return bpf_loop(LW_MATCH_STEPS, lw_match_loop, &climb, 0) < LW_MATCH_STEPS;
}
#endif

static __always_inline struct lw_match *lw_match_take(__u32 *index, __u32 program)
{
	struct lw_match *m;

	for (int spare = 0; spare < 2; spare++) {
		*index = program * 2 + spare;
		m = bpf_map_lookup_elem(&lw_matches, index);
		if (!m)
			return NULL;
		__sync_fetch_and_add(&m->busy, 1);
		if (*(volatile __u32 *)&m->busy == 1) {
			m->ok = m->failed = m->count = m->partial = 0;
			return m;
		}
		__sync_fetch_and_add(&m->busy, -1);
	}
	lw_count(LW_FILES, LW_TRIED);
	lw_count(LW_FILES, LW_BUSY);
	return NULL;
}

static __always_inline void lw_match_release(struct lw_match *m)
{
	__sync_fetch_and_add(&m->busy, -1);
}

/*
 * Names the object that the next walks begin at. `mnt` may be null: then only the object's own superblock is looked at, and it has no path.
 * `inode` is the dentry's, null for a name without an object. In the state, since a pointer of the kernel cannot be an argument of a global
 * function.
 */
static __always_inline void lw_at(struct lw_match *m, struct vfsmount *mnt, struct dentry *dentry, struct inode *inode)
{
	m->mnt = (__u64)mnt;
	m->first_dentry = (__u64)dentry;
	m->first_inode = (__u64)inode;
}

/*
 * Adds to the verdict and the hits of the state at `index`. `depth` is 0 for the object itself, 1 for its directory. Partial stays set when
 * the steps did not suffice: userspace decides.
 */
__noinline int lw_match_walk(__u32 index, __u32 depth)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);
	struct lw_file_rules *rules = lw_rules();

	if (!m || !rules)
		return 0;
	m->dentry = m->first_dentry;
	m->first_mount = m->mount = m->mnt ? (__u64)lw_mount_of((void *)m->mnt) : 0;
	m->first_top = m->top = m->mnt ? (__u64)LW_GET((void *)m->mnt, struct vfsmount, mnt_root) : 0;
	m->inode = m->first_inode;
	m->first_depth = m->depth = m->top_depth = depth;
	m->first_ok = m->ok;
	m->first_failed = m->failed;
	m->first_count = m->count;
	m->climbed = m->arm = 0;
	if (!lw_match_climbs(m, rules, index))
		m->partial = 1;
	return 0;
}

#ifdef LW_NO_LOOP
__noinline int lw_match_path_step(__u32 index)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);

	return m ? lw_path_step(&m->path) : 0;
}
#endif

/* The path of what lw_at named last, into the state at `index`; of the name in m->entry in there, when that has a `length`. */
__noinline int lw_match_path(__u32 index, __u32 length)
{
	struct lw_match *m = bpf_map_lookup_elem(&lw_matches, &index);

	if (!m)
		return 0;
	lw_path_clear(&m->path);
	if (length && !lw_path_prepend_name(&m->path, m->entry.name, length))
		return 0;
#ifdef LW_NO_LOOP
	lw_path_start(&m->path, (void *)m->mnt, (void *)m->first_dentry);
	for (int i = 0; i < LW_MATCH_PATH_STEPS; i++) {
		if (!lw_match_path_step(index))
			break;
	}
	lw_path_finish(&m->path);
#else
	lw_path_climb(&m->path, (void *)m->mnt, (void *)m->first_dentry);
#endif
	return 0;
}

/* Whether some watch wants what m->file says; true as well when the kernel cannot tell. */
static __always_inline bool lw_match_wants(const struct lw_match *m)
{
	return m->partial || ((m->file.error ? m->failed : m->ok) & m->file.op);
}

#endif
