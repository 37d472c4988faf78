// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data in the page cache, written in place (REFDAX_MODE_CACHE), through iomap;
 * and direct I/O, which goes around the cache.
 *
 * Blocks are allocated where data comes from: by write(2) under i_rwsem, by a
 * fault's ->page_mkwrite under the invalidate_lock, always as unwritten ones,
 * and always before a folio is locked. So writeback, which holds a folio when
 * it asks for blocks, never allocates and needs no journal handle: in this mode
 * nobody ever has a folio locked and a handle open at the same time, and the
 * two have no order. A commit that waits for handles never waits for a folio.
 *
 * When the data is on the device a worker, which holds no folio lock, makes the
 * blocks written ones and moves the size on disk up to the data. Until then a
 * crash leaves unwritten blocks, which read as zeroes: nothing that a block held
 * before can appear. Folios stay under writeback until the worker is done, so
 * fsync(2), truncate and punch, which wait for writeback, wait for it as well.
 *
 * Writeback keeps a map for several folios in a row. Meanwhile blocks may be
 * freed and others allocated, so i_map_seq says whether the map is still true
 * (as in xfs_imap_valid()). Writes check theirs once they have the folio locked,
 * since a worker may have made unwritten blocks written ones since: d7b64041164c
 * ("iomap: write iomap validity checks").
 */
#include <linux/backing-dev.h>
#include <linux/iomap.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "refdax.h"
#include "trace.h"

static u64 refdax_blocks_of(loff_t pos, loff_t length)
{
	return ((pos + length - 1) >> REFDAX_BLOCK_BITS) - (pos >> REFDAX_BLOCK_BITS) + 1;
}

bool refdax_may_retry(struct super_block *sb, int err, int *retries)
{
	return err == -ENOSPC && (*retries)++ < 2 &&
	       atomic64_read(&REFDAX_SB(sb)->s_uncommitted) && !refdax_journal_force(sb);
}

/* Lock order, see dax.c: i_rwsem > jbd2 handle > i_extent_sem. */
int refdax_allocate_for_write(struct inode *inode, u64 logical, u64 count,
			      enum refdax_map_state state, struct refdax_map *map)
{
	struct jbd2_journal_handle *handle;
	int err, err2, retries = 0;

	do {
		handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = 0;
		/* Blocks behind the end: after a power cut the orphan list frees them. */
		if (((logical + count) << REFDAX_BLOCK_BITS) > i_size_read(inode))
			err = refdax_orphan_add(handle, inode);
		if (!err)
			err = refdax_map_allocate(handle, inode, logical, count, state, map);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	} while (refdax_may_retry(inode->i_sb, err, &retries));
	return err;
}

/* Lock order, see dax.c: invalidate_lock > jbd2 handle > i_extent_sem. */
int refdax_allocate_for_fault(struct inode *inode, u64 logical)
{
	struct jbd2_journal_handle *handle;
	int err, err2, retries = 0;
	struct refdax_map map;

	/* It cannot shrink meanwhile; blocks behind it would stay there. */
	if (logical << REFDAX_BLOCK_BITS >= i_size_read(inode))
		return -EFAULT;
	err = refdax_map_blocks(inode, logical, 1, &map);
	if (err || map.m_state != REFDAX_HOLE)
		return err;
	do {
		handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = refdax_map_allocate(handle, inode, logical, 1, REFDAX_UNWRITTEN, &map);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	} while (refdax_may_retry(inode->i_sb, err, &retries));
	return err;
}

int refdax_data_written(struct inode *inode, loff_t pos, loff_t length)
{
	u64 block = pos >> REFDAX_BLOCK_BITS, end = block + refdax_blocks_of(pos, length);
	struct jbd2_journal_handle *handle;
	int err = 0, err2, retries = 0;
	struct refdax_map map;

	while (block < end) {
		handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = refdax_map_written(handle, inode, block, end - block, &map);
		if (!err && block + map.m_count >= end &&
		    refdax_disk_size_reached(inode, pos + length))
			err = refdax_inode_update_data(handle, inode);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
		if (refdax_may_retry(inode->i_sb, err, &retries))
			continue;
		if (err)
			break;
		block += map.m_count;
	}
	return err;
}

