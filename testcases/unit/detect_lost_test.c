// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DX01 lost-dirty-entry: when it must fire, when it must not, what it then shows. */
#include "testcases/unit/detect_world.h"

#define DX01	RULE_LOST_DIRTY_ENTRY

#define FALLOC_KEEP_SIZE	0x01
#define FALLOC_PUNCH_HOLE	0x02
#define FALLOC_COLLAPSE_RANGE	0x08
#define FALLOC_ZERO_RANGE	0x10

static void assert_event(const struct finding *finding, unsigned int i, __u16 type,
			 __u16 operation, __u32 tid)
{
	assert_true(i < finding->event_count);
	assert_int_equal(finding->events[i].type, type);
	assert_int_equal(finding->events[i].operation, operation);
	assert_int_equal(finding->events[i].tid, tid);
}

static void assert_drop_dirty(const struct finding *finding, __u64 index)
{
	enum { MAPPER = 100, WRITER = 101 };

	assert_int_equal(finding->rule, DX01);
	assert_string_equal(finding->certainty, "observed");
	assert_string_equal(finding->fstype, "refdax");
	assert_int_equal(finding->key.inode.ino, 13);
	assert_int_equal(finding->key.inode.dev, 259U << 20);
	assert_int_equal(finding->key.inode.generation, 0x1234);
	assert_int_equal(finding->index, index);
	assert_int_equal(finding->pages, 1);
	assert_int_equal(finding->occurrences, 1);

	assert_int_equal(finding->actor_count, 2);
	assert_int_equal(finding->actors[0].tid, MAPPER);
	assert_string_equal(finding->actors[0].comm, "mapper");
	assert_string_equal(finding->actors[0].role, "write fault");
	assert_int_equal(finding->actors[1].tid, WRITER);
	assert_string_equal(finding->actors[1].comm, "writer");
	assert_string_equal(finding->actors[1].role, "invalidate");

	/* As Jan Kara told it, top to bottom. */
	assert_int_equal(finding->event_count, 10);
	assert_event(finding, 0, EVENT_ENTER, OPERATION_FAULT, MAPPER);
	assert_event(finding, 1, EVENT_ENTRY_INSERT, 0, MAPPER);
	assert_int_equal(finding->events[1].flags, ENTRY_ZERO);
	assert_event(finding, 2, EVENT_EXIT, OPERATION_FAULT, MAPPER);
	assert_event(finding, 3, EVENT_ENTER, OPERATION_WRITE, WRITER);
	assert_event(finding, 4, EVENT_ENTER, OPERATION_FAULT, MAPPER);
	assert_event(finding, 5, EVENT_ENTRY_INSERT, 0, MAPPER);
	assert_int_equal(finding->events[5].flags, ENTRY_WRITE | ENTRY_DIRTY);
	assert_event(finding, 6, EVENT_EXIT, OPERATION_FAULT, MAPPER);
	assert_event(finding, 7, EVENT_ENTER, OPERATION_INVALIDATE, WRITER);
	assert_event(finding, 8, EVENT_UNMAP, 0, WRITER);
	assert_event(finding, 9, EVENT_ENTRY_DELETE, 0, WRITER);
	assert_int_equal(finding->moment, 9);
	assert_false(finding->events_cut);
	assert_int_equal(finding->time, finding->events[9].time);
}

/* The interleaving of "Subtle races between DAX mmap fault and write path". */
static void test_drop_dirty(void **state)
{
	struct finding finding = told_alone(story__drop_dirty, &story_numbers);

	(void)state;
	assert_drop_dirty(&finding, 0);
	assert_string_equal(finding.summary,
		"the dirty entry of page 0 (pfn 0x10d000), dirtied by mapper[100], was removed by "
		"writer[101] in write > invalidate; its block is still the file's");
}

static void test_drop_dirty_anywhere_in_the_file(void **state)
{
	struct story_numbers numbers = story_numbers;
	struct finding finding;

	(void)state;
	numbers.index = 1ULL << 40;
	finding = told_alone(story__drop_dirty, &numbers);
	assert_drop_dirty(&finding, 1ULL << 40);
}

/* The write fault is still under way when the entry goes. */
static void test_fault_does_not_end(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	story__insert(&scene->mapper, &scene->file, 4, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, 4);
	assert_int_equal(verdict_of(scene), VERDICT_FINDINGS);
}

