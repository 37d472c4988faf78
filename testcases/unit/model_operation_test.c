// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Operations, and what they say about why an entry was removed. */
#include "testcases/unit/model_world.h"

/* --- operations ----------------------------------------------------------- */

static void test_operations_nest(void **state)
{
	struct world *world = *state;
	const struct model_task *task;

	story__write_begins(&world->writer, &world->file, 5, 2);
	story__invalidate_begins(&world->writer, &world->file, 5, 6);
	task = task_of(world, &world->writer);
	assert_int_equal(task->depth, 2);
	assert_int_equal(task->operations[0].operation, OPERATION_WRITE);
	assert_int_equal(task->operations[0].first, 5);
	assert_int_equal(task->operations[0].last, 6);
	assert_int_equal(task->operations[1].operation, OPERATION_INVALIDATE);
	story__invalidate_ends(&world->writer, &world->file);
	task = task_of(world, &world->writer);
	assert_int_equal(task->depth, 1);
	story__write_ends(&world->writer, &world->file, 2);
	task = task_of(world, &world->writer);
	assert_int_equal(task->depth, 0);
	assert_int_equal(heard(world)->begun, 2);
	assert_int_equal(heard(world)->ended, 2);
	assert_int_equal(heard(world)->result, 8192);
	assert_null(inode_of(world, &world->file)->open);
	assert_no_loss(world);
}

static void test_end_without_begin_is_nothing(void **state)
{
	struct world *world = *state;

	story__write_begins(&world->writer, &world->file, 5, 1);
	story__fsync_ends(&world->writer, &world->file, 0);
	story__fsync_ends(&world->mapper, &world->file, 0);
	assert_int_equal(task_of(world, &world->writer)->depth, 1);
	assert_int_equal(heard(world)->ended, 0);
	story__write_ends(&world->writer, &world->file, 1);
	assert_int_equal(heard(world)->ended, 1);
	story__write_ends(&world->writer, &world->file, 1);
	assert_int_equal(heard(world)->ended, 1);
	assert_no_loss(world);
}

/* Not this file's write has ended. */
static void test_end_on_another_file_is_nothing(void **state)
{
	struct world *world = *state;
	struct story_file other = story__file(1, 14, 7);

	story__write_begins(&world->writer, &world->file, 5, 1);
	story__write_ends(&world->writer, &other, 1);
	assert_int_equal(task_of(world, &world->writer)->depth, 1);
	assert_int_equal(heard(world)->ended, 0);
	story__write_ends(&world->writer, &world->file, 1);
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	assert_int_equal(heard(world)->ended, 1);
}

/* One whose end was not seen must not hide those around it. */
static void test_missing_end_inside(void **state)
{
	struct world *world = *state;

	story__write_begins(&world->writer, &world->file, 5, 1);
	story__invalidate_begins(&world->writer, &world->file, 5, 5);
	story__write_ends(&world->writer, &world->file, 1);
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	assert_int_equal(heard(world)->ended, 1);
	assert_null(inode_of(world, &world->file)->open);
}

static void test_nested_too_deep_is_a_loss(void **state)
{
	struct world *world = *state;
	int i;

	for (i = 0; i < OPERATION_DEPTH; i++)
		story__invalidate_begins(&world->writer, &world->file, i, i);
	assert_int_equal(task_of(world, &world->writer)->depth, OPERATION_DEPTH);
	assert_no_loss(world);
	story__invalidate_begins(&world->writer, &world->file, i, i);
	assert_int_equal(task_of(world, &world->writer)->depth, 1);
	assert_int_equal(model__loss(world->model)->capacity, 1);
	assert_false(task_of(world, &world->writer)->certain);
}

