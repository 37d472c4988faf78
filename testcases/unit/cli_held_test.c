// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the tasks of a race held, as a user sees it. */
#include "testcases/unit/program.h"
#include "testcases/unit/story_locks.h"

#define W LOCK_MODE_WRITE
#define R LOCK_MODE_READ

enum { I_RWSEM = 1, MMAP_LOCK, INVALIDATE_LOCK };

#define HELD(class_, mode_) { .lock = 0xffff888000100000ULL + 0x100 * (class_), \
	.class = (class_), .mode = (mode_), .type = LOCK_RWSEM }

static const struct story_recording all_locks = { .locks = "all" };
static const struct event_lock_held fault[] = { HELD(MMAP_LOCK, R) };
static const struct event_lock_held right_fault[] = { HELD(MMAP_LOCK, R), HELD(INVALIDATE_LOCK, R) };
static const struct event_lock_held change[] = { HELD(I_RWSEM, W), HELD(INVALIDATE_LOCK, W) };

static const struct event_lock_held many[LOCK_SET_MAX + 1] = { HELD(I_RWSEM, W) };

struct sets {
	const struct event_lock_held *fault, *invalidate;
	__u32 fault_count, invalidate_count;
	__u64 missed;
	bool stale;		/* the invalidation's set was told before an earlier one */
};

