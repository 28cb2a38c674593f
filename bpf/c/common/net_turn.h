/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Whose turn it is to speak, and how much of what is said then is copied. */
#ifndef LW_NET_TURN_H
#define LW_NET_TURN_H

#include "common/net_http.h"

/* TLS handshakes and SSH: nothing in what follows can be read, and small packets go both ways all the time. */
static __always_inline bool lw_is_sealed(struct __sk_buff *skb, const struct lw_packet *p)
{
	__u8 first[4];

	if (p->length < sizeof(first) || bpf_skb_load_bytes(skb, p->offset, first, sizeof(first)))
		return false;
	return (first[0] == 0x16 && first[1] == 3) || (first[0] == 'S' && first[1] == 'S' && first[2] == 'H' && first[3] == '-');
}

/* A message of HTTP begins. Of a response that no rule asks for nothing is copied, if the request before is known to be the only one. */
static __always_inline __u32 lw_budget_http(struct lw_conn *conn, struct lw_packet *p, const struct lw_net_side *side, __u32 status)
{
	__u32 way = p->way & 1;
	bool alone = conn->asked == (way ^ 1) + 1;

	conn->asked = 0;
	if (!status) {
		conn->asks = way + 1;
		return side->any.request;
	}
	if (!alone || conn->skipping[way] == LW_SKIP_SOME || side->statuses[status >> 6 & 15] >> (status & 63) & 1)
		return side->any.response;
	conn->skip_from[way] = conn->skip_to[way] = p->sequence;
	conn->skipping[way] = LW_SKIP_WHOLE;
	return 0;
}

/* How much of a turn is copied that begins with this packet. */
static __always_inline __u32 lw_budget(struct __sk_buff *skb, struct lw_conn *conn, struct lw_packet *p, const struct lw_net_rules *rules)
{
	const struct lw_net_side *side = &rules->sides[conn->direction & 3];
	__u32 way = p->way & 1, status = 0;
	bool asks = conn->direction == LW_UNKNOWN || (conn->direction == LW_OUTGOING) == (way == LW_SENT);
	struct lw_first first;

	if (conn->voice & (LW_VOICE_SEALED | LW_VOICE_FOREIGN)) {
		if (conn->voice & LW_VOICE_ENOUGH << way)
			return 0;
		if (conn->voice & LW_VOICE_HTTP2) {
			conn->voice &= ~LW_VOICE_HTTP2;
			return side->any.request;
		}
		return asks ? side->foreign.request : side->foreign.response;
	}
	if (lw_first_of(skb, p, &first)) {
		status = lw_status_of(&first);
		if (status || lw_is_request(&first))
			return lw_budget_http(conn, p, side, status);
	}
	conn->asked = 0;
	return asks ? side->any.request : side->any.response;
}

/* The end that speaks now did not speak last: a new message begins. */
static __always_inline void lw_turn(struct __sk_buff *skb, struct lw_conn *conn, struct lw_packet *p, const struct lw_net_rules *rules)
{
	__u32 way = p->way & 1;
	__u8 voice = 1 << way;
	struct lw_first first;

	conn->speaker = way + 1;
	if (!(conn->voice & (LW_VOICE_RECEIVED | LW_VOICE_SENT))) {
		if (lw_is_sealed(skb, p))
			conn->voice |= LW_VOICE_SEALED;
		else if (conn->opened && lw_first_of(skb, p, &first))
			conn->voice |= lw_is_http2(&first) ? LW_VOICE_FOREIGN | LW_VOICE_HTTP2 : lw_is_foreign(&first) ? LW_VOICE_FOREIGN : 0;
	}
	if (conn->voice & LW_VOICE_SEALED && conn->voice & voice)
		return;
	if (!(conn->voice & voice))
		conn->copied_to[way] = conn->first[way] = p->sequence;
	conn->voice |= voice;
	conn->left[way] = lw_budget(skb, conn, p, rules);
}

#endif
