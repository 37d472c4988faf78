// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "testcases/unit/detect_world.h"

#include "probe/table.h"
#include "testcases/unit/story_locks.h"

static void on_found(void *context, const struct detector *detector, const struct finding *finding)
{
	struct scene *scene = context;

	assert_ptr_equal(detector, scene->detector);
	assert_int_equal(finding->occurrences, 1);
	scene->found++;
}

static void scene__make(struct scene *scene, __u32 rules, __u64 missing)
{
	struct detector_options options = {
		.rules = rules, .missing = missing, .found = on_found, .context = scene,
	};

	memset(scene, 0, sizeof(*scene));
	story__init(&scene->story, NULL);
	scene->detector = detector__new(&options);
	assert_non_null(scene->detector);
	story__superblock(&scene->story, 259U << 20, "refdax");
	scene->mapper = story__task(&scene->story, "mapper");
	scene->writer = story__task(&scene->story, "writer");
	scene->file = story__file(259U << 20, 13, 7);
}

static void scene__free(struct scene *scene)
{
	detector__free(scene->detector);
	story__free(&scene->story);
}

int scene__setup(void **state)
{
	struct scene *scene = malloc(sizeof(*scene));

	scene__make(scene, RULES_ALL, 0);
	*state = scene;
	return 0;
}

int scene__teardown(void **state)
{
	scene__free(*state);
	free(*state);
	return 0;
}

void scene__remake(struct scene *scene, __u32 rules, __u64 missing)
{
	scene__free(scene);
	scene__make(scene, rules, missing);
}

static void tell(struct scene *scene)
{
	story__tell(&scene->story, detector__model(scene->detector));
}

const struct finding *findings(struct scene *scene, size_t count)
{
	const struct finding *finding;
	size_t listed = 0;

	tell(scene);
	for (finding = detector__findings(scene->detector); finding; finding = finding->next)
		listed++;
	assert_int_equal(listed, count);
	assert_int_equal(detector__finding_count(scene->detector), count);
	assert_int_equal(scene->found, count);
	return detector__findings(scene->detector);
}

void assert_silent(struct scene *scene)
{
	int rule;

	findings(scene, 0);
	for (rule = 0; rule < RULE_COUNT; rule++)
		assert_int_equal(coverage_of(scene, rule)->unknown, 0);
}

const struct coverage *coverage_of(struct scene *scene, enum rule_index rule)
{
	tell(scene);
	return detector__coverage(scene->detector, rule);
}

enum verdict verdict_of(struct scene *scene)
{
	tell(scene);
	return detector__verdict(scene->detector, false, 0);
}

struct finding told_alone(void (*story_of)(struct story *story,
					   const struct story_numbers *numbers),
			  const struct story_numbers *numbers)
{
	struct detector_options options = { .rules = RULES_ALL };
	struct detector *detector = detector__new(&options);
	struct finding finding;
	struct story story;

	assert_non_null(detector);
	story_of(&story, numbers);
	story__tell(&story, detector__model(detector));
	assert_int_equal(detector__finding_count(detector), 1);
	finding = *detector__findings(detector);
	finding.next = NULL;
	detector__free(detector);
	story__free(&story);
	return finding;
}

void tell_lock_races(struct scene *scene)
{
	struct story *story = &scene->story;

	story__lock_class(story, 1, LOCK_RWSEM, "inode.i_rwsem", "ext4", 0);
	story__lock_class(story, 2, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(story, 3, LOCK_HANDLE, "jbd2_handle", "ext4", 0);
	story__lock_class(story, 4, LOCK_WRITEBACK, "writeback", "ext4", 0);
	story__lock_edge(&scene->mapper, 1, LOCK_MODE_WRITE, 2, LOCK_MODE_READ, 0);
	story__lock_edge(&scene->writer, 2, LOCK_MODE_READ, 1, LOCK_MODE_WRITE, 0);
	story__lock_edge(&scene->writer, 1, LOCK_MODE_WRITE, 1, LOCK_MODE_WRITE, LOCK_EDGE_SAME);
	story__lock_leak(&scene->writer, 1, LOCK_MODE_WRITE);
	story__lock_edge(&scene->writer, 3, LOCK_MODE_READ, 4, LOCK_MODE_WRITE, 0);
}
