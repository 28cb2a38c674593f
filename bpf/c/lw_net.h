/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The network sensor's part of the wire format (see lw.h), and what its maps hold. */
#ifndef LW_NET_H
#define LW_NET_H

#include "lw.h"

enum lw_change {
	LW_OPENING = 1,
	LW_ESTABLISHED = 2,
	LW_REFUSED = 3,
	LW_CLOSED = 4,
	LW_LISTENING = 5,
	LW_EXISTING = 6,
	LW_TAKEN = 7,
	LW_CLOSED_UNSEEN = 8, /* ended, no hook was told, and the totals are not known */
	LW_REFUSED_UNSEEN = 9, /* the same of one that was never established */
};

enum lw_direction {
	LW_UNKNOWN = 0,
	LW_INCOMING = 1,
	LW_OUTGOING = 2,
};

enum lw_way {
	LW_RECEIVED = 0,
	LW_SENT = 1,
};

/* IPv4 as in IPv6: ::ffff:a.b.c.d. Ports in the host's order. */
struct lw_ends {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns;
};
_Static_assert(sizeof(struct lw_ends) == 40, "lw_ends");

struct lw_flow {
	struct lw_header header; /* its process is the owner */
	__u64 flow;
	struct lw_ends ends;
	__u64 sent;
	__u64 received;
	__u64 duration;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
	__s32 error; /* positive errno, or 0 */
	__u8 change; /* lw_change */
	__u8 direction; /* lw_direction */
	__u8 reserved[6];
};
_Static_assert(sizeof(struct lw_flow) == 152, "lw_flow");

/* The payload, if any, is the field LW_DATA. The ring's record may be longer than header.size says. */
struct lw_segment {
	struct lw_header header;
	__u64 flow;
	struct lw_ends ends;
	__u32 sequence;
	__u32 ack; /* when the flags have ACK */
	__u32 length;
	__u8 flags; /* of the TCP header */
	__u8 way;
	__u8 direction;
	__u8 reserved;
	__u32 passed; /* bytes that went the other way up to `ack`: whole messages that no rule asks for, not told otherwise */
	__u32 unused;
};
_Static_assert(sizeof(struct lw_segment) == 128, "lw_segment");

/* Bits of lw_segment.flags. */
enum lw_tcp_flag {
	LW_TCP_FIN = 0x01,
	LW_TCP_SYN = 0x02,
	LW_TCP_RST = 0x04,
	LW_TCP_ACK = 0x10,
	LW_TCP_WHOLE = 0x80, /* not TCP's: a stretch without data that is whole messages */
};
#define LW_TCP_KNOWN 0x17

enum lw_net_mode {
	LW_NET_ALL = 0,
	LW_NET_ONLY = 1,
	LW_NET_EXCEPT = 2,
};

enum lw_net_flag {
	LW_NET_PAYLOAD = 1 << 0,
	LW_NET_NAMES = 1 << 1, /* there are names to compare */
	LW_NET_PATHS = 1 << 2,
	LW_NET_LISTENERS = 1 << 3, /* the iterator shows the listening sockets, not the others */
	LW_NET_SEEDED = 1 << 4, /* a connection not known now was forgotten */
};

/* Bytes copied of one way until the other end speaks. */
struct lw_net_budget {
	__u32 request; /* of what the opener says */
	__u32 response;
};

/* What the rules ask of the connections of one direction. */
struct lw_net_side {
	struct lw_net_budget any; /* of what is or may be HTTP */
	struct lw_net_budget foreign; /* of what cannot be HTTP */
	__u64 statuses[16]; /* a bit for each status whose responses are asked for */
};

/* What userspace tells the network hooks; one entry. */
struct lw_net_rules {
	__u32 generation;
	__u32 mode;
	__u32 flags;
	__u32 slot; /* of the selectors in force */
	__u32 request; /* the most of any side */
	__u32 response;
	__u32 foreign_total; /* bytes of one way of a connection that cannot be HTTP, after which nothing is copied */
	__u32 unused;
	struct lw_net_side sides[4]; /* by lw_direction; the last is spare */
};
_Static_assert(sizeof(struct lw_net_rules) == 608, "lw_net_rules");

#define LW_NET_PATH_MAX 252
struct lw_net_name {
	__u32 slot;
	__u8 name[16];
};
struct lw_net_path {
	__u32 slot;
	__u8 path[LW_NET_PATH_MAX]; /* padded with zeros */
};

#endif
