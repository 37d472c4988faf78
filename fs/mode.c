// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mode of a file's data: DAX, page cache, or page cache through the journal
 * (enum refdax_mode), and changes between them ("flips") by FS_IOC_SETFLAGS and
 * FS_IOC_FSSETXATTR.
 *
 * A flip must not overlap anything that has read the old mode, and must leave
 * nothing behind that belongs to it. Who reads the mode, and what keeps it from
 * changing meanwhile:
 *
 *   read, write, truncate,	i_rwsem, from before they read the mode until they are done
 *   fallocate
 *   direct I/O in flight	inode_dio_wait(), since i_rwsem keeps new I/O out
 *   ->mmap			the invalidate_lock, shared, from before it reads the mode until
 *				it has counted its VMA in i_vmas
 *   faults			their VMA: while there is one, flips fail with EBUSY. Its
 *				vm_operations_struct is the mode; no fault looks at S_DAX.
 *				mapping_mapped() would not do: the VMA that ->mmap was called
 *				for is not in i_mmap before ->mmap has returned.
 *   ->writepages		s_writepages_rwsem; one started by the flusher threads may still
 *				be on its way when the flip has written everything back
 *   journal handles		jbd2_journal_lock_updates(), where the journal is concerned
 *
 * The order is that of the mail that asked for it (2017, ext4): first what
 * excludes others, then writeback and invalidation, which take s_writepages_rwsem
 * and handles themselves and so must come before the former is held and outside
 * the latter, then the barriers, then the change of S_DAX, the operations and the
 * flags at once.
 *
 * Lock order, see dax.c: i_rwsem > invalidate_lock > s_writepages_rwsem > jbd2 handle.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/pagemap.h>

#include "refdax.h"
#include "trace.h"

enum refdax_mode refdax_mode_wanted(struct inode *inode, u32 flags)
{
	/* DAX writes in place, where no journal sees it: as ext4_should_enable_dax(). */
	if (flags & REFDAX_FL_JOURNAL_DATA)
		return REFDAX_MODE_JOURNAL;
	switch (REFDAX_SB(inode->i_sb)->s_dax_option) {
	case REFDAX_DAX_ALWAYS:
		return REFDAX_MODE_DAX;
	case REFDAX_DAX_NEVER:
		return REFDAX_MODE_CACHE;
	default:
		return flags & REFDAX_FL_DAX ? REFDAX_MODE_DAX : REFDAX_MODE_CACHE;
	}
}

void refdax_mode_set(struct inode *inode, enum refdax_mode mode)
{
	static const struct address_space_operations *const aops[] = {
		[REFDAX_MODE_DAX]	= &refdax_dax_aops,
		[REFDAX_MODE_CACHE]	= &refdax_cache_aops,
		[REFDAX_MODE_JOURNAL]	= &refdax_journalled_aops,
	};

	WRITE_ONCE(REFDAX_I(inode)->i_data_mode, mode);
	WRITE_ONCE(inode->i_mapping->a_ops, aops[mode]);
	refdax_set_vfs_flags(inode);
}

/*
 * Nothing of the old mode may be left in the mapping: neither DAX entries, nor
 * folios, nor traces of folios that were reclaimed.
 */
static int refdax_flip_empty(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	int err = 0;

	if (!refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_NO_WRITEBACK))
		err = filemap_write_and_wait(mapping);
	if (err || refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_NO_INVALIDATE))
		return err;
	trace_refdax_invalidate_enter(inode, 0, 0);
	err = invalidate_inode_pages2(mapping);
	trace_refdax_invalidate_exit(inode, err);
	if (refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_NO_WRITEBACK))
		return 0;
	/* Somebody uses a folio that could not be taken away. */
	if (err || !mapping_empty(mapping))
		return -EBUSY;
	return 0;
}

/* The device's own page cache must not answer for this block any more. */
static int refdax_flip_drop_buffer(struct address_space *mapping, u64 block)
{
	struct folio *folio = filemap_get_folio(mapping, block);
	struct buffer_head *head, *bh;
	int err = 0;

	if (IS_ERR_OR_NULL(folio))
		return 0;
	folio_lock(folio);
	head = folio_buffers(folio);
	for (bh = head; bh; bh = bh->b_this_page == head ? NULL : bh->b_this_page) {
		if (bh->b_blocknr != block)
			continue;
		/* After the flush only an extent that is also somebody else's can be in use. */
		if (refdax_journal_uses(bh) || buffer_dirty(bh))
			err = -EBUSY;
		else
			clear_buffer_uptodate(bh);
	}
	if (!err)
		folio_clear_uptodate(folio);
	folio_unlock(folio);
	folio_put(folio);
	return err;
}

/*
 * Buffers of the file's blocks, in the block device's page cache, belong to
 * journalled data alone; others go around them. None may survive a flip: it
 * would hide what is written in place, or be read instead of it. They may have
 * come from other lives of the blocks as well, or from a reader of the device.
 */
