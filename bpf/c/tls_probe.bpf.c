// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Plaintext at the door of a TLS library: SSL_read and SSL_write, and their _ex forms. Bytes are told when the call has returned: only then it
 * is known how many went, and a program that is told to call again (node does) gives the same bytes once more.
 */
#define LW_NET_WALKS 1
#include "common/net_wants.h"
#include "common/tls_call.h"
#include "common/tls_copy.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("uprobe")
int lw_tls_read(struct lw_user_regs *regs)
{
	lw_tls_begin(regs, LW_RECEIVED, 0);
	return 0;
}

SEC("uprobe")
int lw_tls_write(struct lw_user_regs *regs)
{
	lw_tls_begin(regs, LW_SENT, 0);
	return 0;
}

SEC("uprobe")
int lw_tls_read_ex(struct lw_user_regs *regs)
{
	lw_tls_begin(regs, LW_RECEIVED, LW_PARAMETER_3(regs));
	return 0;
}

SEC("uprobe")
int lw_tls_write_ex(struct lw_user_regs *regs)
{
	lw_tls_begin(regs, LW_SENT, LW_PARAMETER_3(regs));
	return 0;
}

/* OpenSSL 3.3 and newer: within SSL_write_ex, with flags before the count. */
SEC("uprobe")
int lw_tls_write_ex2(struct lw_user_regs *regs)
{
	lw_tls_begin(regs, LW_SENT, LW_PARAMETER_4(regs));
	return 0;
}

#define LW_EEXIST 17

/* The connection's state, made when it is new. */
static __noinline struct lw_tls_conn *lw_tls_conn(__u64 ssl, bool make)
{
	struct lw_tls_key key = { .ssl = ssl, .pid = bpf_get_current_pid_tgid() >> 32 };
	struct lw_tls_conn *conn = bpf_map_lookup_elem(&lw_tls_conns, &key), new = {};
	__u64 start = lw_current_start();
	long failed;

	if (conn && conn->start == start)
		return conn;
	if (!make)
		return NULL;
	new.start = start;
	/* One that is there was left by a process that had the same number (userspace had not looked yet: tls/census.rs). */
	if (conn && (conn->skipped[0] || conn->skipped[1]))
		lw_tls_tally(LW_TLS_UNTOLD);
	failed = bpf_map_update_elem(&lw_tls_conns, &key, &new, conn ? BPF_ANY : BPF_NOEXIST);
	if (failed && failed != -LW_EEXIST)
		return NULL;
	if (!failed && !conn)
		lw_tls_tally(LW_TLS_MADE);
	return bpf_map_lookup_elem(&lw_tls_conns, &key);
}

/* The socket below, when the call used one. */
static __always_inline void lw_tls_tie(struct lw_tls_conn *conn, __u64 sock)
{
	struct lw_conn *below = sock ? lw_conn_of((void *)sock) : NULL;

	if (!below)
		return;
	conn->flow = below->id;
	conn->ends = below->ends;
	conn->direction = below->direction;
	conn->self = !!(below->flags & LW_CONN_SELF);
	conn->known = 1;
}

static __always_inline bool lw_tls_wanted(struct lw_tls_conn *conn, struct lw_net_rules *rules)
{
	if (conn->self || lw_is_self(LW_NETWORK)) {
		if (conn->self)
			lw_count(LW_NETWORK, LW_SELF);
		return false;
	}
	if (!conn->told || conn->generation != rules->generation) {
		conn->wanted = lw_net_wants(rules, (struct task_struct *)bpf_get_current_task(), 0);
		conn->generation = rules->generation;
	}
	return conn->wanted;
}

/* A function of the library that this call called has told its bytes. */
static __always_inline bool lw_tls_told(const struct lw_tls_thread *thread, const struct lw_tls_call *call)
{
	return thread->told_ssl == call->ssl && thread->told_way == call->way && (__s32)(thread->told_serial - call->serial) > 0;
}

