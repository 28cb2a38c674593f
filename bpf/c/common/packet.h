/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A TCP packet as the cgroup_skb programs get it: from its IP header on. Never more than the lengths say is read. */
#ifndef LW_PACKET_H
#define LW_PACKET_H

#include "common/net_conn.h"

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define LW_IPV6_HEADERS 8

struct lw_ipv4 {
	__u8 length; /* low half: in words of four bytes */
	__u8 service;
	__be16 total, id, fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 sum;
	__be32 source, target;
};

struct lw_ipv6 {
	__be32 label;
	__be16 payload;
	__u8 next;
	__u8 hops;
	__u8 source[16], target[16];
};

struct lw_tcp {
	__be16 source, target;
	__be32 sequence, ack;
	__u8 length; /* high half: in words of four bytes */
	__u8 flags;
	__be16 window, sum, urgent;
};

struct lw_packet {
	__u32 sequence; /* of the first payload byte */
	__u32 ack;
	__u32 offset; /* of the payload in the packet */
	__u32 length;
	__u32 way;
	__u32 flags;
	__u32 passed; /* of the other way, see lw_segment */
};

static __always_inline bool lw_is_ipv4(struct __sk_buff *skb)
{
	return skb->protocol == __builtin_bswap16(ETH_P_IP);
}

/* Where the TCP header is; 0: there is none. */
static __always_inline __u32 lw_tcp_offset(struct __sk_buff *skb)
{
	__u8 pair[2], next;
	__u32 at = 40;

	if (lw_is_ipv4(skb)) {
		struct lw_ipv4 ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != IPPROTO_TCP)
			return 0;
		return (ip.length & 15) * 4;
	}
	if (skb->protocol != __builtin_bswap16(ETH_P_IPV6) || bpf_skb_load_bytes(skb, 6, &next, 1))
		return 0;
#pragma unroll
	for (int i = 0; i < LW_IPV6_HEADERS; i++) {
		if (next == IPPROTO_TCP)
			return at;
		if (bpf_skb_load_bytes(skb, at, pair, 2))
			return 0;
		if (next == 0 || next == 43 || next == 60) /* hop by hop, routing, destination */
			at += (pair[1] + 1) * 8;
		else if (next == 51) /* authentication */
			at += (pair[1] + 2) * 4;
		else
			return 0;
		next = pair[0];
	}
	return 0;
}

static __always_inline bool lw_packet_fill(struct __sk_buff *skb, struct lw_packet *p, __u32 way, __u32 at, const struct lw_tcp *tcp)
{
	__u32 length = skb->len;

	at += (tcp->length >> 4) * 4;
	if (at > length)
		return false;
	p->flags = tcp->flags & LW_TCP_KNOWN;
	p->sequence = __builtin_bswap32(tcp->sequence) + !!(tcp->flags & LW_TCP_SYN);
	p->ack = __builtin_bswap32(tcp->ack);
	p->offset = at;
	p->length = length - at;
	p->way = way;
	p->passed = 0;
	return true;
}

static __always_inline bool lw_packet_parse(struct __sk_buff *skb, struct lw_packet *p, __u32 way)
{
	const void *start = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	struct lw_tcp tcp;
	__u32 at;

	/* Nearly every one: IPv4 without options, its headers at hand. */
	if (lw_is_ipv4(skb) && start + sizeof(struct lw_ipv4) + sizeof(tcp) <= end) {
		const struct lw_ipv4 *ip = start;

		if (ip->protocol != IPPROTO_TCP)
			return false;
		if ((ip->length & 15) == sizeof(*ip) / 4)
			return lw_packet_fill(skb, p, way, sizeof(*ip), start + sizeof(*ip));
	}
	at = lw_tcp_offset(skb);
	if (!at || bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
		return false;
	return lw_packet_fill(skb, p, way, at, &tcp);
}

static __always_inline void lw_packet_address(__u8 *to, struct __sk_buff *skb, bool target)
{
	__be32 ipv4 = 0;

	if (lw_is_ipv4(skb)) {
		bpf_skb_load_bytes(skb, target ? 16 : 12, &ipv4, 4);
		lw_map_ipv4(to, ipv4);
	} else {
		bpf_skb_load_bytes(skb, target ? 24 : 8, to, 16);
	}
}

/* Both ends, by the packet. */
static __always_inline void lw_packet_ends(struct lw_ends *ends, struct __sk_buff *skb, __u32 way, __u32 netns)
{
	__u32 at = lw_tcp_offset(skb);
	__be16 source = 0, target = 0;

	bpf_skb_load_bytes(skb, at, &source, sizeof(source));
	bpf_skb_load_bytes(skb, at + 2, &target, sizeof(target));
	lw_packet_address(ends->local, skb, way == LW_RECEIVED);
	lw_packet_address(ends->remote, skb, way == LW_SENT);
	ends->local_port = __builtin_bswap16(way == LW_RECEIVED ? target : source);
	ends->remote_port = __builtin_bswap16(way == LW_RECEIVED ? source : target);
	ends->netns = netns;
}

/* Whether the packet, for a listening socket, belongs to a handshake: anybody can send the like of it without one. */
static __always_inline bool lw_in_handshake(struct __sk_buff *skb)
{
	__u32 at = lw_tcp_offset(skb), size;
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *found;
	bool in = false;

	if (lw_is_ipv4(skb)) {
		size = sizeof(tuple.ipv4);
		bpf_skb_load_bytes(skb, 12, &tuple.ipv4.saddr, 8);
		bpf_skb_load_bytes(skb, at, &tuple.ipv4.sport, 4);
	} else {
		size = sizeof(tuple.ipv6);
		bpf_skb_load_bytes(skb, 8, tuple.ipv6.saddr, 32);
		bpf_skb_load_bytes(skb, at, &tuple.ipv6.sport, 4);
	}
	found = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (found) {
		in = found->state == TCP_NEW_SYN_RECV;
		bpf_sk_release(found);
	}
	return in;
}

#endif
