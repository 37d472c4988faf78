// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names: lookup, creation, links, removal, symbolic links. Renaming: rename.c.
 *
 * The VFS holds i_rwsem of the directories (and of what is removed) for all of
 * these; each change is one journal handle, inside it: i_rwsem > jbd2 handle,
 * see dax.c.
 */
#include <linux/slab.h>

#include "refdax.h"

static struct dentry *refdax_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = NULL;
	u64 ino;
	int err;

	if (refdax_is_shut_down(dir->i_sb))
		return ERR_PTR(-EIO);
	err = refdax_dir_find(dir, &dentry->d_name, &ino);
	if (err && err != -ENOENT)
		return ERR_PTR(err);
	if (!err) {
		inode = refdax_iget(dir->i_sb, ino, REFDAX_IGET_NAME);
		if (inode == ERR_PTR(-ESTALE))
			return ERR_PTR(refdax_damage(dir->i_sb, "directory %llu leads to inode %llu, which is free",
						     (u64)dir->i_ino, ino));
		/* A directory has one name. Two dentries for it would break the VFS's tree. */
		if (!IS_ERR(inode) && S_ISDIR(inode->i_mode) &&
		    (REFDAX_I(inode)->i_parent != dir->i_ino || inode == dir)) {
			err = refdax_damage(dir->i_sb, "directory %llu is not the parent of directory %llu",
					    (u64)dir->i_ino, (u64)inode->i_ino);
			iput(inode);
			return ERR_PTR(err);
		}
	}
	return d_splice_alias(inode, dentry);
}

static void refdax_sync_dirs(struct inode *a, struct inode *b, struct jbd2_journal_handle *handle,
			     u32 *tid)
{
	if (IS_DIRSYNC(a) || (b && IS_DIRSYNC(b)))
		*tid = refdax_journal_tid(handle);
}

int refdax_name_stop(struct inode *dir, struct inode *dir2,
			    struct jbd2_journal_handle *handle, int err)
{
	u32 tid = 0;
	int err2;

	refdax_sync_dirs(dir, dir2, handle, &tid);
	err2 = refdax_journal_stop(dir, handle);
	if (!err)
		err = err2;
	if (!err && tid)
		err = refdax_journal_commit(dir->i_sb, tid);
	return err;
}

void refdax_drop_new_inode(struct jbd2_journal_handle *handle, struct inode *inode)
{
	clear_nlink(inode);
	refdax_orphan_add(handle, inode);
	unlock_new_inode(inode);
}

#define REFDAX_CREATE_CREDITS	(REFDAX_DIR_ADD_CREDITS + REFDAX_NEW_INODE_CREDITS + \
				 REFDAX_ORPHAN_CREDITS + REFDAX_INSERT_CREDITS + 2 + \
				 REFDAX_XATTR_CREDITS)

/*
 * Everything that makes a new inode with a name. @target: of a symlink.
 * Frees blocks of a transaction that has not committed if that is what lacks.
 */
static int refdax_create_inode(struct refdax_idmap *idmap, struct inode *dir,
			       struct dentry *dentry, umode_t mode, dev_t rdev,
			       int (*fill)(struct jbd2_journal_handle *, struct inode *,
					   const char *), const char *target)
{
	struct jbd2_journal_handle *handle;
	struct inode *inode;
	int err, retries = 0;

	if (dentry->d_name.len > REFDAX_NAME_MAX)
		return -ENAMETOOLONG;
retry:
	handle = refdax_journal_start(dir, REFDAX_CREATE_CREDITS, REFDAX_UNMAP_REVOKES);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode = refdax_new_inode(handle, idmap, dir, mode, rdev);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		inode = NULL;
		goto out;
	}
	err = refdax_init_xattrs(handle, inode, dir, &dentry->d_name);
	if (!err)
		err = fill ? fill(handle, inode, target) : refdax_inode_update_data(handle, inode);
	if (!err)
		err = refdax_dir_add(handle, dir, &dentry->d_name, inode);
	if (err) {
		refdax_drop_new_inode(handle, inode);
		goto out;
	}
	refdax_set_inode_operations(inode);
	if (S_ISDIR(mode)) {
		inc_nlink(dir);
		err = refdax_inode_update_data(handle, dir);
	}
	d_instantiate_new(dentry, inode);
	return refdax_name_stop(dir, NULL, handle, err);

out:
	refdax_journal_stop(dir, handle);
	iput(inode);
	if (refdax_may_retry(dir->i_sb, err, &retries))
		goto retry;
	return err;
}

