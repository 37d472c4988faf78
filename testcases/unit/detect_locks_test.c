// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DX13, DX14, DX18, DX19: what is a finding, of what name, and what is none. */
#include "testcases/unit/detect_world.h"
#include "testcases/unit/story_locks.h"

#define W LOCK_MODE_WRITE
#define R LOCK_MODE_READ

enum { I_RWSEM = 1, MMAP_LOCK, INVALIDATE_LOCK, HANDLE, WRITEBACK, DIRECTORY, OF_XFS };

static void tell_classes(struct scene *scene)
{
	struct story *story = &scene->story;

	story__lock_class(story, I_RWSEM, LOCK_RWSEM, "inode.i_rwsem", "ext4", 0);
	story__lock_class(story, MMAP_LOCK, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(story, INVALIDATE_LOCK, LOCK_RWSEM, "address_space.invalidate_lock",
			  "ext4", 0);
	story__lock_class(story, HANDLE, LOCK_HANDLE, "jbd2_handle", "ext4", 0);
	story__lock_class(story, WRITEBACK, LOCK_WRITEBACK, "writeback", "ext4", 0);
	story__lock_class(story, DIRECTORY, LOCK_RWSEM, "inode.i_rwsem", "ext4",
			  LOCK_CLASS_DIRECTORY);
	story__lock_class(story, OF_XFS, LOCK_RWSEM, "address_space.invalidate_lock", "xfs", 0);
}

/* Two tasks, one after the other: nothing was blocked, and it is a deadlock all the same. */
static void test_inversion_of_tasks_that_never_met(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	tell_classes(scene);
	story__lock_edge(&scene->mapper, I_RWSEM, W, INVALIDATE_LOCK, W, 0);
	scene->story.time += 3600000000000ULL;
	story__lock_edge(&scene->writer, INVALIDATE_LOCK, W, I_RWSEM, W, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_LOCK_ORDER);
	assert_string_equal(finding->certainty, "predicted");
	assert_string_equal(finding->fstype, "ext4");
	assert_contains(finding->summary, "address_space.invalidate_lock (ext4) -> "
			"inode.i_rwsem (ext4) -> address_space.invalidate_lock (ext4)");
	assert_int_equal(finding->actor_count, 2);
	assert_int_equal(scene->found, 1);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
}

/* Whichever order came last, the cycle is the same. */
static void test_fingerprint_does_not_depend_on_who_was_last(void **state)
{
	struct scene *scene = *state;
	__u64 fingerprint;

	tell_classes(scene);
	story__lock_edge(&scene->mapper, I_RWSEM, W, MMAP_LOCK, R, 0);
	story__lock_edge(&scene->writer, MMAP_LOCK, R, INVALIDATE_LOCK, R, 0);
	story__lock_edge(&scene->writer, INVALIDATE_LOCK, R, I_RWSEM, W, 0);
	fingerprint = findings(scene, 1)->key.fingerprint;
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	story__lock_edge(&scene->writer, INVALIDATE_LOCK, W, I_RWSEM, W, 0);
	story__lock_edge(&scene->mapper, I_RWSEM, W, MMAP_LOCK, W, 0);
	story__lock_edge(&scene->writer, MMAP_LOCK, W, INVALIDATE_LOCK, W, 0);
	assert_int_equal(findings(scene, 1)->key.fingerprint, fingerprint);
}

/* Another task holds it for reading as well: believed once nothing was missed. */
static void test_unsure_edge_waits_for_the_end(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_edge(&scene->mapper, I_RWSEM, R, INVALIDATE_LOCK, W, LOCK_EDGE_UNSURE);
	story__lock_edge(&scene->writer, INVALIDATE_LOCK, W, I_RWSEM, W, 0);
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	story__locks_end(&scene->story, 0, 0);
	assert_int_equal(findings(scene, 1)->rule, RULE_LOCK_ORDER);
	/* The same, but a release may have been missed. */
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	story__lock_edge(&scene->mapper, I_RWSEM, R, INVALIDATE_LOCK, W, LOCK_EDGE_UNSURE);
	story__lock_edge(&scene->writer, INVALIDATE_LOCK, W, I_RWSEM, W, 0);
	story__locks_end(&scene->story, 0, 1);
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	/* Until the same edge is seen for certain. */
	story__lock_edge(&scene->mapper, I_RWSEM, R, INVALIDATE_LOCK, W, 0);
	findings(scene, 1);
}

static void test_nesting_is_silent(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_edge(&scene->writer, DIRECTORY, W, DIRECTORY, W, 0);
	story__lock_edge(&scene->writer, DIRECTORY, W, I_RWSEM, W, 0);
	story__lock_edge(&scene->mapper, INVALIDATE_LOCK, W, OF_XFS, W, 0);
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

static void test_self_deadlock(void **state)
{
	static const struct {
		enum lock_mode from, to;
		const char *certainty;
	} cases[] = {
		{ W, W, "observed" }, { W, R, "observed" }, { R, W, "observed" },
		{ R, R, "predicted" },
	};
	struct scene *scene = *state;
	const struct finding *finding;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		scene__remake(scene, RULES_ALL, 0);
		tell_classes(scene);
		story__lock_edge(&scene->writer, I_RWSEM, cases[i].from, I_RWSEM, cases[i].to,
				 LOCK_EDGE_SAME);
		finding = findings(scene, 1);
		assert_int_equal(finding->rule, RULE_SELF_DEADLOCK);
		assert_string_equal(finding->certainty, cases[i].certainty);
	}
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	story__lock_edge(&scene->writer, I_RWSEM, R, I_RWSEM, LOCK_MODE_READ_RECURSIVE,
			 LOCK_EDGE_SAME);
	findings(scene, 0);
}

/* The commit that a task waits for with its own handle open. */
static void test_wait_for_own_commit(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_edge(&scene->writer, HANDLE, R, HANDLE, W, LOCK_EDGE_SAME);
	assert_int_equal(findings(scene, 1)->rule, RULE_SELF_DEADLOCK);
}

static void test_leak(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	tell_classes(scene);
	story__lock_leak(&scene->writer, HANDLE, R);
	story__lock_leak(&scene->writer, HANDLE, R);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_LOCK_LEAK);
	assert_int_equal(finding->occurrences, 2);
	assert_contains(finding->summary, "ended with jbd2_handle (ext4) held (read)");
}

