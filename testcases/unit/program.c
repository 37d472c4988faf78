// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "testcases/unit/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_ARGUMENTS	64
#define LIMIT_SECONDS	60

/* Not an exit status of daxtrace: a sanitizer's. */
#define SANITIZER_STATUS "99"

static void set_environment(void)
{
	setenv("ASAN_OPTIONS", "detect_leaks=1:allocator_may_return_null=1:exitcode="
	       SANITIZER_STATUS, 1);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1:exitcode=" SANITIZER_STATUS, 1);
	setenv("LSAN_OPTIONS", "exitcode=" SANITIZER_STATUS, 1);
	setenv("LC_ALL", "C", 1);
}

/* Read both pipes to their ends, or until the time is over. */
static bool collect(const int fds[2], struct bytes output[2])
{
	struct pollfd polled[2] = {
		{ .fd = fds[0], .events = POLLIN }, { .fd = fds[1], .events = POLLIN },
	};
	time_t deadline = time(NULL) + LIMIT_SECONDS;
	char buffer[65536];
	ssize_t got;
	int i;

	while (polled[0].fd >= 0 || polled[1].fd >= 0) {
		if (time(NULL) > deadline)
			return false;
		poll(polled, 2, 1000);
		for (i = 0; i < 2; i++) {
			if (polled[i].fd < 0 || !polled[i].revents)
				continue;
			got = read(polled[i].fd, buffer, sizeof(buffer));
			if (got > 0)
				bytes__add(&output[i], buffer, got);
			else if (got == 0 || errno != EINTR)
				polled[i].fd = -1;
		}
	}
	return true;
}

static void become_program(char **arguments, const int out[2], const int err[2], int onto,
			   const char *from)
{
	int input = open(from ? from : "/dev/null", O_RDONLY);

	set_environment();
	dup2(input, STDIN_FILENO);
	dup2(err[1], STDERR_FILENO);
	if (onto == -1)
		close(STDOUT_FILENO);
	else
		dup2(onto >= 0 ? onto : out[1], STDOUT_FILENO);
	/* The program's own descriptors begin where a shell's child's would. */
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execv(UNIT_PROGRAM, arguments);
	_exit(126);
}

static char *finish_text(struct bytes *bytes)
{
	size_t i;

	for (i = 0; i < bytes->length; i++)
		if (!bytes->data[i])
			bytes->data[i] = '0';
	bytes__add(bytes, "", 1);
	return (char *)bytes->data;
}

/* onto: -1 closed, -2 a pipe to read from, else a descriptor */
static const struct outcome_of_run *start(char **arguments, int onto, const char *from)
{
	static struct outcome_of_run outcome;
	static struct bytes output[2];
	int out[2], err[2], status;
	bool ended;
	pid_t pid;

	bytes__free(&output[0]);
	bytes__free(&output[1]);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail_msg("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		become_program(arguments, out, err, onto, from);
	close(out[1]);
	close(err[1]);
	ended = collect((int[2]) { out[0], err[0] }, output);
	if (!ended)
		kill(pid, SIGKILL);
	close(out[0]);
	close(err[0]);
	waitpid(pid, &status, 0);
	outcome.out = finish_text(&output[0]);
	outcome.err = finish_text(&output[1]);
	outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (!ended)
		fail_msg("daxtrace %s did not end", arguments[1]);
	if (outcome.status > INCONCLUSIVE || strstr(outcome.err, "Sanitizer") ||
	    strstr(outcome.err, "runtime error:"))
		fail_msg("daxtrace %s ended with %d: %s", arguments[1], outcome.status, outcome.err);
	return &outcome;
}

/* The arguments, from the first one and the list after it. */
#define COLLECT_ARGUMENTS(arguments, argument)						\
	do {										\
		size_t count_ = 0;							\
		va_list list_;								\
											\
		(arguments)[count_++] = (char *)"daxtrace";				\
		va_start(list_, argument);						\
		for (; argument; argument = va_arg(list_, const char *)) {		\
			assert_true(count_ < MAX_ARGUMENTS);				\
			(arguments)[count_++] = (char *)argument;			\
		}									\
		va_end(list_);								\
		(arguments)[count_] = NULL;						\
	} while (0)

const struct outcome_of_run *run(const char *argument, ...)
{
	char *arguments[MAX_ARGUMENTS + 1];

	COLLECT_ARGUMENTS(arguments, argument);
	return start(arguments, -2, NULL);
}

const struct outcome_of_run *run_onto(int fd, const char *argument, ...)
{
	char *arguments[MAX_ARGUMENTS + 1];

	COLLECT_ARGUMENTS(arguments, argument);
	return start(arguments, fd, NULL);
}

const struct outcome_of_run *run_from(const char *path, const char *argument, ...)
{
	char *arguments[MAX_ARGUMENTS + 1];

	COLLECT_ARGUMENTS(arguments, argument);
	return start(arguments, -2, path);
}

void assert_refused(const struct outcome_of_run *outcome, int status, ...)
{
	static const char prefix[] = "daxtrace: ";
	const char *part;
	va_list parts;

	if (outcome->status != status || *outcome->out)
		fail_msg("ended with %d, not %d; out: %s err: %s", outcome->status, status,
			 outcome->out, outcome->err);
	if (strncmp(outcome->err, prefix, sizeof(prefix) - 1) ||
	    strchr(outcome->err, '\n') != outcome->err + strlen(outcome->err) - 1)
		fail_msg("not one message: %s", outcome->err);
	va_start(parts, status);
	while ((part = va_arg(parts, const char *)))
		assert_contains(outcome->err, part);
	va_end(parts);
}

void assert_says(const char *text, const char *part)
{
	char *flat = strdup(text), *out = flat;
	bool said;

	for (; *text; text++)
		if (*text != ' ' && *text != '\n')
			*out++ = *text;
		else if (out > flat && out[-1] != ' ')
			*out++ = ' ';
	*out = '\0';
	said = strstr(flat, part);
	free(flat);
	if (!said)
		fail_msg("does not say \"%s\"", part);
}

void assert_fits(const char *text)
{
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		if (end - text > 80)
			fail_msg("%d columns: %.*s", (int)(end - text), (int)(end - text), text);
		for (; text < end; text++)
			if ((unsigned char)*text < ' ' || *text == 0x7f)
				fail_msg("a control character: 0x%02x", *text);
	}
}

