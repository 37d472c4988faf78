// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended attributes: two packed lists for each inode, one in its tail and one
 * in a block of its own (see refdax_fs.h). The tail lives in the buffer of the
 * inode's table block alone; nothing of it is copied into struct inode.
 *
 * i_xattr_sem keeps readers and writers of both apart. It is taken inside a
 * handle (lock order: see dax.c), since labels and access control lists are
 * made in the handle that makes their inode.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/xattr.h>

#include "refdax.h"

/* The two lists of an inode, as buffers. */
struct refdax_xattrs {
	struct buffer_head *inode_bh;
	struct buffer_head *block_bh;	/* NULL: no block */
	struct refdax_xattr_list *tail;
	struct refdax_xattr_list *block;	/* NULL: no block */
};

static unsigned int refdax_xattr_size(const struct refdax_xattr_entry *entry)
{
	return sizeof(*entry) + entry->xe_name_len + le16_to_cpu(entry->xe_value_len);
}

static struct refdax_xattr_entry *refdax_xattr_at(struct refdax_xattr_list *list,
						  unsigned int offset)
{
	return (struct refdax_xattr_entry *)(list->xl_data + offset);
}

static bool refdax_xattr_type_is_acl(unsigned int type)
{
	return type == REFDAX_XATTR_ACL_ACCESS || type == REFDAX_XATTR_ACL_DEFAULT;
}

/* Once it has passed, the list can be walked without looking at bounds. */
static bool refdax_xattr_list_valid(struct refdax_xattr_list *list, unsigned int room)
{
	unsigned int used = le16_to_cpu(list->xl_used), offset = 0, count = 0;

	if (used > room)
		return false;
	while (offset < used) {
		struct refdax_xattr_entry *entry = refdax_xattr_at(list, offset);

		if (used - offset < sizeof(*entry) || used - offset < refdax_xattr_size(entry) ||
		    entry->xe_type < REFDAX_XATTR_USER ||
		    entry->xe_type > REFDAX_XATTR_ACL_DEFAULT ||
		    !entry->xe_name_len != refdax_xattr_type_is_acl(entry->xe_type) ||
		    memchr(entry->xe_data, 0, entry->xe_name_len))
			return false;
		offset += refdax_xattr_size(entry);
		count++;
	}
	return count == le16_to_cpu(list->xl_count);
}

static int refdax_xattrs_read_block(struct inode *inode, struct refdax_xattrs *xattrs)
{
	struct super_block *sb = inode->i_sb;
	struct refdax_xattr_list *list;
	struct buffer_head *bh;
	bool fresh;

	bh = refdax_read_block(sb, REFDAX_I(inode)->i_xattr_block, REFDAX_MAGIC_XATTR,
			       inode->i_ino, inode->i_generation, &fresh);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	list = &((struct refdax_xattr_block *)bh->b_data)->xb_list;
	if (fresh) {
		if (!refdax_xattr_list_valid(list, REFDAX_XATTR_BLOCK_BYTES)) {
			brelse(bh);
			return refdax_damage(sb, "inode %llu: its block of extended attributes is invalid",
					     (u64)inode->i_ino);
		}
		refdax_set_verified(bh);
	}
	xattrs->block_bh = bh;
	xattrs->block = list;
	return 0;
}

static void refdax_xattrs_release(struct refdax_xattrs *xattrs)
{
	brelse(xattrs->block_bh);
	brelse(xattrs->inode_bh);
}

/* With i_xattr_sem held. On success the caller calls refdax_xattrs_release(). */
static int refdax_xattrs_read(struct inode *inode, struct refdax_xattrs *xattrs)
{
	struct super_block *sb = inode->i_sb;
	unsigned int offset;
	int err = 0;

	memset(xattrs, 0, sizeof(*xattrs));
	xattrs->inode_bh = sb_bread(sb, refdax_inode_block(sb, inode->i_ino, &offset));
	if (!xattrs->inode_bh)
		return -EIO;
	xattrs->tail = (struct refdax_xattr_list *)((struct refdax_inode *)
			(xattrs->inode_bh->b_data + offset))->i_tail;
	/* The buffer may have left memory since the inode was read: look each time, it is short. */
	if (!refdax_xattr_list_valid(xattrs->tail, REFDAX_XATTR_INODE_BYTES))
		err = refdax_damage(sb, "inode %llu: its extended attributes are invalid",
				    (u64)inode->i_ino);
	else if (REFDAX_I(inode)->i_xattr_block)
		err = refdax_xattrs_read_block(inode, xattrs);
	if (err)
		refdax_xattrs_release(xattrs);
	return err;
}

