// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is predicted from the locks of two operations that never met, and what is not. */
#include "testcases/unit/detect_world.h"
#include "testcases/unit/story_locks.h"

#define W LOCK_MODE_WRITE
#define R LOCK_MODE_READ
#define PAGE		4096ULL
#define PUNCH		0x03	/* PUNCH_HOLE | KEEP_SIZE */
#define COLLAPSE	0x08
#define VMA		0xffff888000001000ULL

enum { I_RWSEM = 1, MMAP_LOCK, INVALIDATE_LOCK, PERCPU };

#define HELD(class_, mode_) { .lock = 0xffff888000100000ULL + 0x100 * (class_), \
	.class = (class_), .mode = (mode_), .type = LOCK_RWSEM }

static const struct event_lock_held fault_right[] = { HELD(MMAP_LOCK, R), HELD(INVALIDATE_LOCK, R) };
static const struct event_lock_held fault_wrong[] = { HELD(MMAP_LOCK, R) };
static const struct event_lock_held change_right[] = { HELD(I_RWSEM, W), HELD(INVALIDATE_LOCK, W) };
static const struct event_lock_held change_wrong[] = { HELD(I_RWSEM, W) };
static const struct event_lock_held freeze[] = {
	HELD(I_RWSEM, W), { .lock = 0xffff888000200000ULL, .class = PERCPU, .type = LOCK_PERCPU_RWSEM },
};

static void tell_classes(struct scene *scene)
{
	struct story *story = &scene->story;

	story__lock_class(story, I_RWSEM, LOCK_RWSEM, "inode.i_rwsem", "refdax", 0);
	story__lock_class(story, MMAP_LOCK, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(story, INVALIDATE_LOCK, LOCK_RWSEM, "address_space.invalidate_lock",
			  "refdax", 0);
	story__lock_class(story, PERCPU, LOCK_PERCPU_RWSEM, "s_writepages_rwsem", "refdax", 0);
}

#define SET(task, place, held) \
	story__lock_set(&scene->task, &scene->file, place, held, sizeof(held) / sizeof(*(held)))

/* All programs ran, and still there is nothing to say. */
static void silent(struct scene *scene)
{
	story__locks_end(&scene->story, 0, 0);
	assert_silent(scene);
}

static const struct finding *the_prediction(struct scene *scene, enum rule_index rule, __u64 index)
{
	const struct finding *finding;

	/* Not before it is known that all programs ran. */
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	story__locks_end(&scene->story, 0, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, rule);
	assert_string_equal(finding->certainty, "predicted");
	assert_int_equal(finding->index, index);
	assert_int_equal(finding->actor_count, 2);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
	assert_int_equal(finding->moment, -1);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
	return finding;
}

/* A punch, long after the fault; nothing of it overlaps. */
static void punch(struct scene *scene)
{
	story__fault_write(&scene->mapper, &scene->file, 4);
	scene->story.time += 60000000000ULL;
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
}

static void test_punch_against_fault(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, change_wrong);
	punch(scene);
	finding = the_prediction(scene, RULE_FAULT_MAPS_FREED, 4);
	assert_contains(finding->schedule, "no lock in common");
	assert_contains(finding->schedule, "address_space.invalidate_lock (shared)");
	assert_contains(finding->schedule, "the fallocate holds inode.i_rwsem:");
	/* The other way round: it is the fault that lacks the lock. */
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_wrong);
	SET(writer, LOCK_PLACE_TRUNCATE, change_right);
	punch(scene);
	the_prediction(scene, RULE_FAULT_MAPS_FREED, 4);
}

/* A program could not run: the lock that would be in common may have been left out. */
static void test_missed_programs(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, change_wrong);
	punch(scene);
	story__locks_end(&scene->story, 0, 1);
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, RULE_FAULT_MAPS_FREED)->unknown, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
	/* That it has happened once is enough. */
	punch(scene);
	story__locks_end(&scene->story, 0, 0);
	findings(scene, 0);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* A lock in common; or it is not known what is held, as a whole or of a percpu_rw_semaphore. */
static void test_excluded_or_unknown_is_silent(void **state)
{
	static const struct event_lock_held many[LOCK_SET_MAX] = { HELD(I_RWSEM, W) };
	struct scene *scene = *state;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, change_right);
	punch(scene);
	silent(scene);
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	punch(scene);
	silent(scene);
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, freeze);
	punch(scene);
	silent(scene);
	/* More than can be told. */
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	story__lock_set(&scene->writer, &scene->file, LOCK_PLACE_TRUNCATE, many,
			LOCK_SET_MAX + 1);
	punch(scene);
	silent(scene);
	/* Told before a loss: what has been held since is not known. */
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, change_wrong);
	story__lose(&scene->story, 1);
	punch(scene);
	story__locks_end(&scene->story, 0, 0);
	findings(scene, 0);
}

