// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a user may do wrong, and what may be wrong with a file: one clear message. */
#include "detect/detect.h"
#include "testcases/unit/program.h"

#include <fcntl.h>

#define TRACES "testcases/unit/traces/"
#define TRACE	TRACES "drop_dirty.dxt"
#define CLEAN_TRACE	TRACES "well_behaved.dxt"

/* --- files ---------------------------------------------------------------- */

static void test_missing_file(void **state)
{
	(void)state;
	assert_refused(run("report", "/nonexistent", NULL), USAGE, "cannot open /nonexistent",
		       "No such file", NULL);
	assert_refused(run("check", "/nonexistent", NULL), USAGE, "cannot open /nonexistent", NULL);
	assert_refused(run("report", "", NULL), USAGE, "cannot open", NULL);
	assert_refused(run("report", "/tmp", NULL), USAGE, "/tmp is a directory", NULL);
	assert_refused(run("report", "/dev/null/x", NULL), USAGE, "/dev/null/x", "Not a directory",
		       NULL);
}

static void test_file_that_is_no_trace(void **state)
{
	const char *path = unit_path("other");

	(void)state;
	write_text(path, "");
	assert_refused(run("report", path, NULL), INCONCLUSIVE, path, "empty", NULL);
	write_text(path, "hello");
	assert_refused(run("report", path, NULL), INCONCLUSIVE, path, "not a trace", NULL);
	assert_refused(run("check", path, NULL), INCONCLUSIVE, path, "not a trace", NULL);
	write_text(path, "PERFILE2 and more, as long as a header would be, and longer");
	assert_refused(run("report", path, NULL), INCONCLUSIVE, path, "perf script", NULL);
	write_text(path, "\x1f\x8b");
	assert_refused(run("report", path, NULL), INCONCLUSIVE, path, "gunzip", NULL);
	assert_refused(run_from("/dev/null", "report", "-", NULL), INCONCLUSIVE, "standard input",
		       NULL);
}

/* Cut off anywhere: never clean, always a reason, and what is left is judged. */
static void test_truncated_file(void **state)
{
	const struct outcome_of_run *outcome;
	const char *path = unit_path("cut");
	struct bytes whole = { 0 }, cut;
	struct lines lines;

	(void)state;
	bytes__load(&whole, CLEAN_TRACE);
	for (cut = whole, cut.length = 1; cut.length < whole.length; cut.length += 37) {
		bytes__save(&cut, path);
		outcome = run("check", path, NULL);
		assert_int_equal(outcome->status, INCONCLUSIVE);
		if (cut.length < 32) {
			assert_refused(outcome, INCONCLUSIVE, path, NULL);
			continue;
		}
		assert_string_equal(outcome->err, "");
		assert_contains(outcome->out, "verdict: inconclusive");
		assert_says(outcome->out, "copy the whole file");
		assert_fits(outcome->out);
	}
	outcome = run("report", "-j", path, NULL);
	lines__parse(&lines, outcome->out);
	assert_string_equal(text_of(lines__verdict(&lines), "verdict"), "inconclusive");
	assert_contains(text_of(lines__verdict(&lines), "problem"), path);
	lines__free(&lines);
	bytes__free(&whole);
}

static void test_corrupt_file(void **state)
{
	const struct outcome_of_run *outcome;
	const char *path = unit_path("bent");
	struct bytes file = { 0 };
	size_t position;

	(void)state;
	bytes__load(&file, CLEAN_TRACE);
	for (position = 0; position < file.length; position += 31) {
		file.data[position] ^= 0x41;
		bytes__save(&file, path);
		outcome = run("check", path, NULL);
		if (outcome->status != INCONCLUSIVE)
			fail_msg("byte %zu: %d: %s", position, outcome->status, outcome->out);
		assert_contains(*outcome->out ? outcome->out : outcome->err, "record");
		assert_fits(outcome->out);
		file.data[position] ^= 0x41;
	}
	bytes__free(&file);
}

