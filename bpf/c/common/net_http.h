/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the first bytes of a turn tell of HTTP/1. Only what is certain is said here: in doubt it may be anything, and the engine, which reads it,
 * decides.
 */
#ifndef LW_NET_HTTP_H
#define LW_NET_HTTP_H

#include "common/packet.h"

/* The first bytes of a packet's payload, as little-endian numbers. */
struct lw_first {
	__u64 low, high;
};

static __always_inline bool lw_first_of(struct __sk_buff *skb, const struct lw_packet *p, struct lw_first *first)
{
	return p->length >= sizeof(*first) && !bpf_skb_load_bytes(skb, p->offset, first, sizeof(*first));
}

/* A method that may be answered with anything but another protocol, and a space. */
static __always_inline bool lw_is_request(const struct lw_first *first)
{
	__u64 at = first->low;

	if ((__u32)at == 0x20544547 || (__u32)at == 0x20545550) /* GET, PUT */
		return true;
	if (at << 24 == 0x2054534f50ull << 24 || at << 24 == 0x2044414548ull << 24) /* POST, HEAD */
		return true;
	return at << 16 == 0x204843544150ull << 16 /* PATCH */ || at << 8 == 0x204554454c4544ull << 8 /* DELETE */ ||
	       at == 0x20534e4f4954504full; /* OPTIONS */
}

/* The status of a final response but 101; 0: it is something else. */
static __always_inline __u32 lw_status_of(const struct lw_first *first)
{
	__u8 a = (first->high >> 8) - '0', b = (first->high >> 16) - '0', c = (first->high >> 24) - '0', end = first->high >> 32;

	if (first->low << 8 != 0x2e312f50545448ull << 8 /* HTTP/1. */ || (first->high & 255) != ' ')
		return 0;
	if (a < 2 || a > 5 || b > 9 || c > 9 || (end != ' ' && end != '\r'))
		return 0;
	return a * 100 + b * 10 + c;
}

/* Bytes that no request line, status line or blank before them has: below a blank, but for those that end lines and tabs. */
static __always_inline bool lw_is_foreign(const struct lw_first *first)
{
	__u64 at = first->low;

#pragma unroll
	for (int i = 0; i < 8; i++, at >>= 8) {
		__u8 byte = at;

		if (byte == ' ' || (byte >= '\t' && byte <= '\r'))
			return false;
		if (byte < ' ' || byte == 0x7f)
			return true;
	}
	return false;
}

/* What a client says first in HTTP/2 without TLS: "PRI * HTTP/2.0\r\n". */
static __always_inline bool lw_is_http2(const struct lw_first *first)
{
	return first->low == 0x5448202a20495250ull && first->high == 0x0a0d302e322f5054ull;
}

/* Longer ones are not looked through. */
#define LW_ASKED_MAX 1024

/*
 * Whether the first empty line among `n` bytes ends with the last of them: a request without a body, and nothing behind it. Eight bytes at a
 * time; any two line feeds at most two apart count as an empty line.
 */
static __always_inline bool lw_is_one_head(const __u8 *data, __u32 n, __u32 capacity)
{
	__u64 before = 0;

	/* Unrolled, since 5.10 does not believe a loop that its offsets stay in bounds. */
#pragma clang loop unroll(full)
	for (__u32 at = 0; at < capacity; at += 8) {
		__u64 word = *(const __u64 *)(data + at) ^ 0x0a0a0a0a0a0a0a0aull;
		__u64 feeds = (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
		__u64 empty = feeds & (feeds << 8 | feeds << 16 | before >> 56 | before >> 48);

		if (n <= at + 8) {
			__u32 beyond = (at + 8 - n) * 8 & 63;

			return empty << beyond == 1ull << 63;
		}
		if (empty)
			return false;
		before = feeds;
	}
	return false;
}

#endif
