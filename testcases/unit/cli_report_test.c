// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* daxtrace report: what a user reads, and what a program does. */
#include "testcases/unit/program.h"

#include "detect/detect.h"
#include "probe/table.h"

/*
 * Rules that are judged if none is named: not DX17, nor the four of locks, which
 * these traces do not have.  And those that need to see entries go.
 */
#define JUDGED		(RULE_COUNT - 5)
#define NEED_DELETE	10

#define TRACES "testcases/unit/traces/"
#define FLIPPED "testcases/races/flip_mapped/on.dxt"

/* --- literally ------------------------------------------------------------ */

static const struct {
	const char *trace, *text, *json;
	int status;
} golden[] = {
	{ TRACES "drop_dirty.dxt", TRACES "drop_dirty.txt", TRACES "drop_dirty.json", FINDINGS },
	{ TRACES "missed_sync.dxt", TRACES "missed_sync.txt", TRACES "missed_sync.json", FINDINGS },
	{ TRACES "well_behaved.dxt", TRACES "well_behaved.txt", TRACES "well_behaved.json", CLEAN },
};

/*
 * Whole outputs.  To change one on purpose, look at what the program prints for
 * the trace of the same name, and keep it.
 */

static void assert_same_lines(const char *text, const char *expected)
{
	size_t length;

	for (; *text || *expected; text += length, expected += length) {
		length = strcspn(expected, "\n");
		length += expected[length] == '\n';
		if (!length || strncmp(text, expected, length))
			fail_msg("this line: %.*s\nis not: %.*s", (int)strcspn(text, "\n"), text,
				 (int)length, expected);
	}
}

static void test_golden_text(void **state)
{
	const struct outcome_of_run *outcome;
	char *expected;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(golden); i++) {
		outcome = run("report", golden[i].trace, NULL);
		expected = read_text(golden[i].text);
		assert_same_lines(outcome->out, expected);
		assert_string_equal(outcome->err, "");
		assert_int_equal(outcome->status, golden[i].status);
		assert_fits(outcome->out);
		free(expected);
	}
}

static void test_golden_json(void **state)
{
	const struct outcome_of_run *outcome;
	struct lines lines;
	char *expected;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(golden); i++) {
		outcome = run("report", "-j", golden[i].trace, NULL);
		expected = read_text(golden[i].json);
		assert_same_lines(outcome->out, expected);
		assert_string_equal(outcome->err, "");
		assert_int_equal(outcome->status, golden[i].status);
		lines__parse(&lines, outcome->out);
		lines__verdict(&lines);
		lines__free(&lines);
		free(expected);
	}
}

/* What the text says of the same trace, a story told afresh says as well. */
static void test_told_afresh(void **state)
{
	const struct outcome_of_run *outcome;
	struct story story;
	char *expected;

	(void)state;
	story__drop_dirty(&story, &story_numbers);
	outcome = run("report", save_story(&story, "afresh", NULL), NULL);
	expected = read_text(TRACES "drop_dirty.txt");
	assert_same_lines(outcome->out, expected);
	free(expected);
}

static void test_standard_input(void **state)
{
	const struct outcome_of_run *outcome = run_from(TRACES "drop_dirty.dxt", "report", "-", NULL);
	char *expected = read_text(TRACES "drop_dirty.txt");

	(void)state;
	assert_same_lines(outcome->out, expected);
	assert_int_equal(outcome->status, FINDINGS);
	free(expected);
}

/* Where -j stands does not matter. */
static void test_json_anywhere(void **state)
{
	char *expected = read_text(TRACES "drop_dirty.json");
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("-j", "report", TRACES "drop_dirty.dxt", NULL);
	assert_same_lines(outcome->out, expected);
	outcome = run("report", TRACES "drop_dirty.dxt", "--json", NULL);
	assert_same_lines(outcome->out, expected);
	outcome = run("report", "--format", "json", TRACES "drop_dirty.dxt", NULL);
	assert_same_lines(outcome->out, expected);
	free(expected);
}

/* --- the finding, for a program ------------------------------------------- */

