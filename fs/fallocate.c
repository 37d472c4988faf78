// SPDX-License-Identifier: GPL-2.0-only
/* fallocate(2) */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/pagemap.h>

#include "refdax.h"
#include "trace.h"

/*
 * Let [start, end) read as zeroes; whole blocks of it become a hole. With
 * i_rwsem held; takes the invalidate_lock and, inside it, journal handles
 * (lock order: see dax.c).
 */
static int refdax_punch(struct inode *inode, loff_t start, loff_t end)
{
	loff_t first = round_up(start, REFDAX_BLOCK_SIZE);
	loff_t last = round_down(end, REFDAX_BLOCK_SIZE);
	bool lock = !refdax_bug(inode->i_sb, REFDAX_BUG_PUNCH_UNLOCKED);
	int err = 0;

	trace_refdax_punch_enter(inode, start, end - start);
	if (lock)
		filemap_invalidate_lock(inode->i_mapping);
	if (refdax_bug(inode->i_sb, REFDAX_BUG_LAYOUT_BROKEN_ONCE))
		err = refdax_break_layouts_once(inode, start, end - 1);
	else if (lock && !refdax_bug(inode->i_sb, REFDAX_BUG_LAYOUT_NOT_BROKEN))
		err = refdax_prepare_removal(inode, start, end - 1);
	if (err)
		goto out;
	if (refdax_bug(inode->i_sb, REFDAX_BUG_LAYOUT_DROPS_DIRTY))
		refdax_lab_drop_all(inode);
	/* Dirty data that goes may be what the size on disk was to follow. */
	if (REFDAX_I(inode)->i_data_mode == REFDAX_MODE_CACHE)
		err = filemap_write_and_wait_range(inode->i_mapping, start, end - 1);
	if (err)
		goto out;
	if (first > last) {
		err = refdax_zero_range(inode, start, end - start);
		goto out;
	}
	if (start < first)
		err = refdax_zero_range(inode, start, first - start);
	if (!err && last < end)
		err = refdax_zero_range(inode, last, end - last);
	if (err || first == last)
		goto out;
	/*
	 * fs/dax.c warns of an entry that goes while its page is pinned. Bugs that let
	 * that happen leave the entry there, and drop page tables alone.
	 */
	if (refdax_bug(inode->i_sb, REFDAX_BUG_LAYOUT_NOT_BROKEN) ||
	    refdax_bug(inode->i_sb, REFDAX_BUG_LAYOUT_BROKEN_ONCE))
		unmap_mapping_range(inode->i_mapping, first, last - first, 1);
	else
		truncate_pagecache_range(inode, first, last - 1);
	/* Held: i_rwsem and the invalidate_lock. */
	refdax_gate(inode->i_sb, REFDAX_GATE_PUNCH_UNMAPPED);
	err = refdax_punch_blocks(inode, first >> REFDAX_BLOCK_BITS, last >> REFDAX_BLOCK_BITS);
out:
	if (lock)
		filemap_invalidate_unlock(inode->i_mapping);
	trace_refdax_punch_exit(inode, err);
	return err;
}

/*
 * FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE: move all that lies behind
 * @start. With i_rwsem held.
 *
 * From @start on nothing may be cached or mapped under the old offsets. The write
 * back comes first, because DAX entries that go while they are dirty leave data
 * behind that nobody will flush; the invalidate_lock comes before that, or a
 * fault could dirty another page between the two (32ebffd3bbb4 "ext4: fix races
 * between buffered IO and collapse / insert range").
 * Lock order (see dax.c): i_rwsem > invalidate_lock > jbd2 handle.
 */
