// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The states of TCP sockets. Only connect and listen run in their process; all else may run in any, and asks the connection for its owner. */
#define LW_NET_WALKS 1
#include "common/net_flow.h"
#include "common/net_skipped.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline __u64 lw_cookie(const struct sock *sk)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_check_mtu))
		return bpf_get_socket_cookie((void *)sk);
	return lw_conn_cookie(sk);
}

/*
 * Functions of their own are about the stack, of which there are 512 bytes for a chain of calls: what makes a connection returns before what
 * sends a record is called.
 */

/*
 * A new socket where a connection is of which nobody told the end: told now. What the memory says is of the new one, so the totals are not known.
 */
static __noinline int lw_end_unended(const struct sock *sk)
{
	struct lw_conn *old = lw_conn_of(sk);
	__u32 change;

	if (!old)
		return 0;
	change = old->flags & LW_CONN_LISTENER ? LW_CLOSED : old->flags & LW_CONN_UP ? LW_CLOSED_UNSEEN : LW_REFUSED_UNSEEN;
	if (!lw_is_ended(old) && lw_take_end(old)) {
		if ((old->flags & (LW_CONN_WANTED | LW_CONN_TOLD)) && !(old->flags & LW_CONN_SELF))
			lw_count(LW_NETWORK, LW_ENDED_LATE);
		lw_skipped_both(old);
		lw_tell(old, sk, change, TCP_CLOSE);
	}
	lw_conn_forget(old, sk);
	return 0;
}

static __noinline int lw_add(const struct sock *sk, __u8 direction, __u8 flags)
{
	struct lw_conn new = {};

	new.id = lw_cookie(sk);
	new.opened = bpf_ktime_get_boot_ns();
	new.direction = direction;
	new.flags = flags;
	lw_ends_of(&new.ends, sk);
	if (flags & LW_CONN_LISTENER) {
		new.ends.remote_port = 0;
		if (LW_GET(sk, struct sock, __sk_common.skc_family) == AF_INET6)
			__builtin_memset(new.ends.remote, 0, 16);
		else
			lw_map_ipv4(new.ends.remote, 0);
	}
	lw_conn_add(sk, &new);
	return 0;
}

/* connect or listen. */
static __always_inline void lw_begin_conn(const struct sock *sk, struct lw_net_rules *rules, __u8 direction, __u8 flags, __u32 change)
{
	struct lw_conn *conn;

	lw_end_unended(sk);
	lw_add(sk, direction, flags);
	conn = lw_conn_of(sk);
	if (!conn)
		return;
	lw_conn_own(conn, rules, (struct task_struct *)bpf_get_current_task(), 0);
	if (flags & LW_CONN_LISTENER) {
		lw_note_self(conn, sk);
		lw_note_listener(conn, sk);
	}
	lw_tell(conn, sk, change, TCP_CLOSE);
}

/* Where the streams of an accepted connection begin: its SYNs were the listening socket's. */
static __noinline int lw_streams_begin(const struct lw_conn *conn, const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	struct lw_segment s;

	if (!conn || (conn->flags & (LW_CONN_WANTED | LW_CONN_SELF)) != LW_CONN_WANTED)
		return 0;
	if (!(conn->voice & LW_VOICE_RECEIVED)) {
		lw_segment_fill(&s, conn, LW_RECEIVED, LW_GET(tp, struct tcp_sock, rcv_nxt) - 1, 0);
		s.flags = LW_TCP_SYN;
		lw_segment_send(&s);
	}
	if (conn->voice & LW_VOICE_SENT)
		return 0;
	lw_segment_fill(&s, conn, LW_SENT, LW_GET(tp, struct tcp_sock, snd_nxt) - 1, 0);
	s.flags = LW_TCP_SYN;
	lw_segment_send(&s);
	return 0;
}

static __always_inline bool lw_is_fresh(struct lw_conn *early)
{
	return bpf_ktime_get_boot_ns() - early->opened < LW_EARLY_MAX;
}

static __noinline int lw_add_incoming(const struct sock *sk)
{
	struct lw_net_rules *rules = lw_net();
	struct lw_conn *early, new = {};

	if (!rules)
		return 0;
	lw_ends_of(&new.ends, sk);
	early = bpf_map_lookup_elem(&lw_early, &new.ends);
	if (early && lw_is_fresh(early)) {
		lw_conn_add(sk, early);
		bpf_map_delete_elem(&lw_early, &new.ends);
		return 0;
	}
	new.opened = bpf_ktime_get_boot_ns();
	new.id = lw_cookie(sk);
	lw_conn_inherit(&new, rules);
	lw_conn_add(sk, &new);
	return 0;
}

/* Whether `conn` is what is left of another socket that had this address in memory, which spoke after its end. */
static __noinline int lw_is_other(const struct lw_conn *conn, const struct sock *sk)
{
	struct lw_ends ends = {};

	if (!conn)
		return 0;
	if (lw_is_ended(conn) || (!(conn->id >> 63) && !lw_is_its(conn, sk)))
		return 1;
	lw_ends_of(&ends, sk);
	return conn->ends.local_port != ends.local_port || conn->ends.remote_port != ends.remote_port;
}

