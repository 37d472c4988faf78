// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DX03 sync-missed-dirty: when it must fire, when it must not, what it then shows. */
#include "testcases/unit/detect_world.h"

#define DX03	RULE_SYNC_MISSED_DIRTY

static void test_missed_sync(void **state)
{
	struct finding finding = told_alone(story__missed_sync, &story_numbers);

	(void)state;
	assert_int_equal(finding.rule, DX03);
	assert_string_equal(finding.certainty, "observed");
	assert_int_equal(finding.key.inode.ino, 13);
	assert_int_equal(finding.index, 0);
	assert_int_equal(finding.pages, 1);
	assert_int_equal(finding.actor_count, 2);
	assert_string_equal(finding.actors[0].comm, "mapper");
	assert_string_equal(finding.actors[0].role, "write fault");
	assert_string_equal(finding.actors[1].comm, "syncer");
	assert_string_equal(finding.actors[1].role, "fsync");
	assert_string_equal(finding.summary,
		"fsync by syncer[101] returned success, but page 0 (pfn 0x10d000), dirtied by "
		"mapper[100] before it began, was not flushed");
	/* fault, insert, done; fsync, and its return, which is the moment */
	assert_int_equal(finding.event_count, 5);
	assert_int_equal(finding.moment, 4);
	assert_int_equal(finding.events[1].type, EVENT_ENTRY_INSERT);
	assert_int_equal(finding.events[3].type, EVENT_ENTER);
	assert_int_equal(finding.events[4].type, EVENT_EXIT);
	assert_int_equal(finding.events[4].operation, OPERATION_SYNC);
	assert_int_equal(finding.events[4].first, 0);
	assert_true(finding.events[4].last == INDEX_MAX);
}

static void test_own_fsync(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->mapper, &scene->file);
	story__fsync_ends(&scene->mapper, &scene->file, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, 4);
	assert_int_equal(finding->actor_count, 1);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
}

/* msync(2) of a range that has the page, among clean ones. */
static void test_range_that_covers(void **state)
{
	struct scene *scene = *state;
	__u64 index;

	for (index = 0; index < 64; index++)
		story__fault_write(&scene->mapper, &scene->file, index);
	story__fsync_range_begins(&scene->writer, &scene->file, 10, 12);
	story__write_back(&scene->writer, &scene->file, 10, 0);
	story__write_back(&scene->writer, &scene->file, 12, 0);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->index, 11);
	assert_int_equal(findings(scene, 1)->occurrences, 1);
}

static void test_all_of_the_range_count(void **state)
{
	struct scene *scene = *state;
	__u64 index;

	for (index = 0; index < 64; index++)
		story__fault_write(&scene->mapper, &scene->file, index);
	story__fsync_range_begins(&scene->writer, &scene->file, 10, 19);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->occurrences, 10);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->occurrences, 74);
}

static void test_huge_entry_counts_once(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	__u64 index;

	story__fault_write_huge(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	/* Both ways of looking: page by page, and over the inode's dirty entries. */
	story__fsync_range_begins(&scene->writer, &scene->file, STORY_HUGE_PAGES + 7,
				  STORY_HUGE_PAGES + 60);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, STORY_HUGE_PAGES);
	assert_int_equal(finding->pages, STORY_HUGE_PAGES);
	assert_int_equal(finding->occurrences, 1);
	for (index = 0; index < 100; index++)
		story__fault_write(&scene->mapper, &scene->file, index);
	story__fsync_range_begins(&scene->writer, &scene->file, STORY_HUGE_PAGES + 7,
				  STORY_HUGE_PAGES + 60);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->occurrences, 2);
	story__fsync_range_begins(&scene->writer, &scene->file, 99, STORY_HUGE_PAGES);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	/* And a small page, which is another finding. */
	finding = findings(scene, 2);
	assert_int_equal(finding->occurrences, 3);
	assert_int_equal(finding->next->occurrences, 1);
}

static void test_map_sync_page(void **state)
{
	struct scene *scene = *state;

	story__fault_sync(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->index, 4);
}

/* Written back before the store, which dirtied it again. */
static void test_dirtied_again(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	findings(scene, 1);
}

/* The tag goes, the flush was of another page's frames: as CVE-2023-53306, it is told. */
static void test_flush_of_other_frames(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__mkclean(&scene->writer, &scene->file, 4, 4);
	story__flush(&scene->writer, &scene->file, 5, 1);
	story__tag_cleared(&scene->writer, &scene->file, 4, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	finding = findings(scene, 1);
	assert_string_equal(finding->summary,
		"fsync by writer[101] returned success, but page 4 (pfn 0x10d004), dirtied by mapper[100] "
		"before it began, was not flushed: pfn 0x10d005 was flushed in its stead");
	assert_int_equal(finding->events[finding->moment - 1].type, EVENT_WRITEBACK_ONE);
	assert_int_equal(finding->events[finding->moment - 1].argument[1], 0x10d005);
	/* What another sync then misses, it has not flushed elsewhere. */
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	finding = findings(scene, 2)->next;
	assert_null(strstr(finding->summary, "stead"));
}

static void test_largest_index_there_is(void **state)
{
	struct scene *scene = *state;
	__u64 i;

	for (i = 0; i < 4; i++)
		story__fault_write(&scene->mapper, &scene->file, INDEX_MAX - i);
	story__fsync_range_begins(&scene->writer, &scene->file, INDEX_MAX - 1, INDEX_MAX);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 1)->occurrences, 2);
}

