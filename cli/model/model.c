// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records in, changes out; tasks, inodes, superblocks and the history. */
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "common/log.h"
#include "model/private.h"

/* Looked at before it is said that there is no room. */
#define ROOM_TRIES	64

void model__out_of_memory(void)
{
	fputs("daxtrace: out of memory: the analysis cannot go on; its result is unknown\n", stderr);
	exit(STATUS_INCONCLUSIVE);
}

struct model *model__new(const struct model_options *options,
			 const struct model_listener *listener, void *context)
{
	struct model *model = calloc(1, sizeof(*model));
	size_t history = options->history ? options->history : DEFAULT_HISTORY;

	if (!model)
		return NULL;
	model->history = calloc(history, sizeof(*model->history));
	if (!model->history) {
		free(model);
		return NULL;
	}
	model->history_mask = history - 1;
	model->listener = *listener;
	model->context = context;
	model->max_inodes = options->max_inodes ? options->max_inodes : DEFAULT_MAX_INODES;
	model->no_flush = options->no_flush;
	pool__init(&model->entry_pool, sizeof(struct model_entry),
		   options->max_entries ? options->max_entries : DEFAULT_MAX_ENTRIES);
	return model;
}

void model__free(struct model *model)
{
	struct model_superblock *superblock, *next_superblock;
	struct model_inode *inode, *next_inode;
	struct model_symbol *symbol, *next_symbol;
	struct model_stack *stack, *next_stack;
	struct model_task *task, *next_task;

	if (!model)
		return;
	HASH_CLEAR(hh, model->entries);
	pool__destroy(&model->entry_pool);
	HASH_ITER(hh, model->tasks, task, next_task) {
		HASH_DEL(model->tasks, task);
		free(task);
	}
	HASH_ITER(hh, model->inodes, inode, next_inode) {
		HASH_DEL(model->inodes, inode);
		free(inode);
	}
	HASH_ITER(hh, model->superblocks, superblock, next_superblock) {
		HASH_DEL(model->superblocks, superblock);
		free(superblock);
	}
	HASH_ITER(hh, model->stacks, stack, next_stack) {
		HASH_DEL(model->stacks, stack);
		free(stack);
	}
	HASH_ITER(hh, model->symbols, symbol, next_symbol) {
		HASH_DEL(model->symbols, symbol);
		free(symbol);
	}
	free(model->history);
	free(model);
}

const struct model_loss *model__loss(const struct model *model)
{
	return &model->loss;
}

__u64 model__records(const struct model *model)
{
	return model->records;
}

const struct model_task *model__task(const struct model *model, __u32 tid)
{
	struct model_task *task;

	HASH_FIND(hh, model->tasks, &tid, sizeof(tid), task);
	return task;
}

__u64 model__newest_event(const struct model *model)
{
	return model->newest_event;
}

const struct model_event *model__event(const struct model *model, __u64 number)
{
	const struct model_event *event = &model->history[number & model->history_mask];

	return number && event->number == number ? event : NULL;
}

unsigned int model__stack(const struct model *model, __s32 id, const __u64 **address)
{
	struct model_stack *stack;

	HASH_FIND(hh, model->stacks, &id, sizeof(id), stack);
	if (!stack)
		return 0;
	*address = stack->address;
	return stack->depth;
}

const char *model__symbol(const struct model *model, __u64 address)
{
	struct model_symbol *symbol;

	HASH_FIND(hh, model->symbols, &address, sizeof(address), symbol);
	return symbol ? symbol->name : NULL;
}

/* Make it the one that was heard of last. */
static void touch_task(struct model *model, struct model_task *task)
{
	if (!task->newer)
		return;
	DL_DELETE2(model->oldest_task, task, older, newer);
	DL_APPEND2(model->oldest_task, task, older, newer);
}

/*
 * Tasks end unseen.  Where there is no room for another one, forget the one
 * that has not been heard of for the longest time, of those that are inside of
 * nothing.
 */
