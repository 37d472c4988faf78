/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A detector and the story that it is told, for tests of what it then says. */
#ifndef DAXTRACE_UNIT_DETECT_WORLD_H
#define DAXTRACE_UNIT_DETECT_WORLD_H

#include "testcases/unit/unit.h"

#include "detect/detect.h"
#include "testcases/unit/story.h"

struct scene {
	struct story story;
	struct detector *detector;
	struct story_task mapper, writer;
	struct story_file file;
	unsigned int found;		/* calls of options.found */
};

/* cmocka fixtures: *state is a struct scene with all rules, nothing missing. */
int scene__setup(void **state);
int scene__teardown(void **state);

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene__setup, scene__teardown)

/* Begin again. rules: mask of 1 << enum rule_index; missing: OBSERVED_BIT()s. */
void scene__remake(struct scene *scene, __u32 rules, __u64 missing);

/* The functions below first tell what has not been told yet. */

/* The findings in order; asserts that there are so many. */
const struct finding *findings(struct scene *scene, size_t count);

/* Asserts that there is none of any rule, and nothing that could not be judged. */
void assert_silent(struct scene *scene);

#define assert_coverage(scene, rule, windows_, contested_, unknown_)		\
	do {									\
		const struct coverage *coverage_ = coverage_of(scene, rule);	\
										\
		assert_int_equal(coverage_->windows, windows_);			\
		assert_int_equal(coverage_->contested, contested_);		\
		assert_int_equal(coverage_->unknown, unknown_);			\
	} while (0)
const struct coverage *coverage_of(struct scene *scene, enum rule_index rule);

/* Of an undamaged stream without a baseline. */
enum verdict verdict_of(struct scene *scene);

/* The only finding of a story that is told from its beginning. */
struct finding told_alone(void (*tell)(struct story *story, const struct story_numbers *numbers),
			  const struct story_numbers *numbers);

/* Tell one race of each rule on locks. */
void tell_lock_races(struct scene *scene);

#endif /* DAXTRACE_UNIT_DETECT_WORLD_H */
