// SPDX-License-Identifier: GPL-2.0-only
/*
 * DAX: file data is reached through mappings and copies, with no page cache.
 *
 * LOCK ORDER of refdax. A lock may be taken while one that stands before it is
 * held, never the other way round. Functions that take two of them refer to
 * this list.
 *
 *   sb freeze (write)            sb_start_write, by the VFS
 *   inode.i_rwsem                files: I/O shared or exclusive, truncate, fallocate, flags
 *   mm.mmap_lock                 (or the VMA's lock) by the fault's caller; copies from and
 *                                to user memory take it inside i_rwsem
 *   sb freeze (pagefault)        sb_start_pagefault, write faults only
 *   mapping.invalidate_lock      faults shared; truncate, punch exclusive: this is what keeps
 *                                a fault from mapping a block that is being freed
 *   sb.s_writepages_rwsem        ->writepages shared, changes of the data mode exclusive
 *   jbd2 handle                  a pseudo-lock: a commit waits for all handles, and a new
 *                                handle may wait for a commit
 *   DAX entry lock               a bit in the mapping's XArray, in fs/dax.c: faults hold it
 *                                from before ->iomap_begin until the page table is set,
 *                                writeback while it flushes
 *   folio lock                   its equal in the page cache; in journalled mode taken inside
 *                                handles, else never held with one (see aops.c)
 *   refdax_inode_info.i_xattr_sem
 *                                extended attributes; a reader takes it with no handle
 *   refdax_inode_info.i_extent_sem
 *   refdax_group.g_lock, i_raw_lock (spinlocks)
 *
 * dax_iomap_fault() calls ->iomap_begin with the entry locked (since 13e451fdc1af
 * "dax: fix data corruption when fault races with write"), so a fault that may
 * allocate starts its handle before it, as ext4_dax_huge_fault() does
 * (fb26a1cbed8c); ->iomap_begin then must not start one. dax_iomap_rw() holds no
 * entry lock there, and starts and stops its handle inside ->iomap_begin: no
 * handle is open while user memory is copied, because that may fault.
 *
 * A write and a fault on the same block. Three fixes for the race in which the
 * write's invalidation drops an entry that the fault has just made dirty, by
 * the mount option write_fix:
 *   entry      nothing more than fs/dax.c does: ->iomap_begin under the entry
 *              lock, and invalidation that spares dirty entries (c6dcf52c23d2)
 *   flush      after a write that allocated: exclude faults, flush the range, invalidate it
 *   exclusive  exclude faults for the whole write
 */
#include <linux/backing-dev.h>
#include <linux/pagemap.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include "refdax.h"
#include "trace.h"

/* The blocks are on the medium with the next flush of the device's cache. */
int refdax_zero_blocks(struct super_block *sb, u64 start, u64 count)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	pgoff_t pgoff = PHYS_PFN(sbi->s_dax_offset) + start;
	int id, err = 0;

	/* Buffers of a former life as metadata must not be written over the data. */
	clean_bdev_aliases(sb->s_bdev, start, count);
	id = dax_read_lock();
	/* dax_zero_page_range() answers -EIO to more than one page. */
	while (count-- && !err)
		err = dax_zero_page_range(sbi->s_daxdev, pgoff++, 1);
	dax_read_unlock(id);
	return err;
}

