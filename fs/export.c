// SPDX-License-Identifier: GPL-2.0-only
/*
 * File handles, for NFS and open_by_handle_at(2). A handle is data from outside:
 * whatever it says that is not so is ESTALE, never damage.
 */
#include <linux/exportfs.h>

#include "refdax.h"

/* Of 32-bit words: inode number (two), generation; then the same of the parent. */
#define REFDAX_HANDLE_WORDS	3
/* Newer kernels name them in linux/exportfs.h: FILEID_INO64_GEN, FILEID_INO64_GEN_PARENT. */
#define REFDAX_HANDLE_INODE	0x81
#define REFDAX_HANDLE_PARENT	0x82

static void refdax_encode_inode(u32 *words, struct inode *inode)
{
	u64 ino = inode->i_ino;

	words[0] = ino;
	words[1] = ino >> 32;
	words[2] = inode->i_generation;
}

static int refdax_encode_fh(struct inode *inode, u32 *words, int *max, struct inode *parent)
{
	int need = parent ? 2 * REFDAX_HANDLE_WORDS : REFDAX_HANDLE_WORDS;

	if (*max < need) {
		*max = need;
		return FILEID_INVALID;
	}
	*max = need;
	refdax_encode_inode(words, inode);
	if (!parent)
		return REFDAX_HANDLE_INODE;
	refdax_encode_inode(words + REFDAX_HANDLE_WORDS, parent);
	return REFDAX_HANDLE_PARENT;
}

static struct dentry *refdax_decode_inode(struct super_block *sb, const u32 *words)
{
	u64 ino = words[0] | (u64)words[1] << 32;
	struct inode *inode;

	if (refdax_is_shut_down(sb))
		return ERR_PTR(-EIO);
	if (!refdax_ino_valid(sb, ino))
		return ERR_PTR(-ESTALE);
	inode = refdax_iget(sb, ino, REFDAX_IGET_HANDLE);
	if (IS_ERR(inode))
		return ERR_CAST(inode);
	if (inode->i_generation != words[2]) {
		iput(inode);
		return ERR_PTR(-ESTALE);
	}
	return d_obtain_alias(inode);
}

static struct dentry *refdax_fh_to_dentry(struct super_block *sb, struct fid *fid, int words,
					  int type)
{
	if ((type != REFDAX_HANDLE_INODE && type != REFDAX_HANDLE_PARENT) ||
	    words < REFDAX_HANDLE_WORDS)
		return NULL;
	return refdax_decode_inode(sb, fid->raw);
}

static struct dentry *refdax_fh_to_parent(struct super_block *sb, struct fid *fid, int words,
					  int type)
{
	if (type != REFDAX_HANDLE_PARENT || words < 2 * REFDAX_HANDLE_WORDS)
		return NULL;
	return refdax_decode_inode(sb, fid->raw + REFDAX_HANDLE_WORDS);
}

static struct dentry *refdax_get_parent(struct dentry *child)
{
	struct inode *dir = d_inode(child);

	/* A directory that was removed, and is still open. */
	if (!dir->i_nlink)
		return ERR_PTR(-ENOENT);
	return d_obtain_alias(refdax_iget(dir->i_sb, REFDAX_I(dir)->i_parent, REFDAX_IGET_NAME));
}

const struct export_operations refdax_export_operations = {
	.encode_fh	= refdax_encode_fh,
	.fh_to_dentry	= refdax_fh_to_dentry,
	.fh_to_parent	= refdax_fh_to_parent,
	.get_parent	= refdax_get_parent,
};
