// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --perturb: what it takes, what a report says of it, and what a delay's length is. */
#include "testcases/unit/program.h"
#include "bpf/perturb.h"	/* after the types */

#define HOW "DX08,max=100,seed=7"

static const struct story_recording perturbed = { .perturb = HOW };
static const struct story_recording not_perturbed;

static const char *trace_of(const char *name, const struct story_recording *recording)
{
	struct story_file file = story__file(1, 2, 3);
	struct story_task task;
	struct story story;

	story__init(&story, NULL);
	task = story__task(&story, "task");
	story__superblock(&story, 1, "refdax");
	story__fault_write(&task, &file, 0);
	return save_story(&story, name, recording);
}

static void test_what_it_does_not_take(void **state)
{
	static const char *const bad[] = {
		"DX99", "dx", "", ",", "all,", "every", "max", "max=", "max=0", "max=10001", "max=-1",
		"max=1us", "max= 1", "seed=", "seed=x", "seed=-1", "seed=18446744073709551616", "all,max=5,none",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_refused(run("record", "-o", "/dev/null", "--perturb", bad[i], NULL), USAGE,
			       "--perturb", "help record", NULL);
		assert_refused(run("check", "--perturb", bad[i], "--", "true", NULL), USAGE, "--perturb",
			       "help check", NULL);
	}
	/* Rules that there are, but whose windows have no place. */
	assert_refused(run("check", "--perturb", "DX13", "--", "true", NULL), USAGE, "'DX13'",
		       "DX01, DX02, DX03, DX04, DX05, DX06, DX07, DX08, DX09, DX10, DX11;", NULL);
	assert_refused(run("check", "--perturb", "DX12,max=5", "--", "true", NULL), USAGE, "'DX12'", NULL);
	assert_refused(run("check", "--perturb", "max=10001", "--", "true", NULL), USAGE,
		       "from 1 to 10000", NULL);
	assert_refused(run("check", "--perturb", "all", "--perturb", "DX01", "--", "true", NULL), USAGE,
		       "more than one", NULL);
}

/* Where it would change nothing it is an error. */
static void test_where_it_is_not_taken(void **state)
{
	const char *path = trace_of("file", &not_perturbed);

	(void)state;
	assert_refused(run("check", "--perturb", "all", path, NULL), USAGE, "--perturb needs -- COMMAND",
		       NULL);
	assert_refused(run("monitor", "--perturb", "all", NULL), USAGE, "unknown option", NULL);
	assert_refused(run("report", "--perturb", "all", path, NULL), USAGE, "unknown option", NULL);
	assert_refused(run("record", "-o", path, "--perturb", NULL), USAGE, "needs a value", NULL);
}

static void test_help(void **state)
{
	(void)state;
	assert_contains(run("record", "--help", NULL)->out, "--perturb [RULE|all][,max=US][,seed=N]");
	assert_contains(run("help", "check", NULL)->out, "--perturb [RULE|all][,max=US][,seed=N]");
}

static void test_report(void **state)
{
	struct json_object *perturb;
	struct lines lines;
	const char *path;

	(void)state;
	path = trace_of("perturbed", &perturbed);
	assert_says(run("report", path, NULL)->out, "It was perturbed (--perturb " HOW "): 3 delays, 2.500 ms "
		    "in all. Its times are not natural ones.");
	assert_fits(run("report", path, NULL)->out);
	lines__parse(&lines, run("check", "-j", path, NULL)->out);
	assert_true(json_object_object_get_ex(lines__verdict(&lines), "perturb", &perturb));
	assert_string_equal(text_of(perturb, "how"), HOW);
	assert_int_equal(number_of(perturb, "delays"), 3);
	assert_int_equal(number_of(perturb, "refused"), 4);
	assert_int_equal(number_of(perturb, "time"), 2500000);
	lines__free(&lines);
	path = trace_of("natural", &not_perturbed);
	assert_null(strstr(run("report", path, NULL)->out, "perturbed"));
	lines__parse(&lines, run("report", "-j", path, NULL)->out);
	assert_false(json_object_object_get_ex(lines__verdict(&lines), "perturb", &perturb));
	lines__free(&lines);
}

/* Every other passing, up to the longest, all lengths alike, and other ones by any of the four. */
static void test_lengths(void **state)
{
	__u64 length, sum = 0, longest = 100000, most = 0;
	unsigned int i, delays = 0, same[4] = { 0 };

	(void)state;
	for (i = 0; i < 100000; i++) {
		length = perturb__length(7, 0, PERTURB_FAULT, i, longest);
		assert_true(length <= longest);
		delays += !!length;
		sum += length;
		most = length > most ? length : most;
		assert_int_equal(length, perturb__length(7, 0, PERTURB_FAULT, i, longest));
		same[0] += length && length == perturb__length(8, 0, PERTURB_FAULT, i, longest);
		same[1] += length && length == perturb__length(7, 1, PERTURB_FAULT, i, longest);
		same[2] += length && length == perturb__length(7, 0, PERTURB_INSERT, i, longest);
		same[3] += length && length == perturb__length(7, 0, PERTURB_FAULT, i + 1, longest);
		assert_true(perturb__length(7, 0, PERTURB_FAULT, i, 1) <= 1);
	}
	assert_in_range(delays, 49000, 51000);
	assert_in_range(sum / delays, 49000, 51000);
	assert_true(most > longest - longest / 1000);
	for (i = 0; i < ARRAY_SIZE(same); i++)
		assert_true(same[i] < 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_does_not_take),
		cmocka_unit_test(test_where_it_is_not_taken),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
