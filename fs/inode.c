// SPDX-License-Identifier: GPL-2.0-only
/* Inodes: reading, writing, attributes, truncation and eviction. */
#include <linux/crc32c.h>
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/writeback.h>

#include "refdax.h"
#include "trace.h"

/* The number is part of it, so that an inode copied to another place is not believed. */
static u32 refdax_inode_crc(struct super_block *sb, u64 ino, const struct refdax_inode *raw)
{
	__le64 number = cpu_to_le64(ino);
	__le32 zero = 0;
	u32 crc;

	crc = crc32c(REFDAX_SB(sb)->s_seed, &number, sizeof(number));
	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, (const u8 *)raw + sizeof(zero), sizeof(*raw) - sizeof(zero));
}

static struct timespec64 refdax_read_time(const struct refdax_time *t)
{
	struct timespec64 ts = {
		.tv_sec = le64_to_cpu(t->t_sec),
		.tv_nsec = le32_to_cpu(t->t_nsec),
	};

	return ts;
}

static void refdax_store_time(struct refdax_time *t, struct timespec64 ts)
{
	t->t_sec = cpu_to_le64(ts.tv_sec);
	t->t_nsec = cpu_to_le32(ts.tv_nsec);
}

static bool refdax_time_valid(const struct refdax_time *t)
{
	return le32_to_cpu(t->t_nsec) < NSEC_PER_SEC;
}

void refdax_set_vfs_flags(struct inode *inode)
{
	u32 flags = REFDAX_I(inode)->i_flags;
	unsigned int vfs = 0;

	if (flags & REFDAX_FL_SYNC)
		vfs |= S_SYNC;
	if (flags & REFDAX_FL_APPEND)
		vfs |= S_APPEND;
	if (flags & REFDAX_FL_IMMUTABLE)
		vfs |= S_IMMUTABLE;
	if (flags & REFDAX_FL_NOATIME)
		vfs |= S_NOATIME;
	if (flags & REFDAX_FL_DIRSYNC)
		vfs |= S_DIRSYNC;
	if (S_ISREG(inode->i_mode) && REFDAX_I(inode)->i_data_mode == REFDAX_MODE_DAX)
		vfs |= S_DAX;
	inode_set_flags(inode, vfs, S_SYNC | S_APPEND | S_IMMUTABLE | S_NOATIME | S_DIRSYNC |
			S_DAX);
}

void refdax_set_inode_operations(struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &refdax_file_inode_operations;
		inode->i_fop = &refdax_file_operations;
		refdax_mode_set(inode, REFDAX_I(inode)->i_data_mode);
		break;
	case S_IFDIR:
		inode->i_op = &refdax_dir_inode_operations;
		inode->i_fop = &refdax_dir_operations;
		break;
	case S_IFLNK:
		inode->i_op = &refdax_symlink_inode_operations;
		break;
	default:
		inode->i_op = &refdax_special_inode_operations;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

/* Everything of an inode that does not need other blocks. */
static int refdax_check_raw(struct super_block *sb, u64 ino, const struct refdax_inode *raw)
{
	umode_t mode = le16_to_cpu(raw->i_mode);
	u64 size = le64_to_cpu(raw->i_size), parent = le64_to_cpu(raw->i_parent);
	u64 next = le64_to_cpu(raw->i_next_orphan);
	u64 shift = le64_to_cpu(raw->i_shift_count), from = le64_to_cpu(raw->i_shift_from);
	u32 flags = le32_to_cpu(raw->i_flags);
	const char *what = NULL;

	if (le32_to_cpu(raw->i_crc) != refdax_inode_crc(sb, ino, raw))
		what = "checksum";
	else if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode) && !S_ISCHR(mode) &&
		 !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		what = "type";
	else if (flags & ~REFDAX_FL_ALL || (flags & REFDAX_FL_INLINE && !S_ISLNK(mode)))
		what = "set of flags";
	else if (size > (S_ISLNK(mode) ? (flags & REFDAX_FL_INLINE ? REFDAX_SYMLINK_INLINE :
			 REFDAX_SYMLINK_MAX) : sb->s_maxbytes) || (S_ISLNK(mode) && !size))
		what = "size";
	else if (S_ISDIR(mode) && le32_to_cpu(raw->i_nlink) == 1)
		what = "number of links";
	else if (le64_to_cpu(raw->i_blocks) > REFDAX_SB(sb)->s_blocks)
		what = "number of blocks";
	else if (S_ISDIR(mode) ? !refdax_ino_valid(sb, parent) : parent && !S_ISREG(mode))
		what = "parent";
	else if (S_ISREG(mode) && shift ? from < shift || from > REFDAX_LOGICAL_MAX :
					  shift || (S_ISREG(mode) && from))
		what = "shift of blocks";
	else if (next && !refdax_ino_valid(sb, next))
		what = "successor on the orphan list";
	else if (!refdax_time_valid(&raw->i_atime) || !refdax_time_valid(&raw->i_mtime) ||
		 !refdax_time_valid(&raw->i_ctime) || !refdax_time_valid(&raw->i_crtime))
		what = "time";
	else if (raw->i_xattr_block &&
		 !refdax_blocks_valid(sb, le64_to_cpu(raw->i_xattr_block), 1))
		what = "block of extended attributes";
	return what ? refdax_damage(sb, "inode %llu has an invalid %s", ino, what) : 0;
}