static int refdax_create(struct refdax_idmap *idmap, struct inode *dir, struct dentry *dentry,
			 umode_t mode, bool excl)
{
	return refdax_create_inode(idmap, dir, dentry, mode, 0, NULL, NULL);
}

static int refdax_mknod(struct refdax_idmap *idmap, struct inode *dir, struct dentry *dentry,
			umode_t mode, dev_t rdev)
{
	return refdax_create_inode(idmap, dir, dentry, mode, rdev, NULL, NULL);
}

static refdax_mkdir_t refdax_mkdir(struct refdax_idmap *idmap, struct inode *dir,
				   struct dentry *dentry, umode_t mode)
{
	int err = -EMLINK;

	if (dir->i_nlink < REFDAX_LINK_MAX)
		err = refdax_create_inode(idmap, dir, dentry, S_IFDIR | mode, 0, NULL, NULL);
	return refdax_mkdir_return(err);
}

static int refdax_fill_symlink(struct jbd2_journal_handle *handle, struct inode *inode,
			       const char *target)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	size_t len = strlen(target);
	struct buffer_head *bh;
	int err;

	i_size_write(inode, len);
	if (len <= REFDAX_SYMLINK_INLINE) {
		memcpy(ri->i_root, target, len + 1);
		ri->i_flags |= REFDAX_FL_INLINE;
		inode->i_link = ri->i_root;
		return refdax_inode_update_data(handle, inode);
	}
	inode->i_link = kstrdup(target, GFP_NOFS);
	if (!inode->i_link)
		return -ENOMEM;
	bh = refdax_map_insert(handle, inode, 0, REFDAX_MAGIC_SYMLINK);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	memcpy(((struct refdax_symlink_block *)bh->b_data)->l_target, target, len + 1);
	err = refdax_journal_dirty(handle, inode->i_sb, bh);
	brelse(bh);
	return err;
}

static int refdax_symlink(struct refdax_idmap *idmap, struct inode *dir, struct dentry *dentry,
			  const char *target)
{
	size_t len = strlen(target);

	if (len > REFDAX_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return refdax_create_inode(idmap, dir, dentry, S_IFLNK | 0777, 0, refdax_fill_symlink,
				   target);
}

int refdax_symlink_load(struct inode *inode)
{
	struct refdax_symlink_block *block;
	struct super_block *sb = inode->i_sb;
	struct refdax_map map;
	struct buffer_head *bh;
	bool fresh;
	int err;

	err = refdax_map_blocks(inode, 0, 1, &map);
	if (err)
		return err;
	if (map.m_state != REFDAX_MAPPED)
		return refdax_damage(sb, "symlink %llu has no block", (u64)inode->i_ino);
	bh = refdax_read_block(sb, map.m_physical, REFDAX_MAGIC_SYMLINK, inode->i_ino,
			       inode->i_generation, &fresh);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	block = (struct refdax_symlink_block *)bh->b_data;
	if (strnlen(block->l_target, sizeof(block->l_target)) != inode->i_size) {
		err = refdax_damage(sb, "symlink %llu has a length that is not its target's",
				    (u64)inode->i_ino);
	} else {
		refdax_set_verified(bh);
		inode->i_link = kstrdup(block->l_target, GFP_KERNEL);
		if (!inode->i_link)
			err = -ENOMEM;
	}
	brelse(bh);
	return err;
}

static int refdax_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old);
	struct jbd2_journal_handle *handle;
	int err, retries = 0;

	if (inode->i_nlink >= REFDAX_LINK_MAX)
		return -EMLINK;
	if (dentry->d_name.len > REFDAX_NAME_MAX)
		return -ENAMETOOLONG;
retry:
	handle = refdax_journal_start(dir, REFDAX_DIR_ADD_CREDITS + REFDAX_ORPHAN_CREDITS,
				      REFDAX_UNMAP_REVOKES);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_dir_add(handle, dir, &dentry->d_name, inode);
	if (err) {
		refdax_journal_stop(dir, handle);
		if (refdax_may_retry(dir->i_sb, err, &retries))
			goto retry;
		return err;
	}
	inode_set_ctime_current(inode);
	/* An O_TMPFILE that gets its first name is no orphan any more. */
	if (!inode->i_nlink)
		err = refdax_orphan_del(handle, inode);
	inc_nlink(inode);
	ihold(inode);
	if (!err)
		err = refdax_inode_update_data(handle, inode);
	d_instantiate(dentry, inode);
	return refdax_name_stop(dir, NULL, handle, err);
}

