/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The system calls that matter, and where each has its arguments (1 to 6; 0: it has none such). */
#ifndef LW_CALLS_H
#define LW_CALLS_H

#include "lw.h"

#define LW_CALLS 512
/* Instead of an op of a file: */
#define LW_OPENS 0x80 /* an open, which its flags and its result tell */
#define LW_EXECS 0x100 /* of the process sensor */
#define LW_CREDS 0x200

enum lw_call_form {
	LW_NOFOLLOW = 1, /* the last component is the object itself, never a link to it */
	LW_SWAPPED = 2, /* the object is the second path, the first the target */
	LW_TEXT = 4, /* the target is a mere text */
	LW_HOW = 8, /* flags are a pointer to a struct open_how */
	LW_CREAT = 16, /* no flags: O_WRONLY | O_CREAT | O_TRUNC */
	LW_AT_FLAGS = 32, /* flags are AT_*, and may say that the object is the descriptor's */
	LW_UID16 = 64, /* user ids of 16 bits */
};

struct lw_call {
	__u16 op;
	__u8 form;
	__u8 dir, path;
	__u8 dir2, path2;
	__u8 fd;
	__u8 flags;
	__u8 mode;
	__u8 owner; /* gid follows uid */
	__u8 uids; /* how many user ids it gives, from the first argument on */
	__u8 unused[4];
};

#define OPEN .op = LW_OPENS
#define CREATE .op = LW_OP_CREATE, .form = LW_NOFOLLOW
#define DELETE .op = LW_OP_DELETE, .form = LW_NOFOLLOW
#define RENAME .op = LW_OP_RENAME, .form = LW_NOFOLLOW
#define LINK .op = LW_OP_CREATE, .form = LW_NOFOLLOW | LW_SWAPPED
#define LINKAT .op = LW_OP_CREATE, .form = LW_NOFOLLOW | LW_SWAPPED | LW_AT_FLAGS
#define SYMLINK .op = LW_OP_CREATE, .form = LW_NOFOLLOW | LW_SWAPPED | LW_TEXT
#define PERMISSION .op = LW_OP_PERMISSION
#define WRITE .op = LW_OP_WRITE
#define EXEC .op = LW_EXECS
#define CREDS .op = LW_CREDS
#define CREDS16 .op = LW_CREDS, .form = LW_UID16

#ifdef __TARGET_ARCH_x86
static const struct lw_call lw_calls[LW_CALLS] = {
	[2] = { OPEN, .path = 1, .flags = 2 }, /* open */
	[257] = { OPEN, .dir = 1, .path = 2, .flags = 3 }, /* openat */
	[437] = { OPEN, .form = LW_HOW, .dir = 1, .path = 2, .flags = 3 }, /* openat2 */
	[85] = { OPEN, .form = LW_CREAT, .path = 1 }, /* creat */
	[87] = { DELETE, .path = 1 }, /* unlink */
	[84] = { DELETE, .path = 1 }, /* rmdir */
	[263] = { DELETE, .dir = 1, .path = 2 }, /* unlinkat */
	[82] = { RENAME, .path = 1, .path2 = 2 }, /* rename */
	[264] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4 }, /* renameat */
	[316] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4, .flags = 5 }, /* renameat2 */
	[83] = { CREATE, .path = 1, .mode = 2 }, /* mkdir */
	[258] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mkdirat */
	[133] = { CREATE, .path = 1, .mode = 2 }, /* mknod */
	[259] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mknodat */
	[88] = { SYMLINK, .path = 2, .path2 = 1 }, /* symlink */
	[266] = { SYMLINK, .dir = 2, .path = 3, .path2 = 1 }, /* symlinkat */
	[86] = { LINK, .path = 2, .path2 = 1 }, /* link */
	[265] = { LINKAT, .dir = 3, .path = 4, .dir2 = 1, .path2 = 2, .flags = 5 }, /* linkat */
	[90] = { PERMISSION, .path = 1, .mode = 2 }, /* chmod */
	[268] = { PERMISSION, .dir = 1, .path = 2, .mode = 3 }, /* fchmodat */
	[452] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .mode = 3, .flags = 4 }, /* fchmodat2 */
	[91] = { PERMISSION, .fd = 1, .mode = 2 }, /* fchmod */
	[92] = { PERMISSION, .path = 1, .owner = 2 }, /* chown */
	[94] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1, .owner = 2 }, /* lchown */
	[260] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .owner = 3, .flags = 5 }, /* fchownat */
	[93] = { PERMISSION, .fd = 1, .owner = 2 }, /* fchown */
	[188] = { PERMISSION, .path = 1 }, /* setxattr */
	[189] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lsetxattr */
	[190] = { PERMISSION, .fd = 1 }, /* fsetxattr */
	[197] = { PERMISSION, .path = 1 }, /* removexattr */
	[198] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lremovexattr */
	[199] = { PERMISSION, .fd = 1 }, /* fremovexattr */
	[463] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* setxattrat */
	[466] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* removexattrat */
	[76] = { WRITE, .path = 1 }, /* truncate */
	[77] = { WRITE, .fd = 1 }, /* ftruncate */
	[59] = { EXEC, .path = 1 }, /* execve */
	[322] = { EXEC, .dir = 1, .path = 2 }, /* execveat */
	[105] = { CREDS, .uids = 1 }, /* setuid */
	[113] = { CREDS, .uids = 2 }, /* setreuid */
	[117] = { CREDS, .uids = 3 }, /* setresuid */
	[126] = { CREDS }, /* capset */
};

