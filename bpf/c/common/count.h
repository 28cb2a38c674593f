/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Counting what was tried and what was lost: seen + counted = happened. */
#ifndef LW_COUNT_H
#define LW_COUNT_H

#include "common/maps.h"

/*
 * Returns the new count. The addition is atomic; the number returned may, when another program preempts this one in
 * between, be seen twice (reading it back atomically needs 5.12): gaps in it are a hint, the counters are exact.
 */
static __always_inline __u64 lw_count(__u32 sensor, __u32 stage)
{
	__u32 slot = sensor * LW_STAGES + stage;
	__u64 *count = bpf_map_lookup_elem(&lw_counts, &slot);

	if (!count)
		return 0;
	__sync_fetch_and_add(count, 1);
	return *(volatile __u64 *)count;
}

#endif