/* What was found before the damage was found. */
static void test_finding_before_the_damage(void **state)
{
	const struct outcome_of_run *outcome;
	const char *path = unit_path("damaged");
	struct bytes file = { 0 };

	(void)state;
	bytes__load(&file, TRACE);
	file.length -= 10;
	bytes__save(&file, path);
	outcome = run("check", path, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->out, "DX01");
	assert_contains(outcome->out, path);
	bytes__free(&file);
}

/* --- arguments ------------------------------------------------------------ */

static void test_no_command(void **state)
{
	(void)state;
	assert_refused(run(NULL, NULL), USAGE, "no command", "daxtrace help", NULL);
	assert_refused(run("frobnicate", NULL), USAGE, "unknown command frobnicate", NULL);
	assert_refused(run("--frobnicate", NULL), USAGE, "unknown option --frobnicate", NULL);
	assert_refused(run("help", "frobnicate", NULL), USAGE, "frobnicate", NULL);
	assert_refused(run("rules", "DX99", NULL), USAGE, "DX99", NULL);
	assert_refused(run("version", "now", NULL), USAGE, "now", NULL);
	assert_refused(run("features", "now", NULL), USAGE, "now", NULL);
	assert_refused(run("monitor", "now", NULL), USAGE, "now", NULL);
	assert_refused(run("", NULL), USAGE, "unknown command", NULL);
}

static void test_wrong_arguments(void **state)
{
	(void)state;
	assert_refused(run("report", NULL), USAGE, "no FILE", "help report", NULL);
	assert_refused(run("report", TRACE, TRACE, NULL), USAGE, "more than one FILE", NULL);
	assert_refused(run("check", NULL), USAGE, "neither a FILE nor", "help check", NULL);
	assert_refused(run("check", "--", NULL), USAGE, "neither a FILE nor", NULL);
	assert_refused(run("record", NULL), USAGE, "no -o FILE", "help record", NULL);
	assert_refused(run("report", "--rule", "DX99", TRACE, NULL), USAGE, "--rule DX99",
		       "DX01, DX02, DX03", "DX19", NULL);
	assert_refused(run("report", "--rule", "-", TRACE, NULL), USAGE, "no such rule", NULL);
	assert_refused(run("report", "--rule", "DX01", "--rule", "-DX01", TRACE, NULL), USAGE,
		       "no rule to judge", NULL);
	assert_refused(run("report", "--view", "nice", TRACE, NULL), USAGE, "--view nice",
		       "timeline", NULL);
	assert_refused(run("report", "--format", "xml", TRACE, NULL), USAGE, "--format xml",
		       "text, json, dot and svg", NULL);
	assert_refused(run("record", "-o", "/tmp/x", "-d", "soon", NULL), USAGE, "-d soon", NULL);
	assert_refused(run("monitor", "-i", "0", NULL), USAGE, "-i 0", NULL);
	assert_refused(run("monitor", "-d", "nan", NULL), USAGE, "-d nan", NULL);
	assert_refused(run("monitor", "-d", "inf", NULL), USAGE, "-d inf", NULL);
	assert_refused(run("monitor", "-d", "-1", NULL), USAGE, "-d -1", NULL);
	assert_refused(run("monitor", "--buffer", "1", NULL), USAGE, "--buffer 1", NULL);
	assert_refused(run("monitor", "--buffer", "99999999999999999999", NULL), USAGE, "--buffer",
		       NULL);
	assert_refused(run("monitor", "--buffer", "18014398509481985K", NULL), USAGE, "--buffer",
		       NULL);
	assert_refused(run("monitor", "--fs", "/nonexistent", NULL), USAGE, "--fs /nonexistent",
		       "No such file", NULL);
}