/* The i386 numbers: int 0x80 and 32-bit programs. */
static const struct lw_call lw_compat_calls[LW_CALLS] = {
	[5] = { OPEN, .path = 1, .flags = 2 },
	[295] = { OPEN, .dir = 1, .path = 2, .flags = 3 },
	[437] = { OPEN, .form = LW_HOW, .dir = 1, .path = 2, .flags = 3 },
	[8] = { OPEN, .form = LW_CREAT, .path = 1 },
	[10] = { DELETE, .path = 1 },
	[40] = { DELETE, .path = 1 },
	[301] = { DELETE, .dir = 1, .path = 2 },
	[38] = { RENAME, .path = 1, .path2 = 2 },
	[302] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4 },
	[353] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4, .flags = 5 },
	[39] = { CREATE, .path = 1, .mode = 2 },
	[296] = { CREATE, .dir = 1, .path = 2, .mode = 3 },
	[14] = { CREATE, .path = 1, .mode = 2 },
	[297] = { CREATE, .dir = 1, .path = 2, .mode = 3 },
	[83] = { SYMLINK, .path = 2, .path2 = 1 },
	[304] = { SYMLINK, .dir = 2, .path = 3, .path2 = 1 },
	[9] = { LINK, .path = 2, .path2 = 1 },
	[303] = { LINKAT, .dir = 3, .path = 4, .dir2 = 1, .path2 = 2, .flags = 5 },
	[15] = { PERMISSION, .path = 1, .mode = 2 },
	[306] = { PERMISSION, .dir = 1, .path = 2, .mode = 3 },
	[452] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .mode = 3, .flags = 4 },
	[94] = { PERMISSION, .fd = 1, .mode = 2 },
	[182] = { PERMISSION, .path = 1, .owner = 2 },
	[212] = { PERMISSION, .path = 1, .owner = 2 },
	[16] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1, .owner = 2 },
	[198] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1, .owner = 2 },
	[298] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .owner = 3, .flags = 5 },
	[95] = { PERMISSION, .fd = 1, .owner = 2 },
	[207] = { PERMISSION, .fd = 1, .owner = 2 },
	[226] = { PERMISSION, .path = 1 },
	[227] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 },
	[228] = { PERMISSION, .fd = 1 },
	[235] = { PERMISSION, .path = 1 },
	[236] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 },
	[237] = { PERMISSION, .fd = 1 },
	[463] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 },
	[466] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 },
	[92] = { WRITE, .path = 1 },
	[93] = { WRITE, .fd = 1 },
	[193] = { WRITE, .path = 1 },
	[194] = { WRITE, .fd = 1 },
	[11] = { EXEC, .path = 1 },
	[358] = { EXEC, .dir = 1, .path = 2 },
	[23] = { CREDS16, .uids = 1 },
	[70] = { CREDS16, .uids = 2 },
	[164] = { CREDS16, .uids = 3 },
	[213] = { CREDS, .uids = 1 },
	[203] = { CREDS, .uids = 2 },
	[208] = { CREDS, .uids = 3 },
	[185] = { CREDS },
};
#else
static const struct lw_call lw_calls[LW_CALLS] = {
	[56] = { OPEN, .dir = 1, .path = 2, .flags = 3 }, /* openat */
	[437] = { OPEN, .form = LW_HOW, .dir = 1, .path = 2, .flags = 3 }, /* openat2 */
	[35] = { DELETE, .dir = 1, .path = 2 }, /* unlinkat */
	[38] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4 }, /* renameat */
	[276] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4, .flags = 5 }, /* renameat2 */
	[34] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mkdirat */
	[33] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mknodat */
	[36] = { SYMLINK, .dir = 2, .path = 3, .path2 = 1 }, /* symlinkat */
	[37] = { LINKAT, .dir = 3, .path = 4, .dir2 = 1, .path2 = 2, .flags = 5 }, /* linkat */
	[53] = { PERMISSION, .dir = 1, .path = 2, .mode = 3 }, /* fchmodat */
	[452] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .mode = 3, .flags = 4 }, /* fchmodat2 */
	[52] = { PERMISSION, .fd = 1, .mode = 2 }, /* fchmod */
	[54] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .owner = 3, .flags = 5 }, /* fchownat */
	[55] = { PERMISSION, .fd = 1, .owner = 2 }, /* fchown */
	[5] = { PERMISSION, .path = 1 }, /* setxattr */
	[6] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lsetxattr */
	[7] = { PERMISSION, .fd = 1 }, /* fsetxattr */
	[14] = { PERMISSION, .path = 1 }, /* removexattr */
	[15] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lremovexattr */
	[16] = { PERMISSION, .fd = 1 }, /* fremovexattr */
	[463] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* setxattrat */
	[466] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* removexattrat */
	[45] = { WRITE, .path = 1 }, /* truncate */
	[46] = { WRITE, .fd = 1 }, /* ftruncate */
	[221] = { EXEC, .path = 1 }, /* execve */
	[281] = { EXEC, .dir = 1, .path = 2 }, /* execveat */
	[146] = { CREDS, .uids = 1 }, /* setuid */
	[145] = { CREDS, .uids = 2 }, /* setreuid */
	[147] = { CREDS, .uids = 3 }, /* setresuid */
	[91] = { CREDS }, /* capset */
};