static struct refdax_xattr_entry *refdax_xattr_find(struct refdax_xattr_list *list,
						    unsigned int type, const char *name)
{
	unsigned int used, offset = 0;
	size_t len = strlen(name);

	if (!list)
		return NULL;
	used = le16_to_cpu(list->xl_used);
	while (offset < used) {
		struct refdax_xattr_entry *entry = refdax_xattr_at(list, offset);

		if (entry->xe_type == type && entry->xe_name_len == len &&
		    !memcmp(entry->xe_data, name, len))
			return entry;
		offset += refdax_xattr_size(entry);
	}
	return NULL;
}

int refdax_xattr_get(struct inode *inode, unsigned int type, const char *name, void *buffer,
		     size_t size)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct refdax_xattr_entry *entry;
	struct refdax_xattrs xattrs;
	int ret;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	if (strlen(name) > REFDAX_NAME_MAX)
		return -ERANGE;
	down_read(&ri->i_xattr_sem);
	ret = refdax_xattrs_read(inode, &xattrs);
	if (ret)
		goto out;
	entry = refdax_xattr_find(xattrs.tail, type, name) ?:
		refdax_xattr_find(xattrs.block, type, name);
	ret = -ENODATA;
	if (entry) {
		ret = le16_to_cpu(entry->xe_value_len);
		if (buffer && ret > size)
			ret = -ERANGE;
		else if (buffer)
			memcpy(buffer, entry->xe_data + entry->xe_name_len, ret);
	}
	refdax_xattrs_release(&xattrs);
out:
	up_read(&ri->i_xattr_sem);
	return ret;
}

static void refdax_xattr_remove(struct refdax_xattr_list *list, struct refdax_xattr_entry *entry)
{
	unsigned int size = refdax_xattr_size(entry), used = le16_to_cpu(list->xl_used);
	unsigned int behind = list->xl_data + used - (u8 *)entry - size;

	memmove(entry, (u8 *)entry + size, behind);
	memset((u8 *)entry + behind, 0, size);
	list->xl_used = cpu_to_le16(used - size);
	le16_add_cpu(&list->xl_count, -1);
}

/* There is room for it. */
static void refdax_xattr_append(struct refdax_xattr_list *list, unsigned int type,
				const char *name, const void *value, size_t size)
{
	unsigned int used = le16_to_cpu(list->xl_used);
	struct refdax_xattr_entry *entry = refdax_xattr_at(list, used);

	entry->xe_type = type;
	entry->xe_name_len = strlen(name);
	entry->xe_value_len = cpu_to_le16(size);
	memcpy(entry->xe_data, name, entry->xe_name_len);
	memcpy(entry->xe_data + entry->xe_name_len, value, size);
	list->xl_used = cpu_to_le16(used + refdax_xattr_size(entry));
	le16_add_cpu(&list->xl_count, 1);
}

/* An empty one, in the handle. */
static int refdax_xattr_new_block(struct jbd2_journal_handle *handle, struct inode *inode,
				  struct refdax_xattrs *xattrs)
{
	struct buffer_head *bh;

	bh = refdax_new_metadata(handle, inode, 0, REFDAX_MAGIC_XATTR);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	xattrs->block_bh = bh;
	xattrs->block = &((struct refdax_xattr_block *)bh->b_data)->xb_list;
	REFDAX_I(inode)->i_xattr_block = bh->b_blocknr;
	return 0;
}

/* The block was changed, and with its last entry it goes. */
static int refdax_xattr_block_changed(struct jbd2_journal_handle *handle, struct inode *inode,
				      struct refdax_xattrs *xattrs)
{
	u64 block = REFDAX_I(inode)->i_xattr_block;
	struct buffer_head *bh = xattrs->block_bh;

	if (xattrs->block->xl_count)
		return refdax_journal_dirty(handle, inode->i_sb, bh);
	xattrs->block_bh = NULL;
	REFDAX_I(inode)->i_xattr_block = 0;
	return refdax_free_metadata(handle, inode, block, bh);
}

/* Where a new entry of @size goes when @old has gone: the inode, the block, or nowhere. */
static struct refdax_xattr_list *refdax_xattr_place(struct refdax_xattrs *xattrs,
						    struct refdax_xattr_entry *old, bool in_tail,
						    unsigned int size, bool *new_block)
{
	unsigned int gone = old ? refdax_xattr_size(old) : 0;
	unsigned int used = le16_to_cpu(xattrs->tail->xl_used) - (in_tail ? gone : 0);

	*new_block = false;
	if (used + size <= REFDAX_XATTR_INODE_BYTES)
		return xattrs->tail;
	*new_block = !xattrs->block;
	used = xattrs->block ? le16_to_cpu(xattrs->block->xl_used) - (in_tail ? 0 : gone) : 0;
	if (used + size <= REFDAX_XATTR_BLOCK_BYTES)
		return *new_block ? NULL : xattrs->block;
	return ERR_PTR(-ENOSPC);
}

