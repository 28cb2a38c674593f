/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Who, when, where: the header of every record. */
#ifndef LW_HEADER_H
#define LW_HEADER_H

#include "common/count.h"

static __always_inline struct lw_config *lw_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&lw_settings, &zero);
}

/* Whether the running process is the agent itself; counted. Call it before anything else is done for a record. */
static __always_inline bool lw_is_self(__u32 sensor)
{
	struct lw_config *config = lw_config();

	if (!config || config->self_pid != bpf_get_current_pid_tgid() >> 32)
		return false;
	lw_count(sensor, LW_SELF);
	return true;
}

/* Start of the running process (its leader). */
static __always_inline __u64 lw_current_start(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

		return task->group_leader->start_boottime;
	}
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), group_leader, start_boottime);
}

/* Fills the header for the running task and counts the try. `syscall` and `abi` are the caller's to set. */
static __always_inline void lw_header(struct lw_header *h, __u32 sensor, __u16 kind, __u16 fixed, __u8 flavour)
{
	struct lw_config *config = lw_config();
	__u64 id = bpf_get_current_pid_tgid();

	h->time = bpf_ktime_get_boot_ns();
	h->start = lw_current_start();
	h->seq = lw_count(sensor, LW_TRIED);
	h->size = fixed;
	h->kind = kind;
	h->cpu = bpf_get_smp_processor_id();
	h->pid = id >> 32;
	h->tid = id;
	h->syscall = -1;
	h->generation = config ? config->generation : 0;
	h->fixed = fixed;
	h->abi = LW_ABI_NONE;
	h->flavour = flavour;
	h->flags = 0;
}

#endif
