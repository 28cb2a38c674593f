/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a process is. `task` is a pointer that the verifier knows (an argument of a tp_btf hook or of the iterator). */
#ifndef LW_TASK_H
#define LW_TASK_H

#include "common/creds.h"
#include "common/key.h"

static __always_inline void lw_read_task(struct lw_process *p, struct task_struct *task)
{
	struct task_struct *parent = task->real_parent;

	p->parent_pid = parent->tgid;
	p->parent_start = parent->group_leader->start_boottime;
	p->loginuid = -1;
	p->session = -1;
	if (bpf_core_field_exists(task->loginuid))
		p->loginuid = task->loginuid.val;
	if (bpf_core_field_exists(task->sessionid))
		p->session = task->sessionid;
	p->sid = task->signal->pids[PIDTYPE_SID]->numbers[0].nr;
	p->ns_pid = task->nsproxy->pid_ns_for_children->ns.inum;
	p->ns_mnt = task->nsproxy->mnt_ns->ns.inum;
	p->ns_net = task->nsproxy->net_ns->ns.inum;
	p->ns_user = task->cred->user_ns->ns.inum;
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &task->comm);
}

static __always_inline void lw_read_executable(struct lw_process *p, struct file *file)
{
	struct inode *inode = file->f_inode;

	lw_key_of(&p->key, inode);
	p->mode = inode->i_mode;
	p->links = inode->i_nlink;
}

#endif
