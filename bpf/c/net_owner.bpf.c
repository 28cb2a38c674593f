// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Who serves a connection: seen where its process accepts it, reads from it or writes to it. Raw tracepoints, to which a socket is a mere number, since
 * it is computed with.
 */
#define LW_NET_WALKS 3
#include "common/net_flow.h"
#include "common/result.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* In tcp_recvmsg and splice, for every piece that was read. */
SEC("raw_tp/tcp_rcv_space_adjust")
int BPF_PROG(lw_net_read, __u64 sock)
{
	lw_conn_touched(sock, 0);
	return 0;
}

/* Since 6.4: for whom writes before anything came. */
SEC("raw_tp/sock_send_length")
int BPF_PROG(lw_net_sent, __u64 sock, int result, int flags)
{
	if (result > 0)
		lw_conn_touched(sock, 1);
	return 0;
}

SEC("fexit/inet_csk_accept")
int lw_net_accept(__u64 *ctx)
{
	__u64 accepted = lw_result(ctx, 4);

	if (accepted && !lw_error(accepted))
		lw_conn_touched(accepted, 2);
	return 0;
}
