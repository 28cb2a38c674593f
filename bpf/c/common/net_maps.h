/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The maps of the network sensor: net_base.bpf.c creates them once a rule needs them, the loader hands them to the others by name. */
#ifndef LW_NET_MAPS_H
#define LW_NET_MAPS_H

#include "common/ring.h"
#include "lw_net.h"

LW_RINGS(lw_ring_network);

enum lw_conn_flag {
	LW_CONN_WANTED = 1 << 0, /* by the process filter */
	LW_CONN_SELF = 1 << 1, /* the agent's, or its other end */
	LW_CONN_TOLD = 1 << 2, /* userspace knows of it */
	LW_CONN_UP = 1 << 3, /* it was established */
	LW_CONN_LISTENER = 1 << 4,
};

enum lw_voice {
	LW_VOICE_RECEIVED = 1 << LW_RECEIVED, /* there was payload this way */
	LW_VOICE_SENT = 1 << LW_SENT,
	LW_VOICE_SEALED = 1 << 2, /* encrypted: budgets are not renewed */
	LW_VOICE_FOREIGN = 1 << 3, /* its first bytes cannot be HTTP/1 */
	LW_VOICE_ENOUGH = 1 << 4, /* shifted by the way: nothing more of a foreign one is copied */
	LW_VOICE_HTTP2 = 1 << 6, /* foreign, and this turn begins with what HTTP/2 without TLS is counted by: it is copied as HTTP/1 is */
};

/* A TCP socket. */
struct lw_conn {
	__u64 id;
	__u64 opened; /* 0: before the agent */
	__u64 start; /* of the owner */
	__u32 pid; /* of the owner; 0: nobody knows */
	__u32 generation; /* of the rules that set LW_CONN_WANTED */
	struct lw_ends ends;
	__u8 direction;
	__u8 flags; /* only written under the socket's lock, what follows by packets too, which come without it */
	__u8 speaker; /* the way of the last payload, plus one; 0: there was none */
	__u8 voice; /* lw_voice */
	__u8 skipping[2]; /* by way, as all that follows; 1, or LW_SKIP_WHOLE */
	__u8 asked; /* the way of the last HTTP request that was one packet and nothing else, plus one */
	__u8 asks; /* the way of the packet at hand if it begins like an HTTP request, plus one. Here and not in lw_packet: 5.10's verifier would go
		    * through all that follows for each of its values */
	__u32 left[2]; /* of the budget */
	__u32 first[2]; /* the sequence number of the first payload byte */
	__u32 copied_to[2]; /* the sequence number behind the last byte that was copied */
	__u32 skip_from[2]; /* what was not copied, as sequence numbers */
	__u32 skip_to[2];
	/* Of the walks that look for ends which no hook told, see net_end.h. */
	__u64 gone; /* `id`, when a walk found the socket gone: what else is here is of another connection */
	__u64 walk; /* which, or LW_ENDED */
};

/* Of skipping: whole messages, which no rule asks for. */
#define LW_SKIP_SOME 1
#define LW_SKIP_WHOLE 2

/*
 * By the address of the kernel's struct sock, which every hook has (the cookie is not to be had in tracing programs before 5.12). LRU: past
 * its size the connection that was silent longest is forgotten, which is counted when it is met again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct lw_conn);
} lw_conns SEC(".maps");

/* Connections whose end is told late: a walk and a new socket may find one at the same time. */
struct lw_late_key {
	__u64 id;
	__u64 opened; /* a socket may connect again */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct lw_late_key);
	__type(value, __u8);
} lw_late SEC(".maps");

/* How long payload waits for its socket. */
#define LW_EARLY_MAX 60000000000ull

/* Payload that comes before its socket (with the handshake's last packet, or with the SYN) is kept track of by the ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct lw_ends);
	__type(value, struct lw_conn);
} lw_early SEC(".maps");

/* One end of a connection. */
struct lw_end {
	__u8 address[16];
	__u32 netns;
	__u16 port;
	__u16 unused;
};

/* Who listens: a connection that comes in is first its. */
struct lw_listener {
	__u64 sock;
	__u64 start;
	__u32 pid;
	__u32 flags; /* lw_conn_flag */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct lw_end);
	__type(value, struct lw_listener);
} lw_listeners SEC(".maps");

/* The agent's own ends: a socket whose other end is one of them is excluded as well. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct lw_end);
	__type(value, __u64); /* the agent's socket */
} lw_self_ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lw_net_rules);
} lw_net_rules SEC(".maps");

/*
 * What was seen last, to save most reads and writes the way into lw_conns: that the process which reads or writes is the owner already. Each entry is
 * one number made of socket, process, generation of the rules and epoch, so that it needs no lock; the epoch, the first entry, counts the changes of
 * owners, and each makes all that was seen before unknown.
 */
#define LW_SEEN_BITS 10
#define LW_SEEN_FIRST 8 /* the epoch has a cache line of its own */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LW_SEEN_FIRST + (1 << LW_SEEN_BITS));
	__type(key, __u32);
	__type(value, __u64);
} lw_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct lw_net_name);
	__type(value, __u32);
} lw_net_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct lw_net_path);
	__type(value, __u32);
} lw_net_paths SEC(".maps");

static __always_inline struct lw_net_rules *lw_net(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&lw_net_rules, &zero);
}

#endif