static bool make_room_for_task(struct model *model)
{
	struct model_task *task;
	int tries;

	for (tries = 0; HASH_COUNT(model->tasks) >= MAX_TASKS; tries++) {
		if (tries == ROOM_TRIES)
			return false;
		task = model->oldest_task;
		if (task->depth || task->pending) {
			touch_task(model, task);
			continue;
		}
		DL_DELETE2(model->oldest_task, task, older, newer);
		HASH_DEL(model->tasks, task);
		free(task);
	}
	return true;
}

static struct model_task *get_task(struct model *model, const struct event_header *header)
{
	struct model_task *task;
	__u32 tid = header->tid;

	HASH_FIND(hh, model->tasks, &tid, sizeof(tid), task);
	if (task) {
		touch_task(model, task);
	} else {
		if (!make_room_for_task(model) || !(task = calloc(1, sizeof(*task)))) {
			model->loss.capacity++;
			return NULL;
		}
		task->tid = tid;
		task->comm[0] = '?';
		task->epoch = model->epoch;
		HASH_ADD(hh, model->tasks, tid, sizeof(task->tid), task);
		DL_APPEND2(model->oldest_task, task, older, newer);
	}
	if (task->epoch != model->epoch) {
		operation__abandon_all(task);
		entry__set_pending(task, NULL);
		task->flushed.pages = 0;
		task->synced_at = 0;
		task->epoch = model->epoch;
	}
	task->tgid = header->tgid;
	return task;
}

static void forget_inode(struct model *model, struct model_inode *inode)
{
	/* An operation on it may still be open in some task: end it there. */
	while (inode->open)
		operation__abandon_all(inode->open->task);
	entry__forget_all(model, inode);
	DL_DELETE(inode->superblock->inodes, inode);
	DL_DELETE2(model->oldest_inode, inode, older, newer);
	HASH_DEL(model->inodes, inode);
	free(inode);
}

/* Known or not yet: not every record comes after its superblock's. */
static struct model_superblock *get_superblock(struct model *model, __u32 dev)
{
	struct model_superblock *superblock;

	HASH_FIND(hh, model->superblocks, &dev, sizeof(dev), superblock);
	if (superblock)
		return superblock;
	if (HASH_COUNT(model->superblocks) >= MAX_SUPERBLOCKS ||
	    !(superblock = calloc(1, sizeof(*superblock)))) {
		model->loss.capacity++;
		return NULL;
	}
	superblock->dev = dev;
	superblock->fstype[0] = '?';
	HASH_ADD(hh, model->superblocks, dev, sizeof(superblock->dev), superblock);
	return superblock;
}

static void touch_inode(struct model *model, struct model_inode *inode)
{
	if (!inode->newer)
		return;
	DL_DELETE2(model->oldest_inode, inode, older, newer);
	DL_APPEND2(model->oldest_inode, inode, older, newer);
}

/* As make_room_for_task(): an inode of which nothing is known is not missed. */
static bool make_room_for_inode(struct model *model)
{
	struct model_inode *inode;
	int tries;

	for (tries = 0; HASH_COUNT(model->inodes) >= model->max_inodes; tries++) {
		if (tries == ROOM_TRIES)
			return false;
		inode = model->oldest_inode;
		if (inode->entries || inode->open)
			touch_inode(model, inode);
		else
			forget_inode(model, inode);
	}
	return true;
}

static struct model_inode *get_inode(struct model *model, const struct inode_id *id)
{
	struct model_superblock *superblock;
	struct model_inode *inode;

	HASH_FIND(hh, model->inodes, id, sizeof(*id), inode);
	if (inode) {
		touch_inode(model, inode);
		return inode;
	}
	superblock = get_superblock(model, id->dev);
	if (!superblock)
		return NULL;
	if (!make_room_for_inode(model) || !(inode = calloc(1, sizeof(*inode)))) {
		model->loss.capacity++;
		return NULL;
	}
	inode->id = *id;
	inode->superblock = superblock;
	inode->fstype = superblock->fstype;
	HASH_ADD(hh, model->inodes, id, sizeof(inode->id), inode);
	DL_APPEND(superblock->inodes, inode);
	DL_APPEND2(model->oldest_inode, inode, older, newer);
	return inode;
}