static int refdax_shift(struct inode *inode, int mode, loff_t start, loff_t len)
{
	u64 first = start >> REFDAX_BLOCK_BITS, count = len >> REFDAX_BLOCK_BITS;
	struct address_space *mapping = inode->i_mapping;
	loff_t size = i_size_read(inode);
	bool insert = mode & FALLOC_FL_INSERT_RANGE;
	int err;

	if ((start | len) & (REFDAX_BLOCK_SIZE - 1))
		return -EINVAL;
	/* At the end both would be a truncate by another name. */
	if (insert ? start >= size : start + len >= size)
		return -EINVAL;
	if (insert && len > inode->i_sb->s_maxbytes - size)
		return -EFBIG;

	filemap_invalidate_lock(mapping);
	/* Also before the layouts are broken: since 6.15 that deletes entries (see compat.h). */
	err = filemap_write_and_wait_range(mapping, start, LLONG_MAX);
	if (!err)
		err = refdax_break_layouts(inode, start, LLONG_MAX);
	/* From the size on disk as well, if that is behind: it is about to pass what waits. */
	if (!err)
		err = filemap_write_and_wait_range(mapping, min(start, REFDAX_I(inode)->i_disk_size),
						   LLONG_MAX);
	if (err)
		goto out;
	if (refdax_bug(inode->i_sb, REFDAX_BUG_SHIFT_FLUSH_UNLOCKED)) {
		filemap_invalidate_unlock(mapping);
		/* Held: i_rwsem. */
		refdax_gate(inode->i_sb, REFDAX_GATE_SHIFT_FLUSHED);
		filemap_invalidate_lock(mapping);
	} else {
		/* Held: i_rwsem and the invalidate_lock. */
		refdax_gate(inode->i_sb, REFDAX_GATE_SHIFT_FLUSHED);
	}
	truncate_pagecache(inode, start);
	if (insert)
		err = refdax_insert_blocks(inode, first, count, size + len);
	else
		err = refdax_collapse_blocks(inode, first, count, size - len);
out:
	filemap_invalidate_unlock(mapping);
	return err;
}

/* Allocate what is a hole in [start, end), as unwritten blocks. With i_rwsem held. */
static int refdax_preallocate(struct inode *inode, loff_t start, loff_t end)
{
	u64 block = start >> REFDAX_BLOCK_BITS, stop = DIV_ROUND_UP_ULL(end, REFDAX_BLOCK_SIZE);
	struct jbd2_journal_handle *handle;
	int err = 0, err2, retries = 0;
	struct refdax_map map;

	while (block < stop) {
		if (fatal_signal_pending(current))
			return -EINTR;
		handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = refdax_map_allocate(handle, inode, block, stop - block, REFDAX_UNWRITTEN,
					  &map);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
		if (refdax_may_retry(inode->i_sb, err, &retries))
			continue;
		if (err)
			return err;
		block += map.m_count;
		cond_resched();
	}
	return 0;
}

static int refdax_grow(struct inode *inode, loff_t size)
{
	struct jbd2_journal_handle *handle;
	int err, err2;

	/* The size on disk is about to pass what waits for writeback. */
	err = filemap_write_and_wait_range(inode->i_mapping, REFDAX_I(inode)->i_disk_size,
					   LLONG_MAX);
	if (!err)
		err = refdax_zero_tail(inode, size);
	if (err)
		return err;
	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	refdax_set_sizes(inode, size);
	err = refdax_inode_update_data(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	return err ?: err2;
}

long refdax_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	loff_t end = offset + len;
	bool shift = mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE);
	int err;

	err = refdax_writable(inode->i_sb);
	if (err)
		return err;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
		     FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE))
		return -EOPNOTSUPP;
	if (!S_ISREG(inode->i_mode))
		return -EOPNOTSUPP;

	trace_refdax_fallocate_enter(inode, offset, len);
	/* Held for nothing but the order in which it was taken. */
	if (refdax_bug(inode->i_sb, REFDAX_BUG_INVALIDATE_LOCK_FIRST)) {
		filemap_invalidate_lock(inode->i_mapping);
		inode_lock(inode);
		filemap_invalidate_unlock(inode->i_mapping);
	} else {
		inode_lock(inode);
	}
	inode_dio_wait(inode);
	err = 0;
	if (mode & FALLOC_FL_INSERT_RANGE)
		err = inode_newsize_ok(inode, i_size_read(inode) + len);
	else if (!shift && !(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = inode_newsize_ok(inode, end);
	if (!err)
		err = file_modified(file);
	if (!err && shift)
		err = refdax_shift(inode, mode, offset, len);
	if (!err && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		err = refdax_punch(inode, offset, end);
	if (!err && !shift && !(mode & FALLOC_FL_PUNCH_HOLE))
		err = refdax_preallocate(inode, offset, end);
	if (!err && !shift && !(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = refdax_grow(inode, end);
	/* Edges that were zeroed may be in the page cache. */
	if (!err && (IS_SYNC(inode) || (file->f_flags & O_DSYNC)))
		err = filemap_write_and_wait_range(inode->i_mapping, offset, end - 1);
	if (!err && (IS_SYNC(inode) || (file->f_flags & O_DSYNC)))
		err = refdax_journal_commit(inode->i_sb, REFDAX_I(inode)->i_sync_tid);
	inode_unlock(inode);
	trace_refdax_fallocate_exit(inode, err);
	return err;
}
