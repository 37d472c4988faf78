// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab: what historic bugs do instead of the right thing, where that takes
 * more than leaving a step out. lab.c has their list and their history.
 *
 * A bug may lose or mix up what is in files; nothing here may harm the kernel.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/writeback.h>

#include "refdax.h"

/*
 * drop_dirty, drop_dirty_file: until c6dcf52c23d2 ("mm: Invalidate DAX radix tree
 * entries only if appropriate", 4.10) invalidate_inode_pages2_range() deleted dirty
 * entries as well. Today's spares what carries the dirty mark, so take the mark
 * off. The page stays as dirty as it was: nobody has flushed it.
 */
void refdax_lab_drop_dirty(struct inode *inode, u64 first, u64 last)
{
	struct address_space *mapping = inode->i_mapping;
	XA_STATE(xas, &mapping->i_pages, first);
	void *entry;

	xas_lock_irq(&xas);
	xas_for_each(&xas, entry, last) {
		xas_clear_mark(&xas, PAGECACHE_TAG_DIRTY);
		xas_clear_mark(&xas, PAGECACHE_TAG_TOWRITE);
	}
	xas_unlock_irq(&xas);
	invalidate_inode_pages2_range(mapping, first, last);
}

/*
 * layout_drops_dirty: what looks for pinned pages has unmapped all; then the entries go,
 * by dax_delete_mapping_entry(), which does not ask for the dirty mark.
 */
void refdax_lab_drop_all(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	if (REFDAX_I(inode)->i_data_mode == REFDAX_MODE_DAX && !dax_layout_busy_page(mapping))
		truncate_inode_pages(mapping, 0);
}

/* Write the caches of the file's blocks [@first, @first + @count) back, where there are any. */
static int refdax_lab_flush_blocks(struct inode *inode, u64 first, u64 count)
{
	struct refdax_sb_info *sbi = REFDAX_SB(inode->i_sb);
	struct refdax_map map;
	void *address;
	int id, err = 0;
	long length;

	while (count && !err) {
		err = refdax_map_blocks(inode, first, count, &map);
		if (err)
			break;
		if (map.m_state == REFDAX_MAPPED) {
			id = dax_read_lock();
			length = dax_direct_access(sbi->s_daxdev,
						   PHYS_PFN(sbi->s_dax_offset) + map.m_physical,
						   map.m_count, DAX_ACCESS, &address, NULL);
			if (length > 0)
				dax_flush(sbi->s_daxdev, address, length << PAGE_SHIFT);
			dax_read_unlock(id);
			if (length <= 0)
				return length ?: -EIO;
			map.m_count = min_t(u64, map.m_count, length);
		}
		first += map.m_count;
		count -= map.m_count;
	}
	return err;
}

/*
 * clean_writable (@clean): entries lose their dirty mark, their data is flushed,
 * and page tables stay writable; fs/dax.c until 4b4bb46d00b3 (4.10) for PTEs and
 * f729c8c9b24f (4.11) for PMDs. never_clean: flushed, and the mark stays; fs/dax.c of
 * 4.5. Instead of dax_writeback_mapping_range(), with s_writepages_rwsem held.
 */
int refdax_lab_writepages(struct address_space *mapping, struct writeback_control *wbc, bool clean)
{
	unsigned long index = wbc->range_cyclic ? 0 : wbc->range_start >> PAGE_SHIFT;
	unsigned long last = wbc->range_cyclic ? ULONG_MAX : wbc->range_end >> PAGE_SHIFT;
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned int order;
	void *entry;
	int err = 0;

	xas_lock_irq(&xas);
	xas_for_each_marked(&xas, entry, last, PAGECACHE_TAG_DIRTY) {
		index = xas.xa_index;
		if (clean)
			xas_clear_mark(&xas, PAGECACHE_TAG_DIRTY);
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		order = xa_get_order(&mapping->i_pages, index);
		err = refdax_lab_flush_blocks(mapping->host, round_down(index, 1UL << order),
					      1UL << order);
		xas_lock_irq(&xas);
		if (err)
			break;
	}
	xas_unlock_irq(&xas);
	return err;
}

/*
 * stale_map: what a fault looked up before it had the entry's lock, for its
 * ->iomap_begin, which knows nothing of the fault but that it is the same task's.
 */
struct refdax_lab_stale {
	struct list_head s_list;
	struct task_struct *s_task;
	struct refdax_map s_map;
};

static LIST_HEAD(refdax_lab_stale_list);
static DEFINE_SPINLOCK(refdax_lab_stale_lock);

void refdax_lab_stale_begin(struct inode *inode, u64 logical, u64 count)
{
	struct refdax_lab_stale *stale;

	if (!refdax_bug(inode->i_sb, REFDAX_BUG_STALE_MAP))
		return;
	stale = kzalloc(sizeof(*stale), GFP_KERNEL);
	if (!stale || refdax_map_blocks(inode, logical, count, &stale->s_map)) {
		kfree(stale);
		return;
	}
	stale->s_task = current;
	spin_lock(&refdax_lab_stale_lock);
	list_add(&stale->s_list, &refdax_lab_stale_list);
	spin_unlock(&refdax_lab_stale_lock);
	/* Held: the invalidate_lock shared. */
	refdax_gate(inode->i_sb, REFDAX_GATE_FAULT_LOOKED_UP);
}

bool refdax_lab_stale_map(struct inode *inode, struct refdax_map *map)
{
	struct refdax_lab_stale *stale;
	bool found = false;

	spin_lock(&refdax_lab_stale_lock);
	list_for_each_entry(stale, &refdax_lab_stale_list, s_list) {
		if (stale->s_task == current) {
			*map = stale->s_map;
			found = true;
		}
	}
	spin_unlock(&refdax_lab_stale_lock);
	return found;
}

void refdax_lab_stale_end(void)
{
	struct refdax_lab_stale *stale, *next;

	spin_lock(&refdax_lab_stale_lock);
	list_for_each_entry_safe(stale, next, &refdax_lab_stale_list, s_list) {
		if (stale->s_task == current) {
			list_del(&stale->s_list);
			kfree(stale);
		}
	}
	spin_unlock(&refdax_lab_stale_lock);
}