int refdax_drop_link(struct jbd2_journal_handle *handle, struct inode *inode)
{
	inode_set_ctime_current(inode);
	if (S_ISDIR(inode->i_mode))
		clear_nlink(inode);
	else
		drop_nlink(inode);
	if (!inode->i_nlink) {
		int err = refdax_orphan_add(handle, inode);

		if (err)
			return err;
	}
	/* Also when it was an orphan before, of which refdax_orphan_add() writes nothing. */
	return refdax_inode_update_data(handle, inode);
}

#define REFDAX_REMOVE_CREDITS	(REFDAX_DIR_DEL_CREDITS + REFDAX_ORPHAN_CREDITS + \
				 2 * REFDAX_INODE_CREDITS)

static int refdax_remove(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	struct jbd2_journal_handle *handle;
	int err;

	handle = refdax_journal_start(dir, REFDAX_REMOVE_CREDITS, 2 * REFDAX_UNMAP_REVOKES);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_dir_delete(handle, dir, &dentry->d_name);
	if (err)
		goto out;
	if (S_ISDIR(inode->i_mode)) {
		drop_nlink(dir);
		err = refdax_inode_update_data(handle, dir);
	}
	if (!err)
		err = refdax_drop_link(handle, inode);
out:
	return refdax_name_stop(dir, NULL, handle, err);
}

int refdax_check_link(struct inode *inode)
{
	return inode->i_nlink ? 0 : refdax_damage(inode->i_sb, "inode %llu has more names than links",
						  (u64)inode->i_ino);
}

int refdax_check_subdir_link(struct inode *dir)
{
	return dir->i_nlink > 2 ? 0 : refdax_damage(dir->i_sb, "directory %llu has more subdirectories than links",
						    (u64)dir->i_ino);
}

static int refdax_unlink(struct inode *dir, struct dentry *dentry)
{
	return refdax_check_link(d_inode(dentry)) ?: refdax_remove(dir, dentry);
}

static int refdax_rmdir(struct inode *dir, struct dentry *dentry)
{
	int empty = refdax_dir_is_empty(d_inode(dentry));

	if (empty < 0)
		return empty;
	if (!empty)
		return -ENOTEMPTY;
	return refdax_check_subdir_link(dir) ?: refdax_remove(dir, dentry);
}

/*
 * O_TMPFILE: a file without a name, an orphan until refdax_link() gives it one.
 */
static int refdax_tmpfile(struct refdax_idmap *idmap, struct inode *dir, struct file *file,
			  umode_t mode)
{
	struct jbd2_journal_handle *handle;
	struct inode *inode;
	int err, err2, retries = 0;

retry:
	handle = refdax_journal_start(dir, REFDAX_CREATE_CREDITS, REFDAX_XATTR_REVOKES);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode = refdax_new_inode(handle, idmap, dir, mode, 0);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		inode = NULL;
		goto out;
	}
	err = refdax_init_xattrs(handle, inode, dir, NULL);
	if (err) {
		refdax_drop_new_inode(handle, inode);
		goto out;
	}
	refdax_set_inode_operations(inode);
	/* Takes the one link, and dirties the inode: in this handle. */
	d_tmpfile(file, inode);
	err = refdax_orphan_add(handle, inode);
	unlock_new_inode(inode);
	err2 = refdax_journal_stop(dir, handle);
	return finish_open_simple(file, err ?: err2);

out:
	refdax_journal_stop(dir, handle);
	iput(inode);
	if (refdax_may_retry(dir->i_sb, err, &retries))
		goto retry;
	return finish_open_simple(file, err);
}

const struct inode_operations refdax_dir_inode_operations = {
	.lookup		= refdax_lookup,
	.create		= refdax_create,
	.link		= refdax_link,
	.unlink		= refdax_unlink,
	.symlink	= refdax_symlink,
	.mkdir		= refdax_mkdir,
	.rmdir		= refdax_rmdir,
	.mknod		= refdax_mknod,
	.rename		= refdax_rename,
	.tmpfile	= refdax_tmpfile,
	.setattr	= refdax_setattr,
	.getattr	= refdax_getattr,
	.listxattr	= refdax_listxattr,
	REFDAX_ACL_OPERATIONS,
	.fileattr_get	= refdax_fileattr_get,
	.fileattr_set	= refdax_fileattr_set,
};

const struct inode_operations refdax_symlink_inode_operations = {
	.get_link	= simple_get_link,
	.setattr	= refdax_setattr,
	.getattr	= refdax_getattr,
	.listxattr	= refdax_listxattr,
};

const struct inode_operations refdax_special_inode_operations = {
	.setattr	= refdax_setattr,
	.getattr	= refdax_getattr,
	.listxattr	= refdax_listxattr,
	REFDAX_ACL_OPERATIONS,
};