/* The write is larger than the page, and goes on afterwards. */
static void test_write_of_many_pages(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	__u64 index;

	story__write_begins(&scene->writer, &scene->file, 0, 100);
	for (index = 0; index < 100; index++) {
		if (index == 57)
			story__fault_write(&scene->mapper, &scene->file, index);
		story__invalidate_begins(&scene->writer, &scene->file, index, index);
		if (index == 57)
			story__delete(&scene->writer, &scene->file, index, 0);
		story__invalidate_ends(&scene->writer, &scene->file);
	}
	story__write_ends(&scene->writer, &scene->file, 100);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, 57);
	assert_coverage(scene, DX01, 1, 1, 0);
}

static void test_one_task_alone(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__invalidate_begins(&scene->mapper, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->mapper, &scene->file, 4, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->actor_count, 1);
	assert_string_equal(finding->actors[0].role, "write fault");
	/* Nobody ran against it. */
	assert_coverage(scene, DX01, 1, 0, 0);
}

static void test_huge_entry(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write_huge(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	story__write_begins(&scene->writer, &scene->file, STORY_HUGE_PAGES + 3, 1);
	story__invalidate_begins(&scene->writer, &scene->file, STORY_HUGE_PAGES + 3,
				 STORY_HUGE_PAGES + 3);
	story__delete(&scene->writer, &scene->file, STORY_HUGE_PAGES, STORY_HUGE_ORDER);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, STORY_HUGE_PAGES);
	assert_int_equal(finding->pages, STORY_HUGE_PAGES);
}

/* A page's fault dirtied the huge entry that was there before tracing began. */
static void test_page_of_unseen_huge_entry(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write(&scene->writer, &scene->file, 1000);
	story__fault_write(&scene->mapper, &scene->file, 9);
	story__invalidate_begins(&scene->writer, &scene->file, 0, 0);
	story__delete(&scene->writer, &scene->file, 0, STORY_HUGE_ORDER);
	finding = findings(scene, 1);
	assert_int_equal(finding->index, 9);
	assert_int_equal(finding->pages, 1);
}

static void test_map_sync_page(void **state)
{
	struct scene *scene = *state;

	story__fault_sync(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_int_equal(findings(scene, 1)->index, 4);
}

/* iput_final() on an inode that keeps its name loses what is still dirty. */
static void test_evict_with_links(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__evict_begins(&scene->writer, &scene->file, 1);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_EVICT);
	finding = findings(scene, 1);
	assert_contains(finding->summary, "in evict > truncate-pages;");
}

/* truncate_inode_pages() where nothing is freed: a driver's, a filesystem's. */
static void test_truncate_pages_outside_of_truncate(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_contains(findings(scene, 1)->summary, "in truncate-pages;");
}

static void test_removal_in_nothing_known(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_contains(findings(scene, 1)->summary, "in no known operation;");
}

/* As since bde708f1a65d when an operation that is not observed breaks layouts, as FICLONE on xfs. */
static void test_removal_by_break_of_layouts(void **state)
{
	struct scene *scene = *state;
	const struct story_operation look = { .operation = OPERATION_LAYOUT, .last = INDEX_MAX };
	const struct finding *finding;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__enter(&scene->writer, &scene->file, &look);
	story__ends(&scene->writer, &scene->file, OPERATION_LAYOUT);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__delete(&scene->writer, &scene->file, 5, 0);
	finding = findings(scene, 1);
	assert_contains(finding->summary, "in no known operation, right after it broke layouts;");
	assert_int_equal(finding->occurrences, 2);
}

/* Not when it has done something else since, nor if it was another file's. */
static void test_removal_long_after_a_break(void **state)
{
	struct scene *scene = *state;
	const struct story_operation look = { .operation = OPERATION_LAYOUT, .last = INDEX_MAX };
	struct story_file other = story__file(1, 99, 1);

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__enter(&scene->writer, &scene->file, &look);
	story__ends(&scene->writer, &scene->file, OPERATION_LAYOUT);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_contains(findings(scene, 1)->summary, "in no known operation;");
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__enter(&scene->writer, &other, &look);
	story__ends(&scene->writer, &other, OPERATION_LAYOUT);
	story__delete(&scene->writer, &scene->file, 5, 0);
	assert_contains(findings(scene, 1)->summary, "in no known operation;");
	assert_int_equal(findings(scene, 1)->occurrences, 2);
}