/* Which option it was. */
static void test_wrong_options(void **state)
{
	static const char *const commands[] = {
		"features", "record", "report", "monitor", "check", "rules",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		assert_refused(run(commands[i], "--frob", NULL), USAGE, "unknown option --frob;",
			       commands[i], NULL);
		assert_refused(run(commands[i], "-x", NULL), USAGE, "unknown option -x;", NULL);
		assert_refused(run(commands[i], "-vx", NULL), USAGE, "unknown option -x;", NULL);
		assert_refused(run(commands[i], "-xv", NULL), USAGE, "unknown option -x;", NULL);
		assert_refused(run(commands[i], "--verbose=2", NULL), USAGE,
			       "unknown option --verbose=2;", NULL);
	}
	assert_refused(run("report", "--rule", NULL), USAGE, "option --rule needs a value", NULL);
	assert_refused(run("check", "--baseline", NULL), USAGE, "option --baseline needs a value",
		       NULL);
	assert_refused(run("record", "-o", NULL), USAGE, "option -o needs a value", NULL);
	assert_refused(run("record", "-vo", NULL), USAGE, "option -o needs a value", NULL);
	assert_refused(run("monitor", "--interval", NULL), USAGE, "option --interval needs a value",
		       NULL);
	assert_refused(run("rules", "DX01", "DX03", NULL), USAGE, "more than one rule", NULL);
}

static void test_errors_in_json(void **state)
{
	static const struct {
		const char *arguments[4];
		int status;
		const char *part;
	} cases[] = {
		{ { "report", "-j", "/nonexistent" }, USAGE, "No such file" },
		{ { "report", "/nonexistent", "-j" }, USAGE, "No such file" },
		{ { "-j", "report" }, USAGE, "no FILE" },
		{ { "-j" }, USAGE, "no command" },
		{ { "frobnicate", "-j" }, USAGE, "unknown command" },
		{ { "report", "-j", "/dev/null" }, INCONCLUSIVE, "empty" },
		{ { "check", "-j", "--update", TRACE }, USAGE, "--baseline" },
		{ { "report", "-j", "--rule", "\"\\\n\033\xff" }, USAGE, "--rule" },
	};
	const struct outcome_of_run *outcome;
	struct json_object *object;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		outcome = run(cases[i].arguments[0], cases[i].arguments[1], cases[i].arguments[2],
			      cases[i].arguments[3], NULL);
		assert_int_equal(outcome->status, cases[i].status);
		assert_string_equal(outcome->err, "");
		/* One line, one object, one member. */
		assert_ptr_equal(strchr(outcome->out, '\n'), outcome->out + strlen(outcome->out) - 1);
		object = json_tokener_parse(outcome->out);
		assert_non_null(object);
		assert_int_equal(json_object_object_length(object), 1);
		assert_contains(text_of(object, "error"), cases[i].part);
		json_object_put(object);
	}
}

/* Very long, or full of what a terminal obeys: one line all the same. */
static void test_hostile_arguments(void **state)
{
	static const char *const templates[][4] = {
		{ "%" }, { "--%" }, { "report", "%" }, { "report", "--view", "%", TRACE },
		{ "report", "--rule", "%", TRACE }, { "report", "--format", "%", TRACE },
		{ "check", "--baseline", "%", TRACE }, { "check", "--require-coverage", "%", TRACE },
		{ "record", "-d", "%" }, { "monitor", "--buffer", "%" }, { "monitor", "--fs", "%" },
		{ "rules", "%" }, { "help", "%" }, { "version", "%" }, { "features", "%" },
		{ "monitor", "%" },
	};
	static char longest[100001];
	const char *values[] = {
		longest, "\033[2J\033[31m\r\n\b\007\x7f", "%s%n%d%s", "\xff\xfe\xc2\x9b" "0m",
	};
	const struct outcome_of_run *outcome;
	const char *arguments[4], *c;
	char option[100008];
	size_t i, v, a;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	for (i = 0; i < ARRAY_SIZE(templates); i++) {
		for (v = 0; v < ARRAY_SIZE(values); v++) {
			for (a = 0; a < 4; a++)
				arguments[a] = templates[i][a] && strchr(templates[i][a], '%') ?
					       values[v] : templates[i][a];
			if (templates[i][0] && !strcmp(templates[i][0], "--%")) {
				snprintf(option, sizeof(option), "--%s", values[v]);
				arguments[0] = option;
			}
			outcome = run(arguments[0], arguments[1], arguments[2], arguments[3], NULL);
			if (outcome->status != USAGE && outcome->status != INCONCLUSIVE)
				fail_msg("%s: %d", arguments[0], outcome->status);
			assert_string_equal(outcome->out, "");
			assert_int_equal(strncmp(outcome->err, "daxtrace: ", 10), 0);
			assert_ptr_equal(strchr(outcome->err, '\n'),
					 outcome->err + strlen(outcome->err) - 1);
			for (c = outcome->err; c[1]; c++)
				assert_true((unsigned char)*c >= ' ' && *c != 0x7f &&
					    (unsigned char)*c != 0xff);
			assert_null(strstr(outcome->err, "\xc2\x9b"));
		}
	}
}

