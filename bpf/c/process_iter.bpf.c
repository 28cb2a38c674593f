// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What runs already when the agent starts: the same records, written to the reader of the iterator. */
#include "common/cgroup.h"
#include "common/task.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

LW_SCRATCH(lw_iter_scratch);

static __always_inline void lw_snapshot_header(struct lw_header *h, struct task_struct *task)
{
	struct lw_config *config = lw_config();

	__builtin_memset(h, 0, sizeof(*h));
	h->time = bpf_ktime_get_boot_ns();
	h->start = task->start_boottime;
	h->kind = LW_SNAPSHOT;
	h->pid = task->tgid;
	h->tid = task->pid;
	h->syscall = -1;
	h->generation = config ? config->generation : 0;
	h->fixed = sizeof(struct lw_snapshot);
}

static __always_inline void lw_snapshot_tail(struct lw_scratch *s, struct lw_snapshot *r, struct task_struct *task)
{
	struct file *file = LW_GET(task->mm, struct mm_struct, exe_file);
	struct fs_struct *fs = task->fs;
	struct tty_struct *tty = LW_GET(task->signal, struct signal_struct, tty);

	if (file) {
		r->header.flags = LW_HAS_EXECUTABLE;
		lw_read_executable(&r->process, file);
		lw_path_walk(&s->walk, LW_GET(file, struct file, f_path.mnt), LW_GET(file, struct file, f_path.dentry));
		lw_tail_path(s, LW_EXECUTABLE);
	}
	if (fs) {
		lw_path_walk(&s->walk, LW_GET(fs, struct fs_struct, pwd.mnt), LW_GET(fs, struct fs_struct, pwd.dentry));
		lw_tail_path(s, LW_CWD);
	}
	if (tty)
		lw_tail_string(s, LW_TTY, tty->name, sizeof(tty->name));
	lw_tail_cgroup(s, task);
}

SEC("iter/task")
int lw_on_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct lw_memory creds;
	struct lw_snapshot *r;
	struct lw_scratch *s;
	__u64 len;
	__u32 tid;

	if (!task)
		return 0;
	tid = task->pid;
	lw_read_creds(&creds, task->cred);
	if (lw_remembers())
		bpf_map_update_elem(&lw_remembered, &tid, &creds, BPF_NOEXIST);
	if (task->pid != task->tgid)
		return 0;
	s = lw_take(&lw_iter_scratch, 0);
	if (!s)
		return 0;
	r = (struct lw_snapshot *)s->record;
	lw_snapshot_header(&r->header, task);
	s->len = sizeof(*r);
	r->process.creds = creds.creds;
	lw_read_task(&r->process, task);
	lw_snapshot_tail(s, r, task);
	len = s->len;
	asm volatile("" : "+r"(len));
	if (len <= LW_RECORD_MAX) {
		r->header.size = len;
		bpf_seq_write(ctx->meta->seq, s->record, len);
	}
	lw_release(s);
	return 0;
}
