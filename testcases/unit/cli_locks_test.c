// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lock-order graph as a user sees it: report --view locks, --format dot, diff. */
#include <sys/stat.h>

#include "testcases/unit/program.h"
#include "testcases/unit/story_locks.h"

#define W LOCK_MODE_WRITE
#define R LOCK_MODE_READ

enum { I_RWSEM = 1, MMAP_LOCK, INVALIDATE_LOCK, HANDLE };

static const struct story_recording all_locks = { .locks = "all" };

struct edge {
	int from, to;
	__u8 from_mode, to_mode;
};

/* A trace of these edges, each by a task of its own; the list ends with a from of 0. */
static const char *trace_of(const char *name, const struct edge *edges,
			    const struct story_recording *recording)
{
	struct story story;
	struct story_task task;

	story__init(&story, NULL);
	story__lock_class(&story, I_RWSEM, LOCK_RWSEM, "inode.i_rwsem", "ext4", 0);
	story__lock_class(&story, MMAP_LOCK, LOCK_RWSEM, "mm_struct.mmap_lock", "", 0);
	story__lock_class(&story, INVALIDATE_LOCK, LOCK_RWSEM, "address_space.invalidate_lock",
			  "ext4", 0);
	story__lock_class(&story, HANDLE, LOCK_HANDLE, "jbd2_handle", "ext4", 0);
	for (; edges->from; edges++) {
		task = story__task(&story, "locker");
		story__lock_edge(&task, edges->from, edges->from_mode, edges->to, edges->to_mode, 0);
	}
	return save_story(&story, name, recording);
}

static const struct edge right[] = {
	{ I_RWSEM, INVALIDATE_LOCK, W, W }, { INVALIDATE_LOCK, HANDLE, W, R }, { 0 }
};
static const struct edge wrong[] = {
	{ I_RWSEM, INVALIDATE_LOCK, W, W }, { INVALIDATE_LOCK, I_RWSEM, W, W }, { 0 }
};
static const struct edge other_modes[] = {
	{ I_RWSEM, INVALIDATE_LOCK, R, W }, { INVALIDATE_LOCK, HANDLE, W, R }, { 0 }
};

static char *two[2];

static void make_two(const char *first, const char *second)
{
	free(two[0]);
	free(two[1]);
	two[0] = strdup(first);
	two[1] = strdup(second);
}

/* Save both, and run diff with or without -j on them. */
static const struct outcome_of_run *diff(const char *option, const struct edge *before,
					 const struct edge *after)
{
	char *first = strdup(trace_of("before.dxt", before, &all_locks));

	make_two(first, trace_of("after.dxt", after, &all_locks));
	free(first);
	return option ? run("diff", option, two[0], two[1], NULL) : run("diff", two[0], two[1], NULL);
}

static void test_report_text(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("report", "--view", "locks", trace_of("wrong.dxt", wrong, &all_locks), NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_fits(outcome->out);
	assert_contains(outcome->out, "CYCLE 1\n    address_space.invalidate_lock (ext4)\n"
			"    -> inode.i_rwsem (ext4)\n    -> address_space.invalidate_lock (ext4)\n");
	assert_says(outcome->out, "held address_space.invalidate_lock (ext4) (write),");
	assert_says(outcome->out, "and waited for inode.i_rwsem (ext4) (write) at");
	assert_contains(outcome->out, "  ! -> inode.i_rwsem (ext4)  (EN)\n");
	assert_contains(outcome->out, "2 edges, 1 cycles.");
}

static void test_report_json(void **state)
{
	struct json_object *cycle, *edge;
	struct lines lines;

	(void)state;
	lines__parse(&lines, run("report", "-j", "--view", "locks",
				 trace_of("wrong.dxt", wrong, &all_locks), NULL)->out);
	edge = lines__find(&lines, "edge", NULL);
	assert_string_equal(text_of(edge, "from"), "inode.i_rwsem");
	assert_string_equal(text_of(edge, "to_class"), "address_space.invalidate_lock (ext4)");
	cycle = lines__find(&lines, "cycle", NULL);
	assert_int_equal(json_object_array_length(list_of(cycle, "classes")), 2);
	assert_int_equal(number_of(lines__find(&lines, "locks", NULL), "edges"), 2);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "findings");
	lines__free(&lines);
}

