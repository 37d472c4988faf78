// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX03 sync-missed-dirty: a sync returned success, and a page in its range that
 * stores could reach before it began has not been flushed since.
 *
 * A sync is fsync(2), msync(2), O_SYNC of a range, or sync_filesystem() and
 * sync(2) of whole superblocks (syncfs(2), umount(2)).  Silent if the file's
 * ->writepages failed meanwhile: sync_inodes_sb() and sync(2) hand no error on;
 * for an inode that is being evicted, which they skip; and about an entry from
 * before a loss.  Unknown if another task's writeback has the entry in hand and has
 * not flushed it.  The window is a sync of an inode or a superblock with a
 * dirty page; the rival is another task's write fault in its range.
 *
 * Needs syncs, and all that makes an entry dirty, flushes or removes it: one whose
 * end is not seen seems dirty for ever.  History: the move of writeback calls into
 * filesystems (4.5), f729c8c9b24f (4.11), and since
 * 4.20 dax_writeback_one() passes over an entry that somebody holds locked.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

/* A sync that has ended. */
struct sync {
	const struct model_task *task;
	const char *name;		/* "fsync", "syncfs", "sync" */
	__u64 first, last;		/* page indexes */
	__u64 begun, ended;		/* ns */
};

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	if (operation->operation == OPERATION_SYNC && operation->inode->dirty_count)
		window__open(detector, operation, RULE_SYNC_MISSED_DIRTY);
}

/*
 * Another task's writeback has the entry in hand.  dax_writeback_one() takes
 * PAGECACHE_TAG_TOWRITE away before it flushes, and reports after.  If it has
 * flushed the page since it was dirtied, what is yet to come is the record that
 * the tag is cleared, after which a sync finds nothing to do: nothing is missed.
 * Else whether the flush came before this sync's return, the records do not say.
 */
enum in_hand { NOT_IN_HAND, IN_HAND, FLUSHED };

static enum in_hand in_writeback(const struct sync *sync, const struct model_entry *entry)
{
	const struct model_operation *operation;
	enum in_hand in_hand = NOT_IN_HAND;

	DL_FOREACH2(entry->key.inode->open, operation, open_next) {
		if (operation->operation != OPERATION_WRITEBACK || operation->task == sync->task ||
		    !operation__covers(operation, entry->key.index,
				       entry->key.index + (1ULL << entry->order) - 1))
			continue;
		if (entry->pfn && model__flushed(operation->task, entry) > entry->dirtied_at)
			return FLUSHED;
		in_hand = IN_HAND;
	}
	return in_hand;
}

/* What became of the page between its dirtying and the sync's return, for the fingerprint. */
static const char *describe_neglect(const struct model_entry *entry, __u64 instead)
{
	if (instead)
		return "other frames flushed";
	if (entry->flushed_at)
		return "flushed before";
	return "never flushed";
}

