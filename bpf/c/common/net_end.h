/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ends of connections. The hooks tell them. But now and then the kernel runs none of a tracepoint's programs and counts nothing (seen on 6.18 under
 * load, closes in one softirq, up to 11 in 10,000; why is not known). What is left is an entry of lw_conns without its socket, which is found
 * by one of two:
 *
 * - a new socket at the same address (net_flow.bpf.c);
 * - a walk over all entries, by the clock (net_walk.bpf.c). An entry has to be found without its socket by two walks, since entries are made before
 *   the kernel changes a socket's state. The walk cannot delete it: by then it might be a new socket's. So it stays, as one that has ended, until
 *   its address is used again, or the table forgets it.
 *
 * Each takes an end for itself in lw_late before it tells, so that it is told once.
 */
#ifndef LW_NET_END_H
#define LW_NET_END_H

#include "common/net_conn.h"

#define LW_ENDED (~0ull)
#define EEXIST 17

/* Whether a walk has told its end. */
static __always_inline bool lw_is_ended(const struct lw_conn *conn)
{
	return conn->gone == conn->id && conn->walk == LW_ENDED;
}

/* Whether it is the caller's to tell the end. */
static __always_inline bool lw_take_end(const struct lw_conn *conn)
{
	struct lw_late_key key = { .id = conn->id, .opened = conn->opened };
	__u8 one = 1;

	return bpf_map_update_elem(&lw_late, &key, &one, BPF_NOEXIST) != -EEXIST;
}

/* Whether `sk` is still the socket of `conn`: by its cookie, or by what stays until the memory is another's where it had none (skc_num does not). */
static __always_inline bool lw_is_its(const struct lw_conn *conn, const struct sock *sk)
{
	__be16 local, remote;
	struct net *net;

	if (!(conn->id >> 63))
		return LW_GET(sk, struct sock, __sk_common.skc_cookie.counter) == (__s64)conn->id;
	local = LW_GET((const struct inet_sock *)sk, struct inet_sock, inet_sport);
	remote = LW_GET(sk, struct sock, __sk_common.skc_dport);
	/* Where connect is told the port may not be chosen yet. */
	if (conn->ends.local_port && conn->ends.local_port != __builtin_bswap16(local))
		return false;
	if (!(conn->flags & LW_CONN_LISTENER) && conn->ends.remote_port != __builtin_bswap16(remote))
		return false;
	net = LW_GET(sk, struct sock, __sk_common.skc_net.net);
	return LW_GET(net, struct net, ns.inum) == conn->ends.netns;
}

static __always_inline void lw_flow_begin(struct lw_flow *f, const struct lw_conn *conn, __u32 change)
{
	__builtin_memset(f, 0, sizeof(*f));
	lw_net_header(&f->header, LW_FLOW, sizeof(*f), conn);
	f->flow = conn->id;
	f->ends = conn->ends;
	f->change = change;
	f->direction = conn->direction;
}

/*
 * The kernel counts a SYN and a FIN among the bytes. Ours is acknowledged when everything is and it was sent (`fin`); the other end's FIN sets a flag.
 */
static __always_inline void lw_flow_totals(struct lw_flow *f, const struct lw_conn *conn, const struct sock *sk, bool fin)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	__u64 sent = LW_GET(tp, struct tcp_sock, bytes_acked), received = LW_GET(tp, struct tcp_sock, bytes_received);

	if (conn->direction == LW_OUTGOING && sent)
		sent--;
	if (fin && sent && LW_GET(tp, struct tcp_sock, snd_una) == LW_GET(tp, struct tcp_sock, write_seq))
		sent--;
	if (received && LW_GET(sk, struct sock, __sk_common.skc_flags) >> SOCK_DONE & 1)
		received--;
	f->sent = sent;
	f->received = received;
	f->segments_sent = LW_GET(tp, struct tcp_sock, segs_out);
	f->segments_received = LW_GET(tp, struct tcp_sock, segs_in);
	f->retransmits = LW_GET(tp, struct tcp_sock, total_retrans);
}

/* Forgets what else is known of a socket that ended. */
static __always_inline void lw_ends_forget(const struct lw_conn *conn, const struct sock *sk)
{
	struct lw_listener *listener;
	__u64 key = (__u64)sk, *self;
	struct lw_end end;

	lw_end_local(&end, &conn->ends);
	if (conn->flags & LW_CONN_LISTENER) {
		listener = bpf_map_lookup_elem(&lw_listeners, &end);
		if (listener && listener->sock == key)
			bpf_map_delete_elem(&lw_listeners, &end);
	}
	if (conn->flags & LW_CONN_SELF) {
		self = bpf_map_lookup_elem(&lw_self_ends, &end);
		if (self && *self == key)
			bpf_map_delete_elem(&lw_self_ends, &end);
	}
}

/* Forgets a socket that ended. */
static __always_inline void lw_conn_forget(const struct lw_conn *conn, const struct sock *sk)
{
	__u64 key = (__u64)sk;

	lw_ends_forget(conn, sk);
	bpf_map_delete_elem(&lw_conns, &key);
}

#endif
