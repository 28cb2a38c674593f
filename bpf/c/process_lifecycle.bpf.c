// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* fork, exec, exit: the life of a process. The same in both flavours: these tracepoints hand over the task itself. */
#include "common/cgroup.h"
#include "common/pending_map.h"
#include "common/task.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

LW_SCRATCH(lw_exec_scratch);

#define S_ISUID 04000
#define LW_FILENAME_MAX 4096

SEC("tp_btf/sched_process_fork")
int BPF_PROG(lw_on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct lw_memory creds;
	struct lw_fork f;

	lw_read_creds(&creds, parent->cred);
	lw_compare(parent->pid, &creds, LW_FUNCTION, false);
	lw_read_creds(&creds, child->cred);
	lw_remember(child->pid, &creds);
	if (child->pid != child->tgid || lw_is_self(LW_PROCESS))
		return 0;
	__builtin_memset(&f, 0, sizeof(f));
	lw_header(&f.header, LW_PROCESS, LW_FORK, sizeof(f), LW_FUNCTION);
	lw_in_syscall(&f.header);
	f.child_pid = child->tgid;
	f.child_start = child->start_boottime;
	f.process.creds = creds.creds;
	lw_read_task(&f.process, child);
	lw_send(&lw_ring_process, LW_PROCESS, &f, sizeof(f));
	return 0;
}

/* Whether the file explains that the process became somebody else. */
static __always_inline bool lw_is_setuid(struct linux_binprm *bprm)
{
	__u16 modes = bprm->file->f_inode->i_mode;

	if (bprm->executable)
		modes |= bprm->executable->f_inode->i_mode;
	return modes & S_ISUID;
}

/*
 * What the thread was before the exec. A change to root that the file does not explain happened before it, and is told apart,
 * so that one escalation is one event.
 */
static __always_inline void lw_before_exec(struct lw_exec *e, __u32 old_tid, __u32 tid, const struct lw_memory *now, bool setuid)
{
	struct lw_memory *was = bpf_map_lookup_elem(&lw_remembered, &old_tid);

	if (!was || !lw_remembers()) {
		e->header.flags |= LW_BEFORE_GUESSED;
		e->before = now->creds;
		if (setuid)
			e->before.euid = e->before.suid = e->before.fsuid = now->creds.uid;
	} else {
		if (!setuid)
			lw_compare(old_tid, now, LW_FUNCTION, false);
		/* As it is now: lw_compare may just have renewed it. */
		e->before = was->creds;
	}
	if (old_tid != tid) {
		bpf_map_delete_elem(&lw_remembered, &old_tid);
		lw_pending_forget((bpf_get_current_pid_tgid() >> 32 << 32) | old_tid);
	}
	lw_remember(tid, now);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(lw_on_exec, struct task_struct *task, int old_tid, struct linux_binprm *bprm)
{
	struct file *file = bprm->file;
	struct lw_memory creds;
	struct lw_scratch *s;
	struct lw_exec *e;
	__u64 start, end;

	s = lw_begin(&lw_exec_scratch, LW_PROCESS, LW_EXEC, sizeof(*e), LW_FUNCTION);
	if (!s)
		return 0;
	e = (struct lw_exec *)s->record;
	lw_in_syscall(&e->header);
	e->header.flags = LW_HAS_EXECUTABLE;
	lw_read_creds(&creds, task->cred);
	e->process.creds = creds.creds;
	lw_read_task(&e->process, task);
	lw_read_executable(&e->process, file);
	lw_before_exec(e, old_tid, task->pid, &creds, lw_is_setuid(bprm));

	lw_path_walk(&s->walk, file->f_path.mnt, file->f_path.dentry);
	lw_tail_path(s, LW_EXECUTABLE);
	lw_path_walk(&s->walk, task->fs->pwd.mnt, task->fs->pwd.dentry);
	lw_tail_path(s, LW_CWD);
	start = task->mm->arg_start;
	end = task->mm->arg_end;
	if (end >= start)
		lw_tail_user_bytes(s, LW_ARGS, (void *)start, end - start > LW_FIELD_MAX ? LW_FIELD_MAX + 1 : end - start);
	lw_tail_string(s, LW_FILENAME, bprm->filename, LW_FILENAME_MAX);
	if (task->signal->tty)
		lw_tail_string(s, LW_TTY, task->signal->tty->name, sizeof(task->signal->tty->name));
	lw_tail_cgroup(s, task);
	lw_end(s, &lw_ring_process, LW_PROCESS);
	return 0;
}

/* Threads may reach the end together, each seeing itself as the last: the first that is noted here is told. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} lw_ended SEC(".maps");

static __always_inline bool lw_is_last(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	__u64 key = task->tgid, start = task->group_leader->start_boottime;

	if (signal->live.counter > 0)
		return false;
	key ^= start << 22;
	/* Alone now, but perhaps not when another was told of. */
	if (signal->nr_threads <= 1)
		return !bpf_map_lookup_elem(&lw_ended, &key);
	return !bpf_map_update_elem(&lw_ended, &key, &start, BPF_NOEXIST);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(lw_on_exit, struct task_struct *task)
{
	__u32 tid = task->pid;
	struct lw_memory creds;
	struct lw_exit e;

	lw_read_creds(&creds, task->cred);
	lw_compare(tid, &creds, LW_FUNCTION, false);
	bpf_map_delete_elem(&lw_remembered, &tid);
	lw_pending_forget(bpf_get_current_pid_tgid());
	if (!lw_is_last(task) || lw_is_self(LW_PROCESS))
		return 0;
	__builtin_memset(&e, 0, sizeof(e));
	lw_header(&e.header, LW_PROCESS, LW_EXIT, sizeof(e), LW_FUNCTION);
	/* As wait(2) tells it. */
	e.status = task->signal->flags & 4 /* SIGNAL_GROUP_EXIT */ ? task->signal->group_exit_code : task->group_leader->exit_code;
	lw_send(&lw_ring_process, LW_PROCESS, &e, sizeof(e));
	return 0;
}
