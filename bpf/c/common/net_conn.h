/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Connections: finding them, whose they are, telling what becomes of them. */
#ifndef LW_NET_CONN_H
#define LW_NET_CONN_H

#include "kernel_net.h"
#include "common/net_maps.h"

static __always_inline struct lw_conn *lw_conn_of(const void *sock)
{
	__u64 key = (__u64)sock;

	return bpf_map_lookup_elem(&lw_conns, &key);
}

/* A connection is new, or has another owner: nothing of what was seen holds. To be called after the change. */
static __always_inline void lw_conn_changed(void)
{
	__u32 zero = 0;
	__u64 *epoch = bpf_map_lookup_elem(&lw_seen, &zero);

	if (epoch)
		__sync_fetch_and_add(epoch, 1);
}

struct lw_seen {
	__u64 *at; /* where it is kept */
	__u64 now; /* what is there when it was seen */
};

/*
 * Whether this was seen last of what has the number `of` (of a socket). If not, it is looked into, and said by lw_note_seen: the epoch is from before that.
 * Nothing can be computed from a kernel pointer: a socket's address must come as a mere number.
 */
static __always_inline bool lw_is_seen(struct lw_seen *seen, __u64 of, __u32 pid, const struct lw_net_rules *rules)
{
	__u32 slot = 0;
	__u64 *epoch = bpf_map_lookup_elem(&lw_seen, &slot);

	seen->at = NULL;
	if (!epoch)
		return false;
	seen->now = ((of * 0x9e3779b97f4a7c15ull) ^ (pid | (__u64)rules->generation << 32)) * 0xd6e8feb86659fd93ull + *(volatile __u64 *)epoch;
	slot = LW_SEEN_FIRST + (seen->now >> (64 - LW_SEEN_BITS));
	seen->at = bpf_map_lookup_elem(&lw_seen, &slot);
	return seen->at && *(volatile __u64 *)seen->at == seen->now;
}

static __always_inline void lw_note_seen(struct lw_seen *seen)
{
	if (seen->at)
		*(volatile __u64 *)seen->at = seen->now;
}

static __always_inline struct lw_conn *lw_conn_add(const void *sock, struct lw_conn *conn)
{
	__u64 key = (__u64)sock;

	if (bpf_map_update_elem(&lw_conns, &key, conn, BPF_ANY)) {
		lw_count(LW_NETWORK, LW_NO_MEMORY);
		return NULL;
	}
	lw_conn_changed();
	return bpf_map_lookup_elem(&lw_conns, &key);
}

/* A number that no socket's cookie is. */
static __always_inline __u64 lw_conn_number(void)
{
	return 1ull << 63 | bpf_ktime_get_boot_ns() << 8 | (bpf_get_smp_processor_id() & 255);
}

/* The header of a record about `conn`. Not lw_header: the running task is anybody. */
static __always_inline void lw_net_header(struct lw_header *h, __u16 kind, __u16 fixed, const struct lw_conn *conn)
{
	struct lw_config *config = lw_config();

	h->time = bpf_ktime_get_boot_ns();
	h->start = conn->start;
	h->seq = lw_count(LW_NETWORK, LW_TRIED);
	h->size = fixed;
	h->kind = kind;
	h->cpu = bpf_get_smp_processor_id();
	h->pid = conn->pid;
	h->tid = conn->pid;
	h->syscall = -1;
	h->generation = config ? config->generation : 0;
	h->fixed = fixed;
	h->abi = LW_ABI_NONE;
	h->flavour = LW_FUNCTION;
	h->flags = 0;
}

static __always_inline void lw_map_ipv4(__u8 *address, __be32 ipv4)
{
	__builtin_memset(address, 0, 10);
	address[10] = address[11] = 0xff;
	__builtin_memcpy(address + 12, &ipv4, 4);
}

static __always_inline void lw_end_local(struct lw_end *end, const struct lw_ends *ends)
{
	__builtin_memcpy(end->address, ends->local, 16);
	end->netns = ends->netns;
	end->port = ends->local_port;
	end->unused = 0;
}

