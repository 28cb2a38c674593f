/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Fixed-width integers, so that no header of the system is needed. */
#ifndef LW_KERNEL_TYPES_H
#define LW_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define NULL ((void *)0)
#define true 1
#define false 0

#endif
