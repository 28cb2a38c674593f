/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What an open is, by its flags and its result. */
#ifndef LW_OPEN_H
#define LW_OPEN_H

#include "common/descriptor.h"

#define O_ACCMODE 3
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_PATH 010000000
#define O_TMPFILE_BIT 020000000
#define FMODE_EXEC 0x20 /* among the flags: the kernel opens to execute */
#define FMODE_CREATED 0x100000u

/* What an open with these flags may turn out to be. A file without a name (O_TMPFILE) is none until it is linked. */
static __always_inline __u32 lw_open_ops(__u32 flags)
{
	__u32 ops = flags & (O_ACCMODE | O_TRUNC) ? LW_OP_WRITE : LW_OP_READ;

	if (flags & (O_PATH | O_TMPFILE_BIT))
		return 0;
	return flags & O_CREAT ? ops | LW_OP_CREATE : ops;
}

/* What it was. */
static __always_inline __u32 lw_open_op(__u32 flags, __u32 mode)
{
	if (mode & FMODE_CREATED)
		return LW_OP_CREATE;
	return flags & (O_ACCMODE | O_TRUNC) ? LW_OP_WRITE : LW_OP_READ;
}

#endif