static int refdax_xattr_change(struct jbd2_journal_handle *handle, struct inode *inode,
			       struct refdax_xattrs *xattrs, unsigned int type, const char *name,
			       const void *value, size_t size, int flags)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct refdax_xattr_list *place = NULL;
	struct refdax_xattr_entry *old;
	bool in_tail, new_block = false;
	int err;

	old = refdax_xattr_find(xattrs->tail, type, name);
	in_tail = old;
	if (!old)
		old = refdax_xattr_find(xattrs->block, type, name);
	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && (!value || (flags & XATTR_REPLACE)))
		return -ENODATA;

	if (value)
		place = refdax_xattr_place(xattrs, old, in_tail, sizeof(*old) + strlen(name) + size,
					   &new_block);
	if (IS_ERR(place))
		return PTR_ERR(place);
	/* What can fail comes before the first change. */
	err = refdax_journal_write_access(handle, xattrs->inode_bh);
	if (!err && xattrs->block)
		err = refdax_journal_write_access(handle, xattrs->block_bh);
	if (!err && new_block) {
		err = refdax_xattr_new_block(handle, inode, xattrs);
		place = xattrs->block;
	}
	if (err)
		return err;

	/* The inode's checksum covers the tail: see refdax_store_inode(). */
	spin_lock(&ri->i_raw_lock);
	if (old)
		refdax_xattr_remove(in_tail ? xattrs->tail : xattrs->block, old);
	if (value)
		refdax_xattr_append(place, type, name, value, size);
	spin_unlock(&ri->i_raw_lock);
	if (xattrs->block)
		err = refdax_xattr_block_changed(handle, inode, xattrs);
	return err;
}

int refdax_xattr_set_in(struct jbd2_journal_handle *handle, struct inode *inode,
			unsigned int type, const char *name, const void *value, size_t size,
			int flags)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct refdax_xattrs xattrs;
	int err;

	if (strlen(name) > REFDAX_NAME_MAX)
		return -ERANGE;
	/* No list can hold it, and xe_value_len could not say it. */
	if (size > REFDAX_XATTR_BLOCK_BYTES)
		return -ENOSPC;
	/* A new inode's tail is what another one left there, until it is stored. */
	err = ri->i_fresh ? refdax_inode_update(handle, inode) : 0;
	if (err)
		return err;
	down_write(&ri->i_xattr_sem);
	err = refdax_xattrs_read(inode, &xattrs);
	if (!err) {
		err = refdax_xattr_change(handle, inode, &xattrs, type, name, value, size, flags);
		refdax_xattrs_release(&xattrs);
	}
	up_write(&ri->i_xattr_sem);
	return err ?: refdax_inode_update(handle, inode);
}

