// SPDX-License-Identifier: GPL-2.0-only
/*
 * rename(2) in all its forms. The VFS holds i_rwsem of the directories, of a
 * victim, and s_vfs_rename_mutex if a directory moves; the change is one journal
 * handle inside them: i_rwsem > jbd2 handle, see dax.c.
 */
#include "refdax.h"

/* A whiteout joins the orphan list if it does not get its name. */
#define REFDAX_RENAME_CREDITS	(REFDAX_DIR_ADD_CREDITS + REFDAX_DIR_DEL_CREDITS + \
				 2 * REFDAX_ORPHAN_CREDITS + 4 * REFDAX_INODE_CREDITS + \
				 REFDAX_NEW_INODE_CREDITS + REFDAX_XATTR_CREDITS)

/* A directory came to @dir, or left it: its ".." is a link. */
static void refdax_count_subdir(struct inode *dir, struct inode *came, struct inode *left)
{
	if (S_ISDIR(came->i_mode) && !S_ISDIR(left->i_mode))
		inc_nlink(dir);
	else if (S_ISDIR(left->i_mode) && !S_ISDIR(came->i_mode))
		drop_nlink(dir);
}

/* RENAME_EXCHANGE: two names change places. No name is added, so nothing can lack space. */
static int refdax_exchange(struct inode *old_dir, struct dentry *old_dentry,
			   struct inode *new_dir, struct dentry *new_dentry)
{
	struct inode *old = d_inode(old_dentry), *new = d_inode(new_dentry);
	struct jbd2_journal_handle *handle;
	int err = 0;

	if (S_ISDIR(old->i_mode))
		err = refdax_check_subdir_link(old_dir);
	if (!err && S_ISDIR(new->i_mode))
		err = refdax_check_subdir_link(new_dir);
	if (err)
		return err;
	if (old_dir != new_dir &&
	    ((S_ISDIR(old->i_mode) && new_dir->i_nlink >= REFDAX_LINK_MAX) ||
	     (S_ISDIR(new->i_mode) && old_dir->i_nlink >= REFDAX_LINK_MAX)))
		return -EMLINK;
	handle = refdax_journal_start(old_dir, REFDAX_RENAME_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_dir_replace(handle, new_dir, &new_dentry->d_name, old);
	if (!err)
		err = refdax_dir_replace(handle, old_dir, &old_dentry->d_name, new);
	if (err)
		goto out_abort;
	inode_set_ctime_current(old);
	inode_set_ctime_current(new);
	if (old_dir != new_dir) {
		if (S_ISDIR(old->i_mode))
			REFDAX_I(old)->i_parent = new_dir->i_ino;
		if (S_ISDIR(new->i_mode))
			REFDAX_I(new)->i_parent = old_dir->i_ino;
		refdax_count_subdir(new_dir, old, new);
		refdax_count_subdir(old_dir, new, old);
		err = refdax_inode_update_data(handle, old_dir);
		if (!err)
			err = refdax_inode_update_data(handle, new_dir);
	}
	if (!err)
		err = refdax_inode_update_data(handle, old);
	if (!err)
		err = refdax_inode_update_data(handle, new);
	if (!err)
		goto out;
out_abort:
	/* Half an exchange must not become durable. */
	refdax_journal_abort(old_dir->i_sb, err);
out:
	return refdax_name_stop(old_dir, new_dir, handle, err);
}

/*
 * RENAME_WHITEOUT: what is left under the old name, for overlayfs. Locked (I_NEW).
 * If it could not be made whole, *@err says so, and the caller drops it.
 */
static struct inode *refdax_new_whiteout(struct jbd2_journal_handle *handle,
					 struct refdax_idmap *idmap, struct inode *dir,
					 struct dentry *dentry, int *err)
{
	struct inode *inode;

	inode = refdax_new_inode(handle, idmap, dir, S_IFCHR | WHITEOUT_MODE, WHITEOUT_DEV);
	if (IS_ERR(inode)) {
		*err = PTR_ERR(inode);
		return NULL;
	}
	*err = refdax_init_xattrs(handle, inode, dir, &dentry->d_name);
	refdax_set_inode_operations(inode);
	if (!*err)
		*err = refdax_inode_update_data(handle, inode);
	return inode;
}

/*
 * The names change; then the old one is gone, or the whiteout's. After a
 * failure that returns true in *@half the handle must not become durable.
 */
static int refdax_rename_names(struct jbd2_journal_handle *handle, struct inode *old_dir,
			       struct dentry *old_dentry, struct inode *new_dir,
			       struct dentry *new_dentry, struct inode *whiteout, bool *half)
{
	struct inode *inode = d_inode(old_dentry), *victim = d_inode(new_dentry);
	int err;

