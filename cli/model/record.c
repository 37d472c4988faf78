// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records in, changes out; and the history of them. */
#include <stdio.h>
#include <stdlib.h>

#include "model/private.h"

static struct model_event *remember(struct model *model, const struct event_header *header,
				    struct model_inode *inode)
{
	struct model_event *event;
	__u64 number = ++model->newest_event;

	event = &model->history[number & model->history_mask];
	/* All fields, each once: a memset before would cost as much as all else here. */
	*event = (struct model_event) {
		.number = number,
		.previous = inode ? inode->last_event : 0,
		.task_previous = model->current ? model->current->last_event : 0,
		.time = header->time,
		.inode = inode ? inode->id : (struct inode_id) { 0 },
		.tid = header->tid,
		.type = header->type,
		.operation = 0,
		.first = 0,
		.last = 0,
		.argument = { 0, 0 },
		.result = 0,
		.flags = 0,
		.stack = -1,
		.user_stack = -1,
	};
	if (model->current)
		model->current->last_event = number;
	if (inode)
		inode->last_event = number;
	return event;
}

/*
 * The superblock of a device is announced once per mount.  What was known of
 * the one before is over.
 */
static void take_superblock(struct model *model, const struct event_superblock *record)
{
	struct model_superblock *superblock = model__get_superblock(model, record->dev);

	if (!superblock)
		return;
	if (superblock->announced)
		while (superblock->inodes)
			model__forget_inode(model, superblock->inodes);
	superblock->announced = true;
	snprintf(superblock->fstype, sizeof(superblock->fstype), "%.*s",
		 (int)sizeof(record->fstype) - 1, record->fstype);
	snprintf(superblock->id, sizeof(superblock->id), "%.*s",
		 (int)sizeof(record->id) - 1, record->id);
}

static void take_stack(struct model *model, const struct event_stack *record)
{
	struct model_stack *stack;
	__s32 id = record->id;

	HASH_FIND(hh, model->stacks, &id, sizeof(id), stack);
	if (!stack) {
		if (HASH_COUNT(model->stacks) >= MAX_STACKS || !(stack = calloc(1, sizeof(*stack))))
			return;		/* a report without it is still right */
		stack->id = id;
		HASH_ADD(hh, model->stacks, id, sizeof(stack->id), stack);
	}
	stack->depth = record->depth < EVENT_STACK_DEPTH ? record->depth : EVENT_STACK_DEPTH;
	memcpy(stack->address, record->address, sizeof(stack->address));
}

static void take_symbol(struct model *model, const struct event_symbol *record)
{
	struct model_symbol *symbol;
	const char *module;
	int length;

	HASH_FIND(hh, model->symbols, &record->address, sizeof(record->address), symbol);
	if (symbol || HASH_COUNT(model->symbols) >= MAX_SYMBOLS ||
	    !(symbol = calloc(1, sizeof(*symbol))))
		return;
	symbol->address = record->address;
	length = strnlen(record->name, sizeof(record->name));
	module = memchr(record->name, ' ', length);
	if (module)
		snprintf(symbol->name, sizeof(symbol->name), "%.*s+0x%llx%.*s",
			 (int)(module - record->name), record->name,
			 (unsigned long long)record->offset,
			 (int)(length - (module - record->name)), module);
	else
		snprintf(symbol->name, sizeof(symbol->name), "%.*s+0x%llx", length, record->name,
			 (unsigned long long)record->offset);
	HASH_ADD(hh, model->symbols, address, sizeof(symbol->address), symbol);
}

/* Operations at whose begin the kernel side looks whether the mode has changed. */
#define LOOKS_AT_MODE	(1U << OPERATION_FAULT | 1U << OPERATION_READ | 1U << OPERATION_WRITE | \
			 1U << OPERATION_FILEATTR | 1U << OPERATION_WRITEBACK | \
			 1U << OPERATION_WRITEPAGES)

static void take_enter(struct model *model, struct model_task *task, const struct event_enter *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || record->operation == OPERATION_NONE || record->operation >= OPERATION_COUNT)
		return;
	if (LOOKS_AT_MODE & (1U << record->operation))
		inode->checked = model->records;
	event = remember(model, &record->header, inode);
	event->operation = record->operation;
	event->first = record->first;
	event->last = record->last;
	event->argument[0] = record->argument[0];
	event->argument[1] = record->argument[1];
	event->stack = record->stack;
	task->layout_event = 0;
	caller__begin(task, event, record->operation, 0);
	operation__begin(model, task, inode, record, event->number);
}