static void test_finding_in_json(void **state)
{
	struct json_object *finding, *events, *moment, *value;
	struct lines lines;
	size_t i, moments = 0;

	(void)state;
	lines__parse(&lines, run("report", "-j", TRACES "drop_dirty.dxt", NULL)->out);
	assert_int_equal(lines.count, JUDGED + 2);
	finding = lines__find(&lines, "finding", "DX01");
	assert_string_equal(text_of(finding, "name"), "lost-dirty-entry");
	assert_string_equal(text_of(finding, "certainty"), "observed");
	assert_string_equal(text_of(finding, "severity"), "error");
	assert_string_equal(text_of(finding, "fs"), "refdax");
	assert_string_equal(text_of(finding, "dev"), "259:0");
	assert_int_equal(number_of(finding, "ino"), 13);
	assert_int_equal(number_of(finding, "index"), 0);
	assert_int_equal(number_of(finding, "pages"), 1);
	assert_string_equal(text_of(finding, "fingerprint"), "8c92b116906715f3");
	assert_int_equal(json_object_array_length(list_of(finding, "actors")), 2);
	events = list_of(finding, "events");
	for (i = 0; i < json_object_array_length(events); i++) {
		value = json_object_array_get_idx(events, i);
		if (json_object_object_get_ex(value, "moment", &moment)) {
			moments++;
			assert_string_equal(text_of(value, "event"), "entry-delete");
			assert_int_equal(number_of(value, "time"), number_of(finding, "time"));
		}
	}
	assert_int_equal(moments, 1);
	assert_int_equal(number_of(lines__find(&lines, "coverage", "DX01"), "windows"), 1);
	assert_int_equal(number_of(lines__find(&lines, "coverage", "DX01"), "contested"), 1);
	assert_int_equal(number_of(lines__find(&lines, "coverage", "DX03"), "windows"), 0);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "findings");
	assert_int_equal(number_of(lines__verdict(&lines), "findings"), 1);
	assert_int_equal(number_of(lines__verdict(&lines), "lost"), 0);
	assert_int_equal(number_of(lines__verdict(&lines), "records"), 21);
	assert_string_equal(text_of(lines__verdict(&lines), "kernel"), "6.1.0-story");
	lines__free(&lines);
}

/* To the end of the file: no number that a reader would round. */
static void test_open_range_in_json(void **state)
{
	struct json_object *events, *event;
	struct lines lines;

	(void)state;
	lines__parse(&lines, run("report", "-j", TRACES "missed_sync.dxt", NULL)->out);
	events = list_of(lines__find(&lines, "finding", "DX03"), "events");
	event = json_object_array_get_idx(events, json_object_array_length(events) - 1);
	assert_string_equal(text_of(event, "operation"), "fsync");
	assert_int_equal(number_of(event, "first"), 0);
	assert_null(text_of(event, "last"));
	lines__free(&lines);
}

/* --- what is doubtful ----------------------------------------------------- */

static void test_loss(void **state)
{
	const struct outcome_of_run *outcome;
	struct lines lines;
	struct story story;
	const char *path;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	story__gap(&story, 5);
	path = save_story(&story, "loss", NULL);
	outcome = run("report", path, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "verdict: inconclusive (0 findings, 24 records, 5 lost)");
	assert_says(outcome->out, "5 records were lost in the kernel");
	assert_fits(outcome->out);
	outcome = run("report", "-j", path, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	lines__parse(&lines, outcome->out);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "inconclusive");
	assert_int_equal(number_of(lines__verdict(&lines), "lost"), 5);
	lines__free(&lines);
}

/* What was found was found, whatever was lost. */
static void test_loss_and_finding(void **state)
{
	const struct outcome_of_run *outcome;
	struct story story;

	(void)state;
	story__drop_dirty(&story, &story_numbers);
	story.time += 5000000000ULL;
	story__gap(&story, 5);
	outcome = run("report", save_story(&story, "loss", NULL), NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "verdict: findings");
	assert_says(outcome->out, "5 records were lost in the kernel");
}

/* Whoever wrote the file lost records, and the records about that. */
static void test_loss_at_the_end_only(void **state)
{
	struct story_recording recording = { .lost = 3 };
	const struct outcome_of_run *outcome;
	struct story story;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	outcome = run("report", save_story(&story, "end", &recording), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_says(outcome->out, "says that 3 records were lost.");
	/* As the recorder does it: told in the stream, and counted at the end. */
	story__well_behaved(&story, &story_numbers);
	story__gap(&story, 3);
	outcome = run("report", save_story(&story, "end", &recording), NULL);
	assert_null(strstr(outcome->out, "end says"));
}

static void test_missing_event(void **state)
{
	struct story_recording recording = { .missing = OBSERVED_BIT(OBSERVED_ENTRY_DELETE) };
	const struct outcome_of_run *outcome;
	struct json_object *verdict;
	struct lines lines;
	struct story story;
	const char *path;

	(void)state;
	story__drop_dirty(&story, &story_numbers);
	path = save_story(&story, "missing", &recording);
	outcome = run("report", path, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_says(outcome->out, "entry-delete was not observed");
	assert_contains(outcome->out, "DX01 is unknown.");
	assert_contains(outcome->out, "DX03 is unknown.");
	assert_fits(outcome->out);
	lines__parse(&lines, run("report", "-j", path, NULL)->out);
	verdict = lines__verdict(&lines);
	assert_int_equal(json_object_array_length(list_of(verdict, "missing")), 1);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(
				list_of(verdict, "missing"), 0)), "entry-delete");
	assert_int_equal(json_object_array_length(list_of(verdict, "unknown")), NEED_DELETE);
	lines__free(&lines);
}

