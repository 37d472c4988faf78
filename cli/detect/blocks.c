// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does what is mapped still belong to the file?
 *
 * DX08 fault-maps-freed-block: truncate or punch freed a page's block, and at
 * its successful end a mapping of that page, made by a fault of another task,
 * is still there.  Three ways to see it, none of which a filesystem that holds
 * the invalidate_lock over truncate_pagecache() and the freeing can show:
 *  - the fault overlapped the truncation of the page cache, and its entry is
 *    still there at the end;
 *  - it began later, was given blocks that were not allocated for it nor for
 *    anybody else since, and its entry is still there;
 *  - its page table entry was set after the operation's last unmap, and its
 *    entry deleted after that: nothing unmaps the page any more.
 * The last part of an operation, after it has let the lock go, is why a fault
 * that allocates is no finding.  The first and last page of a punch that is not
 * of whole pages are freed in part; they are left out.  History:
 * ea3d7209ca01, 5726b27b09cc, 5a3a2d83cda8.
 *
 * DX09 stale-mapping-after-write: write(2) of a page has returned, and the
 * entry is still that of a hole that was not unmapped; or the hole's entry was removed by the write
 * and its page tables were not cleared, while somebody maps it; or a fault that
 * began before the write ended, or is answered as if there had been none, installs
 * the hole afterwards.  The entry's lock
 * excludes all three, as does invalidate_inode_pages2_range()'s last step.
 * Only writes of all that was asked for are judged, and none after which the page cache was
 * truncated.  History: e3fce68cdbed to cd656375f940.
 *
 * DX10 range-op-dropped-write: collapse or insert moves blocks, and removed the
 * dirty entry of one of them: it must be flushed first, with faults excluded
 * from the flush to the removal.  History: 32ebffd3bbb4.
 *
 * Windows: of DX08 and DX10 the whole operation, of DX09 a write for which
 * blocks were allocated; the rivals are faults.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

#define MODE_INSERT_OR_COLLAPSE	(0x08 | 0x20)	/* FALLOC_FL_* of <linux/falloc.h> */

/* Some page's block goes away or moves. */
static bool frees_blocks(const struct model_operation *operation)
{
	enum model_removal removal;

	if (operation->operation != OPERATION_SETSIZE &&
	    operation->operation != OPERATION_FALLOCATE)
		return false;
	removal = operation__effect(operation, operation->first, operation->first);
	return removal == REMOVAL_FREED || removal == REMOVAL_MOVED;
}

static bool moves_blocks(const struct model_operation *operation)
{
	return operation->operation == OPERATION_FALLOCATE &&
	       (operation->argument[0] & MODE_INSERT_OR_COLLAPSE);
}

/* The newest write's blocks may go away: neither it nor faults under way count against a hole. */
static void forget_written(struct model_operation *freeing)
{
	struct model_operation *operation;

	freeing->inode->written.tid = 0;
	DL_FOREACH2(freeing->inode->open, operation, open_next)
		if (operation->operation == OPERATION_FAULT && operation->task != freeing->task)
			operation->notes.flags |= NOTE_FREED;
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *other;

	if (operation->operation == OPERATION_FAULT) {
		if (operation->inode->open_count < 2)
			return;
		DL_FOREACH2(operation->inode->open, other, open_next)
			if (frees_blocks(other))
				operation->notes.flags |= NOTE_FREED;
		return;
	}
	/*
	 * In whatever operation: what is not observed (FICLONERANGE, FIDEDUPERANGE, exchanges of
	 * ranges) gives a file holes, too, and takes the page cache away first
	 * (xfs_flush_unmap_range()), with writes and faults locked out until it is done.
	 */
	if (operation->operation == OPERATION_TRUNCATE)
		forget_written(operation);
	if (!frees_blocks(operation))
		return;
	forget_written(operation);
	window__open(detector, operation, RULE_FAULT_MAPS_FREED);
	if (moves_blocks(operation))
		window__open(detector, operation, RULE_DROPPED_WRITE);
}

/*
 * The newest write has given these pages blocks, and nothing has freed any since:
 * a hole is no answer any more.
 */
static void check_answer(struct model_operation *fault, const struct event_iomap *record)
{
	const struct model_inode *inode = fault->inode;

	if (record->type != IOMAP_TYPE_HOLE || !inode->written.tid ||
	    inode->written.epoch != fault->task->epoch ||
	    fault->first < inode->written.first || fault->last > inode->written.last ||
	    (fault->notes.flags & NOTE_FREED) || inode->written.tid == fault->task->tid)
		return;
	fault->notes.flags |= NOTE_OVERTAKEN;
	fault->notes.tid = inode->written.tid;
	fault->notes.event = inode->written.event;
	fault->notes.index = fault->first;
}

