/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* From plaintext to records, within the budget of a message (see net_segment.bpf.c, which does the same for packets). */
#ifndef LW_TLS_COPY_H
#define LW_TLS_COPY_H

#include "common/net_conn.h"
#include "common/tls_maps.h"

#define LW_TLS_CHUNK 32768 /* most bytes of one record */
/* Most records of one call. Without bpf_loop (see walk.h) the verifier walks through each of them anew. A call that has more is a write: it tells
 * the rest as not copied. */
#ifdef LW_NO_LOOP
#define LW_TLS_CHUNKS 12
#else
#define LW_TLS_CHUNKS 16
#endif
#define LW_TLS_SKIP_MAX (16u << 20) /* what is not copied is told at least that often: a process that is killed leaves no more untold */

static __always_inline void lw_tls_fill(struct lw_tls *r, struct lw_tls_conn *conn, const struct lw_tls_piece *p)
{
	lw_header(&r->header, LW_NETWORK, LW_TLS, sizeof(*r), LW_FUNCTION);
	r->connection = p->ssl;
	r->flow = conn->flow;
	r->ends = conn->ends;
	r->length = p->length;
	r->way = p->way;
	r->direction = conn->direction;
	r->known = conn->known;
	r->end = p->end;
	conn->told = 1;
}

/* A record without bytes. */
static __noinline int lw_tls_note(struct lw_tls_conn *conn, const struct lw_tls_piece *p)
{
	struct lw_tls r;

	if (!conn || !p)
		return 0;
	lw_tls_fill(&r, conn, p);
	lw_send(&lw_ring_network, LW_NETWORK, &r, sizeof(r));
	return 0;
}

/* Tells what was not copied this way. */
static __always_inline void lw_tls_skipped(struct lw_tls_conn *conn, __u64 ssl, __u32 way)
{
	struct lw_tls_piece p = { .ssl = ssl, .length = conn->skipped[way & 1], .way = way & 1 };

	if (!p.length)
		return;
	conn->skipped[way & 1] = 0;
	lw_tls_note(conn, &p);
}

/* A place in the ring must be reserved with a size that the verifier knows; the reader cuts what is too much. */
#define LW_TLS_COPY(capacity)                                                                                      \
	static __always_inline void lw_tls_copy_##capacity(void *ring, struct lw_tls_conn *conn,                   \
							   const struct lw_tls_piece *p, __u64 n)                  \
	{                                                                                                          \
		struct {                                                                                           \
			struct lw_tls tls;                                                                         \
			__u16 field, length;                                                                       \
			__u8 data[capacity];                                                                       \
		} *r = bpf_ringbuf_reserve(ring, sizeof(*r), 0);                                                   \
		__u32 size = sizeof(r->tls) + 4 + (((__u32)n + 3) & ~3u);                                          \
                                                                                                                   \
		if (!r) {                                                                                          \
			lw_count(LW_NETWORK, LW_TRIED);                                                            \
			lw_count(LW_NETWORK, LW_RING_FULL);                                                        \
			return;                                                                                    \
		}                                                                                                  \
		lw_tls_fill(&r->tls, conn, p);                                                                     \
		r->field = LW_DATA;                                                                                \
		r->length = n;                                                                                     \
		n -= 1;                                                                                            \
		asm volatile("" : "+r"(n));                                                                        \
		n &= capacity - 1;                                                                                 \
		n += 1;                                                                                            \
		/* The length is true all the same: userspace sees a hole. */                                      \
		if (bpf_probe_read_user(r->data, n, (void *)p->buffer)) {                                          \
			lw_count(LW_NETWORK, LW_READ_FAILED);                                                      \
			size = sizeof(r->tls);                                                                     \
		}                                                                                                  \
		r->tls.header.size = size;                                                                         \
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);                                                           \
	}

LW_TLS_COPY(256)
LW_TLS_COPY(1024)
LW_TLS_COPY(4096)
LW_TLS_COPY(16384)
LW_TLS_COPY(32768)

/* One record, with bytes. */
static __noinline int lw_tls_copy(struct lw_tls_conn *conn, const struct lw_tls_piece *p)
{
	__u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&lw_ring_network, &cpu);

	__u32 n;

	if (!ring || !conn || !p)
		return 0;
	n = p->copied;
	if (n <= 256)
		lw_tls_copy_256(ring, conn, p, n);
	else if (n <= 1024)
		lw_tls_copy_1024(ring, conn, p, n);
	else if (n <= 4096)
		lw_tls_copy_4096(ring, conn, p, n);
	else if (n <= 16384)
		lw_tls_copy_16384(ring, conn, p, n);
	else
		lw_tls_copy_32768(ring, conn, p, n);
	return 0;
}

#define LW_TLS_PREFACE 24 /* what a client says first in HTTP/2: the engine counts by it, so it is copied */

/* Whether the first bytes of a connection are those of HTTP/2, "PRI * HTTP/2.0\r\n". */
static __always_inline bool lw_tls_is_http2(const struct lw_tls_piece *p)
{
	__u64 first[2];

	if (p->rest < sizeof(first) || bpf_probe_read_user(first, sizeof(first), (void *)p->buffer))
		return false;
	return first[0] == 0x5448202a20495250ull && first[1] == 0x0a0d302e322f5054ull;
}

