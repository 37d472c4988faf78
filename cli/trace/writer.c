// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writing a trace.  All memory is taken when the trace is created; a block is
 * built in ->raw, compressed into ->stored and written with one writev(), so
 * that a recorder which is killed leaves whole blocks and at most a part of
 * the last.
 *
 * A writer belongs to one thread.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/facts.h"
#include "trace/format.h"
#include "trace/message.h"
#include "trace/trace.h"

/*
 * Raw bytes per block, a compromise: what is not flushed is lost with a killed
 * recorder, and 64 KiB to 1 MiB differ by 1 % in size and hardly in speed
 * (testcases/unit/trace_bench.c).  Must hold the longest record and fact.
 */
#define WRITE_BLOCK_SIZE	(256U << 10)

/* What perf record does with its file, and for the same reason: it holds kernel addresses. */
#define TRACE_FILE_MODE		0600

_Static_assert(WRITE_BLOCK_SIZE <= TRACE_BLOCK_MAX, "a reader takes no larger block");
_Static_assert(WRITE_BLOCK_SIZE >= TRACE_FACT_MAX, "the longest fact");
_Static_assert(WRITE_BLOCK_SIZE >= 1U << 16, "the longest record: event_header.size is a __u16");

struct trace_writer {
	int fd;
	bool truncate;			/* a file of ours: cut off what was written in part */
	int error;			/* sticky: the negative errno of ->problem */
	char problem[TRACE_ERROR_LENGTH];
	char name[TRACE_NAME_LENGTH];

	__u64 offset;			/* bytes written as whole blocks */
	__u64 records;			/* in the blocks written */
	__u64 blocks;
	size_t fact_lines;
	size_t fact_bytes;

	/* The block in progress. */
	enum trace_block_type type;
	size_t used;			/* bytes of ->raw; 0: no block in progress */
	__u32 block_records;
	__u64 first, last;

	ZSTD_CCtx *compressor;
	size_t stored_size;
	char *stored;
	char raw[WRITE_BLOCK_SIZE] __attribute__((aligned(8)));
};

static void wait_until_writable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	poll(&poll_fd, 1, -1);
}

/* All of it: 0 or a negative errno, after which a part may have been written. */
static int write_all(int fd, struct iovec *part, int parts)
{
	while (parts) {
		ssize_t written = writev(fd, part, parts);

		if (written < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return -errno;
			/* A pipe that another process made non-blocking. */
			wait_until_writable(fd);
			continue;
		}

		while (parts && (size_t)written >= part->iov_len) {
			written -= part->iov_len;
			part++;
			parts--;
		}
		if (parts) {
			part->iov_base = (char *)part->iov_base + written;
			part->iov_len -= written;
		}
	}
	return 0;
}

static const char *write_advice(int error)
{
	switch (error) {
	case -ENOSPC:
	case -EDQUOT:
		return "free space or name another file, and record again";
	case -EFBIG:
		return "raise the limit on file sizes (ulimit -f) or record for a shorter time";
	case -EPIPE:
		return "whatever reads the trace has ended before the recording did";
	default:
		return "name another file and record again";
	}
}

/* After a failed write: the file ends with the last whole block, and stays so. */
static int write_failed(struct trace_writer *writer, int error)
{
	if (writer->truncate && ftruncate(writer->fd, writer->offset)) {
		/* Then it ends inside a block, which a reader recognizes just as well. */
	}

	writer->error = error;
	return trace_message__error(writer->problem, error,
			"cannot write %s at byte %llu: %s: the trace ends there; what it holds "
			"can be read (records: %llu), but a verdict can only be inconclusive; %s",
			writer->name, writer->offset, strerror(-error), writer->records,
			write_advice(error));
}

