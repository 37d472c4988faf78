// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace check: what a gate lets through, and what it does not. */
#include "detect/detect.h"
#include "testcases/unit/program.h"

#include <errno.h>
#include <sys/stat.h>

#include "probe/table.h"

#define TRACES		"testcases/unit/traces/"
#define CLEAN_TRACE	TRACES "well_behaved.dxt"
#define LOST_TRACE	TRACES "drop_dirty.dxt"
#define MISSED_TRACE	TRACES "missed_sync.dxt"

#define LOST_FINGERPRINT	"8c92b116906715f3"
#define MISSED_FINGERPRINT	"d7ff91b20b9cf05a"

/* A trace that lost records, and has no finding. */
static const char *doubtful_trace(void)
{
	struct story story;

	story__well_behaved(&story, &story_numbers);
	story__gap(&story, 1);
	return save_story(&story, "doubtful", NULL);
}

static void test_clean(void **state)
{
	const struct outcome_of_run *outcome = run("check", CLEAN_TRACE, NULL);

	(void)state;
	assert_int_equal(outcome->status, CLEAN);
	assert_contains(outcome->out, "verdict: clean");
	assert_string_equal(outcome->err, "");
	assert_fits(outcome->out);
}

static void test_findings(void **state)
{
	const struct outcome_of_run *outcome = run("check", LOST_TRACE, NULL);

	(void)state;
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "DX01 lost-dirty-entry: observed");
	assert_contains(outcome->out, LOST_FINGERPRINT);
	assert_contains(outcome->out, "verdict: findings");
	assert_fits(outcome->out);
}

static void test_inconclusive(void **state)
{
	const struct outcome_of_run *outcome = run("check", doubtful_trace(), NULL);

	(void)state;
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "verdict: inconclusive");
}

/* Findings weigh more than doubt, doubt more than none; the order does not. */
static void test_several_files(void **state)
{
	const char *doubtful = doubtful_trace();
	struct {
		const char *first, *second, *third;
		int status;
	} cases[] = {
		{ CLEAN_TRACE, CLEAN_TRACE, CLEAN_TRACE, CLEAN },
		{ CLEAN_TRACE, LOST_TRACE, CLEAN_TRACE, FINDINGS },
		{ LOST_TRACE, doubtful, CLEAN_TRACE, FINDINGS },
		{ doubtful, CLEAN_TRACE, LOST_TRACE, FINDINGS },
		{ doubtful, CLEAN_TRACE, CLEAN_TRACE, INCONCLUSIVE },
		{ CLEAN_TRACE, CLEAN_TRACE, doubtful, INCONCLUSIVE },
		{ LOST_TRACE, "/nonexistent", CLEAN_TRACE, USAGE },
	};
	const struct outcome_of_run *outcome;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		outcome = run("check", cases[i].first, cases[i].second, cases[i].third, NULL);
		assert_int_equal(outcome->status, cases[i].status);
	}
}

static void test_json(void **state)
{
	struct lines lines;
	size_t i, verdicts = 0;

	(void)state;
	lines__parse(&lines, run("check", "-j", LOST_TRACE, MISSED_TRACE, NULL)->out);
	lines__find(&lines, "finding", "DX01");
	lines__find(&lines, "finding", "DX03");
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "findings");
	for (i = 0; i < lines.count; i++)
		verdicts += !strcmp(text_of(lines.line[i], "type"), "verdict");
	assert_int_equal(verdicts, 2);
	lines__free(&lines);
}

static void test_rules(void **state)
{
	(void)state;
	assert_int_equal(run("check", "--rule", "DX03", LOST_TRACE, NULL)->status, CLEAN);
	assert_int_equal(run("check", "--rule=-DX01", LOST_TRACE, NULL)->status, CLEAN);
	assert_int_equal(run("check", "--rule=-DX03", LOST_TRACE, NULL)->status, FINDINGS);
}

/* --- baseline ------------------------------------------------------------- */

static void test_baseline_excuses(void **state)
{
	const char *baseline = unit_path("baseline");
	const struct outcome_of_run *outcome;
	struct lines lines;

	(void)state;
	write_text(baseline, "# known\n\n" LOST_FINGERPRINT " DX01 the bug that we know of\n");
	outcome = run("check", "--baseline", baseline, LOST_TRACE, NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_null(strstr(outcome->out, "lost-dirty-entry: observed"));
	assert_contains(outcome->out, "verdict: clean (1 finding, known ones included,");
	assert_contains(outcome->out, "1 of the findings are in the baseline.");
	assert_fits(outcome->out);

	lines__parse(&lines, run("check", "-j", "--baseline", baseline, LOST_TRACE, NULL)->out);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "clean");
	assert_int_equal(number_of(lines__verdict(&lines), "known"), 1);
	assert_int_equal(number_of(lines__verdict(&lines), "findings"), 1);
	/* Neither DX17 nor the rules of locks; and the verdict. */
	assert_int_equal(lines.count, RULE_COUNT - 4);
	lines__free(&lines);
}

