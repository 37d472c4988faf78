// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>

#include "common/json.h"
#include "common/log.h"

bool log_json;
int log_verbosity;

void log_error(const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (log_json) {
		struct json json;

		json__init(&json, stdout);
		json__object(&json, NULL);
		json__string(&json, "error", text);
		json__end_object(&json);
		json__line(&json);
	} else {
		fprintf(stderr, "daxtrace: %s\n", text);
	}
}

void log_warn(const char *format, ...)
{
	va_list args;

	fputs("daxtrace: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void log_verbose(int level, const char *format, ...)
{
	va_list args;

	if (log_verbosity < level)
		return;
	fputs("daxtrace: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
