// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What connections carry: every packet of every socket, at the root of the cgroup hierarchy. Whole packets and super-packets pass, whoever
 * wrote or reads them and by which call. A packet always goes on: these programs only look.
 *
 * Until the other end speaks, only so many bytes are copied; what follows is counted by its sequence numbers and told in one record.
 */
#include "common/net_copy.h"
#include "common/net_turn.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define LW_PASS 1
#define LW_SKIP_MAX (1u << 30) /* a longer stretch is told in parts: its length must not wrap */

/* Nothing of the packet is copied. */
static __always_inline void lw_skip(struct lw_conn *conn, const struct lw_packet *p)
{
	__u32 way = p->way & 1, end = p->sequence + p->length;
	struct lw_segment s;

	/* Once more, or what was missing in between: no part of the stretch. */
	if ((__s32)(end - conn->copied_to[way]) <= 0) {
		lw_segment_fill(&s, conn, way, p->sequence, p->length);
		lw_segment_send(&s);
		return;
	}
	if (!conn->skipping[way]) {
		conn->skip_from[way] = p->sequence;
		conn->skip_to[way] = end;
		conn->skipping[way] = LW_SKIP_SOME;
	} else {
		if ((__s32)(end - conn->skip_to[way]) > 0)
			conn->skip_to[way] = end;
		if ((__s32)(p->sequence - conn->skip_from[way]) < 0)
			conn->skip_from[way] = p->sequence;
	}
	/* Not left so far behind that it would look ahead. */
	if (conn->skip_to[way] - conn->copied_to[way] > LW_SKIP_MAX)
		conn->copied_to[way] = conn->skip_to[way] - LW_SKIP_MAX / 2;
	if (conn->skip_to[way] - conn->skip_from[way] > LW_SKIP_MAX)
		lw_skipped(conn, way);
}

/*
 * Before a record goes that says what has arrived: what passed without being copied. Of the other way that is most often the response to the
 * last request, just acknowledged as a whole; then the record has it.
 */
static __always_inline void lw_flush(struct lw_conn *conn, struct lw_packet *p)
{
	__u32 way = p->way & 1, other = way ^ 1;

	lw_skipped(conn, way);
	if (conn->skipping[other] == LW_SKIP_WHOLE && p->flags & LW_TCP_ACK && p->ack == conn->skip_to[other]) {
		p->passed = conn->skip_to[other] - conn->skip_from[other];
		conn->skipping[other] = 0;
	} else {
		lw_skipped(conn, other);
	}
}

/*
 * Takes `n` bytes out of the budget, but for those that were copied before: a packet that was sent again while the first one waits for its
 * socket is no new payload.
 */
static __always_inline void lw_charge(struct lw_conn *conn, const struct lw_packet *p, __u32 n)
{
	__u32 way = p->way & 1, end = p->sequence + n;
	__s32 again = conn->copied_to[way] - p->sequence, new = end - conn->copied_to[way];

	if (new <= 0)
		return;
	conn->left[way] -= again > 0 ? (__u32)new : n;
	conn->copied_to[way] = end;
}

static __always_inline void lw_segment(struct __sk_buff *skb, struct lw_conn *conn, struct lw_packet *p, const struct lw_net_rules *rules)
{
	__u32 way = p->way & 1, n = p->length;
	struct lw_segment s;

	conn->asks = 0;
	if (n && conn->speaker != way + 1)
		lw_turn(skb, conn, p, rules);
	else if (n)
		conn->asked = 0;
	if (n && conn->voice & LW_VOICE_FOREIGN && p->sequence - conn->first[way] >= rules->foreign_total) {
		conn->voice |= LW_VOICE_ENOUGH << way;
		conn->left[way] = 0;
	}
	if (n > conn->left[way])
		n = conn->left[way];
	if (n > LW_CHUNK * LW_CHUNKS)
		n = LW_CHUNK * LW_CHUNKS;
	if (n) {
		lw_charge(conn, p, n);
		lw_flush(conn, p);
		lw_copy_all(skb, conn, p, n);
		return;
	}
	if (p->length) {
		lw_skip(conn, p);
		p->sequence += p->length;
		p->length = 0;
	}
	if (!(p->flags & (LW_TCP_FIN | LW_TCP_SYN | LW_TCP_RST)))
		return;
	if (p->flags & LW_TCP_SYN)
		p->sequence--;
	else
		lw_flush(conn, p);
	lw_fill(&s, conn, p);
	lw_segment_send(&s);
}

