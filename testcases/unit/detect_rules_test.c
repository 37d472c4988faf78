// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DX02, DX04 to DX12, DX15 to DX17: each must fire, and must be silent where a kernel is right. */
#include "testcases/unit/detect_world.h"
#include "testcases/unit/story_locks.h"

#include "probe/table.h"

#define PAGE		4096ULL
#define VMA		0xffff888000001000ULL
#define VMA2		0xffff888000002000ULL
#define DEV		(259U << 20)
#define PUNCH		0x03	/* PUNCH_HOLE | KEEP_SIZE */
#define COLLAPSE	0x08
#define INSERT		0x20
#define FALLBACK_RESULT	0x800
#define FAULT_SIGBUS	0x2

static const struct finding *the_one(struct scene *scene, enum rule_index rule)
{
	const struct finding *finding = findings(scene, 1);

	assert_int_equal(finding->rule, rule);
	assert_string_equal(finding->certainty, "observed");
	assert_true(finding->actor_count >= 1);
	assert_true(finding->event_count >= 1);
	assert_true(strlen(finding->summary) > 20);
	return finding;
}

static void flush_and_clear(struct scene *scene, __u64 index)
{
	story__flush(&scene->writer, &scene->file, index, 1);
	story__tag_cleared(&scene->writer, &scene->file, index, index);
}

/* --- DX02 ----------------------------------------------------------------- */

static void test_cleaned_while_writable(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	flush_and_clear(scene, 4);
	finding = the_one(scene, RULE_CLEAN_BUT_WRITABLE);
	assert_int_equal(finding->index, 4);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
}

/* Two processes map the page, one of them is write-protected: 06083a0921fd. */
/* ->writepages leaves nothing tagged, and no record said that the tag went. */
static void end_writepages(struct scene *scene, __u64 argument)
{
	struct event_exit record = {
		.header = { .type = EVENT_EXIT, .size = sizeof(record) },
		.inode = scene->file.id, .argument = argument, .operation = OPERATION_WRITEPAGES,
	};

	story__record(&scene->story, &record.header, scene->writer.tid);
}

static void flush_only(struct scene *scene, __u64 argument)
{
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__fsync_begins(&scene->writer, &scene->file);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEPAGES, .last = INDEX_MAX });
	story__flush(&scene->writer, &scene->file, 4, 1);
	end_writepages(scene, argument);
	story__fsync_ends(&scene->writer, &scene->file, 0);
}

static void test_tag_went_untold(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	flush_only(scene, WRITEPAGES_CLEAN);
	finding = the_one(scene, RULE_CLEAN_BUT_WRITABLE);
	assert_int_equal(finding->index, 4);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
	/* The next sync has nothing to flush, and flushes nothing. */
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
	assert_int_equal(findings(scene, 2)->next->rule, RULE_SYNC_MISSED_DIRTY);
	/* Flushed, and still tagged: costly, and nothing is lost. Or it is not said. */
	scene__remake(scene, RULES_ALL, 0);
	flush_only(scene, WRITEPAGES_TAGGED);
	assert_silent(scene);
	scene__remake(scene, RULES_ALL, 0);
	flush_only(scene, 0);
	assert_silent(scene);
}

static void test_one_of_two_mappings_cleaned(void **state)
{
	struct scene *scene = *state;
	struct story_task second = story__task(&scene->story, "second");

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__map(&second, &scene->file, VMA2, 0, 99);
	story__fault_write_by(&second, &scene->file, VMA2, 4);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__mkclean_vma(&scene->writer, &scene->file, VMA, 4, 4);
	flush_and_clear(scene, 4);
	assert_int_equal(the_one(scene, RULE_CLEAN_BUT_WRITABLE)->actors[0].tid, second.tid);
}

/* A child stores through the mapping that it has inherited. */
static void store_in_child(struct scene *scene, const struct story_task *child)
{
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__map_in_fork(&scene->mapper, child, &scene->file, VMA2, 0, 99);
	story__fault_write_by(child, &scene->file, VMA2, 4);
}

static void test_mapping_of_a_child(void **state)
{
	struct scene *scene = *state;
	struct story_task child = story__task(&scene->story, "child");

	store_in_child(scene, &child);
	story__mkclean_vma(&scene->writer, &scene->file, VMA2, 4, 4);
	flush_and_clear(scene, 4);
	/* The parent stores as well, and ends; what is left is the child's. */
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__fault_write_by(&child, &scene->file, VMA2, 4);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	story__mkclean_vma(&scene->writer, &scene->file, VMA2, 4, 4);
	flush_and_clear(scene, 4);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
	/* The parent's mapping alone is write-protected. */
	scene__remake(scene, RULES_ALL, 0);
	child = story__task(&scene->story, "child");
	store_in_child(scene, &child);
	story__mkclean_vma(&scene->writer, &scene->file, VMA, 4, 4);
	flush_and_clear(scene, 4);
	assert_int_equal(the_one(scene, RULE_CLEAN_BUT_WRITABLE)->actors[0].tid, child.tid);
	/* Each has stored; the child's was missed, though it was told of last. */
	scene__remake(scene, RULES_ALL, 0);
	child = story__task(&scene->story, "child");
	store_in_child(scene, &child);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__mkclean_vma(&scene->writer, &scene->file, VMA, 4, 4);
	flush_and_clear(scene, 4);
	assert_int_equal(the_one(scene, RULE_CLEAN_BUT_WRITABLE)->actors[0].tid, child.tid);
}

static void test_write_protected_is_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__map(&scene->writer, &scene->file, VMA2, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__fault_write_by(&scene->writer, &scene->file, VMA2, 4);
	story__mkclean_vma(&scene->writer, &scene->file, VMA, 4, 4);
	story__mkclean_vma(&scene->writer, &scene->file, VMA2, 4, 4);
	flush_and_clear(scene, 4);
	/* As 7.2 tells it: all of them at once. */
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__fault_write_by(&scene->writer, &scene->file, VMA2, 4);
	story__mkclean_vma(&scene->writer, &scene->file, 0, 4, 4);
	flush_and_clear(scene, 4);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* The process has gone, or changed its VMA: nothing is left to write-protect. */
static void test_unmapped_is_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	flush_and_clear(scene, 4);
	/* mremap and mprotect: removed, and added under the same name. */
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 5);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	story__map(&scene->mapper, &scene->file, VMA, 0, 50);
	flush_and_clear(scene, 5);
	/* The filesystem unmapped the range. */
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 6);
	story__unmap(&scene->writer, &scene->file, 0, INDEX_MAX);
	flush_and_clear(scene, 6);
	assert_silent(scene);
}

