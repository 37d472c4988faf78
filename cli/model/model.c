// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tasks, inodes, superblocks: found, made, and forgotten where there is no room. */
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
	model->max_lock_sets = options->max_lock_sets ? options->max_lock_sets :
							DEFAULT_MAX_LOCK_SETS;
	model->no_flush = options->no_flush;
	model->no_lock_sets = options->no_lock_sets;
	pool__init(&model->entry_pool, sizeof(struct model_entry),
		   options->max_entries ? options->max_entries : DEFAULT_MAX_ENTRIES);
	pool__init(&model->mapping_pool, sizeof(struct model_mapping),
		   options->max_mappings ? options->max_mappings : DEFAULT_MAX_MAPPINGS);
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
	mapping__free_all(model);
	locks__free_all(model);
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
	caller__free_all(model);
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

__u64 model__stamp(const struct model *model)
{
	return model->records;
}

struct model_superblock *model__superblock(const struct model *model, __u32 dev)
{
	struct model_superblock *superblock;

	HASH_FIND(hh, model->superblocks, &dev, sizeof(dev), superblock);
	return superblock;
}

struct model_superblock *model__superblocks(const struct model *model)
{
	return model->superblocks;
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
		if (task->depth || task->pending || task->sb_depth || task->waiting) {
			touch_task(model, task);
			continue;
		}
		DL_DELETE2(model->oldest_task, task, older, newer);
		HASH_DEL(model->tasks, task);
		free(task);
	}
	return true;
}

struct model_task *model__get_task(struct model *model, const struct event_header *header)
{
	struct model_task *task;
	__u32 tid = header->tid;

	/* Mostly whose the record before was. */
	task = model->oldest_task ? model->oldest_task->older : NULL;
	if (!task || task->tid != tid)
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
		task->from.told = false;
		task->mapped_event = 0;
		operation__abandon_all(task);
		entry__set_pending(task, NULL);
		wait__end(model, task);
		task->mapped.inode = NULL;
		task->sb_depth = 0;
		task->flushed.pages = 0;
		task->synced_at = 0;
		task->epoch = model->epoch;
	}
	task->tgid = header->tgid;
	return task;
}

void model__forget_inode(struct model *model, struct model_inode *inode)
{
	/* An operation on it may still be open in some task: end it there. */
	while (inode->open)
		operation__abandon_all(inode->open->task);
	entry__forget_all(model, inode);
	mapping__forget_all(model, inode);
	wait__forget_inode(model, inode);
	DL_DELETE(inode->superblock->inodes, inode);
	DL_DELETE2(model->oldest_inode, inode, older, newer);
	HASH_DEL(model->inodes, inode);
	free(inode);
}

/* Known or not yet: not every record comes after its superblock's. */
struct model_superblock *model__get_superblock(struct model *model, __u32 dev)
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
		if (inode->entries || inode->open || inode->mappings)
			touch_inode(model, inode);
		else
			model__forget_inode(model, inode);
	}
	return true;
}

struct model_inode *model__get_inode(struct model *model, const struct inode_id *id)
{
	struct model_superblock *superblock;
	struct model_inode *inode;

	inode = model->oldest_inode ? model->oldest_inode->older : NULL;
	if (!inode || memcmp(&inode->id, id, sizeof(*id)))
		HASH_FIND(hh, model->inodes, id, sizeof(*id), inode);
	if (inode) {
		touch_inode(model, inode);
		return inode;
	}
	superblock = model__get_superblock(model, id->dev);
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