static void test_unknown_operations_are_not_taken(void **state)
{
	struct world *world = *state;

	story__enter(&world->writer, &world->file, &(struct story_operation) {
		.operation = OPERATION_COUNT });
	story__enter(&world->writer, &world->file, &(struct story_operation) {
		.operation = OPERATION_NONE });
	story__exit(&world->writer, &world->file, OPERATION_COUNT, 0);
	story__exit(&world->writer, &world->file, OPERATION_NONE, 0);
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	assert_int_equal(heard(world)->begun + heard(world)->ended, 0);
}

/* --- why an entry was removed --------------------------------------------- */

static enum model_removal removal_in(struct world *world, const struct story_operation *operation,
				     __u64 index)
{
	unsigned int deleted;

	story__fault_write(&world->mapper, &world->file, index);
	if (operation)
		story__enter(&world->writer, &world->file, operation);
	story__tell(&world->story, world->model);
	deleted = heard(world)->deleted;
	story__delete(&world->writer, &world->file, index, 0);
	assert_int_equal(heard(world)->deleted, deleted + 1);
	assert_int_equal(heard(world)->deleted_index, index);
	if (operation && operation->operation != OPERATION_EVICT)
		story__ends(&world->writer, &world->file, operation->operation);
	return heard(world)->removal;
}

static void test_removal(void **state)
{
	static const struct {
		struct story_operation operation;
		__u64 index;
		enum model_removal removal;
	} cases[] = {
		/* smaller, to the same size, larger */
		{ { OPERATION_SETSIZE, 2, INDEX_MAX, { 40960, 8192 }, 0 }, 2, REMOVAL_FREED },
		{ { OPERATION_SETSIZE, 2, INDEX_MAX, { 40960, 8192 }, 0 }, 9, REMOVAL_FREED },
		{ { OPERATION_SETSIZE, 2, INDEX_MAX, { 40960, 8192 }, 0 }, 1, REMOVAL_KEPT },
		{ { OPERATION_SETSIZE, 2, INDEX_MAX, { 8192, 8192 }, 0 }, 2, REMOVAL_FREED },
		{ { OPERATION_SETSIZE, 2, INDEX_MAX, { 4096, 8192 }, 0 }, 2, REMOVAL_KEPT },
		/* allocate, punch, collapse, zero, insert, unshare */
		{ { OPERATION_FALLOCATE, 2, 4, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x1, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x3, 0 }, 0 }, 2, REMOVAL_FREED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x3, 0 }, 0 }, 4, REMOVAL_FREED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x3, 0 }, 0 }, 1, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x3, 0 }, 0 }, 5, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x8, 0 }, 0 }, 2, REMOVAL_FREED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x8, 0 }, 0 }, 50, REMOVAL_MOVED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x8, 0 }, 0 }, 1, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x10, 0 }, 0 }, 3, REMOVAL_FREED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x10, 0 }, 0 }, 5, REMOVAL_KEPT },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x20, 0 }, 0 }, 50, REMOVAL_MOVED },
		{ { OPERATION_FALLOCATE, 2, 4, { 0x40, 0 }, 0 }, 3, REMOVAL_FREED },
		/* what frees nothing */
		{ { OPERATION_WRITE, 0, 9, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_READ, 0, 9, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_FAULT, 3, 3, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_SYNC, 0, INDEX_MAX, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_FILEATTR, 0, INDEX_MAX, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_TRUNCATE, 0, INDEX_MAX, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_INVALIDATE, 0, INDEX_MAX, { 0, 0 }, 0 }, 3, REMOVAL_KEPT },
		/* last, since the inode goes with it */
		{ { OPERATION_EVICT, 0, INDEX_MAX, { 1, 0 }, 0 }, 3, REMOVAL_KEPT },
		{ { OPERATION_EVICT, 0, INDEX_MAX, { 0, 0 }, 0 }, 3, REMOVAL_FREED },
	};
	struct world *world = *state;
	size_t i;

	/* From here on it is known what the writer is inside of: nothing. */
	story__fault_write(&world->writer, &world->file, 99);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		if (removal_in(world, &cases[i].operation, cases[i].index) != cases[i].removal)
			fail_msg("case %zu: removal %d, not %d", i, heard(world)->removal,
				 cases[i].removal);
	}
}

