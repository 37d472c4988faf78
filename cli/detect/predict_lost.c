// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Predictions about lost records of stores; see predict.c.
 *
 * DX01 lost-dirty-entry: an operation that is not meant to free the block of a page
 * deletes its entry by a function that deletes dirty ones as well (ENTRY_REGARDLESS), and
 * has not written the page back before.  This time the entry was clean: somebody had
 * synced what a fault had stored there.  What is stored after that sync is lost.  No
 * lock would help, since the store may come before the operation begins.
 *
 * That it has written nothing back is known only if it would have been seen: with nothing
 * tagged in the mapping, filemap_write_and_wait_range() does nothing at all.  So silent
 * unless another entry of the file was dirty, or one that the operation freed was.  Silent
 * also about evictions: nobody maps the file then, and the inode has been synced.
 * invalidate_inode_pages2() leaves dirty entries alone (since 4.10): what would not
 * is seen only when it does it.
 * History: c6dcf52c23d2; dax_break_layout() since 6.15.
 */
#include "detect/predict.h"

/*
 * Is an entry of the file dirty for sure?  After a loss those from before may have been
 * flushed unseen, so the newest is looked at.
 */
static bool has_dirty(const struct detector *detector, const struct model_inode *inode)
{
	return inode->dirty && model__known(detector->model, inode->dirty->dirty_prev);
}

/* The task's outermost operation on the inode that may delete entries, or NULL. */
static struct model_operation *deleter(struct model_task *task, const struct model_inode *inode)
{
	unsigned int i;

	for (i = 0; i < task->depth; i++) {
		if (task->operations[i].inode != inode)
			continue;
		switch (task->operations[i].operation) {
		case OPERATION_WRITE:
		case OPERATION_SETSIZE:
		case OPERATION_FALLOCATE:
			return &task->operations[i];
		case OPERATION_EVICT:
			return NULL;
		default:
			break;
		}
	}
	return NULL;
}

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal,
			  const struct event_entry *record)
{
	struct model_inode *inode = entry->key.inode;
	struct model_operation *operation = deleter(task, inode);
	__u64 last = entry->key.index + (1ULL << entry->order) - 1;
	struct conflict conflict = {
		.rule = RULE_LOST_DIRTY_ENTRY, .inode = inode, .index = entry->key.index,
		.first = "write fault", .first_tid = entry->dirtied_by,
		.second_tid = task->tid, .since = entry->dirtied_event,
		.words = "deletes the entry of the page, dirty or not, and leaves the block to the file",
	};

	if (!operation || !rule__judges(detector, RULE_LOST_DIRTY_ENTRY))
		return;
	if (removal == REMOVAL_FREED && entry->state == ENTRY_MODIFIED)
		operation->notes.flags |= NOTE_TAGGED;
	if (removal != REMOVAL_KEPT || !(record->flags & ENTRY_REGARDLESS) ||
	    entry->state != ENTRY_CLEAN || !entry->dirtied_by)
		return;
	if (!has_dirty(detector, inode) && !(operation->notes.flags & NOTE_TAGGED))
		return;
	if (operation->notes.flags & NOTE_WRITTEN_BACK &&
	    operation->notes.written_first <= last &&
	    operation->notes.written_last >= entry->key.index)
		return;
	conflict.second = operation_name(operation->operation);
	conflict.schedule = "The page is stored to once more; its entry is deleted, dirty, with nothing written "
			    "back before; the next sync finds nothing to flush.";
	predict(detector, &conflict, record->header.time);
}

/* All that it has written back, and what lies between: rather too much than too little. */
static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_operation *outer;

	(void)detector, (void)result, (void)time;
	if (operation->operation != OPERATION_WRITEBACK &&
	    operation->operation != OPERATION_WRITEPAGES)
		return;
	outer = deleter(operation->task, operation->inode);
	if (!outer)
		return;
	if (!(outer->notes.flags & NOTE_WRITTEN_BACK)) {
		outer->notes.written_first = operation->first;
		outer->notes.written_last = operation->last;
	}
	outer->notes.flags |= NOTE_WRITTEN_BACK;
	if (operation->first < outer->notes.written_first)
		outer->notes.written_first = operation->first;
	if (operation->last > outer->notes.written_last)
		outer->notes.written_last = operation->last;
}

const struct rule_hooks predict_lost_hooks = {
	.entry_deleted = entry_deleted,
	.operation_ended = operation_ended,
};