static void report_missed(struct detector *detector, const struct sync *sync,
			  const struct model_entry *entry)
{
	struct model_inode *inode = entry->key.inode;
	char signature[128], but[96] = "";
	struct finding *finding;
	enum in_hand in_hand;
	__u64 instead;

	if (!model__known(detector->model, entry) || entry->state != ENTRY_MODIFIED ||
	    entry->dirtied_at >= sync->begun || entry->key.index > sync->last ||
	    entry->key.index + (1ULL << entry->order) - 1 < sync->first)
		return;
	/* Flushed, and still tagged: nothing is lost. */
	if (entry->flushed_at >= sync->begun && entry->flushed_at > entry->dirtied_at)
		return;
	in_hand = in_writeback(sync, entry);
	if (in_hand == FLUSHED)
		return;
	if (in_hand == IN_HAND) {
		detector->coverage[RULE_SYNC_MISSED_DIRTY].unknown++;
		return;
	}
	/*
	 * The kernel's entry is that of a block which the page had before: a write(2) that copied on
	 * write left it there (CVE-2023-53306).
	 */
	instead = entry->instead_at >= sync->begun ? entry->instead : 0;
	if (instead)
		snprintf(but, sizeof(but), ": pfn 0x%llx was flushed in its stead",
			 (unsigned long long)instead);
	snprintf(signature, sizeof(signature), "dirtied by fault|missed by %s|%s page|%s", sync->name,
		 entry->order ? "huge" : "small", describe_neglect(entry, instead));
	finding = finding__begin(detector, RULE_SYNC_MISSED_DIRTY, inode, entry->key.index,
				 1ULL << entry->order, sync->ended, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s by %s[%u] returned success, but page %llu (pfn 0x%llx), dirtied by %s[%u] before it "
		 "began, was not flushed%s", sync->name, sync->task->comm, sync->task->tid,
		 (unsigned long long)entry->key.index, (unsigned long long)entry->pfn,
		 comm_of(detector, entry->dirtied_by), entry->dirtied_by, but);
	finding__actor(finding, detector, entry->dirtied_by, "write fault");
	if (sync->task->tid != entry->dirtied_by)
		finding__actor(finding, detector, sync->task->tid, sync->name);
	finding__history(finding, detector, inode, entry->dirtied_event);
	finding__commit(detector, finding);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct sync sync = {
		.task = operation->task, .name = operation_name(OPERATION_SYNC),
		.first = operation->first, .last = operation->last, .begun = operation->begun,
		.ended = time,
	};
	struct model_inode *inode = operation->inode;
	struct model_entry *entry, *next;
	__u64 index, pages;

	if (operation->operation != OPERATION_SYNC || result || !inode->dirty_count ||
	    inode->write_failed_at >= operation->begun ||
	    !rule__judges(detector, RULE_SYNC_MISSED_DIRTY))
		return;
	/* Whichever is less work: the pages of the range, or the inode's dirty ones. */
	if (operation->last - operation->first < inode->dirty_count) {
		pages = operation->last - operation->first + 1;
		for (index = operation->first; pages; index++, pages--) {
			entry = model__entry(detector->model, inode, index);
			/* A huge entry once: at its first page in the range. */
			if (entry && (entry->key.index == index || index == operation->first))
				report_missed(detector, &sync, entry);
		}
		return;
	}
	DL_FOREACH_SAFE2(inode->dirty, entry, next, dirty_next)
		report_missed(detector, &sync, entry);
}

static bool is_evicted(const struct model_inode *inode)
{
	const struct model_operation *operation;

	DL_FOREACH2(inode->open, operation, open_next)
		if (operation->operation == OPERATION_EVICT)
			return true;
	return false;
}

static void judge_superblock(struct detector *detector, const struct sync *sync,
			     const struct model_superblock *superblock)
{
	struct model_inode *inode;
	struct model_entry *entry;

	DL_FOREACH2(superblock->dirty, inode, dirty_next) {
		if (inode->write_failed_at >= sync->begun || is_evicted(inode))
			continue;
		DL_FOREACH2(inode->dirty, entry, dirty_next)
			report_missed(detector, sync, entry);
	}
}

static void sb_ended(struct detector *detector, struct model_task *task,
		     const struct model_sb_operation *operation, __s64 result, __u64 time)
{
	const struct model_superblock *superblock;
	struct sync sync = {
		.task = task, .name = sb_operation_name(operation->operation), .last = INDEX_MAX,
		.begun = operation->begun, .ended = time,
	};

	if ((operation->operation != SB_SYNC && operation->operation != SB_SYNC_ALL) || result ||
	    !rule__judges(detector, RULE_SYNC_MISSED_DIRTY))
		return;
	detector->coverage[RULE_SYNC_MISSED_DIRTY].windows += operation->dirty;
	if (operation->superblock) {
		judge_superblock(detector, &sync, operation->superblock);
		return;
	}
	superblock = model__superblocks(detector->model);
	for (; superblock; superblock = superblock->hh.next)
		judge_superblock(detector, &sync, superblock);
}

const struct rule_hooks sync_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.sb_ended = sb_ended,
};