static void test_setsize_that_grows(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__setsize_begins(&scene->writer, &scene->file, 20480, 40960);
	story__delete(&scene->writer, &scene->file, 4, 0);
	findings(scene, 1);
}

/* The punch is elsewhere. */
static void test_punch_of_other_pages(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fallocate_begins(&scene->writer, &scene->file, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE,
				5, 9);
	story__delete(&scene->writer, &scene->file, 4, 0);
	findings(scene, 1);
}

/* The tag was cleared, the caches were not flushed: it is dirty all the same. */
static void test_cleared_without_flush(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__mkclean(&scene->writer, &scene->file, 4, 4);
	story__tag_cleared(&scene->writer, &scene->file, 4, 4);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__delete(&scene->writer, &scene->file, 4, 0);
	findings(scene, 1);
}

/* --- silent ---------------------------------------------------------------- */

static void test_well_behaved(void **state)
{
	struct detector_options options = { .rules = RULES_ALL };
	struct detector *detector = detector__new(&options);
	struct story story;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	story__tell(&story, detector__model(detector));
	assert_int_equal(detector__finding_count(detector), 0);
	assert_int_equal(detector__verdict(detector, false, 0), VERDICT_CLEAN);
	detector__free(detector);
	story__free(&story);
}

static void remove_in(struct scene *scene, void (*begin)(struct scene *scene), __u64 index)
{
	story__fault_write(&scene->mapper, &scene->file, index);
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	begin(scene);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, index, 0);
}

static void begin_truncate(struct scene *scene)
{
	story__setsize_begins(&scene->writer, &scene->file, 40960, 8192);
}

static void begin_punch(struct scene *scene)
{
	story__fallocate_begins(&scene->writer, &scene->file, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE,
				2, 9);
}

static void begin_collapse(struct scene *scene)
{
	story__fallocate_begins(&scene->writer, &scene->file, FALLOC_COLLAPSE_RANGE, 4, 5);
}

static void begin_zero(struct scene *scene)
{
	story__fallocate_begins(&scene->writer, &scene->file, FALLOC_ZERO_RANGE, 4, 4);
}

static void begin_last_unlink(struct scene *scene)
{
	story__evict_begins(&scene->writer, &scene->file, 0);
}

static void test_what_frees_is_silent(void **state)
{
	static void (*const begin[])(struct scene *scene) = {
		begin_truncate, begin_punch, begin_collapse, begin_zero,
		begin_last_unlink,
	};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(begin); i++) {
		scene__remake(scene, RULES_ALL, 0);
		remove_in(scene, begin[i], 4);
		assert_silent(scene);
		assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	}
}

static void test_clean_entry_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_back(&scene->mapper, &scene->file, 4, 0);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_silent(scene);
}

static void test_hole_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__fault_read_huge_hole(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__delete(&scene->writer, &scene->file, STORY_HUGE_PAGES, STORY_HUGE_ORDER);
	assert_silent(scene);
}

static void test_unknown_entry_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_read(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 5);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__delete(&scene->writer, &scene->file, 5, 0);
	assert_silent(scene);
}

static void test_after_loss_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__lose(&scene->story, 1);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__gap(&scene->story, 1);
	story__delete(&scene->writer, &scene->file, 5, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* The record that tells of a loss is itself the one that would be judged. */
static void test_loss_in_the_very_record_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__lose(&scene->story, 1);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_silent(scene);
}

static void test_mounted_again_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__superblock(&scene->story, 259U << 20, "refdax");
	story__fault_read_hole(&scene->writer, &scene->file, 90);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_silent(scene);
}

static void test_another_generation_is_silent(void **state)
{
	struct scene *scene = *state;
	struct story_file reused = story__file(259U << 20, 13, 8);

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &reused, 4, 1);
	story__delete(&scene->writer, &reused, 4, 0);
	assert_silent(scene);
}

static void test_not_selected_is_silent(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, RULES_ALL & ~(1U << DX01), 0);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* --- neither -------------------------------------------------------------- */