void refdax_fill_iomap(struct inode *inode, struct iomap *iomap, struct refdax_map *map,
		       unsigned int flags)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	struct refdax_inode_info *ri = REFDAX_I(inode);

	iomap->flags = map->m_new ? IOMAP_F_NEW : 0;
	/* A synchronous fault must wait for whatever it needs to be found again. */
	if (!refdax_journal_committed(inode->i_sb, READ_ONCE(ri->i_datasync_tid)))
		iomap->flags |= IOMAP_F_DIRTY;
	iomap->bdev = inode->i_sb->s_bdev;
	iomap->dax_dev = sbi->s_daxdev;
	iomap->offset = (u64)map->m_logical << REFDAX_BLOCK_BITS;
	iomap->length = min_t(u64, map->m_count, (u64)MAX_LFS_FILESIZE >> REFDAX_BLOCK_BITS) <<
			REFDAX_BLOCK_BITS;
	iomap->type = map->m_state == REFDAX_MAPPED ? IOMAP_MAPPED :
		      map->m_state == REFDAX_UNWRITTEN ? IOMAP_UNWRITTEN : IOMAP_HOLE;
	iomap->addr = IOMAP_NULL_ADDR;
	if (map->m_state != REFDAX_HOLE)
		iomap->addr = (u64)map->m_physical << REFDAX_BLOCK_BITS;
	/* DAX counts from the start of its device; fiemap from the partition's. */
	if (map->m_state != REFDAX_HOLE && (flags & IOMAP_DAX))
		iomap->addr += sbi->s_dax_offset;
	trace_refdax_map(inode, map->m_logical, map->m_physical, map->m_count, map->m_state,
			 map->m_new, flags);
}

/* What the write in progress has allocated, for those fixes that look at it afterwards. */
static void refdax_note_new(struct inode *inode, const struct refdax_map *map)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);

	if (ri->i_new_first > ri->i_new_last)
		ri->i_new_first = map->m_logical;
	ri->i_new_last = map->m_logical + map->m_count - 1;
}

/*
 * In a damaged filesystem two files may have one block. When both map it, dax_associate_entry()
 * finds that its page belongs to the other, and warns: a warning that an image can bring about
 * is one too many. Two first faults at the same time can still get past this.
 */
static int refdax_check_owner(struct inode *inode, const struct refdax_map *map, u64 count)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	pgoff_t pgoff = PHYS_PFN(sbi->s_dax_offset) + map->m_physical;
	u64 i, bad = U64_MAX;
	void *kaddr;
	long got;
	int id;

	count = min(count, map->m_count);
	id = dax_read_lock();
	got = dax_direct_access(sbi->s_daxdev, pgoff, count, DAX_ACCESS, &kaddr, NULL);
	for (i = 0; got > 0 && i < min_t(u64, count, got) && bad == U64_MAX; i++)
		if (refdax_page_is_others(virt_to_page(kaddr + (i << PAGE_SHIFT)),
					  inode->i_mapping, map->m_logical + i))
			bad = i;
	dax_read_unlock(id);
	if (bad == U64_MAX)
		return 0;
	return refdax_damage(inode->i_sb, "inode %llu: block %llu of the file is mapped by another file, or elsewhere",
			     (u64)inode->i_ino, map->m_logical + bad);
}

/* The entry is locked. The fault has a handle; with the bug handle_in_entry it has none yet. */
static int refdax_map_for_fault(struct inode *inode, u64 logical, u64 count,
				struct refdax_map *map)
{
	struct jbd2_journal_handle *handle = refdax_journal_current();
	int err;

	if (handle)
		return refdax_map_allocate(handle, inode, logical, count, REFDAX_MAPPED, map);
	handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_map_allocate(handle, inode, logical, count, REFDAX_MAPPED, map);
	refdax_journal_stop(inode, handle);
	return err;
}

/* What bugs make of the answer to a fault or a write. */
static void refdax_bad_iomap(struct inode *inode, unsigned int flags, struct iomap *iomap)
{
	struct super_block *sb = inode->i_sb;

	if (!(flags & IOMAP_FAULT)) {
		/* fs/dax.c invalidates the range of a write for new blocks alone. */
		if (refdax_bug(sb, REFDAX_BUG_NO_UNMAP) || refdax_bug(sb, REFDAX_BUG_INVALIDATE_EARLY))
			iomap->flags &= ~IOMAP_F_NEW;
		return;
	}
	if (refdax_bug(sb, REFDAX_BUG_SHORT_MAPPING))
		iomap->length = 512;
	/* Held: the entry's lock, the invalidate_lock shared; for a write, a handle. */
	refdax_gate(sb, REFDAX_GATE_FAULT_BLOCK_FOUND);
}

