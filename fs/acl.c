// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX access control lists. On disk they are what getxattr(2) shows of them
 * (see refdax_fs.h), so the VFS converts them; it caches them in the inode too.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/slab.h>

#include "refdax.h"

static unsigned int refdax_acl_xattr_type(int type)
{
	return type == ACL_TYPE_ACCESS ? REFDAX_XATTR_ACL_ACCESS : REFDAX_XATTR_ACL_DEFAULT;
}

struct posix_acl *refdax_get_acl(struct inode *inode, int type, bool rcu)
{
	unsigned int xattr = refdax_acl_xattr_type(type);
	struct posix_acl *acl;
	void *value;
	int size;

	/* Reading a block may sleep. */
	if (rcu)
		return ERR_PTR(-ECHILD);
	/* The greatest that there can be: its size may change between two calls. */
	value = kmalloc(REFDAX_XATTR_BLOCK_BYTES, GFP_NOFS);
	if (!value)
		return ERR_PTR(-ENOMEM);
	size = refdax_xattr_get(inode, xattr, "", value, REFDAX_XATTR_BLOCK_BYTES);
	if (size == -ENODATA)
		acl = NULL;
	else if (size < 0)
		acl = ERR_PTR(size);
	else
		acl = posix_acl_from_xattr(&init_user_ns, value, size);
	kfree(value);
	/* The VFS trusts a list that a filesystem hands it. */
	if (acl == ERR_PTR(-EINVAL) || acl == ERR_PTR(-EOPNOTSUPP) ||
	    (!IS_ERR_OR_NULL(acl) && posix_acl_valid(&init_user_ns, acl))) {
		if (!IS_ERR(acl))
			posix_acl_release(acl);
		acl = ERR_PTR(refdax_damage(inode->i_sb, "inode %llu has an invalid access control list",
					    (u64)inode->i_ino));
	}
	return acl;
}

/* Inside a handle with REFDAX_XATTR_CREDITS. @acl NULL: remove it. */
static int refdax_store_acl(struct jbd2_journal_handle *handle, struct inode *inode, int type,
			    struct posix_acl *acl)
{
	unsigned int xattr = refdax_acl_xattr_type(type);
	void *value = NULL;
	size_t size = 0;
	int err;

	if (acl) {
		value = refdax_acl_to_xattr(acl, &size);
		if (IS_ERR(value))
			return PTR_ERR(value);
	}
	err = refdax_xattr_set_in(handle, inode, xattr, "", value, size, 0);
	kfree(value);
	if (!acl && err == -ENODATA)
		err = 0;
	if (!err)
		set_cached_acl(inode, type, acl);
	return err;
}

/* The VFS has i_rwsem, and has checked the list and permissions. */
int refdax_set_acl(struct refdax_idmap *idmap, refdax_acl_subject_t *subject,
		   struct posix_acl *acl, int type)
{
	struct inode *inode = refdax_acl_inode(subject);
	umode_t mode = inode->i_mode, old_mode = mode;
	struct jbd2_journal_handle *handle;
	int err, err2, retries = 0;

	if (type == ACL_TYPE_DEFAULT && !S_ISDIR(inode->i_mode))
		return acl ? -EACCES : 0;
	/* A list that says no more than the mode is none. */
	if (type == ACL_TYPE_ACCESS && acl) {
		err = posix_acl_update_mode(idmap, inode, &mode, &acl);
		if (err)
			return err;
	}
	do {
		handle = refdax_journal_start(inode, REFDAX_XATTR_CREDITS, REFDAX_XATTR_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		inode->i_mode = mode;
		err = refdax_store_acl(handle, inode, type, acl);
		if (err)
			inode->i_mode = old_mode;
		else
			inode_set_ctime_current(inode);
		err2 = refdax_inode_update(handle, inode);
		if (!err)
			err = err2;
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	} while (refdax_may_retry(inode->i_sb, err, &retries));
	if (!err && IS_SYNC(inode))
		err = refdax_journal_commit(inode->i_sb, REFDAX_I(inode)->i_sync_tid);
	return err;
}

/* Also applies the umask, which the VFS leaves to filesystems with access control lists. */
int refdax_init_acl(struct jbd2_journal_handle *handle, struct inode *inode, struct inode *dir)
{
	struct posix_acl *default_acl, *acl;
	int err;

	err = posix_acl_create(dir, &inode->i_mode, &default_acl, &acl);
	if (err)
		return err;
	if (default_acl) {
		err = refdax_store_acl(handle, inode, ACL_TYPE_DEFAULT, default_acl);
		posix_acl_release(default_acl);
	} else {
		inode->i_default_acl = NULL;
	}
	if (acl) {
		if (!err)
			err = refdax_store_acl(handle, inode, ACL_TYPE_ACCESS, acl);
		posix_acl_release(acl);
	} else {
		inode->i_acl = NULL;
	}
	return err;
}
