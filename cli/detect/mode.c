// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flips of how a file is accessed: S_DAX, the address space operations (and by
 * them the journalling of data).
 *
 * A flip is seen by comparison: EVENT_MODE says that the inode differs from what
 * it was at the last record that looks (struct model_inode.checked).  Whatever
 * began after the flip would have found it first; so an operation that is open
 * when it is found was open when it happened.
 *
 * DX04 flip-while-mapped: S_DAX changed, or the operations of a file in DAX
 * mode, while a VMA mapped the file: one that is known, or, if an operation
 * found the flip, any that the inode's i_mmap has (a new VMA would have found
 * it first).  A file that is never in DAX mode may change its journalling while
 * it is mapped; ext4 does.  History: e9072d859df3, 559db4c6d784.
 *
 * DX05 flip-without-writeback: dirty DAX entries are left behind by a flip out
 * of DAX mode; or a flip into DAX mode leaves tagged pages in the page cache; or
 * a flip of which the moment is known (MODE_MOMENT) leaves anything at all: what is
 * clean then hides what is written in the new mode.  History: 88149082bb8e.
 *
 * DX06 flip-unserialised: a fault, read(2) or write(2) of another task was under
 * way when the mode changed.  These are told from within the filesystem's own
 * exclusion (dax_iomap_fault(), dax_iomap_rw()), so no wait for a lock of the
 * flip can be mistaken for it; or a VMA was added while the flip was under way;
 * or after it a fault or I/O still called DAX for a file that is no longer in DAX
 * mode, having read the mode before.
 * History: e9072d859df3, the talks of 2017 and 2020.
 *
 * DX07 flip-during-writepages: writeback was under way: of DAX entries, or of
 * the page cache with a journal handle started both before the flip began and
 * after it.  do_writepages() alone says nothing: ext4_writepages() takes
 * s_writepages_rwsem only then.  History: c8585c6fcaf2, cb85f4d23f79.
 *
 * Windows: of DX04 to DX06 an ioctl in which the mode changed, or that was
 * refused with EBUSY; of DX07 writeback.
 */
#include <errno.h>
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

/*
 * The ioctl under way that must have changed the mode, or NULL.  task: of the newest record;
 * one whose task has told nothing since a loss may have ended in it.
 */
static struct model_operation *flip_of(const struct model_inode *inode, const struct model_task *task)
{
	struct model_operation *operation;

	DL_FOREACH2(inode->open, operation, open_next)
		if (operation->operation == OPERATION_FILEATTR &&
		    operation->task->epoch == task->epoch)
			return operation;
	return NULL;
}

static bool involves_dax(const struct event_mode *record)
{
	return (record->old_flags | record->new_flags) & MODE_DAX;
}

static const char *kind_of(const struct event_mode *record)
{
	if ((record->old_flags ^ record->new_flags) & MODE_DAX)
		return record->new_flags & MODE_DAX ? "into DAX" : "out of DAX";
	return "operations";
}

static void report_flip(struct detector *detector, enum rule_index rule,
			const struct model_inode *inode, const struct model_operation *flip,
			const struct event_mode *record, const struct model_operation *other,
			__u32 other_tid, const char *role, const char *words)
{
	__u64 since = flip ? flip->event : inode->last_event;
	struct finding *finding;
	char signature[160];

	snprintf(signature, sizeof(signature), "%s|%s|%s", kind_of(record),
		 flip ? "fileattr" : "no known operation", role);
	finding = finding__begin(detector, rule, inode, other ? other->first : 0, 1,
				 record->header.time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary), "the mode of the file changed (%s) %s%s%s%s",
		 kind_of(record), flip ? "in fileattr of " : "", flip ? flip->task->comm : "",
		 flip ? ", " : "", words);
	if (flip)
		finding__actor(finding, detector, flip->task->tid, "fileattr");
	if (other_tid && (!flip || other_tid != flip->task->tid))
		finding__actor(finding, detector, other_tid, role);
	if (!finding->actor_count)
		finding__actor(finding, detector, record->header.tid, "found it");
	if (other && other->event < since)
		since = other->event;
	finding__history(finding, detector, inode, since);
	finding__commit(detector, finding);
}

