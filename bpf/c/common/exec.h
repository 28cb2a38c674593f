/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A refused exec, at the return of its system call: the path is still where the caller put it. */
#ifndef LW_EXEC_H
#define LW_EXEC_H

#include "common/regs.h"
#include "common/tail.h"

#define LW_GIVEN_MAX 4096

static __always_inline void lw_exec_refused(void *scratch, __u64 path, long ret, __u8 flavour)
{
	struct lw_exec_failure *f;
	struct lw_scratch *s;

	if (ret >= 0 || lw_is_self(LW_PROCESS))
		return;
	s = lw_begin(scratch, LW_PROCESS, LW_EXEC_FAILURE, sizeof(*f), flavour);
	if (!s)
		return;
	f = (struct lw_exec_failure *)s->record;
	lw_in_syscall(&f->header);
	f->error = -ret;
	f->reserved = 0;
	lw_tail_user_string(s, LW_FILENAME, (void *)path, LW_GIVEN_MAX);
	lw_end(s, &lw_ring_process, LW_PROCESS);
}

#endif
