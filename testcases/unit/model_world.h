/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A model and the story that it is told, for tests of what it then believes. */
#ifndef DAXTRACE_UNIT_MODEL_WORLD_H
#define DAXTRACE_UNIT_MODEL_WORLD_H

#include "testcases/unit/unit.h"

#include "model/private.h"
#include "testcases/unit/story.h"

/* A model, a story to feed it, and what it said when. */
struct world {
	struct story story;
	struct model *model;
	struct story_task mapper, writer;
	struct story_file file;
	unsigned int begun, ended, dirtied, deleted;
	enum model_removal removal;	/* of the newest delete */
	enum entry_state deleted_state;
	__u64 deleted_index;
	__s64 result;			/* of the newest end */
};

/* cmocka fixtures: *state is a struct world. */
int world__setup(void **state);
int world__teardown(void **state);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world__setup, world__teardown)

/* Begin again, for a test that wants other options. */
void world__remake(struct world *world, const struct model_options *options);

/*
 * The functions below first tell the model what it has not heard yet.  An inode
 * or entry that it does not know is NULL.
 */
struct world *heard(struct world *world);
struct model_inode *inode_of(struct world *world, const struct story_file *file);
struct model_entry *entry_at(struct world *world, __u64 index);
const struct model_task *task_of(struct world *world, const struct story_task *task);
size_t dirty_count(struct world *world);
void assert_no_loss(struct world *world);

/* Drop what was told, so that a long story needs no room. */
void world__forget_told(struct world *world);

#define assert_state(world, index, wanted)					\
	do {									\
		struct model_entry *entry_ = entry_at(world, index);		\
										\
		assert_non_null(entry_);					\
		assert_true(model__known((world)->model, entry_));		\
		assert_int_equal(entry_->state, wanted);			\
	} while (0)

#define assert_absent(world, index)	assert_null(entry_at(world, index))

#define assert_unknown(world, index)						\
	do {									\
		struct model_entry *entry_ = entry_at(world, index);		\
										\
		assert_true(!entry_ || !model__known((world)->model, entry_));	\
	} while (0)

#endif /* DAXTRACE_UNIT_MODEL_WORLD_H */
