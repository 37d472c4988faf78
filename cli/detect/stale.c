// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who maps a file sees what was written to it?
 *
 * DX09 stale-mapping-after-write: write(2) of a page has returned, and the entry is
 * still that of a hole that was not unmapped; or the hole's entry was removed by the
 * write and its page tables were not cleared; or a fault that began before the write
 * ended, or is answered as if there had been none, installs the hole afterwards.  The
 * entry's lock excludes all three, as does invalidate_inode_pages2_range()'s last
 * step.  Of the first two somebody sees it whose mapping of the hole is still there; if
 * nobody's is, it is predicted: the write would have left it as well.  Only writes of all
 * that was asked for are judged, and none after which the page cache was truncated.  The
 * window is a write for which blocks were allocated, or that leaves a hole's entry; the
 * rivals are faults.  History: e3fce68cdbed to cd656375f940.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

static void range_unmapped(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, const struct event_range *record)
{
	struct model_operation *operation;
	unsigned int i;

	(void)detector;
	for (i = 0; i < task->depth; i++) {
		operation = &task->operations[i];
		if (operation->inode == inode && (operation->notes.flags & NOTE_HOLE_REMOVED) &&
		    operation->notes.index >= record->first &&
		    operation->notes.index <= record->last)
			operation->notes.flags &= ~(NOTE_HOLE_REMOVED | NOTE_HOLE_READ);
	}
}

static void report_stale(struct detector *detector, const struct model_operation *write,
			 const struct model_task *reader, __u64 index, const char *how,
			 const char *words, bool read, __u64 since, __u64 time)
{
	char signature[160];
	struct finding *finding;

	snprintf(signature, sizeof(signature), "%shole mapped by fault|%s", read ? "" : "predicted|", how);
	finding = finding__begin(detector, RULE_STALE_MAPPING, write->inode, index, 1, time,
				 signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "write(2) by %s[%u] stored to page %llu, and %s: %s",
		 write->task->comm, write->task->tid, (unsigned long long)index, words,
		 read ? "readers of the mapping see zeroes" :
			"who still had it mapped would see zeroes; nobody is known to");
	if (!read) {
		finding->certainty = "predicted";
		snprintf(finding->schedule, sizeof(finding->schedule),
			 "A process reads the hole through a mapping and keeps that; the write leaves the page "
			 "mapped, and the process goes on reading zeroes.");
	}
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

static void check_hole(struct detector *detector, struct model_operation *write,
		       const struct model_entry *entry, __u64 index, __u64 time)
{
	if (entry->state != ENTRY_HOLE || !model__known(detector->model, entry) ||
	    is_unmapped(entry) || fault_within(entry))
		return;
	window__open(detector, write, RULE_STALE_MAPPING);
	report_stale(detector, write, model__task(detector->model, entry->inserted_by), index,
		     entry->inserted > write->stamp ? "in the write" : "before the write",
		     "the hole's entry is still there", model__is_read(detector->model, entry),
		     entry->inserted_event, time);
}

/* The write has ended: no page of it may be a hole's any more. */
static void judge_write(struct detector *detector, struct model_operation *write, __u64 time)
{
	struct model_inode *inode = write->inode;
	const struct model_entry *entry;
	__u64 index, pages;

	if (write->notes.flags & NOTE_HOLE_REMOVED)
		report_stale(detector, write, model__task(detector->model, write->notes.tid),
			     write->notes.index, "removed, not unmapped",
			     "the hole's page was not unmapped", write->notes.flags & NOTE_HOLE_READ,
			     write->notes.event, time);
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
		if (operation__frees_blocks(operation))
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
		if (operation__frees_blocks(operation))
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
	const struct model_operation *fault;
	const struct model_task *writer;
	struct model_operation write;

	if (!(record->flags & ENTRY_ZERO))
		return;
	fault = model__fault_of(task, inode);
	if (!fault || (fault->notes.flags & (NOTE_OVERTAKEN | NOTE_FREED)) != NOTE_OVERTAKEN)
		return;
	writer = model__task(detector->model, fault->notes.tid);
	if (!writer || !rule__judges(detector, RULE_STALE_MAPPING))
		return;
	write = *fault;
	write.task = (struct model_task *)writer;
	write.event = fault->notes.event;
	report_stale(detector, &write, task, fault->notes.index, "after the write",
		     "a fault went by what it was told before, and installed the hole's page after it",
		     true, fault->event, record->header.time);
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

	(void)detector;
	if (operation->operation == OPERATION_FAULT) {
		if (operation->inode->open_count < 2)
			return;
		DL_FOREACH2(operation->inode->open, other, open_next)
			if (operation__frees_blocks(other))
				operation->notes.flags |= NOTE_FREED;
		return;
	}
	/*
	 * In whatever operation: what is not observed (FICLONERANGE, FIDEDUPERANGE, exchanges of
	 * ranges) gives a file holes, too, and takes the page cache away first
	 * (xfs_flush_unmap_range()), with writes and faults locked out until it is done.
	 */
	if (operation->operation == OPERATION_TRUNCATE || operation__frees_blocks(operation))
		forget_written(operation);
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

/* The write removes a hole's entry: it must unmap its page, too. */
static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal,
			  const struct event_entry *record)
{
	struct model_operation *operation;
	unsigned int i;
	bool read;

	(void)removal;
	(void)record;
	if (entry->state != ENTRY_HOLE || is_unmapped(entry))
		return;
	for (i = 0; i < task->depth; i++) {
		operation = &task->operations[i];
		if (operation->operation != OPERATION_WRITE ||
		    operation->inode != entry->key.inode ||
		    !operation__covers(operation, entry->key.index, entry->key.index))
			continue;
		read = model__is_read(detector->model, entry);
		if (!read && operation->notes.flags & NOTE_HOLE_REMOVED)
			continue;
		operation->notes.flags |= NOTE_HOLE_REMOVED | (read ? NOTE_HOLE_READ : 0);
		operation->notes.index = entry->key.index;
		operation->notes.tid = entry->inserted_by;
		operation->notes.event = entry->inserted_event;
	}
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	if (operation->operation == OPERATION_WRITE) {
		if (result <= 0 || (__u64)result != operation->argument[1])
			return;
		if (rule__judges(detector, RULE_STALE_MAPPING))
			judge_write(detector, operation, time);
		overtake_faults(operation);
		note_written(operation);
	} else if (operation__frees_blocks(operation)) {
		forget_written(operation);
	}
}

static void entry_inserted(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, struct model_entry *entry,
			   const struct event_entry *record)
{
	(void)entry;
	judge_overtaken(detector, task, inode, record);
}

const struct rule_hooks stale_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_inserted = entry_inserted,
	.entry_deleted = entry_deleted,
	.range_unmapped = range_unmapped,
	.iomap_answered = iomap_answered,
};
