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

/* What follows is in maps that userspace looks into. */
#define LW_TLS_DEPTH 4

/* A call of the library that has not returned. */
struct lw_tls_call {
	__u64 stack; /* the stack pointer behind its return: which call it is; 0: none */
	__u64 ssl;
	__u64 buffer;
	__u64 size;
	__u64 count; /* where the library writes how many bytes; 0: it returns that */
	__u32 serial;
	__u32 way;
};

/* Bytes of one call on their way to records. Not on the stack: there the verifier would tell every step of every loop apart. */
struct lw_tls_piece {
	__u64 ssl;
	__u64 buffer;
	__u32 length;
	__u32 copied; /* so many of them go along */
	__u32 rest; /* behind this piece: not told yet */
	__u32 budget; /* of those, so many may be copied */
	__u8 way;
	__u8 end;
	__u16 unused;
	__u32 more;
};

/* A thread that calls the library (an entry of lw_tls_threads). Calls nest: TLS in TLS, and functions of the library that call each other. */
struct lw_tls_thread {
	struct lw_tls_call calls[LW_TLS_DEPTH];
	struct lw_tls_call returned; /* the last one that did */
	__u64 ssl; /* of the call that began last, until one returns */
	__u64 sock; /* the socket that it used */
	__u64 done; /* stack pointer behind the call that returned last: a second probe on the same file says it again */
	__u64 told_ssl; /* what was told last: an outer call of the same object tells the same bytes */
	__u32 told_serial;
	__u32 told_way;
	__u32 serial; /* of the last call */
	__u32 next; /* the slot that is given up when none is free */
	struct lw_tls_piece piece;
	__u32 way; /* of the call that began last */
	__u32 unused;
};

struct lw_tls_key {
	__u64 ssl;
	__u64 pid;
};

/* What is known of what a connection says. */
enum lw_tls_voice {
	LW_TLS_SPOKE = 1 << 0, /* shifted by the way: there were bytes */
	LW_TLS_HTTP2 = 1 << 2,
	LW_TLS_ENOUGH = 1 << 3, /* shifted by the way: no more of them are copied */
};

/* A connection object of the library (an entry of lw_tls_conns). */
struct lw_tls_conn {
	__u64 start; /* of the process: pids come again */
	__u64 flow;
	struct lw_ends ends;
	__u32 generation; /* of the rules that set `wanted` */
	__u8 wanted;
	__u8 known; /* flow, ends and direction are */
	__u8 direction;
	__u8 self; /* the agent's, or its other end */
	__u8 told; /* userspace knows of it */
	__u8 speaker; /* the way of the last bytes, plus one */
	__u8 asks; /* the way of who asks, plus one: the opener of the connection, or who spoke first */
	__u8 voice; /* enum lw_tls_voice */
	__u32 left[2]; /* of the budget, by way */
	__u32 skipped[2]; /* what was not copied, and not told yet */
	__u32 passed[2]; /* in HTTP/2, until it is enough */
	__u32 more;
};

/* What is counted of the entries of lw_tls_conns. */
enum lw_tls_tally {
	LW_TLS_MADE = 0,
	LW_TLS_FREED = 1, /* by SSL_free, or since the process has ended */
	LW_TLS_UNTOLD = 2, /* left by a process that had ended, with bytes that were not told */
	LW_TLS_TALLIES = 3,
};
_Static_assert(sizeof(struct lw_tls_thread) == 336, "lw_tls_thread");
_Static_assert(sizeof(struct lw_tls_key) == 16, "lw_tls_key");
_Static_assert(sizeof(struct lw_tls_conn) == 96, "lw_tls_conn");

#endif
