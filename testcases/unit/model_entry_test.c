// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries of a mapping: what is believed of each page after each record. */
#include "testcases/unit/model_world.h"

/* --- an entry's life ------------------------------------------------------ */

static void test_hole_is_hole(void **state)
{
	struct world *world = *state;

	story__fault_read_hole(&world->mapper, &world->file, 5);
	assert_state(world, 5, ENTRY_HOLE);
	assert_absent(world, 4);
	assert_absent(world, 6);
	assert_int_equal(heard(world)->dirtied, 0);
	assert_no_loss(world);
}

static void test_hole_then_read_is_clean(void **state)
{
	struct world *world = *state;

	story__fault_read_hole(&world->mapper, &world->file, 5);
	story__fault_read(&world->mapper, &world->file, 5);
	assert_state(world, 5, ENTRY_CLEAN);
	assert_int_equal(entry_at(world, 5)->pfn, world->file.pfn + 5);
}

/* It may have been there, and dirty, before tracing began. */
static void test_read_of_unseen_page_is_unknown(void **state)
{
	struct world *world = *state;

	story__fault_read(&world->mapper, &world->file, 5);
	assert_unknown(world, 5);
}

static void test_write_fault_dirties_when_it_ends(void **state)
{
	struct world *world = *state;
	struct model_entry *entry;

	story__fault_read_hole(&world->mapper, &world->file, 5);
	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	assert_state(world, 5, ENTRY_MODIFIED);
	entry = entry_at(world, 5);
	assert_true(entry->dirtied_at == TIME_NEVER);
	assert_ptr_equal(entry->pending, task_of(world, &world->mapper));
	assert_int_equal(entry->dirtied_by, world->mapper.tid);

	story__fault_ends(&world->mapper, &world->file);
	assert_state(world, 5, ENTRY_MODIFIED);
	entry = entry_at(world, 5);
	assert_int_equal(entry->dirtied_at, world->story.time);
	assert_null(entry->pending);
	assert_true(entry->writable);
	assert_int_equal(heard(world)->dirtied, 1);
	assert_int_equal(dirty_count(world), 1);
	assert_no_loss(world);
}

static void test_first_write_fault_counts(void **state)
{
	struct world *world = *state;
	__u64 first;

	story__fault_write(&world->mapper, &world->file, 5);
	first = world->story.time;
	story__fault_write(&world->writer, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_at, first);
	assert_int_equal(entry_at(world, 5)->dirtied_by, world->mapper.tid);
	assert_int_equal(heard(world)->dirtied, 2);
	assert_int_equal(dirty_count(world), 1);
}

static void test_read_fault_leaves_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__fault_read(&world->writer, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

static void test_write_back_cleans(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__fault_write(&world->mapper, &world->file, 6);
	story__mkclean(&world->writer, &world->file, 5, 5);
	assert_false(entry_at(world, 5)->writable);
	assert_true(entry_at(world, 6)->writable);
	assert_state(world, 5, ENTRY_MODIFIED);
	story__flush(&world->writer, &world->file, 5, 1);
	assert_state(world, 5, ENTRY_MODIFIED);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_CLEAN);
	assert_state(world, 6, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->flushed_at, world->story.time);
	assert_int_equal(dirty_count(world), 1);

	/* And dirty again, by whom it is now. */
	story__fault_write(&world->writer, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_by, world->writer.tid);
	assert_int_equal(entry_at(world, 5)->dirtied_at, world->story.time);
	assert_no_loss(world);
}

static void test_tag_without_flush_stays_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__mkclean(&world->writer, &world->file, 5, 5);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

static void test_tag_after_flush_of_another_page_stays_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__flush(&world->writer, &world->file, 6, 1);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

static void test_tag_after_flush_by_another_task_stays_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__flush(&world->mapper, &world->file, 5, 1);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