/* --- standard output ------------------------------------------------------ */

static void test_full_output(void **state)
{
	static const char *const commands[][3] = {
		{ "check", CLEAN_TRACE }, { "report", "-j", CLEAN_TRACE }, { "version" }, { "help" },
		{ "rules" }, { "report", "--help" },
	};
	const struct outcome_of_run *outcome;
	size_t i;
	int fd;

	(void)state;
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		outcome = run_onto(fd, commands[i][0], commands[i][1], commands[i][2], NULL);
		assert_int_equal(outcome->status, INCONCLUSIVE);
		assert_string_equal(outcome->err, "daxtrace: cannot write the output: No space left "
				    "on device; it is not whole\n");
	}
	outcome = run_onto(fd, "check", TRACE, NULL);
	assert_int_equal(outcome->status, FINDINGS);
	assert_contains(outcome->err, "No space left on device");
	close(fd);
}

static void test_closed_output(void **state)
{
	const struct outcome_of_run *outcome;

	(void)state;
	outcome = run_onto(-1, "check", CLEAN_TRACE, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->err, "cannot write the output");
	outcome = run_onto(-1, "report", "-j", CLEAN_TRACE, NULL);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->err, "cannot write the output");
}

/* Its reader has gone. */
static void test_broken_pipe(void **state)
{
	const struct outcome_of_run *outcome;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	outcome = run_onto(fds[1], "report", CLEAN_TRACE, NULL);
	close(fds[1]);
	assert_int_equal(outcome->status, INCONCLUSIVE);
	assert_contains(outcome->err, "Broken pipe");
}

/* --- what needs no trace -------------------------------------------------- */