static __always_inline void lw_end_remote(struct lw_end *end, const struct lw_ends *ends)
{
	__builtin_memcpy(end->address, ends->remote, 16);
	end->netns = ends->netns;
	end->port = ends->remote_port;
	end->unused = 0;
}

/* Whether both ends are on this host, as far as the addresses alone tell. */
static __always_inline bool lw_ends_near(const struct lw_ends *ends)
{
	const __u64 *local = (const __u64 *)ends->local, *remote = (const __u64 *)ends->remote;

	return local[0] == remote[0] && local[1] == remote[1];
}

/* The listener that a connection came in by. */
static __always_inline struct lw_listener *lw_listener_of(const struct lw_ends *ends)
{
	struct lw_listener *found;
	struct lw_end end;

	lw_end_local(&end, ends);
	found = bpf_map_lookup_elem(&lw_listeners, &end);
	if (found)
		return found;
	lw_map_ipv4(end.address, 0);
	found = bpf_map_lookup_elem(&lw_listeners, &end);
	if (found)
		return found;
	__builtin_memset(end.address, 0, 16);
	return bpf_map_lookup_elem(&lw_listeners, &end);
}

/* Whether the other end is the agent's. Where that listens on every address, only a connection from this host is. */
static __always_inline bool lw_facing_self(const struct lw_ends *ends)
{
	struct lw_config *config = lw_config();
	struct lw_end end;

	if (!config || !config->self_pid)
		return false;
	lw_end_remote(&end, ends);
	if (bpf_map_lookup_elem(&lw_self_ends, &end))
		return true;
	if (!lw_ends_near(ends))
		return false;
	lw_map_ipv4(end.address, 0);
	if (bpf_map_lookup_elem(&lw_self_ends, &end))
		return true;
	__builtin_memset(end.address, 0, 16);
	return bpf_map_lookup_elem(&lw_self_ends, &end);
}

/* Hands a connection that came in to who listens, until somebody is seen to serve it. */
static __always_inline void lw_conn_inherit(struct lw_conn *conn, struct lw_net_rules *rules)
{
	struct lw_listener *listener = lw_listener_of(&conn->ends);

	conn->direction = LW_INCOMING;
	conn->generation = rules->generation;
	if (listener) {
		conn->pid = listener->pid;
		conn->start = listener->start;
		conn->flags = listener->flags & (LW_CONN_WANTED | LW_CONN_SELF);
	} else if (rules->mode != LW_NET_ONLY) {
		conn->flags = LW_CONN_WANTED;
	}
	if (lw_facing_self(&conn->ends))
		conn->flags |= LW_CONN_SELF;
}

static __always_inline void lw_segment_fill(struct lw_segment *s, const struct lw_conn *conn, __u32 way, __u32 sequence, __u32 length)
{
	lw_net_header(&s->header, LW_SEGMENT, sizeof(*s), conn);
	s->flow = conn->id;
	s->ends = conn->ends;
	s->sequence = sequence;
	s->ack = 0;
	s->length = length;
	s->flags = 0;
	s->way = way;
	s->direction = conn->direction;
	s->reserved = 0;
	s->passed = 0;
	s->unused = 0;
}

static __always_inline void lw_segment_send(struct lw_segment *s)
{
	lw_send(&lw_ring_network, LW_NETWORK, s, sizeof(*s));
}

/* What was not copied since the budget of this way was used up is told when that ends: one record, however much it was. */
static __always_inline void lw_skipped(struct lw_conn *conn, __u32 way)
{
	__u8 skipping = conn->skipping[way & 1];
	struct lw_segment s;

	if (!skipping)
		return;
	conn->skipping[way & 1] = 0;
	lw_segment_fill(&s, conn, way, conn->skip_from[way & 1], conn->skip_to[way & 1] - conn->skip_from[way & 1]);
	if (skipping == LW_SKIP_WHOLE)
		s.flags = LW_TCP_WHOLE;
	lw_segment_send(&s);
}

#endif