/* A trace of one class, which was waited for so often; negative: it does not say. */
static const char *trace_of_waits(const char *name, long contentions, __u64 longest)
{
	struct story story;

	story__init(&story, NULL);
	story__lock_class(&story, I_RWSEM, LOCK_RWSEM, "inode.i_rwsem", "ext4", 0);
	if (contentions < 0)
		story__lock_waits_untold(&story, I_RWSEM);
	else
		story__lock_waits(&story, I_RWSEM, contentions, longest);
	return save_story(&story, name, &all_locks);
}

static void test_report_waits(void **state)
{
	static const struct {
		long contentions;
		__u64 longest;
		const char *text;
	} cases[] = {
		{ 7, 12345678, "1000       7  12.3 ms" },
		{ 70, 1500000000, "1000      70    1.5 s" },
		{ 1, 2500, "1000       1   2.5 us" },
		{ 0, 0, "1000       0        -" },
	};
	const struct outcome_of_run *outcome;
	struct json_object *class;
	struct lines lines;
	const char *path;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		path = trace_of_waits("waits.dxt", cases[i].contentions, cases[i].longest);
		outcome = run("report", "--view", "locks", path, NULL);
		assert_fits(outcome->out);
		assert_contains(outcome->out, cases[i].text);
		assert_null(strstr(outcome->out, "unknown"));
		lines__parse(&lines, run("report", "-j", "--view", "locks", path, NULL)->out);
		class = lines__find(&lines, "class", NULL);
		assert_int_equal(number_of(class, "contentions"), cases[i].contentions);
		assert_int_equal(number_of(class, "longest_wait"), cases[i].longest);
		assert_int_equal(number_of(class, "waited"),
				 cases[i].contentions * cases[i].longest);
		lines__free(&lines);
	}
}

/* A trace of an older version. */
static void test_report_waits_unknown(void **state)
{
	const struct outcome_of_run *outcome;
	struct json_object *class, *value;
	struct lines lines;
	const char *path = trace_of_waits("old.dxt", -1, 0);

	(void)state;
	outcome = run("report", "--view", "locks", path, NULL);
	assert_contains(outcome->out, "1000       -        -");
	assert_contains(outcome->out, "they were waited for is unknown.");
	lines__parse(&lines, run("report", "-j", "--view", "locks", path, NULL)->out);
	class = lines__find(&lines, "class", NULL);
	assert_int_equal(number_of(class, "acquisitions"), 1000);
	assert_true(json_object_object_get_ex(class, "contentions", &value));
	assert_null(value);
	lines__free(&lines);
}

static void test_report_dot(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("report", "--format", "dot", trace_of("wrong.dxt", wrong, &all_locks), NULL);
	assert_contains(outcome->out, "digraph");
	assert_contains(outcome->out, "inode.i_rwsem (ext4)");
	assert_contains(outcome->out, "color=red");
	outcome = run("report", "--format", "dot", trace_of("right.dxt", right, &all_locks), NULL);
	assert_null(strstr(outcome->out, "color=red"));
}

/* A "dot" that tells what it was given, and none. */
static void test_report_svg(void **state)
{
	const struct outcome_of_run *outcome;
	const char *trace = trace_of("wrong.dxt", wrong, &all_locks);
	char folder[] = "/tmp/daxtrace-unit.XXXXXX", program[64], *path;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	path = strdup(getenv("PATH"));
	setenv("PATH", folder, 1);
	outcome = run("report", "--format", "svg", trace, NULL);
	assert_refused(outcome, USAGE, "no program \"dot\"", "--format dot", NULL);
	snprintf(program, sizeof(program), "%s/dot", folder);
	file = fopen(program, "w");
	assert_non_null(file);
	fputs("#!/bin/sh\necho \"<svg> $1\"\nwhile read -r line; do echo \"$line\"; done\n", file);
	fchmod(fileno(file), 0755);
	fclose(file);
	outcome = run("report", "--format", "svg", trace, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "<svg> -Tsvg");
	assert_contains(outcome->out, "inode.i_rwsem (ext4)");
	setenv("PATH", path, 1);
	free(path);
	unlink(program);
	rmdir(folder);
}

static void test_diff_same(void **state)
{
	const struct outcome_of_run *outcome = diff(NULL, right, right);

	(void)state;
	assert_int_equal(outcome->status, CLEAN);
	assert_string_equal(outcome->err, "");
	assert_string_equal(outcome->out, "Edges: 0 new, 0 gone, 0 in other modes. Cycles: 0 new, "
			    "0 gone.\nOther findings: 0 new, 0 gone.\nsame\n");
}