static void iomap_answered(struct detector *detector, struct model_operation *operation,
			   const struct event_iomap *record)
{
	if (operation->operation == OPERATION_FAULT)
		check_answer(operation, record);
	if (operation->operation == OPERATION_WRITE && (record->flags & IOMAP_FLAG_NEW))
		window__open(detector, operation, RULE_STALE_MAPPING);
}

/* --- DX08 ----------------------------------------------------------------- */

#define PAGE_BYTES	4096ULL	/* as of all that has huge entries in the model */

/* A punch of whole pages; else it frees a part of the first, or of the last. */
static bool is_aligned(const struct model_operation *operation)
{
	return operation->argument[1] / PAGE_BYTES == operation->last - operation->first + 1 &&
	       !(operation->argument[1] % PAGE_BYTES);
}

/* Whole pages of it, whatever its ends are. */
static bool frees_wholly(const struct model_operation *operation, __u64 index, __u32 order)
{
	__u64 end = index + (1ULL << order) - 1;

	if (operation__effect(operation, index, end) != REMOVAL_FREED)
		return false;
	return operation->operation == OPERATION_SETSIZE || is_aligned(operation) ||
	       (index > operation->first && end < operation->last);
}

static struct model_operation *truncation_of(struct model_operation *freeing)
{
	struct model_task *task = freeing->task;
	unsigned int i;

	for (i = 0; i < task->depth; i++)
		if (task->operations[i].operation == OPERATION_TRUNCATE &&
		    task->operations[i].inode == freeing->inode && &task->operations[i] > freeing)
			return &task->operations[i];
	return NULL;
}

static void suspect(struct model_operation *freeing, const struct model_task *task, __u64 index,
		    __u64 event, __u64 stamp, __u32 flags)
{
	if (freeing->notes.flags & NOTE_SUSPECT)
		return;
	freeing->notes.flags |= NOTE_SUSPECT | flags;
	freeing->notes.index = index;
	freeing->notes.event = event;
	freeing->notes.stamp = stamp;
	freeing->notes.tid = task->tid;
}

static const struct model_operation *fault_of(const struct model_task *task,
					      const struct model_inode *inode)
{
	const struct model_operation *operation;

	if (!task->depth)
		return NULL;
	operation = &task->operations[task->depth - 1];
	return operation->operation == OPERATION_FAULT && operation->inode == inode ? operation : NULL;
}

/* Is a fault that inserts a block's entry now at odds with that operation? */
static bool is_at_odds(const struct model_operation *freeing, struct model_operation *truncation,
		       const struct model_operation *fault, const struct event_entry *record)
{
	if (truncation && operation__covers(truncation, record->index, record->index))
		return true;
	if (!freeing->notes.truncated || moves_blocks(freeing))
		return false;
	if (fault->stamp < freeing->notes.truncated)
		return true;
	return fault->iomap.answered && fault->iomap.type == IOMAP_TYPE_MAPPED &&
	       !(fault->iomap.flags & IOMAP_FLAG_NEW) &&
	       fault->inode->allocated < freeing->notes.truncated;
}

static void entry_inserted(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, struct model_entry *entry,
			   const struct event_entry *record)
{
	const struct model_operation *fault = fault_of(task, inode);
	struct model_operation *operation;

	(void)entry;
	if (!fault || inode->open_count < 2 || (record->flags & ENTRY_ZERO) ||
	    !rule__judges(detector, RULE_FAULT_MAPS_FREED))
		return;
	DL_FOREACH2(inode->open, operation, open_next) {
		if (operation->task == task || operation->task->epoch != task->epoch ||
		    !frees_wholly(operation, record->index, record->order))
			continue;
		if (is_at_odds(operation, truncation_of(operation), fault, record))
			suspect(operation, task, record->index, fault->event,
				model__stamp(detector->model), NOTE_SUSPECT_ENTRY);
	}
}

/* The entry goes, but a page table entry was set since the range was unmapped. */
static void suspect_mapping(struct detector *detector, struct model_task *task,
			    struct model_entry *entry)
{
	struct model_operation *freeing = model__freeing(task, entry->key.inode, entry->key.index,
							 entry->order);

	if (!freeing || !frees_wholly(freeing, entry->key.index, entry->order) ||
	    entry->mapped_by == task->tid || !freeing->notes.unmapped ||
	    entry->mapped <= freeing->notes.unmapped ||
	    freeing->notes.unmapped_first > entry->key.index ||
	    freeing->notes.unmapped_last < entry->key.index + (1ULL << entry->order) - 1)
		return;
	if (!(freeing->notes.flags & NOTE_SUSPECT))
		suspect(freeing, model__task(detector->model, entry->mapped_by) ?: task,
			entry->key.index, entry->inserted_event ?: freeing->event, 0, 0);
}