/* Write one block; the payload is compressed where that makes it smaller. */
static int write_block(struct trace_writer *writer, enum trace_block_type type,
		       void *raw, size_t length)
{
	struct trace_block_header header = {
		.magic = TRACE_BLOCK_MAGIC,
		.type = htole32(type),
		.stored = htole32(length),
		.raw = htole32(length),
		.records = htole32(writer->block_records),
		.first = htole64(writer->first),
		.last = htole64(writer->last),
		.number = htole32((__u32)writer->blocks),
	};
	struct iovec part[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = raw, .iov_len = length },
	};
	size_t compressed = length;
	int error;

	/* The END block is never compressed, so that its place and size are known. */
	if (type != TRACE_BLOCK_END)
		compressed = ZSTD_compress2(writer->compressor, writer->stored,
					    writer->stored_size, raw, length);
	if (!ZSTD_isError(compressed) && compressed < length) {
		header.flags = htole32(TRACE_BLOCK_ZSTD);
		header.stored = htole32(compressed);
		part[1].iov_base = writer->stored;
		part[1].iov_len = compressed;
	}
	header.crc = htole32(trace_block_header__crc(&header, part[1].iov_base,
						     part[1].iov_len));

	length = sizeof(header) + part[1].iov_len;
	error = write_all(writer->fd, part, 2);
	if (error)
		return write_failed(writer, error);

	writer->offset += length;
	writer->records += writer->block_records;
	writer->blocks++;
	return 0;
}

int trace_writer__flush(struct trace_writer *writer)
{
	int error;

	if (writer->error)
		return writer->error;
	if (!writer->used)
		return 0;

	error = write_block(writer, writer->type, writer->raw, writer->used);
	writer->used = 0;
	writer->block_records = 0;
	writer->first = 0;
	writer->last = 0;
	return error;
}

/* Make the block in progress one of this type with room for length bytes. */
static int reserve(struct trace_writer *writer, enum trace_block_type type, size_t length)
{
	if (writer->error)
		return writer->error;

	if (writer->used && (writer->type != type || length > WRITE_BLOCK_SIZE - writer->used)) {
		int error = trace_writer__flush(writer);

		if (error)
			return error;
	}
	writer->type = type;
	return 0;
}

int trace_writer__fact(struct trace_writer *writer, const char *key, const char *value)
{
	size_t length;
	int error;

	if (!trace_facts__key_valid(key))
		return -EINVAL;
	if (writer->fact_lines >= TRACE_FACT_COUNT_MAX)
		return -E2BIG;

	error = reserve(writer, TRACE_BLOCK_FACTS, TRACE_FACT_MAX);
	if (error)
		return error;

	length = trace_facts__format(writer->raw + writer->used, key, value);
	if (!length || length > TRACE_FACTS_MAX - writer->fact_bytes)
		return -E2BIG;

	writer->used += length;
	writer->fact_bytes += length;
	writer->fact_lines++;
	return 0;
}

int trace_writer__record(struct trace_writer *writer, const struct event_header *record)
{
	size_t size = record->size;
	int error;

	if (size % 8 || size < trace_record__minimum(record->type))
		return -EINVAL;

	error = reserve(writer, TRACE_BLOCK_RECORDS, size);
	if (error)
		return error;

	if (!writer->used || record->time < writer->first)
		writer->first = record->time;
	if (!writer->used || record->time > writer->last)
		writer->last = record->time;

	memcpy(writer->raw + writer->used, record, size);
	writer->used += size;
	writer->block_records++;
	return 0;
}

/*
 * Whether a trace may go into what path names.  A regular file is emptied and
 * a stream is written to; a device holds data that is not ours to destroy, a
 * pmem device above all.
 */
static int check_target(const struct stat *target, const char *name, char *error)
{
	switch (target->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFDIR:
		return trace_message__error(error, -EISDIR,
				"%s is a directory: nothing was recorded; name a file in it", name);
	case S_IFBLK:
		return trace_message__error(error, -EINVAL,
				"%s is a block device, and a trace would overwrite what is on it: "
				"nothing was recorded; name a file or a pipe", name);
	}

	/* Documentation/admin-guide/devices.txt: 1:3 is null, 1:7 is full */
	if (target->st_rdev == makedev(1, 3) || target->st_rdev == makedev(1, 7))
		return 0;
	return trace_message__error(error, -EINVAL,
			"%s is a character device, which cannot hold a trace: nothing was recorded; "
			"name a file or a pipe", name);
}

