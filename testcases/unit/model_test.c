// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Inodes, superblocks and tasks; what is lost; limits; names and history. */
#include "testcases/unit/model_world.h"
#include "testcases/unit/story_locks.h"

/* --- inodes and superblocks ----------------------------------------------- */

static void test_evict_forgets(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__evict_begins(&world->writer, &world->file, 0);
	assert_non_null(inode_of(world, &world->file));
	story__ends(&world->writer, &world->file, OPERATION_EVICT);
	assert_null(inode_of(world, &world->file));
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	assert_null(task_of(world, &world->mapper)->pending);
	assert_int_equal(HASH_COUNT(world->model->entries), 0);
	assert_no_loss(world);
}

static void test_evict_ends_what_is_open_elsewhere(void **state)
{
	struct world *world = *state;

	story__write_begins(&world->mapper, &world->file, 0, 1);
	story__fault_begins(&world->mapper, &world->file, 3, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 3, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__evict_begins(&world->writer, &world->file, 0);
	story__ends(&world->writer, &world->file, OPERATION_EVICT);
	assert_int_equal(task_of(world, &world->mapper)->depth, 0);
	assert_false(task_of(world, &world->mapper)->certain);
	assert_null(task_of(world, &world->mapper)->pending);
	story__fault_ends(&world->mapper, &world->file);
	story__write_ends(&world->mapper, &world->file, 1);
	assert_int_equal(heard(world)->ended, 1);
	assert_no_loss(world);
}

static void test_generations_are_different_inodes(void **state)
{
	struct world *world = *state;
	struct story_file reused = story__file(1, 13, 8);

	story__fault_write(&world->mapper, &world->file, 3);
	story__fault_read_hole(&world->mapper, &reused, 3);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_ptr_not_equal(inode_of(world, &world->file), inode_of(world, &reused));
	assert_int_equal(model__entry(world->model, inode_of(world, &reused), 3)->state,
			 ENTRY_HOLE);
	assert_int_equal(HASH_COUNT(world->model->inodes), 2);
}

static void test_devices_are_different_inodes(void **state)
{
	struct world *world = *state;
	struct story_file elsewhere = story__file(2, 13, 7);

	story__superblock(&world->story, 2, "xfs");
	story__fault_write(&world->mapper, &world->file, 3);
	story__fault_write(&world->mapper, &elsewhere, 3);
	assert_string_equal(inode_of(world, &world->file)->fstype, "refdax");
	assert_string_equal(inode_of(world, &elsewhere)->fstype, "xfs");
	assert_int_equal(dirty_count(world), 1);
}

static void test_superblock_again_forgets_its_inodes(void **state)
{
	struct world *world = *state;
	struct story_file elsewhere = story__file(2, 13, 7);

	story__superblock(&world->story, 2, "xfs");
	story__fault_write(&world->mapper, &world->file, 3);
	story__fault_write(&world->mapper, &elsewhere, 3);
	story__write_begins(&world->writer, &world->file, 3, 1);
	story__superblock(&world->story, 1, "ext4");
	assert_null(inode_of(world, &world->file));
	assert_non_null(inode_of(world, &elsewhere));
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	story__fault_write(&world->mapper, &world->file, 4);
	assert_string_equal(inode_of(world, &world->file)->fstype, "ext4");
	assert_absent(world, 3);
	assert_no_loss(world);
}

/* Not every record is preceded by its superblock's: unmap, delete, evict. */
static void test_superblock_after_its_first_inode(void **state)
{
	struct world *world = *state;
	struct story_file early = story__file(3, 13, 7);

	story__unmap(&world->mapper, &early, 0, 0);
	assert_string_equal(inode_of(world, &early)->fstype, "?");
	story__superblock(&world->story, 3, "xfs");
	story__fault_write(&world->mapper, &early, 0);
	assert_string_equal(inode_of(world, &early)->fstype, "xfs");
}

/* --- loss ----------------------------------------------------------------- */

static void test_loss_makes_unknown(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__write_begins(&world->writer, &world->file, 3, 1);
	assert_state(world, 3, ENTRY_MODIFIED);
	story__lose(&world->story, 5);
	story__fault_read_hole(&world->mapper, &world->file, 9);
	assert_unknown(world, 3);
	assert_state(world, 9, ENTRY_HOLE);
	assert_int_equal(model__loss(world->model)->records, 5);
	assert_int_equal(model__loss(world->model)->capacity, 0);
	/* The write may have ended among the lost: this end is not believed. */
	story__write_ends(&world->writer, &world->file, 1);
	story__tell(&world->story, world->model);
	assert_int_equal(task_of(world, &world->writer)->depth, 0);
	assert_int_equal(heard(world)->ended, 2);	/* the faults' */
}

static void test_gap_makes_unknown(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 7);
	assert_unknown(world, 3);
	assert_int_equal(model__loss(world->model)->records, 7);
}