/* The holes of the range: nobody sees their page any more, even if their entries stay. */
static void unmap_holes(struct model *model, struct model_inode *inode, __u64 first, __u64 last)
{
	struct model_entry *entry;
	__u64 index, pages;

	if (last - first < inode->entry_count) {
		for (index = first, pages = last - first + 1; pages; index++, pages--) {
			entry = model__entry(model, inode, index);
			if (entry && entry->state == ENTRY_HOLE)
				entry->unmapped = model__stamp(model);
		}
		return;
	}
	DL_FOREACH(inode->entries, entry)
		if (entry->state == ENTRY_HOLE && entry->key.index <= last &&
		    entry->key.index + (1ULL << entry->order) > first)
			entry->unmapped = model__stamp(model);
}

static void range_unmapped(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, const struct event_range *record)
{
	struct model_operation *operation;
	unsigned int i;

	if (inode->hole_count && record->first <= record->last)
		unmap_holes(detector->model, inode, record->first, record->last);
	for (i = 0; i < task->depth; i++) {
		operation = &task->operations[i];
		if (operation->inode != inode)
			continue;
		if (frees_blocks(operation)) {
			operation->notes.unmapped = model__stamp(detector->model);
			operation->notes.unmapped_first = record->first;
			operation->notes.unmapped_last = record->last;
			if (!(operation->notes.flags & NOTE_SUSPECT_ENTRY) &&
			    operation->notes.index >= record->first &&
			    operation->notes.index <= record->last)
				operation->notes.flags &= ~NOTE_SUSPECT;
		}
		if ((operation->notes.flags & NOTE_HOLE_REMOVED) &&
		    operation->notes.index >= record->first &&
		    operation->notes.index <= record->last)
			operation->notes.flags &= ~NOTE_HOLE_REMOVED;
	}
}

static void report_freed(struct detector *detector, const struct model_operation *operation,
			 __u64 time)
{
	const struct model_task *task = operation->task;
	struct model_inode *inode = operation->inode;
	__u64 index = operation->notes.index, since;
	const struct model_entry *entry;
	char signature[160];
	struct finding *finding;

	if (operation->notes.flags & NOTE_SUSPECT_ENTRY) {
		entry = model__entry(detector->model, inode, index);
		if (!entry || !entry->inserted || entry->inserted < operation->notes.stamp ||
		    entry->state == ENTRY_HOLE)
			return;
	}
	snprintf(signature, sizeof(signature), "mapped by fault|freed by %s|%s",
		 operation_name(operation->operation),
		 operation->notes.flags & NOTE_SUSPECT_ENTRY ? "entry" : "page table");
	finding = finding__begin(detector, RULE_FAULT_MAPS_FREED, inode, index, 1, time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "a fault of %s[%u] mapped page %llu while %s of %s[%u] was freeing its block; the mapping outlived "
		 "the block", comm_of(detector, operation->notes.tid), operation->notes.tid,
		 (unsigned long long)index, operation_name(operation->operation), task->comm, task->tid);
	finding__actor(finding, detector, operation->notes.tid, "fault");
	finding__actor(finding, detector, task->tid, operation_name(operation->operation));
	since = operation->event < operation->notes.event ? operation->event : operation->notes.event;
	finding__history(finding, detector, inode, since);
	finding__commit(detector, finding);
}

/* --- DX09 ----------------------------------------------------------------- */

static void report_stale(struct detector *detector, const struct model_operation *write,
			 const struct model_task *reader, __u64 index, const char *how,
			 const char *words, __u64 since, __u64 time)
{
	char signature[160];
	struct finding *finding;

	snprintf(signature, sizeof(signature), "hole mapped by fault|%s", how);
	finding = finding__begin(detector, RULE_STALE_MAPPING, write->inode, index, 1, time,
				 signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "write(2) by %s[%u] stored to page %llu, and %s: readers of the mapping see zeroes",
		 write->task->comm, write->task->tid, (unsigned long long)index, words);
	if (reader)
		finding__actor(finding, detector, reader->tid, "fault");
	if (!reader || reader->tid != write->task->tid)
		finding__actor(finding, detector, write->task->tid, "write");
	finding__history(finding, detector, write->inode,
			 since && since < write->event ? since : write->event);
	finding__commit(detector, finding);
}