static int refdax_flip_drop_buffers(struct inode *inode)
{
	struct address_space *mapping = refdax_bdev_mapping(inode->i_sb->s_bdev);
	struct refdax_map map;
	u64 block, i;
	int err = 0;

	for (block = 0; block < REFDAX_LOGICAL_MAX && !err; block += map.m_count) {
		err = refdax_map_blocks(inode, block, REFDAX_LOGICAL_MAX - block, &map);
		if (err || map.m_state == REFDAX_HOLE)
			continue;
		/* Most of them, at little cost; it passes over what somebody holds. */
		invalidate_mapping_pages(mapping, map.m_physical,
					 map.m_physical + map.m_count - 1);
		for (i = 0; i < map.m_count && !err; i++)
			err = refdax_flip_drop_buffer(mapping, map.m_physical + i);
		cond_resched();
	}
	return err;
}

/*
 * From journalled data: what the journal holds must be at home, and the journal
 * empty, before anything is written in place: a replay would bring back the old.
 * To journalled data: then no buffer of the file's blocks is jbd2's.
 * Held: s_writepages_rwsem exclusively; no handle can be open.
 */
static int refdax_flip_journal(struct inode *inode)
{
	return refdax_journal_flush_locked(inode->i_sb) ?: refdax_flip_drop_buffers(inode);
}

/* Held: i_rwsem and the invalidate_lock; nobody uses the file's data. */
static int refdax_flip_locked(struct inode *inode, u32 flags)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct super_block *sb = inode->i_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	enum refdax_mode from = ri->i_data_mode, to = refdax_mode_wanted(inode, flags);
	bool barrier = !refdax_bug(sb, REFDAX_BUG_FLIP_IN_WRITEPAGES);
	bool journal = from == REFDAX_MODE_JOURNAL || to == REFDAX_MODE_JOURNAL;
	int err = 0;

	if (atomic_read(&ri->i_vmas) && !refdax_bug(sb, REFDAX_BUG_FLIP_MAPPED) &&
	    !refdax_bug(sb, REFDAX_BUG_FAULT_MODE_UNLOCKED))
		return -EBUSY;
	err = refdax_flip_empty(inode);
	if (err)
		return err;

	/* Clean and empty. Held: i_rwsem, invalidate_lock. */
	refdax_gate(sb, REFDAX_GATE_FLIP_BEFORE);
	if (barrier)
		percpu_down_write(&sbi->s_writepages_rwsem);
	if (journal) {
		refdax_journal_lock(sb);
		err = refdax_flip_journal(inode);
	}
	if (!err) {
		ri->i_flags = flags;
		/* What was waiting for writeback has been written, and more may follow at once. */
		refdax_set_sizes(inode, i_size_read(inode));
		refdax_mode_set(inode, to);
		trace_refdax_mode(inode, from, to);
	}
	if (journal)
		refdax_journal_unlock(sb);
	if (barrier)
		percpu_up_write(&sbi->s_writepages_rwsem);
	/* The new mode is in force. Held as before. */
	refdax_gate(sb, REFDAX_GATE_FLIP_DONE);
	return err;
}

#ifdef REFDAX_LAB
/*
 * The bugs flip_writeback_in_handle and flip_lock_in_handle: a handle is open
 * while the flip writes back, or waits for the lock that excludes faults.
 */
static struct jbd2_journal_handle *refdax_flip_lab_handle(struct inode *inode)
{
	struct jbd2_journal_handle *handle;

	if (!refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_WRITEBACK_IN_HANDLE) &&
	    !refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_LOCK_IN_HANDLE))
		return NULL;
	handle = refdax_journal_start(inode, REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return handle;
	/* Held: i_rwsem, and a handle. */
	refdax_gate(inode->i_sb, REFDAX_GATE_FLIP_IN_HANDLE);
	if (refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_LOCK_IN_HANDLE)) {
		/* It can deadlock with a fault for good: let it be killed. */
		if (!down_write_killable(&inode->i_mapping->invalidate_lock))
			filemap_invalidate_unlock(inode->i_mapping);
	}
	/* Waiting for writeback of the page cache would need a second handle, for its end. */
	if (refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_WRITEBACK_IN_HANDLE))
		filemap_flush(inode->i_mapping);
	refdax_journal_stop(inode, handle);
	return NULL;
}
#else
static struct jbd2_journal_handle *refdax_flip_lab_handle(struct inode *inode)
{
	return NULL;
}
#endif

int refdax_mode_flip(struct inode *inode, u32 flags)
{
	bool exclude = !refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_UNLOCKED);
	struct jbd2_journal_handle *handle;
	int err;

	handle = refdax_flip_lab_handle(inode);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	inode_dio_wait(inode);
	if (exclude)
		filemap_invalidate_lock(inode->i_mapping);
	err = refdax_flip_locked(inode, flags);
	if (exclude)
		filemap_invalidate_unlock(inode->i_mapping);
	return err;
}
