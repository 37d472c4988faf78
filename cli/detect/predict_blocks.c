// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Predictions about blocks; see predict.c.
 *
 * DX08 fault-maps-freed-block: a punch or collapse against a fault that had mapped one
 * of its blocks.  Not a truncate: i_size may do there.  History:
 * ea3d7209ca01, 5726b27b09cc, 5a3a2d83cda8.
 *
 * DX09 stale-mapping-after-write: a write removed a hole's entry, or unmapped its page,
 * before it asked for the block, then found one, and removed nothing any more; a
 * read fault between the two maps the hole again.  History: e3fce68cdbed.
 *
 * DX10 range-op-dropped-write: collapse or insert flushed, then removed the entry of a
 * page that moves; nothing that would keep the fault out that had dirtied the page was
 * held all the way from its newest flush to the removal.  History: 32ebffd3bbb4.
 */
#include "detect/predict.h"

#define MODE_PUNCH_OR_COLLAPSE	(0x02 | 0x08)	/* FALLOC_FL_* of <linux/falloc.h> */
#define MODE_INSERT_OR_COLLAPSE	(0x08 | 0x20)

/* --- DX08, DX10 ------------------------------------------------------------- */

static void fallocate_deletes(struct detector *detector, struct model_task *task,
			      struct model_entry *entry, enum model_removal removal)
{
	struct model_operation *operation = operation__around(task, entry->key.inode, OPERATION_FALLOCATE);
	const struct inode_id *id = &entry->key.inode->id;
	__u32 own;

	if (!operation || operation->notes.flags & NOTE_PREDICTED)
		return;
	if (removal == REMOVAL_FREED && (operation->argument[0] & MODE_PUNCH_OR_COLLAPSE)) {
		own = model__locks_at(detector->model, task, LOCK_PLACE_TRUNCATE, id);
		if (!model__nothing_excludes(detector->model, entry->fault_locks, own))
			return;
		predict__note(operation, entry, entry->faulted_by, entry->inserted_event,
			   entry->fault_locks, own);
	} else if (removal == REMOVAL_MOVED && (operation->notes.flags & NOTE_FLUSHED)) {
		own = model__locks_at(detector->model, task, LOCK_PLACE_FLUSH, id);
		if (!model__nothing_excludes_throughout(detector->model, task, id, LOCK_PLACE_FLUSH,
							LOCK_PLACE_TRUNCATE, entry->write_locks))
			return;
		predict__note(operation, entry, entry->faulted_by, entry->inserted_event,
			   entry->write_locks, own);
		operation->notes.flags |= NOTE_MOVED;
	} else {
		return;
	}
	operation->notes.flags |= NOTE_PREDICTED;
}

static void fallocate_ended(struct detector *detector, const struct model_operation *operation,
			    __u64 time)
{
	bool moved = operation->notes.flags & NOTE_MOVED;
	struct conflict conflict = {
		.rule = moved ? RULE_DROPPED_WRITE : RULE_FAULT_MAPS_FREED,
		.inode = operation->inode, .index = operation->notes.rival_index,
		.first = "fault", .second = "fallocate",
		.first_tid = operation->notes.rival, .second_tid = operation->task->tid,
		.first_locks = operation->notes.rival_locks,
		.second_locks = operation->notes.own_locks,
		.since = operation->notes.rival_event,
		.words = moved ? "moves the block of the page" : "frees the block of the page",
		.schedule = moved ?
			"fallocate flushes; a store makes the page dirty; fallocate removes its entry, and the "
			"store is never flushed." :
			"fallocate drops the mappings; the fault maps the block again; fallocate frees the "
			"block, which is mapped still.",
	};

	if (rule__judges(detector, conflict.rule))
		predict(detector, &conflict, time);
}

/* --- DX09 ------------------------------------------------------------------- */

/* A hole's entry goes, or its page is unmapped: 6.1 leaves the entries of holes there. */
static void write_invalidates(struct detector *detector, struct model_operation *write,
			      const struct model_entry *hole)
{
	/* Afterwards it is how it should be: the block is there already. */
	if (hole->state != ENTRY_HOLE || hole->order || write->iomap.answered ||
	    write->notes.flags & NOTE_EARLY ||
	    !operation__covers(write, hole->key.index, hole->key.index))
		return;
	predict__note(write, hole, hole->inserted_by, hole->inserted_event, hole->hole_locks,
		   model__locks_at(detector->model, write->task, LOCK_PLACE_RW,
				   &write->inode->id));
	write->notes.flags |= NOTE_EARLY;
}