/* Payload for a socket that does not exist yet: with the last packet of a handshake, or with a SYN (Fast Open). */
static __always_inline struct lw_conn *lw_early_conn(struct __sk_buff *skb, const struct lw_conn *listener, __u32 netns)
{
	struct lw_conn new = {}, *early;

	lw_packet_ends(&new.ends, skb, LW_RECEIVED, netns);
	early = bpf_map_lookup_elem(&lw_early, &new.ends);
	if (early && bpf_ktime_get_boot_ns() - early->opened < LW_EARLY_MAX)
		return early;
	new.id = lw_conn_number();
	new.opened = bpf_ktime_get_boot_ns();
	new.direction = LW_INCOMING;
	new.pid = listener->pid;
	new.start = listener->start;
	new.generation = listener->generation;
	new.flags = listener->flags & LW_CONN_WANTED;
	if (lw_facing_self(&new.ends))
		new.flags |= LW_CONN_SELF;
	bpf_map_update_elem(&lw_early, &new.ends, &new, BPF_ANY);
	return bpf_map_lookup_elem(&lw_early, &new.ends);
}

/* A socket that nobody told of: made by Fast Open, or older than the agent and held by no process, or forgotten. */
static __noinline int lw_unknown(struct __sk_buff *skb, struct tcp_sock *tp, __u32 way)
{
	struct lw_net_rules *rules = lw_net();
	struct lw_conn new = {}, *early;
	__u8 state;

	if (!tp || !rules)
		return 0;
	state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state;
	lw_packet_ends(&new.ends, skb, way, tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net->ns.inum);
	if (state == TCP_SYN_RECV) {
		early = bpf_map_lookup_elem(&lw_early, &new.ends);
		if (early && bpf_ktime_get_boot_ns() - early->opened < LW_EARLY_MAX) {
			new = *early;
			bpf_map_delete_elem(&lw_early, &new.ends);
			lw_conn_add(tp, &new);
			return 0;
		}
		new.opened = bpf_ktime_get_boot_ns();
	} else {
		new.flags = LW_CONN_UP;
		if (rules->flags & LW_NET_SEEDED && state == TCP_ESTABLISHED)
			lw_count(LW_NETWORK, LW_NO_MEMORY);
	}
	new.id = bpf_get_socket_cookie(skb);
	if (lw_listener_of(&new.ends)) {
		__u8 up = new.flags;

		lw_conn_inherit(&new, rules);
		new.flags |= up;
	} else if (rules->mode != LW_NET_ONLY) {
		new.flags |= LW_CONN_WANTED;
	}
	lw_conn_add(tp, &new);
	return 0;
}

/* Seen already: a retransmission, or an acknowledgement and nothing else. */
static __always_inline bool lw_is_old(const struct tcp_sock *tp, const struct lw_packet *p, __u8 state)
{
	__u32 end = p->sequence + p->length + (p->flags & LW_TCP_FIN);

	if (p->flags & LW_TCP_RST)
		return false;
	if (p->way == LW_SENT)
		return (__s32)(end - tp->snd_nxt) <= 0;
	return state != TCP_SYN_SENT && (__s32)(end - tp->rcv_nxt) <= 0;
}

static __always_inline int lw_look(struct __sk_buff *skb, __u32 way)
{
	struct lw_net_rules *rules = lw_net();
	struct bpf_sock *sk = skb->sk;
	struct lw_conn *conn;
	struct tcp_sock *tp;
	struct lw_packet p;
	__u8 state;

	if (!sk || !rules || !(rules->flags & LW_NET_PAYLOAD))
		return LW_PASS;
	/* Most packets only acknowledge. */
	if (!lw_packet_parse(skb, &p, way))
		return LW_PASS;
	if (!p.length && !(p.flags & (LW_TCP_SYN | LW_TCP_FIN | LW_TCP_RST)))
		return LW_PASS;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || tp->inet_conn.icsk_inet.sk.sk_type != SOCK_STREAM)
		return LW_PASS;
	conn = lw_conn_of(tp);
	if (conn && !(conn->flags & LW_CONN_WANTED))
		return LW_PASS;
	state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state;
	if (state == TCP_LISTEN) {
		if (!conn || !p.length || way != LW_RECEIVED || (!(p.flags & LW_TCP_SYN) && !lw_in_handshake(skb)))
			return LW_PASS;
		conn = lw_early_conn(skb, conn, tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net->ns.inum);
	} else if (lw_is_old(tp, &p, state)) {
		return LW_PASS;
	} else if (!conn) {
		/* A reset after the end: that was told. */
		if (state == TCP_CLOSE)
			return LW_PASS;
		lw_unknown(skb, tp, way);
		conn = lw_conn_of(tp);
	}
	if (!conn || !(conn->flags & LW_CONN_WANTED))
		return LW_PASS;
	if (conn->flags & LW_CONN_SELF)
		lw_count(LW_NETWORK, LW_SELF);
	else
		lw_segment(skb, conn, &p, rules);
	return LW_PASS;
}

SEC("cgroup_skb/ingress")
int lw_net_ingress(struct __sk_buff *skb)
{
	return lw_look(skb, LW_RECEIVED);
}

SEC("cgroup_skb/egress")
int lw_net_egress(struct __sk_buff *skb)
{
	return lw_look(skb, LW_SENT);
}
