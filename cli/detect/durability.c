// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Is what was stored still known to need a flush?
 *
 * DX01 lost-dirty-entry: an entry in state dirty is removed, and nothing that
 * its task is inside of frees the block.  Silent if the entry's state or the
 * task's operations are not wholly known; if ->writepages had failed before an
 * eviction (a filesystem that was shut down: an error, no race); and if the
 * write copies on write, since xfs clears the tag then, which no record tells
 * (__dax_clear_dirty_range()); where it is not known whether it does, the case
 * is unknown.  The window is any operation that can remove
 * entries and is not meant to free blocks: write(2) through dax_iomap_rw (it
 * invalidates what it allocates) and invalidate_inode_pages2; the rival is
 * another task's write fault on one of its pages.  Needs all that makes an entry
 * dirty, flushes or removes it, and all that frees its block: truncate, fallocate,
 * eviction.  History: c6dcf52c23d2 (4.10), 8b2180b3bf03 (4.9), and what
 * bde708f1a65d (6.15) brought.
 *
 * DX02 clean-but-writable: the dirty tag was cleared after a flush (or was gone when
 * ->writepages returned, nobody else being at work on the file) while a VMA
 * through which a fault had mapped the page writable was still there and had
 * been neither write-protected nor unmapped.  dax_writeback_one() walks i_mmap
 * and calls pfn_mkclean_range() for each VMA with the entry locked, so a VMA
 * without it can store on, unseen.  Silent if that VMA's begin was not seen, or
 * it has been changed since.  The window is a writeback of an inode with dirty
 * entries; the rival is a write fault.  Needs the same of entries, and what maps,
 * write-protects and unmaps pages.  History: f729c8c9b24f (4.11) and 06083a0921fd (5.19) of the
 * kernel's own cases.
 */
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "detect/private.h"
#include "probe/table.h"

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	switch (operation->operation) {
	case OPERATION_WRITE:
	case OPERATION_INVALIDATE:
		window__open(detector, operation, RULE_LOST_DIRTY_ENTRY);
		break;
	case OPERATION_WRITEBACK:
		if (operation->inode->dirty_count)
			window__open(detector, operation, RULE_CLEAN_BUT_WRITABLE);
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
		/* One begun before a loss may have ended in it. */
		if (!operation->notes.windows || operation->task == task ||
		    operation->task->epoch != task->epoch ||
		    !operation__covers(operation, entry->key.index,
				       entry->key.index + (1ULL << entry->order) - 1))
			continue;
		window__contest(detector, operation, RULE_LOST_DIRTY_ENTRY, OPERATION_FAULT);
		window__contest(detector, operation, RULE_SYNC_MISSED_DIRTY, OPERATION_FAULT);
	}
}

/*
 * Without the answers of ->iomap_begin, which a default run does not observe, a write that
 * copies on write looks like any other.  xfs alone does that to files in DAX mode.
 */
