/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Calls of the library, from their first instruction to their return. */
#ifndef LW_TLS_CALL_H
#define LW_TLS_CALL_H

#include "common/tls_maps.h"

/* The registers of a probed program (arch/x86/include/asm/ptrace.h and arch/arm64/include/uapi/asm/ptrace.h): part of the kernel's interface. */
#ifdef __TARGET_ARCH_x86
struct lw_user_regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#define LW_PARAMETER_0(regs) ((regs)->di)
#define LW_PARAMETER_1(regs) ((regs)->si)
#define LW_PARAMETER_2(regs) ((regs)->dx)
#define LW_PARAMETER_3(regs) ((regs)->cx)
#define LW_PARAMETER_4(regs) ((regs)->r8)
#define LW_RETURNED(regs) ((regs)->ax)
#define LW_RETURN_ADDRESS 8 /* on the stack */
#else
struct lw_user_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
#define LW_PARAMETER_0(r) ((r)->regs[0])
#define LW_PARAMETER_1(r) ((r)->regs[1])
#define LW_PARAMETER_2(r) ((r)->regs[2])
#define LW_PARAMETER_3(r) ((r)->regs[3])
#define LW_PARAMETER_4(r) ((r)->regs[4])
#define LW_RETURNED(r) ((r)->regs[0])
#define LW_RETURN_ADDRESS 0 /* in a register */
#endif

static __always_inline struct lw_tls_thread *lw_tls_thread(bool make)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct lw_tls_thread *thread = bpf_map_lookup_elem(&lw_tls_threads, &id);
	struct lw_tls_thread none = {};

	if (thread || !make)
		return thread;
	if (bpf_map_update_elem(&lw_tls_threads, &id, &none, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&lw_tls_threads, &id);
}

/* The slot of the call with this stack pointer; else NULL. Only the thread itself changes its slots. */
static __always_inline struct lw_tls_call *lw_tls_slot(struct lw_tls_thread *thread, __u64 stack)
{
	for (int i = 0; i < LW_TLS_DEPTH; i++)
		if (thread->calls[i].stack == stack)
			return &thread->calls[i];
	return NULL;
}

/*
 * A call begins. One that never returned (longjmp, a coroutine that was dropped) keeps its slot until another call has the same stack pointer
 * or no slot is free. `count`: where it is to write how many bytes went, or 0.
 */
static __always_inline void lw_tls_begin(const struct lw_user_regs *regs, __u32 way, __u64 count)
{
	__u64 stack = regs->sp + LW_RETURN_ADDRESS;
	struct lw_tls_thread *thread;
	struct lw_tls_call *call;

	thread = lw_tls_thread(true);
	if (!thread) {
		lw_count(LW_NETWORK, LW_TRIED);
		lw_count(LW_NETWORK, LW_NO_MEMORY);
		return;
	}
	call = lw_tls_slot(thread, stack);
	if (!call)
		call = lw_tls_slot(thread, 0);
	if (!call)
		call = &thread->calls[thread->next++ % LW_TLS_DEPTH];
	call->stack = stack;
	call->ssl = LW_PARAMETER_0(regs);
	call->buffer = LW_PARAMETER_1(regs);
	call->size = count ? LW_PARAMETER_2(regs) : (__u32)LW_PARAMETER_2(regs);
	call->count = count;
	call->serial = ++thread->serial;
	call->way = way;
	thread->done = 0;
	thread->ssl = call->ssl;
	thread->way = way;
	thread->sock = 0;
}

/* How many bytes went, now that the call has returned; 0: none, or it is to be called again. */
static __always_inline __u32 lw_tls_result(const struct lw_user_regs *regs, const struct lw_tls_call *call)
{
	__s32 result = (__s32)LW_RETURNED(regs);
	__u64 count = 0;

	if (result <= 0)
		return 0;
	if (!call->count)
		count = result;
	else if (bpf_probe_read_user(&count, sizeof(count), (void *)call->count))
		lw_count(LW_NETWORK, LW_READ_FAILED);
	if (count > call->size)
		count = call->size;
	return count > 0x7fffffff ? 0x7fffffff : count;
}

#endif
