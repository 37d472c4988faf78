/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A streaming JSON writer: one object a line, nothing allocated.  The caller
 * nests correctly; key is NULL inside an array and at the top.
 */
#ifndef DAXTRACE_JSON_H
#define DAXTRACE_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

struct json {
	FILE *file;
	bool comma;	/* a value stands before the next one */
};

void json__init(struct json *json, FILE *file);
void json__object(struct json *json, const char *key);
void json__end_object(struct json *json);
void json__array(struct json *json, const char *key);
void json__end_array(struct json *json);
/* value NULL: null.  Bytes that are not UTF-8 become U+FFFD. */
void json__string(struct json *json, const char *key, const char *value);
void json__unsigned(struct json *json, const char *key, __u64 value);
void json__signed(struct json *json, const char *key, __s64 value);
void json__bool(struct json *json, const char *key, bool value);
/* End the line, and hand it to whoever reads. */
void json__line(struct json *json);

#endif /* DAXTRACE_JSON_H */