static int refdax_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			      struct iomap *iomap, struct iomap *srcmap)
{
	u64 logical = pos >> REFDAX_BLOCK_BITS;
	u64 count = ((pos + length - 1) >> REFDAX_BLOCK_BITS) - logical + 1;
	struct refdax_map map;
	int err;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	err = 0;
	if (!(flags & IOMAP_FAULT) || !refdax_lab_stale_map(inode, &map))
		err = refdax_map_blocks(inode, logical, count, &map);
	if (!err && (flags & IOMAP_WRITE) && !(flags & (IOMAP_FAULT | IOMAP_NOWAIT)) &&
	    refdax_bug(inode->i_sb, REFDAX_BUG_INVALIDATE_EARLY)) {
		invalidate_inode_pages2_range(inode->i_mapping, logical, logical + count - 1);
		/* Held: i_rwsem. */
		refdax_gate(inode->i_sb, REFDAX_GATE_WRITE_BEFORE_ALLOCATION);
	}
	/* IOMAP_ZERO leaves holes and unwritten blocks alone: they are zero. */
	if (!err && (flags & IOMAP_WRITE) && map.m_state != REFDAX_MAPPED) {
		count = min_t(u64, count, REFDAX_ALLOC_MAX);
		if (flags & IOMAP_NOWAIT)
			err = -EAGAIN;
		else if (flags & IOMAP_FAULT)
			err = refdax_map_for_fault(inode, logical, count, &map);
		else
			err = refdax_allocate_for_write(inode, logical, count, REFDAX_MAPPED, &map);
		if (!err && map.m_new && !(flags & IOMAP_FAULT))
			refdax_note_new(inode, &map);
	}
	if (!err && flags & IOMAP_FAULT && map.m_state == REFDAX_MAPPED)
		err = refdax_check_owner(inode, &map, count);
	if (err)
		return err;
	refdax_fill_iomap(inode, iomap, &map, flags);
	/* Only damage can do this: better one task's SIGBUS than half a page mapped. */
	if ((flags & IOMAP_FAULT) && iomap->length < PAGE_SIZE) {
		refdax_msg(inode->i_sb, KERN_ERR, "inode %llu: a fault on page %llu got only %llu bytes mapped",
			   (u64)inode->i_ino, logical, iomap->length);
		return -EIO;
	}
	/* After that: bugs are of filesystems that do not look. */
	refdax_bad_iomap(inode, flags, iomap);
	return 0;
}

static int refdax_iomap_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
			    unsigned int flags, struct iomap *iomap)
{
	/*
	 * A write has its new blocks, core DAX has invalidated the range and
	 * copied the data. Held: i_rwsem, with write_fix=exclusive the
	 * invalidate_lock as well. No handle, no entry lock.
	 */
	if ((flags & IOMAP_WRITE) && !(flags & IOMAP_FAULT) && (iomap->flags & IOMAP_F_NEW))
		refdax_gate(inode->i_sb, REFDAX_GATE_WRITE_ALLOCATED);
	return 0;
}

const struct iomap_ops refdax_dax_iomap_ops = {
	.iomap_begin	= refdax_iomap_begin,
	.iomap_end	= refdax_iomap_end,
};

/*
 * Faults.
 */