static void judge_mappings(struct detector *detector, const struct model_inode *inode,
			   const struct model_operation *flip, const struct event_mode *record)
{
	const struct model_mapping *mapping;
	bool known;

	if (!involves_dax(record))
		return;
	mapping = model__mapping_of(detector->model, inode, 0, INDEX_MAX);
	known = mapping && mapping->stamp <= inode->checked;
	if (known || ((record->new_flags & MODE_MAPPED) && !(record->new_flags & MODE_POLLED))) {
		if (rule__judges(detector, RULE_FLIP_WHILE_MAPPED))
			report_flip(detector, RULE_FLIP_WHILE_MAPPED, inode, flip, record, NULL,
				    known ? mapping->tid : 0, "mmap", "while the file was mapped");
	} else if (record->new_flags & MODE_MAPPED) {
		/* Mapped when the poll came by; when it flipped, nobody can say. */
		detector->coverage[RULE_FLIP_WHILE_MAPPED].unknown++;
	}
	if (known && flip && mapping->stamp > flip->stamp &&
	    rule__judges(detector, RULE_FLIP_UNSERIALISED))
		report_flip(detector, RULE_FLIP_UNSERIALISED, inode, flip, record, NULL, mapping->tid,
			    "mmap", "and a mapping was made while that was under way");
}

static void judge_writeback(struct detector *detector, const struct model_inode *inode,
			    const struct model_operation *flip, const struct event_mode *record)
{
	const struct model_entry *entry;

	if (!rule__judges(detector, RULE_FLIP_WITHOUT_WRITEBACK))
		return;
	if ((record->old_flags & MODE_DAX) && !(record->new_flags & MODE_DAX)) {
		DL_FOREACH2(inode->dirty, entry, dirty_next) {
			if (!model__known(detector->model, entry))
				continue;
			report_flip(detector, RULE_FLIP_WITHOUT_WRITEBACK, inode, flip, record, NULL,
				    entry->dirtied_by, "write fault",
				    "and entries that a fault had made dirty were left behind");
			return;
		}
	} else if (!(record->old_flags & MODE_DAX) && (record->new_flags & MODE_DAX) &&
		   (record->new_flags & MODE_DIRTY) && !(record->new_flags & MODE_POLLED)) {
		report_flip(detector, RULE_FLIP_WITHOUT_WRITEBACK, inode, flip, record, NULL, 0,
			    "page cache", "and pages of the page cache were left dirty");
		return;
	}
	/* Just then nobody can have put anything there in the new mode. */
	if ((record->new_flags & (MODE_PAGES | MODE_MOMENT)) == (MODE_PAGES | MODE_MOMENT))
		report_flip(detector, RULE_FLIP_WITHOUT_WRITEBACK, inode, flip, record, NULL, 0,
			    "clean pages", "and clean pages of the old mode were left behind");
}

/* task: of the record. */
static void judge_operations(struct detector *detector, const struct model_task *task,
			     struct model_inode *inode, const struct model_operation *flip,
			     const struct event_mode *record)
{
	struct model_operation *operation;
	bool reported = false;

	DL_FOREACH2(inode->open, operation, open_next) {
		/* One begun before a loss may have ended in it. */
		if ((flip && operation->task == flip->task) || operation->task->epoch != task->epoch)
			continue;
		switch (operation->operation) {
		case OPERATION_FAULT:
		case OPERATION_READ:
		case OPERATION_WRITE:
			if (!reported && rule__judges(detector, RULE_FLIP_UNSERIALISED))
				report_flip(detector, RULE_FLIP_UNSERIALISED, inode, flip, record,
					    operation, operation->task->tid,
					    operation_name(operation->operation),
					    "while another task accessed it in the old mode");
			reported = true;
			break;
		case OPERATION_WRITEBACK:
			if (rule__judges(detector, RULE_FLIP_DURING_WRITEPAGES))
				report_flip(detector, RULE_FLIP_DURING_WRITEPAGES, inode, flip, record,
					    operation, operation->task->tid, "writepages",
					    "while its entries were being written back");
			break;
		case OPERATION_WRITEPAGES:
			/* A handle, then a look that found the old mode: it is inside. */
			if (operation->notes.stamp && operation->notes.stamp <= inode->checked)
				operation->notes.flags |= NOTE_FLIPPED;
			break;
		default:
			break;
		}
	}
}

static void mode_changed(struct detector *detector, struct model_task *task,
			 struct model_inode *inode, const struct event_mode *record)
{
	struct model_operation *flip = flip_of(inode, task);

	if (flip)
		flip->notes.flags |= NOTE_FLIPPED;
	judge_mappings(detector, inode, flip, record);
	judge_writeback(detector, inode, flip, record);
	judge_operations(detector, task, inode, flip, record);
}

