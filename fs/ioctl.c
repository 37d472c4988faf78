// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inode flags: FS_IOC_GETFLAGS and SETFLAGS, FS_IOC_FSGETXATTR and FSSETXATTR.
 * FS_DAX_FL and FS_XFLAG_DAX are the same flag; FS_JOURNAL_DATA_FL has no
 * FS_XFLAG. Those two may change how a file's data is reached: mode.c does that.
 */
#include <linux/fs.h>
#include <linux/fileattr.h>

#include "refdax.h"
#include "trace.h"

int refdax_fileattr_get(struct dentry *dentry, struct refdax_fileattr *fa)
{
	if (refdax_is_shut_down(dentry->d_sb))
		return -EIO;
	fileattr_fill_flags(fa, REFDAX_I(d_inode(dentry))->i_flags & REFDAX_FL_USER);
	return 0;
}

/* Lock order, see dax.c: i_rwsem > what a flip takes > jbd2 handle. */
static int refdax_set_flags(struct inode *inode, u32 flags)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	int err, err2;

	if (S_ISREG(inode->i_mode) && refdax_mode_wanted(inode, flags) != ri->i_data_mode) {
		err = refdax_mode_flip(inode, flags);
		if (err)
			return err;
	}
	/*
	 * A crash before this is in the journal leaves the old flags, and so the
	 * old mode, with data that is whole and in place: either can go on.
	 */
	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	ri->i_flags = flags;
	refdax_set_vfs_flags(inode);
	inode_set_ctime_current(inode);
	err = refdax_inode_update(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
	if (!err && IS_SYNC(inode))
		err = refdax_journal_commit(inode->i_sb, ri->i_sync_tid);
	return err;
}

/* The VFS has i_rwsem, and has checked permissions, and that FS_XFLAG_DAX fits the type. */
int refdax_fileattr_set(struct refdax_idmap *idmap, struct dentry *dentry,
			struct refdax_fileattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	u32 flags = (ri->i_flags & ~REFDAX_FL_USER) | (fa->flags & REFDAX_FL_USER);
	int err;

	if (fa->flags & ~REFDAX_FL_USER || fileattr_has_fsx(fa))
		return -EOPNOTSUPP;
	if (fa->flags & REFDAX_FL_DIRSYNC && !S_ISDIR(inode->i_mode))
		return -EOPNOTSUPP;
	/* Directories have them for what is created in them. */
	if (fa->flags & (REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX) && !S_ISREG(inode->i_mode) &&
	    !S_ISDIR(inode->i_mode))
		return -EOPNOTSUPP;

	trace_refdax_setflags_enter(inode, ri->i_flags, flags);
	err = refdax_set_flags(inode, flags);
	trace_refdax_setflags_exit(inode, err);
	return err;
}