static int refdax_xattr_set(struct inode *inode, unsigned int type, const char *name,
			    const void *value, size_t size, int flags)
{
	struct super_block *sb = inode->i_sb;
	struct jbd2_journal_handle *handle;
	int err, err2, retries = 0;

	/* removexattr(2) of nothing is an error to the VFS; the rest of it is ours. */
	if (!value)
		flags |= XATTR_REPLACE;
	do {
		handle = refdax_journal_start(inode, REFDAX_XATTR_CREDITS, REFDAX_XATTR_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		inode_set_ctime_current(inode);
		err = refdax_xattr_set_in(handle, inode, type, name, value, size, flags);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	} while (refdax_may_retry(sb, err, &retries));
	if (!err && IS_SYNC(inode))
		err = refdax_journal_commit(sb, REFDAX_I(inode)->i_sync_tid);
	return err;
}

int refdax_xattr_free(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct refdax_xattrs xattrs = { };
	u64 block = ri->i_xattr_block;
	int err;

	if (!block)
		return 0;
	/* It must be this inode's, or it is somebody else's that would be freed. */
	err = refdax_xattrs_read_block(inode, &xattrs);
	if (err)
		return err;
	ri->i_xattr_block = 0;
	return refdax_free_metadata(handle, inode, block, xattrs.block_bh);
}

static const char *const refdax_xattr_prefixes[] = {
	[REFDAX_XATTR_USER]		= XATTR_USER_PREFIX,
	[REFDAX_XATTR_TRUSTED]		= XATTR_TRUSTED_PREFIX,
	[REFDAX_XATTR_SECURITY]		= XATTR_SECURITY_PREFIX,
	[REFDAX_XATTR_ACL_ACCESS]	= XATTR_NAME_POSIX_ACL_ACCESS,
	[REFDAX_XATTR_ACL_DEFAULT]	= XATTR_NAME_POSIX_ACL_DEFAULT,
};

/* Append the names of a list at @done; returns the new length, or -ERANGE. */
static ssize_t refdax_xattr_list_names(struct refdax_xattr_list *list, bool trusted,
				       char *buffer, size_t size, ssize_t done)
{
	unsigned int used = list ? le16_to_cpu(list->xl_used) : 0, offset = 0;

	while (offset < used && done >= 0) {
		struct refdax_xattr_entry *entry = refdax_xattr_at(list, offset);
		const char *prefix = refdax_xattr_prefixes[entry->xe_type];
		size_t len = strlen(prefix) + entry->xe_name_len + 1;

		offset += refdax_xattr_size(entry);
		if (entry->xe_type == REFDAX_XATTR_TRUSTED && !trusted)
			continue;
		if (buffer) {
			if (len > size - done)
				return -ERANGE;
			memcpy(buffer + done, prefix, strlen(prefix));
			memcpy(buffer + done + strlen(prefix), entry->xe_data, entry->xe_name_len);
			buffer[done + len - 1] = 0;
		}
		done += len;
	}
	return done;
}

ssize_t refdax_listxattr(struct dentry *dentry, char *buffer, size_t size)
{
	struct inode *inode = d_inode(dentry);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	bool trusted = capable(CAP_SYS_ADMIN);
	struct refdax_xattrs xattrs;
	ssize_t ret;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	down_read(&ri->i_xattr_sem);
	ret = refdax_xattrs_read(inode, &xattrs);
	if (!ret) {
		ret = refdax_xattr_list_names(xattrs.tail, trusted, buffer, size, 0);
		if (ret >= 0)
			ret = refdax_xattr_list_names(xattrs.block, trusted, buffer, size, ret);
		refdax_xattrs_release(&xattrs);
	}
	up_read(&ri->i_xattr_sem);
	return ret;
}

/*
 * What the VFS calls. A handler's flags are the type.
 */

static int refdax_handler_get(const struct xattr_handler *handler, struct dentry *dentry,
			      struct inode *inode, const char *name, void *buffer, size_t size)
{
	return refdax_xattr_get(inode, handler->flags, name, buffer, size);
}

static int refdax_handler_set(const struct xattr_handler *handler, struct refdax_idmap *idmap,
			      struct dentry *dentry, struct inode *inode, const char *name,
			      const void *buffer, size_t size, int flags)
{
	/* The VFS says no as well, in some kernels to fewer kinds of inodes. */
	if (handler->flags == REFDAX_XATTR_USER && !S_ISREG(inode->i_mode) &&
	    !S_ISDIR(inode->i_mode))
		return -EPERM;
	return refdax_xattr_set(inode, handler->flags, name, buffer, size, flags);
}

#define REFDAX_XATTR_HANDLER(name, string, type)		\
	static const struct xattr_handler name = {		\
		.prefix	= string,				\
		.flags	= type,					\
		.get	= refdax_handler_get,			\
		.set	= refdax_handler_set,			\
	}

REFDAX_XATTR_HANDLER(refdax_xattr_user, XATTR_USER_PREFIX, REFDAX_XATTR_USER);
REFDAX_XATTR_HANDLER(refdax_xattr_trusted, XATTR_TRUSTED_PREFIX, REFDAX_XATTR_TRUSTED);
REFDAX_XATTR_HANDLER(refdax_xattr_security, XATTR_SECURITY_PREFIX, REFDAX_XATTR_SECURITY);

refdax_xattr_handlers_t refdax_xattr_handlers[] = {
	&refdax_xattr_user,
	&refdax_xattr_trusted,
	&refdax_xattr_security,
	REFDAX_ACL_HANDLERS
	NULL
};

/* security_inode_init_security() gives us what the security modules want to be kept. */
static int refdax_init_labels(struct inode *inode, const struct xattr *array, void *data)
{
	const struct xattr *xattr;
	int err = 0;

	for (xattr = array; xattr->name && !err; xattr++)
		err = refdax_xattr_set_in(data, inode, REFDAX_XATTR_SECURITY, xattr->name,
					  xattr->value, xattr->value_len, XATTR_CREATE);
	return err;
}

int refdax_init_xattrs(struct jbd2_journal_handle *handle, struct inode *inode,
		       struct inode *dir, const struct qstr *name)
{
	int err;

	err = refdax_init_acl(handle, inode, dir);
	if (!err)
		err = security_inode_init_security(inode, dir, name, refdax_init_labels, handle);
	return err;
}