/* Whatever is taken can leak; a leak is one of them, and not one more. */
static void test_leak_coverage(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_leak(&scene->writer, HANDLE, R);
	findings(scene, 1);
	assert_coverage(scene, RULE_LOCK_LEAK, 0, 0, 0);
	story__lock_waits(&scene->story, HANDLE, 0, 0);
	assert_coverage(scene, RULE_LOCK_LEAK, 1000, 1000, 0);
}

static void test_sync_in_handle(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_edge(&scene->writer, HANDLE, R, WRITEBACK, W, 0);
	assert_int_equal(findings(scene, 1)->rule, RULE_SYNC_IN_HANDLE);
	assert_contains(findings(scene, 1)->summary, "began writeback with a journal handle open");
}

static void test_ranks(void **state)
{
	static const char text[] = "daxtrace-ranks 1\nfilesystem ext4\ninode.i_rwsem\n"
				   "mm_struct.mmap_lock\njbd2_handle\n";
	struct scene *scene = *state;
	struct detector_options options = { .rules = RULES_ALL };
	char error[RANKS_ERROR_LENGTH];
	const struct finding *finding;
	struct detector *detector;

	tell_classes(scene);
	story__lock_edge(&scene->writer, I_RWSEM, W, MMAP_LOCK, R, 0);
	story__lock_edge(&scene->writer, I_RWSEM, W, HANDLE, R, 0);
	findings(scene, 0);
	story__lock_edge(&scene->writer, HANDLE, R, MMAP_LOCK, R, 0);
	/* No cycle: a handle and mmap_lock in one order. Against the ranks all the same. */
	findings(scene, 0);
	assert_true(ranks__parse(&options.ranks, "ext4.ranks", text, strlen(text), error));
	detector = detector__new(&options);
	scene->story.told = 0;
	story__tell(&scene->story, detector__model(detector));
	assert_int_equal(detector__finding_count(detector), 1);
	finding = detector__findings(detector);
	assert_int_equal(finding->rule, RULE_SYNC_IN_HANDLE);
	assert_int_equal(finding->violation.from_line, 5);
	assert_int_equal(finding->violation.to_line, 4);
	detector__free(detector);
	ranks__free(options.ranks);
}

/* An edge that is missing may be the one. */
static void test_what_is_lost_is_no_clean_verdict(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	story__lock_edge(&scene->writer, I_RWSEM, W, MMAP_LOCK, R, 0);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	story__locks_end(&scene->story, 1, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	scene__remake(scene, RULES_ALL, 0);
	/* Of a class that the stream never told of. */
	story__lock_edge(&scene->writer, 77, W, 78, R, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	findings(scene, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_inversion_of_tasks_that_never_met),
		SCENE_TEST(test_fingerprint_does_not_depend_on_who_was_last),
		SCENE_TEST(test_unsure_edge_waits_for_the_end),
		SCENE_TEST(test_nesting_is_silent),
		SCENE_TEST(test_self_deadlock),
		SCENE_TEST(test_wait_for_own_commit),
		SCENE_TEST(test_leak),
		SCENE_TEST(test_leak_coverage),
		SCENE_TEST(test_sync_in_handle),
		SCENE_TEST(test_ranks),
		SCENE_TEST(test_what_is_lost_is_no_clean_verdict),
	};

	return cmocka_run_group_tests_name("detect_locks", tests, NULL, NULL);
}