/* A task that was inside of something when tracing began may be freeing. */
static void test_removal_by_uncertain_task_is_unknown(void **state)
{
	static const struct story_operation truncate = {
		.operation = OPERATION_TRUNCATE, .last = INDEX_MAX,
	};
	struct world *world = *state;

	assert_int_equal(removal_in(world, NULL, 3), REMOVAL_UNKNOWN);
	assert_int_equal(removal_in(world, &truncate, 3), REMOVAL_UNKNOWN);
	/* Any call from user space shows that it had left it. */
	story__fault_read_hole(&world->writer, &world->file, 77);
	assert_int_equal(removal_in(world, NULL, 3), REMOVAL_KEPT);
	assert_int_equal(removal_in(world, &truncate, 3), REMOVAL_KEPT);
}

static void test_removal_by_task_that_announced_itself_only(void **state)
{
	struct world *world = *state;
	struct story_task late = story__unnamed_task(&world->story);

	story__fault_write(&world->mapper, &world->file, 3);
	story__delete(&late, &world->file, 3, 0);
	assert_int_equal(heard(world)->removal, REMOVAL_UNKNOWN);
}

/* Eviction comes from anywhere: what is around it is about other files. */
static void test_eviction_in_an_uncertain_task_is_certain(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__evict_begins(&world->writer, &world->file, 1);
	story__delete(&world->writer, &world->file, 3, 0);
	assert_int_equal(heard(world)->removal, REMOVAL_KEPT);
}

static void test_removal_in_another_files_operation(void **state)
{
	struct world *world = *state;
	struct story_file other = story__file(1, 14, 7);

	story__fault_write(&world->mapper, &world->file, 3);
	story__setsize_begins(&world->writer, &other, 40960, 0);
	story__delete(&world->writer, &world->file, 3, 0);
	assert_int_equal(heard(world)->removal, REMOVAL_KEPT);
}

static void test_removal_nested_in_what_frees(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__setsize_begins(&world->writer, &world->file, 40960, 0);
	story__truncate_begins(&world->writer, &world->file, 0, INDEX_MAX);
	story__delete(&world->writer, &world->file, 3, 0);
	assert_int_equal(heard(world)->removal, REMOVAL_FREED);
}

/*
 * The whole huge entry goes where a part of it is freed: the other part is still
 * the file's, and whether that was flushed first cannot be said.
 */
static void test_removal_of_huge_partly_freed(void **state)
{
	struct world *world = *state;

	story__fault_write_huge(&world->mapper, &world->file, 0);
	story__setsize_begins(&world->writer, &world->file, 2 << 20, 1 << 20);
	story__delete(&world->writer, &world->file, 0, STORY_HUGE_ORDER);
	assert_int_equal(heard(world)->removal, REMOVAL_UNKNOWN);
}

/* --- from where in its program ---------------------------------------------- */

static void tell_frame(struct world *world, __s32 stack, __u16 frame, const char *function)
{
	struct event_user_frame record = {
		.header = { .type = EVENT_USER_FRAME, .size = sizeof(record) },
		.stack = stack, .frame = frame, .frames = 2, .address = 0x401000 + frame,
		.function_offset = 0x10 + frame, .file_offset = 0x1000 + frame, .build_id_length = 20,
	};

	snprintf(record.function, sizeof(record.function), "%s", function);
	snprintf(record.file, sizeof(record.file), "/bin/program");
	story__record(&world->story, &record.header, world->mapper.tid);
}

static void tell_caller(struct world *world, __s32 stack, __u32 operation, __u64 vma)
{
	struct event_user_stack record = {
		.header = { .type = EVENT_USER_STACK, .size = sizeof(record) },
		.stack = stack, .operation = operation, .vma = vma,
	};

	story__record(&world->story, &record.header, world->mapper.tid);
}

