// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data in the page cache that reaches the device through the journal
 * (REFDAX_MODE_JOURNAL, FS_JOURNAL_DATA_FL).
 *
 * Journalled data is metadata to jbd2: its blocks are buffers in the page cache
 * of the block device, as those of directories are, and jbd2 never sees a folio
 * of the file. A folio is copied into its block's buffer inside a handle, with
 * the conversion of an unwritten block and the size in the same one. ext4
 * instead attaches the file's own folios to the journal; then every step of a
 * folio's life (writeback, reclaim, truncate, migration, a store through a
 * mapping while a commit writes it) must ask jbd2, and that is where its bugs
 * were. A copy needs none of this, at the price of memory: data that is in the
 * journal is there twice.
 *
 * write(2) copies at once, so that what was written is in a transaction no newer
 * than the one of a rename(2) that follows. Stores through a mapping are copied
 * by ->writepages, like fsync(2) or reclaim call for it.
 *
 * The device may be behind the journal, so folios are read through the buffers
 * as well, and there is no direct I/O. A block that is freed is revoked, as a
 * directory's is: else a replay could write over what it is used for next.
 * Buffers left over from another mode are dropped when a file comes here (mode.c).
 *
 * Lock order, see dax.c: jbd2 handle > folio lock.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include "refdax.h"
#include "trace.h"

/* One block of data: allocated before, now written, and copied. */
#define REFDAX_DATA_CREDITS	(REFDAX_ALLOC_CREDITS + REFDAX_INSERT_CREDITS + 1)

/*
 * Copy the folio into its block, in the handle. It is locked and up to date, and
 * its block is allocated. Needs REFDAX_DATA_CREDITS less those of an allocation.
 */
static int refdax_journalled_store(struct jbd2_journal_handle *handle, struct inode *inode,
				   struct folio *folio)
{
	struct super_block *sb = inode->i_sb;
	struct buffer_head *bh;
	struct refdax_map map;
	loff_t size = i_size_read(inode);
	void *data;
	int err;

	err = refdax_map_written(handle, inode, folio->index, 1, &map);
	if (err)
		return err;
	if (map.m_state != REFDAX_MAPPED) {
		refdax_msg(sb, KERN_ERR, "inode %llu: dirty data at %lld has no block: it is lost",
			   (u64)inode->i_ino, folio_pos(folio));
		return -EIO;
	}
	/* What a mapping stored behind the end stays in memory. */
	if (folio_pos(folio) + REFDAX_BLOCK_SIZE > size && folio_pos(folio) < size)
		folio_zero_segment(folio, offset_in_folio(folio, size), REFDAX_BLOCK_SIZE);

	bh = sb_getblk(sb, map.m_physical);
	if (!bh)
		return -ENOMEM;
	data = kmap_local_folio(folio, 0);
	/* Not up to date: then in no transaction either, and all of it is replaced. */
	lock_buffer(bh);
	if (!buffer_uptodate(bh)) {
		memcpy(bh->b_data, data, REFDAX_BLOCK_SIZE);
		set_buffer_uptodate(bh);
	}
	unlock_buffer(bh);
	err = refdax_journal_write_access(handle, bh);
	if (!err) {
		memcpy(bh->b_data, data, REFDAX_BLOCK_SIZE);
		err = refdax_journal_dirty_data(handle, bh);
	}
	kunmap_local(data);
	brelse(bh);
	/* Even if the inode did not change: fsync(2) waits for this transaction. */
	REFDAX_I(inode)->i_sync_tid = refdax_journal_tid(handle);
	REFDAX_I(inode)->i_datasync_tid = refdax_journal_tid(handle);
	return err;
}

/* Fill a locked folio. May sleep on the device; takes i_extent_sem and buffer locks. */
static int refdax_journalled_load(struct inode *inode, struct folio *folio)
{
	struct buffer_head *bh;
	struct refdax_map map;
	void *data;
	int err;

	err = refdax_map_blocks(inode, folio->index, 1, &map);
	if (err)
		return err;
	if (map.m_state == REFDAX_MAPPED) {
		bh = sb_bread(inode->i_sb, map.m_physical);
		if (!bh)
			return -EIO;
		data = kmap_local_folio(folio, 0);
		memcpy(data, bh->b_data, REFDAX_BLOCK_SIZE);
		kunmap_local(data);
		brelse(bh);
	} else {
		folio_zero_segment(folio, 0, REFDAX_BLOCK_SIZE);
	}
	folio_mark_uptodate(folio);
	return 0;
}

static int refdax_journalled_read_folio(struct file *file, struct folio *folio)
{
	int err = refdax_journalled_load(folio->mapping->host, folio);

	folio_unlock(folio);
	return err;
}

/*
 * write(2), a folio at a time: generic_perform_write() calls ->write_begin, copies
 * without taking page faults, and calls ->write_end. The handle stays open
 * from the one to the other, so that block, size and data are in one transaction.
 */