/* Lock order, see above: sb pagefault > invalidate_lock > jbd2 handle > DAX entry lock. */
static vm_fault_t refdax_dax_huge_fault(struct vm_fault *vmf, refdax_order_t order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct super_block *sb = inode->i_sb;
	/* A private mapping copies: the file does not change, and may be read-only. */
	bool write = (vmf->flags & FAULT_FLAG_WRITE) && (vmf->vma->vm_flags & VM_SHARED);
	/* Bugs may leave some of them out, or add one that is no fault's business. */
	bool i_rwsem = refdax_bug(sb, REFDAX_BUG_FAULT_I_RWSEM);
	bool lock = !refdax_bug(sb, REFDAX_BUG_FAULT_UNLOCKED);
	bool start = write && !(refdax_bug(sb, REFDAX_BUG_HANDLE_IN_ENTRY) &&
				!refdax_order(order));
	struct jbd2_journal_handle *handle = NULL;
	u64 index = vmf->pgoff;
	int err, retries = 0;
	refdax_pfn_t pfn;
	vm_fault_t ret;

	trace_refdax_fault_enter(inode, vmf, refdax_order(order), write);
	/* Held: the mmap_lock or the VMA's, nothing of ours. */
	refdax_gate(sb, REFDAX_GATE_FAULT_ENTER);
	if (write) {
		sb_start_pagefault(sb);
		file_update_time(vmf->vma->vm_file);
	}
	/* Killable: it may be this task that holds it. */
	if (i_rwsem && down_read_killable(&inode->i_rwsem)) {
		ret = VM_FAULT_SIGBUS;
		goto out_rwsem;
	}
	if (lock)
		filemap_invalidate_lock_shared(inode->i_mapping);
	refdax_lab_stale_begin(inode, round_down(index, 1ULL << refdax_order(order)),
			       1ULL << refdax_order(order));
retry:
	err = 0;
	if (start) {
		handle = refdax_journal_start(inode, REFDAX_ALLOC_CREDITS, REFDAX_UNMAP_REVOKES);
		if (IS_ERR(handle)) {
			ret = VM_FAULT_SIGBUS;
			goto out;
		}
	}
	ret = dax_iomap_fault(vmf, order, &pfn, &err, &refdax_dax_iomap_ops);
	if (start)
		refdax_journal_stop(inode, handle);
	if (write) {
		/* What is free but not reusable yet may suffice. */
		if ((ret & VM_FAULT_ERROR) && refdax_may_retry(sb, err, &retries))
			goto retry;
		if (ret & VM_FAULT_NEEDDSYNC)
			ret = dax_finish_sync_fault(vmf, order, pfn);
	}
	/* The page is mapped. Held: the invalidate_lock shared, so truncate must wait. */
	refdax_gate(sb, REFDAX_GATE_FAULT_MAPPED);
out:
	refdax_lab_stale_end();
	if (lock)
		filemap_invalidate_unlock_shared(inode->i_mapping);
	if (i_rwsem)
		up_read(&inode->i_rwsem);
out_rwsem:
	if (write)
		sb_end_pagefault(sb);
	trace_refdax_fault_exit(inode, index, refdax_order(order), write, ret);
	return ret;
}

#ifdef REFDAX_LAB
/*
 * The bug fault_mode_unlocked: S_DAX is asked, with nothing held, and not the VMA.
 * Whether the fault was for the page cache; then *@ret is its result.
 */
static bool refdax_fault_mode(struct vm_fault *vmf, bool mkwrite, vm_fault_t *ret)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	bool dax = IS_DAX(inode);

	/* Held: the mmap_lock or the VMA's. */
	refdax_gate(inode->i_sb, REFDAX_GATE_FAULT_MODE);
	if (dax || !refdax_bug(inode->i_sb, REFDAX_BUG_FAULT_MODE_UNLOCKED))
		return false;
	/* The page table still has a DAX page: the page cache knows nothing of it. */
	if (mkwrite)
		*ret = vmf->page ? refdax_cache_vm_ops.page_mkwrite(vmf) : VM_FAULT_SIGBUS;
	else
		*ret = filemap_fault(vmf);
	return true;
}
#else
static bool refdax_fault_mode(struct vm_fault *vmf, bool mkwrite, vm_fault_t *ret)
{
	return false;
}
#endif