static void test_deletes_of_unknown_entries_are_silent(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 1);
	story__delete(&world->writer, &world->file, 3, 0);
	assert_absent(world, 3);
	assert_int_equal(heard(world)->deleted, 0);
}

static void test_removal_after_loss_is_unknown(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->writer, &world->file, 4);
	story__setsize_begins(&world->writer, &world->file, 40960, 0);
	story__gap(&world->story, 1);
	story__fault_write(&world->mapper, &world->file, 3);
	story__delete(&world->writer, &world->file, 3, 0);
	assert_int_equal(heard(world)->deleted, 1);
	assert_int_equal(heard(world)->removal, REMOVAL_UNKNOWN);
}

/* A fault after the loss tells what is true now; nothing older does. */
static void test_write_fault_after_loss_is_known_anew(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 1);
	story__fault_write(&world->writer, &world->file, 3);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 3)->dirtied_by, world->writer.tid);
	assert_int_equal(entry_at(world, 3)->dirtied_at, world->story.time);
	assert_int_equal(dirty_count(world), 1);
}

static void test_map_sync_fault_after_loss_is_known_anew(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 1);
	story__sync_dirty(&world->writer, &world->file, 3);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 3)->dirtied_by, world->writer.tid);
	assert_int_equal(entry_at(world, 3)->dirtied_at, world->story.time);
}

static void test_read_fault_after_loss_is_unknown(void **state)
{
	struct world *world = *state;

	story__fault_read_hole(&world->mapper, &world->file, 3);
	story__gap(&world->story, 1);
	story__fault_read(&world->mapper, &world->file, 3);
	assert_unknown(world, 3);
}

static void test_write_back_after_loss_is_known_clean(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 1);
	story__write_back(&world->writer, &world->file, 3, 0);
	assert_state(world, 3, ENTRY_CLEAN);
}

/* The flush was before the loss; what was stored since is not in it. */
static void test_flush_before_loss_does_not_count(void **state)
{
	struct world *world = *state;

	story__flush(&world->writer, &world->file, 3, 1);
	story__gap(&world->story, 1);
	story__fault_write(&world->mapper, &world->file, 3);
	story__tag_cleared(&world->writer, &world->file, 3, 3);
	assert_state(world, 3, ENTRY_MODIFIED);
}

static void test_fault_pending_over_loss(void **state)
{
	struct world *world = *state;

	story__fault_begins(&world->mapper, &world->file, 3, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 3, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__gap(&world->story, 1);
	story__fault_write(&world->writer, &world->file, 4);
	story__fault_ends(&world->mapper, &world->file);
	assert_unknown(world, 3);
	assert_state(world, 4, ENTRY_MODIFIED);
}

/* What is counted must not come round to nothing. */
static void test_losses_add_up_without_overflow(void **state)
{
	struct world *world = *state;

	story__gap(&world->story, ~0ULL);
	story__gap(&world->story, 1);
	story__tell(&world->story, world->model);
	assert_true(model__loss(world->model)->records == ~0ULL);
}

static void test_gap_of_nothing_is_no_loss(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 3);
	story__gap(&world->story, 0);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_no_loss(world);
}

/* --- limits --------------------------------------------------------------- */

