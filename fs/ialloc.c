// SPDX-License-Identifier: GPL-2.0-only
/* Inode allocation. Inode n is bit (n - 1) % s_inodes_per_group of its group's bitmap. */
#include <linux/random.h>
#include <linux/slab.h>

#include "refdax.h"

bool refdax_ino_valid(struct super_block *sb, u64 ino)
{
	return (ino == REFDAX_ROOT_INO || ino >= REFDAX_FIRST_INO) &&
	       ino <= REFDAX_SB(sb)->s_max_ino;
}

static u8 *refdax_inode_bits(struct refdax_group *group)
{
	return ((struct refdax_bitmap *)group->g_inode_bh->b_data)->b_bits;
}

static int refdax_take_inode(struct jbd2_journal_handle *handle, struct super_block *sb,
			     u32 number, u64 *ino)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group = &sbi->s_groups[number];
	u32 bit;
	int err;

	if (!READ_ONCE(group->g_free_inodes))
		return -ENOSPC;
	err = refdax_journal_write_access(handle, group->g_inode_bh);
	if (err)
		return err;
	spin_lock(&group->g_lock);
	bit = find_next_zero_bit_le(refdax_inode_bits(group), sbi->s_inodes_per_group,
				    group->g_inode_hint);
	if (bit >= sbi->s_inodes_per_group) {
		spin_unlock(&group->g_lock);
		return -ENOSPC;
	}
	__set_bit_le(bit, refdax_inode_bits(group));
	group->g_inode_hint = bit + 1;
	group->g_free_inodes--;
	spin_unlock(&group->g_lock);
	percpu_counter_dec(&sbi->s_free_inodes);
	*ino = (u64)number * sbi->s_inodes_per_group + bit + 1;
	return refdax_journal_dirty(handle, sb, group->g_inode_bh);
}

static int refdax_give_inode(struct jbd2_journal_handle *handle, struct super_block *sb, u64 ino)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u32 bit = (ino - 1) % sbi->s_inodes_per_group;
	struct refdax_group *group;
	bool was_set;
	int err;

	group = &sbi->s_groups[(ino - 1) / sbi->s_inodes_per_group];
	err = refdax_journal_write_access(handle, group->g_inode_bh);
	if (err)
		return err;
	spin_lock(&group->g_lock);
	was_set = __test_and_clear_bit_le(bit, refdax_inode_bits(group));
	if (was_set) {
		group->g_free_inodes++;
		group->g_inode_hint = min(group->g_inode_hint, bit);
	}
	spin_unlock(&group->g_lock);
	if (!was_set)
		return refdax_damage(sb, "inode %llu is in use, and free in the bitmap", ino);
	percpu_counter_inc(&sbi->s_free_inodes);
	return refdax_journal_dirty(handle, sb, group->g_inode_bh);
}

/*
 * Where to look first: files go near their directory, directories to the next
 * group that has room, so that what is used together lies together.
 */
static u32 refdax_inode_goal(struct inode *dir, umode_t mode)
{
	struct refdax_sb_info *sbi = REFDAX_SB(dir->i_sb);
	u32 parent = (dir->i_ino - 1) / sbi->s_inodes_per_group, i;

	if (!S_ISDIR(mode) || dir->i_ino != REFDAX_ROOT_INO)
		return parent;
	for (i = 0; i < sbi->s_ngroups; i++) {
		struct refdax_group *group = &sbi->s_groups[i];

		if (group->g_free_inodes > sbi->s_inodes_per_group / 4 &&
		    group->g_free > group->g_blocks / 4)
			return i;
	}
	return parent;
}

/*
 * A new inode of @dir, hashed and locked (I_NEW). It has one link, a directory
 * two. Needs REFDAX_NEW_INODE_CREDITS. The caller stores it in the handle, with its
 * name or on the orphan list.
 */
struct inode *refdax_new_inode(struct jbd2_journal_handle *handle, struct refdax_idmap *idmap,
			       struct inode *dir, umode_t mode, dev_t rdev)
{
	struct super_block *sb = dir->i_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_inode_info *ri;
	struct timespec64 now;
	struct inode *inode;
	u32 goal, i;
	u64 ino;
	int err = -ENOSPC;

	inode = new_inode(sb);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	goal = refdax_inode_goal(dir, mode);
	for (i = 0; i < sbi->s_ngroups; i++) {
		err = refdax_take_inode(handle, sb, (goal + i) % sbi->s_ngroups, &ino);
		if (err != -ENOSPC)
			break;
	}
	if (err)
		goto out_bad;

	ri = REFDAX_I(inode);
	inode->i_ino = ino;
	inode_init_owner(idmap, inode, dir, mode);
	set_nlink(inode, S_ISDIR(mode) ? 2 : 1);
	now = inode_set_ctime_current(inode);
	inode_set_mtime_to_ts(inode, now);
	inode_set_atime_to_ts(inode, now);
	ri->i_crtime = now;
	ri->i_fresh = true;
	inode->i_generation = get_random_u32();
	inode->i_rdev = rdev;
	ri->i_parent = S_ISDIR(mode) ? dir->i_ino : 0;
	ri->i_flags = REFDAX_I(dir)->i_flags & (REFDAX_FL_SYNC | REFDAX_FL_NOATIME |
						REFDAX_FL_NODUMP | REFDAX_FL_DIRSYNC |
						REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX);
	if (!S_ISDIR(mode))
		ri->i_flags &= ~REFDAX_FL_DIRSYNC;
	if (!S_ISDIR(mode) && !S_ISREG(mode))
		ri->i_flags &= ~(REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX);
	if (S_ISREG(mode))
		ri->i_data_mode = refdax_mode_wanted(inode, ri->i_flags);
	refdax_init_root(inode);
	refdax_set_vfs_flags(inode);

	/* The bit was free, so no inode of this number may be alive. */
	if (insert_inode_locked(inode) < 0) {
		err = refdax_damage(sb, "inode %llu is in use, and free in the bitmap", ino);
		goto out_bad;
	}
	return inode;

out_bad:
	make_bad_inode(inode);
	iput(inode);
	return ERR_PTR(err);
}

/* The last step of evicting an inode without links. Needs REFDAX_FREE_INODE_CREDITS. */
int refdax_free_inode(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	unsigned int offset;
	struct buffer_head *bh;
	int err;

	err = refdax_orphan_del(handle, inode);
	if (err)
		return err;
	bh = sb_bread(sb, refdax_inode_block(sb, inode->i_ino, &offset));
	if (!bh)
		return -EIO;
	err = refdax_journal_write_access(handle, bh);
	if (!err) {
		memset(bh->b_data + offset, 0, REFDAX_INODE_SIZE);
		err = refdax_journal_dirty_raw(handle, bh);
	}
	brelse(bh);
	return err ?: refdax_give_inode(handle, sb, inode->i_ino);
}