static int refdax_read_inode(struct inode *inode, enum refdax_iget_by by)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct super_block *sb = inode->i_sb;
	struct refdax_inode *raw;
	struct buffer_head *bh;
	unsigned int offset;
	int err;

	bh = sb_bread(sb, refdax_inode_block(sb, inode->i_ino, &offset));
	if (!bh) {
		refdax_msg(sb, KERN_ERR, "cannot read inode %llu", (u64)inode->i_ino);
		return -EIO;
	}
	raw = (struct refdax_inode *)(bh->b_data + offset);
	err = -ESTALE;
	if (!raw->i_mode)
		goto out;
	err = refdax_check_raw(sb, inode->i_ino, raw);
	/* It would be deleted when it leaves memory. */
	if (!err && !raw->i_nlink && by == REFDAX_IGET_HANDLE)
		err = -ESTALE;
	if (!err && !raw->i_nlink && by == REFDAX_IGET_NAME)
		err = refdax_damage(sb, "inode %llu has a name and no links", (u64)inode->i_ino);
	if (!err && raw->i_shift_count && by != REFDAX_IGET_ORPHAN) {
		/* Only a mount for writing can bring its blocks in order. */
		err = sb_rdonly(sb) ? -EROFS :
		      refdax_damage(sb, "inode %llu has a shift of blocks, and is not on the orphan list",
				    (u64)inode->i_ino);
		if (sb_rdonly(sb))
			refdax_msg(sb, KERN_ERR, "inode %llu: a collapse or insertion was cut off: mount it for writing once",
				   (u64)inode->i_ino);
	}
	if (err)
		goto out;

	inode->i_mode = le16_to_cpu(raw->i_mode);
	i_uid_write(inode, le32_to_cpu(raw->i_uid));
	i_gid_write(inode, le32_to_cpu(raw->i_gid));
	set_nlink(inode, le32_to_cpu(raw->i_nlink));
	inode->i_generation = le32_to_cpu(raw->i_generation);
	i_size_write(inode, le64_to_cpu(raw->i_size));
	inode_set_bytes(inode, le64_to_cpu(raw->i_blocks) << REFDAX_BLOCK_BITS);
	inode->i_rdev = new_decode_dev(le32_to_cpu(raw->i_rdev));
	inode_set_atime_to_ts(inode, refdax_read_time(&raw->i_atime));
	inode_set_mtime_to_ts(inode, refdax_read_time(&raw->i_mtime));
	inode_set_ctime_to_ts(inode, refdax_read_time(&raw->i_ctime));
	ri->i_crtime = refdax_read_time(&raw->i_crtime);
	ri->i_flags = le32_to_cpu(raw->i_flags);
	if (S_ISREG(inode->i_mode))
		ri->i_shift_from = le64_to_cpu(raw->i_shift_from);
	else
		ri->i_parent = le64_to_cpu(raw->i_parent);
	ri->i_shift_count = le64_to_cpu(raw->i_shift_count);
	ri->i_next_orphan = le64_to_cpu(raw->i_next_orphan);
	ri->i_xattr_block = le64_to_cpu(raw->i_xattr_block);
	memcpy(ri->i_root, raw->i_root, sizeof(ri->i_root));
	ri->i_disk_size = inode->i_size;
	if (S_ISREG(inode->i_mode))
		ri->i_data_mode = refdax_mode_wanted(inode, ri->i_flags);
	refdax_set_vfs_flags(inode);
	/*
	 * It may have left memory with changes that are not committed yet;
	 * fsync(2) must wait for those as well.
	 */
	ri->i_sync_tid = refdax_journal_latest(sb);
	ri->i_datasync_tid = ri->i_sync_tid;

	if (ri->i_flags & REFDAX_FL_INLINE) {
		if (memchr_inv(ri->i_root + inode->i_size, 0, 1) ||
		    strnlen(ri->i_root, inode->i_size) != inode->i_size)
			err = refdax_damage(sb, "symlink %llu has a length that is not its target's",
					    (u64)inode->i_ino);
		else
			inode->i_link = ri->i_root;
	} else {
		err = refdax_check_root(inode);
		if (!err && S_ISLNK(inode->i_mode))
			err = refdax_symlink_load(inode);
	}
	if (!err)
		refdax_set_inode_operations(inode);