static struct folio *refdax_journalled_folio(struct inode *inode, pgoff_t index)
{
	struct folio *folio;

	folio = __filemap_get_folio(inode->i_mapping, index,
				    FGP_LOCK | FGP_WRITE | FGP_CREAT | FGP_STABLE,
				    mapping_gfp_mask(inode->i_mapping));
	return IS_ERR_OR_NULL(folio) ? ERR_PTR(-ENOMEM) : folio;
}

static int refdax_journalled_begin(struct jbd2_journal_handle *handle, struct inode *inode,
				   loff_t pos, unsigned int length, struct folio **result)
{
	u64 logical = pos >> REFDAX_BLOCK_BITS;
	struct refdax_map map;
	struct folio *folio;
	int err = 0;

	/* Blocks behind the end: after a power cut the orphan list frees them. */
	if (((logical + 1) << REFDAX_BLOCK_BITS) > i_size_read(inode))
		err = refdax_orphan_add(handle, inode);
	if (!err)
		err = refdax_map_allocate(handle, inode, logical, 1, REFDAX_UNWRITTEN, &map);
	if (err)
		return err;
	folio = refdax_journalled_folio(inode, logical);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (length < REFDAX_BLOCK_SIZE && !folio_test_uptodate(folio)) {
		err = refdax_journalled_load(inode, folio);
		if (err) {
			folio_unlock(folio);
			folio_put(folio);
			return err;
		}
	}
	*result = folio;
	return 0;
}