/* Whether the task was freeing when tracing began cannot be said. */
static void test_uncertain_task_is_unknown(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	findings(scene, 0);
	assert_coverage(scene, DX01, 0, 0, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

static void test_uncertain_removal_of_clean_is_nothing(void **state)
{
	struct scene *scene = *state;

	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* --- many ----------------------------------------------------------------- */

static void lose_page(struct scene *scene, const struct story_file *file, __u64 index)
{
	story__fault_write(&scene->mapper, file, index);
	story__write_begins(&scene->writer, file, index, 1);
	story__delete(&scene->writer, file, index, 0);
	story__write_ends(&scene->writer, file, 1);
}

static void test_same_race_on_one_inode_is_one_finding(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	__u64 index;

	for (index = 0; index < 50; index++)
		lose_page(scene, &scene->file, index);
	finding = findings(scene, 1);
	assert_int_equal(finding->occurrences, 50);
	assert_int_equal(finding->index, 0);
}

static void test_other_inodes_are_other_findings(void **state)
{
	struct scene *scene = *state;
	struct story_file other = story__file(259U << 20, 14, 7);
	const struct finding *finding;

	lose_page(scene, &scene->file, 4);
	lose_page(scene, &other, 5);
	finding = findings(scene, 2);
	assert_int_equal(finding->key.inode.ino, 13);
	assert_int_equal(finding->next->key.inode.ino, 14);
	assert_true(finding->key.fingerprint == finding->next->key.fingerprint);
}

/* A race that goes on and on fills no memory, and loses no count. */
static void test_a_storm_of_findings(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	struct story_file file;
	__u64 occurrences = 0, ino;
	size_t listed = 0;

	for (ino = 1; ino <= 10000; ino++) {
		file = story__file(259U << 20, ino, 7);
		lose_page(scene, &file, 0);
	}
	story__tell(&scene->story, detector__model(scene->detector));
	for (finding = detector__findings(scene->detector); finding; finding = finding->next) {
		occurrences += finding->occurrences;
		listed++;
	}
	assert_int_equal(occurrences, 10000);
	assert_true(listed < 10000);
	assert_int_equal(listed, detector__finding_count(scene->detector));
	assert_int_equal(scene->found, listed);
}

/* How it began is shown even if much happened between. */
static void test_long_history_keeps_its_beginning(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	int i;

	story__fault_write(&scene->mapper, &scene->file, 4);
	for (i = 0; i < 40; i++)
		story__fault_read(&scene->writer, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__delete(&scene->writer, &scene->file, 4, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->event_count, FINDING_MAX_EVENTS);
	assert_true(finding->events_cut);
	assert_int_equal(finding->events[0].type, EVENT_ENTRY_INSERT);
	assert_int_equal(finding->events[0].tid, scene->mapper.tid);
	assert_int_equal(finding->moment, FINDING_MAX_EVENTS - 1);
	assert_int_equal(finding->events[finding->moment].type, EVENT_ENTRY_DELETE);
}

/* Other pages' events are other stories. */
static void test_history_is_of_the_page(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;
	unsigned int i;

	story__fault_write(&scene->mapper, &scene->file, 3);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__delete(&scene->writer, &scene->file, 4, 0);
	finding = findings(scene, 1);
	assert_int_equal(finding->event_count, 5);
	for (i = 0; i < finding->event_count; i++) {
		assert_true(finding->events[i].first <= 4 && finding->events[i].last >= 4);
		if (i)
			assert_true(finding->events[i].number > finding->events[i - 1].number);
	}
}

/* --- coverage ------------------------------------------------------------- */

static void test_coverage(void **state)
{
	struct scene *scene = *state;
	struct story_file other = story__file(259U << 20, 14, 7);

	assert_coverage(scene, DX01, 0, 0, 0);
	/* A window that nobody met. */
	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__write_ends(&scene->writer, &scene->file, 4);
	assert_coverage(scene, DX01, 1, 0, 0);
	/* An invalidation in a write is the same window; one of its own is one. */
	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__invalidate_begins(&scene->writer, &scene->file, 0, 3);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 4);
	story__invalidate_begins(&scene->writer, &scene->file, 0, 3);
	story__invalidate_ends(&scene->writer, &scene->file);
	assert_coverage(scene, DX01, 3, 0, 0);
	/* Rivals: another page, a read fault, another file, itself; then a real one, twice. */
	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_read(&scene->mapper, &scene->file, 3);
	story__fault_write(&scene->mapper, &other, 0);
	story__fault_write(&scene->writer, &scene->file, 0);
	assert_coverage(scene, DX01, 4, 0, 0);
	story__fault_write(&scene->mapper, &scene->file, 0);
	assert_coverage(scene, DX01, 4, 1, 0);
	story__fault_write(&scene->mapper, &scene->file, 1);
	assert_coverage(scene, DX01, 4, 1, 0);
	story__write_ends(&scene->writer, &scene->file, 4);
	/* After its end. */
	story__fault_write(&scene->mapper, &scene->file, 2);
	assert_coverage(scene, DX01, 4, 1, 0);
	assert_silent(scene);
}

/* Two windows at once, met by one fault: both count. */
static void test_coverage_of_two_windows(void **state)
{
	struct scene *scene = *state;
	struct story_task second = story__task(&scene->story, "second");

	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__write_begins(&second, &scene->file, 2, 4);
	story__fault_write(&scene->mapper, &scene->file, 3);
	assert_coverage(scene, DX01, 2, 2, 0);
}

static void test_coverage_of_what_frees(void **state)
{
	struct scene *scene = *state;

	story__setsize_begins(&scene->writer, &scene->file, 40960, 0);
	story__truncate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__fault_write(&scene->mapper, &scene->file, 3);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_SETSIZE);
	assert_coverage(scene, DX01, 0, 0, 0);
}

static void test_coverage_of_huge(void **state)
{
	struct scene *scene = *state;

	story__write_begins(&scene->writer, &scene->file, 5, 1);
	story__fault_write_huge(&scene->mapper, &scene->file, 0);
	assert_coverage(scene, DX01, 1, 1, 0);
}

/* Whether it was still open after the loss nobody knows. */
static void test_coverage_over_loss(void **state)
{
	struct scene *scene = *state;

	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__gap(&scene->story, 1);
	story__fault_write(&scene->mapper, &scene->file, 0);
	assert_coverage(scene, DX01, 1, 0, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_drop_dirty),
		SCENE_TEST(test_drop_dirty_anywhere_in_the_file),
		SCENE_TEST(test_fault_does_not_end),
		SCENE_TEST(test_write_of_many_pages),
		SCENE_TEST(test_one_task_alone),
		SCENE_TEST(test_huge_entry),
		SCENE_TEST(test_page_of_unseen_huge_entry),
		SCENE_TEST(test_map_sync_page),
		SCENE_TEST(test_evict_with_links),
		SCENE_TEST(test_truncate_pages_outside_of_truncate),
		SCENE_TEST(test_removal_in_nothing_known),
		SCENE_TEST(test_removal_by_break_of_layouts),
		SCENE_TEST(test_removal_long_after_a_break),
		SCENE_TEST(test_setsize_that_grows),
		SCENE_TEST(test_punch_of_other_pages),
		SCENE_TEST(test_cleared_without_flush),
		SCENE_TEST(test_well_behaved),
		SCENE_TEST(test_what_frees_is_silent),
		SCENE_TEST(test_clean_entry_is_silent),
		SCENE_TEST(test_hole_is_silent),
		SCENE_TEST(test_unknown_entry_is_silent),
		SCENE_TEST(test_after_loss_is_silent),
		SCENE_TEST(test_loss_in_the_very_record_is_silent),
		SCENE_TEST(test_mounted_again_is_silent),
		SCENE_TEST(test_another_generation_is_silent),
		SCENE_TEST(test_not_selected_is_silent),
		SCENE_TEST(test_uncertain_task_is_unknown),
		SCENE_TEST(test_uncertain_removal_of_clean_is_nothing),
		SCENE_TEST(test_same_race_on_one_inode_is_one_finding),
		SCENE_TEST(test_other_inodes_are_other_findings),
		SCENE_TEST(test_a_storm_of_findings),
		SCENE_TEST(test_long_history_keeps_its_beginning),
		SCENE_TEST(test_history_is_of_the_page),
		SCENE_TEST(test_coverage),
		SCENE_TEST(test_coverage_of_two_windows),
		SCENE_TEST(test_coverage_of_what_frees),
		SCENE_TEST(test_coverage_of_huge),
		SCENE_TEST(test_coverage_over_loss),
	};

	return cmocka_run_group_tests_name("detect_lost", tests, NULL, NULL);
}
