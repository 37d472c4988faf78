// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Operations: what each task is inside of. */
#include <utlist.h>

#include "model/private.h"

/* FALLOC_FL_* of <linux/falloc.h> by which a file's blocks go away or move. */
#define MODE_PUNCH_HOLE		0x02
#define MODE_COLLAPSE_RANGE	0x08
#define MODE_ZERO_RANGE		0x10
#define MODE_INSERT_RANGE	0x20
#define MODE_UNSHARE_RANGE	0x40
#define MODE_WRITE_ZEROES	0x80

const char *operation_name(enum operation operation)
{
	static const char *const names[OPERATION_COUNT] = {
		[OPERATION_FAULT] = "fault",
		[OPERATION_READ] = "read",
		[OPERATION_WRITE] = "write",
		[OPERATION_INVALIDATE] = "invalidate",
		[OPERATION_WRITEBACK] = "writepages",
		[OPERATION_SYNC] = "fsync",
		[OPERATION_FILEATTR] = "fileattr",
		[OPERATION_SETSIZE] = "setsize",
		[OPERATION_FALLOCATE] = "fallocate",
		[OPERATION_TRUNCATE] = "truncate-pages",
		[OPERATION_EVICT] = "evict",
		[OPERATION_LAYOUT] = "layout-break",
		[OPERATION_WRITEPAGES] = "do_writepages",
	};

	return operation < OPERATION_COUNT && names[operation] ? names[operation] : "?";
}

/*
 * Operations that a task begins from user space, never inside of one that
 * frees blocks: seeing one begin, we know all that the task is inside of.
 */
static bool is_outermost(enum operation operation)
{
	switch (operation) {
	case OPERATION_FAULT:
	case OPERATION_READ:
	case OPERATION_WRITE:
	case OPERATION_SYNC:
	case OPERATION_FILEATTR:
	case OPERATION_SETSIZE:
	case OPERATION_FALLOCATE:
		return true;
	default:
		return false;
	}
}

static void pop(struct model_task *task)
{
	struct model_operation *operation = &task->operations[--task->depth];

	DL_DELETE2(operation->inode->open, operation, open_prev, open_next);
	operation->inode->open_count--;
}

struct model_operation *operation__innermost(struct model_task *task, enum operation operation,
					     const struct model_inode *inode)
{
	unsigned int depth = task->depth;

	while (depth--)
		if (task->operations[depth].operation == operation &&
		    task->operations[depth].inode == inode)
			return &task->operations[depth];
	return NULL;
}

void operation__abandon_all(struct model_task *task)
{
	task->certain = false;
	while (task->depth)
		pop(task);
}

void operation__begin(struct model *model, struct model_task *task, struct model_inode *inode,
		      const struct event_enter *record, __u64 event)
{
	struct model_operation *operation;

	if (is_outermost(record->operation))
		task->certain = true;
	if (task->depth == OPERATION_DEPTH) {
		model->loss.capacity++;
		operation__abandon_all(task);
	}
	if (inode->open_count == MAX_OPEN) {
		model->loss.capacity++;
		operation__abandon_all(task);
		return;
	}
	operation = &task->operations[task->depth++];
	memset(operation, 0, sizeof(*operation));
	operation->operation = record->operation;
	operation->inode = inode;
	operation->task = task;
	operation->first = record->first;
	operation->last = record->last;
	operation->argument[0] = record->argument[0];
	operation->argument[1] = record->argument[1];
	operation->begun = record->header.time;
	operation->event = event;
	operation->stamp = model->records;
	operation->stack = record->stack;
	DL_APPEND2(inode->open, operation, open_prev, open_next);
	inode->open_count++;
	if (model->listener.operation_begun)
		model->listener.operation_begun(model->context, operation);
}

void operation__end(struct model *model, struct model_task *task, struct model_inode *inode,
		    const struct event_exit *record)
{
	struct model_operation *operation = operation__innermost(task, record->operation, inode);

	/* One whose end was not seen must not hide those around it. */
	while (operation && &task->operations[task->depth - 1] != operation)
		pop(task);
	if (operation)
		operation->exit_argument = record->argument;
	if (operation && model->listener.operation_ended)
		model->listener.operation_ended(model->context, operation, record->result,
						record->header.time);
	/* Whether or not its beginning was seen. */
	if (record->operation == OPERATION_FAULT)
		entry__fault_done(model, task, inode, record->result, record->header.time);
	if (record->operation == OPERATION_WRITEPAGES && record->result < 0)
		inode->write_failed_at = record->header.time;
	if (record->operation == OPERATION_SYNC)
		task->synced_at = record->header.time;
	if (operation)
		pop(task);
}

/* Blocks from first on go to other indexes. */
static enum model_removal moves(__u64 first, __u64 index, __u64 end)
{
	if (index >= first)
		return REMOVAL_MOVED;
	return end >= first ? REMOVAL_UNKNOWN : REMOVAL_KEPT;
}

static enum model_removal frees(__u64 first, __u64 last, __u64 index, __u64 end)
{
	if (index >= first && end <= last)
		return REMOVAL_FREED;
	return end >= first && index <= last ? REMOVAL_UNKNOWN : REMOVAL_KEPT;
}

