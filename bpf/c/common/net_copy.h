/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* From a packet's payload to records. */
#ifndef LW_NET_COPY_H
#define LW_NET_COPY_H

#include "common/net_http.h"

#define LW_CHUNK 32768 /* most bytes of one record */
#define LW_CHUNKS 8 /* most records of one packet */

static __always_inline void lw_fill(struct lw_segment *s, const struct lw_conn *conn, const struct lw_packet *p)
{
	lw_segment_fill(s, conn, p->way, p->sequence, p->length);
	s->ack = p->ack;
	s->flags = p->flags;
	s->passed = p->passed;
}

/* A place in the ring must be reserved with a size that the verifier knows; the reader cuts what is too much. */
#define LW_COPY(capacity)                                                                                       \
	static __always_inline void lw_copy_##capacity(struct __sk_buff *skb, void *ring, struct lw_conn *conn,         \
						       const struct lw_packet *p, __u64 n)                      \
	{                                                                                                       \
		struct {                                                                                        \
			struct lw_segment segment;                                                              \
			__u16 field, length;                                                                    \
			__u8 data[capacity];                                                                    \
		} *r = bpf_ringbuf_reserve(ring, sizeof(*r), 0);                                                \
                                                                                                                \
		if (!r) {                                                                                       \
			lw_count(LW_NETWORK, LW_TRIED);                                                         \
			lw_count(LW_NETWORK, LW_RING_FULL);                                                     \
			return;                                                                                 \
		}                                                                                               \
		lw_fill(&r->segment, conn, p);                                                                  \
		r->segment.header.size = sizeof(r->segment) + 4 + (((__u32)n + 3) & ~3u);                       \
		r->field = LW_DATA;                                                                             \
		r->length = n;                                                                                  \
		n -= 1;                                                                                         \
		asm volatile("" : "+r"(n));                                                                     \
		n &= capacity - 1;                                                                              \
		n += 1;                                                                                         \
		if (bpf_skb_load_bytes(skb, p->offset, r->data, n)) {                                           \
			bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);                                               \
			lw_count(LW_NETWORK, LW_READ_FAILED);                                                   \
			return;                                                                                 \
		}                                                                                               \
		if (capacity <= LW_ASKED_MAX && conn->asks == p->way + 1 && n == p->length && lw_is_one_head(r->data, n, capacity))  \
			conn->asked = p->way + 1;                                                               \
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);                                                        \
	}

LW_COPY(256)
LW_COPY(1024)
LW_COPY(2048)
LW_COPY(4096)
LW_COPY(8192)
LW_COPY(16384)
LW_COPY(32768)

/* One record: the first `n` of the packet's bytes, of which there are as many as p->length says. */
static __noinline int lw_copy(struct __sk_buff *skb, struct lw_conn *conn, const struct lw_packet *p, __u32 n)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&lw_ring_network, &cpu);

	if (!ring || !conn || !p)
		return 0;
	if (n <= 256)
		lw_copy_256(skb, ring, conn, p, n);
	else if (n <= 1024)
		lw_copy_1024(skb, ring, conn, p, n);
	else if (n <= 2048)
		lw_copy_2048(skb, ring, conn, p, n);
	else if (n <= 4096)
		lw_copy_4096(skb, ring, conn, p, n);
	else if (n <= 8192)
		lw_copy_8192(skb, ring, conn, p, n);
	else if (n <= 16384)
		lw_copy_16384(skb, ring, conn, p, n);
	else
		lw_copy_32768(skb, ring, conn, p, n);
	return 0;
}

/* The packet with the first `n` of its bytes, in as many records as it takes. */
static __always_inline void lw_copy_all(struct __sk_buff *skb, struct lw_conn *conn, struct lw_packet *p, __u32 n)
{
	__u32 rest = p->length, flags = p->flags;

	for (int i = 0; i < LW_CHUNKS; i++) {
		__u32 chunk = n > LW_CHUNK ? LW_CHUNK : n;
		bool last = chunk == n || i == LW_CHUNKS - 1;

		/* The SYN stands before the first byte, FIN and RST behind the last. */
		p->flags = (i ? flags & ~LW_TCP_SYN : flags) & (last ? 0xff : ~(LW_TCP_FIN | LW_TCP_RST));
		p->length = last ? rest : chunk;
		if (!chunk)
			break;
		lw_copy(skb, conn, p, chunk);
		if (last)
			break;
		p->passed = 0;
		p->sequence += chunk;
		p->offset += chunk;
		rest -= chunk;
		n -= chunk;
	}
}

#endif