/* --- silent --------------------------------------------------------------- */

static void test_flushed_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write_huge(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__write_back(&scene->writer, &scene->file, STORY_HUGE_PAGES, STORY_HUGE_ORDER);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

static void test_dirtied_after_it_began_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fsync_begins(&scene->writer, &scene->file);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_dirtied_again_while_it_runs_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

/* Before the fault has returned nothing was stored. */
static void test_fault_under_way_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	story__insert(&scene->mapper, &scene->file, 4, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	/* And one whose fault ends while it runs. */
	story__fsync_begins(&scene->writer, &scene->file);
	story__fault_ends(&scene->mapper, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_flushed_by_another_fsync_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_begins(&scene->mapper, &scene->file);
	story__write_back(&scene->mapper, &scene->file, 4, 0);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	story__fsync_ends(&scene->mapper, &scene->file, 0);
	assert_silent(scene);
}

static void test_flushed_before_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_back(&scene->mapper, &scene->file, 4, 0);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_failed_fsync_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, -5);
	assert_silent(scene);
}

static void test_range_that_does_not_cover_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write_huge(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	story__fsync_range_begins(&scene->writer, &scene->file, 0, 3);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	story__fsync_range_begins(&scene->writer, &scene->file, 5, STORY_HUGE_PAGES - 1);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	story__fsync_range_begins(&scene->writer, &scene->file, 2 * STORY_HUGE_PAGES, INDEX_MAX);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_other_file_is_silent(void **state)
{
	struct scene *scene = *state;
	struct story_file other = story__file(259U << 20, 14, 7);

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &other);
	story__fsync_ends(&scene->writer, &other, 0);
	assert_silent(scene);
}

static void test_removed_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__setsize_begins(&scene->mapper, &scene->file, 40960, 0);
	story__delete(&scene->mapper, &scene->file, 4, 0);
	story__ends(&scene->mapper, &scene->file, OPERATION_SETSIZE);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_unknown_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_read(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_loss_before_fsync_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__gap(&scene->story, 1);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

static void mapper_writes_back(struct scene *scene)
{
	story__enter(&scene->mapper, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEBACK, .last = INDEX_MAX });
}

static void fsync_of_page(struct scene *scene, __u64 index)
{
	story__fsync_range_begins(&scene->writer, &scene->file, index, index);
	story__fsync_ends(&scene->writer, &scene->file, 0);
}

/* Another task's writeback has flushed the page, and is yet to clear the tag. */
static void test_flushed_by_another_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	mapper_writes_back(scene);
	story__mkclean(&scene->mapper, &scene->file, 4, 4);
	story__flush(&scene->mapper, &scene->file, 4, 1);
	fsync_of_page(scene, 4);
	story__tag_cleared(&scene->mapper, &scene->file, 4, 4);
	story__ends(&scene->mapper, &scene->file, OPERATION_WRITEBACK);
	assert_silent(scene);
}

/* It has not, or another page, or before the last store: whether it will in time is not known. */
static void test_in_the_hands_of_another_is_unknown(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->writer, &scene->file, 4);
	story__fault_write(&scene->writer, &scene->file, 5);
	mapper_writes_back(scene);
	fsync_of_page(scene, 4);
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, DX03)->unknown, 1);
	story__flush(&scene->mapper, &scene->file, 5, 1);
	fsync_of_page(scene, 4);
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, DX03)->unknown, 2);
	story__flush(&scene->mapper, &scene->file, 4, 1);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fault_write(&scene->writer, &scene->file, 4);
	fsync_of_page(scene, 4);
	findings(scene, 0);
	assert_int_equal(coverage_of(scene, DX03)->unknown, 3);
}

/* What cleaned the page may be among the lost. */
static void test_loss_in_fsync_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__lose(&scene->story, 3);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