/* The flush of last time says nothing about this time. */
static void test_a_flush_counts_once(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__write_back(&world->writer, &world->file, 5, 0);
	assert_state(world, 5, ENTRY_CLEAN);
	story__fault_write(&world->mapper, &world->file, 5);
	story__mkclean(&world->writer, &world->file, 5, 5);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

static void test_flush_of_a_part_of_huge_stays_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write_huge(&world->mapper, &world->file, 0);
	story__flush(&world->writer, &world->file, 0, STORY_HUGE_PAGES - 1);
	story__tag_cleared(&world->writer, &world->file, 0, STORY_HUGE_PAGES - 1);
	assert_state(world, 0, ENTRY_MODIFIED);
	story__flush(&world->writer, &world->file, 0, STORY_HUGE_PAGES);
	story__tag_cleared(&world->writer, &world->file, 0, STORY_HUGE_PAGES - 1);
	assert_state(world, 0, ENTRY_CLEAN);
}

/* Where dax_flush() cannot be observed the tag is all there is to go by. */
static void test_without_flush_events_the_tag_is_believed(void **state)
{
	struct model_options options = { .no_flush = true };
	struct world *world = *state;

	world__remake(world, &options);
	story__fault_write(&world->mapper, &world->file, 5);
	story__tag_cleared(&world->writer, &world->file, 5, 5);
	assert_state(world, 5, ENTRY_CLEAN);
}

static void test_unmap_makes_unwritable(void **state)
{
	struct world *world = *state;
	__u64 index;

	for (index = 0; index < 8; index++)
		story__fault_write(&world->mapper, &world->file, index);
	story__unmap(&world->writer, &world->file, 2, 3);
	assert_true(entry_at(world, 1)->writable);
	assert_false(entry_at(world, 2)->writable);
	assert_false(entry_at(world, 3)->writable);
	assert_true(entry_at(world, 4)->writable);
	assert_state(world, 2, ENTRY_MODIFIED);
	/* More pages than the inode has dirty ones. */
	story__unmap(&world->writer, &world->file, 4, INDEX_MAX);
	assert_true(entry_at(world, 1)->writable);
	assert_false(entry_at(world, 7)->writable);
	/* The last index that there is. */
	story__unmap(&world->writer, &world->file, INDEX_MAX - 1, INDEX_MAX);
	assert_true(entry_at(world, 0)->writable);
}

static void test_delete_makes_absent(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 5);
	story__fault_write(&world->mapper, &world->file, 6);
	story__delete(&world->writer, &world->file, 5, 0);
	assert_absent(world, 5);
	assert_state(world, 6, ENTRY_MODIFIED);
	assert_int_equal(heard(world)->deleted, 1);
	assert_int_equal(heard(world)->deleted_state, ENTRY_MODIFIED);
	assert_int_equal(dirty_count(world), 1);
	/* Nothing is there to delete any more. */
	story__delete(&world->writer, &world->file, 5, 0);
	assert_absent(world, 5);
	assert_int_equal(heard(world)->deleted, 1);
}

static void test_map_sync(void **state)
{
	struct world *world = *state;
	__u64 dirtied;

	story__fault_read_hole(&world->mapper, &world->file, 5);
	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_SYNC);
	story__fault_ends(&world->mapper, &world->file);
	assert_state(world, 5, ENTRY_CLEAN);
	assert_int_equal(heard(world)->dirtied, 0);
	story__sync_dirty(&world->mapper, &world->file, 5);
	dirtied = world->story.time;
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_at, dirtied);
	assert_int_equal(entry_at(world, 5)->dirtied_by, world->mapper.tid);
	assert_int_equal(heard(world)->dirtied, 1);
	story__write_back(&world->writer, &world->file, 5, 0);
	assert_state(world, 5, ENTRY_CLEAN);
	assert_no_loss(world);
}

