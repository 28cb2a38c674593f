/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The maps of the TLS probes: tls_base.bpf.c creates them once HTTPS is asked for, the loader hands them to the others by name. */
#ifndef LW_TLS_MAPS_H
#define LW_TLS_MAPS_H

#include "common/net_maps.h"
#include "lw_tls.h"

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
};

/* A thread that calls the library. Calls nest: TLS in TLS, and functions of the library that call each other. */
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
};

/* LRU: past its size the thread that was silent longest is forgotten, which is counted when its call returns. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* pid and tid */
	__type(value, struct lw_tls_thread);
} lw_tls_threads SEC(".maps");

struct lw_tls_key {
	__u64 ssl;
	__u64 pid;
};

/* A connection object of the library. */
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
	__u8 unused;
	__u32 left[2]; /* of the budget, by way */
	__u32 skipped[2]; /* what was not copied */
	__u32 more;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct lw_tls_key);
	__type(value, struct lw_tls_conn);
} lw_tls_conns SEC(".maps");

#endif
