/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Credentials: reading them, and remembering them by thread, so that a change can be told where it is noticed: by the call
 * that made it, at an exec, or, when no call did it, at the next hook that the thread passes.
 */
#ifndef LW_CREDS_H
#define LW_CREDS_H

#include "common/regs.h"
#include "common/ring.h"

#define LW_CAP_SETUID 7

static __always_inline __u64 lw_capabilities(const kernel_cap_t *set)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), set);
	return value;
}

static __always_inline void lw_read_creds(struct lw_memory *m, const struct cred *cred)
{
	m->creds.uid = cred->uid.val;
	m->creds.gid = cred->gid.val;
	m->creds.euid = cred->euid.val;
	m->creds.egid = cred->egid.val;
	m->creds.suid = cred->suid.val;
	m->creds.fsuid = cred->fsuid.val;
	m->creds.cap_effective = lw_capabilities(&cred->cap_effective);
	m->creds.cap_permitted = lw_capabilities(&cred->cap_permitted);
	m->may_setuid = (m->creds.cap_permitted >> LW_CAP_SETUID & 1) && LW_GET(cred->user_ns, struct user_namespace, level) == 0;
	m->reserved = 0;
}

/* Of the running thread, where no pointer that the verifier knows is at hand. */
static __always_inline void lw_read_current_creds(struct lw_memory *m)
{
	const struct cred *cred = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), cred);

	m->creds.uid = BPF_CORE_READ(cred, uid.val);
	m->creds.gid = BPF_CORE_READ(cred, gid.val);
	m->creds.euid = BPF_CORE_READ(cred, euid.val);
	m->creds.egid = BPF_CORE_READ(cred, egid.val);
	m->creds.suid = BPF_CORE_READ(cred, suid.val);
	m->creds.fsuid = BPF_CORE_READ(cred, fsuid.val);
	m->creds.cap_effective = lw_capabilities(&cred->cap_effective);
	m->creds.cap_permitted = lw_capabilities(&cred->cap_permitted);
	m->may_setuid = (m->creds.cap_permitted >> LW_CAP_SETUID & 1) && BPF_CORE_READ(cred, user_ns, level) == 0;
	m->reserved = 0;
}

static __always_inline bool lw_remembers(void)
{
	struct lw_config *config = lw_config();

	return config && config->flags & LW_WANT_CREDENTIALS;
}

static __always_inline void lw_remember(__u32 tid, const struct lw_memory *m)
{
	if (lw_remembers() && bpf_map_update_elem(&lw_remembered, &tid, m, BPF_ANY))
		lw_count(LW_PROCESS, LW_NO_MEMORY);
}

/* Whether no call could have made this thread root: no uid of it was 0 and it was not allowed to set others. */
static __always_inline bool lw_impossible(const struct lw_memory *was)
{
	return was->creds.uid && was->creds.euid && was->creds.suid && !was->may_setuid;
}

static __always_inline void lw_send_credentials(const struct lw_memory *was, const struct lw_memory *is, bool by_call, __s32 error, __u8 flavour)
{
	struct lw_credentials c;

	__builtin_memset(&c, 0, sizeof(c));
	lw_header(&c.header, LW_PROCESS, LW_CREDENTIALS, sizeof(c), flavour);
	lw_in_syscall(&c.header);
	c.before = was->creds;
	c.after = is->creds;
	c.error = error;
	c.by_call = by_call;
	lw_send(&lw_ring_process, LW_PROCESS, &c, sizeof(c));
}

/* A call that asked for uid 0 was refused. */
static __always_inline void lw_refused_root(__s32 error, __u8 flavour)
{
	struct lw_memory creds;

	if (lw_is_self(LW_PROCESS))
		return;
	lw_read_current_creds(&creds);
	lw_send_credentials(&creds, &creds, true, error, flavour);
}

/*
 * What the running thread's credentials are now against what is remembered; tells a change to root that nobody told yet.
 * by_call is false only when no call could have done it: the call that did may have been one that the hooks do not see (int 0x80).
 *
 * `after_call`: that has just returned. Then a process that acts as another user from now on is told too, as servers do that give root up once
 * they listen: no rule is about that, but all that follows is that user's. A thread that does so alone does not speak for its process.
 */
static __always_inline void lw_compare(__u32 tid, const struct lw_memory *now, __u8 flavour, bool after_call)
{
	bool root = !now->creds.euid;
	struct lw_memory *was;

	if (!root && !(after_call && bpf_get_current_pid_tgid() >> 32 == tid))
		return;
	if (!lw_remembers())
		return;
	was = bpf_map_lookup_elem(&lw_remembered, &tid);
	if (!was || was->creds.euid == now->creds.euid)
		return;
	lw_send_credentials(was, now, !root || !lw_impossible(was), 0, flavour);
	lw_remember(tid, now);
}

#endif
