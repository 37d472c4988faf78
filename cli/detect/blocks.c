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
 * DX10 range-op-dropped-write: collapse or insert moves blocks, and removed the
 * dirty entry of one of them: it must be flushed first, with faults excluded
 * from the flush to the removal.  History: 32ebffd3bbb4.
 *
 * Windows: the whole operation; the rivals are faults.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

#define MODE_INSERT_OR_COLLAPSE	(0x08 | 0x20)	/* FALLOC_FL_* of <linux/falloc.h> */

static bool moves_blocks(const struct model_operation *operation)
{
	return operation->operation == OPERATION_FALLOCATE &&
	       (operation->argument[0] & MODE_INSERT_OR_COLLAPSE);
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	if (!operation__frees_blocks(operation))
		return;
	window__open(detector, operation, RULE_FAULT_MAPS_FREED);
	if (moves_blocks(operation))
		window__open(detector, operation, RULE_DROPPED_WRITE);
}

/* --- DX08 ----------------------------------------------------------------- */

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
	const struct model_operation *fault;
	struct model_operation *operation;

	(void)entry;
	if (inode->open_count < 2 || (record->flags & ENTRY_ZERO) ||
	    !rule__judges(detector, RULE_FAULT_MAPS_FREED))
		return;
	fault = model__fault_of(task, inode);
	if (!fault)
		return;
	DL_FOREACH2(inode->open, operation, open_next) {
		if (operation->task == task || operation->task->epoch != task->epoch ||
		    !operation__frees_wholly(operation, record->index, record->order))
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

	if (!freeing || !operation__frees_wholly(freeing, entry->key.index, entry->order) ||
	    entry->mapped_by == task->tid || !freeing->notes.unmapped ||
	    entry->mapped <= freeing->notes.unmapped ||
	    freeing->notes.unmapped_first > entry->key.index ||
	    freeing->notes.unmapped_last < entry->key.index + (1ULL << entry->order) - 1)
		return;
	if (!(freeing->notes.flags & NOTE_SUSPECT))
		suspect(freeing, model__task(detector->model, entry->mapped_by) ?: task,
			entry->key.index, entry->inserted_event ?: freeing->event, 0, 0);
}

static void range_unmapped(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, const struct event_range *record)
{
	struct model_operation *operation;
	unsigned int i;

	for (i = 0; i < task->depth; i++) {
		operation = &task->operations[i];
		if (operation->inode != inode || !operation__frees_blocks(operation))
			continue;
		operation->notes.unmapped = model__stamp(detector->model);
		operation->notes.unmapped_first = record->first;
		operation->notes.unmapped_last = record->last;
		if (!(operation->notes.flags & NOTE_SUSPECT_ENTRY) &&
		    operation->notes.index >= record->first &&
		    operation->notes.index <= record->last)
			operation->notes.flags &= ~NOTE_SUSPECT;
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
	if (removal == REMOVAL_MOVED && entry->state == ENTRY_MODIFIED)
		report_dropped(detector, task, entry, record->header.time);
	if (removal == REMOVAL_FREED && entry->mapped && entry->state != ENTRY_HOLE)
		suspect_mapping(detector, task, entry);
}

static void note_truncation(struct detector *detector, const struct model_operation *truncation)
{
	struct model_task *task = truncation->task;
	unsigned int i;

	for (i = 0; i < task->depth; i++)
		if (task->operations[i].inode == truncation->inode &&
		    operation__frees_blocks(&task->operations[i]))
			task->operations[i].notes.truncated = model__stamp(detector->model);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	if (operation->operation == OPERATION_TRUNCATE)
		note_truncation(detector, operation);
	else if (operation__frees_blocks(operation) && !result &&
		 (operation->notes.flags & NOTE_SUSPECT) &&
		 rule__judges(detector, RULE_FAULT_MAPS_FREED))
		report_freed(detector, operation, time);
}

const struct rule_hooks block_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_inserted = entry_inserted,
	.entry_deleted = entry_deleted,
	.range_unmapped = range_unmapped,
};
