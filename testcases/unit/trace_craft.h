/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Traces made by hand, byte by byte and right or wrong as a test wants them,
 * and the reading of a whole trace.  No part of the writer is used here.
 */
#ifndef DAXTRACE_TRACE_CRAFT_H
#define DAXTRACE_TRACE_CRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/format.h"
#include "trace/trace.h"

/* A growing run of bytes; all zero: empty. */
struct bytes {
	unsigned char *data;
	size_t length;
	size_t room;
};

void bytes__add(struct bytes *bytes, const void *data, size_t length);
void bytes__free(struct bytes *bytes);

/* Write bytes to path, replacing what was there. */
void bytes__save(const struct bytes *bytes, const char *path);
void bytes__load(struct bytes *bytes, const char *path);

/* A generator whose numbers are the same in every run. */
__u32 craft_random(__u32 *seed);

/*
 * Append a record of this type: of the smallest size that the type may have,
 * and extra bytes; all fields but type, size and reserved filled from seed.
 */
void craft_record(struct bytes *bytes, unsigned int type, size_t extra, __u32 *seed);

/* As above, but the size is what is said: for records that are wrong. */
void craft_record_sized(struct bytes *bytes, unsigned int type, size_t size, __u32 *seed);

/* A file header as it must be; a test may change it and seal it again. */
struct trace_file_header craft_header(void);
void craft_header_seal(struct trace_file_header *header);

/* A block header for this raw payload, sealed. */
struct trace_block_header craft_block_header(unsigned int type, __u32 number,
					     const void *payload, size_t length);
void craft_block_seal(struct trace_block_header *header, const void *payload);

/* Append a raw block; the records of a RECORDS block are counted. */
void craft_block(struct bytes *file, unsigned int type, __u32 number,
		 const void *payload, size_t length);

/* Append an END block. */
void craft_end(struct bytes *file, __u32 number, __u64 records, __u64 lost);

/* What a user gets from a file. */
struct outcome {
	int code;			/* of open, or of the next() that failed, or 0 */
	char error[TRACE_ERROR_LENGTH];	/* of open */
	char problem[TRACE_ERROR_LENGTH];
	enum trace_state state;		/* TRACE_READING: open failed */
	__u64 lost;
	size_t count;			/* records */
	struct bytes records;		/* their bytes, one after another */
};

/* Read all of the file; the caller frees ->records. */
struct outcome craft_read(const char *path);
void outcome__free(struct outcome *outcome);

#endif /* DAXTRACE_TRACE_CRAFT_H */
