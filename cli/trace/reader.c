// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reading a trace, which may come from anywhere and is not trusted.  Only
 * read() is used, so that a pipe will do and a file that shrinks meanwhile
 * cannot kill the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/reader.h"

ssize_t trace_reader__read(struct trace_reader *reader, void *buffer, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t got = read(reader->fd, (char *)buffer + done, length - done);

		if (got == 0)
			break;
		if (got > 0) {
			done += got;
			reader->offset += got;
		} else if (errno == EAGAIN) {
			struct pollfd poll_fd = { .fd = reader->fd, .events = POLLIN };

			/* A pipe that another process made non-blocking. */
			poll(&poll_fd, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return done;
}

/* Read blocks until there is a record to hand out: 1, 0 or a negative errno. */
static int read_until_record(struct trace_reader *reader)
{
	while (reader->state == TRACE_READING && reader->next == reader->end) {
		int result = trace_reader__read_block(reader);

		if (result <= 0)
			return result;
	}
	return reader->next < reader->end;
}

int trace_reader__next(struct trace_reader *reader, const struct event_header **record)
{
	const struct event_header *next;
	int result;

	result = read_until_record(reader);
	if (result <= 0)
		return reader->error ? reader->error : result;

	next = (const void *)(reader->raw + reader->next);
	reader->next += next->size;
	*record = next;
	return 1;
}

static int open_source(const char *path, const char *name, char *error)
{
	struct stat source;
	int fd;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDIN_FILENO))
			return trace_message__error(error, -EINVAL,
					"standard input is a terminal: redirect a trace to it or name a file");
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	}
	if (fd < 0)
		return trace_message__error(error, -errno, "cannot open %s: %s", name,
				strerror(errno));

	if (fstat(fd, &source) == 0 && S_ISDIR(source.st_mode)) {
		close(fd);
		return trace_message__error(error, -EISDIR,
				"%s is a directory: name a trace file", name);
	}
	return fd;
}

int trace_reader__open(struct trace_reader **result, const char *path, char *error)
{
	struct trace_reader *reader;
	int code;

	error[0] = '\0';
	reader = malloc(sizeof(*reader));
	if (!reader)
		return trace_message__error(error, -ENOMEM, "no memory for reading a trace");
	/* Not the buffers: their pages are touched only as far as they are used. */
	memset(reader, 0, offsetof(struct trace_reader, stored));

	trace_message__name(reader->name, strcmp(path, "-") ? path : "standard input");
	reader->fd = open_source(path, reader->name, error);
	if (reader->fd < 0) {
		code = reader->fd;
		goto free;
	}

	reader->decompressor = ZSTD_createDCtx();
	if (!reader->decompressor) {
		code = trace_message__error(error, -ENOMEM, "no memory for reading %s", reader->name);
		goto close;
	}

	code = trace_reader__read_header(reader, error);
	if (code)
		goto close;

	/*
	 * The facts come before the first record, so they are known from here
	 * on.  A file that is broken already says so when it is read.
	 */
	read_until_record(reader);

	*result = reader;
	return 0;

close:
	ZSTD_freeDCtx(reader->decompressor);
	close(reader->fd);
free:
	free(reader);
	return code;
}

enum trace_state trace_reader__state(const struct trace_reader *reader)
{
	return reader->state;
}

const char *trace_reader__problem(const struct trace_reader *reader)
{
	return reader->problem;
}

const char *trace_reader__fact(const struct trace_reader *reader, const char *key)
{
	return trace_facts__get(&reader->facts, key);
}

void trace_reader__facts(const struct trace_reader *reader, const char *prefix,
			 void (*visit)(const char *key, const char *value, void *context),
			 void *context)
{
	size_t i, length = strlen(prefix);

	for (i = 0; i < reader->facts.count; i++)
		if (strncmp(reader->facts.fact[i].key, prefix, length) == 0)
			visit(reader->facts.fact[i].key, reader->facts.fact[i].value, context);
}

__u64 trace_reader__lost(const struct trace_reader *reader)
{
	return reader->lost;
}

void trace_reader__close(struct trace_reader *reader)
{
	if (!reader)
		return;

	trace_facts__free(&reader->facts);
	ZSTD_freeDCtx(reader->decompressor);
	close(reader->fd);
	free(reader);
}
