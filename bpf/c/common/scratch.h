/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory to build a record in. It belongs to one program (LW_SCRATCH declares it) and to one run of it: a run that is
 * preempted by another of the same program on the same CPU keeps its slot, the other takes the next one, and when all are
 * taken the record is counted as lost (busy).
 */
#ifndef LW_SCRATCH_H
#define LW_SCRATCH_H

#include "common/ring.h"
#include "common/walk.h"

#define LW_SLOTS 2
#define LW_NAME_MAX 256
#define LW_FIELD_MAX 4096
#define LW_TAIL_END 16384 /* no field begins past it */
#define LW_RECORD_MAX (LW_TAIL_END + 4 + LW_FIELD_MAX + 4)

struct lw_scratch {
	__u32 busy;
	__u32 len; /* of the record so far */
	struct lw_path walk;
	char name[LW_NAME_MAX]; /* of one step of a cgroup's path */
	__u8 record[LW_RECORD_MAX + 8];
};

#define LW_SCRATCH(map)                                   \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);  \
		__uint(max_entries, LW_SLOTS);            \
		__type(key, __u32);                       \
		__type(value, struct lw_scratch);         \
	} map SEC(".maps")

static __always_inline struct lw_scratch *lw_take(void *map, __u32 slot)
{
	struct lw_scratch *s = bpf_map_lookup_elem(map, &slot);

	if (!s)
		return NULL;
	/* Add, then look: of two that meet here, at most one finds 1. */
	__sync_fetch_and_add(&s->busy, 1);
	if (*(volatile __u32 *)&s->busy == 1)
		return s;
	__sync_fetch_and_add(&s->busy, -1);
	return NULL;
}

/* Takes a slot and begins a record in it. NULL: the record is lost, and counted. */
static __always_inline struct lw_scratch *lw_begin(void *map, __u32 sensor, __u16 kind, __u16 fixed, __u8 flavour)
{
	struct lw_scratch *s = lw_take(map, 0);

	if (!s)
		s = lw_take(map, 1);
	if (!s) {
		lw_count(sensor, LW_TRIED);
		lw_count(sensor, LW_BUSY);
		return NULL;
	}
	lw_header((struct lw_header *)s->record, sensor, kind, fixed, flavour);
	s->len = fixed;
	return s;
}

/* Gives the slot back without sending: it turned out that nobody wants the record. */
static __always_inline void lw_release(struct lw_scratch *s)
{
	__sync_fetch_and_add(&s->busy, -1);
}

/* Sends the record and gives the slot back. */
static __always_inline void lw_end(struct lw_scratch *s, void *rings, __u32 sensor)
{
	__u64 len = s->len;

	asm volatile("" : "+r"(len));
	if (len <= LW_RECORD_MAX) { /* one comparison: of two, clang makes one that the verifier cannot follow */
		((struct lw_header *)s->record)->size = len;
		lw_send(rings, sensor, s->record, len);
	} else {
		lw_count(sensor, LW_READ_FAILED);
	}
	lw_release(s);
}

#endif