static void test_map_sync_of_unseen_entry(void **state)
{
	struct world *world = *state;

	story__sync_dirty(&world->mapper, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

/*
 * dax_insert_pfn_mkwrite() sets the tag under the entry's lock, and tells of it
 * without: whether the writeback was before or after that cannot be said.
 */
static void test_map_sync_written_back_at_once(void **state)
{
	struct world *world = *state;

	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_SYNC);
	story__fault_ends(&world->mapper, &world->file);
	story__fsync_range_begins(&world->mapper, &world->file, 5, 5);
	story__fsync_ends(&world->mapper, &world->file, 0);
	story__write_back(&world->writer, &world->file, 5, 0);
	story__sync_dirty(&world->mapper, &world->file, 5);
	assert_unknown(world, 5);
	assert_int_equal(dirty_count(world), 0);
	/* The next one is known again. */
	story__fault_sync(&world->mapper, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_at, world->story.time);
}

/* The fault's own sync may well write the entry back: another mapping dirtied it. */
static void test_map_sync_of_a_page_that_was_dirty(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->writer, &world->file, 5);
	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_SYNC);
	story__fault_ends(&world->mapper, &world->file);
	story__fsync_range_begins(&world->mapper, &world->file, 5, 5);
	story__write_back(&world->mapper, &world->file, 5, 0);
	story__fsync_ends(&world->mapper, &world->file, 0);
	assert_state(world, 5, ENTRY_CLEAN);
	story__sync_dirty(&world->mapper, &world->file, 5);
	assert_state(world, 5, ENTRY_MODIFIED);
}

/* --- huge entries --------------------------------------------------------- */

static void test_huge_entry_covers_its_pages(void **state)
{
	struct world *world = *state;

	story__fault_write_huge(&world->mapper, &world->file, STORY_HUGE_PAGES);
	assert_state(world, STORY_HUGE_PAGES, ENTRY_MODIFIED);
	assert_state(world, STORY_HUGE_PAGES + 77, ENTRY_MODIFIED);
	assert_state(world, 2 * STORY_HUGE_PAGES - 1, ENTRY_MODIFIED);
	assert_absent(world, STORY_HUGE_PAGES - 1);
	assert_absent(world, 2 * STORY_HUGE_PAGES);
	assert_int_equal(dirty_count(world), 1);
	story__write_back(&world->writer, &world->file, STORY_HUGE_PAGES, STORY_HUGE_ORDER);
	assert_state(world, STORY_HUGE_PAGES + 77, ENTRY_CLEAN);
	story__delete(&world->writer, &world->file, STORY_HUGE_PAGES, STORY_HUGE_ORDER);
	assert_absent(world, STORY_HUGE_PAGES + 77);
	assert_no_loss(world);
}

static void test_mkclean_of_a_page_of_huge(void **state)
{
	struct world *world = *state;

	story__fault_write_huge(&world->mapper, &world->file, 0);
	story__fault_write(&world->mapper, &world->file, STORY_HUGE_PAGES);
	story__mkclean(&world->writer, &world->file, 17, 17);
	assert_false(entry_at(world, 0)->writable);
	assert_true(entry_at(world, STORY_HUGE_PAGES)->writable);
}

/* grab_mapping_entry() breaks up a huge hole for a fault of a page in it. */
static void test_huge_hole_is_broken_up(void **state)
{
	struct world *world = *state;

	story__fault_read_huge_hole(&world->mapper, &world->file, 0);
	story__fault_read_huge_hole(&world->mapper, &world->file, STORY_HUGE_PAGES);
	story__fault_write(&world->writer, &world->file, 9);
	assert_state(world, 9, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 9)->order, 0);
	assert_absent(world, 0);
	assert_absent(world, 10);
	story__fault_read_hole(&world->writer, &world->file, STORY_HUGE_PAGES);
	assert_state(world, STORY_HUGE_PAGES, ENTRY_HOLE);
	assert_absent(world, STORY_HUGE_PAGES + 1);
	assert_int_equal(heard(world)->deleted, 0);
	assert_no_loss(world);
}

