// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What tasks hold at the places that count: each set of locks once. */
#include <stdlib.h>

#include "model/private.h"

static struct model_locks *intern(struct model *model, const struct event_lock_set *record)
{
	struct model_locks *locks, **all;
	unsigned int id;

	HASH_FIND(hh, model->lock_sets, record->held, sizeof(record->held), locks);
	if (locks)
		return locks;
	id = HASH_COUNT(model->lock_sets);
	if (id >= MAX_LOCK_SETS)
		return NULL;
	/* The table doubles whenever it is full. */
	if (!(id & (id - 1))) {
		all = realloc(model->lock_set, (id ? 2 * id : 1) * sizeof(*all));
		if (!all)
			return NULL;
		model->lock_set = all;
	}
	locks = calloc(1, sizeof(*locks));
	if (!locks)
		return NULL;
	locks->id = id + 1;
	locks->count = record->count;
	memcpy(locks->held, record->held, sizeof(locks->held));
	model->lock_set[id] = locks;
	HASH_ADD(hh, model->lock_sets, held, sizeof(locks->held), locks);
	return locks;
}

void locks__told(struct model *model, struct model_task *task, const struct event_lock_set *record)
{
	struct model_inode *inode = model__get_inode(model, &record->inode);
	const struct model_locks *locks = NULL;
	enum lock_place place = record->place;

	if (!inode || !place || place >= LOCK_PLACE_COUNT)
		return;
	/* Of more, those that are not told may be what keeps others out. */
	if (record->count <= LOCK_SET_MAX)
		locks = intern(model, record);
	task->places[place].inode = record->inode;
	task->places[place].epoch = model->epoch;
	task->places[place].stamp = model->records;
	task->places[place].id = locks ? locks->id : 0;
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
	return id && id <= HASH_COUNT(model->lock_sets) ? model->lock_set[id - 1] : NULL;
}

bool model__nothing_excludes(const struct model *model, __u32 first, __u32 second)
{
	const struct model_locks *one = model__locks(model, first);
	const struct model_locks *other = model__locks(model, second);
	__u32 i, k;

	if (!one || !other)
		return false;
	for (i = 0; i < one->count; i++)
		if (one->held[i].type == LOCK_PERCPU_RWSEM)
			return false;
	for (k = 0; k < other->count; k++)
		if (other->held[k].type == LOCK_PERCPU_RWSEM)
			return false;
	for (i = 0; i < one->count; i++)
		for (k = 0; k < other->count; k++)
			if (one->held[i].lock == other->held[k].lock &&
			    (one->held[i].mode == LOCK_MODE_WRITE ||
			     other->held[k].mode == LOCK_MODE_WRITE))
				return false;
	return true;
}

void locks__free_all(struct model *model)
{
	struct model_locks *locks, *next;

	HASH_ITER(hh, model->lock_sets, locks, next) {
		HASH_DEL(model->lock_sets, locks);
		free(locks);
	}
	free(model->lock_set);
}
