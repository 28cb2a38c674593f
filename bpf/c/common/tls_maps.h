/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The maps of the TLS probes: tls_base.bpf.c creates them once HTTPS is asked for, the loader hands them to the others by name. */
#ifndef LW_TLS_MAPS_H
#define LW_TLS_MAPS_H

#include "common/net_maps.h"
#include "lw_tls.h"

/*
 * LRU: past its size the thread that was silent longest is forgotten, which is counted when its call returns. A thread that ends takes its entry
 * along.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* pid and tid */
	__type(value, struct lw_tls_thread);
} lw_tls_threads SEC(".maps");

/* LRU, too. Nothing tells of an eviction: userspace compares what was made with what is there (tls/census.rs). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct lw_tls_key);
	__type(value, struct lw_tls_conn);
} lw_tls_conns SEC(".maps");

/* How many entries of lw_tls_conns there ever were, by lw_tls_tally. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LW_TLS_TALLIES);
	__type(key, __u32);
	__type(value, __u64);
} lw_tls_tallies SEC(".maps");

static __always_inline void lw_tls_tally(__u32 which)
{
	__u64 *tally = bpf_map_lookup_elem(&lw_tls_tallies, &which);

	if (tally)
		__sync_fetch_and_add(tally, 1);
}

#endif