void lines__parse(struct lines *lines, const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	const char *end;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	lines->count = 0;
	for (end = text; *end; end++)
		if ((unsigned char)*end < ' ' && *end != '\n')
			fail_msg("a control character: 0x%02x", *end);
	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			fail_msg("a line that does not end: %s", text);
		if (strncmp(text, "{\"type\":\"", 9))
			fail_msg("a line without a type: %s", text);
		assert_true(lines->count < ARRAY_SIZE(lines->line));
		json_tokener_reset(tokener);
		lines->line[lines->count] = json_tokener_parse_ex(tokener, text, end - text);
		if (!lines->line[lines->count] ||
		    json_tokener_get_parse_end(tokener) != (size_t)(end - text))
			fail_msg("not JSON (%s): %s",
				 json_tokener_error_desc(json_tokener_get_error(tokener)), text);
		lines->count++;
	}
	json_tokener_free(tokener);
	if (!lines->count)
		fail_msg("no line at all");
}

void lines__free(struct lines *lines)
{
	while (lines->count)
		json_object_put(lines->line[--lines->count]);
}

struct json_object *lines__find(const struct lines *lines, const char *type, const char *rule)
{
	size_t i;

	for (i = 0; i < lines->count; i++)
		if (!strcmp(text_of(lines->line[i], "type"), type) &&
		    (!rule || !strcmp(text_of(lines->line[i], "rule"), rule)))
			return lines->line[i];
	fail_msg("no line of type %s", type);
	return NULL;
}

struct json_object *lines__verdict(const struct lines *lines)
{
	struct json_object *last = lines->line[lines->count - 1];

	assert_string_equal(text_of(last, "type"), "verdict");
	return last;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no \"%s\" in %s", key, json_object_to_json_string(object));
	return value;
}

const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return value ? json_object_get_string(value) : NULL;
}

__u64 number_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	assert_int_equal(json_object_get_type(value), json_type_int);
	return json_object_get_uint64(value);
}

struct json_object *list_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	assert_int_equal(json_object_get_type(value), json_type_array);
	return value;
}

void write_text(const char *path, const char *text)
{
	struct bytes bytes = { 0 };

	bytes__add(&bytes, text, strlen(text));
	bytes__save(&bytes, path);
	bytes__free(&bytes);
}

char *read_text(const char *path)
{
	struct bytes bytes = { 0 };

	bytes__load(&bytes, path);
	return finish_text(&bytes);
}

const char *save_story(struct story *story, const char *name,
		       const struct story_recording *recording)
{
	const char *path = unit_path(name);

	story__save(story, path, recording);
	story__free(story);
	return path;
}