/* Of the newest event that begins this operation. */
static __s32 caller_of(struct world *world, __u16 operation)
{
	const struct model_event *event;
	__u64 number;

	heard(world);
	for (number = model__newest_event(world->model); (event = model__event(world->model, number));
	     number--)
		if (event->type == EVENT_ENTER && event->operation == operation)
			return event->user_stack;
	return -2;
}

static void test_user_stack_before_or_behind(void **state)
{
	struct world *world = *state;

	/* Before the operation, although another one is open. */
	story__write_begins(&world->mapper, &world->file, 5, 1);
	tell_caller(world, 3, OPERATION_FAULT, 0);
	assert_int_equal(caller_of(world, OPERATION_WRITE), -1);
	story__fault_write(&world->mapper, &world->file, 7);
	assert_int_equal(caller_of(world, OPERATION_FAULT), 3);
	/* Behind it */
	tell_caller(world, 4, OPERATION_WRITE, 0);
	assert_int_equal(caller_of(world, OPERATION_WRITE), 4);
	assert_int_equal(caller_of(world, OPERATION_FAULT), 3);
	story__write_ends(&world->mapper, &world->file, 1);
	/* Nobody else's, and not the next one's. */
	story__fault_write(&world->writer, &world->file, 8);
	assert_int_equal(caller_of(world, OPERATION_FAULT), -1);
	story__fault_write(&world->mapper, &world->file, 9);
	assert_int_equal(caller_of(world, OPERATION_FAULT), -1);
	/* What was lost may have been the operation. */
	tell_caller(world, 5, OPERATION_FAULT, 0);
	story__gap(&world->story, 1);
	story__fault_write(&world->mapper, &world->file, 10);
	assert_int_equal(caller_of(world, OPERATION_FAULT), -1);
}

static void test_user_frames(void **state)
{
	const struct model_user_frame *frames;
	struct world *world = *state;

	tell_frame(world, 1, 0, "store");
	tell_frame(world, 1, 1, "");
	/* Told twice, out of order, without end: what was told first counts. */
	tell_frame(world, 1, 0, "other");
	tell_frame(world, 1, 5, "far");
	tell_frame(world, 1, 0xffff, "farther");
	tell_frame(world, -1, 0, "none");
	heard(world);
	assert_int_equal(model__user_stack(world->model, 1, &frames), 2);
	assert_string_equal(frames[0].function, "store");
	assert_string_equal(frames[0].file, "/bin/program");
	assert_int_equal(frames[0].address, 0x401000);
	assert_int_equal(frames[0].function_offset, 0x10);
	assert_int_equal(frames[1].file_offset, 0x1001);
	assert_int_equal(frames[1].build_id_length, 20);
	assert_string_equal(frames[1].function, "");
	assert_int_equal(model__user_stack(world->model, 2, &frames), 0);
	assert_int_equal(model__user_stack(world->model, -1, &frames), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD_TEST(test_operations_nest),
		WORLD_TEST(test_end_without_begin_is_nothing),
		WORLD_TEST(test_end_on_another_file_is_nothing),
		WORLD_TEST(test_missing_end_inside),
		WORLD_TEST(test_nested_too_deep_is_a_loss),
		WORLD_TEST(test_unknown_operations_are_not_taken),
		WORLD_TEST(test_removal),
		WORLD_TEST(test_removal_by_uncertain_task_is_unknown),
		WORLD_TEST(test_removal_by_task_that_announced_itself_only),
		WORLD_TEST(test_eviction_in_an_uncertain_task_is_certain),
		WORLD_TEST(test_removal_in_another_files_operation),
		WORLD_TEST(test_removal_nested_in_what_frees),
		WORLD_TEST(test_removal_of_huge_partly_freed),
		WORLD_TEST(test_user_stack_before_or_behind),
		WORLD_TEST(test_user_frames),
	};

	return cmocka_run_group_tests_name("model_operation", tests, NULL, NULL);
}