/* Another inode's lock of the same class keeps nobody apart. */
static void test_locks_of_two_inodes(void **state)
{
	struct event_lock_held others[] = { HELD(I_RWSEM, W), HELD(INVALIDATE_LOCK, W) };
	struct scene *scene = *state;

	others[1].lock += 0x10000;
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_TRUNCATE, others);
	punch(scene);
	the_prediction(scene, RULE_FAULT_MAPS_FREED, 4);
}

static void collapse(struct scene *scene)
{
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fallocate_begins(&scene->writer, &scene->file, COLLAPSE, 0, 0);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEBACK, .last = INDEX_MAX });
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_WRITEBACK);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
}

/* The removal is excluded from faults, the flush before it is not; or the lock is let go between. */
static void test_flush_against_store(void **state)
{
	struct event_lock_held again[] = { HELD(I_RWSEM, W), HELD(INVALIDATE_LOCK, W) };
	struct scene *scene = *state;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_FLUSH, change_wrong);
	SET(writer, LOCK_PLACE_TRUNCATE, change_right);
	collapse(scene);
	the_prediction(scene, RULE_DROPPED_WRITE, 4);
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_FLUSH, change_right);
	SET(writer, LOCK_PLACE_TRUNCATE, change_right);
	collapse(scene);
	silent(scene);
	again[0].taking = 0;
	again[1].taking = 7;
	scene__remake(scene, RULES_ALL, 0);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_FLUSH, change_right);
	SET(writer, LOCK_PLACE_TRUNCATE, again);
	collapse(scene);
	assert_contains(the_prediction(scene, RULE_DROPPED_WRITE, 4)->schedule, "lets go between");
}

/* late: it invalidates once more, as it must. told: where blocks were there, faults alone are told so. */
static void write_over_hole(struct scene *scene, bool told, bool late)
{
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__unmap(&scene->writer, &scene->file, 4, 4);
	story__invalidate_ends(&scene->writer, &scene->file);
	if (told)
		story__iomap(&scene->writer, &scene->file, 4, PAGE, IOMAP_TYPE_MAPPED, 0);
	if (late) {
		story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
		story__invalidate_ends(&scene->writer, &scene->file);
	}
	story__write_ends(&scene->writer, &scene->file, 1);
}

static void test_invalidation_before_allocation(void **state)
{
	struct scene *scene = *state;
	int told;

	for (told = 0; told < 2; told++) {
		scene__remake(scene, RULES_ALL, 0);
		tell_classes(scene);
		SET(mapper, LOCK_PLACE_FAULT, fault_right);
		SET(writer, LOCK_PLACE_RW, change_wrong);
		write_over_hole(scene, told, false);
		the_prediction(scene, RULE_STALE_MAPPING, 4);
		scene__remake(scene, RULES_ALL, 0);
		SET(mapper, LOCK_PLACE_FAULT, fault_right);
		SET(writer, LOCK_PLACE_RW, change_wrong);
		write_over_hole(scene, told, true);
		silent(scene);
		/* Faults are kept out of the whole write. */
		scene__remake(scene, RULES_ALL, 0);
		SET(mapper, LOCK_PLACE_FAULT, fault_right);
		SET(writer, LOCK_PLACE_RW, change_right);
		write_over_hole(scene, told, false);
		silent(scene);
	}
}

static void flip(struct scene *scene)
{
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read(&scene->mapper, &scene->file, 4);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FILEATTR, .last = INDEX_MAX });
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__mode(&scene->writer, &scene->file, MODE_DAX, MODE_MOMENT);
	story__ends(&scene->writer, &scene->file, OPERATION_FILEATTR);
}

static void test_flip_against_fault(void **state)
{
	struct scene *scene = *state;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_FLIP, change_wrong);
	flip(scene);
	the_prediction(scene, RULE_FLIP_UNSERIALISED, 4);
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_right);
	SET(writer, LOCK_PLACE_FLIP, change_right);
	flip(scene);
	silent(scene);
	/* A filesystem whose faults take no lock of its own keeps them out in another way. */
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_FAULT, fault_wrong);
	SET(writer, LOCK_PLACE_FLIP, change_wrong);
	flip(scene);
	silent(scene);
}

/* Writeback goes on as the old mode demands. held: by the flip. */
static void flip_in_writepages(struct scene *scene, const struct event_lock_held *held, __u32 count)
{
	tell_classes(scene);
	story__lock_set(&scene->mapper, &scene->file, LOCK_PLACE_WRITEPAGES, NULL, 0);
	story__enter(&scene->mapper, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEPAGES, .last = INDEX_MAX });
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FILEATTR, .last = INDEX_MAX });
	story__lock_set(&scene->writer, &scene->file, LOCK_PLACE_FLIP, held, count);
	story__mode(&scene->writer, &scene->file, MODE_DAX, MODE_MOMENT);
	story__ends(&scene->writer, &scene->file, OPERATION_FILEATTR);
	story__old_mode(&scene->mapper, &scene->file, OPERATION_WRITEBACK, 0);
	story__ends(&scene->mapper, &scene->file, OPERATION_WRITEPAGES);
}

