/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* daxtrace itself, run as a user runs it: what it prints, and how it ends. */
#ifndef DAXTRACE_UNIT_PROGRAM_H
#define DAXTRACE_UNIT_PROGRAM_H

#include "testcases/unit/unit.h"

#include <json-c/json.h>

#include "testcases/unit/story.h"
#include "testcases/unit/trace_craft.h"

/* Exit statuses, as daxtrace(1) has them. */
enum { CLEAN = 0, FINDINGS = 1, USAGE = 2, CANNOT_TRACE = 3, INCONCLUSIVE = 4 };

struct outcome_of_run {
	int status;		/* exit status, or 128 + signal */
	char *out, *err;	/* NUL-terminated; NULs within become '0' */
};

/*
 * Run daxtrace with these arguments, the last of which is NULL.  Fails the test
 * if it takes longer than a minute, dies by a signal, or a sanitizer complains.
 * The result is valid until the next run.
 */
const struct outcome_of_run *run(const char *argument, ...) __attribute__((sentinel));

/* The same, with standard output on fd, or closed (-1). */
const struct outcome_of_run *run_onto(int fd, const char *argument, ...)
	__attribute__((sentinel));

/* The same, with standard input from path. */
const struct outcome_of_run *run_from(const char *path, const char *argument, ...)
	__attribute__((sentinel));

/*
 * It ended with status, wrote nothing on standard output and one line on
 * standard error, which begins with "daxtrace: " and has all of the parts (the
 * last is NULL).
 */
void assert_refused(const struct outcome_of_run *outcome, int status, ...)
	__attribute__((sentinel));

/* As assert_contains(), of a text that is broken into lines anywhere. */
void assert_says(const char *text, const char *part);

/* No line is longer than 80 columns, and nothing is there that drives a terminal. */
void assert_fits(const char *text);

/* The lines of a -j output, each an object whose first key is "type". */
struct lines {
	struct json_object *line[256];
	size_t count;
};
void lines__parse(struct lines *lines, const char *text);
void lines__free(struct lines *lines);

/* The line of this type (and rule, if not NULL); asserts that there is one. */
struct json_object *lines__find(const struct lines *lines, const char *type, const char *rule);

/* The last line, which is the verdict. */
struct json_object *lines__verdict(const struct lines *lines);

/* A member's value; asserts that it is there. */
const char *text_of(struct json_object *object, const char *key);
__u64 number_of(struct json_object *object, const char *key);
struct json_object *list_of(struct json_object *object, const char *key);

/* Write a file. */
void write_text(const char *path, const char *text);

/* Read a file; the caller frees. */
char *read_text(const char *path);

/* Save a story as a trace of this name in the test's folder, and forget it. */
const char *save_story(struct story *story, const char *name,
		       const struct story_recording *recording);

#endif /* DAXTRACE_UNIT_PROGRAM_H */