/* A VMA that nobody has announced, a fault that failed, one that is under way. */
static void test_uncertain_writers_are_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	flush_and_clear(scene, 4);
	story__map(&scene->mapper, &scene->file, VMA2, 0, 99);
	story__fault_begins(&scene->mapper, &scene->file, 5, FAULT_WRITE);
	story__insert(&scene->mapper, &scene->file, 5, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__mapped(&scene->mapper, &scene->file, VMA2, 5, 0, ENTRY_WRITE);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FAULT_SIGBUS);
	flush_and_clear(scene, 5);
	story__fault_begins(&scene->mapper, &scene->file, 6, FAULT_WRITE);
	story__insert(&scene->mapper, &scene->file, 6, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__mapped(&scene->mapper, &scene->file, VMA2, 6, 0, ENTRY_WRITE);
	/* Written back before the fault has returned, as a kernel may. */
	story__mkclean_vma(&scene->writer, &scene->file, VMA2, 6, 6);
	flush_and_clear(scene, 6);
	story__fault_ends(&scene->mapper, &scene->file);
	flush_and_clear(scene, 6);
	assert_silent(scene);
}

static void test_writers_after_loss_are_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__gap(&scene->story, 1);
	flush_and_clear(scene, 4);
	assert_silent(scene);
}

/* --- DX03 of superblocks --------------------------------------------------- */

static void sync_sb(struct scene *scene, enum sb_operation operation)
{
	__u32 dev = operation == SB_SYNC_ALL ? 0 : DEV;

	story__sb(&scene->writer, EVENT_SB_ENTER, dev, operation, 0);
	story__sb(&scene->writer, EVENT_SB_EXIT, dev, operation, 0);
}

static void test_syncfs_misses(void **state)
{
	static const enum sb_operation operations[] = { SB_SYNC, SB_SYNC_ALL };
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		scene__remake(scene, RULES_ALL, 0);
		story__fault_write(&scene->mapper, &scene->file, 4);
		sync_sb(scene, operations[i]);
		assert_int_equal(the_one(scene, RULE_SYNC_MISSED_DIRTY)->index, 4);
		assert_contains(findings(scene, 1)->summary, i ? "sync by" : "syncfs by");
	}
}

static void test_syncfs_is_silent(void **state)
{
	struct scene *scene = *state;
	struct story_file dying = story__file(DEV, 14, 7), failing = story__file(DEV, 15, 7);

	/* Flushed in it; dirtied since it began; of another filesystem. */
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__sb(&scene->writer, EVENT_SB_ENTER, DEV, SB_SYNC, 0);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__sb(&scene->writer, EVENT_SB_EXIT, DEV, SB_SYNC, 0);
	story__sb(&scene->writer, EVENT_SB_ENTER, 1, SB_SYNC, 0);
	story__sb(&scene->writer, EVENT_SB_EXIT, 1, SB_SYNC, 0);
	story__write_back(&scene->writer, &scene->file, 5, 0);
	/* Being evicted; failed, which sync_filesystem() does not hand on. */
	story__fault_write(&scene->mapper, &dying, 4);
	story__evict_begins(&scene->mapper, &dying, 0);
	sync_sb(scene, SB_SYNC);
	story__ends(&scene->mapper, &dying, OPERATION_EVICT);
	story__fault_write(&scene->mapper, &failing, 4);
	story__sb(&scene->writer, EVENT_SB_ENTER, DEV, SB_SYNC, 0);
	story__enter(&scene->writer, &failing, &(struct story_operation) {
		.operation = OPERATION_WRITEPAGES, .last = INDEX_MAX });
	story__exit(&scene->writer, &failing, OPERATION_WRITEPAGES, -5);
	story__sb(&scene->writer, EVENT_SB_EXIT, DEV, SB_SYNC, 0);
	/* Shut down: what eviction drops then is an error, no race. */
	story__evict_begins(&scene->writer, &failing, 1);
	story__truncate_begins(&scene->writer, &failing, 0, INDEX_MAX);
	story__delete(&scene->writer, &failing, 4, 0);
	story__ends(&scene->writer, &failing, OPERATION_EVICT);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* xfs: the tag is cleared before the copy on write, which nothing tells. */
static void test_copy_on_write_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__iomap(&scene->writer, &scene->file, 4, PAGE, IOMAP_TYPE_MAPPED,
		     IOMAP_FLAG_SHARED | IOMAP_FLAG_NEW);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__unmap(&scene->writer, &scene->file, 4, 4);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_silent(scene);
}

/* The same of a run that does not observe the answers: unknown where blocks may be shared. */
static void test_copy_on_write_that_is_not_told(void **state)
{
	static const struct {
		const char *fstype;
		__u64 missing;
		size_t findings;
	} cases[] = {
		{ "xfs", 0, 1 },
		{ "xfs", OBSERVED_BIT(OBSERVED_IOMAP), 0 },
		{ "ext4", OBSERVED_BIT(OBSERVED_IOMAP), 1 },
	};
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		scene__remake(scene, 1U << RULE_LOST_DIRTY_ENTRY, cases[i].missing);
		story__superblock(&scene->story, DEV, cases[i].fstype);
		story__fault_write(&scene->mapper, &scene->file, 4);
		story__write_begins(&scene->writer, &scene->file, 4, 1);
		story__delete(&scene->writer, &scene->file, 4, 0);
		story__write_ends(&scene->writer, &scene->file, 1);
		findings(scene, cases[i].findings);
		assert_int_equal(coverage_of(scene, RULE_LOST_DIRTY_ENTRY)->unknown,
				 !cases[i].findings);
	}
}

/* --- DX04 to DX07 ----------------------------------------------------------- */

static void begin_flip(struct scene *scene)
{
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FILEATTR, .last = INDEX_MAX });
}

static void end_flip(struct scene *scene, __u32 old_flags, __u32 new_flags)
{
	story__mode(&scene->writer, &scene->file, old_flags, new_flags);
	story__ends(&scene->writer, &scene->file, OPERATION_FILEATTR);
}

static void test_flip_while_mapped(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	begin_flip(scene);
	end_flip(scene, MODE_DAX, MODE_MAPPED);
	assert_int_equal(the_one(scene, RULE_FLIP_WHILE_MAPPED)->actors[1].tid, scene->mapper.tid);
	assert_coverage(scene, RULE_FLIP_WHILE_MAPPED, 1, 1, 0);
	/* By a VMA from before tracing: i_mmap tells. */
	scene__remake(scene, RULES_ALL, 0);
	begin_flip(scene);
	end_flip(scene, 0, MODE_DAX | MODE_MAPPED);
	the_one(scene, RULE_FLIP_WHILE_MAPPED);
}

