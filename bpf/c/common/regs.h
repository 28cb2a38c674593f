/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The registers with which the running task entered the kernel: which system call, with which arguments. */
#ifndef LW_REGS_H
#define LW_REGS_H

#include "common/header.h"

#ifdef __TARGET_ARCH_x86
#define LW_ABI_NATIVE LW_ABI_X86_64
#define LW_ABI_COMPAT LW_ABI_I386
#define LW_TS_COMPAT 2
#else
#define LW_ABI_NATIVE LW_ABI_AARCH64
#define LW_ABI_COMPAT LW_ABI_ARM
#define LW_TIF_32BIT (1ul << 22)
#endif
#define LW_STACK_SIZE 16384 /* on the kernels without bpf_task_pt_regs */

static __always_inline struct pt_regs *lw_regs(void)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	task = (struct task_struct *)bpf_get_current_task();
	return (struct pt_regs *)(BPF_CORE_READ(task, stack) + LW_STACK_SIZE - bpf_core_type_size(struct pt_regs));
}

static __always_inline __u8 lw_abi(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

#ifdef __TARGET_ARCH_x86
	return LW_GET(task, struct task_struct, thread_info.status) & LW_TS_COMPAT ? LW_ABI_COMPAT : LW_ABI_NATIVE;
#else
	return LW_GET(task, struct task_struct, thread_info.flags) & LW_TIF_32BIT ? LW_ABI_COMPAT : LW_ABI_NATIVE;
#endif
}

/* Says in the header which system call the running task is in. */
static __always_inline void lw_in_syscall(struct lw_header *h)
{
	struct pt_regs *regs = lw_regs();

#ifdef __TARGET_ARCH_x86
	h->syscall = (__s32)BPF_CORE_READ(regs, orig_ax);
#else
	h->syscall = BPF_CORE_READ(regs, syscallno);
#endif
	h->abi = lw_abi();
}

/* The first and the second argument of a native system call; they outlive its return. */
static __always_inline __u64 lw_argument(struct pt_regs *regs, const int n)
{
#ifdef __TARGET_ARCH_x86
	return n == 0 ? BPF_CORE_READ(regs, di) : n == 1 ? BPF_CORE_READ(regs, si) : BPF_CORE_READ(regs, dx);
#else
	return n == 0 ? BPF_CORE_READ(regs, orig_x0) : BPF_CORE_READ(regs, regs[n]);
#endif
}

/* The same of a 32-bit one. */
static __always_inline __u32 lw_argument32(struct pt_regs *regs, const int n)
{
#ifdef __TARGET_ARCH_x86
	return n == 0 ? BPF_CORE_READ(regs, bx) : n == 1 ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, dx);
#else
	return lw_argument(regs, n);
#endif
}

#endif