static void test_entries_beyond_the_limit_are_counted(void **state)
{
	struct model_options options = { .max_entries = 10 };
	struct world *world = *state;
	__u64 index;

	world__remake(world, &options);
	for (index = 0; index < 10; index++)
		story__fault_write(&world->mapper, &world->file, index);
	assert_no_loss(world);
	story__fault_write(&world->mapper, &world->file, 10);
	story__sync_dirty(&world->mapper, &world->file, 11);
	assert_absent(world, 10);
	assert_absent(world, 11);
	assert_int_equal(model__loss(world->model)->capacity, 2);
	assert_int_equal(model__loss(world->model)->records, 0);
	/* One goes, another finds room. */
	story__delete(&world->mapper, &world->file, 0, 0);
	story__fault_write(&world->mapper, &world->file, 10);
	assert_state(world, 10, ENTRY_MODIFIED);
	assert_int_equal(model__loss(world->model)->capacity, 2);
}

/* Tasks come and go unseen; those that do nothing make room for others. */
static void test_more_tasks_than_there_is_room_for(void **state)
{
	struct world *world = *state;
	struct story_task task, busy = story__task(&world->story, "busy");
	size_t i;

	story__write_begins(&busy, &world->file, 3, 1);
	for (i = 0; i < MAX_TASKS + 1000; i++) {
		task = story__unnamed_task(&world->story);
		story__fault_read_hole(&task, &world->file, 0);
		world__forget_told(world);
	}
	assert_no_loss(world);
	assert_true(HASH_COUNT(world->model->tasks) <= MAX_TASKS);
	assert_non_null(task_of(world, &task));
	assert_int_equal(task_of(world, &busy)->depth, 1);
	assert_string_equal(task_of(world, &busy)->comm, "busy");
}

/* A task that is seen all the time keeps its name however many pass by. */
static void test_busy_tasks_stay(void **state)
{
	struct world *world = *state;
	struct story_task task;
	size_t i;

	for (i = 0; i < MAX_TASKS + 1000; i++) {
		task = story__unnamed_task(&world->story);
		story__fault_read_hole(&task, &world->file, 0);
		story__fault_read_hole(&world->mapper, &world->file, 0);
		world__forget_told(world);
	}
	assert_string_equal(task_of(world, &world->mapper)->comm, "mapper");
	assert_no_loss(world);
}

static void test_more_inodes_than_there_is_room_for(void **state)
{
	struct model_options options = { .max_inodes = 1000 };
	struct world *world = *state;
	struct story_file file;
	size_t i;

	world__remake(world, &options);
	/* Three about which something is known. */
	story__fault_write(&world->mapper, &world->file, 3);
	file = story__file(1, 1, 7);
	story__write_begins(&world->writer, &file, 3, 1);
	for (i = 2; i < 3000; i++) {
		file = story__file(1, i + 100, 7);
		story__unmap(&world->mapper, &file, 0, 0);
	}
	assert_no_loss(world);
	assert_true(HASH_COUNT(world->model->inodes) <= 1000);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_int_equal(task_of(world, &world->writer)->depth, 1);

	/* And when something is known about each of them, it is a loss. */
	for (i = 0; i < 1000; i++) {
		file = story__file(1, i + 5000, 7);
		story__fault_write(&world->mapper, &file, 0);
	}
	story__tell(&world->story, world->model);
	assert_true(model__loss(world->model)->capacity > 0);
	assert_true(HASH_COUNT(world->model->inodes) <= 1000);
}

/* The mapper faults on a page with one lock held, which no other has. */
static void fault_with_lock(struct world *world, __u64 index, __u64 lock)
{
	struct event_lock_held held = { .lock = lock, .class = 1, .mode = LOCK_MODE_READ,
					.type = LOCK_RWSEM };

	story__lock_set(&world->mapper, &world->file, LOCK_PLACE_FAULT, &held, 1);
	story__fault_write(&world->mapper, &world->file, index);
}

/* What the newest fault on the page held: the lock, or 0 if that is not known. */
static __u64 lock_at(struct world *world, __u64 index)
{
	const struct model_locks *locks = model__locks(world->model,
						       entry_at(world, index)->fault_locks);

	return locks ? locks->held[0].lock : 0;
}

