// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Tells the ends of connections that no hook was told of: a walk over all of them, in all network namespaces. net_end.h says what it is for. */
#include "common/net_end.h"
#include "common/net_skipped.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};
#pragma clang attribute pop

/* Entries after which the reader gets a byte: it comes back for more, and the kernel may run something else in between. */
#define LW_WALK_STEP 4096

/*
 * Whether the socket of `conn` is no more. A task that holds a closed one may be about to open it: its entry comes before the state.
 */
static __always_inline bool lw_is_gone(const struct lw_conn *conn, const struct sock *sk)
{
	if (!lw_is_its(conn, sk))
		return true;
	return LW_GET(sk, struct sock, __sk_common.skc_state) == TCP_CLOSE && !LW_GET(sk, struct sock, sk_lock.owned);
}

/* Whether the memory still has the socket's totals: disconnected, its remote port is 0, and they are too. */
static __always_inline bool lw_is_counted(const struct lw_conn *conn, const struct sock *sk)
{
	__be16 remote = LW_GET(sk, struct sock, __sk_common.skc_dport);

	return lw_is_its(conn, sk) && LW_GET(sk, struct sock, __sk_common.skc_state) == TCP_CLOSE && conn->ends.remote_port == __builtin_bswap16(remote);
}

/* The state before is not known any more, so a FIN is told by what was sent: a byte less than was acknowledged. */
static __always_inline void lw_totals_left(struct lw_flow *f, const struct lw_conn *conn, const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;
	__u64 payload = LW_GET(tp, struct tcp_sock, bytes_sent) - LW_GET(tp, struct tcp_sock, bytes_retrans);
	__u64 acked = LW_GET(tp, struct tcp_sock, bytes_acked);

	lw_flow_totals(f, conn, sk, acked > payload + (conn->direction == LW_OUTGOING));
}

static __noinline int lw_tell_end(const struct lw_conn *conn, const struct sock *sk)
{
	bool up, listener, counted;
	struct lw_flow f;

	if (!conn)
		return 0;
	if (conn->flags & LW_CONN_SELF) {
		lw_count(LW_NETWORK, LW_SELF);
		return 0;
	}
	if (!(conn->flags & (LW_CONN_WANTED | LW_CONN_TOLD)))
		return 0;
	lw_count(LW_NETWORK, LW_ENDED_LATE);
	up = conn->flags & LW_CONN_UP;
	listener = conn->flags & LW_CONN_LISTENER;
	lw_flow_begin(&f, conn, up || listener ? LW_CLOSED : LW_REFUSED);
	counted = listener || lw_is_counted(conn, sk);
	if (counted && !listener) {
		lw_totals_left(&f, conn, sk);
		if (!up)
			f.error = LW_GET(sk, struct sock, sk_err);
		counted = lw_is_counted(conn, sk); /* still */
	}
	if (!counted) {
		f.change = up ? LW_CLOSED_UNSEEN : LW_REFUSED_UNSEEN;
		f.sent = f.received = 0;
		f.segments_sent = f.segments_received = f.retransmits = f.error = 0;
	}
	lw_send(&lw_ring_network, LW_NETWORK, &f, sizeof(f));
	return 0;
}

static __noinline int lw_end(struct lw_conn *conn, const struct sock *sk)
{
	if (!conn || !lw_take_end(conn))
		return 0;
	lw_ends_forget(conn, sk);
	lw_skipped_both(conn);
	lw_tell_end(conn, sk);
	return 0;
}

/*
 * The entry is read in place: looked up, each walk would make the table take all of them for used. It may become another one's at any moment, so
 * marks have the id of whom they are for, and what is told is a copy that is known to be whole.
 */
SEC("iter/bpf_map_elem")
int lw_net_walk(struct bpf_iter__bpf_map_elem *ctx)
{
	volatile struct lw_conn *entry = ctx->value;
	volatile __u64 *key = ctx->key;
	struct lw_conn conn;
	const struct sock *sk;
	__u8 more = 0;
	__u64 walk;

	if (!key || !entry)
		return 0;
	sk = (const struct sock *)*key;
	walk = ctx->meta->session_id;
	if (ctx->meta->seq_num % LW_WALK_STEP == LW_WALK_STEP - 1)
		bpf_seq_write(ctx->meta->seq, &more, sizeof(more));
	if (lw_is_ended((const struct lw_conn *)entry))
		return 0;
	if (!lw_is_gone((const struct lw_conn *)entry, sk)) {
		if (entry->gone)
			entry->gone = 0;
		return 0;
	}
	if (entry->gone != entry->id) {
		entry->walk = walk;
		entry->gone = entry->id;
		return 0;
	}
	if (entry->walk == walk)
		return 0;
	conn = *(const struct lw_conn *)entry;
	asm volatile("" ::: "memory");
	if (*key != (__u64)sk || entry->id != conn.id || entry->opened != conn.opened || conn.gone != conn.id)
		return 0;
	lw_end(&conn, sk);
	if (entry->gone == conn.id)
		entry->walk = LW_ENDED;
	return 0;
}
