/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel's file structures, only the fields that Lapwing reads. CO-RE finds the real offsets at load time, so order and size here mean
 * nothing. Version differences are flavours (`struct x___why`) beside the structure that they differ from.
 */
#ifndef LW_KERNEL_FS_H
#define LW_KERNEL_FS_H

#include "kernel_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
struct inode;
struct dentry;

struct qstr {
	__u32 hash;
	__u32 len;
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
	struct dentry *s_root;
};

struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	__u32 i_generation;
	unsigned int i_nlink;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
	unsigned int f_mode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct hlist_head {
	struct hlist_node *first;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

/* The part of the task that leads to files; the rest of it is in kernel.h. */
struct task_struct___files {
	struct fs_struct *fs;
	struct files_struct *files;
};

#pragma clang attribute pop

enum bpf_link_type {
	BPF_LINK_TYPE_TCX = 11, /* since 6.6 */
};

/*
 * Reads one field, of a pointer that may be anything. From 6.2 on it can be cast to a kernel type and read directly (a fault reads 0), which
 * costs a load; before, it is a helper call. The verifier removes the branch that is not taken.
 *
 * Only from 6.6 on: before "bpf: ensure main program has an extable" (0108a4e9f358 in 6.5, not in 5.10) a fault in a program that has
 * functions can crash the kernel. So whatever may be NULL or gone is read by LW_GET, also where the verifier would allow a plain load.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define LW_DIRECT (bpf_ksym_exists(bpf_rdonly_cast) && bpf_core_enum_value_exists(enum bpf_link_type, BPF_LINK_TYPE_TCX))

#define LW_GET(p, type, field)                                                                                   \
	({                                                                                                       \
		typeof(((type *)0)->field) __value;                                                              \
		const void *__from = (const void *)(p); /* outside, or CO-RE would look for our own structures too */ \
		if (LW_DIRECT)                                                                                   \
			__value = ((type *)bpf_rdonly_cast(__from, bpf_core_type_id_kernel(type)))->field;       \
		else                                                                                             \
			bpf_core_read(&__value, sizeof(__value), &((type *)__from)->field);                      \
		__value;                                                                                         \
	})

#endif