/* A write fault makes an entry dirty, a write(2) removes it; NULL: a set is not told. */
static const char *recorded_as(const char *name, const struct sets *sets,
			       const struct story_recording *recording)
{
	struct story story;
	struct story_task mapper, writer;
	struct story_file file = story__file(story_numbers.dev, story_numbers.ino, 1);

	story__init(&story, NULL);
	story__superblock(&story, story_numbers.dev, "refdax");
	story__lock_class(&story, I_RWSEM, LOCK_RWSEM, "inode.i_rwsem", "refdax", 0);
	story__lock_class(&story, MMAP_LOCK, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(&story, INVALIDATE_LOCK, LOCK_RWSEM, "address_space.invalidate_lock",
			  "refdax", 0);
	mapper = story__task(&story, "mapper");
	writer = story__task(&story, "writer");
	if (sets->fault)
		story__lock_set(&mapper, &file, LOCK_PLACE_FAULT, sets->fault, sets->fault_count);
	/* What it holds there is not what it holds at the invalidation. */
	story__lock_set(&writer, &file, LOCK_PLACE_RW, change, 1);
	story__write_begins(&writer, &file, 4, 1);
	story__fault_write(&mapper, &file, 4);
	if (sets->invalidate)
		story__lock_set(&writer, &file, LOCK_PLACE_INVALIDATE, sets->invalidate,
				sets->invalidate_count);
	if (sets->stale) {
		story__enter(&writer, &file, &(struct story_operation) {
			.operation = OPERATION_INVALIDATE, .first = 9, .last = 9, .stack = -1,
		});
		story__invalidate_ends(&writer, &file);
	}
	story__enter(&writer, &file, &(struct story_operation) {
		.operation = OPERATION_INVALIDATE, .first = 4, .last = 4, .stack = -1,
	});
	story__unmap(&writer, &file, 4, 4);
	story__delete(&writer, &file, 4, 0);
	story__invalidate_ends(&writer, &file);
	story__write_ends(&writer, &file, 1);
	story__locks_end(&story, 0, sets->missed);
	return save_story(&story, name, recording);
}

static const char *trace_of(const char *name, const struct sets *sets)
{
	return recorded_as(name, sets, &all_locks);
}

static void test_nothing_in_common(void **state)
{
	const struct sets sets = { fault, change, 1, 2, 0, false };
	const struct outcome_of_run *outcome = run("report", trace_of("held.dxt", &sets), NULL);

	(void)state;
	assert_int_equal(outcome->status, FINDINGS);
	assert_fits(outcome->out);
	assert_contains(outcome->out,
			"\n  What they held\n"
			"    mapper[100], as the fault began: mm_struct.mmap_lock (shared)\n"
			"    writer[101], as it began to invalidate: inode.i_rwsem,\n"
			"    address_space.invalidate_lock\n"
			"    No lock in common keeps one out while the other is at it (the entry's own\n"
			"    lock is not told of).\n");
	assert_null(strstr(outcome->out, "There may be more"));
}

static void test_common_lock(void **state)
{
	const struct sets sets = { right_fault, change, 2, 2, 0, false };
	const struct outcome_of_run *outcome = run("report", trace_of("common.dxt", &sets), NULL);

	(void)state;
	assert_contains(outcome->out, "    In common: address_space.invalidate_lock, which keeps one out "
			"while the\n    other has it.\n");
}

static void test_nothing_held(void **state)
{
	const struct sets sets = { fault, change, 1, 0, 0, false };
	const struct outcome_of_run *outcome = run("report", trace_of("none.dxt", &sets), NULL);

	(void)state;
	assert_contains(outcome->out, "    writer[101], as it began to invalidate: nothing\n"
			"    No lock in common");
}

/* Of one it is not known, or of neither; or a lock may have been left out. */
static void test_not_known(void **state)
{
	const struct sets one = { fault, NULL, 1, 0, 0, false }, neither = { NULL, NULL, 0, 0, 0, false };
	const struct sets missed = { fault, change, 1, 2, 3, false };
	const struct sets not_whole = { fault, many, 1, LOCK_SET_MAX + 1, 0, false };
	const struct sets stale = { fault, change, 1, 2, 0, true };
	const struct outcome_of_run *outcome = run("report", trace_of("one.dxt", &one), NULL);

	(void)state;
	assert_contains(outcome->out, "    writer[101]: not known\n");
	assert_null(strstr(outcome->out, "in common"));
	outcome = run("report", trace_of("whole.dxt", &not_whole), NULL);
	assert_contains(outcome->out, "    writer[101]: not known\n");
	outcome = run("report", trace_of("stale.dxt", &stale), NULL);
	assert_contains(outcome->out, "    writer[101]: not known\n");
	outcome = run("report", trace_of("neither.dxt", &neither), NULL);
	assert_null(strstr(outcome->out, "What they held"));
	outcome = run("report", trace_of("missed.dxt", &missed), NULL);
	assert_contains(outcome->out, "    There may be more: programs that follow locks");
	assert_null(strstr(outcome->out, "in common"));
}

static void test_json(void **state)
{
	const struct sets sets = { fault, change, 1, 2, 0, false }, common = { right_fault, change, 2, 2, 0, false };
	const struct sets one = { fault, NULL, 1, 0, 0, false };
	const struct outcome_of_run *outcome = run("report", "-j", trace_of("json.dxt", &sets), NULL);

	(void)state;
	assert_contains(outcome->out,
			"\"held_at\":\"invalidate_inode_pages2_range\",\"held\":["
			"{\"class\":\"inode.i_rwsem\",\"mode\":\"write\"},"
			"{\"class\":\"address_space.invalidate_lock\",\"mode\":\"write\"}]");
	assert_contains(outcome->out, "\"common_lock\":null");
	outcome = run("report", "-j", trace_of("json2.dxt", &common), NULL);
	assert_contains(outcome->out, "\"common_lock\":\"address_space.invalidate_lock\"");
	outcome = run("report", "-j", trace_of("json3.dxt", &one), NULL);
	assert_null(strstr(outcome->out, "common_lock"));
}

static const struct story_recording sampled = { .locks = "sampled" };

/* Of what is predicted its schedule says it; of sampled locks nothing is believed. */
static void test_only_what_is_whole(void **state)
{
	const struct sets sets = { fault, change, 1, 2, 0, false };
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("report", "-j", "testcases/races/shift_flush_unlocked/calm-on.dxt", NULL);
	assert_contains(outcome->out, "\"certainty\":\"predicted\"");
	assert_null(strstr(outcome->out, "common_lock"));
	assert_null(strstr(outcome->out, "held_at"));
	outcome = run("report", recorded_as("sampled.dxt", &sets, &sampled), NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_null(strstr(outcome->out, "What they held"));
	assert_contains(outcome->out, "Locks were followed for a part of the time: an order");
	outcome = run("report", trace_of("all.dxt", &sets), NULL);
	assert_null(strstr(outcome->out, "race is predicted"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_in_common),
		cmocka_unit_test(test_common_lock),
		cmocka_unit_test(test_nothing_held),
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_only_what_is_whole),
	};

	return cmocka_run_group_tests_name("cli_held", tests, NULL, NULL);
}