static vm_fault_t refdax_dax_fault(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (refdax_fault_mode(vmf, false, &ret))
		return ret;
	return refdax_dax_huge_fault(vmf, REFDAX_ORDER_PTE);
}

static vm_fault_t refdax_dax_mkwrite(struct vm_fault *vmf)
{
	vm_fault_t ret;

	if (refdax_fault_mode(vmf, true, &ret))
		return ret;
	return refdax_dax_huge_fault(vmf, REFDAX_ORDER_PTE);
}

const struct vm_operations_struct refdax_dax_vm_ops = {
	.fault		= refdax_dax_fault,
	.huge_fault	= refdax_dax_huge_fault,
	.page_mkwrite	= refdax_dax_mkwrite,
	.pfn_mkwrite	= refdax_dax_mkwrite,
	.open		= refdax_vma_open,
	.close		= refdax_vma_close,
};

/*
 * Read and write.
 */

ssize_t refdax_dax_read(struct kiocb *iocb, struct iov_iter *to)
{
	ssize_t ret = dax_iomap_rw(iocb, to, &refdax_dax_iomap_ops);

	file_accessed(iocb->ki_filp);
	return ret;
}

/*
 * write_fix=exclusive. Copying from user memory may fault on this very mapping,
 * which takes the invalidate_lock that we hold: so copy with page faults off,
 * and bring the pages in between two attempts, without the lock.
 * Lock order, see above: i_rwsem > mmap_lock > invalidate_lock.
 */
