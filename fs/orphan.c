// SPDX-License-Identifier: GPL-2.0-only
/*
 * The orphan list: inodes whose blocks must be looked after by the next mount
 * if this one ends with a power cut. Those without links are to be deleted;
 * those with links are cut off at their size (a truncate, or a write beyond
 * the end, was under way), after what extents_shift.c began was finished.
 *
 * On disk it is a singly linked list from the superblock; s_orphans mirrors it
 * so that the one before is known. s_orphan_lock is taken inside a handle.
 */
#include "refdax.h"

/* Make @ino the one that follows @previous, or the first if @previous is NULL. */
static int refdax_orphan_link(struct jbd2_journal_handle *handle, struct super_block *sb,
			      struct refdax_inode_info *previous, u64 ino)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	int err;

	if (previous) {
		previous->i_next_orphan = ino;
		return refdax_inode_update(handle, &previous->vfs_inode);
	}
	err = refdax_journal_write_access(handle, sbi->s_bh);
	if (err)
		return err;
	sbi->s_super->s_last_orphan = cpu_to_le64(ino);
	return refdax_journal_dirty(handle, sb, sbi->s_bh);
}

int refdax_orphan_add(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int err = 0;

	mutex_lock(&sbi->s_orphan_lock);
	if (!list_empty(&ri->i_orphan))
		goto out;
	/* One that was forgotten, and came back, is still the first: it must not follow itself. */
	if (le64_to_cpu(sbi->s_super->s_last_orphan) == inode->i_ino) {
		list_add(&ri->i_orphan, &sbi->s_orphans);
		goto out;
	}
	ri->i_next_orphan = le64_to_cpu(sbi->s_super->s_last_orphan);
	err = refdax_inode_update(handle, inode);
	if (!err)
		err = refdax_orphan_link(handle, inode->i_sb, NULL, inode->i_ino);
	if (!err)
		list_add(&ri->i_orphan, &sbi->s_orphans);
out:
	mutex_unlock(&sbi->s_orphan_lock);
	return err;
}

int refdax_orphan_del(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	struct refdax_inode_info *ri = REFDAX_I(inode), *previous = NULL;
	int err = 0;

	mutex_lock(&sbi->s_orphan_lock);
	if (list_empty(&ri->i_orphan))
		goto out;
	if (!list_is_first(&ri->i_orphan, &sbi->s_orphans))
		previous = list_prev_entry(ri, i_orphan);
	list_del_init(&ri->i_orphan);
	err = refdax_orphan_link(handle, inode->i_sb, previous, ri->i_next_orphan);
	ri->i_next_orphan = 0;
	if (!err)
		err = refdax_inode_update(handle, inode);
out:
	mutex_unlock(&sbi->s_orphan_lock);
	return err;
}

int refdax_orphan_done(struct jbd2_journal_handle *handle, struct inode *inode)
{
	return inode->i_nlink ? refdax_orphan_del(handle, inode) : 0;
}

void refdax_orphan_forget(struct inode *inode)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);

	mutex_lock(&sbi->s_orphan_lock);
	list_del_init(&REFDAX_I(inode)->i_orphan);
	mutex_unlock(&sbi->s_orphan_lock);
	/*
	 * From now on s_orphans lacks one that the disk has. When the one behind it goes, it
	 * goes itself from the disk's list, and is an inode without links that nothing leads to.
	 */
	if (!refdax_is_shut_down(inode->i_sb))
		set_bit(REFDAX_SB_DAMAGED, &sbi->s_flags);
}

/*
 * At mount: go through the list. Handling an inode takes it off, so the list
 * gets shorter with each step, or we stop.
 */
int refdax_orphan_cleanup(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u64 ino, deleted = 0, truncated = 0;
	struct refdax_inode_info *ri;
	struct inode *inode;
	int err = 0;

	/* A remount finds the list that this mount keeps itself. */
	if (!list_empty(&sbi->s_orphans))
		return 0;
	while ((ino = le64_to_cpu(sbi->s_super->s_last_orphan))) {
		struct jbd2_journal_handle *handle;

		if (ino == REFDAX_ROOT_INO || !refdax_ino_valid(sb, ino)) {
			err = refdax_damage(sb, "the orphan list leads to inode %llu", ino);
			break;
		}
		inode = refdax_iget(sb, ino, REFDAX_IGET_ORPHAN);
		if (IS_ERR(inode)) {
			err = PTR_ERR(inode);
			if (err == -ESTALE)
				err = refdax_damage(sb, "the orphan list leads to inode %llu, which is free",
						    ino);
			break;
		}
		ri = REFDAX_I(inode);
		mutex_lock(&sbi->s_orphan_lock);
		list_add(&ri->i_orphan, &sbi->s_orphans);
		mutex_unlock(&sbi->s_orphan_lock);
		if (!inode->i_nlink) {
			/* Evicting it deletes it and takes it off the list. */
			iput(inode);
			deleted++;
		} else {
			if (!S_ISREG(inode->i_mode))
				err = refdax_damage(sb, "inode %llu on the orphan list is not a file",
						    ino);
			else if (ri->i_shift_count)
				err = refdax_shift_finish(inode);
			if (!err)
				err = refdax_free_beyond_eof(inode);
			if (!err) {
				handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS, 0);
				err = IS_ERR(handle) ? PTR_ERR(handle) : 0;
				if (!err) {
					err = refdax_orphan_del(handle, inode);
					refdax_journal_stop(inode, handle);
				}
			}
			if (err)
				refdax_orphan_forget(inode);
			iput(inode);
			truncated++;
		}
		if (!err && le64_to_cpu(sbi->s_super->s_last_orphan) == ino)
			err = refdax_damage(sb, "inode %llu cannot be taken off the orphan list", ino);
		if (err)
			break;
	}
	if (deleted || truncated)
		refdax_msg(sb, KERN_INFO, "orphan list: %llu inodes deleted, %llu cut off",
			   deleted, truncated);
	return err;
}
