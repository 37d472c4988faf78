// SPDX-License-Identifier: GPL-2.0-only
/* Inode flags: FS_IOC_GETFLAGS and SETFLAGS, FS_IOC_FSGETXATTR and FSSETXATTR. */
#include <linux/fs.h>
#include <linux/fileattr.h>

#include "refdax.h"

int refdax_fileattr_get(struct dentry *dentry, struct refdax_fileattr *fa)
{
	fileattr_fill_flags(fa, REFDAX_I(d_inode(dentry))->i_flags & REFDAX_FL_USER);
	return 0;
}

/* The VFS has i_rwsem, and has checked permissions. */
int refdax_fileattr_set(struct refdax_idmap *idmap, struct dentry *dentry,
			struct refdax_fileattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct jbd2_journal_handle *handle;
	int err;

	/*
	 * FS_DAX_FL, FS_XFLAG_DAX and FS_JOURNAL_DATA_FL among them: a file
	 * cannot change its mode yet.
	 */
	if (fa->flags & ~REFDAX_FL_USER || fileattr_has_fsx(fa))
		return -EOPNOTSUPP;
	if (fa->flags & REFDAX_FL_DIRSYNC && !S_ISDIR(inode->i_mode))
		return -EOPNOTSUPP;

	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	ri->i_flags = (ri->i_flags & ~REFDAX_FL_USER) | fa->flags;
	refdax_set_vfs_flags(inode);
	inode_set_ctime_current(inode);
	err = refdax_inode_update(handle, inode);
	refdax_journal_stop(inode, handle);
	return err;
}