static void test_mapped_in_a_flip(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, 1U << RULE_FLIP_UNSERIALISED, 0);
	begin_flip(scene);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	end_flip(scene, MODE_DAX, MODE_MAPPED);
	assert_int_equal(the_one(scene, RULE_FLIP_UNSERIALISED)->actors[1].tid, scene->mapper.tid);
}

static void test_flip_leaves_dirty_entries(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 4);
	begin_flip(scene);
	end_flip(scene, MODE_DAX, 0);
	the_one(scene, RULE_FLIP_WITHOUT_WRITEBACK);
	scene__remake(scene, RULES_ALL, 0);
	begin_flip(scene);
	end_flip(scene, 0, MODE_DAX | MODE_DIRTY);
	the_one(scene, RULE_FLIP_WITHOUT_WRITEBACK);
}

/* At the moment of the change: not even clean pages may be left. */
static void test_flip_leaves_clean_pages(void **state)
{
	struct scene *scene = *state;

	begin_flip(scene);
	end_flip(scene, 0, MODE_DAX | MODE_PAGES | MODE_MOMENT);
	the_one(scene, RULE_FLIP_WITHOUT_WRITEBACK);
	/* Later: they may be of the new mode. */
	scene__remake(scene, RULES_ALL, 0);
	begin_flip(scene);
	end_flip(scene, 0, MODE_DAX | MODE_PAGES);
	begin_flip(scene);
	end_flip(scene, MODE_DAX, MODE_MOMENT);
	assert_silent(scene);
}

/* A write that has read the mode before it changed. */
static void test_old_mode_is_used(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	begin_flip(scene);
	end_flip(scene, MODE_DAX, MODE_MOMENT);
	story__old_mode(&scene->mapper, &scene->file, OPERATION_WRITE, 3);
	finding = the_one(scene, RULE_FLIP_UNSERIALISED);
	assert_int_equal(finding->index, 3);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_int_equal(finding->actors[1].tid, scene->writer.tid);
	/* It has never been in another mode: how that filesystem does it. */
	scene__remake(scene, RULES_ALL, 0);
	story__old_mode(&scene->mapper, &scene->file, OPERATION_WRITE, 3);
	assert_silent(scene);
}

static void test_flip_in_a_fault(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	begin_flip(scene);
	end_flip(scene, MODE_DAX, 0);
	story__fault_ends(&scene->mapper, &scene->file);
	assert_int_equal(the_one(scene, RULE_FLIP_UNSERIALISED)->actors[1].tid, scene->mapper.tid);
	assert_coverage(scene, RULE_FLIP_UNSERIALISED, 1, 1, 0);
}

static void test_flip_in_writeback(void **state)
{
	struct scene *scene = *state;

	story__enter(&scene->mapper, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEBACK, .last = INDEX_MAX });
	begin_flip(scene);
	end_flip(scene, MODE_DAX, MODE_DAX);
	the_one(scene, RULE_FLIP_DURING_WRITEPAGES);
	assert_coverage(scene, RULE_FLIP_DURING_WRITEPAGES, 1, 1, 0);
}

static void begin_writepages(struct scene *scene)
{
	story__enter(&scene->mapper, &scene->file, &(struct story_operation) {
		.operation = OPERATION_WRITEPAGES, .last = INDEX_MAX });
}

/* Of the page cache: a handle before the flip began, and one after it. */
static void test_flip_between_handles(void **state)
{
	struct scene *scene = *state;

	begin_writepages(scene);
	story__handle(&scene->mapper, DEV);
	begin_flip(scene);
	end_flip(scene, 0, 0);
	findings(scene, 0);
	story__handle(&scene->mapper, DEV);
	the_one(scene, RULE_FLIP_DURING_WRITEPAGES);
}

/* do_writepages() waits for the flip's lock, or has let its own go. */
static void test_writepages_around_a_flip_is_silent(void **state)
{
	struct scene *scene = *state;

	begin_writepages(scene);
	begin_flip(scene);
	end_flip(scene, 0, 0);
	story__handle(&scene->mapper, DEV);
	story__handle(&scene->mapper, DEV);
	story__ends(&scene->mapper, &scene->file, OPERATION_WRITEPAGES);
	/* The first handle comes when the flip is done, but not found yet. */
	begin_writepages(scene);
	begin_flip(scene);
	story__handle(&scene->mapper, DEV);
	end_flip(scene, 0, 0);
	story__handle(&scene->mapper, DEV);
	story__ends(&scene->mapper, &scene->file, OPERATION_WRITEPAGES);
	/* Its work is done. */
	begin_writepages(scene);
	story__handle(&scene->mapper, DEV);
	begin_flip(scene);
	end_flip(scene, 0, 0);
	story__ends(&scene->mapper, &scene->file, OPERATION_WRITEPAGES);
	assert_silent(scene);
}

/* A flip as it should be, and those of ext4 that need not exclude a mapping. */
static void test_right_flips_are_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	begin_flip(scene);
	story__write_back(&scene->writer, &scene->file, 4, 0);
	story__invalidate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__invalidate_ends(&scene->writer, &scene->file);
	end_flip(scene, MODE_DAX, 0);
	story__fault_read_hole(&scene->mapper, &scene->file, 9);
	assert_silent(scene);
	assert_coverage(scene, RULE_FLIP_WHILE_MAPPED, 1, 0, 0);
	/* Journalling of a mapped file that is not in DAX mode. */
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	begin_flip(scene);
	end_flip(scene, 0, MODE_MAPPED);
	/* Mapped: EBUSY, no flip. */
	begin_flip(scene);
	story__exit(&scene->writer, &scene->file, OPERATION_FILEATTR, -16);
	/* A flip that somebody's fault finds, later. */
	scene__remake(scene, RULES_ALL, 0);
	begin_flip(scene);
	story__ends(&scene->writer, &scene->file, OPERATION_FILEATTR);
	story__mode(&scene->mapper, &scene->file, 0, MODE_DAX);
	story__fault_write(&scene->mapper, &scene->file, 4);
	assert_silent(scene);
}

/* Only a poll has seen it: mapped now, but then? */
static void test_polled_flip_is_unknown(void **state)
{
	struct scene *scene = *state;

	story__mode(&scene->writer, &scene->file, 0, MODE_DAX | MODE_MAPPED | MODE_POLLED);
	findings(scene, 0);
	assert_coverage(scene, RULE_FLIP_WHILE_MAPPED, 0, 0, 1);
	assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
}