static enum model_removal fallocate_effect(const struct model_operation *operation, __u64 index,
					   __u64 end)
{
	__u64 mode = operation->argument[0];

	if (mode & MODE_INSERT_RANGE)
		return moves(operation->first, index, end);
	if ((mode & MODE_COLLAPSE_RANGE) && index > operation->last)
		return REMOVAL_MOVED;
	if (mode & (MODE_PUNCH_HOLE | MODE_COLLAPSE_RANGE | MODE_ZERO_RANGE | MODE_UNSHARE_RANGE |
		    MODE_WRITE_ZEROES))
		return frees(operation->first, operation->last, index, end);
	return REMOVAL_KEPT;
}

/* Of a huge entry some of the blocks may be freed, and others not: unknown. */
enum model_removal operation__effect(const struct model_operation *operation, __u64 index,
				     __u64 end)
{
	switch (operation->operation) {
	case OPERATION_SETSIZE:
		if (operation->argument[1] > operation->argument[0])
			return REMOVAL_KEPT;
		return frees(operation->first, INDEX_MAX, index, end);
	case OPERATION_FALLOCATE:
		return fallocate_effect(operation, index, end);
	case OPERATION_EVICT:
		if (!operation->argument[0])
			return REMOVAL_FREED;
		/* The filesystem has been shut down, or its device fails. */
		return operation->inode->write_failed_at ? REMOVAL_GIVEN_UP : REMOVAL_KEPT;
	case OPERATION_WRITE:
		/*
		 * Copy on write: the entry is of a block that the file no longer
		 * has.  Its tag is cleared first, which no record tells
		 * (__dax_clear_dirty_range()).
		 */
		return operation->iomap.flags & IOMAP_FLAG_SHARED ? REMOVAL_FREED : REMOVAL_KEPT;
	default:
		return REMOVAL_KEPT;
	}
}

struct model_operation *model__freeing(struct model_task *task, const struct model_inode *inode,
				       __u64 index, __u32 order)
{
	__u64 end = index + (1ULL << order) - 1;
	enum model_removal removal;
	unsigned int i;

	for (i = 0; i < task->depth; i++) {
		if (task->operations[i].inode != inode ||
		    (task->operations[i].operation != OPERATION_SETSIZE &&
		     task->operations[i].operation != OPERATION_FALLOCATE))
			continue;
		removal = operation__effect(&task->operations[i], index, end);
		if (removal == REMOVAL_FREED || removal == REMOVAL_MOVED)
			return &task->operations[i];
	}
	return NULL;
}

enum model_removal operation__removal(const struct model *model, const struct model_task *task,
				      const struct model_inode *inode, __u64 index, __u32 order)
{
	__u64 end = index + (1ULL << order) - 1;
	bool evicting = false, partly = false, given_up = false, moved = false;
	enum model_removal removal;
	unsigned int i;

	for (i = 0; i < task->depth; i++) {
		if (task->operations[i].inode != inode)
			continue;
		removal = operation__effect(&task->operations[i], index, end);
		if (removal == REMOVAL_FREED)
			return REMOVAL_FREED;
		partly |= removal == REMOVAL_UNKNOWN;
		given_up |= removal == REMOVAL_GIVEN_UP;
		moved |= removal == REMOVAL_MOVED;
		evicting |= task->operations[i].operation == OPERATION_EVICT;
	}
	if (partly)
		return REMOVAL_UNKNOWN;
	if (given_up)
		return REMOVAL_GIVEN_UP;
	if (moved)
		return REMOVAL_MOVED;
	/* Eviction comes from anywhere; nothing around it matters to this inode. */
	if (evicting || (task->certain && task->epoch == model->epoch))
		return REMOVAL_KEPT;
	return REMOVAL_UNKNOWN;
}

bool operation__frees_some(const struct model_operation *operation)
{
	enum model_removal removal = operation__effect(operation, operation->first, operation->first);

	return removal == REMOVAL_FREED || removal == REMOVAL_MOVED;
}

/* A punch of whole pages; else it frees a part of the first, or of the last. */
static bool is_aligned(const struct model_operation *operation)
{
	return operation->argument[1] / PAGE_BYTES == operation->last - operation->first + 1 &&
	       !(operation->argument[1] % PAGE_BYTES);
}

bool operation__frees_wholly(const struct model_operation *operation, __u64 index, __u32 order)
{
	__u64 end = index + (1ULL << order) - 1;

	if (operation__effect(operation, index, end) != REMOVAL_FREED)
		return false;
	return operation->operation == OPERATION_SETSIZE || is_aligned(operation) ||
	       (index > operation->first && end < operation->last);
}

const struct model_operation *model__fault_of(const struct model_task *task,
					      const struct model_inode *inode)
{
	const struct model_operation *operation;

	if (!task->depth)
		return NULL;
	operation = &task->operations[task->depth - 1];
	return operation->operation == OPERATION_FAULT && operation->inode == inode ? operation : NULL;
}

const char *sb_operation_name(enum sb_operation operation)
{
	static const char *const names[SB_OPERATION_COUNT] = {
		[SB_SYNC] = "syncfs",
		[SB_SYNC_ALL] = "sync",
		[SB_FREEZE] = "freeze",
		[SB_THAW] = "thaw",
		[SB_UMOUNT] = "umount",
	};

	return operation < SB_OPERATION_COUNT && names[operation] ? names[operation] : "?";
}
