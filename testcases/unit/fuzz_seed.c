// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a fuzz target begins with, made of a trace; to standard output.
 *
 * Usage: fuzz_seed trace|model TRACE
 *	trace	the file, its checksums made right after each change (fuzz_trace.c)
 *	model	its records as they are (fuzz_model.c)
 * Exit status: 0, 1 if the trace cannot be read, 2 usage.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "trace/trace.h"

static void put(const void *data, size_t size)
{
	if (fwrite(data, 1, size, stdout) != size)
		err(1, "cannot write");
}

static void put_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char buffer[4096];
	size_t size;

	if (!file)
		err(1, "%s", path);
	put("", 1);
	while ((size = fread(buffer, 1, sizeof(buffer), file)))
		put(buffer, size);
	if (ferror(file))
		err(1, "%s", path);
	fclose(file);
}

static void put_records(const char *path)
{
	const struct event_header *record;
	char error[TRACE_ERROR_LENGTH];
	struct trace_reader *reader;

	if (trace_reader__open(&reader, path, error))
		errx(1, "%s", error);
	put("\x01\0", 3);
	while (trace_reader__next(reader, &record) > 0)
		put(record, record->size);
	trace_reader__close(reader);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "trace"))
		put_file(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "model"))
		put_records(argv[2]);
	else
		errx(2, "usage: fuzz_seed trace|model TRACE");
	return 0;
}
