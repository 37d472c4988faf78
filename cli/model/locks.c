// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What tasks hold at the places that count: each set of locks once. */
#include <stdlib.h>

#include "model/private.h"

static void mark(const struct model *model, __u32 id)
{
	if (id)
		model->lock_set[id - 1]->used = true;
}

static void mark_task(const struct model *model, const struct model_task *task)
{
	unsigned int i;

	for (i = 0; i < LOCK_PLACE_COUNT; i++)
		mark(model, task->places[i].id);
	for (i = 0; i < task->depth; i++) {
		mark(model, task->operations[i].notes.rival_locks);
		mark(model, task->operations[i].notes.own_locks);
	}
}

static void mark_all(const struct model *model)
{
	const struct model_inode *inode;
	const struct model_entry *entry;
	const struct model_task *task;

	for (task = model->tasks; task; task = task->hh.next)
		mark_task(model, task);
	for (inode = model->inodes; inode; inode = inode->hh.next) {
		mark(model, inode->fault.locks);
		mark(model, inode->mmap.locks);
		mark(model, inode->mode.flip_locks);
	}
	for (entry = model->entries; entry; entry = entry->hh.next) {
		mark(model, entry->fault_locks);
		mark(model, entry->write_locks);
		mark(model, entry->hole_locks);
	}
}

/*
 * Each inode and each process has locks of its own, so that there are ever new sets:
 * forget those that nobody refers to any more.  It takes a look at all that could, so
 * it is done again only when as many records have come as there may be sets.
 */
static void make_room(struct model *model)
{
	struct model_locks *locks, *next;

	if (model->records - model->swept < model->max_lock_sets)
		return;
	model->swept = model->records;
	mark_all(model);
	HASH_ITER(hh, model->lock_sets, locks, next) {
		if (!locks->used) {
			HASH_DEL(model->lock_sets, locks);
			locks->next_free = model->free_lock_sets;
			model->free_lock_sets = locks;
		}
		locks->used = false;
	}
}

/* One that nobody refers to, with an id; NULL: there is no room. */
static struct model_locks *get(struct model *model)
{
	struct model_locks *locks, **all;
	size_t count = model->lock_set_count;

	if (!model->free_lock_sets && count >= model->max_lock_sets)
		make_room(model);
	locks = model->free_lock_sets;
	if (locks) {
		model->free_lock_sets = locks->next_free;
		return locks;
	}
	if (count >= model->max_lock_sets)
		return NULL;
	/* The table doubles whenever it is full. */
	if (!(count & (count - 1))) {
		all = realloc(model->lock_set, (count ? 2 * count : 1) * sizeof(*all));
		if (!all)
			return NULL;
		model->lock_set = all;
	}
	locks = calloc(1, sizeof(*locks));
	if (!locks)
		return NULL;
	locks->id = count + 1;
	model->lock_set[model->lock_set_count++] = locks;
	return locks;
}

static struct model_locks *intern(struct model *model, const struct event_lock_set *record)
{
	struct event_lock_held held[LOCK_SET_MAX];
	struct model_locks *locks;
	unsigned int i;

	/* The same locks, whenever they were taken. */
	memcpy(held, record->held, sizeof(held));
	for (i = 0; i < LOCK_SET_MAX; i++)
		held[i].taking = 0;
	HASH_FIND(hh, model->lock_sets, held, sizeof(held), locks);
	if (locks)
		return locks;
	locks = get(model);
	if (!locks) {
		/* What would be predicted from it is not. */
		model->loss.capacity++;
		return NULL;
	}
	locks->count = record->count;
	memcpy(locks->held, held, sizeof(locks->held));
	HASH_ADD(hh, model->lock_sets, held, sizeof(locks->held), locks);
	return locks;
}