/* Dirtied before the loss; the MAP_SYNC fault after it is all that is known. */
static void test_map_sync_after_loss_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__gap(&scene->story, 1);
	story__fsync_begins(&scene->writer, &scene->file);
	story__sync_dirty(&scene->mapper, &scene->file, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

/* Another fsync has written the page back before the fault told that it is dirty. */
static void test_map_sync_written_back_at_once_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	story__insert(&scene->mapper, &scene->file, 4, 0, ENTRY_WRITE | ENTRY_SYNC);
	story__fault_ends(&scene->mapper, &scene->file);
	story__fsync_range_begins(&scene->mapper, &scene->file, 4, 4);
	story__fsync_ends(&scene->mapper, &scene->file, 0);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__sync_dirty(&scene->mapper, &scene->file, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

/* A second mapping's fault of a page of a huge entry, which is written back whole. */
static void test_page_of_huge_entry_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_read_huge_hole(&scene->mapper, &scene->file, 0);
	story__fault_read_huge(&scene->mapper, &scene->file, 0);
	story__fault_write(&scene->writer, &scene->file, 9);
	story__fault_write(&scene->writer, &scene->file, 0);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 0, STORY_HUGE_ORDER);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_page_of_unseen_huge_entry_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->writer, &scene->file, 9);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 0, STORY_HUGE_ORDER);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_fsync_whose_begin_was_not_seen_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
}

static void test_not_selected_is_silent(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, RULES_ALL & ~(1U << DX03), 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* --- coverage ------------------------------------------------------------- */

static void test_coverage(void **state)
{
	struct scene *scene = *state;

	/* Nothing dirty: nothing to miss. */
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_coverage(scene, DX03, 0, 0, 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_coverage(scene, DX03, 1, 0, 0);
	/* The same of a whole superblock, and of all of them. */
	story__sb(&scene->writer, EVENT_SB_ENTER, scene->file.id.dev, SB_SYNC, 0);
	story__sb(&scene->writer, EVENT_SB_EXIT, scene->file.id.dev, SB_SYNC, 0);
	assert_coverage(scene, DX03, 1, 0, 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__sb(&scene->writer, EVENT_SB_ENTER, scene->file.id.dev + 1, SB_SYNC, 0);
	story__sb(&scene->writer, EVENT_SB_EXIT, scene->file.id.dev + 1, SB_SYNC, 0);
	assert_coverage(scene, DX03, 1, 0, 0);
	story__sb(&scene->writer, EVENT_SB_ENTER, 0, SB_SYNC_ALL, 0);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__sb(&scene->writer, EVENT_SB_EXIT, 0, SB_SYNC_ALL, 0);
	assert_coverage(scene, DX03, 2, 0, 0);
	/* A rival within, by another task, on a page of the range. */
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fsync_range_begins(&scene->writer, &scene->file, 4, 5);
	story__fault_write(&scene->mapper, &scene->file, 6);
	story__fault_write(&scene->writer, &scene->file, 5);
	assert_coverage(scene, DX03, 3, 0, 0);
	story__fault_write(&scene->mapper, &scene->file, 5);
	assert_coverage(scene, DX03, 3, 1, 0);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	assert_coverage(scene, DX03, 3, 1, 0);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_coverage(scene, DX03, 3, 1, 0);
	assert_coverage(scene, RULE_LOST_DIRTY_ENTRY, 0, 0, 0);
	assert_silent(scene);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_missed_sync),
		SCENE_TEST(test_own_fsync),
		SCENE_TEST(test_range_that_covers),
		SCENE_TEST(test_all_of_the_range_count),
		SCENE_TEST(test_huge_entry_counts_once),
		SCENE_TEST(test_map_sync_page),
		SCENE_TEST(test_dirtied_again),
		SCENE_TEST(test_flush_of_other_frames),
		SCENE_TEST(test_largest_index_there_is),
		SCENE_TEST(test_flushed_is_silent),
		SCENE_TEST(test_dirtied_after_it_began_is_silent),
		SCENE_TEST(test_dirtied_again_while_it_runs_is_silent),
		SCENE_TEST(test_fault_under_way_is_silent),
		SCENE_TEST(test_flushed_by_another_fsync_is_silent),
		SCENE_TEST(test_flushed_before_is_silent),
		SCENE_TEST(test_failed_fsync_is_silent),
		SCENE_TEST(test_range_that_does_not_cover_is_silent),
		SCENE_TEST(test_other_file_is_silent),
		SCENE_TEST(test_removed_is_silent),
		SCENE_TEST(test_unknown_is_silent),
		SCENE_TEST(test_flushed_by_another_is_silent),
		SCENE_TEST(test_in_the_hands_of_another_is_unknown),
		SCENE_TEST(test_loss_before_fsync_is_silent),
		SCENE_TEST(test_loss_in_fsync_is_silent),
		SCENE_TEST(test_map_sync_after_loss_is_silent),
		SCENE_TEST(test_map_sync_written_back_at_once_is_silent),
		SCENE_TEST(test_page_of_huge_entry_is_silent),
		SCENE_TEST(test_page_of_unseen_huge_entry_is_silent),
		SCENE_TEST(test_fsync_whose_begin_was_not_seen_is_silent),
		SCENE_TEST(test_not_selected_is_silent),
		SCENE_TEST(test_coverage),
	};

	return cmocka_run_group_tests_name("detect_sync", tests, NULL, NULL);
}