/*
 * A fault may be under way that breaks up the huge hole, or that stores: then it, and not
 * the write, has allocated the block, and will put it in the hole's place.
 */
static bool fault_within(const struct model_entry *hole)
{
	const struct model_operation *operation;

	DL_FOREACH2(hole->key.inode->open, operation, open_next)
		if (operation->operation == OPERATION_FAULT &&
		    operation__covers(operation, hole->key.index,
				      hole->key.index + (1ULL << hole->order) - 1))
			return true;
	return false;
}

/*
 * An entry that stays is none of a page that does: 6.1's dax_insert_entry() tags
 * holes' entries dirty, and __dax_invalidate_entry() spares what is dirty, but
 * invalidate_inode_pages2_range() unmaps them all the same.
 */
static bool is_unmapped(const struct model_entry *hole)
{
	return hole->unmapped > hole->inserted && hole->unmapped > hole->mapped;
}

static void check_hole(struct detector *detector, const struct model_operation *write,
		       const struct model_entry *entry, __u64 index, __u64 time)
{
	if (entry->state != ENTRY_HOLE || !model__known(detector->model, entry) ||
	    is_unmapped(entry) || fault_within(entry))
		return;
	report_stale(detector, write, model__task(detector->model, entry->inserted_by), index,
		     entry->inserted > write->stamp ? "in the write" : "before the write",
		     "the hole's entry is still there", entry->inserted_event, time);
}

/* The write has ended: no page of it may be a hole's any more. */
static void judge_write(struct detector *detector, struct model_operation *write, __u64 time)
{
	struct model_inode *inode = write->inode;
	const struct model_mapping *mapping;
	const struct model_entry *entry;
	__u64 index, pages;

	if ((write->notes.flags & NOTE_HOLE_REMOVED) && inode->mapping_count) {
		mapping = model__mapping_of(detector->model, inode, write->notes.index,
					    write->notes.index);
		if (mapping && mapping->stamp < write->stamp)
			report_stale(detector, write, model__task(detector->model, write->notes.tid),
				     write->notes.index, "removed, not unmapped",
				     "the hole's page was not unmapped", write->notes.event, time);
	}
	if (!inode->hole_count)
		return;
	if (write->last - write->first < inode->entry_count) {
		pages = write->last - write->first + 1;
		for (index = write->first; pages; index++, pages--) {
			entry = model__entry(detector->model, inode, index);
			if (entry)
				check_hole(detector, write, entry, index, time);
		}
		return;
	}
	DL_FOREACH(inode->entries, entry)
		if (operation__covers(write, entry->key.index,
				      entry->key.index + (1ULL << entry->order) - 1))
			check_hole(detector, write, entry, entry->key.index > write->first ?
				   entry->key.index : write->first, time);
}

/* Faults under way that cover what was written: what they install must be newer. */
static void overtake_faults(struct model_operation *write)
{
	struct model_operation *operation;

	if (write->inode->open_count < 2)
		return;
	/* One that waits for the write to end may free the page next. */
	DL_FOREACH2(write->inode->open, operation, open_next)
		if (frees_blocks(operation))
			return;
	DL_FOREACH2(write->inode->open, operation, open_next) {
		if (operation->operation != OPERATION_FAULT || operation->task == write->task ||
		    operation->task->epoch != write->task->epoch ||
		    !operation__covers(write, operation->first, operation->last))
			continue;
		operation->notes.flags = (operation->notes.flags & ~NOTE_FREED) | NOTE_OVERTAKEN;
		operation->notes.tid = write->task->tid;
		operation->notes.event = write->event;
		operation->notes.index = operation->first > write->first ? operation->first :
								   write->first;
	}
}

/* Whole pages; not while blocks are being freed. */
static void note_written(const struct model_operation *write)
{
	const struct model_operation *operation;
	__u64 first = (write->argument[0] + PAGE_BYTES - 1) / PAGE_BYTES;
	__u64 end = (write->argument[0] + write->argument[1]) / PAGE_BYTES;

	if (end <= first || end < write->argument[0] / PAGE_BYTES)
		return;
	DL_FOREACH2(write->inode->open, operation, open_next)
		if (frees_blocks(operation))
			return;
	write->inode->written.first = first;
	write->inode->written.last = end - 1;
	write->inode->written.event = write->event;
	write->inode->written.epoch = write->task->epoch;
	write->inode->written.tid = write->task->tid;
}

static void judge_overtaken(struct detector *detector, struct model_task *task,
			    struct model_inode *inode, const struct event_entry *record)
{
	const struct model_operation *fault = fault_of(task, inode);
	const struct model_task *writer;
	struct model_operation write;