void locks__told(struct model *model, struct model_task *task, const struct event_lock_set *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	const struct model_locks *locks = NULL;
	enum lock_place place = record->place;
	__u32 i;

	if (!inode || !place || place >= LOCK_PLACE_COUNT || model->no_lock_sets)
		return;
	/* Of more, those that are not told may be what keeps others out. */
	if (record->count <= LOCK_SET_MAX)
		locks = intern(model, record);
	task->places[place].inode = record->inode;
	task->places[place].epoch = model->epoch;
	task->places[place].stamp = model->records;
	task->places[place].after = task->last_event;
	task->places[place].id = locks ? locks->id : 0;
	if (place == LOCK_PLACE_MAP) {
		inode->mmap.locks = task->places[place].id;
		inode->mmap.tid = task->tid;
		inode->mmap.event = inode->last_event;
	}
	for (i = 0; i < LOCK_SET_MAX; i++)
		task->places[place].takings[i] = record->held[i].taking;
}

__u32 model__locks_at(const struct model *model, const struct model_task *task,
		      enum lock_place place, const struct inode_id *inode)
{
	if (task->places[place].epoch != model->epoch ||
	    task->places[place].inode.ino != inode->ino ||
	    task->places[place].inode.dev != inode->dev ||
	    task->places[place].inode.generation != inode->generation)
		return 0;
	return task->places[place].id;
}

const struct model_locks *model__locks(const struct model *model, __u32 id)
{
	return id && id <= model->lock_set_count ? model->lock_set[id - 1] : NULL;
}

static bool has_invisible_readers(const struct model_locks *locks)
{
	__u32 i;

	for (i = 0; i < locks->count; i++)
		if (locks->held[i].type == LOCK_PERCPU_RWSEM)
			return true;
	return false;
}

static bool exclude(const struct event_lock_held *one, const struct event_lock_held *other)
{
	return one->lock == other->lock &&
	       (one->mode == LOCK_MODE_WRITE || other->mode == LOCK_MODE_WRITE);
}

bool model__nothing_excludes(const struct model *model, __u32 first, __u32 second)
{
	const struct model_locks *one = model__locks(model, first);
	const struct model_locks *other = model__locks(model, second);
	__u32 i, k;

	if (!one || !other)
		return false;
	if (has_invisible_readers(one) || has_invisible_readers(other))
		return false;
	for (i = 0; i < one->count; i++)
		for (k = 0; k < other->count; k++)
			if (exclude(&one->held[i], &other->held[k]))
				return false;
	return true;
}

__u32 model__common_class(const struct model *model, __u32 first, __u32 second)
{
	const struct model_locks *one = model__locks(model, first);
	const struct model_locks *other = model__locks(model, second);
	__u32 i, k;

	for (i = 0; one && other && i < one->count; i++)
		for (k = 0; k < other->count; k++)
			if (exclude(&one->held[i], &other->held[k]))
				return one->held[i].class;
	return 0;
}

bool model__nothing_excludes_throughout(const struct model *model, const struct model_task *task,
					const struct inode_id *inode, enum lock_place first,
					enum lock_place second, __u32 other)
{
	const struct model_locks *early = model__locks(model, model__locks_at(model, task, first, inode));
	const struct model_locks *late = model__locks(model, model__locks_at(model, task, second, inode));
	const struct model_locks *rival = model__locks(model, other);
	__u32 i, k, m;

	if (!early || !late || !rival || has_invisible_readers(early) ||
	    has_invisible_readers(late) || has_invisible_readers(rival))
		return false;
	for (i = 0; i < early->count; i++)
		for (k = 0; k < late->count; k++)
			for (m = 0; m < rival->count; m++)
				if (early->held[i].lock == late->held[k].lock &&
				    task->places[first].takings[i] == task->places[second].takings[k] &&
				    exclude(&early->held[i], &rival->held[m]) &&
				    exclude(&late->held[k], &rival->held[m]))
					return false;
	return true;
}

void locks__free_all(struct model *model)
{
	size_t i;

	HASH_CLEAR(hh, model->lock_sets);
	for (i = 0; i < model->lock_set_count; i++)
		free(model->lock_set[i]);
	free(model->lock_set);
}