/* A poll that was kept from telling it until others had, and somebody mapped the file. */
static void test_polled_flip_that_is_known(void **state)
{
	struct scene *scene = *state;

	begin_flip(scene);
	end_flip(scene, 0, MODE_DAX | MODE_MOMENT);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__mode(&scene->writer, &scene->file, 0, MODE_DAX | MODE_MAPPED | MODE_POLLED);
	assert_silent(scene);
	assert_coverage(scene, RULE_FLIP_WHILE_MAPPED, 1, 0, 0);
	/* One that is not is judged. */
	story__mode(&scene->writer, &scene->file, MODE_DAX, MODE_MAPPED | MODE_POLLED);
	findings(scene, 1);
}

/* --- DX08 ----------------------------------------------------------------- */

/* The fault overlaps the truncation, and what it mapped is there at the end. */
static void test_fault_in_truncation(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__fault_read(&scene->mapper, &scene->file, 4);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	finding = the_one(scene, RULE_FAULT_MAPS_FREED);
	assert_int_equal(finding->index, 4);
	assert_int_equal(finding->actors[0].tid, scene->mapper.tid);
	assert_coverage(scene, RULE_FAULT_MAPS_FREED, 1, 1, 0);
}

/* For pages in use. */
static void look(struct scene *scene, __s64 busy)
{
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_LAYOUT, .first = 2, .last = 9 });
	story__exit(&scene->writer, &scene->file, OPERATION_LAYOUT, busy);
}

static void punch_page_cache(struct scene *scene)
{
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	look(scene, 0);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
}

static void fault_with_answer(struct scene *scene, __u64 index, __u64 flags, __u16 type,
			      __u16 iomap_flags)
{
	story__fault_begins(&scene->mapper, &scene->file, index, flags);
	story__iomap(&scene->mapper, &scene->file, index, PAGE, type, iomap_flags);
	story__insert(&scene->mapper, &scene->file, index, 0, type == IOMAP_TYPE_HOLE ? ENTRY_ZERO :
		      flags & FAULT_WRITE ? ENTRY_WRITE | ENTRY_DIRTY : 0);
	story__fault_ends(&scene->mapper, &scene->file);
}

