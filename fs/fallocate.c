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
	int err;

	filemap_invalidate_lock(inode->i_mapping);
	err = refdax_break_layouts(inode, start, end - 1);
	if (err)
		goto out;
	if (first > last) {
		err = dax_zero_range(inode, start, end - start, NULL, &refdax_dax_iomap_ops);
		goto out;
	}
	if (start < first)
		err = dax_zero_range(inode, start, first - start, NULL, &refdax_dax_iomap_ops);
	if (!err && last < end)
		err = dax_zero_range(inode, last, end - last, NULL, &refdax_dax_iomap_ops);
	if (err || first == last)
		goto out;
	truncate_pagecache_range(inode, first, last - 1);
	err = refdax_punch_blocks(inode, first >> REFDAX_BLOCK_BITS, last >> REFDAX_BLOCK_BITS);
out:
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* Allocate what is a hole in [start, end), as unwritten blocks. With i_rwsem held. */
static int refdax_preallocate(struct inode *inode, loff_t start, loff_t end)
{
	u64 block = start >> REFDAX_BLOCK_BITS, stop = DIV_ROUND_UP_ULL(end, REFDAX_BLOCK_SIZE);
	struct super_block *sb = inode->i_sb;
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
		if (err == -ENOSPC && retries++ < 2 &&
		    atomic64_read(&REFDAX_SB(sb)->s_uncommitted) && !refdax_journal_force(sb))
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

	/* What a mapping stored behind the end must not become part of the file. */
	err = dax_truncate_page(inode, i_size_read(inode), NULL, &refdax_dax_iomap_ops);
	if (err)
		return err;
	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	i_size_write(inode, size);
	err = refdax_inode_update_data(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	return err ?: err2;
}

long refdax_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	loff_t end = offset + len;
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (!S_ISREG(inode->i_mode))
		return -EOPNOTSUPP;

	trace_refdax_fallocate_enter(inode, offset, len);
	inode_lock(inode);
	err = 0;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = inode_newsize_ok(inode, end);
	if (!err)
		err = file_modified(file);
	if (!err && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		err = refdax_punch(inode, offset, end);
	if (!err && !(mode & FALLOC_FL_PUNCH_HOLE))
		err = refdax_preallocate(inode, offset, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		err = refdax_grow(inode, end);
	if (!err && (IS_SYNC(inode) || (file->f_flags & O_DSYNC)))
		err = refdax_journal_commit(inode->i_sb, REFDAX_I(inode)->i_sync_tid);
	inode_unlock(inode);
	trace_refdax_fallocate_exit(inode, err);
	return err;
}
