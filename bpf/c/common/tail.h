/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Fields behind the fixed part. What cannot be read is left out (missing); what does not fit is cut and marked partial. */
#ifndef LW_TAIL_H
#define LW_TAIL_H

#include "common/scratch.h"

struct lw_tail {
	__u16 field;
	__u16 len;
};

/* Lengths and offsets are 64 bits wide while they are checked: older verifiers lose the bounds of halves. */

/* Closes a field of `len` bytes that begins at `at`. */
static __always_inline void lw_tail_close(struct lw_scratch *s, __u32 at, __u16 field, __u32 len)
{
	struct lw_tail *t = (struct lw_tail *)&s->record[at];

	t->field = field;
	t->len = len;
	s->len = at + sizeof(*t) + ((len + 3) & ~3u);
}

/* `len` bytes of kernel memory. */
static __always_inline void lw_tail_bytes(struct lw_scratch *s, __u16 field, const void *from, __u64 len)
{
	__u64 at = s->len;

	if (len > LW_FIELD_MAX) {
		len = LW_FIELD_MAX;
		field |= LW_PARTIAL;
	}
	asm volatile("" : "+r"(at), "+r"(len));
	if (at > LW_TAIL_END || len > LW_FIELD_MAX)
		return;
	if (!bpf_probe_read_kernel(&s->record[at + sizeof(struct lw_tail)], len, from))
		lw_tail_close(s, at, field, len);
}

/* `len` bytes of the running process's memory. */
static __always_inline void lw_tail_user_bytes(struct lw_scratch *s, __u16 field, const void *from, __u64 len)
{
	__u64 at = s->len;

	if (len > LW_FIELD_MAX) {
		len = LW_FIELD_MAX;
		field |= LW_PARTIAL;
	}
	asm volatile("" : "+r"(at), "+r"(len));
	if (at > LW_TAIL_END || len > LW_FIELD_MAX)
		return;
	if (!bpf_probe_read_user(&s->record[at + sizeof(struct lw_tail)], len, from))
		lw_tail_close(s, at, field, len);
}

/* A string in kernel memory, at most `max` (constant) bytes with its NUL, which is not sent. */
static __always_inline void lw_tail_string(struct lw_scratch *s, __u16 field, const void *from, const __u32 max)
{
	__u64 at = s->len;
	long n;

	asm volatile("" : "+r"(at));
	if (at > LW_TAIL_END)
		return;
	n = bpf_probe_read_kernel_str(&s->record[at + sizeof(struct lw_tail)], max, from);
	if (n > 0 && n <= max)
		lw_tail_close(s, at, n == max ? field | LW_PARTIAL : field, n - 1);
}

/* The same from the running process's memory. */
static __always_inline void lw_tail_user_string(struct lw_scratch *s, __u16 field, const void *from, const __u32 max)
{
	__u64 at = s->len;
	long n;

	asm volatile("" : "+r"(at));
	if (at > LW_TAIL_END)
		return;
	n = bpf_probe_read_user_str(&s->record[at + sizeof(struct lw_tail)], max, from);
	if (n > 0 && n <= max)
		lw_tail_close(s, at, n == max ? field | LW_PARTIAL : field, n - 1);
}

/* The path that `walk` found. */
static __always_inline void lw_tail_walk(struct lw_scratch *s, __u16 field, const struct lw_path *walk)
{
	__u64 at = walk->offset;

	if (walk->partial)
		field |= LW_PARTIAL;
	asm volatile("" : "+r"(at));
	if (at < LW_PATH_END)
		lw_tail_bytes(s, field, &walk->text[at], LW_PATH_END - at);
}

/* The path that the record's own walk found. */
static __always_inline void lw_tail_path(struct lw_scratch *s, __u16 field)
{
	lw_tail_walk(s, field, &s->walk);
}

#endif