/* The thread's call has returned, with `length` bytes; it used `sock`. */
static __always_inline void lw_tls_returned(struct lw_tls_thread *thread, __u32 length, __u64 sock)
{
	const struct lw_tls_call *call = &thread->returned;
	struct lw_net_rules *rules = lw_net();
	struct lw_tls_piece *p = &thread->piece;
	struct lw_tls_conn *conn;

	if ((!length && !sock) || lw_tls_told(thread, call))
		return;
	conn = lw_tls_conn(call->ssl, true);
	if (!conn || !rules) {
		lw_count(LW_NETWORK, LW_TRIED);
		lw_count(LW_NETWORK, LW_NO_MEMORY);
		return;
	}
	lw_tls_tie(conn, sock);
	if (!length || !lw_tls_wanted(conn, rules))
		return;
	thread->told_ssl = call->ssl;
	thread->told_way = call->way;
	thread->told_serial = call->serial;
	p->ssl = call->ssl;
	p->buffer = call->buffer;
	p->rest = length;
	p->way = call->way;
	p->end = 0;
	lw_tls_passed(conn, rules, p);
}

SEC("uretprobe")
int lw_tls_done(struct lw_user_regs *regs)
{
	struct lw_tls_thread *thread = lw_tls_thread(false);
	struct lw_tls_call *slot = thread ? lw_tls_slot(thread, regs->sp) : NULL;
	__u64 sock;

	if (!slot) {
		if (thread && thread->done == regs->sp)
			return 0;
		lw_count(LW_NETWORK, LW_TRIED);
		lw_count(LW_NETWORK, LW_NO_MEMORY);
		return 0;
	}
	sock = thread->sock;
	thread->ssl = 0;
	thread->sock = 0;
	thread->done = slot->stack;
	/* To one place from whichever slot: 5.10's verifier goes through what follows once for each pointer. Nobody changes it before the next call returns. */
	thread->returned = *slot;
	slot->stack = 0;
	lw_tls_returned(thread, lw_tls_result(regs, &thread->returned), sock);
	return 0;
}

SEC("uprobe")
int lw_tls_free(struct lw_user_regs *regs)
{
	struct lw_tls_piece p = { .ssl = LW_PARAMETER_0(regs), .end = 1 };
	struct lw_tls_key key = { .ssl = p.ssl, .pid = bpf_get_current_pid_tgid() >> 32 };
	struct lw_tls_conn *conn = bpf_map_lookup_elem(&lw_tls_conns, &key);

	if (!conn)
		return 0;
	if (conn->told && conn->start == lw_current_start()) {
		lw_tls_skipped(conn, p.ssl, LW_RECEIVED);
		lw_tls_skipped(conn, p.ssl, LW_SENT);
		lw_tls_note(conn, &p);
	}
	if (!bpf_map_delete_elem(&lw_tls_conns, &key))
		lw_tls_tally(LW_TLS_FREED);
	return 0;
}

/* Not when it is known that nobody asks for the connection. */
static __always_inline bool lw_tls_may_be_wanted(__u64 ssl)
{
	struct lw_tls_conn *conn = lw_tls_conn(ssl, false);
	struct lw_config *config = lw_config();

	if (config && config->self_pid == bpf_get_current_pid_tgid() >> 32)
		return false;
	return !conn || (!conn->self && (conn->wanted || !conn->generation));
}

/* A thread ends. If it was writing, what of it went cannot be told; a read that did not return gave it nothing. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(lw_tls_exit, struct task_struct *task)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct lw_tls_thread *thread = bpf_map_lookup_elem(&lw_tls_threads, &id);

	if (!thread)
		return 0;
	if (thread->ssl && thread->way == LW_SENT && lw_tls_may_be_wanted(thread->ssl)) {
		lw_count(LW_NETWORK, LW_TRIED);
		lw_count(LW_NETWORK, LW_KILLED);
	}
	bpf_map_delete_elem(&lw_tls_threads, &id);
	return 0;
}
