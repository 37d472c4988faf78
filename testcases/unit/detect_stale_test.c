// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX09, of a write that leaves a hole's entry: observed if somebody's mapping of the hole is
 * still there, predicted if nobody's is.
 */
#include "testcases/unit/detect_world.h"

#define PAGE		4096ULL
#define INDEX		4
#define VMA		0xffff888000001000ULL
#define VMA2		0xffff888000002000ULL

static void map(struct scene *scene, __u64 vma)
{
	story__map(&scene->mapper, &scene->file, vma, 0, 99);
}

static void unmap(struct scene *scene, __u64 vma)
{
	story__unmap_vma(&scene->mapper, &scene->file, vma, 0, 99);
}

static void read_through(struct scene *scene, __u64 vma)
{
	story__fault_begins(&scene->mapper, &scene->file, INDEX, 0);
	story__iomap(&scene->mapper, &scene->file, INDEX, PAGE, IOMAP_TYPE_HOLE, 0);
	story__insert(&scene->mapper, &scene->file, INDEX, 0, ENTRY_ZERO);
	story__mapped(&scene->mapper, &scene->file, vma, INDEX, 0, 0);
	story__fault_ends(&scene->mapper, &scene->file);
}

/* The write finds a block: of an unwritten extent that was zeroed with its neighbours, for example. */
static void write_leaves_the_hole(struct scene *scene, const char *certainty)
{
	const struct finding *finding;

	story__write_begins(&scene->writer, &scene->file, INDEX, 1);
	story__iomap(&scene->writer, &scene->file, INDEX, PAGE, IOMAP_TYPE_MAPPED, 0);
	story__write_ends(&scene->writer, &scene->file, 1);
	finding = findings(scene, 1);
	assert_int_equal(finding->rule, RULE_STALE_MAPPING);
	assert_string_equal(finding->certainty, certainty);
	assert_int_equal(!finding->schedule[0], !strcmp(certainty, "observed"));
	assert_coverage(scene, RULE_STALE_MAPPING, 1, 0, 0);
}

static void test_reader_keeps_its_mapping(void **state)
{
	map(*state, VMA);
	read_through(*state, VMA);
	write_leaves_the_hole(*state, "observed");
}

/* A new mapping faults anew, and finds the block. */
static void test_mapping_is_made_anew(void **state)
{
	map(*state, VMA);
	read_through(*state, VMA);
	unmap(*state, VMA);
	map(*state, VMA2);
	write_leaves_the_hole(*state, "predicted");
}

/* The kernel gives the VMA's address to the next one. */
static void test_mapping_is_made_anew_at_its_address(void **state)
{
	map(*state, VMA);
	read_through(*state, VMA);
	unmap(*state, VMA);
	map(*state, VMA);
	write_leaves_the_hole(*state, "predicted");
}

static void test_one_of_two_keeps_its_mapping(void **state)
{
	map(*state, VMA);
	map(*state, VMA2);
	read_through(*state, VMA);
	read_through(*state, VMA2);
	unmap(*state, VMA2);
	write_leaves_the_hole(*state, "observed");
}

static void test_another_never_read_the_hole(void **state)
{
	map(*state, VMA);
	map(*state, VMA2);
	read_through(*state, VMA);
	unmap(*state, VMA);
	write_leaves_the_hole(*state, "predicted");
}

static void test_mapping_from_before_tracing(void **state)
{
	read_through(*state, VMA);
	write_leaves_the_hole(*state, "observed");
}

static void test_mapping_from_before_tracing_ends(void **state)
{
	read_through(*state, VMA);
	unmap(*state, VMA);
	write_leaves_the_hole(*state, "predicted");
}

/* Of the two that are kept the one that is gone makes room. */
static void test_many_come_and_go(void **state)
{
	__u64 vma;

	map(*state, VMA);
	read_through(*state, VMA);
	for (vma = VMA2; vma < VMA2 + 3; vma++) {
		map(*state, vma);
		read_through(*state, vma);
		read_through(*state, vma);
		unmap(*state, vma);
	}
	write_leaves_the_hole(*state, "observed");
}

/* The page is unmapped; who reads it afterwards is not who did before. */
static void test_reader_before_an_unmap(void **state)
{
	struct scene *scene = *state;

	map(scene, VMA);
	map(scene, VMA2);
	read_through(scene, VMA);
	story__unmap(&scene->writer, &scene->file, INDEX, INDEX);
	read_through(scene, VMA2);
	unmap(scene, VMA2);
	write_leaves_the_hole(scene, "predicted");
}

/* A VMA of few pages, among them the hole, or not; the file has more entries than it has pages. */
static void test_small_mapping_from_before_tracing_ends(void **state)
{
	struct scene *scene = *state;
	__u64 index;

	for (index = 0; index < 8; index++)
		story__fault_read(&scene->mapper, &scene->file, 50 + index);
	read_through(scene, VMA);
	story__unmap_vma(&scene->mapper, &scene->file, VMA2, INDEX - 1, INDEX + 1);
	write_leaves_the_hole(scene, "observed");
	scene__remake(scene, RULES_ALL, 0);
	for (index = 0; index < 8; index++)
		story__fault_read(&scene->mapper, &scene->file, 50 + index);
	read_through(scene, VMA);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, INDEX - 1, INDEX + 1);
	write_leaves_the_hole(scene, "predicted");
}