/*
 * iomap.
 */

static bool refdax_iomap_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(REFDAX_I(inode)->i_map_seq);
}

const struct refdax_iomap_write_ops refdax_cache_write_ops = {
	.iomap_valid	= refdax_iomap_valid,
};

/* For buffered and direct I/O, reading and writing; never with a handle open. */
static int refdax_cache_iomap_begin(struct inode *inode, loff_t pos, loff_t length,
				    unsigned int flags, struct iomap *iomap, struct iomap *srcmap)
{
	u64 logical = pos >> REFDAX_BLOCK_BITS, count = refdax_blocks_of(pos, length);
	struct refdax_map map;
	int err;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	err = refdax_map_blocks(inode, logical, count, &map);
	if (!err && (flags & IOMAP_WRITE) && map.m_state == REFDAX_HOLE) {
		count = min_t(u64, count, REFDAX_ALLOC_MAX);
		if (flags & IOMAP_NOWAIT)
			err = -EAGAIN;
		else if (flags & IOMAP_FAULT)	/* refdax_allocate_for_fault() was before */
			err = -EIO;
		else
			err = refdax_allocate_for_write(inode, logical, count, REFDAX_UNWRITTEN,
							&map);
	}
	if (err)
		return err;
	refdax_fill_iomap(inode, iomap, &map, flags);
	if (!(flags & (IOMAP_DIRECT | IOMAP_REPORT)) && (flags & (IOMAP_WRITE | IOMAP_ZERO))) {
		iomap->validity_cookie = map.m_seq;
		refdax_iomap_set_write_ops(iomap, &refdax_cache_write_ops);
	}
	return 0;
}

const struct iomap_ops refdax_cache_iomap_ops = {
	.iomap_begin	= refdax_cache_iomap_begin,
};

/*
 * Writeback.
 */

/* In the workqueue s_ioend_wq. Holds nothing. */
static void refdax_end_ioend(struct iomap_ioend *ioend)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	/* Memory reclaim may wait for these folios. */
	unsigned int nofs = memalloc_nofs_save();
	struct inode *inode = ioend->io_inode;
	int err = blk_status_to_errno(refdax_ioend_bio(ioend)->bi_status);

	if (!err)
		err = refdax_data_written(inode, ioend->io_offset, ioend->io_size);
	/* After an abort of the journal it may be many. */
	if (err && __ratelimit(&limit))
		refdax_msg(inode->i_sb, KERN_ERR, "inode %llu: writeback at %lld failed (error %d): data is lost; fsync reports it",
			   (u64)inode->i_ino, ioend->io_offset, err);
	/* Ends the writeback of the folios: from here on the inode may go. */
	iomap_finish_ioends(ioend, err);
	memalloc_nofs_restore(nofs);
}

void refdax_end_io_work(struct work_struct *work)
{
	struct refdax_inode_info *ri = container_of(work, struct refdax_inode_info, i_ioend_work);
	struct iomap_ioend *ioend;
	LIST_HEAD(list);

	spin_lock_irq(&ri->i_ioend_lock);
	list_replace_init(&ri->i_ioends, &list);
	spin_unlock_irq(&ri->i_ioend_lock);

	iomap_sort_ioends(&list);
	while ((ioend = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&ioend->io_list);
		iomap_ioend_try_merge(ioend, &list);
		refdax_end_ioend(ioend);
		cond_resched();
	}
}

static void refdax_end_bio(struct bio *bio)
{
	struct iomap_ioend *ioend = refdax_bio_ioend(bio);
	struct refdax_inode_info *ri = REFDAX_I(ioend->io_inode);
	unsigned long flags;

	spin_lock_irqsave(&ri->i_ioend_lock, flags);
	if (list_empty(&ri->i_ioends))
		queue_work(REFDAX_SB(ioend->io_inode->i_sb)->s_ioend_wq, &ri->i_ioend_work);
	list_add_tail(&ioend->io_list, &ri->i_ioends);
	spin_unlock_irqrestore(&ri->i_ioend_lock, flags);
}

