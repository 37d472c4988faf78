// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "trace/message.h"
#include "trace/trace.h"

void trace_message__name(char name[TRACE_NAME_LENGTH], const char *path)
{
	size_t length = strlen(path);
	const char *mark = "";
	char *c;

	if (length >= TRACE_NAME_LENGTH) {
		mark = "...";
		path += length - (TRACE_NAME_LENGTH - 1 - strlen(mark));
	}
	snprintf(name, TRACE_NAME_LENGTH, "%s%s", mark, path);

	for (c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

int trace_message__error(char *error, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, TRACE_ERROR_LENGTH, format, arguments);
	va_end(arguments);

	return code;
}
