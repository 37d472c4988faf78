// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "testcases/unit/model_world.h"

static void on_begun(void *context, struct model_operation *operation)
{
	struct world *world = context;

	assert_non_null(operation->inode);
	world->begun++;
}

static void on_ended(void *context, struct model_operation *operation, __s64 result, __u64 time)
{
	struct world *world = context;

	assert_true(time >= operation->begun);
	assert_true(operation->task->depth > 0);
	world->ended++;
	world->result = result;
}

static void on_dirtied(void *context, struct model_task *task, struct model_entry *entry,
		       __u64 time)
{
	struct world *world = context;

	(void)task, (void)entry, (void)time;
	world->dirtied++;
}

static void on_deleted(void *context, struct model_task *task, struct model_entry *entry,
		       enum model_removal removal, const struct event_entry *record)
{
	struct world *world = context;

	(void)task, (void)record;
	world->deleted++;
	world->removal = removal;
	world->deleted_state = entry->state;
	world->deleted_index = entry->key.index;
}

static void world__make(struct world *world, const struct model_options *options)
{
	static const struct model_listener listener = {
		.operation_begun = on_begun,
		.operation_ended = on_ended,
		.entry_dirtied = on_dirtied,
		.entry_deleted = on_deleted,
	};

	memset(world, 0, sizeof(*world));
	story__init(&world->story, NULL);
	world->model = model__new(options, &listener, world);
	assert_non_null(world->model);
	story__superblock(&world->story, 1, "refdax");
	world->mapper = story__task(&world->story, "mapper");
	world->writer = story__task(&world->story, "writer");
	world->file = story__file(1, 13, 7);
}

int world__setup(void **state)
{
	static const struct model_options options;
	struct world *world = malloc(sizeof(*world));

	world__make(world, &options);
	*state = world;
	return 0;
}

static void world__free(struct world *world)
{
	model__free(world->model);
	story__free(&world->story);
}

int world__teardown(void **state)
{
	world__free(*state);
	free(*state);
	return 0;
}

void world__remake(struct world *world, const struct model_options *options)
{
	world__free(world);
	world__make(world, options);
}

struct model_inode *inode_of(struct world *world, const struct story_file *file)
{
	struct model_inode *inode;

	story__tell(&world->story, world->model);
	HASH_FIND(hh, world->model->inodes, &file->id, sizeof(file->id), inode);
	return inode;
}

struct model_entry *entry_at(struct world *world, __u64 index)
{
	struct model_inode *inode = inode_of(world, &world->file);

	return inode ? model__entry(world->model, inode, index) : NULL;
}

const struct model_task *task_of(struct world *world, const struct story_task *task)
{
	story__tell(&world->story, world->model);
	return model__task(world->model, task->tid);
}

/* What the listener has been told by now. */
struct world *heard(struct world *world)
{
	story__tell(&world->story, world->model);
	return world;
}

size_t dirty_count(struct world *world)
{
	struct model_inode *inode = inode_of(world, &world->file);

	return inode ? inode->dirty_count : 0;
}

void assert_no_loss(struct world *world)
{
	story__tell(&world->story, world->model);
	assert_int_equal(model__loss(world->model)->records, 0);
	assert_int_equal(model__loss(world->model)->capacity, 0);
}

void world__forget_told(struct world *world)
{
	heard(world);
	bytes__free(&world->story.records);
	world->story.told = 0;
}