static bool refdax_ioend_wanted(const struct iomap_ioend *ioend)
{
	return refdax_ioend_unwritten(ioend) || ioend->io_offset + ioend->io_size >
	       READ_ONCE(REFDAX_I(ioend->io_inode)->i_disk_size);
}

/* A folio is locked. Lock order, see dax.c: folio lock > i_extent_sem. */
static int refdax_writeback_map(struct inode *inode, struct iomap *iomap, loff_t offset)
{
	u64 logical = offset >> REFDAX_BLOCK_BITS;
	struct refdax_map map;
	int err;

	/* Shut down since it began: data in place is no better than a journal that stopped. */
	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	if (offset >= iomap->offset && offset < iomap->offset + iomap->length &&
	    refdax_iomap_valid(inode, iomap))
		return 0;
	err = refdax_map_blocks(inode, logical, REFDAX_EXTENT_MAX, &map);
	if (err)
		return err;
	/* iomap would pass it over, and call the folio clean. */
	if (map.m_state == REFDAX_HOLE) {
		refdax_msg(inode->i_sb, KERN_ERR, "inode %llu: dirty data at %lld has no block: it is lost",
			   (u64)inode->i_ino, offset);
		return -EIO;
	}
	refdax_fill_iomap(inode, iomap, &map, 0);
	iomap->validity_cookie = map.m_seq;
	return 0;
}

REFDAX_DEFINE_WRITEPAGES(refdax_iomap, refdax_writeback_map, refdax_ioend_wanted, refdax_end_bio)

/* Lock order, see dax.c: s_writepages_rwsem > folio lock. */
static int refdax_cache_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct inode *inode = mapping->host;
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	int err;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	trace_refdax_writepages_enter(inode, wbc->range_start,
				      wbc->range_end == LLONG_MAX ? 0 :
				      wbc->range_end - wbc->range_start + 1);
	percpu_down_read(&sbi->s_writepages_rwsem);
	/* Held: s_writepages_rwsem shared, so flips must wait. */
	refdax_gate(inode->i_sb, REFDAX_GATE_WRITEPAGES_ENTER);
	err = refdax_iomap_writepages(mapping, wbc);
	percpu_up_read(&sbi->s_writepages_rwsem);
	trace_refdax_writepages_exit(inode, err);
	return err;
}

static int refdax_cache_read_folio(struct file *file, struct folio *folio)
{
	return refdax_iomap_read_folio(folio, &refdax_cache_iomap_ops);
}

static void refdax_cache_readahead(struct readahead_control *rac)
{
	refdax_iomap_readahead(rac, &refdax_cache_iomap_ops);
}

static sector_t refdax_cache_bmap(struct address_space *mapping, sector_t block)
{
	return iomap_bmap(mapping, block, &refdax_cache_iomap_ops);
}

/* With ->bmap alone swapon(2) would take the blocks for itself, and flips would not know. */
static int refdax_swap_activate(struct swap_info_struct *sis, struct file *file, sector_t *span)
{
	return -EINVAL;
}

const struct address_space_operations refdax_cache_aops = {
	.read_folio		= refdax_cache_read_folio,
	.readahead		= refdax_cache_readahead,
	.writepages		= refdax_cache_writepages,
	.dirty_folio		= REFDAX_DIRTY_FOLIO,
	.release_folio		= iomap_release_folio,
	.invalidate_folio	= iomap_invalidate_folio,
	.migrate_folio		= filemap_migrate_folio,
	.is_partially_uptodate	= iomap_is_partially_uptodate,
	REFDAX_ERROR_REMOVE,
	.bmap			= refdax_cache_bmap,
	.swap_activate		= refdax_swap_activate,
};

/*
 * Mappings. A VMA keeps its file's mode from changing (refdax_mmap()), so
 * that which vm_operations_struct it has is the mode, and nothing need be asked.
 */

