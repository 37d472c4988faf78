// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>

#include "common/json.h"
#include "common/log.h"
#include "common/printable.h"

bool log_json;
int log_verbosity;

/* Longer messages are cut: what a user can make long stands at their end. */
#define MESSAGE_LENGTH	2048

static void print_message(const char *format, va_list args)
{
	char text[MESSAGE_LENGTH];

	vsnprintf(text, sizeof(text), format, args);
	make_printable(text);
	fprintf(stderr, "daxtrace: %s\n", text);
}

void log_error(const char *format, ...)
{
	char text[MESSAGE_LENGTH];
	va_list args;

	va_start(args, format);
	if (log_json) {
		struct json json;

		vsnprintf(text, sizeof(text), format, args);
		json__init(&json, stdout);
		json__object(&json, NULL);
		json__string(&json, "error", text);
		json__end_object(&json);
		json__line(&json);
	} else {
		print_message(format, args);
	}
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message(format, args);
	va_end(args);
}

void log_verbose(int level, const char *format, ...)
{
	va_list args;

	if (log_verbosity < level)
		return;
	va_start(args, format);
	print_message(format, args);
	va_end(args);
}