	/* The step that can run out of space comes first. */
	if (victim)
		err = refdax_dir_replace(handle, new_dir, &new_dentry->d_name, inode);
	else
		err = refdax_dir_add(handle, new_dir, &new_dentry->d_name, inode);
	if (err)
		return err;
	*half = true;
	if (whiteout)
		err = refdax_dir_replace(handle, old_dir, &old_dentry->d_name, whiteout);
	else
		err = refdax_dir_delete(handle, old_dir, &old_dentry->d_name);
	if (!err && victim)
		err = refdax_drop_link(handle, victim);
	return err;
}

/* The names have changed: now the inodes that they lead from and to. */
static int refdax_rename_inodes(struct jbd2_journal_handle *handle, struct inode *old_dir,
				struct inode *new_dir, struct inode *inode, bool victim)
{
	int err = 0;

	inode_set_ctime_current(inode);
	if (S_ISDIR(inode->i_mode)) {
		/* "..": the old parent loses it, the new one gets it, a victim's goes. */
		drop_nlink(old_dir);
		if (!victim)
			inc_nlink(new_dir);
		REFDAX_I(inode)->i_parent = new_dir->i_ino;
		err = refdax_inode_update_data(handle, old_dir);
		if (!err && new_dir != old_dir)
			err = refdax_inode_update_data(handle, new_dir);
	}
	return err ?: refdax_inode_update_data(handle, inode);
}

/* What the VFS does not know. */
static int refdax_rename_allowed(struct inode *old_dir, struct inode *inode,
				 struct inode *new_dir, struct dentry *new_dentry)
{
	struct inode *victim = d_inode(new_dentry);
	int empty, err = 0;

	if (new_dentry->d_name.len > REFDAX_NAME_MAX)
		return -ENAMETOOLONG;
	if (victim)
		err = refdax_check_link(victim);
	if (!err && S_ISDIR(inode->i_mode))
		err = refdax_check_subdir_link(old_dir);
	if (err || !S_ISDIR(inode->i_mode))
		return err;
	if (victim) {
		empty = refdax_dir_is_empty(victim);
		return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
	}
	return new_dir != old_dir && new_dir->i_nlink >= REFDAX_LINK_MAX ? -EMLINK : 0;
}

int refdax_rename(struct refdax_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
		  struct inode *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct inode *inode = d_inode(old_dentry), *whiteout;
	struct jbd2_journal_handle *handle;
	int err, retries = 0;
	bool half;

	/* The VFS has looked after RENAME_NOREPLACE. */
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if (flags & RENAME_EXCHANGE)
		return refdax_exchange(old_dir, old_dentry, new_dir, new_dentry);
	err = refdax_rename_allowed(old_dir, inode, new_dir, new_dentry);
	if (err)
		return err;

	do {
		err = 0;
		whiteout = NULL;
		half = false;
		handle = refdax_journal_start(old_dir, REFDAX_RENAME_CREDITS,
					      2 * REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		if (flags & RENAME_WHITEOUT)
			whiteout = refdax_new_whiteout(handle, idmap, old_dir, old_dentry, &err);
		if (!err)
			err = refdax_rename_names(handle, old_dir, old_dentry, new_dir, new_dentry,
						  whiteout, &half);
		if (!err)
			err = refdax_rename_inodes(handle, old_dir, new_dir, inode,
						   d_inode(new_dentry));
		if (err && half)
			refdax_journal_abort(old_dir->i_sb, err);
		if (whiteout && err)
			refdax_drop_new_inode(handle, whiteout);
		else if (whiteout)
			unlock_new_inode(whiteout);
		err = refdax_name_stop(old_dir, new_dir, handle, err);
		/* Evicting one that was dropped starts handles of its own. */
		iput(whiteout);
	} while (!half && refdax_may_retry(old_dir->i_sb, err, &retries));
	return err;
}
