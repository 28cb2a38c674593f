/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What is told of both ways when a connection ends. */
#ifndef LW_NET_SKIPPED_H
#define LW_NET_SKIPPED_H

#include "common/net_conn.h"

/* A function of its own, for its stack. */
static __noinline int lw_skipped_both(struct lw_conn *conn)
{
	if (!conn)
		return 0;
	lw_skipped(conn, LW_RECEIVED);
	lw_skipped(conn, LW_SENT);
	return 0;
}

#endif