/* Page table entries are not told of: who maps the page may have read it, if he came before the hole. */
static void test_mappings_alone(void **state)
{
	struct scene *scene = *state;

	map(scene, VMA);
	story__fault_read_hole(&scene->mapper, &scene->file, INDEX);
	map(scene, VMA2);
	write_leaves_the_hole(scene, "observed");
	scene__remake(scene, RULES_ALL, 0);
	story__fault_read_hole(&scene->mapper, &scene->file, INDEX);
	map(scene, VMA2);
	write_leaves_the_hole(scene, "predicted");
}

static void remove_hole(struct scene *scene, __u64 index)
{
	story__invalidate_begins(&scene->writer, &scene->file, index, index);
	story__delete(&scene->writer, &scene->file, index, 0);
	story__invalidate_ends(&scene->writer, &scene->file);
}

/* Of two pages that are removed, and not unmapped, the one that somebody reads is told. */
static void test_first_of_two_is_read(void **state)
{
	struct scene *scene = *state;
	const struct finding *finding;

	story__map(&scene->mapper, &scene->file, VMA, INDEX, INDEX);
	map(scene, VMA2);
	read_through(scene, VMA);
	story__fault_begins(&scene->mapper, &scene->file, INDEX + 1, 0);
	story__insert(&scene->mapper, &scene->file, INDEX + 1, 0, ENTRY_ZERO);
	story__mapped(&scene->mapper, &scene->file, VMA2, INDEX + 1, 0, 0);
	story__fault_ends(&scene->mapper, &scene->file);
	unmap(scene, VMA2);
	story__write_begins(&scene->writer, &scene->file, INDEX, 2);
	story__iomap(&scene->writer, &scene->file, INDEX, 2 * PAGE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	remove_hole(scene, INDEX);
	remove_hole(scene, INDEX + 1);
	story__write_ends(&scene->writer, &scene->file, 2);
	finding = findings(scene, 1);
	assert_string_equal(finding->certainty, "observed");
	assert_int_equal(finding->index, INDEX);
}

/* Unmapped first: nobody sees what is removed, but for who has read it in between. */
static void test_unmapped_then_removed(void **state)
{
	struct scene *scene = *state;

	map(scene, VMA);
	read_through(scene, VMA);
	story__write_begins(&scene->writer, &scene->file, INDEX, 1);
	story__iomap(&scene->writer, &scene->file, INDEX, PAGE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	story__unmap(&scene->writer, &scene->file, INDEX, INDEX);
	remove_hole(scene, INDEX);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_silent(scene);
	scene__remake(scene, RULES_ALL, 0);
	map(scene, VMA);
	read_through(scene, VMA);
	story__write_begins(&scene->writer, &scene->file, INDEX, 1);
	story__iomap(&scene->writer, &scene->file, INDEX, PAGE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	story__unmap(&scene->writer, &scene->file, INDEX, INDEX);
	read_through(scene, VMA);
	remove_hole(scene, INDEX);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_int_equal(findings(scene, 1)->rule, RULE_STALE_MAPPING);
	assert_string_equal(findings(scene, 1)->certainty, "observed");
}

/* Removed by the write, and never unmapped. */
static void test_hole_is_removed_that_nobody_maps(void **state)
{
	struct scene *scene = *state;

	map(scene, VMA);
	read_through(scene, VMA);
	unmap(scene, VMA);
	story__write_begins(&scene->writer, &scene->file, INDEX, 1);
	story__iomap(&scene->writer, &scene->file, INDEX, PAGE, IOMAP_TYPE_MAPPED, IOMAP_FLAG_NEW);
	story__invalidate_begins(&scene->writer, &scene->file, INDEX, INDEX);
	story__delete(&scene->writer, &scene->file, INDEX, 0);
	story__invalidate_ends(&scene->writer, &scene->file);
	story__write_ends(&scene->writer, &scene->file, 1);
	assert_string_equal(findings(scene, 1)->certainty, "predicted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_reader_keeps_its_mapping),
		SCENE_TEST(test_mapping_is_made_anew),
		SCENE_TEST(test_mapping_is_made_anew_at_its_address),
		SCENE_TEST(test_one_of_two_keeps_its_mapping),
		SCENE_TEST(test_another_never_read_the_hole),
		SCENE_TEST(test_mapping_from_before_tracing),
		SCENE_TEST(test_mapping_from_before_tracing_ends),
		SCENE_TEST(test_many_come_and_go),
		SCENE_TEST(test_reader_before_an_unmap),
		SCENE_TEST(test_small_mapping_from_before_tracing_ends),
		SCENE_TEST(test_mappings_alone),
		SCENE_TEST(test_first_of_two_is_read),
		SCENE_TEST(test_unmapped_then_removed),
		SCENE_TEST(test_hole_is_removed_that_nobody_maps),
	};

	return cmocka_run_group_tests_name("detect_stale", tests, NULL, NULL);
}