out:
	brelse(bh);
	return err;
}

struct inode *refdax_iget(struct super_block *sb, u64 ino, enum refdax_iget_by by)
{
	struct inode *inode;
	int err;

	if (!refdax_ino_valid(sb, ino))
		return ERR_PTR(refdax_damage(sb, "inode %llu does not exist", ino));
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!refdax_inode_is_new(inode))
		return inode;
	err = refdax_read_inode(inode, by);
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

static int refdax_store_inode(struct jbd2_journal_handle *handle, struct inode *inode)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct super_block *sb = inode->i_sb;
	struct refdax_inode *raw;
	struct buffer_head *bh;
	unsigned int offset;
	int err;

	bh = sb_bread(sb, refdax_inode_block(sb, inode->i_ino, &offset));
	if (!bh)
		return -EIO;
	err = refdax_journal_write_access(handle, bh);
	if (err)
		goto out;

	/*
	 * Timestamps may be stored while another task changes the tree: i_root
	 * may be half new here. That task has a handle on this transaction and
	 * stores the inode again before it stops it.
	 */
	spin_lock(&ri->i_raw_lock);
	raw = (struct refdax_inode *)(bh->b_data + offset);
	if (ri->i_fresh) {
		memset(raw, 0, sizeof(*raw));
		ri->i_fresh = false;
	}
	raw->i_mode = cpu_to_le16(inode->i_mode);
	raw->i_uid = cpu_to_le32(i_uid_read(inode));
	raw->i_gid = cpu_to_le32(i_gid_read(inode));
	raw->i_nlink = cpu_to_le32(inode->i_nlink);
	raw->i_generation = cpu_to_le32(inode->i_generation);
	raw->i_size = cpu_to_le64(S_ISREG(inode->i_mode) ?
				  min(ri->i_disk_size, i_size_read(inode)) : i_size_read(inode));
	raw->i_blocks = cpu_to_le64(inode_get_bytes(inode) >> REFDAX_BLOCK_BITS);
	raw->i_flags = cpu_to_le32(ri->i_flags);
	raw->i_rdev = cpu_to_le32(new_encode_dev(inode->i_rdev));
	if (S_ISREG(inode->i_mode))
		raw->i_shift_from = cpu_to_le64(ri->i_shift_from);
	else
		raw->i_parent = cpu_to_le64(ri->i_parent);
	raw->i_shift_count = cpu_to_le64(ri->i_shift_count);
	raw->i_next_orphan = cpu_to_le64(ri->i_next_orphan);
	refdax_store_time(&raw->i_atime, inode_get_atime(inode));
	refdax_store_time(&raw->i_mtime, inode_get_mtime(inode));
	refdax_store_time(&raw->i_ctime, inode_get_ctime(inode));
	refdax_store_time(&raw->i_crtime, ri->i_crtime);
	raw->i_xattr_block = cpu_to_le64(ri->i_xattr_block);
	memcpy(raw->i_root, ri->i_root, sizeof(raw->i_root));
	/* i_tail is changed in place, by xattr.c. */
	raw->i_crc = cpu_to_le32(refdax_inode_crc(sb, inode->i_ino, raw));
	spin_unlock(&ri->i_raw_lock);

	ri->i_sync_tid = refdax_journal_tid(handle);
	err = refdax_journal_dirty_raw(handle, bh);
out:
	brelse(bh);
	return err;
}

void refdax_set_sizes(struct inode *inode, loff_t size)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);

	spin_lock(&ri->i_raw_lock);
	i_size_write(inode, size);
	ri->i_disk_size = size;
	spin_unlock(&ri->i_raw_lock);
}