static int refdax_journalled_write_begin(refdax_write_context_t *context,
					 struct address_space *mapping, loff_t pos,
					 unsigned int length,
					 refdax_write_folio_t **result, void **private)
{
	struct inode *inode = mapping->host;
	struct jbd2_journal_handle *handle;
	struct folio *folio;
	int err, retries = 0;

	do {
		handle = refdax_journal_start(inode, REFDAX_DATA_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = refdax_journalled_begin(handle, inode, pos, length, &folio);
		if (!err)
			break;
		refdax_journal_stop(inode, handle);
	} while (refdax_may_retry(inode->i_sb, err, &retries));
	if (err)
		return err;
	*private = handle;
	*result = refdax_to_write_folio(folio);
	return 0;
}

static int refdax_journalled_write_end(refdax_write_context_t *context,
				       struct address_space *mapping, loff_t pos,
				       unsigned int length, unsigned int copied,
				       refdax_write_folio_t *write_folio, void *private)
{
	struct folio *folio = refdax_from_write_folio(write_folio);
	struct jbd2_journal_handle *handle = private;
	struct inode *inode = mapping->host;
	int err = 0, err2;

	/* A whole folio was to be replaced, and part of it is missing. */
	if (copied < length && !folio_test_uptodate(folio))
		copied = 0;
	if (copied) {
		folio_mark_uptodate(folio);
		if (pos + copied > i_size_read(inode)) {
			refdax_set_sizes(inode, pos + copied);
			err = refdax_inode_update_data(handle, inode);
		}
		if (!err)
			err = refdax_journalled_store(handle, inode, folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	err2 = refdax_journal_stop(inode, handle);
	if (!err)
		err = err2;
	return err ?: copied;
}

ssize_t refdax_journalled_write(struct kiocb *iocb, struct iov_iter *from)
{
	return generic_perform_write(iocb, from);
}

int refdax_journalled_zero(struct inode *inode, loff_t pos, loff_t length)
{
	struct jbd2_journal_handle *handle;
	unsigned int offset, bytes;
	struct refdax_map map;
	struct folio *folio;
	int err = 0, err2;

	for (; length && !err; pos += bytes, length -= bytes) {
		offset = pos & (REFDAX_BLOCK_SIZE - 1);
		bytes = min_t(loff_t, length, REFDAX_BLOCK_SIZE - offset);
		handle = refdax_journal_start(inode, REFDAX_DATA_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		err = refdax_map_blocks(inode, pos >> REFDAX_BLOCK_BITS, 1, &map);
		if (err || map.m_state == REFDAX_HOLE)
			goto stop;
		folio = refdax_journalled_folio(inode, pos >> REFDAX_BLOCK_BITS);
		if (IS_ERR(folio)) {
			err = PTR_ERR(folio);
			goto stop;
		}
		if (!folio_test_uptodate(folio))
			err = refdax_journalled_load(inode, folio);
		/* Unwritten and clean: it is zero. A dirty one is not written yet. */
		if (!err && (map.m_state == REFDAX_MAPPED || folio_test_dirty(folio))) {
			folio_zero_segment(folio, offset, offset + bytes);
			err = refdax_journalled_store(handle, inode, folio);
		}
		folio_unlock(folio);
		folio_put(folio);
stop:
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	}
	return err;
}

/*
 * Writeback of what was stored through mappings.
 */

/* The folio is locked, and is unlocked here. */
static int refdax_journalled_write_folio(struct jbd2_journal_handle *handle, struct inode *inode,
					 struct folio *folio, struct writeback_control *wbc)
{
	int err = 0;

	/* It may have been truncated, or written, since it was found. */
	if (folio->mapping != inode->i_mapping || !folio_test_dirty(folio) ||
	    folio_pos(folio) >= i_size_read(inode))
		goto unlock;
	folio_wait_writeback(folio);
	/* Write-protects it in all mappings: a store from here on must come for this lock. */
	if (!folio_clear_dirty_for_io(folio))
		goto unlock;
	folio_start_writeback(folio);
	err = refdax_journalled_store(handle, inode, folio);
	if (err)
		mapping_set_error(inode->i_mapping, err);
	folio_unlock(folio);
	folio_end_writeback(folio);
	wbc->nr_to_write--;
	return err;

unlock:
	folio_unlock(folio);
	return 0;
}

static int refdax_journalled_write_batch(struct inode *inode, struct folio_batch *batch,
					 struct writeback_control *wbc)
{
	struct jbd2_journal_handle *handle;
	int err = 0, err2;
	unsigned int i;

	/* The handle comes first, so one for each: a folio that is locked waits for none. */
	for (i = 0; i < folio_batch_count(batch) && !err; i++) {
		handle = refdax_journal_start(inode, REFDAX_DATA_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle))
			return PTR_ERR(handle);
		folio_lock(batch->folios[i]);
		err = refdax_journalled_write_folio(handle, inode, batch->folios[i], wbc);
		err2 = refdax_journal_stop(inode, handle);
		if (!err)
			err = err2;
	}
	return err;
}

static int refdax_journalled_write_range(struct address_space *mapping,
					 struct writeback_control *wbc)
{
	pgoff_t index = wbc->range_cyclic ? 0 : wbc->range_start >> PAGE_SHIFT;
	pgoff_t end = wbc->range_cyclic ? -1 : wbc->range_end >> PAGE_SHIFT;
	bool all = wbc->sync_mode == WB_SYNC_ALL || wbc->tagged_writepages;
	xa_mark_t tag = all ? PAGECACHE_TAG_TOWRITE : PAGECACHE_TAG_DIRTY;
	struct folio_batch batch;
	int err = 0;

	/* Else a task that keeps dirtying pages could keep us here for ever. */
	if (all)
		tag_pages_for_writeback(mapping, index, end);
	folio_batch_init(&batch);
	while (!err && filemap_get_folios_tag(mapping, &index, end, tag, &batch)) {
		err = refdax_journalled_write_batch(mapping->host, &batch, wbc);
		folio_batch_release(&batch);
		if (wbc->nr_to_write <= 0 && wbc->sync_mode == WB_SYNC_NONE)
			break;
		cond_resched();
	}
	return err;
}

/* Lock order, see dax.c: s_writepages_rwsem > jbd2 handle > folio lock. */
static int refdax_journalled_writepages(struct address_space *mapping,
					struct writeback_control *wbc)
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
	err = refdax_journalled_write_range(mapping, wbc);
	percpu_up_read(&sbi->s_writepages_rwsem);
	trace_refdax_writepages_exit(inode, err);
	return err;
}

/* No ->bmap: who reads the device does not see what is in the journal alone. */
const struct address_space_operations refdax_journalled_aops = {
	.read_folio		= refdax_journalled_read_folio,
	.writepages		= refdax_journalled_writepages,
	.write_begin		= refdax_journalled_write_begin,
	.write_end		= refdax_journalled_write_end,
	.dirty_folio		= filemap_dirty_folio,
	.migrate_folio		= filemap_migrate_folio,
	REFDAX_ERROR_REMOVE,
};

/* Lock order, see dax.c: sb pagefault > invalidate_lock > jbd2 handle or folio lock. */
static vm_fault_t refdax_journalled_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct folio *folio = page_folio(vmf->page);
	u64 index = vmf->pgoff;
	vm_fault_t ret;
	int err;

	trace_refdax_fault_enter(inode, vmf, 0, true);
	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	filemap_invalidate_lock_shared(inode->i_mapping);
	/* With a handle of its own that is closed again before the folio is locked. */
	err = refdax_allocate_for_fault(inode, index);
	if (err) {
		ret = refdax_fault_error(err);
		goto out;
	}
	folio_lock(folio);
	if (folio->mapping != inode->i_mapping || folio_pos(folio) >= i_size_read(inode)) {
		folio_unlock(folio);
		ret = VM_FAULT_NOPAGE;
		goto out;
	}
	folio_mark_dirty(folio);
	folio_wait_stable(folio);
	ret = VM_FAULT_LOCKED;
out:
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	trace_refdax_fault_exit(inode, index, 0, true, ret);
	return ret;
}

const struct vm_operations_struct refdax_journalled_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= refdax_journalled_page_mkwrite,
	.open		= refdax_vma_open,
	.close		= refdax_vma_close,
};