/* And by what else may delete it, in the middle of the fault. */
static void test_huge_hole_is_deleted(void **state)
{
	struct world *world = *state;

	story__fault_read_huge_hole(&world->mapper, &world->file, 0);
	assert_state(world, 9, ENTRY_HOLE);
	story__fault_begins(&world->writer, &world->file, 9, FAULT_WRITE);
	story__delete(&world->writer, &world->file, 0, STORY_HUGE_ORDER);
	story__insert(&world->writer, &world->file, 9, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__fault_ends(&world->writer, &world->file);
	assert_state(world, 9, ENTRY_MODIFIED);
	assert_absent(world, 0);
	assert_absent(world, 10);
	assert_int_equal(heard(world)->deleted_state, ENTRY_HOLE);
	assert_no_loss(world);
}

/*
 * A fault of a page in a huge entry that maps blocks (a second mapping, not
 * aligned): dax_insert_entry() leaves the huge one and dirties that.
 */
static void test_page_fault_dirties_huge_entry(void **state)
{
	static const __u64 pages[] = { 0, 9, STORY_HUGE_PAGES - 1 };
	struct world *world = *state;
	size_t i;

	story__fault_read_huge_hole(&world->mapper, &world->file, 0);
	story__fault_read_huge(&world->mapper, &world->file, 0);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_state(world, pages[i], ENTRY_CLEAN);
		story__fault_write(&world->writer, &world->file, pages[i]);
		assert_state(world, 0, ENTRY_MODIFIED);
		assert_state(world, pages[i], ENTRY_MODIFIED);
		assert_int_equal(entry_at(world, pages[i])->order, STORY_HUGE_ORDER);
		assert_int_equal(entry_at(world, pages[i])->pfn, world->file.pfn);
		assert_int_equal(dirty_count(world), 1);
		story__write_back(&world->mapper, &world->file, 0, STORY_HUGE_ORDER);
		assert_int_equal(dirty_count(world), 0);
	}
	assert_no_loss(world);
}

/* The same where the huge entry was there before tracing began. */
static void test_write_back_of_unseen_huge_entry_cleans_its_pages(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 0);
	story__fault_write(&world->mapper, &world->file, 9);
	story__fault_write(&world->mapper, &world->file, STORY_HUGE_PAGES);
	assert_int_equal(dirty_count(world), 3);
	story__write_back(&world->writer, &world->file, 0, STORY_HUGE_ORDER);
	assert_state(world, 0, ENTRY_CLEAN);
	assert_state(world, 9, ENTRY_CLEAN);
	assert_state(world, STORY_HUGE_PAGES, ENTRY_MODIFIED);
}

static void test_delete_of_unseen_huge_entry_deletes_its_pages(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 0);
	story__fault_write(&world->mapper, &world->file, 9);
	story__fault_write(&world->mapper, &world->file, STORY_HUGE_PAGES);
	story__delete(&world->writer, &world->file, 0, STORY_HUGE_ORDER);
	assert_absent(world, 0);
	assert_absent(world, 9);
	assert_state(world, STORY_HUGE_PAGES, ENTRY_MODIFIED);
	assert_int_equal(heard(world)->deleted, 2);
	assert_int_equal(dirty_count(world), 1);
}

/* An xarray holds one entry for an index: pages that stood there are gone. */
static void test_huge_insert_replaces_pages(void **state)
{
	struct world *world = *state;

	story__fault_write(&world->mapper, &world->file, 0);
	story__fault_write(&world->mapper, &world->file, 9);
	story__fault_write_huge(&world->writer, &world->file, 0);
	assert_int_equal(entry_at(world, 0)->order, STORY_HUGE_ORDER);
	assert_int_equal(entry_at(world, 9)->order, STORY_HUGE_ORDER);
	assert_int_equal(dirty_count(world), 1);
}

static void test_other_orders_are_not_taken(void **state)
{
	struct world *world = *state;

	story__insert(&world->mapper, &world->file, 0, 3, ENTRY_WRITE | ENTRY_DIRTY);
	story__insert(&world->mapper, &world->file, 0, 63, ENTRY_WRITE | ENTRY_DIRTY);
	story__insert(&world->mapper, &world->file, 0, ~0U, ENTRY_WRITE | ENTRY_DIRTY);
	assert_absent(world, 0);
}

/* --- faults under way ----------------------------------------------------- */

static void test_written_back_while_fault_is_pending(void **state)
{
	struct world *world = *state;

	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__write_back(&world->writer, &world->file, 5, 0);
	assert_state(world, 5, ENTRY_CLEAN);
	story__fault_ends(&world->mapper, &world->file);
	assert_state(world, 5, ENTRY_CLEAN);
	assert_int_equal(dirty_count(world), 0);
}