/* Open path for writing and empty it: the descriptor or a negative errno. */
static int open_target(struct trace_writer *writer, const char *path, char *error)
{
	struct stat target;
	int fd, code;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return trace_message__error(error, -EINVAL,
					"standard output is a terminal, and a trace is binary: "
					"redirect it or name a file");
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return trace_message__error(error, -errno,
					"cannot write to standard output: %s", strerror(errno));
		return fd;
	}

	/* Before open(), which has effects on some devices. */
	if (stat(path, &target) == 0) {
		code = check_target(&target, writer->name, error);
		if (code)
			return code;
	}

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, TRACE_FILE_MODE);
	if (fd < 0 || fstat(fd, &target)) {
		code = -errno;
		if (fd >= 0)
			close(fd);
		return trace_message__error(error, code,
				"cannot create %s: %s: nothing was recorded", writer->name,
				strerror(-code));
	}

	/* Again: it may be another one by now. */
	code = check_target(&target, writer->name, error);
	if (code) {
		close(fd);
		return code;
	}

	writer->truncate = S_ISREG(target.st_mode);
	if (writer->truncate && ftruncate(fd, 0)) {
		code = -errno;
		close(fd);
		return trace_message__error(error, code,
				"cannot empty %s: %s: nothing was recorded", writer->name,
				strerror(-code));
	}
	return fd;
}

static int write_file_header(struct trace_writer *writer)
{
	struct trace_file_header header = {
		.magic = TRACE_MAGIC,
		.major = htole16(TRACE_VERSION_MAJOR),
		.minor = htole16(TRACE_VERSION_MINOR),
		.length = htole32(sizeof(header)),
		.record_abi = htole32(EVENTS_ABI_VERSION),
	};
	struct iovec part = { .iov_base = &header, .iov_len = sizeof(header) };
	int error;

	header.crc = htole32(trace_file_header__crc(&header, sizeof(header)));

	error = write_all(writer->fd, &part, 1);
	if (error)
		return write_failed(writer, error);
	writer->offset = sizeof(header);
	return 0;
}

static void writer_free(struct trace_writer *writer)
{
	ZSTD_freeCCtx(writer->compressor);
	free(writer->stored);
	free(writer);
}

static struct trace_writer *writer_new(void)
{
	struct trace_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;

	writer->stored_size = ZSTD_compressBound(WRITE_BLOCK_SIZE);
	writer->stored = malloc(writer->stored_size);
	writer->compressor = ZSTD_createCCtx();
	if (!writer->stored || !writer->compressor) {
		writer_free(writer);
		return NULL;
	}

	/* Level 1: recording must cost the traced machine as little as it can. */
	ZSTD_CCtx_setParameter(writer->compressor, ZSTD_c_compressionLevel, 1);
	return writer;
}

int trace_writer__create(struct trace_writer **result, const char *path, char *error)
{
	struct trace_writer *writer = writer_new();
	int code;

	error[0] = '\0';
	if (!writer)
		return trace_message__error(error, -ENOMEM,
				"no memory for writing a trace: nothing was recorded");
	trace_message__name(writer->name, strcmp(path, "-") ? path : "standard output");

	writer->fd = open_target(writer, path, error);
	if (writer->fd < 0) {
		code = writer->fd;
		writer_free(writer);
		return code;
	}

	code = write_file_header(writer);
	if (code) {
		memcpy(error, writer->problem, TRACE_ERROR_LENGTH);
		close(writer->fd);
		writer_free(writer);
		return code;
	}

	*result = writer;
	return 0;
}

/* Flush and write the END block, unless writing has failed before. */
static int write_end(struct trace_writer *writer, __u64 lost)
{
	struct trace_end end;
	int error;

	error = trace_writer__flush(writer);
	if (error)
		return error;

	end.records = htole64(writer->records);
	end.blocks = htole64(writer->blocks);
	end.lost = htole64(lost);
	return write_block(writer, TRACE_BLOCK_END, &end, sizeof(end));
}

int trace_writer__close(struct trace_writer *writer, __u64 lost, char *error)
{
	int code;

	error[0] = '\0';
	code = write_end(writer, lost);

	/* Where a network filesystem reports what it could not write. */
	if (close(writer->fd) && !code) {
		code = -errno;
		writer->truncate = false;
		write_failed(writer, code);
	}

	if (code)
		memcpy(error, writer->problem, TRACE_ERROR_LENGTH);
	writer_free(writer);
	return code;
}