static bool may_copy_on_write(const struct detector *detector, struct model_task *task,
			      const struct model_inode *inode)
{
	return (detector->options.missing & OBSERVED_BIT(OBSERVED_IOMAP)) &&
	       !strcmp(inode->fstype, "xfs") && operation__around(task, inode, OPERATION_WRITE);
}

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal,
			  const struct event_entry *record)
{
	struct model_inode *inode = entry->key.inode;
	char context[128], function[96], signature[320];
	const char *within = context, *alike = context;
	__u64 pages = 1ULL << entry->order, since;
	struct finding *finding;

	if (entry->state != ENTRY_MODIFIED || !rule__judges(detector, RULE_LOST_DIRTY_ENTRY))
		return;
	if (removal == REMOVAL_UNKNOWN ||
	    (removal == REMOVAL_KEPT && may_copy_on_write(detector, task, inode))) {
		detector->coverage[RULE_LOST_DIRTY_ENTRY].unknown++;
		return;
	}
	if (removal != REMOVAL_KEPT)
		return;
	describe_context(task, inode, context, sizeof(context));
	describe_function(detector, task, inode, function, sizeof(function));
	if (!context[0] && has_broken_layouts(detector, task, inode)) {
		/* dax_break_layout() itself removes them since bde708f1a65d, whoever calls it. */
		within = "no known operation, right after it broke layouts";
		alike = "no operation, after layouts";
	} else if (!context[0]) {
		within = "no known operation";
		alike = "no operation";
	}
	snprintf(signature, sizeof(signature), "%s|dirtied by fault|removed by %s%s%s",
		 task->tid == entry->dirtied_by ? "one task" : "two tasks", alike,
		 *function ? "|" : "", function);
	finding = finding__begin(detector, RULE_LOST_DIRTY_ENTRY, inode, entry->key.index, pages,
				 record->header.time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "the dirty entry of page %llu (pfn 0x%llx), dirtied by %s[%u], was removed by %s[%u] in %s; "
		 "its block is still the file's",
		 (unsigned long long)entry->key.index, (unsigned long long)entry->pfn,
		 comm_of(detector, entry->dirtied_by), entry->dirtied_by, task->comm, task->tid,
		 within);
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

static void report_writable(struct detector *detector, struct model_task *task,
			    struct model_entry *entry, const struct model_writer *writer,
			    __u64 time)
{
	struct model_inode *inode = entry->key.inode;
	char context[128], signature[256];
	struct finding *finding;

	describe_context(task, inode, context, sizeof(context));
	snprintf(signature, sizeof(signature), "%s page|cleaned by %s",
		 entry->order ? "huge" : "small", context[0] ? context : "no operation");
	finding = finding__begin(detector, RULE_CLEAN_BUT_WRITABLE, inode, entry->key.index,
				 1ULL << entry->order, time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "the tag of page %llu (pfn 0x%llx) was cleared by %s[%u] while %s[%u]'s mapping of it was still "
		 "writable: it was neither write-protected nor unmapped since the fault",
		 (unsigned long long)entry->key.index, (unsigned long long)entry->pfn, task->comm,
		 task->tid, comm_of(detector, writer->tid), writer->tid);
	finding__actor(finding, detector, writer->tid, "write fault");
	if (task->tid != writer->tid)
		finding__actor(finding, detector, task->tid, "writeback");
	finding__history(finding, detector, inode, entry->dirtied_event);
	finding__commit(detector, finding);
}

/* The mapping's writer that can still store to the page, or NULL. */
static const struct model_writer *writer_of(const struct detector *detector,
					    const struct model_entry *entry)
{
	const struct model_mapping *mapping;
	int i;

	for (i = 0; i < ENTRY_WRITERS; i++) {
		if (!entry->writers[i].vma || !entry->writers[i].sure)
			continue;
		mapping = model__mapping(detector->model, entry->writers[i].vma);
		if (mapping && mapping->inode == entry->key.inode &&
		    (mapping->flags & MAP_SHARED_FILE) && mapping->last >= entry->key.index &&
		    mapping->first <= entry->key.index + (1ULL << entry->order) - 1)
			return &entry->writers[i];
	}
	return NULL;
}

static bool is_alone(const struct model_operation *operation)
{
	const struct model_operation *other;

	DL_FOREACH2(operation->inode->open, other, open_next)
		if (other->task != operation->task)
			return false;
	return true;
}

/*
 * ->writepages has left nothing tagged in the mapping; then entries that are dirty
 * have lost their tag in a way that no record tells.
 */
static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	const struct model_writer *writer;
	struct model_entry *entry;

	if (operation->operation != OPERATION_WRITEPAGES || result ||
	    operation->exit_argument != WRITEPAGES_CLEAN || !operation->inode->dirty_count ||
	    !rule__judges(detector, RULE_CLEAN_BUT_WRITABLE) || !is_alone(operation))
		return;
	DL_FOREACH2(operation->inode->dirty, entry, dirty_next) {
		if (!model__known(detector->model, entry) || entry->dirtied_at >= operation->begun ||
		    !operation__covers(operation, entry->key.index,
				       entry->key.index + (1ULL << entry->order) - 1))
			continue;
		writer = writer_of(detector, entry);
		if (writer)
			report_writable(detector, operation->task, entry, writer, time);
	}
}

static void entry_cleaned(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, const struct event_range *record)
{
	const struct model_writer *writer;

	if (!rule__judges(detector, RULE_CLEAN_BUT_WRITABLE) ||
	    !model__known(detector->model, entry))
		return;
	writer = writer_of(detector, entry);
	if (writer)
		report_writable(detector, task, entry, writer, record->header.time);
}

const struct rule_hooks durability_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_dirtied = entry_dirtied,
	.entry_cleaned = entry_cleaned,
	.entry_deleted = entry_deleted,
};
