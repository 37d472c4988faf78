// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl(2) for the filesystem as a whole: the label, and FS_IOC_SHUTDOWN, which
 * test suites use for a power cut without one.
 */
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/uaccess.h>

#include "refdax.h"

static int refdax_shut_down(struct super_block *sb, u32 how)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	int err;

	switch (how) {
	case FS_SHUTDOWN_FLAGS_DEFAULT:
		/* All that is dirty reaches the device, and nothing comes after it. */
		err = refdax_freeze_bdev(sb);
		if (err)
			return err;
		set_bit(REFDAX_SB_SHUT_DOWN, &sbi->s_flags);
		refdax_thaw_bdev(sb);
		break;
	case FS_SHUTDOWN_FLAGS_LOGFLUSH:
		/* Handles that are open end in the last transaction, and no new one starts. */
		set_bit(REFDAX_SB_SHUT_DOWN, &sbi->s_flags);
		refdax_journal_force(sb);
		break;
	case FS_SHUTDOWN_FLAGS_NOLOGFLUSH:
		set_bit(REFDAX_SB_SHUT_DOWN, &sbi->s_flags);
		break;
	default:
		return -EINVAL;
	}
	refdax_journal_shut_down(sb);
	refdax_msg(sb, KERN_ALERT, "shut down by a user: everything is an I/O error until it is unmounted");
	return 0;
}

static int refdax_get_label(struct super_block *sb, char __user *to)
{
	struct refdax_super *super = REFDAX_SB(sb)->s_super;
	char label[FSLABEL_MAX] = { };

	BUILD_BUG_ON(REFDAX_LABEL_MAX >= FSLABEL_MAX);
	lock_buffer(REFDAX_SB(sb)->s_bh);
	memcpy(label, super->s_label, REFDAX_LABEL_MAX);
	unlock_buffer(REFDAX_SB(sb)->s_bh);
	return copy_to_user(to, label, sizeof(label)) ? -EFAULT : 0;
}

static int refdax_change_label(struct inode *inode, const char *label)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	struct jbd2_journal_handle *handle;
	u32 tid;
	int err, err2;

	handle = refdax_journal_start(inode, REFDAX_SUPER_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	tid = refdax_journal_tid(handle);
	err = refdax_journal_write_access(handle, sbi->s_bh);
	if (!err) {
		lock_buffer(sbi->s_bh);
		memcpy(sbi->s_super->s_label, label, REFDAX_LABEL_MAX);
		unlock_buffer(sbi->s_bh);
		err = refdax_journal_dirty(handle, inode->i_sb, sbi->s_bh);
	}
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
	return err ?: refdax_journal_commit(inode->i_sb, tid);
}

static int refdax_set_label(struct file *file, const char __user *from)
{
	struct inode *inode = file_inode(file);
	char label[FSLABEL_MAX];
	size_t len;
	int err;

	if (copy_from_user(label, from, sizeof(label)))
		return -EFAULT;
	len = strnlen(label, sizeof(label));
	if (len > REFDAX_LABEL_MAX)
		return -EINVAL;
	memset(label + len, 0, sizeof(label) - len);
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = refdax_change_label(inode, label);
	/* Who mounts by label after the first block was lost shall find it too. */
	if (!err)
		err = refdax_write_backups(inode->i_sb);
	mnt_drop_write_file(file);
	return err;
}

long refdax_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct super_block *sb = file_inode(file)->i_sb;
	void __user *user = (void __user *)argument;
	u32 how;

	switch (command) {
	case FS_IOC_SHUTDOWN:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		if (get_user(how, (u32 __user *)user))
			return -EFAULT;
		return refdax_is_shut_down(sb) ? 0 : refdax_shut_down(sb, how);
	case FS_IOC_GETFSLABEL:
		return refdax_get_label(sb, user);
	case FS_IOC_SETFSLABEL:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		return refdax_set_label(file, user);
	default:
		return -ENOTTY;
	}
}