bool refdax_disk_size_reached(struct inode *inode, loff_t end)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	bool more;

	spin_lock(&ri->i_raw_lock);
	/* A truncate may have been faster than the end of the I/O. */
	end = min(end, i_size_read(inode));
	more = end > ri->i_disk_size;
	if (more)
		ri->i_disk_size = end;
	spin_unlock(&ri->i_raw_lock);
	return more;
}

int refdax_inode_update(struct jbd2_journal_handle *handle, struct inode *inode)
{
	return refdax_store_inode(handle, inode);
}

int refdax_inode_update_data(struct jbd2_journal_handle *handle, struct inode *inode)
{
	REFDAX_I(inode)->i_datasync_tid = refdax_journal_tid(handle);
	return refdax_store_inode(handle, inode);
}

/* ->dirty_inode: the VFS changed attributes. It cannot be told about a failure. */
void refdax_dirty_inode(struct inode *inode, int flags)
{
	struct jbd2_journal_handle *handle;

	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return;
	refdax_inode_update(handle, inode);
	refdax_journal_stop(inode, handle);
}

/* The inode is in the journal already; what is left is to wait for it if somebody wants that. */
int refdax_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	/* ->sync_fs commits once for all inodes. */
	if (wbc->sync_mode != WB_SYNC_ALL || wbc->for_sync || current->flags & PF_MEMALLOC)
		return 0;
	return refdax_journal_commit(inode->i_sb, REFDAX_I(inode)->i_sync_tid);
}

/* In as many handles as it takes. */
int refdax_punch_blocks(struct inode *inode, u64 first, u64 end)
{
	struct jbd2_journal_handle *handle;
	int more = 1, err;

	while (more > 0) {
		handle = refdax_journal_start(inode, REFDAX_TRUNCATE_CREDITS,
					      REFDAX_TRUNCATE_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		more = refdax_unmap_blocks(handle, inode, first, end);
		err = refdax_journal_stop(inode, handle);
		if (err)
			return err;
		cond_resched();
	}
	return more;
}

int refdax_free_beyond_eof(struct inode *inode)
{
	return refdax_punch_blocks(inode, DIV_ROUND_UP_ULL(i_size_read(inode), REFDAX_BLOCK_SIZE),
				 REFDAX_LOGICAL_MAX);
}

/*
 * The caller holds i_rwsem. Order: the size and the orphan list in one
 * transaction, then the mappings, then the blocks; after a power cut the
 * orphan list finishes it.
 * Lock order (see dax.c): i_rwsem > invalidate_lock > jbd2 handle > i_extent_sem.
 */
static int refdax_set_size(struct inode *inode, loff_t size)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t old = i_size_read(inode);
	struct jbd2_journal_handle *handle;
	bool orphan = false, late = false;
	int err, err2;

	trace_refdax_truncate_enter(inode, old, size);
	inode_dio_wait(inode);
	/* The size on disk is about to pass what waits for writeback. */
	if (REFDAX_I(inode)->i_disk_size < min(old, size)) {
		err = filemap_write_and_wait_range(mapping, REFDAX_I(inode)->i_disk_size, old - 1);
		if (err)
			goto out_unlocked;
	}
	filemap_invalidate_lock(mapping);
	/* Blocks may go only when nobody does DMA to them any more. */
	err = refdax_prepare_removal(inode, min(old, size), LLONG_MAX);
	if (err)
		goto out;
	if (size > old)
		err = refdax_zero_tail(inode, size);
	/* The page cache cannot be changed behind i_size, other data must not be before it. */
	else if (REFDAX_I(inode)->i_data_mode == REFDAX_MODE_CACHE)
		err = refdax_zero_range(inode, size, round_up(size, REFDAX_BLOCK_SIZE) - size);
	if (err)
		goto out;

	if (size < old && refdax_bug(inode->i_sb, REFDAX_BUG_TRUNCATE_SIZE_LATE)) {
		late = true;
		truncate_pagecache(inode, size);
		filemap_invalidate_unlock(mapping);
		/* Held: i_rwsem. */
		refdax_gate(inode->i_sb, REFDAX_GATE_TRUNCATE_UNMAPPED);
		filemap_invalidate_lock(mapping);
	}
	handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS, 0);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out;
	}
	if (size <= old) {
		err = refdax_orphan_add(handle, inode);
		orphan = !err;
	}
	if (!err) {
		refdax_set_sizes(inode, size);
		inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
		err = refdax_inode_update_data(handle, inode);
	}
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
	if (err || !orphan)
		goto out;

	if (!late) {
		truncate_pagecache(inode, size);
		/* Held: i_rwsem and the invalidate_lock. */
		refdax_gate(inode->i_sb, REFDAX_GATE_TRUNCATE_UNMAPPED);
	}
	if (REFDAX_I(inode)->i_data_mode != REFDAX_MODE_CACHE)
		err = refdax_zero_range(inode, size, round_up(size, REFDAX_BLOCK_SIZE) - size);
	/* Even with the same size: blocks may have been allocated behind the end. */
	err2 = refdax_free_beyond_eof(inode);
	if (!err)
		err = err2;
	if (err)
		goto out;
	handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS, 0);
	if (IS_ERR(handle)) {
		err = PTR_ERR(handle);
		goto out;
	}
	err = refdax_orphan_done(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
out:
	filemap_invalidate_unlock(mapping);
out_unlocked:
	trace_refdax_truncate_exit(inode, err);
	return err;
}