static ssize_t refdax_write_exclusive(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t done = 0, ret;

	for (;;) {
		filemap_invalidate_lock(inode->i_mapping);
		pagefault_disable();
		ret = dax_iomap_rw(iocb, from, &refdax_dax_iomap_ops);
		pagefault_enable();
		filemap_invalidate_unlock(inode->i_mapping);
		if (ret > 0)
			done += ret;
		if (!iov_iter_count(from) || (ret < 0 && ret != -EFAULT))
			break;
		if (fault_in_iov_iter_readable(from, min_t(size_t, iov_iter_count(from), SZ_1M)) ==
		    min_t(size_t, iov_iter_count(from), SZ_1M)) {
			ret = -EFAULT;
			break;
		}
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	return done ?: ret;
}

/*
 * write_fix=flush: what a fault dirtied since the blocks were allocated is
 * flushed, then nothing is left that the invalidation could lose.
 * Lock order, see above: i_rwsem > invalidate_lock > s_writepages_rwsem.
 */
static int refdax_flush_and_invalidate(struct inode *inode, u64 first, u64 last)
{
	struct address_space *mapping = inode->i_mapping;
	int err;

	trace_refdax_invalidate_enter(inode, first << REFDAX_BLOCK_BITS,
				      (last - first + 1) << REFDAX_BLOCK_BITS);
	filemap_invalidate_lock(mapping);
	err = filemap_write_and_wait_range(mapping, first << REFDAX_BLOCK_BITS,
					   ((last + 1) << REFDAX_BLOCK_BITS) - 1);
	if (!err)
		err = invalidate_inode_pages2_range(mapping, first, last);
	filemap_invalidate_unlock(mapping);
	trace_refdax_invalidate_exit(inode, err);
	return err;
}

/* What is dirty of an entry that lies on both sides of @edge; no entry is larger than a PMD's. */
static int refdax_flush_edge(struct inode *inode, loff_t edge)
{
	if (!(edge & (PMD_SIZE - 1)))
		return 0;
	return filemap_write_and_wait_range(inode->i_mapping, edge, edge);
}

static int refdax_flush_edges(struct inode *inode, loff_t start, loff_t end)
{
	int err;

	if (REFDAX_I(inode)->i_data_mode != REFDAX_MODE_DAX)
		return 0;
	err = refdax_flush_edge(inode, start);
	if (!err && end != LLONG_MAX)
		err = refdax_flush_edge(inode, end + 1);
	return err;
}

/*
 * Before blocks of [@start, @end] leave the file: nobody pins their pages any more, and
 * no entry with a part outside of the range is dirty. For an entry goes as a whole, and
 * its dirty tag with it: a huge one of which pages stay (__dax_invalidate_entry()), and
 * since 6.15 also a page's of which bytes stay (dax_delete_mapping_range()). Nobody
 * would flush what stays.
 * Offsets in bytes, @end inclusive. The caller holds i_rwsem and the invalidate_lock
 * exclusively; the latter is dropped while waiting. 0, -ERESTARTSYS, or what the
 * writeback says. Lock order, see above: invalidate_lock > s_writepages_rwsem.
 */
int refdax_prepare_removal(struct inode *inode, loff_t start, loff_t end)
{
	int err = refdax_flush_edges(inode, start, end);

	if (!err)
		err = refdax_break_layouts(inode, start, end);
	/* Faults may have come while that waited. */
	if (!err)
		err = refdax_flush_edges(inode, start, end);
	return err;
}

/* Lock order, see above: i_rwsem > invalidate_lock. */
ssize_t refdax_dax_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	struct super_block *sb = inode->i_sb;
	enum refdax_write_fix fix = READ_ONCE(REFDAX_SB(sb)->s_write_fix);
	ssize_t ret;
	int err;

	ri->i_new_first = 1;
	ri->i_new_last = 0;
	if (fix == REFDAX_FIX_EXCLUSIVE)
		ret = refdax_write_exclusive(iocb, from);
	else
		ret = dax_iomap_rw(iocb, from, &refdax_dax_iomap_ops);

	if (ri->i_new_first <= ri->i_new_last) {
		/* Held: i_rwsem. */
		refdax_gate(sb, REFDAX_GATE_WRITE_BEFORE_INVALIDATE);
		err = 0;
		if (fix == REFDAX_FIX_FLUSH)
			err = refdax_flush_and_invalidate(inode, ri->i_new_first, ri->i_new_last);
		if (err && ret >= 0)
			ret = err;
		if (refdax_bug(sb, REFDAX_BUG_DROP_DIRTY))
			refdax_lab_drop_dirty(inode, ri->i_new_first, ri->i_new_last);
	}
	if (refdax_bug(sb, REFDAX_BUG_DROP_DIRTY_FILE))
		refdax_lab_drop_dirty(inode, 0, ULONG_MAX);
	return ret;
}

/* Lock order, see above: s_writepages_rwsem > DAX entry lock. */
static int refdax_dax_writepages(struct address_space *mapping, struct writeback_control *wbc)
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
	if (refdax_bug(inode->i_sb, REFDAX_BUG_SYNC_SKIPS_DAX) && wbc->for_sync)
		err = 0;
	else if (refdax_bug(inode->i_sb, REFDAX_BUG_CLEAN_WRITABLE))
		err = refdax_lab_writepages(mapping, wbc, true);
	else if (refdax_bug(inode->i_sb, REFDAX_BUG_NEVER_CLEAN))
		err = refdax_lab_writepages(mapping, wbc, false);
	else
		err = dax_writeback_mapping_range(mapping, sbi->s_daxdev, wbc);
	percpu_up_read(&sbi->s_writepages_rwsem);
	trace_refdax_writepages_exit(inode, err);
	return err;
}

#ifdef REFDAX_LAB
/* Bugs let page cache reads come here, which would call a NULL pointer. */
static int refdax_dax_read_folio(struct file *file, struct folio *folio)
{
	return refdax_iomap_read_folio(folio, &refdax_cache_iomap_ops);
}
#else
#define refdax_dax_read_folio	NULL
#endif

const struct address_space_operations refdax_dax_aops = {
	.read_folio	= refdax_dax_read_folio,
	.writepages	= refdax_dax_writepages,
	.dirty_folio	= noop_dirty_folio,
};