static void test_more_lock_sets_than_there_is_room_for(void **state)
{
	struct model_options options = { .max_lock_sets = 100 };
	struct world *world = *state;
	__u64 i;

	world__remake(world, &options);
	/* Each page's entry refers to its own. */
	for (i = 0; i < 100; i++)
		fault_with_lock(world, i, 1000 + i);
	assert_no_loss(world);
	for (i = 100; i < 110; i++)
		fault_with_lock(world, i, 1000 + i);
	heard(world);
	assert_int_equal(model__loss(world->model)->capacity, 10);
	assert_int_equal(lock_at(world, 105), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(lock_at(world, i), 1000 + i);
}

/* Ever new ones, most of them forgotten soon: room is made, and what is referred to stays. */
static void test_lock_sets_that_nobody_refers_to(void **state)
{
	struct model_options options = { .max_lock_sets = 100 };
	struct world *world = *state;
	__u64 i;

	world__remake(world, &options);
	for (i = 0; i < 50; i++)
		fault_with_lock(world, i, 1000 + i);
	for (i = 0; i < 10000; i++)
		fault_with_lock(world, 50, 5000 + i);
	assert_no_loss(world);
	assert_int_equal(lock_at(world, 50), 5000 + 9999);
	for (i = 0; i < 50; i++)
		assert_int_equal(lock_at(world, i), 1000 + i);
	assert_true(world->model->lock_set_count <= 100);
}

/* --- names, stacks, history ----------------------------------------------- */

static void test_names(void **state)
{
	struct world *world = *state;
	struct event_task rename = {
		.header = { .type = EVENT_TASK, .size = sizeof(rename) },
		.comm = "exactly15chars_",
	};
	struct event_superblock superblock = {
		.header = { .type = EVENT_SUPERBLOCK, .size = sizeof(superblock) }, .dev = 9,
	};
	struct story_task late = story__unnamed_task(&world->story);
	struct story_file file = story__file(9, 1, 1);

	assert_string_equal(task_of(world, &world->mapper)->comm, "mapper");
	story__record(&world->story, &rename.header, world->mapper.tid);
	assert_string_equal(task_of(world, &world->mapper)->comm, "exactly15chars_");
	/* Without a NUL, as nobody should send them. */
	memset(rename.comm, 'x', sizeof(rename.comm));
	story__record(&world->story, &rename.header, world->mapper.tid);
	assert_string_equal(task_of(world, &world->mapper)->comm, "xxxxxxxxxxxxxxx");
	memset(superblock.fstype, 'y', sizeof(superblock.fstype));
	memset(superblock.id, 'z', sizeof(superblock.id));
	story__record(&world->story, &superblock.header, 1);
	story__fault_read_hole(&late, &file, 0);
	assert_string_equal(inode_of(world, &file)->fstype, "yyyyyyyyyyyyyyy");
	assert_string_equal(task_of(world, &late)->comm, "?");
	assert_null(model__task(world->model, 4711));
}

static void test_stacks_and_symbols(void **state)
{
	static const __u64 addresses[] = { 0xffff1000, 0xffff2000 };
	struct world *world = *state;
	struct event_stack deep = {
		.header = { .type = EVENT_STACK, .size = sizeof(deep) }, .id = 8, .depth = ~0U,
	};
	struct event_symbol unended = {
		.header = { .type = EVENT_SYMBOL, .size = sizeof(unended) },
		.address = 0xffff3000, .offset = ~0ULL,
	};
	const __u64 *frames;

	story__stack(&world->story, 7, addresses, 2);
	story__symbol(&world->story, 0xffff1000, "vfs_write", 0x1f);
	story__symbol(&world->story, 0xffff2000, "xfs_file_write [xfs]", 0x20);
	story__record(&world->story, &deep.header, 1);
	memset(unended.name, 'n', sizeof(unended.name));
	story__record(&world->story, &unended.header, 1);
	story__tell(&world->story, world->model);

	assert_int_equal(model__stack(world->model, 7, &frames), 2);
	assert_memory_equal(frames, addresses, sizeof(addresses));
	assert_int_equal(model__stack(world->model, 8, &frames), EVENT_STACK_DEPTH);
	assert_int_equal(model__stack(world->model, 9, &frames), 0);
	assert_int_equal(model__stack(world->model, -1, &frames), 0);
	assert_string_equal(model__symbol(world->model, 0xffff1000), "vfs_write+0x1f");
	assert_string_equal(model__symbol(world->model, 0xffff2000), "xfs_file_write+0x20 [xfs]");
	assert_int_equal(strlen(model__symbol(world->model, 0xffff3000)), 128 + 3 + 16);
	assert_null(model__symbol(world->model, 0xffff4000));
}

static void test_history(void **state)
{
	struct model_options options = { .history = 16 };
	struct world *world = *state;
	const struct model_event *event;
	__u64 newest;
	int i;

	world__remake(world, &options);
	story__fault_write(&world->mapper, &world->file, 3);
	story__tell(&world->story, world->model);
	newest = model__newest_event(world->model);
	assert_int_equal(newest, 3);
	event = model__event(world->model, newest);
	assert_int_equal(event->type, EVENT_EXIT);
	assert_int_equal(event->operation, OPERATION_FAULT);
	assert_int_equal(event->first, 3);
	assert_int_equal(event->last, 3);
	event = model__event(world->model, event->previous);
	assert_int_equal(event->type, EVENT_ENTRY_INSERT);
	assert_int_equal(event->flags, ENTRY_WRITE | ENTRY_DIRTY);
	event = model__event(world->model, event->previous);
	assert_int_equal(event->type, EVENT_ENTER);
	assert_int_equal(event->previous, 0);
	assert_null(model__event(world->model, 0));
	assert_null(model__event(world->model, newest + 1));
	/* It holds so many, and the oldest go first. */
	for (i = 0; i < 10; i++)
		story__fault_write(&world->mapper, &world->file, i);
	story__tell(&world->story, world->model);
	newest = model__newest_event(world->model);
	assert_int_equal(newest, 33);
	assert_null(model__event(world->model, newest - 16));
	assert_non_null(model__event(world->model, newest - 15));
}

static void test_records_of_unknown_type_are_skipped(void **state)
{
	struct world *world = *state;
	struct event_header header = { .type = EVENT_TYPE_COUNT + 5, .size = sizeof(header) };

	story__tell(&world->story, world->model);
	assert_int_equal(model__records(world->model), 3);
	story__record(&world->story, &header, 1);
	story__fault_write(&world->mapper, &world->file, 3);
	assert_state(world, 3, ENTRY_MODIFIED);
	assert_int_equal(model__records(world->model), 7);
	assert_no_loss(world);
}

static void test_operation_names(void **state)
{
	int operation;

	(void)state;
	for (operation = 1; operation < OPERATION_COUNT; operation++)
		assert_string_not_equal(operation_name(operation), "?");
	assert_string_equal(operation_name(OPERATION_NONE), "?");
	assert_string_equal(operation_name(OPERATION_COUNT), "?");
	assert_string_equal(operation_name(-1), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD_TEST(test_evict_forgets),
		WORLD_TEST(test_evict_ends_what_is_open_elsewhere),
		WORLD_TEST(test_generations_are_different_inodes),
		WORLD_TEST(test_devices_are_different_inodes),
		WORLD_TEST(test_superblock_again_forgets_its_inodes),
		WORLD_TEST(test_superblock_after_its_first_inode),
		WORLD_TEST(test_loss_makes_unknown),
		WORLD_TEST(test_gap_makes_unknown),
		WORLD_TEST(test_deletes_of_unknown_entries_are_silent),
		WORLD_TEST(test_removal_after_loss_is_unknown),
		WORLD_TEST(test_write_fault_after_loss_is_known_anew),
		WORLD_TEST(test_map_sync_fault_after_loss_is_known_anew),
		WORLD_TEST(test_read_fault_after_loss_is_unknown),
		WORLD_TEST(test_write_back_after_loss_is_known_clean),
		WORLD_TEST(test_flush_before_loss_does_not_count),
		WORLD_TEST(test_fault_pending_over_loss),
		WORLD_TEST(test_losses_add_up_without_overflow),
		WORLD_TEST(test_gap_of_nothing_is_no_loss),
		WORLD_TEST(test_entries_beyond_the_limit_are_counted),
		WORLD_TEST(test_more_tasks_than_there_is_room_for),
		WORLD_TEST(test_busy_tasks_stay),
		WORLD_TEST(test_more_inodes_than_there_is_room_for),
		WORLD_TEST(test_more_lock_sets_than_there_is_room_for),
		WORLD_TEST(test_lock_sets_that_nobody_refers_to),
		WORLD_TEST(test_names),
		WORLD_TEST(test_stacks_and_symbols),
		WORLD_TEST(test_history),
		WORLD_TEST(test_records_of_unknown_type_are_skipped),
		WORLD_TEST(test_operation_names),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
