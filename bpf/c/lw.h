/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The wire format: what a record in a ring looks like. Rust has these types from the skeleton of base.bpf.c.
 *
 * A record is a header, the fixed part of its kind, then a tail of fields {u16 field, u16 length, bytes}, each padded to four bytes.
 * A field that is not there is missing; LW_PARTIAL in its number says that there was more. Only fixed-width integers, no padding.
 */
#ifndef LW_H
#define LW_H

#include "kernel.h"

enum lw_kind {
	LW_FORK = 1,
	LW_EXEC = 2,
	LW_EXEC_FAILURE = 3,
	LW_CREDENTIALS = 4,
	LW_EXIT = 5,
	LW_SNAPSHOT = 6,
	LW_FILE = 7,
	LW_FLOW = 8,
	LW_SEGMENT = 9,
	LW_TLS = 10,
};

enum lw_sensor {
	LW_PROCESS = 0,
	LW_FILES = 1,
	LW_NETWORK = 2,
	LW_SENSORS = 3,
};

/* Where a record can end. LW_TRIED is not a loss: it counts what the hooks wanted to send, delivered or not. */
enum lw_stage {
	LW_TRIED = 0,
	LW_RING_FULL = 1,
	LW_BUSY = 2,
	LW_READ_FAILED = 3,
	LW_SELF = 4,
	LW_NO_MEMORY = 5,
	LW_KILLED = 6, /* the thread ended within what it did */
	LW_ENDED_LATE = 7, /* no loss: a connection ended, no hook was told, and its end was told later */
	LW_STAGES = 8,
};

/* Fields of the tail. */
enum lw_field {
	LW_EXECUTABLE = 1,
	LW_ARGS = 2, /* NUL after each */
	LW_CWD = 3,
	LW_TTY = 4,
	LW_CGROUP = 5,
	LW_FILENAME = 6, /* as given to exec */
	LW_PATH = 7, /* of the object, as the kernel resolved it */
	LW_TARGET = 8,
	LW_HITS = 9, /* u32 numbers of watches */
	LW_RAW_BASE = 10, /* what a system call gave: see RawPath */
	LW_RAW_GIVEN = 11,
	LW_RAW_ROOT = 12,
	LW_RAW_TARGET_BASE = 13,
	LW_RAW_TARGET_GIVEN = 14,
	LW_RAW_TARGET_ROOT = 15,
	LW_DATA = 16, /* payload */
	LW_PARTIAL = 0x8000,
};

enum lw_abi {
	LW_ABI_NONE = 0,
	LW_ABI_X86_64 = 1,
	LW_ABI_I386 = 2,
	LW_ABI_AARCH64 = 3,
	LW_ABI_ARM = 4,
};

enum lw_flavour {
	LW_FUNCTION = 0,
	LW_SYSCALL = 1,
};

/* Bits of FileOp in exporter/engine/src/event/file.rs. */
enum lw_op {
	LW_OP_CREATE = 1 << 0,
	LW_OP_WRITE = 1 << 1,
	LW_OP_READ = 1 << 2,
	LW_OP_PERMISSION = 1 << 3,
	LW_OP_DELETE = 1 << 4,
	LW_OP_RENAME = 1 << 5,
	LW_OP_EXECUTE = 1 << 6,
};

struct lw_header {
	__u64 time; /* nanoseconds since boot */
	__u64 start; /* of the thread-group leader */
	__u64 seq;
	__u32 size; /* of the whole record */
	__u16 kind;
	__u16 cpu;
	__u32 pid;
	__u32 tid;
	__s32 syscall; /* -1: none */
	__u32 generation;
	__u16 fixed; /* size of header and fixed part: where the tail begins */
	__u8 abi;
	__u8 flavour;
	__u32 flags; /* by kind */
};
_Static_assert(sizeof(struct lw_header) == 56, "lw_header");

struct lw_key {
	__u32 device;
	__u32 generation;
	__u64 inode;
	__u64 layer;
};
_Static_assert(sizeof(struct lw_key) == 24, "lw_key");

struct lw_creds {
	__u32 uid;
	__u32 gid;
	__u32 euid;
	__u32 egid;
	__u32 suid;
	__u32 fsuid;
	__u64 cap_effective;
	__u64 cap_permitted;
};
_Static_assert(sizeof(struct lw_creds) == 40, "lw_creds");

/* Header flags of fork, exec and snapshot. */
enum lw_process_flag {
	LW_HAS_EXECUTABLE = 1 << 0, /* key, mode and links are filled */
	LW_BEFORE_GUESSED = 1 << 1, /* nobody remembered the credentials before */
};

struct lw_process {
	__u64 parent_start;
	__u32 parent_pid;
	__u32 loginuid;
	__u32 session;
	__u32 sid;
	__u32 ns_pid;
	__u32 ns_mnt;
	__u32 ns_net;
	__u32 ns_user;
	struct lw_creds creds;
	struct lw_key key;
	__u32 mode;
	__u32 links;
	__u8 comm[16];
};
_Static_assert(sizeof(struct lw_process) == 128, "lw_process");

struct lw_fork {
	struct lw_header header;
	__u64 child_start;
	__u32 child_pid;
	__u32 reserved;
	struct lw_process process;
};

struct lw_exec {
	struct lw_header header;
	struct lw_process process;
	struct lw_creds before;
};

struct lw_snapshot {
	struct lw_header header;
	struct lw_process process;
};

struct lw_exec_failure {
	struct lw_header header;
	__s32 error; /* positive errno */
	__u32 reserved;
};

struct lw_credentials {
	struct lw_header header;
	struct lw_creds before;
	struct lw_creds after;
	__s32 error; /* positive errno, or 0 */
	__u32 by_call;
};

struct lw_exit {
	struct lw_header header;
	__u32 status; /* as wait(2) has it */
	__u32 reserved;
};

/* Header flags of a file record. */
enum lw_file_flag {
	LW_HAS_KEY = 1 << 0,
	LW_HAS_OWNER = 1 << 1,
	LW_HAS_HITS = 1 << 2, /* judged by the kernel; else by path in userspace */
	LW_HAS_RAW = 1 << 3,
	LW_HAS_RAW_TARGET = 1 << 4,
};

struct lw_file {
	struct lw_header header;
	struct lw_key key;
	__u32 op; /* one of lw_op */
	__s32 error; /* positive errno, or 0 */
	__u32 mode;
	__u32 open_flags;
	__u32 uid;
	__u32 gid;
};

_Static_assert(sizeof(struct lw_fork) == 200, "lw_fork");
_Static_assert(sizeof(struct lw_exec) == 224, "lw_exec");
_Static_assert(sizeof(struct lw_snapshot) == 184, "lw_snapshot");
_Static_assert(sizeof(struct lw_exec_failure) == 64, "lw_exec_failure");
_Static_assert(sizeof(struct lw_credentials) == 144, "lw_credentials");
_Static_assert(sizeof(struct lw_exit) == 64, "lw_exit");
_Static_assert(sizeof(struct lw_file) == 104, "lw_file");

/* What the rules need of the process hooks beyond the process table. */
enum lw_want {
	LW_WANT_CREDENTIALS = 1 << 0,
};

/* What userspace tells the hooks; one entry. */
struct lw_config {
	__u32 generation;
	__u32 self_pid; /* the agent: excluded, and counted as LW_SELF */
	__u32 flags; /* lw_want */
	__u32 calls; /* ops of calls.h that the system-call flavour sees to */
};

#endif
