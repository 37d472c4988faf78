/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside the reader: what its files share. */
#ifndef DAXTRACE_TRACE_READER_H
#define DAXTRACE_TRACE_READER_H

#include <sys/types.h>
#include <zstd.h>

#include "trace/facts.h"
#include "trace/format.h"
#include "trace/message.h"
#include "trace/trace.h"

struct trace_reader {
	int fd;
	enum trace_state state;		/* TRACE_READING while records or blocks are to come */
	int error;			/* sticky: the negative errno of a failed read() */
	char problem[TRACE_ERROR_LENGTH];
	char name[TRACE_NAME_LENGTH];

	__u64 offset;			/* of the next byte to read */
	__u64 block;			/* offset of the block being read */
	__u64 blocks;			/* read whole */
	__u64 records;			/* in the blocks read whole */
	__u64 lost;
	struct trace_facts facts;

	/* Records of the last block that were not handed out yet. */
	size_t next;			/* offset in ->raw */
	size_t end;

	ZSTD_DCtx *decompressor;
	char stored[TRACE_BLOCK_MAX];
	char raw[TRACE_BLOCK_MAX] __attribute__((aligned(8)));
};

/*
 * Read length bytes, fewer only at the end of the file: their count or a
 * negative errno.
 */
ssize_t trace_reader__read(struct trace_reader *reader, void *buffer, size_t length);

/*
 * Read the file header and see that this program can read what follows: 0, or
 * a negative errno with a sentence in error (TRACE_ERROR_LENGTH bytes).
 */
int trace_reader__read_header(struct trace_reader *reader, char *error);

/*
 * Read the next block and take what is in it: 1 if reading goes on, 0 if the
 * file has ended or is not whole (->state says which), or a negative errno
 * if it could not be read.
 */
int trace_reader__read_block(struct trace_reader *reader);

#endif /* DAXTRACE_TRACE_READER_H */