/* A function of DAX was called for a file that is not in DAX mode: no operation of the model's. */
static void take_old_mode(struct model *model, struct model_task *task,
			  const struct event_enter *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || record->operation == OPERATION_NONE || record->operation >= OPERATION_COUNT ||
	    record->last < record->first)
		return;
	event = remember(model, &record->header, inode);
	event->operation = record->operation;
	event->first = record->first;
	event->last = record->last;
	event->stack = record->stack;
	if (model->listener.old_mode_used)
		model->listener.old_mode_used(model->context, task, inode, record);
}

static void take_exit(struct model *model, struct model_task *task, const struct event_exit *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	const struct model_operation *operation;
	struct model_event *event;

	if (!inode || record->operation == OPERATION_NONE || record->operation >= OPERATION_COUNT)
		return;
	event = remember(model, &record->header, inode);
	event->operation = record->operation;
	event->result = record->result;
	event->argument[0] = record->argument;
	/* The range is the one with which it began. */
	operation = operation__innermost(task, record->operation, inode);
	event->first = operation ? operation->first : 0;
	event->last = operation ? operation->last : INDEX_MAX;
	task->layout_event = record->operation == OPERATION_LAYOUT ? event->number : 0;
	entry__flushed(model, task);
	operation__end(model, task, inode, record);
	if (record->operation == OPERATION_EVICT)
		model__forget_inode(model, inode);
}

static void take_entry(struct model *model, struct model_task *task, const struct event_entry *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || (record->order != 0 && record->order != HUGE_ORDER))
		return;
	event = remember(model, &record->header, inode);
	event->first = record->index;
	event->last = record->index + (1ULL << record->order) - 1;
	event->flags = record->flags;
	event->argument[0] = record->pfn;
	if (record->header.type == EVENT_ENTRY_INSERT) {
		entry__inserted(model, task, inode, record, event->number);
	} else if (record->header.type == EVENT_ENTRY_DELETE) {
		if (model->listener.delete_seen)
			model->listener.delete_seen(model->context, task, inode, record);
		entry__deleted(model, task, inode, record);
		wait__released(model, inode, record->index, record->order, task->tid,
			       record->header.time);
	} else {
		entry__sync_dirtied(model, task, inode, record, event->number);
	}
}

static void take_range(struct model *model, struct model_task *task, const struct event_range *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_entry *entry;
	struct model_event *event;

	if (!inode || record->last < record->first)
		return;
	event = remember(model, &record->header, inode);
	event->first = record->first;
	event->last = record->last;
	event->argument[0] = record->pfn;
	switch (record->header.type) {
	case EVENT_WRITEBACK_ONE:
		entry = model__entry(model, inode, record->first);
		event->argument[1] = entry__flushed_instead(model, task, entry);
		if (model->listener.written_back)
			model->listener.written_back(model->context, task, inode, record);
		entry__written_back(model, task, inode, entry, record);
		break;
	case EVENT_UNMAP:
		if (model->listener.range_unmapped)
			model->listener.range_unmapped(model->context, task, inode, record);
		entry__not_writable(model, inode, record->first, record->last, 0);
		readers__unmap(model, inode, record->first, record->last, 0);
		break;
	default:
		/* Older traces do not name the VMA. */
		entry__not_writable(model, inode, record->first, record->last,
				    record->header.size >= sizeof(struct event_mkclean) ?
				    ((const struct event_mkclean *)record)->vma : 0);
	}
}

/* EVENT_MAPPED, EVENT_ENTRY_LOCK, EVENT_ENTRY_UNLOCK: too many for the history. */
static void take_lock(struct model *model, struct model_task *task, const struct event_entry *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);

	if (!inode || (record->order != 0 && record->order != HUGE_ORDER))
		return;
	entry__locked(model, inode, record);
	if (record->header.type == EVENT_ENTRY_UNLOCK)
		wait__released(model, inode, record->index, record->order, task->tid,
			       record->header.time);
	else if (model->listener.entry_locked)
		model->listener.entry_locked(model->context, task, inode);
}

static void take_mapped(struct model *model, struct model_task *task,
			const struct event_mapped *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);

	if (inode && (!record->order || record->order == HUGE_ORDER))
		entry__mapped(model, task, inode, record);
}

/*
 * In older traces mode__poll may have seen the new mode, and was kept from telling it until
 * another had: its record is of a time that is past, and tells nothing that is not known.
 */
static bool is_told_already(const struct model_inode *inode, const struct event_mode *record)
{
	return (record->new_flags & MODE_POLLED) && inode->mode.known &&
	       inode->mode.operations == record->new_operations &&
	       !((inode->mode.flags ^ record->new_flags) & MODE_DAX);
}