static void test_baseline_does_not_excuse_others(void **state)
{
	const char *baseline = unit_path("baseline");
	const struct outcome_of_run *outcome;

	(void)state;
	write_text(baseline, LOST_FINGERPRINT "\n");
	outcome = run("check", "--baseline", baseline, MISSED_TRACE, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "sync-missed-dirty: observed");
	/* Nor doubts. */
	outcome = run("check", "--baseline", baseline, doubtful_trace(), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
}

static void test_empty_baseline(void **state)
{
	const char *baseline = unit_path("baseline");

	(void)state;
	write_text(baseline, "");
	assert_int_equal(run("check", "--baseline", baseline, LOST_TRACE, NULL)->status, FINDINGS);
	assert_int_equal(run("check", "--baseline", baseline, CLEAN_TRACE, NULL)->status, CLEAN);
}

static void test_update(void **state)
{
	const char *baseline = unit_path("updated");
	char *first, *second;

	(void)state;
	unlink(baseline);
	assert_int_equal(run("check", "--baseline", baseline, "--update", LOST_TRACE, NULL)->status,
			 CLEAN);
	first = read_text(baseline);
	assert_contains(first, "\n" LOST_FINGERPRINT " DX01 refdax lost-dirty-entry\n");
	assert_int_equal(run("check", "--baseline", baseline, LOST_TRACE, NULL)->status, CLEAN);
	assert_int_equal(run("check", "--baseline", baseline, MISSED_TRACE, NULL)->status, FINDINGS);

	/* Again: the same; another: both, each once. */
	run("check", "--baseline", baseline, "--update", LOST_TRACE, NULL);
	second = read_text(baseline);
	assert_string_equal(first, second);
	free(second);
	run("check", "--baseline", baseline, "--update", MISSED_TRACE, LOST_TRACE, NULL);
	second = read_text(baseline);
	assert_contains(second, "\n" LOST_FINGERPRINT " ");
	assert_contains(second, "\n" MISSED_FINGERPRINT " DX03 refdax sync-missed-dirty\n");
	assert_ptr_equal(strstr(second, LOST_FINGERPRINT),
			 strstr(second, "\n" LOST_FINGERPRINT) + 1);
	assert_int_equal(run("check", "--baseline", baseline, LOST_TRACE, MISSED_TRACE,
			     NULL)->status, CLEAN);
	free(first);
	free(second);
}

static void test_update_keeps_words(void **state)
{
	const char *baseline = unit_path("words");
	char *text;

	(void)state;
	write_text(baseline, "# ours\n\n  # and\n0123456789abcdef  DX01 see our issue\n# last");
	assert_refused(run("check", "--baseline", baseline, "--update", LOST_TRACE, NULL), USAGE,
		       "line 3", NULL);
	/* The last line's end is missing. */
	write_text(baseline, "# ours\n\n0123456789abcdef  DX01 see our issue\n# last");
	run("check", "--baseline", baseline, "--update", LOST_TRACE, NULL);
	text = read_text(baseline);
	assert_string_equal(text, "# ours\n\n0123456789abcdef  DX01 see our issue\n# last\n"
			    LOST_FINGERPRINT " DX01 refdax lost-dirty-entry\n");
	free(text);
}

/* A trace that says nothing bad leaves nothing to excuse. */
static void test_update_without_findings(void **state)
{
	const char *baseline = unit_path("nothing");

	(void)state;
	unlink(baseline);
	assert_int_equal(run("check", "--baseline", baseline, "--update", CLEAN_TRACE, NULL)->status,
			 CLEAN);
	assert_int_equal(run("check", "--baseline", baseline, LOST_TRACE, NULL)->status, FINDINGS);
}

static void test_baseline_that_is_none(void **state)
{
	static const char *const bad[] = {
		"DX01 lost-dirty-entry\n",
		"85c64b918af10ca\n",
		"8c92b116906715f30\n",
		"85c64b918af10cag\n",
		"8c92b116906715f3,\n",
		" 8c92b116906715f3\n",
	};
	const char *baseline = unit_path("bad");
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "# good\n" MISSED_FINGERPRINT "\n%s", bad[i]);
		write_text(baseline, text);
		assert_refused(run("check", "--baseline", baseline, LOST_TRACE, NULL), USAGE,
			       baseline, "line 3", "16 hexadecimal digits", NULL);
		/* And it is not replaced. */
		assert_int_equal(run("check", "--baseline", baseline, "--update", LOST_TRACE,
				     NULL)->status, USAGE);
		char *kept = read_text(baseline);

		assert_string_equal(kept, text);
		free(kept);
	}
}