static void test_flip_in_writepages(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	flip_in_writepages(scene, change_right, 2);
	story__locks_end(&scene->story, 0, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_FLIP_DURING_WRITEPAGES);
	assert_string_equal(finding->certainty, "observed");
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
	/* Readers of that lock are invisible: it may have waited. */
	scene__remake(scene, RULES_ALL, 0);
	flip_in_writepages(scene, freeze, 2);
	silent(scene);
}

/* mmap comes and goes; then the mode changes, from a writeback on with those locks. */
static void map_and_flip(struct scene *scene)
{
	story__map(&scene->mapper, &scene->file, VMA, 0, 3);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 3);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FILEATTR, .last = INDEX_MAX });
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEPAGES, .last = INDEX_MAX });
	story__ends(&scene->writer, &scene->file, OPERATION_WRITEPAGES);
	story__mode(&scene->writer, &scene->file, MODE_DAX, MODE_MOMENT);
	story__ends(&scene->writer, &scene->file, OPERATION_FILEATTR);
}

static void test_flip_against_mmap(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	tell_classes(scene);
	SET(mapper, LOCK_PLACE_MAP, fault_right);
	SET(writer, LOCK_PLACE_WRITEPAGES, change_wrong);
	map_and_flip(scene);
	finding = the_prediction(scene, RULE_FLIP_WHILE_MAPPED, 0);
	assert_contains(finding->schedule, "The mmap holds mm_struct.mmap_lock (shared), "
			"address_space.invalidate_lock (shared)");
	/* A lock in common. */
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_MAP, fault_right);
	SET(writer, LOCK_PLACE_WRITEPAGES, change_right);
	map_and_flip(scene);
	silent(scene);
	/* mmap takes none of the filesystem's: then it is counted otherwise. */
	scene__remake(scene, RULES_ALL, 0);
	tell_classes(scene);
	SET(mapper, LOCK_PLACE_MAP, fault_wrong);
	SET(writer, LOCK_PLACE_WRITEPAGES, change_wrong);
	map_and_flip(scene);
	silent(scene);
}

/* Page 5 was stored to and synced; page 1 may be dirty; a punch of it deletes both. */
static void punch_deletes(struct scene *scene, bool dirty, bool flushed, bool regardless)
{
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__mkclean(&scene->mapper, &scene->file, 5, 5);
	story__flush(&scene->mapper, &scene->file, 5, 1);
	story__tag_cleared(&scene->mapper, &scene->file, 5, 5);
	if (dirty)
		story__fault_write(&scene->mapper, &scene->file, 1);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 1, 1);
	if (flushed) {
		story__enter(&scene->writer, &scene->file, &(struct story_operation) {
			.operation = OPERATION_WRITEBACK, .first = 2, .last = 9 });
		story__ends(&scene->writer, &scene->file, OPERATION_WRITEBACK);
	}
	story__unmap(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete_regardless(&scene->writer, &scene->file, 1);
	if (regardless)
		story__delete_regardless(&scene->writer, &scene->file, 5);
	else
		story__delete(&scene->writer, &scene->file, 5, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
}

static void test_deletion_of_what_stays(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	/* It rests on no lock, and so waits for nothing. */
	punch_deletes(scene, true, false, true);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_LOST_DIRTY_ENTRY);
	assert_string_equal(finding->certainty, "predicted");
	assert_int_equal(finding->index, 5);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
	assert_contains(finding->schedule, "nothing written back before");
	/* Had it wanted to write back, there was nothing that it could be seen by. */
	scene__remake(scene, RULES_ALL, 0);
	punch_deletes(scene, false, false, true);
	assert_silent(scene);
	/* It may have, and have found nothing: what was dirty before a loss may be clean. */
	scene__remake(scene, RULES_ALL, 0);
	story__fault_write(&scene->mapper, &scene->file, 7);
	story__gap(&scene->story, 1);
	punch_deletes(scene, false, false, true);
	findings(scene, 0);
	/* It has. */
	scene__remake(scene, RULES_ALL, 0);
	punch_deletes(scene, true, true, true);
	assert_silent(scene);
	/* What deletes it would have spared it, had it been dirty. */
	scene__remake(scene, RULES_ALL, 0);
	punch_deletes(scene, true, false, false);
	assert_silent(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_punch_against_fault),
		SCENE_TEST(test_missed_programs),
		SCENE_TEST(test_excluded_or_unknown_is_silent),
		SCENE_TEST(test_locks_of_two_inodes),
		SCENE_TEST(test_flush_against_store),
		SCENE_TEST(test_invalidation_before_allocation),
		SCENE_TEST(test_flip_against_fault),
		SCENE_TEST(test_flip_in_writepages),
		SCENE_TEST(test_flip_against_mmap),
		SCENE_TEST(test_deletion_of_what_stays),
	};

	return cmocka_run_group_tests_name("detect_predict", tests, NULL, NULL);
}
