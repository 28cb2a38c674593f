/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which object: the key that only the kernel makes (stat's device number is another encoding, on btrfs another device altogether). */
#ifndef LW_KEY_H
#define LW_KEY_H

#include "lw.h"
#include "kernel_fs.h"

static __always_inline void lw_key_of(struct lw_key *key, const struct inode *inode)
{
	struct super_block *sb = LW_GET(inode, struct inode, i_sb);

	key->device = LW_GET(sb, struct super_block, s_dev);
	key->generation = LW_GET(inode, struct inode, i_generation);
	key->inode = LW_GET(inode, struct inode, i_ino);
	key->layer = 0;
}

static __always_inline int lw_key_same(const struct lw_key *a, const struct lw_key *b)
{
	return a->inode == b->inode && a->device == b->device && a->generation == b->generation && a->layer == b->layer;
}

#endif
