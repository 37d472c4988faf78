// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Is what was stored still known to need a flush?
 *
 * DX01 lost-dirty-entry: an entry in state dirty is removed, and nothing that
 * its task is inside of frees the block.  Silent if the entry's state or the
 * task's operations are not wholly known.  The window is any operation that
 * can remove entries and is not meant to free blocks: write(2) through
 * dax_iomap_rw (it invalidates what it allocates) and invalidate_inode_pages2;
 * the rival is another task's write fault on one of its pages.
 *
 * DX03 sync-missed-dirty: a sync of a range returned 0, and a page in it that
 * stores could reach before the sync began has not been flushed since.  The
 * window is a sync of an inode with a dirty page; the rival is another task's
 * write fault in its range.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

static bool covers(const struct model_operation *operation, const struct model_entry *entry)
{
	return operation->first <= entry->key.index + (1ULL << entry->order) - 1 &&
	       operation->last >= entry->key.index;
}

/* What a window contains is the same window: write(2) invalidates, too. */
static bool in_window(const struct model_operation *operation)
{
	const struct model_operation *outer = operation->task->operations;

	for (; outer < operation; outer++)
		if (outer->window && outer->inode == operation->inode)
			return true;
	return false;
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	if (in_window(operation))
		return;
	switch (operation->operation) {
	case OPERATION_WRITE:
	case OPERATION_INVALIDATE:
		detector->coverage[RULE_LOST_DIRTY_ENTRY].windows++;
		operation->window = true;
		break;
	case OPERATION_SYNC:
		if (operation->inode->dirty_count) {
			detector->coverage[RULE_SYNC_MISSED_DIRTY].windows++;
			operation->window = true;
		}
		break;
	default:
		break;
	}
}

static void entry_dirtied(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, __u64 time)
{
	struct model_operation *operation;

	(void)time;
	DL_FOREACH2(entry->key.inode->open, operation, open_next) {
		if (!operation->window || operation->contested || operation->task == task ||
		    !covers(operation, entry))
			continue;
		/* Begun before a loss, in which it may have ended. */
		if (operation->task->epoch != task->epoch)
			continue;
		operation->contested = true;
		detector->coverage[operation->operation == OPERATION_SYNC ?
				   RULE_SYNC_MISSED_DIRTY : RULE_LOST_DIRTY_ENTRY].contested++;
	}
}

/* "write > invalidate": what the task is inside of, on this inode. */
static void describe_context(const struct model_task *task, const struct model_inode *inode,
			     char *text, size_t length)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < task->depth && used < length; i++)
		if (task->operations[i].inode == inode)
			used += snprintf(text + used, length - used, "%s%s", used ? " > " : "",
					 operation_name(task->operations[i].operation));
}

static const char *comm_of(const struct detector *detector, __u32 tid)
{
	const struct model_task *task = model__task(detector->model, tid);

	return task ? task->comm : "?";
}

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal, __u64 time)
{
	struct model_inode *inode = entry->key.inode;
	__u64 pages = 1ULL << entry->order, since;
	char context[128], signature[256];
	struct finding *finding;

	if (entry->state != ENTRY_MODIFIED || removal == REMOVAL_FREED ||
	    !rule__judges(detector, RULE_LOST_DIRTY_ENTRY))
		return;
	if (removal == REMOVAL_UNKNOWN) {
		detector->coverage[RULE_LOST_DIRTY_ENTRY].unknown++;
		return;
	}
	describe_context(task, inode, context, sizeof(context));
	snprintf(signature, sizeof(signature), "%s|dirtied by fault|removed by %s",
		 task->tid == entry->dirtied_by ? "one task" : "two tasks",
		 context[0] ? context : "no operation");
	finding = finding__begin(detector, RULE_LOST_DIRTY_ENTRY, inode, entry->key.index, pages,
				 time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "the dirty entry of page %llu (pfn 0x%llx), dirtied by %s[%u], was removed by %s[%u] in %s; "
		 "its block is still the file's",
		 (unsigned long long)entry->key.index, (unsigned long long)entry->pfn,
		 comm_of(detector, entry->dirtied_by), entry->dirtied_by, task->comm, task->tid,
		 context[0] ? context : "no known operation");
	finding__actor(finding, detector, entry->dirtied_by, "write fault");
	if (task->tid != entry->dirtied_by)
		finding__actor(finding, detector, task->tid,
			       task->depth ? operation_name(task->operations[task->depth - 1].operation) :
			       "removal");
	since = entry->dirtied_event;
	if (task->depth && task->operations[0].event < since)
		since = task->operations[0].event;
	finding__history(finding, detector, inode, since);
	finding__commit(detector, finding);
}

/*
 * Another task's writeback has the entry in hand.  dax_writeback_one() takes
 * PAGECACHE_TAG_TOWRITE away before it flushes, and reports after: whether the
 * flush came before this sync's return, the records do not say.
 */
static bool in_writeback(const struct model_operation *sync, const struct model_entry *entry)
{
	const struct model_operation *operation;

	DL_FOREACH2(sync->inode->open, operation, open_next)
		if (operation->operation == OPERATION_WRITEBACK && operation->task != sync->task &&
		    covers(operation, entry))
			return true;
	return false;
}

static void report_missed(struct detector *detector, const struct model_operation *operation,
			  const struct model_entry *entry, __u64 time)
{
	struct model_inode *inode = entry->key.inode;
	struct finding *finding;

	if (!model__known(detector->model, entry) || entry->state != ENTRY_MODIFIED ||
	    entry->dirtied_at >= operation->begun || !covers(operation, entry))
		return;
	if (in_writeback(operation, entry)) {
		detector->coverage[RULE_SYNC_MISSED_DIRTY].unknown++;
		return;
	}
	finding = finding__begin(detector, RULE_SYNC_MISSED_DIRTY, inode, entry->key.index,
				 1ULL << entry->order, time, "dirtied by fault|missed by fsync");
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "fsync by %s[%u] returned success, but page %llu (pfn 0x%llx), dirtied by %s[%u] before it "
		 "began, was not flushed", operation->task->comm, operation->task->tid,
		 (unsigned long long)entry->key.index, (unsigned long long)entry->pfn,
		 comm_of(detector, entry->dirtied_by), entry->dirtied_by);
	finding__actor(finding, detector, entry->dirtied_by, "write fault");
	if (operation->task->tid != entry->dirtied_by)
		finding__actor(finding, detector, operation->task->tid, "fsync");
	finding__history(finding, detector, inode, entry->dirtied_event);
	finding__commit(detector, finding);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_inode *inode = operation->inode;
	struct model_entry *entry, *next;
	__u64 index, pages;

	if (operation->operation != OPERATION_SYNC || result || !inode->dirty_count ||
	    !rule__judges(detector, RULE_SYNC_MISSED_DIRTY))
		return;
	/* Whichever is less work: the pages of the range, or the inode's dirty ones. */
	if (operation->last - operation->first < inode->dirty_count) {
		pages = operation->last - operation->first + 1;
		for (index = operation->first; pages; index++, pages--) {
			entry = model__entry(detector->model, inode, index);
			/* A huge entry once: at its first page in the range. */
			if (entry && (entry->key.index == index || index == operation->first))
				report_missed(detector, operation, entry, time);
		}
		return;
	}
	DL_FOREACH_SAFE2(inode->dirty, entry, next, dirty_next)
		report_missed(detector, operation, entry, time);
}

const struct rule_hooks durability_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_dirtied = entry_dirtied,
	.entry_deleted = entry_deleted,
};