static void test_help(void **state)
{
	static const char *const commands[] = {
		"features", "record", "report", "monitor", "check", "rules", "version", "help",
	};
	const struct outcome_of_run *outcome;
	char usage[64];
	size_t i;

	(void)state;
	outcome = run("help", NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_fits(outcome->out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		assert_contains(outcome->out, commands[i]);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		outcome = run("help", commands[i], NULL);
		assert_int_equal(outcome->status, CLEAN);
		assert_string_equal(outcome->err, "");
		assert_fits(outcome->out);
		snprintf(usage, sizeof(usage), "Usage: daxtrace %s", commands[i]);
		assert_contains(outcome->out, usage);
	}
	assert_contains(run("check", "-h", NULL)->out, "Usage: daxtrace check");
	assert_contains(run("--help", NULL)->out, "Usage: daxtrace");
}

static void test_rules_command(void **state)
{
	const struct outcome_of_run *outcome;
	struct lines lines;

	(void)state;
	lines__parse(&lines, run("rules", "-j", NULL)->out);
	assert_int_equal(lines.count, RULE_COUNT);
	assert_string_equal(text_of(lines.line[1], "type"), "rule");
	assert_string_equal(text_of(lines.line[1], "rule"), "DX02");
	assert_true(strlen(text_of(lines.line[1], "advice")) > 20);
	assert_contains(text_of(lines.line[1], "lock"), "the DAX entry's lock");
	lines__free(&lines);
	lines__parse(&lines, run("rules", "DX03", "-j", NULL)->out);
	assert_int_equal(lines.count, 1);
	lines__free(&lines);
	outcome = run("rules", NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_contains(outcome->out, "DX01  lost-dirty-entry");
	assert_contains(outcome->out, "DX03  sync-missed-dirty");
	outcome = run("rules", "dx01", NULL);
	assert_int_equal(outcome->status, CLEAN);
	assert_contains(outcome->out, "c6dcf52c23d2");
	assert_contains(outcome->out, "Which lock would have helped: mapping.invalidate_lock");
	assert_null(strstr(run("rules", "DX12", NULL)->out, "Which lock"));
}

static void test_version(void **state)
{
	struct lines lines;

	(void)state;
	assert_int_equal(strncmp(run("version", NULL)->out, "daxtrace ", 9), 0);
	assert_int_equal(strncmp(run("--version", NULL)->out, "daxtrace ", 9), 0);
	lines__parse(&lines, run("version", "-j", NULL)->out);
	assert_int_equal(lines.count, 1);
	assert_int_equal(number_of(lines.line[0], "records"), 1);
	lines__free(&lines);
}

/* --- tracing, where it is not allowed ------------------------------------- */

/* Whether this machine lets us load BPF programs; then there is nothing to refuse. */
static bool tracing_works(void)
{
	return run("features", NULL)->status == CLEAN;
}

static void test_tracing_refused(void **state)
{
	const char *path = unit_path("refused");
	char *kept;

	(void)state;
	if (tracing_works())
		skip();
	unlink(path);
	assert_refused(run("record", "-o", path, "-d", "1", NULL), CANNOT_TRACE, NULL);
	/* It leaves no file, and leaves one that was there. */
	assert_int_equal(access(path, F_OK), -1);
	write_text(path, "precious");
	assert_refused(run("record", "-o", path, "-d", "1", "--", "true", NULL), CANNOT_TRACE, NULL);
	kept = read_text(path);
	assert_string_equal(kept, "precious");
	free(kept);
	assert_refused(run("monitor", "-d", "1", NULL), CANNOT_TRACE, NULL);
	assert_refused(run("check", "--", "true", NULL), CANNOT_TRACE, NULL);
}

static void test_features_refused(void **state)
{
	const struct outcome_of_run *outcome;
	struct json_object *system;
	struct lines lines;

	(void)state;
	if (tracing_works())
		skip();
	outcome = run("features", NULL);
	assert_int_equal(outcome->status, CANNOT_TRACE);
	if (!*outcome->out) {
		/* Not even BTF. */
		assert_refused(outcome, CANNOT_TRACE, "BTF", NULL);
		skip();
	}
	assert_contains(outcome->out, "not attached: ");
	outcome = run("features", "-j", NULL);
	assert_int_equal(outcome->status, CANNOT_TRACE);
	lines__parse(&lines, outcome->out);
	lines__find(&lines, "feature", NULL);
	system = lines__find(&lines, "system", NULL);
	assert_string_equal(text_of(system, "attached"), "false");
	assert_non_null(text_of(system, "error"));
	lines__free(&lines);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_file_that_is_no_trace),
		cmocka_unit_test(test_truncated_file),
		cmocka_unit_test(test_corrupt_file),
		cmocka_unit_test(test_finding_before_the_damage),
		cmocka_unit_test(test_no_command),
		cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_errors_in_json),
		cmocka_unit_test(test_hostile_arguments),
		cmocka_unit_test(test_full_output),
		cmocka_unit_test(test_closed_output),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_rules_command),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_tracing_refused),
		cmocka_unit_test(test_features_refused),
	};

	return cmocka_run_group_tests_name("cli_error", tests, NULL, NULL);
}