/* How much is copied of what one end says until the other one speaks. In HTTP/2, which is not read, only what rules about payload ask for. */
static __always_inline __u32 lw_tls_budget(const struct lw_tls_conn *conn, __u32 way, const struct lw_net_rules *rules)
{
	const struct lw_net_budget *foreign = &rules->sides[conn->direction & 3].foreign;
	bool asks = conn->asks == way + 1;

	if (!(conn->voice & LW_TLS_HTTP2))
		return asks ? rules->request : rules->response;
	if (conn->voice & LW_TLS_ENOUGH << way)
		return 0;
	return asks ? foreign->request : foreign->response;
}

/* The end that speaks now did not speak last: a new message begins. */
static __always_inline void lw_tls_turn(struct lw_tls_conn *conn, const struct lw_tls_piece *p, __u32 way, const struct lw_net_rules *rules)
{
	__u32 least = 0;

	/* What passes when nothing more is copied is told now and then, not at every turn: nobody reads on behind it. */
	if (!(conn->voice & LW_TLS_ENOUGH << (way ^ 1)))
		lw_tls_skipped(conn, p->ssl, !way);
	conn->speaker = way + 1;
	if (conn->direction != LW_UNKNOWN)
		conn->asks = 1 + (conn->direction == LW_OUTGOING ? LW_SENT : LW_RECEIVED);
	else if (!conn->asks)
		conn->asks = way + 1;
	if (!(conn->voice & LW_TLS_SPOKE << way)) {
		conn->voice |= LW_TLS_SPOKE << way;
		if (conn->asks == way + 1 && lw_tls_is_http2(p)) {
			conn->voice |= LW_TLS_HTTP2;
			least = LW_TLS_PREFACE;
		}
	}
	conn->left[way & 1] = lw_tls_budget(conn, way, rules);
	if (conn->left[way & 1] < least)
		conn->left[way & 1] = least;
}

/* So many bytes of HTTP/2 were looked at that no more of them are copied. */
static __always_inline void lw_tls_enough(struct lw_tls_conn *conn, __u32 way, __u32 n, const struct lw_net_rules *rules)
{
	__u32 most = rules->foreign_total, *passed = &conn->passed[way & 1];

	if (!(conn->voice & LW_TLS_HTTP2))
		return;
	if (*passed >= most) {
		conn->voice |= LW_TLS_ENOUGH << way;
		conn->left[way & 1] = 0;
		return;
	}
	*passed += n < most ? n : most;
}

/* The next piece of the call's bytes; false: there is no more to copy. */
static __always_inline bool lw_tls_next(struct lw_tls_piece *p)
{
	__u32 n = p->budget;

	if (!n)
		return false;
	if (n > LW_TLS_CHUNK)
		n = LW_TLS_CHUNK;
	p->buffer += p->copied;
	p->copied = n;
	p->budget -= n;
	p->length = p->budget ? n : p->rest;
	p->rest -= n;
	return true;
}

#ifdef LW_NO_LOOP
static __always_inline void lw_tls_chunks(struct lw_tls_conn *conn, struct lw_tls_piece *p)
{
	for (__u32 i = 0; i < LW_TLS_CHUNKS; i++) {
		if (!lw_tls_next(p))
			break;
		lw_tls_copy(conn, p);
	}
}
#else
struct lw_tls_bytes {
	struct lw_tls_conn *conn;
	struct lw_tls_piece *p;
};

static long lw_tls_chunk(__u32 i, struct lw_tls_bytes *bytes)
{
	if (!lw_tls_next(bytes->p))
		return 1;
	lw_tls_copy(bytes->conn, bytes->p);
	return 0;
}

static __always_inline void lw_tls_chunks(struct lw_tls_conn *conn, struct lw_tls_piece *p)
{
	struct lw_tls_bytes bytes = { .conn = conn, .p = p };

	bpf_loop(LW_TLS_CHUNKS, lw_tls_chunk, &bytes, 0);
}
#endif

/* `rest` bytes at `buffer` went `way`. */
static __always_inline void lw_tls_passed(struct lw_tls_conn *conn, const struct lw_net_rules *rules, struct lw_tls_piece *p)
{
	__u32 way = p->way & 1, n = p->rest;

	if (conn->speaker != way + 1)
		lw_tls_turn(conn, p, way, rules);
	lw_tls_enough(conn, way, n, rules);
	if (n > conn->left[way])
		n = conn->left[way];
	if (n > LW_TLS_CHUNK * LW_TLS_CHUNKS)
		n = LW_TLS_CHUNK * LW_TLS_CHUNKS;
	if (!n) {
		conn->skipped[way] += p->rest;
		if (conn->skipped[way] > LW_TLS_SKIP_MAX)
			lw_tls_skipped(conn, p->ssl, way);
		return;
	}
	conn->left[way] -= n;
	p->budget = n;
	p->copied = 0;
	lw_tls_chunks(conn, p);
}

#endif
