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

/* Of many pages at once, and a part of the file that lacks the hole. */
static void test_part_of_a_mapping_ends(void **state)
{
	struct scene *scene = *state;

	read_through(scene, VMA);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, INDEX + 1, INDEX_MAX);
	write_leaves_the_hole(scene, "observed");
	scene__remake(scene, RULES_ALL, 0);
	read_through(scene, VMA);
	story__unmap_vma(&scene->mapper, &scene->file, VMA, 0, INDEX_MAX);
	write_leaves_the_hole(scene, "predicted");
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
		SCENE_TEST(test_part_of_a_mapping_ends),
		SCENE_TEST(test_hole_is_removed_that_nobody_maps),
	};

	return cmocka_run_group_tests_name("detect_stale", tests, NULL, NULL);
}
