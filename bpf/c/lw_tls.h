/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The record of what a program gives to, or takes from, a TLS library (see lw.h). */
#ifndef LW_TLS_H
#define LW_TLS_H

#include "lw_net.h"

/* The plaintext, if any, is the field LW_DATA. The ring's record may be longer than header.size says. */
struct lw_tls {
	struct lw_header header; /* its process is the one that called the library */
	__u64 connection; /* address of the library's object */
	__u64 flow; /* when known */
	struct lw_ends ends; /* when known */
	__u32 length;
	__u8 way;
	__u8 direction;
	__u8 known; /* flow and ends are */
	__u8 end;
};
_Static_assert(sizeof(struct lw_tls) == 120, "lw_tls");

#endif