/* Somebody goes by the mode that the file had before. */
static void old_mode_used(struct detector *detector, struct model_task *task,
			  struct model_inode *inode, const struct event_enter *record)
{
	const char *name = operation_name(record->operation);
	struct finding *finding;
	char signature[96];

	/* Without a change that was seen it may be how that filesystem does it. */
	if (!inode->mode.changed_event || (inode->mode.flags & MODE_DAX) ||
	    record->operation == OPERATION_WRITEBACK ||	/* predict.c */
	    !rule__judges(detector, RULE_FLIP_UNSERIALISED))
		return;
	snprintf(signature, sizeof(signature), "out of DAX|old mode|%s", name);
	finding = finding__begin(detector, RULE_FLIP_UNSERIALISED, inode, record->first,
				 record->last - record->first + 1, record->header.time, signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "the mode of the file changed (out of DAX), told by %s[%u], and %s[%u]'s %s still went by "
		 "the old one", comm_of(detector, inode->mode.changed_by), inode->mode.changed_by,
		 task->comm, task->tid, name);
	finding__actor(finding, detector, task->tid, name);
	if (inode->mode.changed_by != task->tid)
		finding__actor(finding, detector, inode->mode.changed_by, "fileattr");
	finding__history(finding, detector, inode, inode->mode.changed_event);
	finding__commit(detector, finding);
}

/* A task that is in do_writepages() has begun to write. */
static void handle_started(struct detector *detector, struct model_task *task,
			   const struct event_handle *record)
{
	struct model_operation *operation = task->depth ? &task->operations[task->depth - 1] : NULL;
	struct event_mode flip = { .header = record->header };

	if (!operation || operation->operation != OPERATION_WRITEPAGES)
		return;
	if (!operation->notes.stamp)
		operation->notes.stamp = model__stamp(detector->model);
	if (!(operation->notes.flags & NOTE_FLIPPED))
		return;
	operation->notes.flags &= ~NOTE_FLIPPED;
	if (rule__judges(detector, RULE_FLIP_DURING_WRITEPAGES))
		report_flip(detector, RULE_FLIP_DURING_WRITEPAGES, operation->inode,
			    flip_of(operation->inode, task), &flip, operation, task->tid,
			    "writepages", "while its pages were being written back");
}

static void note_rival(struct model_operation *flip, enum operation rival)
{
	if (flip->notes.index == OPERATION_NONE)
		flip->notes.index = rival;
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *other;

	if (operation->operation == OPERATION_WRITEBACK ||
	    operation->operation == OPERATION_WRITEPAGES)
		window__open(detector, operation, RULE_FLIP_DURING_WRITEPAGES);
	if (operation->operation == OPERATION_FILEATTR) {
		if (operation->inode->mapping_count)
			operation->notes.flags |= NOTE_MAPPED;
		DL_FOREACH2(operation->inode->open, other, open_next)
			if (other->task != operation->task &&
			    other->task->epoch == operation->task->epoch)
				note_rival(operation, other->operation);
		return;
	}
	if (operation->inode->open_count < 2)
		return;
	other = flip_of(operation->inode, operation->task);
	if (other && other->task != operation->task)
		note_rival(other, operation->operation);
}

static void file_mapped(struct detector *detector, struct model_task *task,
			struct model_mapping *mapping)
{
	struct model_operation *flip = flip_of(mapping->inode, task);

	(void)detector;
	if (flip)
		flip->notes.flags |= NOTE_MAPPED;
}

/* Whether an ioctl was a flip is known when it is over. */
static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	(void)time;
	if (operation->operation != OPERATION_FILEATTR ||
	    (!(operation->notes.flags & NOTE_FLIPPED) && result != -EBUSY))
		return;
	window__open(detector, operation, RULE_FLIP_WHILE_MAPPED);
	window__open(detector, operation, RULE_FLIP_WITHOUT_WRITEBACK);
	window__open(detector, operation, RULE_FLIP_UNSERIALISED);
	if (operation->notes.flags & NOTE_MAPPED)
		window__contest(detector, operation, RULE_FLIP_WHILE_MAPPED, OPERATION_NONE);
	if (operation->notes.index != OPERATION_NONE) {
		window__contest(detector, operation, RULE_FLIP_WITHOUT_WRITEBACK,
				operation->notes.index);
		window__contest(detector, operation, RULE_FLIP_UNSERIALISED,
				operation->notes.index);
	}
}

const struct rule_hooks mode_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.mode_changed = mode_changed,
	.old_mode_used = old_mode_used,
	.file_mapped = file_mapped,
	.handle_started = handle_started,
};