static void test_diff_text(void **state)
{
	const struct outcome_of_run *outcome = diff(NULL, right, wrong);

	(void)state;
	assert_int_equal(outcome->status, FINDINGS);
	assert_fits(outcome->out);
	assert_contains(outcome->out, "new cycle\n    address_space.invalidate_lock (ext4)\n"
			"    -> inode.i_rwsem (ext4)\n");
	assert_says(outcome->out, "new edge address_space.invalidate_lock (ext4) -> "
		    "inode.i_rwsem (ext4) (EN)");
	assert_says(outcome->out, "gone edge address_space.invalidate_lock (ext4) -> "
		    "jbd2_handle (ext4)");
	assert_contains(outcome->out, "Edges: 1 new, 1 gone, 0 in other modes. Cycles: 1 new, 0 gone.");
	/* The other way round. */
	outcome = run("diff", two[1], two[0], NULL);
	assert_contains(outcome->out, "gone cycle\n");
	assert_contains(outcome->out, "Edges: 1 new, 1 gone, 0 in other modes. Cycles: 0 new, 1 gone.");
}

static void test_diff_json(void **state)
{
	struct json_object *line;
	struct lines lines;

	(void)state;
	lines__parse(&lines, diff("-j", right, wrong)->out);
	line = lines__find(&lines, "cycle", NULL);
	assert_string_equal(text_of(line, "change"), "new");
	line = lines__find(&lines, "edge", NULL);
	assert_string_equal(text_of(line, "change"), "new");
	assert_string_equal(text_of(line, "from"), "address_space.invalidate_lock");
	line = lines__find(&lines, "diff", NULL);
	assert_ptr_equal(line, lines.line[lines.count - 1]);
	assert_string_equal(text_of(line, "verdict"), "different");
	assert_int_equal(number_of(line, "new_edges"), 1);
	assert_int_equal(number_of(line, "gone_edges"), 1);
	assert_int_equal(number_of(line, "new_cycles"), 1);
	lines__free(&lines);
}

/* The same pair of locks, held by readers: no edge is new, but its modes are. */
static void test_diff_modes(void **state)
{
	const struct outcome_of_run *outcome = diff(NULL, right, other_modes);

	(void)state;
	assert_int_equal(outcome->status, FINDINGS);
	assert_says(outcome->out, "inode.i_rwsem (ext4) -> address_space.invalidate_lock (ext4): "
		    "was EN, is SN");
	assert_contains(outcome->out, "Edges: 0 new, 0 gone, 1 in other modes.");
}

/* A trace that is not whole cannot be the same as another. */
static void test_diff_not_whole(void **state)
{
	static const struct story_recording off = { .locks = "off" }, lost = { .locks = "all", .lost = 3 };
	const struct outcome_of_run *outcome;
	char *whole = strdup(trace_of("whole.dxt", right, &all_locks));

	(void)state;
	outcome = run("diff", whole, trace_of("off.dxt", right, &off), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "with --locks off");
	assert_contains(outcome->out, "\ninconclusive\n");
	outcome = run("diff", trace_of("lost.dxt", right, &lost), whole, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "3 records were lost");
	/* What is different stays so. */
	outcome = run("diff", whole, trace_of("lost.dxt", wrong, &lost), NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "3 records were lost");
	assert_contains(outcome->out, "\ndifferent\n");
	free(whole);
}

static void test_diff_usage(void **state)
{
	(void)state;
	assert_refused(run("diff", NULL), USAGE, "two files", "help diff", NULL);
	assert_refused(run("diff", "a", "b", "c", NULL), USAGE, "more than two", NULL);
	assert_refused(run("diff", "-", "-", NULL), USAGE, "standard input", NULL);
	assert_refused(run("diff", "/nonexistent", "/nonexistent", NULL), USAGE, "/nonexistent", NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_text),
		cmocka_unit_test(test_report_json),
		cmocka_unit_test(test_report_waits),
		cmocka_unit_test(test_report_waits_unknown),
		cmocka_unit_test(test_report_dot),
		cmocka_unit_test(test_report_svg),
		cmocka_unit_test(test_diff_same),
		cmocka_unit_test(test_diff_text),
		cmocka_unit_test(test_diff_json),
		cmocka_unit_test(test_diff_modes),
		cmocka_unit_test(test_diff_not_whole),
		cmocka_unit_test(test_diff_usage),
	};

	return cmocka_run_group_tests_name("cli_locks", tests, NULL, NULL);
}