static void take_mode(struct model *model, struct model_task *task, const struct event_mode *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || is_told_already(inode, record))
		return;
	event = remember(model, &record->header, inode);
	event->last = INDEX_MAX;
	event->flags = record->new_flags;
	event->argument[0] = record->old_flags;
	event->argument[1] = record->new_operations;
	if (model->listener.mode_changed)
		model->listener.mode_changed(model->context, task, inode, record);
	inode->mode.known = true;
	inode->mode.changed_by = record->header.tid;
	inode->mode.changed_event = event->number;
	inode->mode.flags = record->new_flags;
	inode->mode.operations = record->new_operations;
	inode->checked = model->records;
}

static void take_map(struct model *model, struct model_task *task, const struct event_map *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode)
		return;
	inode->checked = model->records;
	event = remember(model, &record->header, inode);
	event->first = record->first;
	event->last = record->last;
	event->flags = record->flags;
	event->argument[0] = record->address;
	if (record->header.type == EVENT_MAP) {
		caller__begin(task, event, OPERATION_NONE, record->vma);
		mapping__begin(model, inode, task, record, event->number);
		return;
	}
	readers__end(model, inode, record);
	mapping__end(model, record);
	if (record->last >= record->first)
		entry__not_writable(model, inode, record->first, record->last, record->vma);
}

static void take_iomap(struct model *model, struct model_task *task,
		       const struct event_iomap *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_operation *operation;

	if (!inode)
		return;
	if ((record->flags & IOMAP_FLAG_NEW) && (record->purpose & IOMAP_PURPOSE_WRITE))
		inode->allocated = model->records;
	operation = task->depth ? &task->operations[task->depth - 1] : NULL;
	if (!operation || operation->inode != inode)
		return;
	if (model->listener.iomap_answered)
		model->listener.iomap_answered(model->context, operation, record);
	operation->iomap.answered = model->records;
	operation->iomap.offset = record->offset;
	operation->iomap.length = record->length;
	operation->iomap.wanted = record->wanted;
	operation->iomap.type = record->type;
	operation->iomap.flags |= record->flags;
}

static void take_wait(struct model *model, struct model_task *task,
		      const struct event_entry_wait *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode)
		return;
	event = remember(model, &record->header, inode);
	event->first = record->index;
	event->last = record->index;
	event->argument[0] = record->waiter;
	if (record->header.type == EVENT_ENTRY_WAKE)
		wait__woken(model, record);
	else
		wait__begin(model, task, inode, record, event->number);
}

/* Of one superblock, or of any if it is NULL. */
static bool is_dirty(const struct model *model, const struct model_superblock *superblock)
{
	const struct model_superblock *other;

	if (superblock)
		return superblock->dirty;
	for (other = model__superblocks(model); other; other = other->hh.next)
		if (other->dirty)
			return true;
	return false;
}

static void take_sb(struct model *model, struct model_task *task, const struct event_sb *record)
{
	struct model_sb_operation *operation = NULL;
	struct model_superblock *superblock = NULL;
	unsigned int depth;

	if (record->operation != SB_SYNC_ALL) {
		superblock = model__get_superblock(model, record->dev);
		if (!superblock)
			return;
	}
	if (record->header.type == EVENT_SB_ENTER) {
		if (task->sb_depth == SB_OPERATION_DEPTH) {
			model->loss.capacity++;
			task->sb_depth = 0;
		}
		operation = &task->sb_operations[task->sb_depth++];
		operation->operation = record->operation;
		operation->superblock = superblock;
		operation->begun = record->header.time;
		operation->event = model->newest_event;
		operation->dirty = is_dirty(model, superblock);
		return;
	}
	for (depth = task->sb_depth; depth; depth--) {
		operation = &task->sb_operations[depth - 1];
		if (operation->operation == record->operation && operation->superblock == superblock)
			break;
	}
	if (!depth)
		return;
	if (model->listener.sb_ended)
		model->listener.sb_ended(model->context, task, operation, record->result,
					 record->header.time);
	task->sb_depth = depth - 1;
}

/* Nothing that was known before is believed. */
static void lose(struct model *model, __u64 records)
{
	if (!records)
		return;
	if (__builtin_add_overflow(model->loss.records, records, &model->loss.records))
		model->loss.records = ~0ULL;
	model->epoch++;
}

/* How long before itself a gap was, of which that is not said: a second, and what a busy machine adds. */
#define GAP_REACH	2000000000ULL

/* So many records are missing from somewhere between the two times. */
static void lose_between(struct model *model, __u64 records, __u64 since, __u64 until)
{
	lose(model, records);
	if (until > model->gap_until)
		model->gap_until = until;
	if (model->listener.gap_told)
		model->listener.gap_told(model->context, since, until);
}

static void take_gap(struct model *model, const struct event_gap *record)
{
	bool told = record->header.size >= sizeof(*record);
	__u64 until = told ? record->until : record->header.time, since;

	/* Nothing: but so late it is. */
	if (!record->lost) {
		wait__look(model, record->header.time);
		return;
	}
	since = until > GAP_REACH ? until - GAP_REACH : 0;
	if (told && record->since)
		since = record->since;
	lose_between(model, record->lost, since, until);
}

