/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The maps that all objects share: base.bpf.c creates them, the loader hands them to the others by name. */
#ifndef LW_MAPS_H
#define LW_MAPS_H

#include "lw.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* One slot for each possible CPU; slots may hold the same ring. The loader sizes and fills them. */
#define LW_RINGS(map)                                      \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);  \
		__uint(max_entries, 1);                    \
		__type(key, __u32);                        \
		__array(values, struct {                   \
			__uint(type, BPF_MAP_TYPE_RINGBUF); \
			__uint(max_entries, 65536);        \
		});                                        \
	} map SEC(".maps")

LW_RINGS(lw_ring_process);
LW_RINGS(lw_ring_file);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_SENSORS * LW_STAGES);
	__type(key, __u32);
	__type(value, __u64);
} lw_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lw_config);
} lw_settings SEC(".maps");

/* Credentials as last seen, by thread: see creds.h. */
struct lw_memory {
	struct lw_creds creds;
	__u32 may_setuid; /* CAP_SETUID in the initial user namespace */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u32); /* thread id */
	__type(value, struct lw_memory);
} lw_remembered SEC(".maps");

#endif