/* Between the truncation and the freeing: the block is still the file's, for a moment. */
static void test_fault_before_freeing(void **state)
{
	struct scene *scene = *state;

	punch_page_cache(scene);
	fault_with_answer(scene, 4, FAULT_WRITE, IOMAP_TYPE_MAPPED, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	the_one(scene, RULE_FAULT_MAPS_FREED);
}

/* A punch of one whole page. */
static void test_fault_in_punch_of_a_page(void **state)
{
	struct scene *scene = *state;

	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 4, 4);
	story__truncate_begins(&scene->writer, &scene->file, 4, 4);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	fault_with_answer(scene, 4, 0, IOMAP_TYPE_MAPPED, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	the_one(scene, RULE_FAULT_MAPS_FREED);
}

/* ->iomap_begin before, the insertion after: the fault had no lock. */
static void test_fault_across_truncation(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__iomap(&scene->mapper, &scene->file, 4, PAGE, IOMAP_TYPE_MAPPED, 0);
	punch_page_cache(scene);
	story__insert(&scene->mapper, &scene->file, 4, 0, 0);
	story__fault_ends(&scene->mapper, &scene->file);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	the_one(scene, RULE_FAULT_MAPS_FREED);
}

/* The entry goes; the page table entry, set after the unmap, stays. */
static void test_page_table_outlives_block(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_contains(the_one(scene, RULE_FAULT_MAPS_FREED)->summary, "page 4");
}

static void test_faults_beside_freeing_are_silent(void **state)
{
	struct scene *scene = *state;

	/* truncate_pagecache() unmaps twice. */
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__setsize_begins(&scene->writer, &scene->file, 40960, 8192);
	story__unmap(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__fault_write_by(&scene->mapper, &scene->file, VMA, 4);
	story__truncate_begins(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__unmap(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__ends(&scene->writer, &scene->file, OPERATION_SETSIZE);
	/* When the blocks are free and the lock is, faults find a hole or allocate. */
	punch_page_cache(scene);
	fault_with_answer(scene, 4, 0, IOMAP_TYPE_HOLE, 0);
	fault_with_answer(scene, 5, FAULT_WRITE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	fault_with_answer(scene, 5, 0, IOMAP_TYPE_MAPPED, 0);
	fault_with_answer(scene, 20, 0, IOMAP_TYPE_MAPPED, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	/* Pages of which the punch frees a part: 7 pages' worth in 8. */
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FALLOCATE, .first = 2, .last = 9,
		.argument = { PUNCH, 7 * PAGE } });
	look(scene, 0);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	fault_with_answer(scene, 2, 0, IOMAP_TYPE_MAPPED, 0);
	fault_with_answer(scene, 9, 0, IOMAP_TYPE_MAPPED, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	/* It failed: nothing was freed. */
	punch_page_cache(scene);
	fault_with_answer(scene, 6, 0, IOMAP_TYPE_MAPPED, 0);
	story__exit(&scene->writer, &scene->file, OPERATION_FALLOCATE, -28);
	/* Collapse puts other blocks there before it returns. */
	story__fallocate_begins(&scene->writer, &scene->file, COLLAPSE, 2, 9);
	look(scene, 0);
	story__truncate_begins(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	fault_with_answer(scene, 7, 0, IOMAP_TYPE_MAPPED, 0);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_silent(scene);
}

/* --- DX09 ----------------------------------------------------------------- */

static void begin_allocating_write(struct scene *scene, __u64 index, __u64 pages)
{
	story__write_begins(&scene->writer, &scene->file, index, pages);
	story__iomap(&scene->writer, &scene->file, index, pages * PAGE, IOMAP_TYPE_MAPPED,
		     IOMAP_FLAG_NEW);
}

static void test_hole_survives_write(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	begin_allocating_write(scene, 4, 2);
	/* Its iomap is older than the allocation, its insertion comes after the invalidation. */
	story__invalidate_begins(&scene->writer, &scene->file, 4, 5);
	story__unmap(&scene->writer, &scene->file, 4, 5);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__fault_read_hole(&scene->mapper, &scene->file, 5);
	story__write_ends(&scene->writer, &scene->file, 2);
	assert_int_equal(the_one(scene, RULE_STALE_MAPPING)->index, 5);
	assert_coverage(scene, RULE_STALE_MAPPING, 1, 1, 0);
}

/* A store's fault has allocated the block, and has not put it in the hole's place yet. */
static void test_hole_in_the_hands_of_a_fault_is_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	story__iomap(&scene->mapper, &scene->file, 4, PAGE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	story__write_begins(&scene->writer, &scene->file, 4, 1);
	story__iomap(&scene->writer, &scene->file, 4, PAGE, IOMAP_TYPE_MAPPED, 0);
	story__write_ends(&scene->writer, &scene->file, 1);
	story__insert(&scene->mapper, &scene->file, 4, 0, ENTRY_WRITE | ENTRY_DIRTY);
	story__fault_ends(&scene->mapper, &scene->file);
	assert_silent(scene);
}

/* As on 6.1: the entries carry the dirty tag, and stay. */
static void test_unmapped_hole_is_silent(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	story__fault_read_hole(&scene->mapper, &scene->file, 9);
	begin_allocating_write(scene, 4, 6);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 6);
	story__unmap(&scene->writer, &scene->file, 4, 6);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__invalidate_begins(&scene->writer, &scene->file, 7, 9);
	story__unmap(&scene->writer, &scene->file, 7, 9);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 6);
	assert_silent(scene);
	/* And mapped again, while no block is written to. */
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	begin_allocating_write(scene, 4, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	the_one(scene, RULE_STALE_MAPPING);
}

static void test_write_does_not_invalidate(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read_huge_hole(&scene->mapper, &scene->file, 0);
	begin_allocating_write(scene, 4, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_int_equal(the_one(scene, RULE_STALE_MAPPING)->index, 4);
}

static void test_hole_is_not_unmapped(void **state)
{
	struct scene *scene = *state;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	begin_allocating_write(scene, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 1);
	the_one(scene, RULE_STALE_MAPPING);
}

static void test_stale_answer_is_installed_after_write(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__iomap(&scene->mapper, &scene->file, 4, PAGE, IOMAP_TYPE_HOLE, 0);
	begin_allocating_write(scene, 4, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	story__insert(&scene->mapper, &scene->file, 4, 0, ENTRY_ZERO);
	story__fault_ends(&scene->mapper, &scene->file);
	the_one(scene, RULE_STALE_MAPPING);
}

static void test_right_writes_are_silent(void **state)
{
	struct scene *scene = *state;

	/* Invalidated, unmapped; then a fault finds the block. */
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_read_hole(&scene->mapper, &scene->file, 4);
	begin_allocating_write(scene, 4, 1);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 4);
	story__delete(&scene->writer, &scene->file, 4, 0);
	story__unmap(&scene->writer, &scene->file, 4, 4);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__fault_read(&scene->mapper, &scene->file, 4);
	story__write_ends(&scene->writer, &scene->file, 1);
	/* Holes elsewhere; a write that stored less than it was asked to. */
	story__fault_read_hole(&scene->mapper, &scene->file, 8);
	begin_allocating_write(scene, 6, 2);
	story__write_ends(&scene->writer, &scene->file, 2);
	story__write_begins(&scene->writer, &scene->file, 7, 2);
	story__write_ends(&scene->writer, &scene->file, 1);
	/* Punched after the write, while the fault still waits. */
	story__fault_begins(&scene->mapper, &scene->file, 6, 0);
	begin_allocating_write(scene, 6, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	punch_page_cache(scene);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	story__insert(&scene->mapper, &scene->file, 6, 0, ENTRY_ZERO);
	story__fault_ends(&scene->mapper, &scene->file);
	assert_silent(scene);
}

static void read_of_hole(struct scene *scene, __u64 index)
{
	story__fault_begins(&scene->mapper, &scene->file, index, 0);
	story__iomap(&scene->mapper, &scene->file, index, PAGE, IOMAP_TYPE_HOLE, 0);
	story__insert(&scene->mapper, &scene->file, index, 0, ENTRY_ZERO);
	story__fault_ends(&scene->mapper, &scene->file);
}

/*
 * As FICLONERANGE of a hole does it, over pages that were written to before, whether a fault
 * comes after it or waits meanwhile: the hole is the truth.
 */
static void test_remapped_range_is_silent(void **state)
{
	struct scene *scene = *state;

	begin_allocating_write(scene, 4, 2);
	story__write_ends(&scene->writer, &scene->file, 2);
	story__fault_begins(&scene->mapper, &scene->file, 5, 0);
	story__unmap(&scene->writer, &scene->file, 4, 5);
	story__truncate_begins(&scene->writer, &scene->file, 4, 5);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__iomap(&scene->mapper, &scene->file, 5, PAGE, IOMAP_TYPE_HOLE, 0);
	story__insert(&scene->mapper, &scene->file, 5, 0, ENTRY_ZERO);
	story__fault_ends(&scene->mapper, &scene->file);
	read_of_hole(scene, 4);
	assert_silent(scene);
}

/* Without it, the fault is wrong. */
static void test_hole_after_write(void **state)
{
	struct scene *scene = *state;

	begin_allocating_write(scene, 4, 2);
	story__write_ends(&scene->writer, &scene->file, 2);
	read_of_hole(scene, 4);
	the_one(scene, RULE_STALE_MAPPING);
}

/* A huge hole that a failing fault of a page may have broken up. */
static void test_doubtful_huge_hole_is_silent(void **state)
{
	struct scene *scene = *state;

	story__fault_read_huge_hole(&scene->mapper, &scene->file, 0);
	story__fault_begins(&scene->mapper, &scene->file, 9, FAULT_WRITE);
	begin_allocating_write(scene, 4, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FAULT_SIGBUS);
	begin_allocating_write(scene, 5, 1);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_silent(scene);
}

/* --- private mappings --------------------------------------------------------- */

/* The page is copied, or zeroes are for a hole: neither an entry nor a mapping of the block is left. */
static void begin_copy(struct scene *scene, __u64 index, __u16 type)
{
	story__fault_begins(&scene->mapper, &scene->file, index, FAULT_WRITE | FAULT_PRIVATE);
	story__iomap(&scene->mapper, &scene->file, index, PAGE, type, 0);
}

static void copy_page(struct scene *scene, __u64 index, __u16 type)
{
	begin_copy(scene, index, type);
	story__fault_ends(&scene->mapper, &scene->file);
}

static void test_private_copies_beside_freeing_are_silent(void **state)
{
	struct scene *scene = *state;

	/* Nobody looks for pages in use: none of the block's is mapped. */
	story__map_private(&scene->mapper, &scene->file, VMA, 0, 99);
	copy_page(scene, 3, IOMAP_TYPE_MAPPED);
	begin_copy(scene, 4, IOMAP_TYPE_MAPPED);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__fault_ends(&scene->mapper, &scene->file);
	copy_page(scene, 5, IOMAP_TYPE_MAPPED);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	copy_page(scene, 6, IOMAP_TYPE_MAPPED);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	/* The same of a truncation, and a fault that outlasts it. */
	story__setsize_begins(&scene->writer, &scene->file, 40960, 8192);
	begin_copy(scene, 7, IOMAP_TYPE_MAPPED);
	story__unmap(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__truncate_begins(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__ends(&scene->writer, &scene->file, OPERATION_SETSIZE);
	story__fault_ends(&scene->mapper, &scene->file);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

static void test_private_copies_beside_writes_are_silent(void **state)
{
	struct scene *scene = *state;

	/* What is copied may be old: it is the process's own. */
	story__map_private(&scene->mapper, &scene->file, VMA, 0, 99);
	begin_copy(scene, 4, IOMAP_TYPE_HOLE);
	begin_allocating_write(scene, 4, 2);
	copy_page(scene, 5, IOMAP_TYPE_HOLE);
	story__invalidate_begins(&scene->writer, &scene->file, 4, 5);
	story__unmap(&scene->writer, &scene->file, 4, 5);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 2);
	story__fault_ends(&scene->mapper, &scene->file);
	copy_page(scene, 5, IOMAP_TYPE_MAPPED);
	assert_silent(scene);
	assert_int_equal(verdict_of(scene), VERDICT_CLEAN);
}

/* --- DX10, DX11 ------------------------------------------------------------ */

static void test_collapse_drops_store(void **state)
{
	struct scene *scene = *state;

	story__fallocate_begins(&scene->writer, &scene->file, COLLAPSE, 2, 3);
	story__write_back(&scene->writer, &scene->file, 9, 0);
	story__fault_write(&scene->mapper, &scene->file, 9);
	story__truncate_begins(&scene->writer, &scene->file, 2, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, 9, 0);
	assert_int_equal(the_one(scene, RULE_DROPPED_WRITE)->index, 9);
	assert_coverage(scene, RULE_DROPPED_WRITE, 1, 1, 0);
}

static void test_right_shifts_are_silent(void **state)
{
	static const int modes[] = { COLLAPSE, INSERT };
	struct scene *scene = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		story__fault_write(&scene->mapper, &scene->file, 2);
		story__fault_write(&scene->mapper, &scene->file, 9);
		story__fallocate_begins(&scene->writer, &scene->file, modes[i], 2, 3);
		if (modes[i] == INSERT)
			story__write_back(&scene->writer, &scene->file, 2, 0);
		story__write_back(&scene->writer, &scene->file, 9, 0);
		story__truncate_begins(&scene->writer, &scene->file, 2, INDEX_MAX);
		story__delete(&scene->writer, &scene->file, 2, 0);
		story__delete(&scene->writer, &scene->file, 9, 0);
		story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
		story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	}
	assert_silent(scene);
}

static void punch_with_looks(struct scene *scene, int looks, __s64 last, __s64 result)
{
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	while (looks-- > 1)
		look(scene, 1);
	look(scene, last);
	story__truncate_begins(&scene->writer, &scene->file, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_TRUNCATE);
	story__exit(&scene->writer, &scene->file, OPERATION_FALLOCATE, result);
}

static void test_layout_break_gives_up(void **state)
{
	struct scene *scene = *state;

	punch_with_looks(scene, 2, 1, 0);
	the_one(scene, RULE_LAYOUT_BREAK);
	assert_coverage(scene, RULE_LAYOUT_BREAK, 1, 1, 0);
}

/* A mapped page is freed, and nobody asks who uses it. */
static void test_nobody_looks(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_LAYOUT_BREAK);
	assert_string_equal(finding->certainty, "predicted");
	assert_int_equal(finding->index, 2);
	assert_int_equal(finding->pages, 8);
	/* Nobody has it mapped any more. */
	scene__remake(scene, RULES_ALL, 0);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_silent(scene);
	/* The end of one before went unseen: the look is not that one's. */
	scene__remake(scene, RULES_ALL, 0);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 20, 21);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fallocate_begins(&scene->writer, &scene->file, PUNCH, 2, 9);
	look(scene, 0);
	story__unmap(&scene->writer, &scene->file, 2, 9);
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_silent(scene);
	/* Of three pages that are not freed whole, the one in the middle is. */
	scene__remake(scene, RULES_ALL, 0);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FALLOCATE, .first = 4, .last = 6,
		.argument = { PUNCH, 2 * PAGE } });
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_string_equal(findings(scene, 1)->certainty, "predicted");
	/* From the middle of page 4 to that of page 5: both keep their blocks, and ext4 looks for nobody. */
	scene__remake(scene, RULES_ALL, 0);
	story__map(&scene->mapper, &scene->file, VMA, 0, 99);
	story__fault_write(&scene->mapper, &scene->file, 4);
	story__fault_write(&scene->mapper, &scene->file, 5);
	story__enter(&scene->writer, &scene->file, &(struct story_operation) {
		.operation = OPERATION_FALLOCATE, .first = 4, .last = 5,
		.argument = { PUNCH, PAGE } });
	story__ends(&scene->writer, &scene->file, OPERATION_FALLOCATE);
	assert_silent(scene);
}

static void test_right_layout_breaks_are_silent(void **state)
{
	struct scene *scene = *state;

	punch_with_looks(scene, 1, 0, 0);
	punch_with_looks(scene, 3, 0, 0);
	punch_with_looks(scene, 1, 1, -4);
	assert_silent(scene);
	assert_coverage(scene, RULE_LAYOUT_BREAK, 3, 2, 0);
}

/* --- DX12 ----------------------------------------------------------------- */

#define SECOND	1000000000ULL

static void lock(struct scene *scene, const struct story_task *task, enum event_type type)
{
	story__entry_lock(task, &scene->file, type, 4, NULL);
}

static void test_waiter_is_never_woken(void **state)
{
	struct scene *scene = *state;

	lock(scene, &scene->mapper, EVENT_ENTRY_LOCK);
	lock(scene, &scene->writer, EVENT_ENTRY_WAIT);
	lock(scene, &scene->mapper, EVENT_ENTRY_UNLOCK);
	scene->story.time += 5 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	findings(scene, 0);
	scene->story.time += 6 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	assert_int_equal(the_one(scene, RULE_ENTRY_LOCK_STALL)->actors[0].tid, scene->writer.tid);
	scene->story.time += 60 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	assert_int_equal(findings(scene, 1)->occurrences, 1);
	assert_coverage(scene, RULE_ENTRY_LOCK_STALL, 1, 1, 0);
}

static void test_long_waits_are_silent(void **state)
{
	struct scene *scene = *state;

	/* The holder has it still. */
	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__insert(&scene->mapper, &scene->file, 4, 0, 0);
	lock(scene, &scene->mapper, EVENT_ENTRY_LOCK);
	lock(scene, &scene->writer, EVENT_ENTRY_WAIT);
	scene->story.time += 60 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	/* Woken, and gone on. */
	lock(scene, &scene->mapper, EVENT_ENTRY_UNLOCK);
	story__entry_lock(&scene->mapper, &scene->file, EVENT_ENTRY_WAKE, 4, &scene->writer);
	lock(scene, &scene->writer, EVENT_ENTRY_LOCK);
	scene->story.time += 60 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	assert_silent(scene);
}

static void test_wait_without_end(void **state)
{
	struct scene *scene = *state;

	lock(scene, &scene->writer, EVENT_ENTRY_WAIT);
	scene->story.time += 121 * SECOND;
	story__fault_read(&scene->mapper, &scene->file, 9);
	assert_contains(the_one(scene, RULE_ENTRY_LOCK_STALL)->summary, "121 s");
}

/* Nothing else happens: that is told every few seconds. */
static void test_wait_in_silence(void **state)
{
	struct scene *scene = *state;

	lock(scene, &scene->writer, EVENT_ENTRY_WAIT);
	scene->story.time += 110 * SECOND;
	story__gap(&scene->story, 0);
	findings(scene, 0);
	scene->story.time += 11 * SECOND;
	story__gap(&scene->story, 0);
	assert_contains(the_one(scene, RULE_ENTRY_LOCK_STALL)->summary, "121 s");
}

/* --- DX15 to DX17 ------------------------------------------------------------ */

static void test_short_answer(void **state)
{
	struct scene *scene = *state;

	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__iomap(&scene->mapper, &scene->file, 4, 1024, IOMAP_TYPE_MAPPED, 0);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FAULT_SIGBUS);
	assert_contains(the_one(scene, RULE_SHORT_MAPPING)->summary, "1024 bytes");
	/* It says what was asked for; it begins elsewhere, and ends in the page. */
	scene__remake(scene, RULES_ALL, 0);
	story__fault_begins(&scene->mapper, &scene->file, 4, FAULT_WRITE);
	story__iomap(&scene->mapper, &scene->file, 4, 1024, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	the_one(scene, RULE_SHORT_MAPPING);
	scene__remake(scene, RULES_ALL, 0);
	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__iomap(&scene->mapper, &scene->file, 0, 4 * PAGE + 2048, IOMAP_TYPE_MAPPED, 0);
	the_one(scene, RULE_SHORT_MAPPING);
}

static void test_whole_answers_are_silent(void **state)
{
	struct scene *scene = *state;

	fault_with_answer(scene, 4, 0, IOMAP_TYPE_MAPPED, 0);
	story__fault_begins(&scene->mapper, &scene->file, 4, 0);
	story__iomap(&scene->mapper, &scene->file, 0, 5 * PAGE, IOMAP_TYPE_MAPPED, 0);
	story__fault_ends(&scene->mapper, &scene->file);
	/* Too short for a huge page: it falls back. Too short for a write: it asks again. */
	story__fault_begins(&scene->mapper, &scene->file, 0, FAULT_PMD);
	story__iomap(&scene->mapper, &scene->file, 0, 1024, IOMAP_TYPE_MAPPED, 0);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FALLBACK_RESULT);
	story__write_begins(&scene->writer, &scene->file, 0, 4);
	story__iomap(&scene->writer, &scene->file, 0, 1024, IOMAP_TYPE_MAPPED, 0);
	story__write_ends(&scene->writer, &scene->file, 4);
	scene->story.lost = 0;
	findings(scene, 1);		/* DX17 alone: all rules are selected */
	assert_int_equal(findings(scene, 1)->rule, RULE_HUGE_FALLBACK);
}

static void test_huge_over_small(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 9);
	story__fault_write_huge(&scene->writer, &scene->file, 0);
	assert_int_equal(the_one(scene, RULE_PMD_PTE_COLLISION)->index, 9);
}

static void test_small_within_huge(void **state)
{
	struct scene *scene = *state;

	/* After the hole the model knows that the huge entry maps blocks. */
	story__fault_read_huge_hole(&scene->mapper, &scene->file, 0);
	story__fault_write_huge(&scene->mapper, &scene->file, 0);
	story__fault_write(&scene->writer, &scene->file, 9);
	story__write_back(&scene->writer, &scene->file, 9, 0);
	assert_int_equal(the_one(scene, RULE_PMD_PTE_COLLISION)->index, 9);
}

static void test_sizes_that_get_along(void **state)
{
	struct scene *scene = *state;

	/* A page of a huge entry; a huge hole that is broken up; a huge one where small ones were. */
	story__fault_write_huge(&scene->mapper, &scene->file, 0);
	story__fault_write(&scene->writer, &scene->file, 9);
	story__write_back(&scene->writer, &scene->file, 0, STORY_HUGE_ORDER);
	story__fault_read_huge_hole(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	story__fault_write(&scene->writer, &scene->file, STORY_HUGE_PAGES + 9);
	story__write_back(&scene->writer, &scene->file, STORY_HUGE_PAGES + 9, 0);
	story__invalidate_begins(&scene->writer, &scene->file, 0, INDEX_MAX);
	story__delete(&scene->writer, &scene->file, STORY_HUGE_PAGES + 9, 0);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__fault_write_huge(&scene->mapper, &scene->file, STORY_HUGE_PAGES);
	assert_silent(scene);
}

static void test_huge_fallback_is_opt_in(void **state)
{
	struct scene *scene = *state;

	scene__remake(scene, RULES_DEFAULT, 0);
	story__fault_begins(&scene->mapper, &scene->file, 0, FAULT_PMD);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FALLBACK_RESULT);
	assert_silent(scene);
	scene__remake(scene, 1U << RULE_HUGE_FALLBACK, 0);
	story__fault_begins(&scene->mapper, &scene->file, 0, FAULT_PMD);
	story__exit(&scene->mapper, &scene->file, OPERATION_FAULT, FALLBACK_RESULT);
	the_one(scene, RULE_HUGE_FALLBACK);
}

/* --- what is missing --------------------------------------------------------- */

static void tell_lost_entry(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 1);
	story__write_begins(&scene->writer, &scene->file, 1, 1);
	story__delete(&scene->writer, &scene->file, 1, 0);
	story__write_ends(&scene->writer, &scene->file, 1);
}

static void tell_missed_sync(void **state)
{
	struct scene *scene = *state;

	story__fault_write(&scene->mapper, &scene->file, 1);
	story__fsync_begins(&scene->writer, &scene->file);
	story__fsync_ends(&scene->writer, &scene->file, 0);
}

static void tell_locks(void **state)
{
	struct scene *scene = *state;

	tell_lock_races(scene);
	story__locks_end(&scene->story, 0, 0);
}

/* Tell a scene of that rule alone what was told before, and nothing else. */
static void tell_again(struct scene *scene, enum rule_index rule, __u64 missing,
		       const struct bytes *told)
{
	scene__remake(scene, 1U << rule, missing);
	bytes__free(&scene->story.records);
	bytes__add(&scene->story.records, told->data, told->length);
}

/* Told whole, each of these fires; without any one of what its rule needs it says nothing. */
static void test_missing_events(void **state)
{
	static void (*const stories[RULE_COUNT])(void **state) = {
		[RULE_LOST_DIRTY_ENTRY] = tell_lost_entry,
		[RULE_CLEAN_BUT_WRITABLE] = test_cleaned_while_writable,
		[RULE_SYNC_MISSED_DIRTY] = tell_missed_sync,
		[RULE_FLIP_WHILE_MAPPED] = test_flip_while_mapped,
		[RULE_FLIP_WITHOUT_WRITEBACK] = test_flip_leaves_dirty_entries,
		[RULE_FLIP_UNSERIALISED] = test_flip_in_a_fault,
		[RULE_FLIP_DURING_WRITEPAGES] = test_flip_in_writeback,
		[RULE_FAULT_MAPS_FREED] = test_fault_before_freeing,
		[RULE_STALE_MAPPING] = test_hole_survives_write,
		[RULE_DROPPED_WRITE] = test_collapse_drops_store,
		[RULE_LAYOUT_BREAK] = test_layout_break_gives_up,
		[RULE_ENTRY_LOCK_STALL] = test_waiter_is_never_woken,
		[RULE_LOCK_ORDER] = tell_locks,
		[RULE_SELF_DEADLOCK] = tell_locks,
		[RULE_SHORT_MAPPING] = test_short_answer,
		[RULE_PMD_PTE_COLLISION] = test_huge_over_small,
		[RULE_HUGE_FALLBACK] = test_huge_fallback_is_opt_in,
		[RULE_LOCK_LEAK] = tell_locks,
		[RULE_SYNC_IN_HANDLE] = tell_locks,
	};
	struct scene *scene = *state;
	struct bytes told;
	int observed, rule;

	for (rule = 0; rule < RULE_COUNT; rule++) {
		scene__remake(scene, RULES_ALL, 0);
		stories[rule](state);
		told = scene->story.records;
		memset(&scene->story.records, 0, sizeof(scene->story.records));
		tell_again(scene, rule, 0, &told);
		assert_int_equal(findings(scene, 1)->rule, rule);
		for (observed = 0; observed < OBSERVED_COUNT; observed++) {
			if (!(rule_table[rule]->needs & OBSERVED_BIT(observed)))
				continue;
			tell_again(scene, rule, OBSERVED_BIT(observed), &told);
			findings(scene, 0);
			/* For that alone. */
			assert_int_equal(model__loss(detector__model(scene->detector))->records, 0);
			assert_int_equal(verdict_of(scene), VERDICT_INCONCLUSIVE);
		}
		bytes__free(&told);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SCENE_TEST(test_cleaned_while_writable),
		SCENE_TEST(test_tag_went_untold),
		SCENE_TEST(test_one_of_two_mappings_cleaned),
		SCENE_TEST(test_mapping_of_a_child),
		SCENE_TEST(test_write_protected_is_silent),
		SCENE_TEST(test_unmapped_is_silent),
		SCENE_TEST(test_uncertain_writers_are_silent),
		SCENE_TEST(test_writers_after_loss_are_silent),
		SCENE_TEST(test_syncfs_misses),
		SCENE_TEST(test_syncfs_is_silent),
		SCENE_TEST(test_copy_on_write_is_silent),
		SCENE_TEST(test_copy_on_write_that_is_not_told),
		SCENE_TEST(test_flip_while_mapped),
		SCENE_TEST(test_mapped_in_a_flip),
		SCENE_TEST(test_flip_leaves_dirty_entries),
		SCENE_TEST(test_flip_leaves_clean_pages),
		SCENE_TEST(test_old_mode_is_used),
		SCENE_TEST(test_flip_in_a_fault),
		SCENE_TEST(test_flip_in_writeback),
		SCENE_TEST(test_flip_between_handles),
		SCENE_TEST(test_writepages_around_a_flip_is_silent),
		SCENE_TEST(test_right_flips_are_silent),
		SCENE_TEST(test_polled_flip_is_unknown),
		SCENE_TEST(test_polled_flip_that_is_known),
		SCENE_TEST(test_fault_in_truncation),
		SCENE_TEST(test_fault_before_freeing),
		SCENE_TEST(test_fault_in_punch_of_a_page),
		SCENE_TEST(test_fault_across_truncation),
		SCENE_TEST(test_page_table_outlives_block),
		SCENE_TEST(test_faults_beside_freeing_are_silent),
		SCENE_TEST(test_hole_survives_write),
		SCENE_TEST(test_write_does_not_invalidate),
		SCENE_TEST(test_hole_is_not_unmapped),
		SCENE_TEST(test_hole_in_the_hands_of_a_fault_is_silent),
		SCENE_TEST(test_unmapped_hole_is_silent),
		SCENE_TEST(test_stale_answer_is_installed_after_write),
		SCENE_TEST(test_right_writes_are_silent),
		SCENE_TEST(test_remapped_range_is_silent),
		SCENE_TEST(test_hole_after_write),
		SCENE_TEST(test_doubtful_huge_hole_is_silent),
		SCENE_TEST(test_private_copies_beside_freeing_are_silent),
		SCENE_TEST(test_private_copies_beside_writes_are_silent),
		SCENE_TEST(test_collapse_drops_store),
		SCENE_TEST(test_right_shifts_are_silent),
		SCENE_TEST(test_layout_break_gives_up),
		SCENE_TEST(test_nobody_looks),
		SCENE_TEST(test_right_layout_breaks_are_silent),
		SCENE_TEST(test_waiter_is_never_woken),
		SCENE_TEST(test_long_waits_are_silent),
		SCENE_TEST(test_wait_without_end),
		SCENE_TEST(test_wait_in_silence),
		SCENE_TEST(test_short_answer),
		SCENE_TEST(test_whole_answers_are_silent),
		SCENE_TEST(test_huge_over_small),
		SCENE_TEST(test_small_within_huge),
		SCENE_TEST(test_sizes_that_get_along),
		SCENE_TEST(test_huge_fallback_is_opt_in),
		SCENE_TEST(test_missing_events),
	};

	return cmocka_run_group_tests_name("detect_rules", tests, NULL, NULL);
}