static struct model_event *remember(struct model *model, const struct event_header *header,
				    struct model_inode *inode)
{
	struct model_event *event;
	__u64 number = ++model->newest_event;

	event = &model->history[number & model->history_mask];
	memset(event, 0, sizeof(*event));
	event->number = number;
	event->time = header->time;
	event->tid = header->tid;
	event->type = header->type;
	event->stack = -1;
	if (inode) {
		event->inode = inode->id;
		event->previous = inode->last_event;
		inode->last_event = number;
	}
	return event;
}

/*
 * The superblock of a device is announced once per mount.  What was known of
 * the one before is over.
 */
static void take_superblock(struct model *model, const struct event_superblock *record)
{
	struct model_superblock *superblock = get_superblock(model, record->dev);

	if (!superblock)
		return;
	if (superblock->announced)
		while (superblock->inodes)
			forget_inode(model, superblock->inodes);
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

static void take_enter(struct model *model, struct model_task *task, const struct event_enter *record)
{
	struct model_inode *inode = get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || record->operation == OPERATION_NONE || record->operation >= OPERATION_COUNT)
		return;
	event = remember(model, &record->header, inode);
	event->operation = record->operation;
	event->first = record->first;
	event->last = record->last;
	event->argument[0] = record->argument[0];
	event->argument[1] = record->argument[1];
	event->stack = record->stack;
	operation__begin(model, task, inode, record, event->number);
}

static void take_exit(struct model *model, struct model_task *task, const struct event_exit *record)
{
	struct model_inode *inode = get_inode(model, &record->inode);
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
	operation__end(model, task, inode, record);
	if (record->operation == OPERATION_EVICT)
		forget_inode(model, inode);
}

static void take_entry(struct model *model, struct model_task *task, const struct event_entry *record)
{
	struct model_inode *inode = get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || (record->order != 0 && record->order != HUGE_ORDER))
		return;
	event = remember(model, &record->header, inode);
	event->first = record->index;
	event->last = record->index + (1ULL << record->order) - 1;
	event->flags = record->flags;
	event->argument[0] = record->pfn;
	if (record->header.type == EVENT_ENTRY_INSERT)
		entry__inserted(model, task, inode, record, event->number);
	else if (record->header.type == EVENT_ENTRY_DELETE)
		entry__deleted(model, task, inode, record);
	else
		entry__sync_dirtied(model, task, inode, record, event->number);
}

static void take_range(struct model *model, struct model_task *task, const struct event_range *record)
{
	struct model_inode *inode = get_inode(model, &record->inode);
	struct model_event *event;

	if (!inode || record->last < record->first)
		return;
	event = remember(model, &record->header, inode);
	event->first = record->first;
	event->last = record->last;
	event->argument[0] = record->pfn;
	if (record->header.type == EVENT_WRITEBACK_ONE)
		entry__written_back(model, task, inode, record);
	else
		entry__not_writable(model, inode, record->first, record->last);
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

void model__record(struct model *model, const struct event_header *header)
{
	struct model_task *task;

	model->records++;
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
	case EVENT_GAP:
		lose(model, ((const struct event_gap *)header)->lost);
		return;
	case EVENT_LOCK_CLASS:
	case EVENT_LOCK_NAME:
	case EVENT_LOCK_COUNT:
	case EVENT_LOCK_LOSS:
		if (model->listener.lock)
			model->listener.lock(model->context, NULL, header);
		return;
	}
	task = get_task(model, header);
	if (!task)
		return;
	switch (header->type) {
	case EVENT_LOCK_EDGE:
	case EVENT_LOCK_LEAK:
		if (model->listener.lock)
			model->listener.lock(model->context, task, header);
		break;
	case EVENT_TASK:
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
	case EVENT_FLUSH:
		task->flushed = *(const struct event_flush *)header;
		break;
	}
}