/* The handshake is done: now all of both ends is known. */
static __noinline int lw_established(const struct sock *sk, int old)
{
	struct lw_net_rules *rules = lw_net();
	struct lw_conn *conn = lw_conn_of(sk);

	if (!rules)
		return 0;
	if (!conn || lw_is_ended(conn) || (old == TCP_SYN_RECV && lw_is_other(conn, sk))) {
		if (conn)
			lw_end_unended(sk);
		lw_add_incoming(sk);
		conn = lw_conn_of(sk);
		if (!conn)
			return 0;
	} else if (old == TCP_SYN_SENT) {
		lw_ends_of(&conn->ends, sk);
		if (lw_facing_self(&conn->ends))
			conn->flags |= LW_CONN_SELF;
	}
	conn->flags |= LW_CONN_UP;
	lw_note_self(conn, sk);
	lw_tell(conn, sk, LW_ESTABLISHED, TCP_ESTABLISHED);
	if (rules->flags & LW_NET_PAYLOAD && old != TCP_SYN_SENT)
		lw_streams_begin(conn, sk);
	return 0;
}

static __noinline int lw_closed(const struct sock *sk, int old)
{
	struct lw_net_rules *rules = lw_net();
	struct lw_conn *conn = lw_conn_of(sk);

	if (!conn || lw_is_ended(conn)) {
		if (rules && rules->flags & LW_NET_SEEDED && old != TCP_SYN_RECV && old != TCP_CLOSE)
			lw_count(LW_NETWORK, LW_NO_MEMORY);
		if (conn)
			lw_conn_forget(conn, sk);
		return 0;
	}
	/* A walk that found it may be about to tell. */
	if (conn->gone != conn->id || lw_take_end(conn)) {
		lw_skipped_both(conn);
		if (old == TCP_SYN_SENT)
			lw_tell(conn, sk, LW_REFUSED, old);
		else if (conn->flags & (LW_CONN_UP | LW_CONN_LISTENER))
			lw_tell(conn, sk, LW_CLOSED, old);
	}
	lw_conn_forget(conn, sk);
	return 0;
}

static __always_inline void lw_changed(const struct sock *sk, int old, int state)
{
	struct lw_net_rules *rules = lw_net();

	if (!rules || !lw_is_tcp(sk))
		return;
	switch (state) {
	case TCP_SYN_SENT:
		lw_begin_conn(sk, rules, LW_OUTGOING, 0, LW_OPENING);
		break;
	case TCP_LISTEN:
		lw_begin_conn(sk, rules, LW_INCOMING, LW_CONN_LISTENER, LW_LISTENING);
		break;
	case TCP_ESTABLISHED:
		lw_established(sk, old);
		break;
	case TCP_CLOSE:
		lw_closed(sk, old);
		break;
	}
}

/*
 * A packet may interrupt the program that runs for a connection of this CPU, and change another one's state: then the kernel skips the program for
 * that one (a program does not begin on a CPU where it has not ended). So there are two, one after the other. The first leaves a mark; where the
 * second finds none it does the first one's work, and counts it. Both are skipped only where both are interrupted, each at another level: where
 * tracepoints are not preempted (6.18 and before) there is none but the task and the packet. What was lost is what the kernel says that it skipped of
 * the first, less what the second made good.
 *
 * Marks are by socket: between one's two programs others may come and go.
 */
#define LW_MARKS 256
struct lw_mark {
	__u64 sock;
	__u64 state; /* a second one that was skipped leaves its mark, which must not pass for that of a later change */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LW_MARKS);
	__type(key, __u32);
	__type(value, struct lw_mark);
} lw_net_marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lw_made_good SEC(".maps");

/*
 * By its ports, since no number can be made of a pointer; both ends of a connection of this host have different places. The own port is taken from
 * where it stays at the end: skc_num is 0 by then (inet_put_port).
 */
static __always_inline struct lw_mark *lw_mark_of(const struct sock *sk)
{
	__be16 port = LW_GET((const struct inet_sock *)sk, struct inet_sock, inet_sport);
	__u32 slot = (port * 0x9e3779b1u + sk->__sk_common.skc_dport * 0x85ebca6bu) >> 24;

	return bpf_map_lookup_elem(&lw_net_marks, &slot);
}

/* Whether the connection is as lw_changed leaves it: another socket may have taken the mark's place. */
static __noinline int lw_is_told(const struct sock *sk, int state)
{
	struct lw_conn *conn = lw_conn_of(sk);
	bool told;

	if (state == TCP_CLOSE)
		return !conn || lw_is_ended(conn);
	if (!conn || lw_is_other(conn, sk))
		return 0;
	told = state == TCP_LISTEN ? conn->flags & LW_CONN_LISTENER : conn->flags & LW_CONN_UP;
	return state == TCP_SYN_SENT ? !told && conn->direction == LW_OUTGOING : told;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(lw_net_state, const struct sock *sk, int old, int state)
{
	struct lw_mark *mark = lw_mark_of(sk);

	if (mark) {
		mark->sock = (__u64)sk;
		mark->state = state;
	}
	lw_changed(sk, old, state);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(lw_net_state_again, const struct sock *sk, int old, int state)
{
	struct lw_mark *mark = lw_mark_of(sk);
	__u32 zero = 0;
	__u64 *count;

	if (mark && mark->sock == (__u64)sk && mark->state == (__u64)state) {
		mark->sock = 0;
		return 0;
	}
	count = bpf_map_lookup_elem(&lw_made_good, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	if (!lw_is_told(sk, state))
		lw_changed(sk, old, state);
	return 0;
}
