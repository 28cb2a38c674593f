/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Sending. Never wakes the reader, which drains on a timer: a wakeup would cost the observed task 16 to 23 microseconds.
 */
#ifndef LW_RING_H
#define LW_RING_H

#include "common/header.h"

static __always_inline void lw_send(void *rings, __u32 sensor, void *record, __u64 size)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(rings, &cpu);

	if (!ring || bpf_ringbuf_output(ring, record, size, BPF_RB_NO_WAKEUP))
		lw_count(sensor, LW_RING_FULL);
}

#endif