int refdax_setattr(struct refdax_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct jbd2_journal_handle *handle;
	int err, err2;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	err = setattr_prepare(idmap, dentry, attr);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		err = refdax_set_size(inode, attr->ia_size);
		if (err)
			return err;
	}
	/* Not by mark_inode_dirty(), which cannot say that nothing could be stored. */
	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	setattr_copy(idmap, inode, attr);
	err = refdax_inode_update(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
	if (!err && attr->ia_valid & ATTR_MODE)
		err = refdax_acl_chmod(idmap, dentry);
	if (!err && IS_SYNC(inode))
		err = refdax_journal_commit(inode->i_sb, REFDAX_I(inode)->i_sync_tid);
	return err;
}

int refdax_getattr(struct refdax_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int query_flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct refdax_inode_info *ri = REFDAX_I(inode);

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	refdax_fillattr(idmap, request_mask, inode, stat);
	if (request_mask & STATX_BTIME) {
		stat->result_mask |= STATX_BTIME;
		stat->btime = ri->i_crtime;
	}
	if (ri->i_flags & REFDAX_FL_APPEND)
		stat->attributes |= STATX_ATTR_APPEND;
	if (ri->i_flags & REFDAX_FL_IMMUTABLE)
		stat->attributes |= STATX_ATTR_IMMUTABLE;
	if (ri->i_flags & REFDAX_FL_NODUMP)
		stat->attributes |= STATX_ATTR_NODUMP;
	/* STATX_ATTR_DAX: refdax_fillattr()'s caller in the VFS, for every filesystem. */
	stat->attributes_mask |= STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP;
	return 0;
}

/*
 * The inode leaves memory; without links it leaves the disk as well. It is on
 * the orphan list since the link went (or, if it never had one, since its
 * creation failed), so that the next mount does what a power cut leaves undone here.
 */
void refdax_evict_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	bool delete = !inode->i_nlink && !is_bad_inode(inode);
	struct jbd2_journal_handle *handle;
	int err;

	refdax_break_layouts_final(inode);
	truncate_inode_pages_final(&inode->i_data);
	refdax_lab_evict(inode);
	if (!delete) {
		/* Only a truncate that failed can have left it there. */
		if (!list_empty(&REFDAX_I(inode)->i_orphan))
			refdax_orphan_forget(inode);
		clear_inode(inode);
		return;
	}

	/* Not under any lock, but a freeze must wait for us: sb freeze > jbd2 handle. */
	sb_start_intwrite(sb);
	err = 0;
	if (S_ISREG(inode->i_mode) || S_ISDIR(inode->i_mode) ||
	    (S_ISLNK(inode->i_mode) && !(REFDAX_I(inode)->i_flags & REFDAX_FL_INLINE)))
		err = refdax_punch_blocks(inode, 0, REFDAX_LOGICAL_MAX);
	if (!err) {
		handle = refdax_journal_start(inode, REFDAX_FREE_INODE_CREDITS,
					      REFDAX_XATTR_REVOKES);
		err = IS_ERR(handle) ? PTR_ERR(handle) : 0;
		if (!err) {
			err = refdax_xattr_free(handle, inode) ?: refdax_free_inode(handle, inode);
			refdax_journal_stop(inode, handle);
		}
	}
	if (err) {
		if (!refdax_is_shut_down(sb))
			refdax_msg(sb, KERN_ERR, "inode %llu could not be deleted (error %d): unmount the filesystem and run fsck.refdax, which deletes it",
				   (u64)inode->i_ino, err);
		refdax_orphan_forget(inode);
	}
	clear_inode(inode);
	sb_end_intwrite(sb);
}
