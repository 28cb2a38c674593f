// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Connections and listening sockets from before the agent, by the descriptors of the processes that hold them; the records go to the ring. */
#define LW_NET_WALKS 1
#include "common/net_flow.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
#pragma clang attribute pop

/* The TCP socket behind an open file. */
static __always_inline struct sock *lw_tcp_of(struct file *file)
{
	struct socket *socket;
	struct sock *sk;

	if ((LW_GET(LW_GET(file, struct file, f_inode), struct inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = LW_GET(file, struct file___socket, private_data);
	if (!socket) /* an O_PATH descriptor of a unix socket's file */
		return NULL;
	sk = LW_GET(socket, struct socket, sk);
	if (!sk || !lw_is_tcp(sk))
		return NULL;
	switch (LW_GET(sk, struct sock, __sk_common.skc_family)) {
	case AF_INET:
	case AF_INET6:
		return sk;
	}
	return NULL;
}

/* Known already, and judged by these rules or another's. */
static __always_inline bool lw_judged(const struct lw_conn *conn, const struct lw_net_rules *rules, const struct task_struct *task)
{
	return conn->pid && (conn->pid != (__u32)BPF_CORE_READ(task, tgid) || conn->generation == rules->generation);
}

static __always_inline struct lw_conn *lw_existing(const struct sock *sk, __u32 state)
{
	struct lw_conn new = {};

	new.id = lw_conn_cookie(sk);
	lw_ends_of(&new.ends, sk);
	if (state == TCP_LISTEN) {
		new.direction = LW_INCOMING;
		new.flags = LW_CONN_LISTENER;
		new.ends.remote_port = 0;
	} else {
		new.direction = state == TCP_SYN_SENT ? LW_OUTGOING : lw_listener_of(&new.ends) ? LW_INCOMING : LW_UNKNOWN;
		new.flags = state == TCP_SYN_SENT ? 0 : LW_CONN_UP;
	}
	return lw_conn_add(sk, &new);
}

SEC("iter/task_file")
int lw_net_existing(struct bpf_iter__task_file *ctx)
{
	struct lw_net_rules *rules = lw_net();
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct lw_conn *conn;
	struct sock *sk;
	__u32 state;

	if (!task || !file || !rules || task->pid != task->tgid)
		return 0;
	sk = lw_tcp_of(file);
	if (!sk)
		return 0;
	state = LW_GET(sk, struct sock, __sk_common.skc_state);
	if (state == TCP_CLOSE || (state == TCP_LISTEN) != !!(rules->flags & LW_NET_LISTENERS))
		return 0;
	conn = lw_conn_of(sk);
	if (conn && lw_is_ended(conn))
		conn = NULL;
	if (conn && lw_judged(conn, rules, task))
		return 0;
	/* The verifier goes through what follows once for both. */
	if (!conn)
		conn = lw_existing(sk, state);
	if (!conn)
		return 0;
	lw_conn_own(conn, rules, task, 0);
	lw_note_self(conn, sk);
	if (state == TCP_LISTEN)
		lw_note_listener(conn, sk);
	if (!(conn->flags & LW_CONN_TOLD))
		lw_tell(conn, sk, LW_EXISTING, state);
	return 0;
}