static void test_deleted_while_fault_is_pending(void **state)
{
	struct world *world = *state;

	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__delete(&world->writer, &world->file, 5, 0);
	assert_absent(world, 5);
	assert_null(task_of(world, &world->mapper)->pending);
	/* Its place is taken by another page's entry. */
	story__fault_write(&world->writer, &world->file, 6);
	story__fault_ends(&world->mapper, &world->file);
	assert_absent(world, 5);
	assert_state(world, 6, ENTRY_MODIFIED);
}

static void test_two_faults_pending_on_one_page(void **state)
{
	struct world *world = *state;
	__u64 first_end;

	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__fault_begins(&world->writer, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__insert(&world->writer, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__fault_ends(&world->mapper, &world->file);
	first_end = world->story.time;
	story__fault_ends(&world->writer, &world->file);
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_at, first_end);
	assert_null(entry_at(world, 5)->pending);
}

static void test_pending_moves_to_the_next_page(void **state)
{
	struct world *world = *state;

	story__fault_begins(&world->mapper, &world->file, 5, FAULT_WRITE);
	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__insert(&world->mapper, &world->file, 6, 0, ENTRY_WRITE | ENTRY_DIRTY);
	assert_null(entry_at(world, 5)->pending);
	assert_non_null(entry_at(world, 6)->pending);
	story__fault_ends(&world->mapper, &world->file);
	assert_int_equal(entry_at(world, 6)->dirtied_at, world->story.time);
}

/* Its begin was before tracing began; its end is an end all the same. */
static void test_fault_whose_begin_was_not_seen(void **state)
{
	struct world *world = *state;

	story__insert(&world->mapper, &world->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__fault_ends(&world->mapper, &world->file);
	assert_state(world, 5, ENTRY_MODIFIED);
	assert_int_equal(entry_at(world, 5)->dirtied_at, world->story.time);
	assert_int_equal(heard(world)->ended, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD_TEST(test_hole_is_hole),
		WORLD_TEST(test_hole_then_read_is_clean),
		WORLD_TEST(test_read_of_unseen_page_is_unknown),
		WORLD_TEST(test_write_fault_dirties_when_it_ends),
		WORLD_TEST(test_first_write_fault_counts),
		WORLD_TEST(test_read_fault_leaves_dirty),
		WORLD_TEST(test_write_back_cleans),
		WORLD_TEST(test_tag_without_flush_stays_dirty),
		WORLD_TEST(test_tag_after_flush_of_another_page_stays_dirty),
		WORLD_TEST(test_tag_after_flush_by_another_task_stays_dirty),
		WORLD_TEST(test_a_flush_counts_once),
		WORLD_TEST(test_flush_of_a_part_of_huge_stays_dirty),
		WORLD_TEST(test_without_flush_events_the_tag_is_believed),
		WORLD_TEST(test_unmap_makes_unwritable),
		WORLD_TEST(test_delete_makes_absent),
		WORLD_TEST(test_map_sync),
		WORLD_TEST(test_map_sync_of_unseen_entry),
		WORLD_TEST(test_map_sync_written_back_at_once),
		WORLD_TEST(test_map_sync_of_a_page_that_was_dirty),
		WORLD_TEST(test_huge_entry_covers_its_pages),
		WORLD_TEST(test_mkclean_of_a_page_of_huge),
		WORLD_TEST(test_huge_hole_is_broken_up),
		WORLD_TEST(test_huge_hole_is_deleted),
		WORLD_TEST(test_page_fault_dirties_huge_entry),
		WORLD_TEST(test_write_back_of_unseen_huge_entry_cleans_its_pages),
		WORLD_TEST(test_delete_of_unseen_huge_entry_deletes_its_pages),
		WORLD_TEST(test_huge_insert_replaces_pages),
		WORLD_TEST(test_other_orders_are_not_taken),
		WORLD_TEST(test_written_back_while_fault_is_pending),
		WORLD_TEST(test_deleted_while_fault_is_pending),
		WORLD_TEST(test_two_faults_pending_on_one_page),
		WORLD_TEST(test_pending_moves_to_the_next_page),
		WORLD_TEST(test_fault_whose_begin_was_not_seen),
	};

	return cmocka_run_group_tests_name("model_entry", tests, NULL, NULL);
}