/* Lock order, see dax.c: sb pagefault > invalidate_lock > jbd2 handle or folio lock. */
static vm_fault_t refdax_cache_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	u64 index = vmf->pgoff;
	vm_fault_t ret;
	int err;

	trace_refdax_fault_enter(inode, vmf, 0, true);
	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	filemap_invalidate_lock_shared(inode->i_mapping);
	err = refdax_allocate_for_fault(inode, index);
	if (!err)
		ret = refdax_iomap_page_mkwrite(vmf, &refdax_cache_iomap_ops);
	else
		ret = refdax_fault_error(err);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	trace_refdax_fault_exit(inode, index, 0, true, ret);
	return ret;
}

#ifdef REFDAX_LAB
/* The bug fault_mode_unlocked: as it was when S_DAX was asked, not the VMA. */
static vm_fault_t refdax_cache_fault(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	bool dax = IS_DAX(inode);

	/* Held: the mmap_lock or the VMA's. */
	refdax_gate(inode->i_sb, REFDAX_GATE_FAULT_MODE);
	if (dax && refdax_bug(inode->i_sb, REFDAX_BUG_FAULT_MODE_UNLOCKED))
		return refdax_dax_vm_ops.fault(vmf);
	return filemap_fault(vmf);
}
#else
#define refdax_cache_fault	filemap_fault
#endif

const struct vm_operations_struct refdax_cache_vm_ops = {
	.fault		= refdax_cache_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= refdax_cache_page_mkwrite,
	.open		= refdax_vma_open,
	.close		= refdax_vma_close,
};

/*
 * write(2), and direct I/O.
 */

ssize_t refdax_cache_write(struct kiocb *iocb, struct iov_iter *from)
{
	return refdax_iomap_write(iocb, from, &refdax_cache_iomap_ops, &refdax_cache_write_ops);
}

ssize_t refdax_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	file_accessed(iocb->ki_filp);
	return iomap_dio_rw(iocb, to, &refdax_cache_iomap_ops, NULL, 0, NULL, 0);
}

/* May run in a worker when the write's caller has gone on, without i_rwsem; not if it extends. */
static int refdax_direct_end_io(struct kiocb *iocb, ssize_t size, int error, unsigned int flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t end = iocb->ki_pos + size;
	unsigned int nofs;
	int err = error;

	if (err || !size)
		return err;
	nofs = memalloc_nofs_save();
	if (end > i_size_read(inode)) {
		spin_lock(&REFDAX_I(inode)->i_raw_lock);
		i_size_write(inode, end);
		spin_unlock(&REFDAX_I(inode)->i_raw_lock);
	}
	if (flags & IOMAP_DIO_UNWRITTEN || end > READ_ONCE(REFDAX_I(inode)->i_disk_size))
		err = refdax_data_written(inode, iocb->ki_pos, size);
	memalloc_nofs_restore(nofs);
	return err;
}

static const struct iomap_dio_ops refdax_direct_ops = {
	.end_io		= refdax_direct_end_io,
};

/*
 * Parts of blocks would be zeroed around by each of two writes to one unwritten
 * block, and a growing file needs its end known: such a write waits for
 * those under way, and to be done before i_rwsem lets others in. See
 * xfs_file_dio_write_unaligned().
 */
ssize_t refdax_direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t pos = iocb->ki_pos, count = iov_iter_count(from);
	bool alone = !IS_ALIGNED(pos | count, REFDAX_BLOCK_SIZE) ||
		     pos + count > i_size_read(inode);
	ssize_t ret, written;

	if (alone && (iocb->ki_flags & IOCB_NOWAIT))
		return -EAGAIN;
	if (alone)
		inode_dio_wait(inode);
	ret = iomap_dio_rw(iocb, from, &refdax_cache_iomap_ops, &refdax_direct_ops,
			   alone ? IOMAP_DIO_FORCE_WAIT : 0, NULL, 0);
	/* The page cache could not be invalidated, or the rest could not be done directly. */
	if (ret == -ENOTBLK)
		ret = 0;
	if (ret < 0 || !iov_iter_count(from))
		return ret;
	written = refdax_cache_write(iocb, from);
	return direct_write_fallback(iocb, from, ret, written);
}