static void iomap_answered(struct detector *detector, struct model_operation *operation,
			   const struct event_iomap *record)
{
	__u64 at = operation->notes.rival_index * PAGE_BYTES;

	(void)detector;
	if (operation->operation != OPERATION_WRITE || !(operation->notes.flags & NOTE_EARLY) ||
	    record->offset > at || record->length <= at - record->offset)
		return;
	if (record->type == IOMAP_TYPE_MAPPED || record->type == IOMAP_TYPE_UNWRITTEN)
		operation->notes.flags |= NOTE_ALLOCATED;
}

/* What is removed now is removed in time. */
static void write_removes(struct model_operation *write, __u64 first, __u64 last)
{
	if (write->notes.rival_index >= first && write->notes.rival_index <= last)
		write->notes.flags &= ~NOTE_ALLOCATED;
}

static void write_ended(struct detector *detector, const struct model_operation *write, __u64 time)
{
	struct conflict conflict = {
		.rule = RULE_STALE_MAPPING, .inode = write->inode,
		.index = write->notes.rival_index, .first = "fault", .second = "write",
		.first_tid = write->notes.rival, .second_tid = write->task->tid,
		.first_locks = write->notes.rival_locks, .second_locks = write->notes.own_locks,
		.since = write->notes.rival_event,
		.words = "removed the page's hole before it had a block, and not afterwards",
		.schedule = "The write removes the hole's entry; the fault maps the hole again; the write "
			    "allocates the block, and the zero page stays mapped.",
	};

	if (rule__judges(detector, RULE_STALE_MAPPING) &&
	    model__nothing_excludes(detector->model, conflict.first_locks, conflict.second_locks))
		predict(detector, &conflict, time);
}

/* --- all of them -------------------------------------------------------------- */

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal,
			  const struct event_entry *record)
{
	struct model_operation *write;

	(void)record;
	if (!task->depth || !model__known(detector->model, entry))
		return;
	write = operation__around(task, entry->key.inode, OPERATION_WRITE);
	if (write)
		write_invalidates(detector, write, entry);
	else if (entry->state != ENTRY_HOLE)
		fallocate_deletes(detector, task, entry, removal);
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *write;

	(void)detector;
	if (operation->operation != OPERATION_INVALIDATE)
		return;
	write = operation__around(operation->task, operation->inode, OPERATION_WRITE);
	if (!write)
		return;
	if (write->notes.flags & NOTE_EARLY && operation__covers(operation, write->notes.rival_index,
								write->notes.rival_index))
		write->notes.flags |= NOTE_LATE;
	write_removes(write, operation->first, operation->last);
}

/*
 * Blocks that were there are answered without a record (IOMAP_IS_SETTLED of bpf/buffer.h),
 * those that were not with one, behind which the write removes what it must.
 */
static void write_invalidated(struct model_operation *write)
{
	if ((write->notes.flags & (NOTE_EARLY | NOTE_LATE)) == NOTE_EARLY)
		write->notes.flags |= NOTE_ALLOCATED;
}

#define SOME_PAGES	16

static void range_unmapped(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, const struct event_range *record)
{
	struct model_operation *write = operation__around(task, inode, OPERATION_WRITE);
	const struct model_entry *entry;
	__u64 index;

	if (!write)
		return;
	write_removes(write, record->first, record->last);
	if (!inode->hole_count || write->iomap.answered)
		return;
	for (index = write->first; index <= write->last && index - write->first < SOME_PAGES; index++) {
		entry = index >= record->first && index <= record->last ?
			model__entry(detector->model, inode, index) : NULL;
		if (entry && model__known(detector->model, entry))
			write_invalidates(detector, write, entry);
	}
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_operation *outer;

	switch (operation->operation) {
	case OPERATION_WRITEBACK:
		outer = operation__around(operation->task, operation->inode, OPERATION_FALLOCATE);
		if (outer && (outer->argument[0] & MODE_INSERT_OR_COLLAPSE))
			outer->notes.flags |= NOTE_FLUSHED;
		break;
	case OPERATION_INVALIDATE:
		outer = operation__around(operation->task, operation->inode, OPERATION_WRITE);
		if (outer)
			write_invalidated(outer);
		break;
	case OPERATION_FALLOCATE:
		if (!result && (operation->notes.flags & NOTE_PREDICTED))
			fallocate_ended(detector, operation, time);
		break;
	case OPERATION_WRITE:
		if (result > 0 && (operation->notes.flags & NOTE_ALLOCATED))
			write_ended(detector, operation, time);
		break;
	default:
		break;
	}
}

const struct rule_hooks predict_block_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_deleted = entry_deleted,
	.range_unmapped = range_unmapped,
	.iomap_answered = iomap_answered,
};