/* The numbers of 32-bit Arm (EABI). */
static const struct lw_call lw_compat_calls[LW_CALLS] = {
	[5] = { OPEN, .path = 1, .flags = 2 }, /* open */
	[322] = { OPEN, .dir = 1, .path = 2, .flags = 3 }, /* openat */
	[437] = { OPEN, .form = LW_HOW, .dir = 1, .path = 2, .flags = 3 }, /* openat2 */
	[8] = { OPEN, .form = LW_CREAT, .path = 1 }, /* creat */
	[10] = { DELETE, .path = 1 }, /* unlink */
	[40] = { DELETE, .path = 1 }, /* rmdir */
	[328] = { DELETE, .dir = 1, .path = 2 }, /* unlinkat */
	[38] = { RENAME, .path = 1, .path2 = 2 }, /* rename */
	[329] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4 }, /* renameat */
	[382] = { RENAME, .dir = 1, .path = 2, .dir2 = 3, .path2 = 4, .flags = 5 }, /* renameat2 */
	[39] = { CREATE, .path = 1, .mode = 2 }, /* mkdir */
	[323] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mkdirat */
	[14] = { CREATE, .path = 1, .mode = 2 }, /* mknod */
	[324] = { CREATE, .dir = 1, .path = 2, .mode = 3 }, /* mknodat */
	[83] = { SYMLINK, .path = 2, .path2 = 1 }, /* symlink */
	[331] = { SYMLINK, .dir = 2, .path = 3, .path2 = 1 }, /* symlinkat */
	[9] = { LINK, .path = 2, .path2 = 1 }, /* link */
	[330] = { LINKAT, .dir = 3, .path = 4, .dir2 = 1, .path2 = 2, .flags = 5 }, /* linkat */
	[15] = { PERMISSION, .path = 1, .mode = 2 }, /* chmod */
	[333] = { PERMISSION, .dir = 1, .path = 2, .mode = 3 }, /* fchmodat */
	[452] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .mode = 3, .flags = 4 }, /* fchmodat2 */
	[94] = { PERMISSION, .fd = 1, .mode = 2 }, /* fchmod */
	[182] = { PERMISSION, .path = 1, .owner = 2 }, /* chown, 16 bits */
	[212] = { PERMISSION, .path = 1, .owner = 2 }, /* chown32 */
	[16] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1, .owner = 2 }, /* lchown, 16 bits */
	[198] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1, .owner = 2 }, /* lchown32 */
	[325] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .owner = 3, .flags = 5 }, /* fchownat */
	[95] = { PERMISSION, .fd = 1, .owner = 2 }, /* fchown, 16 bits */
	[207] = { PERMISSION, .fd = 1, .owner = 2 }, /* fchown32 */
	[226] = { PERMISSION, .path = 1 }, /* setxattr */
	[227] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lsetxattr */
	[228] = { PERMISSION, .fd = 1 }, /* fsetxattr */
	[235] = { PERMISSION, .path = 1 }, /* removexattr */
	[236] = { PERMISSION, .form = LW_NOFOLLOW, .path = 1 }, /* lremovexattr */
	[237] = { PERMISSION, .fd = 1 }, /* fremovexattr */
	[463] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* setxattrat */
	[466] = { PERMISSION, .form = LW_AT_FLAGS, .dir = 1, .path = 2, .flags = 3 }, /* removexattrat */
	[92] = { WRITE, .path = 1 }, /* truncate */
	[93] = { WRITE, .fd = 1 }, /* ftruncate */
	[193] = { WRITE, .path = 1 }, /* truncate64 */
	[194] = { WRITE, .fd = 1 }, /* ftruncate64 */
	[11] = { EXEC, .path = 1 }, /* execve */
	[387] = { EXEC, .dir = 1, .path = 2 }, /* execveat */
	[23] = { CREDS16, .uids = 1 }, /* setuid */
	[70] = { CREDS16, .uids = 2 }, /* setreuid */
	[164] = { CREDS16, .uids = 3 }, /* setresuid */
	[213] = { CREDS, .uids = 1 }, /* setuid32 */
	[203] = { CREDS, .uids = 2 }, /* setreuid32 */
	[208] = { CREDS, .uids = 3 }, /* setresuid32 */
	[185] = { CREDS }, /* capset */
};
#endif

#undef OPEN
#undef CREATE
#undef DELETE
#undef RENAME
#undef LINK
#undef LINKAT
#undef SYMLINK
#undef PERMISSION
#undef WRITE
#undef EXEC
#undef CREDS
#undef CREDS16

#endif