/* What was learned since the gap was told, up to its own time, rests on what may be missing. */
static void leave_gap(struct model *model)
{
	model->gap_until = 0;
	model->epoch++;
}

/* It was made since tracing began, so that nothing of what it is inside of was missed. */
static bool is_newborn(const struct model *model, const struct model_task *task,
		       const struct event_header *header)
{
	const struct event_task *record = (const void *)header;

	return task->comm[0] == '?' && !task->depth && !model->loss.records &&
	       header->size >= sizeof(*record) && record->started > model->begun;
}

void model__record(struct model *model, const struct event_header *header)
{
	struct model_task *task;

	if (!model->records++)
		model->begun = header->time;
	model->current = NULL;
	if (model->gap_until && header->time > model->gap_until)
		leave_gap(model);
	/* Of older traces the time of a gap is when it was told. */
	if (header->time >= model->newest)
		model->newest = header->type == EVENT_GAP ? model->newest : header->time;
	else if (header->type != EVENT_GAP)
		lose_between(model, 1, header->time, model->newest);
	lose(model, header->lost);
	switch (header->type) {
	case EVENT_SUPERBLOCK:
		take_superblock(model, (const void *)header);
		return;
	case EVENT_STACK:
		take_stack(model, (const void *)header);
		return;
	case EVENT_SYMBOL:
		take_symbol(model, (const void *)header);
		return;
	case EVENT_USER_FRAME:
		caller__take_frame(model, (const void *)header);
		return;
	case EVENT_GAP:
		take_gap(model, (const void *)header);
		return;
	case EVENT_LOCK_CLASS:
	case EVENT_LOCK_NAME:
	case EVENT_LOCK_COUNT:
	case EVENT_LOCK_LOSS:
		if (model->listener.lock)
			model->listener.lock(model->context, NULL, header);
		return;
	}
	task = model->current = model__get_task(model, header);
	if (model->waiting)
		wait__look(model, header->time);
	if (!task)
		return;
	if (task->waiting && header->type != EVENT_ENTRY_WAIT)
		wait__end(model, task);
	switch (header->type) {
	case EVENT_LOCK_EDGE:
	case EVENT_LOCK_LEAK:
		if (model->listener.lock)
			model->listener.lock(model->context, task, header);
		break;
	case EVENT_USER_STACK:
		caller__take_stack(model, task, (const void *)header);
		break;
	case EVENT_LOCK_SET:
		locks__told(model, task, (const void *)header);
		break;
	case EVENT_TASK:
		if (is_newborn(model, task, header))
			task->certain = true;
		snprintf(task->comm, sizeof(task->comm), "%.*s", EVENT_COMM_LENGTH - 1,
			 ((const struct event_task *)header)->comm);
		break;
	case EVENT_ENTER:
		take_enter(model, task, (const void *)header);
		break;
	case EVENT_EXIT:
		take_exit(model, task, (const void *)header);
		break;
	case EVENT_ENTRY_INSERT:
	case EVENT_ENTRY_DELETE:
	case EVENT_ENTRY_DIRTY:
		take_entry(model, task, (const void *)header);
		break;
	case EVENT_UNMAP:
	case EVENT_MKCLEAN:
	case EVENT_WRITEBACK_ONE:
		take_range(model, task, (const void *)header);
		break;
	case EVENT_MODE:
		take_mode(model, task, (const void *)header);
		break;
	case EVENT_MAP:
	case EVENT_MAP_END:
		take_map(model, task, (const void *)header);
		break;
	case EVENT_MAPPED:
		take_mapped(model, task, (const void *)header);
		break;
	case EVENT_IOMAP:
		take_iomap(model, task, (const void *)header);
		break;
	case EVENT_ENTRY_LOCK:
	case EVENT_ENTRY_UNLOCK:
		take_lock(model, task, (const void *)header);
		break;
	case EVENT_ENTRY_WAIT:
	case EVENT_ENTRY_WAKE:
		take_wait(model, task, (const void *)header);
		break;
	case EVENT_HANDLE_START:
		if (model->listener.handle_started)
			model->listener.handle_started(model->context, task, (const void *)header);
		break;
	case EVENT_SB_ENTER:
	case EVENT_SB_EXIT:
		take_sb(model, task, (const void *)header);
		break;
	case EVENT_OLD_MODE:
		take_old_mode(model, task, (const void *)header);
		break;
	case EVENT_FLUSH:
		entry__flushed(model, task);
		task->flushed = *(const struct event_flush *)header;
		break;
	}
}
