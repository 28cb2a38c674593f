/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The text of a path: from an object up to the root of its mount namespace, through every mount on the way.
 *
 * The state lives in a map value that one program owns: on the stack the verifier would tell every step apart and give up. The text grows
 * from the end of the buffer to its beginning.
 */
#ifndef LW_WALK_H
#define LW_WALK_H

#include "kernel_fs.h"

#define LW_PATH_STEPS 128
#define LW_PATH_STEPS_LOOP 2048 /* with bpf_loop, whose body is verified once */
#define LW_PATH_END 4095u

struct lw_path {
	__u64 dentry;
	__u64 mount;
	__u64 top; /* the dentry at which the present mount ends */
	__u32 offset; /* of the first byte; the text ends at LW_PATH_END */
	__u32 partial; /* out of steps or of room: what is there is the end of the path */
	char text[4096 + 256];
};

static __always_inline struct mount *lw_mount_of(const struct vfsmount *mnt)
{
	return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

/* Puts "/name" before what is there. False when there is no room. */
static __always_inline int lw_path_prepend_name(struct lw_path *w, const unsigned char *name, __u32 length)
{
	__u32 offset = w->offset;

	length &= 255;
	if (length + 1 > offset)
		return 0;
	offset -= length + 1;
	asm volatile("" : "+r"(offset)); /* keep the mask: the verifier forgets what the compiler knows */
	offset &= 4095;
	w->text[offset] = '/';
	if (bpf_probe_read_kernel(&w->text[offset + 1], length, name))
		return 0;
	w->offset = offset;
	return 1;
}

static __always_inline int lw_path_prepend(struct lw_path *w, struct dentry *dentry)
{
	return lw_path_prepend_name(w, LW_GET(dentry, struct dentry, d_name.name), LW_GET(dentry, struct dentry, d_name.len));
}

/* One step up. False when the walk is over. */
static __always_inline int lw_path_step(struct lw_path *w)
{
	struct dentry *dentry = (struct dentry *)w->dentry;
	struct dentry *parent = LW_GET(dentry, struct dentry, d_parent);

	if (w->dentry == w->top || dentry == parent) {
		struct mount *mount = (struct mount *)w->mount;
		struct mount *above = LW_GET(mount, struct mount, mnt_parent);

		if (above != mount && above) {
			w->dentry = (__u64)LW_GET(mount, struct mount, mnt_mountpoint);
			w->top = (__u64)LW_GET(above, struct mount, mnt.mnt_root);
			w->mount = (__u64)above;
			return 1;
		}
		w->partial = w->dentry != w->top;
		if (!w->partial)
			return 0;
		/* Detached from what is mounted: its name is all there is (memfd:NAME). */
	}
	if (!lw_path_prepend(w, dentry))
		return 0;
	w->dentry = (__u64)parent;
	return parent != dentry;
}

static __always_inline void lw_path_clear(struct lw_path *w)
{
	w->offset = LW_PATH_END;
	w->partial = 1;
	w->text[LW_PATH_END] = 0;
}

/*
 * bpf_loop came with 5.17; before 5.13 a program may not even mention a callback, so every object is built twice. One build has only one of the
 * two loops: a plain loop that is never run is checked all the same.
 */
#ifdef LW_NO_LOOP
#define LW_HAS_LOOP 0
#else
#define LW_HAS_LOOP 1
#endif

static long lw_path_loop(__u32 i, struct lw_path **w)
{
	return !lw_path_step(*w);
}

static __always_inline void lw_path_start(struct lw_path *w, struct vfsmount *mnt, struct dentry *dentry)
{
	w->dentry = (__u64)dentry;
	w->mount = (__u64)lw_mount_of(mnt);
	w->top = (__u64)LW_GET(mnt, struct vfsmount, mnt_root);
}

/* A root has no name. */
static __always_inline void lw_path_finish(struct lw_path *w)
{
	if (w->offset == LW_PATH_END && !w->partial) {
		w->offset = LW_PATH_END - 1;
		w->text[LW_PATH_END - 1] = '/';
	}
}

/* Puts the path of `dentry` in `mnt` before what is there. */
static __noinline int lw_path_climb(struct lw_path *w, struct vfsmount *mnt, struct dentry *dentry)
{
	if (!w)
		return 0;
	lw_path_start(w, mnt, dentry);
	if (LW_HAS_LOOP) {
		bpf_loop(LW_PATH_STEPS_LOOP, lw_path_loop, &w, 0);
	} else {
		for (int i = 0; i < LW_PATH_STEPS; i++) {
			if (!lw_path_step(w))
				break;
		}
	}
	lw_path_finish(w);
	return 0;
}

/* The path of `dentry` in `mnt`, into `w`. */
static __always_inline void lw_path_walk(struct lw_path *w, struct vfsmount *mnt, struct dentry *dentry)
{
	lw_path_clear(w);
	lw_path_climb(w, mnt, dentry);
}

#endif
