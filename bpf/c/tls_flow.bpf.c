// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which socket a TLS library uses: the one that its thread reads from or writes to during the call. */
#include "common/net_conn.h"
#include "common/tls_maps.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline int lw_tls_used(const void *sk)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct lw_tls_thread *thread = bpf_map_lookup_elem(&lw_tls_threads, &id);

	/* A socket that is no TCP connection is used for something else. */
	if (thread && thread->ssl && lw_conn_of(sk))
		thread->sock = (__u64)sk;
	return 0;
}

/* In tcp_recvmsg, when bytes were taken. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(lw_net_tls_got, const struct sock *sk)
{
	return lw_tls_used(sk);
}

/* Since 6.4. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(lw_net_tls_sent, const struct sock *sk, int result, int flags)
{
	return lw_tls_used(sk);
}

SEC("fentry/tcp_sendmsg")
int BPF_PROG(lw_net_tls_send, const struct sock *sk)
{
	return lw_tls_used(sk);
}
