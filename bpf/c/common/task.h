/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a process is. `task` is a pointer that the verifier knows (an argument of a tp_btf hook or of the iterator); what hangs from it may
 * be gone when it ends at the same moment.
 */
#ifndef LW_TASK_H
#define LW_TASK_H

#include "common/creds.h"
#include "common/key.h"

static __always_inline void lw_read_task(struct lw_process *p, struct task_struct *task)
{
	struct task_struct *parent = task->real_parent;
	struct signal_struct *signal = task->signal;
	struct nsproxy *spaces = task->nsproxy;
	const struct cred *cred = task->cred;

	p->parent_pid = LW_GET(parent, struct task_struct, tgid);
	p->parent_start = LW_GET(LW_GET(parent, struct task_struct, group_leader), struct task_struct, start_boottime);
	p->loginuid = -1;
	p->session = -1;
	if (bpf_core_field_exists(task->loginuid))
		p->loginuid = task->loginuid.val;
	if (bpf_core_field_exists(task->sessionid))
		p->session = task->sessionid;
	p->sid = LW_GET(LW_GET(signal, struct signal_struct, pids[PIDTYPE_SID]), struct pid, numbers[0].nr);
	p->ns_pid = LW_GET(LW_GET(spaces, struct nsproxy, pid_ns_for_children), struct pid_namespace, ns.inum);
	p->ns_mnt = LW_GET(LW_GET(spaces, struct nsproxy, mnt_ns), struct mnt_namespace, ns.inum);
	p->ns_net = LW_GET(LW_GET(spaces, struct nsproxy, net_ns), struct net, ns.inum);
	p->ns_user = LW_GET(LW_GET(cred, struct cred, user_ns), struct user_namespace, ns.inum);
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), &task->comm);
}

static __always_inline void lw_read_executable(struct lw_process *p, struct file *file)
{
	struct inode *inode = LW_GET(file, struct file, f_inode);

	lw_key_of(&p->key, inode);
	p->mode = LW_GET(inode, struct inode, i_mode);
	p->links = LW_GET(inode, struct inode, i_nlink);
}

#endif
