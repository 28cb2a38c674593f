/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What becomes of connections, told where the kernel's socket is at hand: the tracepoints and the iterator. */
#ifndef LW_NET_FLOW_H
#define LW_NET_FLOW_H

#include "common/net_end.h"
#include "common/net_wants.h"

static __always_inline bool lw_is_tcp(const struct sock *sk)
{
	return LW_GET(sk, struct sock, sk_protocol) == IPPROTO_TCP && LW_GET(sk, struct sock, sk_type) == SOCK_STREAM;
}

static __always_inline void lw_ends_of(struct lw_ends *ends, const struct sock *sk)
{
	struct net *net = LW_GET(sk, struct sock, __sk_common.skc_net.net);
	__be16 port = LW_GET(sk, struct sock, __sk_common.skc_dport);

	if (LW_GET(sk, struct sock, __sk_common.skc_family) == AF_INET6) {
		bpf_probe_read_kernel(ends->local, 16, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
		bpf_probe_read_kernel(ends->remote, 16, (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr));
	} else {
		lw_map_ipv4(ends->local, LW_GET(sk, struct sock, __sk_common.skc_rcv_saddr));
		lw_map_ipv4(ends->remote, LW_GET(sk, struct sock, __sk_common.skc_daddr));
	}
	ends->local_port = LW_GET(sk, struct sock, __sk_common.skc_num);
	ends->remote_port = __builtin_bswap16(port);
	ends->netns = LW_GET(net, struct net, ns.inum);
}

static __always_inline __u64 lw_conn_cookie(const struct sock *sk)
{
	__u64 cookie = LW_GET(sk, struct sock, __sk_common.skc_cookie.counter);

	return cookie ? cookie : lw_conn_number();
}

/* `state` is the one before a change, else the present one. */
static __noinline int lw_tell(struct lw_conn *conn, const struct sock *sk, __u32 change, __u32 state)
{
	struct lw_flow f;
	bool fin;

	if (!conn)
		return 0;
	if (conn->flags & LW_CONN_SELF) {
		lw_count(LW_NETWORK, LW_SELF);
		return 0;
	}
	if (!(conn->flags & (LW_CONN_WANTED | LW_CONN_TOLD)))
		return 0;
	conn->flags |= LW_CONN_TOLD;
	lw_flow_begin(&f, conn, change);
	if (!(conn->flags & LW_CONN_LISTENER) && change < LW_CLOSED_UNSEEN) {
		fin = state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING || state == TCP_LAST_ACK || state == TCP_TIME_WAIT;
		lw_flow_totals(&f, conn, sk, fin);
		f.duration = conn->opened ? bpf_ktime_get_boot_ns() - conn->opened : 0;
	}
	if (change == LW_REFUSED)
		f.error = LW_GET(sk, struct sock, sk_err);
	lw_send(&lw_ring_network, LW_NETWORK, &f, sizeof(f));
	return 0;
}

/* Makes `task`'s process the owner. */
static __noinline int lw_conn_own(struct lw_conn *conn, struct lw_net_rules *rules, struct task_struct *task, __u32 program)
{
	struct lw_config *config = lw_config();
	__u8 flags;

	if (!conn || !rules || !task)
		return 0;
	/* LW_CONN_SELF stays: the agent's end may have closed, and be forgotten, before a worker takes the other one. */
	flags = conn->flags & ~LW_CONN_WANTED;
	conn->pid = BPF_CORE_READ(task, tgid);
	conn->start = BPF_CORE_READ(task, group_leader, start_boottime);
	conn->generation = rules->generation;
	if (lw_net_wants(rules, task, program))
		flags |= LW_CONN_WANTED;
	if ((config && config->self_pid && config->self_pid == conn->pid) || lw_facing_self(&conn->ends))
		flags |= LW_CONN_SELF;
	conn->flags = flags;
	lw_conn_changed();
	return 0;
}

/*
 * Remembers the agent's own end, so that the other one can be excluded. What the agent accepts has the same end as the socket that listens, which
 * stays when the connection ends.
 */
static __always_inline void lw_note_self(const struct lw_conn *conn, const struct sock *sk)
{
	struct lw_config *config = lw_config();
	struct lw_listener *listener;
	__u64 key = (__u64)sk;
	struct lw_end end;

	if (!config || !config->self_pid || config->self_pid != conn->pid)
		return;
	lw_end_local(&end, &conn->ends);
	listener = bpf_map_lookup_elem(&lw_listeners, &end);
	if (listener && listener->sock != key)
		return;
	bpf_map_update_elem(&lw_self_ends, &end, &key, BPF_ANY);
}

static __always_inline void lw_note_listener(const struct lw_conn *conn, const struct sock *sk)
{
	struct lw_listener listener = { .sock = (__u64)sk, .start = conn->start, .pid = conn->pid, .flags = conn->flags };
	struct lw_end end;

	lw_end_local(&end, &conn->ends);
	bpf_map_update_elem(&lw_listeners, &end, &listener, BPF_ANY);
}

/* The connection has another owner than the process that runs, or was judged by other rules. */
static __noinline int lw_conn_taken(struct lw_conn *conn, const struct sock *sk, __u32 pid, __u32 program)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct lw_net_rules *rules = lw_net();
	bool known, changed;

	if (!conn || !rules)
		return 0;
	/* Another socket may be where one was that nobody saw end. */
	if (!lw_is_tcp(sk) || lw_is_ended(conn))
		return 0;
	known = conn->pid;
	changed = conn->pid != pid;
	/* Kernel threads read and write for others (nfsd, io_uring's poller). */
	if (changed && !BPF_CORE_READ(task, mm))
		return 0;
	lw_conn_own(conn, rules, task, program);
	lw_note_self(conn, sk);
	if (!changed)
		return 0;
	if (conn->flags & LW_CONN_TOLD)
		lw_tell(conn, sk, LW_TAKEN, TCP_ESTABLISHED);
	else if (conn->flags & LW_CONN_UP)
		lw_tell(conn, sk, known ? LW_ESTABLISHED : LW_EXISTING, TCP_ESTABLISHED);
	return 0;
}

/* The process that runs reads, writes or accepts: from now on it is the owner. */
static __always_inline void lw_conn_touched(__u64 sock, __u32 program)
{
	struct lw_net_rules *rules = lw_net();
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct lw_seen seen;
	struct lw_conn *conn;

	if (!rules || !pid || lw_is_seen(&seen, sock, pid, rules))
		return;
	conn = lw_conn_of((const void *)sock);
	if (!conn)
		return;
	if (conn->pid == pid && conn->generation == rules->generation)
		lw_note_seen(&seen);
	else
		lw_conn_taken(conn, (const struct sock *)sock, pid, program);
}

#endif
