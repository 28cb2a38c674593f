/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Arguments and results of function hooks whose signature depends on the kernel. */
#ifndef LW_RESULT_H
#define LW_RESULT_H

#include "lw.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* An argument by its place. Two plain loads in two branches would become one from a computed address, which the verifier refuses. */
#define LW_ARGUMENT(ctx, at)                                                                                     \
	({                                                                                                       \
		__u64 __argument;                                                                                \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(__argument) : "r"(ctx), "i"((at) * 8));             \
		__argument;                                                                                      \
	})

/* The result of the function, which had `count` arguments before bpf_get_func_ret came (5.17). */
#define lw_result(ctx, count)                                                                                   \
	({                                                                                                      \
		__u64 __result = 0;                                                                             \
		if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_func_ret))                        \
			bpf_get_func_ret(ctx, &__result);                                                       \
		else                                                                                            \
			__result = LW_ARGUMENT(ctx, count);                                                      \
		__result;                                                                                       \
	})

/* The error in a result, negative, or 0. An int leaves the upper half undefined; an error pointer has it all ones, another pointer neither. */
static __always_inline __s32 lw_error(__u64 result)
{
	__u32 high = result >> 32;
	__s32 low = result;

	return low < 0 && low >= -4095 && (high == 0 || high == 0xffffffff) ? low : 0;
}

#endif