	if (!fault || !(record->flags & ENTRY_ZERO) ||
	    (fault->notes.flags & (NOTE_OVERTAKEN | NOTE_FREED)) != NOTE_OVERTAKEN)
		return;
	writer = model__task(detector->model, fault->notes.tid);
	if (!writer || !rule__judges(detector, RULE_STALE_MAPPING))
		return;
	write = *fault;
	write.task = (struct model_task *)writer;
	write.event = fault->notes.event;
	report_stale(detector, &write, task, fault->notes.index, "after the write",
		     "a fault went by what it was told before, and installed the hole's page after it",
		     fault->event, record->header.time);
}

/* --- DX10 ----------------------------------------------------------------- */

static void report_dropped(struct detector *detector, struct model_task *task,
			   struct model_entry *entry, __u64 time)
{
	const struct model_operation *operation = model__freeing(task, entry->key.inode,
								 entry->key.index, entry->order);
	bool within = operation && entry->dirtied_event > operation->event;
	struct model_inode *inode = entry->key.inode;
	struct finding *finding;
	char signature[128];

	if (!operation || !rule__judges(detector, RULE_DROPPED_WRITE))
		return;
	snprintf(signature, sizeof(signature), "dirtied %s|moved by %s", within ? "in it" : "before it",
		 operation->argument[0] & 0x20 ? "insert" : "collapse");
	finding = finding__begin(detector, RULE_DROPPED_WRITE, inode, entry->key.index,
				 1ULL << entry->order, time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "fallocate of %s[%u] moves the block of page %llu, and removed its entry, which %s[%u] had "
		 "dirtied %s, without a flush", task->comm, task->tid,
		 (unsigned long long)entry->key.index, comm_of(detector, entry->dirtied_by),
		 entry->dirtied_by, within ? "since it began" : "before it began");
	finding__actor(finding, detector, entry->dirtied_by, "write fault");
	if (task->tid != entry->dirtied_by)
		finding__actor(finding, detector, task->tid, "fallocate");
	finding__history(finding, detector, inode,
			 within ? operation->event : entry->dirtied_event);
	finding__commit(detector, finding);
}

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal,
			  const struct event_entry *record)
{
	struct model_operation *operation;
	unsigned int i;

	if (removal == REMOVAL_MOVED && entry->state == ENTRY_MODIFIED)
		report_dropped(detector, task, entry, record->header.time);
	if (removal == REMOVAL_FREED && entry->mapped && entry->state != ENTRY_HOLE)
		suspect_mapping(detector, task, entry);
	if (entry->state != ENTRY_HOLE)
		return;
	for (i = 0; i < task->depth; i++) {
		operation = &task->operations[i];
		if (operation->operation != OPERATION_WRITE ||
		    operation->inode != entry->key.inode ||
		    !operation__covers(operation, entry->key.index, entry->key.index))
			continue;
		operation->notes.flags |= NOTE_HOLE_REMOVED;
		operation->notes.index = entry->key.index;
		operation->notes.tid = entry->inserted_by;
		operation->notes.event = entry->inserted_event;
	}
}

static void note_truncation(struct detector *detector, const struct model_operation *truncation)
{
	struct model_task *task = truncation->task;
	unsigned int i;

	for (i = 0; i < task->depth; i++)
		if (task->operations[i].inode == truncation->inode &&
		    frees_blocks(&task->operations[i]))
			task->operations[i].notes.truncated = model__stamp(detector->model);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	switch (operation->operation) {
	case OPERATION_TRUNCATE:
		note_truncation(detector, operation);
		break;
	case OPERATION_WRITE:
		if (result <= 0 || (__u64)result != operation->argument[1])
			break;
		if (rule__judges(detector, RULE_STALE_MAPPING))
			judge_write(detector, operation, time);
		overtake_faults(operation);
		note_written(operation);
		break;
	default:
		if (!frees_blocks(operation))
			break;
		forget_written(operation);
		if (!result && (operation->notes.flags & NOTE_SUSPECT) &&
		    rule__judges(detector, RULE_FAULT_MAPS_FREED))
			report_freed(detector, operation, time);
	}
}

/* Both look at what a fault installs. */
static void inserted(struct detector *detector, struct model_task *task,
		     struct model_inode *inode, struct model_entry *entry,
		     const struct event_entry *record)
{
	judge_overtaken(detector, task, inode, record);
	entry_inserted(detector, task, inode, entry, record);
}

const struct rule_hooks block_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_inserted = inserted,
	.entry_deleted = entry_deleted,
	.range_unmapped = range_unmapped,
	.iomap_answered = iomap_answered,
};