/* A trace that does not say how it was made proves nothing. */
static void test_no_facts(void **state)
{
	struct story_recording recording = { .missing = ~0U };
	const struct outcome_of_run *outcome;
	struct story story;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	outcome = run("report", save_story(&story, "facts", &recording), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_fits(outcome->out);
}

static void test_command_that_failed(void **state)
{
	struct story_recording recording = { .command_status = "1" };
	const struct outcome_of_run *outcome;
	struct lines lines;
	struct story story;
	const char *path;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	path = save_story(&story, "failed", &recording);
	outcome = run("report", path, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_says(outcome->out, "command failed with status 1");
	lines__parse(&lines, run("report", "-j", path, NULL)->out);
	assert_contains(text_of(lines__verdict(&lines), "problem"), "status 1");
	lines__free(&lines);

	recording.command_status = "0";
	story__well_behaved(&story, &story_numbers);
	outcome = run("report", save_story(&story, "failed", &recording), NULL);
	assert_int_equal(outcome->status, CLEAN);
}

/* The recorder knows of something that it has not seen. */
static void test_recorders_problem(void **state)
{
	struct story_recording recording = { .problem = "The module jbd2\033 was loaded." };
	const struct outcome_of_run *outcome;
	struct story story;

	(void)state;
	story__well_behaved(&story, &story_numbers);
	outcome = run("report", save_story(&story, "problem", &recording), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_says(outcome->out, "The module jbd2? was loaded.");
}

static void test_case_that_cannot_be_judged(void **state)
{
	struct story_task mapper, late;
	const struct outcome_of_run *outcome;
	struct story_file file = story__file(1, 1, 1);
	struct story story;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	late = story__task(&story, "late");
	story__fault_write(&mapper, &file, 4);
	story__delete(&late, &file, 4, 0);
	outcome = run("report", save_story(&story, "unknown", NULL), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "DX01: 1 case");
}

static void test_windows_that_never_opened(void **state)
{
	const struct outcome_of_run *outcome;
	struct story story;

	(void)state;
	story__init(&story, NULL);
	story__task(&story, "idle");
	outcome = run("report", save_story(&story, "idle", NULL), NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_says(outcome->out, "Never opened, so that this run proves nothing about it, was the "
		    "window of DX01, DX02, DX03");
}

/* Predicted: nobody looked for pages in use, which would have been the window. */
static void test_finding_without_a_window(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("report", "testcases/races/layout_not_broken/on.dxt", NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "DX11 layout-break-incomplete: predicted");
	assert_contains(outcome->out, "Never opened, so that this run");
	assert_null(strstr(strstr(outcome->out, "Never opened"), "DX11"));
}

/* --- rules and views ------------------------------------------------------ */

static void test_rule_selected(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run("report", "--rule", "DX03", TRACES "drop_dirty.dxt", NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_null(strstr(outcome->out, "DX01"));
	outcome = run("report", "--rule", "-DX01", TRACES "drop_dirty.dxt", NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_null(strstr(outcome->out, "DX01 lost-dirty-entry"));
	outcome = run("report", "--rule", "dx01", TRACES "drop_dirty.dxt", NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_null(strstr(outcome->out, "DX03"));
	outcome = run("report", "--rule", "DX03", "--rule", "DX01", TRACES "drop_dirty.dxt", NULL);
	assert_int_equal(outcome->status, FINDINGS);
}

static void test_views(void **state)
{
	static const struct {
		const char *view;
		const char *has, *has_not;
	} views[] = {
		{ "all", "What it means", "OBSERVED AT" },
		{ "findings", "What it means", "WINDOWS" },
		{ "coverage", "WINDOWS", "What it means" },
		{ "summary", "OBSERVED AT", "What it means" },
		{ "timeline", "invalidate done", "What it means" },
	};
	const struct outcome_of_run *outcome;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(views); i++) {
		outcome = run("report", "--view", views[i].view, TRACES "drop_dirty.dxt", NULL);
		assert_int_equal(outcome->status, FINDINGS);
		assert_string_equal(outcome->err, "");
		assert_contains(outcome->out, views[i].has);
		assert_null(strstr(outcome->out, views[i].has_not));
		assert_contains(outcome->out, "verdict: findings");
		assert_fits(outcome->out);
	}
}

/* A mapping is no operation, and has a name all the same. */
static void test_rival_that_is_a_mapping(void **state)
{
	(void)state;
	assert_contains(run("report", "--view", "coverage", FLIPPED, NULL)->out, "0  mmap\n");
	assert_contains(run("report", "-j", "--view", "coverage", FLIPPED, NULL)->out,
			"\"rivals\":{\"mmap\":1}");
}

static void test_views_in_json(void **state)
{
	static const struct {
		const char *view;
		const char *type;
		size_t lines;
	} views[] = {
		{ "all", "finding", JUDGED + 2 },
		{ "findings", "finding", 2 },
		{ "coverage", "coverage", JUDGED + 1 },
		{ "summary", "count", OBSERVED_COUNT + 1 },
	};
	struct lines lines;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(views); i++) {
		lines__parse(&lines, run("report", "-j", "--view", views[i].view,
					 TRACES "drop_dirty.dxt", NULL)->out);
		assert_int_equal(lines.count, views[i].lines);
		lines__find(&lines, views[i].type, NULL);
		lines__verdict(&lines);
		lines__free(&lines);
	}
}

static void test_timeline_has_every_event(void **state)
{
	const struct outcome_of_run *outcome;
	const char *line;
	size_t count = 0;

	(void)state;
	outcome = run("report", "--view", "timeline", TRACES "drop_dirty.dxt", NULL);
	for (line = outcome->out; (line = strstr(line, "259:0")); line++)
		count++;
	assert_int_equal(count, 12);
	assert_contains(outcome->out, "     0.000000 mapper ");
	assert_contains(outcome->out, "     0.000015 writer ");
}

static void test_summary_counts(void **state)
{
	struct lines lines;
	size_t i;

	(void)state;
	lines__parse(&lines, run("report", "-j", "--view", "summary", TRACES "drop_dirty.dxt",
				 NULL)->out);
	for (i = 0; i + 1 < lines.count; i++) {
		const char *event = text_of(lines.line[i], "event");
		__u64 count = number_of(lines.line[i], "count");

		if (!strcmp(event, "fault") || !strcmp(event, "entry-insert") ||
		    !strcmp(event, "task-name"))
			assert_int_equal(count, 2);
		else if (!strcmp(event, "entry-delete") || !strcmp(event, "rw") ||
			 !strcmp(event, "invalidate") || !strcmp(event, "unmap") ||
			 !strcmp(event, "superblock"))
			assert_int_equal(count, 1);
		else
			assert_int_equal(count, 0);
	}
	lines__free(&lines);
}

/* --- whatever a trace says ------------------------------------------------ */

/* Every field as wide as it can be, and every name as bad. */
static void tell_hostile(struct story *story)
{
	struct story_file file = story__file(~0U, ~0ULL, ~0U);
	struct story_task mapper, writer, third;
	__u64 address = ~0ULL, index = ~0ULL << 1;
	char symbol[128];
	int i;

	file.pfn = 1ULL << 52;
	story__init(story, &(struct story_setting) { .first_tid = 4000000000U });
	story__superblock(story, ~0U, "\033[31mred\r\n\tfs");
	mapper = story__task(story, "\033]0;title\007\n\r\b");
	writer = story__task(story, "\xff\xfe\x80 \xc2\x9b" "0m\x7f\x01\x02");
	third = story__task(story, "\xc3\xa4\xc3\xb6 \"\\\"");
	memset(symbol, 's', sizeof(symbol));
	symbol[20] = '\033';
	story__stack(story, 1, &address, 1);
	story__symbol(story, address, symbol, ~0ULL);

	story__fault_write(&mapper, &file, index);
	for (i = 0; i < 12; i++)
		story__fault_read(&third, &file, index);
	/* A long pause, and a longer one. */
	story__write_begins(&writer, &file, index, 1);
	story->time += 4000ULL * 1000000000;
	story__fallocate_begins(&mapper, &file, ~0, index - 1000000, INDEX_MAX);
	story->time += 1ULL << 62;
	story__exit(&mapper, &file, OPERATION_FALLOCATE, INT64_MIN);
	story__enter(&writer, &file, &(struct story_operation) {
		.operation = OPERATION_INVALIDATE, .first = index, .last = index, .stack = 1,
	});
	story__delete(&writer, &file, index, 0);
	story__fault_write(&mapper, &file, index);
	story__fsync_begins(&third, &file);
	story__fsync_ends(&third, &file, 0);
}

static void test_hostile_text(void **state)
{
	const struct outcome_of_run *outcome;
	struct story story;
	const char *path, *c;

	(void)state;
	tell_hostile(&story);
	path = save_story(&story, "hostile", NULL);
	outcome = run("report", path, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_string_equal(outcome->err, "");
	assert_fits(outcome->out);
	assert_contains(outcome->out, "DX01");
	assert_contains(outcome->out, "DX03");
	outcome = run("report", "--view", "coverage", path, NULL);
	assert_fits(outcome->out);
	outcome = run("report", "--view", "summary", path, NULL);
	assert_fits(outcome->out);
	/* Wider than 80 columns, but as harmless. */
	outcome = run("report", "--view", "timeline", path, NULL);
	for (c = outcome->out; *c; c++)
		assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
	assert_null(strstr(outcome->out, "\xc2\x9b"));
}

/* The same bytes for a program: all of them, as far as they are text. */
static void test_hostile_json(void **state)
{
	struct json_object *finding, *actors;
	const struct outcome_of_run *outcome;
	struct lines lines;
	struct story story;
	const char *path;

	(void)state;
	tell_hostile(&story);
	path = save_story(&story, "hostile", NULL);
	outcome = run("report", "-j", path, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	lines__parse(&lines, outcome->out);
	finding = lines__find(&lines, "finding", "DX01");
	assert_string_equal(text_of(finding, "fs"), "\033[31mred\r\n\tfs");
	assert_true(number_of(finding, "ino") == ~0ULL);
	actors = list_of(finding, "actors");
	assert_string_equal(text_of(json_object_array_get_idx(actors, 0), "comm"),
			    "\033]0;title\007\n\r\b");
	/* U+FFFD for each byte that is none; U+009B is a character. */
	assert_string_equal(text_of(json_object_array_get_idx(actors, 1), "comm"),
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc2\x9b" "0m\x7f\x01\x02");
	finding = lines__find(&lines, "finding", "DX03");
	actors = list_of(finding, "actors");
	assert_string_equal(text_of(json_object_array_get_idx(actors, 1), "comm"),
			    "\xc3\xa4\xc3\xb6 \"\\\"");
	lines__free(&lines);
}

/* Nothing of a description is cut off: it goes on below, in its column. */
static void test_long_descriptions_wrap(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task mapper, writer, third;
	struct story_file file = story__file(1, 1, 1);
	struct story story;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	writer = story__task(&story, "writer");
	third = story__task(&story, "third");
	file.pfn = 0xabcdef00000ULL;
	story__fault_write(&mapper, &file, 1000000000000ULL);
	story__fault_write(&third, &file, 1000000000000ULL);
	story__write_begins(&writer, &file, 1000000000000ULL, 1);
	story__delete(&writer, &file, 1000000000000ULL, 0);
	outcome = run("report", save_story(&story, "long", NULL), NULL);
	assert_fits(outcome->out);
	assert_contains(outcome->out, "write fault, page 1000000000000\n");
	assert_contains(outcome->out, "[102] write fault, page\n              1000000000000\n");
	assert_contains(outcome->out, "[102] entry: pfn 0xba5b3951000,\n                DIRTY\n");
	assert_contains(outcome->out, "write 4096 bytes at\n");
}

/* The recorder puts all in order: what is not has been tampered with, and proves nothing. */
static void test_times_out_of_order(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task mapper, writer;
	struct story_file file = story__file(1, 1, 1);
	struct story story;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	writer = story__task(&story, "writer");
	story__fault_write(&mapper, &file, 4);
	story.time -= 20000;
	story__write_begins(&writer, &file, 4, 1);
	story.time += 20000;
	story__delete(&writer, &file, 4, 0);
	outcome = run("report", save_story(&story, "order", NULL), NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->out, "verdict: inconclusive (0 findings, 7 records, 1 lost)");
}

/* Where events are left out, and where nothing happened for long, it says so. */
static void test_pauses(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task mapper, writer;
	struct story_file file = story__file(1, 1, 1);
	struct story story;
	int i;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	writer = story__task(&story, "writer");
	story__fault_write(&mapper, &file, 4);
	for (i = 0; i < 40; i++)
		story__fault_read(&writer, &file, 4);
	story__write_begins(&writer, &file, 4, 1);
	story__delete(&writer, &file, 4, 0);
	outcome = run("report", save_story(&story, "many", NULL), NULL);
	assert_contains(outcome->out, "entry: pfn 0x101004, DIRTY\n       ...\n");

	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	writer = story__task(&story, "writer");
	story__fault_write(&mapper, &file, 4);
	story.time += 2500000000ULL;
	story__fault_read(&writer, &file, 4);
	story.time += 3600000000000ULL;
	story__write_begins(&writer, &file, 4, 1);
	story__delete(&writer, &file, 4, 0);
	outcome = run("report", save_story(&story, "long", NULL), NULL);
	assert_contains(outcome->out, "fault done\n       ...\n  2500.003   ");
	assert_contains(outcome->out, "fault done\n       ...\n    3602 s   ");
}

/* A truncation within a page removes none. */
static void test_range_without_a_page(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task task;
	struct story_file file = story__file(1, 1, 1);
	struct story story;

	(void)state;
	story__init(&story, NULL);
	task = story__task(&story, "task");
	story__enter(&task, &file, &(struct story_operation) {
		.operation = OPERATION_TRUNCATE, .first = 5, .last = 4 });
	outcome = run("report", "--view", "timeline", save_story(&story, "none", NULL), NULL);
	assert_contains(outcome->out, "truncate-pages no whole page\n");
}

static void test_huge_page(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task mapper;
	struct story_file file = story__file(1, 1, 1);
	struct story story;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	story__fault_write_huge(&mapper, &file, STORY_HUGE_PAGES);
	story__fsync_begins(&mapper, &file);
	story__fsync_ends(&mapper, &file, 0);
	outcome = run("report", save_story(&story, "huge", NULL), NULL);
	assert_contains(outcome->out, "page 512 and the 511 after it;");
	assert_fits(outcome->out);
}

static void test_occurrences(void **state)
{
	const struct outcome_of_run *outcome;
	struct story_task mapper;
	struct story_file file = story__file(1, 1, 1);
	struct lines lines;
	struct story story;
	const char *path;
	int i;

	(void)state;
	story__init(&story, NULL);
	mapper = story__task(&story, "mapper");
	story__fault_write(&mapper, &file, 7);
	for (i = 0; i < 3; i++) {
		story__fsync_begins(&mapper, &file);
		story__fsync_ends(&mapper, &file, 0);
	}
	path = save_story(&story, "thrice", NULL);
	outcome = run("report", path, NULL);
	assert_contains(outcome->out, "Seen 3 times on this inode.");
	lines__parse(&lines, run("report", "-j", path, NULL)->out);
	assert_int_equal(number_of(lines__find(&lines, "finding", "DX03"), "occurrences"), 3);
	assert_int_equal(number_of(lines__verdict(&lines), "findings"), 1);
	lines__free(&lines);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_text),
		cmocka_unit_test(test_golden_json),
		cmocka_unit_test(test_told_afresh),
		cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_json_anywhere),
		cmocka_unit_test(test_finding_in_json),
		cmocka_unit_test(test_open_range_in_json),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_loss_and_finding),
		cmocka_unit_test(test_loss_at_the_end_only),
		cmocka_unit_test(test_missing_event),
		cmocka_unit_test(test_no_facts),
		cmocka_unit_test(test_command_that_failed),
		cmocka_unit_test(test_recorders_problem),
		cmocka_unit_test(test_case_that_cannot_be_judged),
		cmocka_unit_test(test_windows_that_never_opened),
		cmocka_unit_test(test_finding_without_a_window),
		cmocka_unit_test(test_rule_selected),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_rival_that_is_a_mapping),
		cmocka_unit_test(test_views_in_json),
		cmocka_unit_test(test_timeline_has_every_event),
		cmocka_unit_test(test_summary_counts),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_hostile_json),
		cmocka_unit_test(test_long_descriptions_wrap),
		cmocka_unit_test(test_times_out_of_order),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_range_without_a_page),
		cmocka_unit_test(test_huge_page),
		cmocka_unit_test(test_occurrences),
	};

	return cmocka_run_group_tests_name("cli_report", tests, NULL, NULL);
}
