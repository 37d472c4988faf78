// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A day of tasks, files, mappings, stacks and sets of locks that have never been there
 * before: what the model and the rules take does not grow with it, and what they have
 * no room for is told.
 */
#include "testcases/unit/unit.h"

#include "detect/detect.h"
#include "testcases/unit/story_locks.h"

/* Of <sanitizer/allocator_interface.h>, which not every compiler brings: bytes. */
size_t __sanitizer_get_current_allocated_bytes(void);

#define HOUR		3600000000000ULL	/* ns */
#define DEV		(259U << 20)

/* More than there are tasks and stacks that are remembered, and sets of locks with it. */
#define LIVES		70000
/* Of a loss of each: rooms, and those that want it. */
#define ROOM		5000
#define MANY		12000
/* Tables of a hash double when chance will have it: a few bytes for each life at most. */
#define MARGIN(lives)	((ssize_t)(lives) * 60)

struct day {
	struct story story;
	struct detector *detector;
	struct story_task task;		/* who does all if nothing is released */
	__u64 lives;
};

static void begin(struct day *day, const struct model_options *options)
{
	struct detector_options detector = { .rules = RULES_DEFAULT, .model = *options };

	memset(day, 0, sizeof(*day));
	story__init(&day->story, NULL);
	day->detector = detector__new(&detector);
	assert_non_null(day->detector);
	story__superblock(&day->story, DEV, "refdax");
	day->task = story__task(&day->story, "all");
	story__lock_class(&day->story, 1, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(&day->story, 2, LOCK_RWSEM, "address_space.invalidate_lock", "refdax", 0);
}

static void end(struct day *day)
{
	detector__free(day->detector);
	story__free(&day->story);
}

/* Drop what was told, so that a day needs no room. */
static void tell(struct day *day)
{
	story__tell(&day->story, detector__model(day->detector));
	bytes__free(&day->story.records);
	day->story.told = 0;
}

/* Locks of this process and of this inode, which no other life has. */
static void hold(const struct day *day, const struct story_task *task,
		 const struct story_file *file, enum lock_place place, __u32 mode)
{
	struct event_lock_held held[] = {
		{ .lock = 0xffff888000000000ULL + day->lives * 2, .class = 1, .type = LOCK_RWSEM,
		  .mode = LOCK_MODE_READ },
		{ .lock = 0xffff888000000001ULL + day->lives * 2, .class = 2, .type = LOCK_RWSEM,
		  .mode = mode },
	};

	story__lock_set(task, file, place, held, place == LOCK_PLACE_MAP ? 1 : 2);
}

/* A process maps a file of its own, stores to it, syncs it, and ends; the file goes if released. */
static void live(struct day *day, bool released)
{
	__u64 number = ++day->lives, vma = 0xffff900000000000ULL + number * 256;
	struct story_file file = story__file(DEV, 100 + number, 7);
	struct story_task task = released ? story__task(&day->story, "one") : day->task;
	__u64 address = 0xffffffff81000000ULL + number;

	if (released)
		story__stack(&day->story, number, &address, 1);
	hold(day, &task, &file, LOCK_PLACE_MAP, LOCK_MODE_READ);
	story__map(&task, &file, vma, 0, 9);
	hold(day, &task, &file, LOCK_PLACE_FAULT, LOCK_MODE_READ);
	story__fault_write_by(&task, &file, vma, 4);
	story__fsync_begins(&task, &file);
	story__mkclean_vma(&task, &file, vma, 4, 4);
	story__flush(&task, &file, 4, 1);
	story__tag_cleared(&task, &file, 4, 4);
	story__fsync_ends(&task, &file, 0);
	hold(day, &task, &file, LOCK_PLACE_TRUNCATE, LOCK_MODE_WRITE);
	/* The same place, and what was held there before is forgotten. */
	hold(day, &task, &file, LOCK_PLACE_FAULT, LOCK_MODE_READ_RECURSIVE);
	story__lock_edge(&task, 1, LOCK_MODE_READ, 2, LOCK_MODE_READ, 0);
	if (released) {
		story__unmap_vma(&task, &file, vma, 0, 9);
		story__evict_begins(&task, &file, 1);
		story__delete(&task, &file, 4, 0);
		story__ends(&task, &file, OPERATION_EVICT);
	}
	tell(day);
}

/* A day; how much more memory is taken at its end than after its first hour. */
static ssize_t spend(struct day *day, size_t lives, bool released)
{
	__u64 begun = day->story.time;
	size_t i, taken;

	for (i = 0; i < lives; i++) {
		day->story.time = begun + i * (HOUR / lives);
		live(day, released);
	}
	taken = __sanitizer_get_current_allocated_bytes();
	for (i = 0; i < lives; i++) {
		day->story.time = begun + HOUR + i * (23 * HOUR / lives);
		live(day, released);
	}
	assert_true(day->story.time - begun > 24 * HOUR - HOUR / 100);
	return __sanitizer_get_current_allocated_bytes() - taken;
}

/* All is released, if only by not being heard of any more: nothing is lost. */
static void test_what_goes_makes_room(void **state)
{
	static const struct model_options options;
	const struct model_loss *loss;
	struct day day;
	ssize_t growth;

	(void)state;
	begin(&day, &options);
	growth = spend(&day, LIVES, true);
	loss = model__loss(detector__model(day.detector));
	assert_int_equal(loss->records, 0);
	assert_int_equal(loss->capacity, 0);
	assert_int_equal(detector__finding_count(day.detector), 0);
	assert_int_equal(detector__verdict(day.detector, false, 0), VERDICT_CLEAN);
	if (growth > MARGIN(LIVES))
		fail_msg("%zd bytes more after a day than after an hour", growth);
	end(&day);
}

/* Nothing is: what finds no room is a loss, of each kind. */
static void test_what_stays_is_told_as_a_loss(void **state)
{
	static const struct model_options cases[] = {
		{ .max_inodes = ROOM },
		{ .max_entries = ROOM, .max_inodes = 2 * ROOM },
		{ .max_mappings = ROOM, .max_inodes = 2 * ROOM },
		{ .max_lock_sets = ROOM, .max_inodes = 2 * ROOM },
	};
	const struct model_loss *loss;
	struct day day;
	ssize_t growth;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(&day, &cases[i]);
		growth = spend(&day, MANY, false);
		loss = model__loss(detector__model(day.detector));
		assert_int_equal(loss->records, 0);
		assert_true(loss->capacity >= MANY);
		assert_int_equal(detector__finding_count(day.detector), 0);
		assert_int_equal(detector__verdict(day.detector, false, 0), VERDICT_INCONCLUSIVE);
		if (growth > MARGIN(MANY))
			fail_msg("%zd bytes more after a day than after an hour", growth);
		end(&day);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_makes_room),
		cmocka_unit_test(test_what_stays_is_told_as_a_loss),
	};

	return cmocka_run_group_tests_name("endless", tests, NULL, NULL);
}