static void test_baseline_that_is_not_there(void **state)
{
	(void)state;
	assert_refused(run("check", "--baseline", "/nonexistent/baseline", LOST_TRACE, NULL), USAGE,
		       "/nonexistent/baseline", "No such file", NULL);
	assert_refused(run("check", "--baseline", "/tmp", LOST_TRACE, NULL), USAGE, "/tmp",
		       "directory", NULL);
	assert_refused(run("check", "--update", LOST_TRACE, NULL), USAGE, "--baseline", NULL);
}

static void test_baseline_that_cannot_be_written(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("check", "--baseline", "/nonexistent/baseline", "--update", LOST_TRACE, NULL);
	assert_int_equal(outcome->status, USAGE);
	assert_contains(outcome->err, "/nonexistent/baseline");
}

/* --- coverage ------------------------------------------------------------- */

static void test_required_coverage(void **state)
{
	static const struct {
		const char *requirement, *trace;
		int status;
	} cases[] = {
		{ "DX01=0", CLEAN_TRACE, CLEAN },
		{ "DX01=1", CLEAN_TRACE, CLEAN },
		{ "dx03=1", CLEAN_TRACE, CLEAN },
		{ "DX01=2", CLEAN_TRACE, INCONCLUSIVE },
		{ "DX03=2", CLEAN_TRACE, INCONCLUSIVE },
		{ "DX01=18446744073709551615", CLEAN_TRACE, INCONCLUSIVE },
		/* What was found was found. */
		{ "DX01=2", LOST_TRACE, FINDINGS },
	};
	const struct outcome_of_run *outcome;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		outcome = run("check", "--require-coverage", cases[i].requirement, cases[i].trace,
			      NULL);
		if (outcome->status != cases[i].status)
			fail_msg("%s: %d", cases[i].requirement, outcome->status);
		assert_fits(outcome->out);
	}
}

static void test_required_coverage_says_what_is_lacking(void **state)
{
	struct lines lines;

	(void)state;
	assert_says(run("check", "--require-coverage", "DX01=7", CLEAN_TRACE, NULL)->out,
		    "DX01: contested windows: 1, required: 7.");
	lines__parse(&lines, run("check", "-j", "--require-coverage", "DX01=7",
				 "--require-coverage", "DX03=8", CLEAN_TRACE, NULL)->out);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "inconclusive");
	assert_contains(text_of(lines__verdict(&lines), "problem"), "required: 7.");
	assert_contains(text_of(lines__verdict(&lines), "problem"), "required: 8.");
	lines__free(&lines);
}

static void test_required_coverage_that_is_none(void **state)
{
	static const char *const bad[] = {
		"DX01", "DX01=", "DX01=x", "DX01=1x", "DX01=-1", "DX99=1", "=1", "", "1=DX01",
		"DX01=1=1", "DX01= 1", "DX01=+1", "DX01=18446744073709551616", "DX010000000000000000000=1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(run("check", "--require-coverage", bad[i], CLEAN_TRACE, NULL), USAGE,
			       "--require-coverage", bad[i], "help check", NULL);
}

/* A baseline excuses findings, not the lack of coverage. */
static void test_coverage_and_baseline(void **state)
{
	const char *baseline = unit_path("baseline");

	(void)state;
	write_text(baseline, LOST_FINGERPRINT "\n");
	assert_int_equal(run("check", "--baseline", baseline, "--require-coverage", "DX01=1",
			     LOST_TRACE, NULL)->status, CLEAN);
	assert_int_equal(run("check", "--baseline", baseline, "--require-coverage", "DX01=2",
			     LOST_TRACE, NULL)->status, INCONCLUSIVE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_inconclusive),
		cmocka_unit_test(test_several_files),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_baseline_excuses),
		cmocka_unit_test(test_baseline_does_not_excuse_others),
		cmocka_unit_test(test_empty_baseline),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_update_keeps_words),
		cmocka_unit_test(test_update_without_findings),
		cmocka_unit_test(test_baseline_that_is_none),
		cmocka_unit_test(test_baseline_that_is_not_there),
		cmocka_unit_test(test_baseline_that_cannot_be_written),
		cmocka_unit_test(test_required_coverage),
		cmocka_unit_test(test_required_coverage_says_what_is_lacking),
		cmocka_unit_test(test_required_coverage_that_is_none),
		cmocka_unit_test(test_coverage_and_baseline),
	};

	return cmocka_run_group_tests_name("cli_check", tests, NULL, NULL);
}
