// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reading the blocks of a trace.  Every length is checked against a constant
 * bound before it is used, every block against its checksum before it is
 * decompressed, and every record of a block before the first of them is
 * handed out.
 */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "trace/reader.h"

/*
 * End the reading: says what is wrong and what follows from it.  All of what
 * was read up to here remains to be handed out.
 */
static void give_up(struct trace_reader *reader, enum trace_state state,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void give_up(struct trace_reader *reader, enum trace_state state,
		    const char *format, ...)
{
	char what[TRACE_ERROR_LENGTH / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);

	reader->state = state;
	trace_message__error(reader->problem, 0,
			"%s %s: what was read before it is whole (records: %llu), "
			"but a verdict can only be inconclusive; %s",
			reader->name, what, reader->records,
			state == TRACE_TRUNCATED ?
			"let the recorder end by itself (SIGINT or SIGTERM, not SIGKILL) or copy the whole file" :
			"copy the file again or record again");
}

static int read_failed(struct trace_reader *reader, int error)
{
	reader->error = error;
	give_up(reader, TRACE_TRUNCATED, "cannot be read at byte %llu (%s)", reader->offset,
		strerror(-error));
	return error;
}

/*
 * Each of the functions below returns 1 if it is done and reading goes on, 0
 * if it gave up or came to the end, and a negative errno if read() failed.
 */

static int read_block_header(struct trace_reader *reader, struct trace_block_header *header)
{
	ssize_t got = trace_reader__read(reader, header, sizeof(*header));
	size_t magic;

	if (got < 0)
		return read_failed(reader, got);
	if (got == 0) {
		give_up(reader, TRACE_TRUNCATED, "ends at byte %llu without an end block",
			reader->offset);
		return 0;
	}

	magic = (size_t)got < sizeof(header->magic) ? (size_t)got : sizeof(header->magic);
	if (memcmp(header->magic, TRACE_BLOCK_MAGIC, magic)) {
		give_up(reader, TRACE_CORRUPT, "has no block at byte %llu, where one must begin",
			reader->block);
		return 0;
	}
	if ((size_t)got < sizeof(*header)) {
		give_up(reader, TRACE_TRUNCATED,
			"ends at byte %llu, inside the header of the block at byte %llu",
			reader->offset, reader->block);
		return 0;
	}

	if (le32toh(header->stored) > TRACE_BLOCK_MAX || le32toh(header->raw) > TRACE_BLOCK_MAX) {
		give_up(reader, TRACE_CORRUPT,
			"has a block at byte %llu that says it is larger than a block can be",
			reader->block);
		return 0;
	}
	return 1;
}

static int read_payload(struct trace_reader *reader, const struct trace_block_header *header)
{
	size_t length = le32toh(header->stored);
	ssize_t got = trace_reader__read(reader, reader->stored, length);

	if (got < 0)
		return read_failed(reader, got);
	if ((size_t)got < length) {
		give_up(reader, TRACE_TRUNCATED,
			"ends at byte %llu, inside the block at byte %llu",
			reader->offset, reader->block);
		return 0;
	}

	if (le32toh(header->crc) != trace_block_header__crc(header, reader->stored, length)) {
		give_up(reader, TRACE_CORRUPT,
			"has a block at byte %llu whose checksum is wrong", reader->block);
		return 0;
	}
	if (le32toh(header->number) != (__u32)reader->blocks) {
		give_up(reader, TRACE_CORRUPT,
			"has block %u at byte %llu, where block %llu must be: "
			"a part of it is missing or repeated",
			le32toh(header->number), reader->block, reader->blocks);
		return 0;
	}
	return 1;
}

/* Bring the payload from ->stored to ->raw. */
static int decompress(struct trace_reader *reader, const struct trace_block_header *header)
{
	__u32 stored = le32toh(header->stored), raw = le32toh(header->raw);
	__u32 flags = le32toh(header->flags);
	size_t length;

	if (flags & ~TRACE_BLOCK_ZSTD) {
		give_up(reader, TRACE_CORRUPT,
			"has a block at byte %llu with the unknown flags 0x%x",
			reader->block, flags & ~TRACE_BLOCK_ZSTD);
		return 0;
	}

	if (flags & TRACE_BLOCK_ZSTD) {
		length = ZSTD_decompressDCtx(reader->decompressor, reader->raw, raw,
					     reader->stored, stored);
		if (ZSTD_isError(length)) {
			give_up(reader, TRACE_CORRUPT,
				"has a block at byte %llu that cannot be decompressed (%s)",
				reader->block, ZSTD_getErrorName(length));
			return 0;
		}
	} else {
		memcpy(reader->raw, reader->stored, stored);
		length = stored;
	}

	if (length != raw) {
		give_up(reader, TRACE_CORRUPT,
			"has a block at byte %llu that says it holds %u bytes but does not",
			reader->block, raw);
		return 0;
	}
	return 1;
}

/*
 * The size of the record at position, or 0 if it is not one.  What is in it
 * remains the caller's to distrust.
 */
static size_t record_size(const struct trace_reader *reader, size_t position, size_t length)
{
	const struct event_header *record = (const void *)(reader->raw + position);
	size_t room = length - position;

	if (room < sizeof(*record))
		return 0;
	if (record->size > room || record->size % 8 ||
	    record->size < trace_record__minimum(record->type))
		return 0;
	return record->size;
}

static int take_records(struct trace_reader *reader, const struct trace_block_header *header)
{
	size_t length = le32toh(header->raw), position = 0, before = 0;
	__u32 records = 0;

	while (position < length) {
		size_t size = record_size(reader, position, length);

		if (!size) {
			give_up(reader, TRACE_CORRUPT,
				"has a block at byte %llu whose record %u has an impossible size",
				reader->block, records);
			return 0;
		}
		/* No two are alike, or something would have happened twice in one moment. */
		if (size == before && !memcmp(reader->raw + position - before, reader->raw + position, size)) {
			give_up(reader, TRACE_CORRUPT,
				"has a block at byte %llu whose record %u is the one before it once more",
				reader->block, records);
			return 0;
		}
		before = size;
		position += size;
		records++;
	}

	if (records != le32toh(header->records)) {
		give_up(reader, TRACE_CORRUPT,
			"has a block at byte %llu that says it has %u records but has %u",
			reader->block, le32toh(header->records), records);
		return 0;
	}

	reader->records += records;
	reader->next = 0;
	reader->end = length;
	return 1;
}

static int take_facts(struct trace_reader *reader, const struct trace_block_header *header)
{
	const char *why;
	int error;

	error = trace_facts__parse(&reader->facts, reader->raw, le32toh(header->raw), &why);
	if (error == -ENOMEM)
		return read_failed(reader, error);
	if (error) {
		give_up(reader, TRACE_CORRUPT, "has a block at byte %llu with %s", reader->block,
			why);
		return 0;
	}
	return 1;
}

static int take_end(struct trace_reader *reader, const struct trace_block_header *header)
{
	struct trace_end end;
	ssize_t got;
	char byte;

	if (le32toh(header->raw) < sizeof(end)) {
		give_up(reader, TRACE_CORRUPT, "has an end block at byte %llu that is too short",
			reader->block);
		return 0;
	}
	memcpy(&end, reader->raw, sizeof(end));
	reader->lost = le64toh(end.lost);

	if (le64toh(end.records) != reader->records || le64toh(end.blocks) != reader->blocks) {
		give_up(reader, TRACE_CORRUPT,
			"has an end block at byte %llu that counts %llu records in %llu blocks, "
			"but it has %llu in %llu",
			reader->block, (__u64)le64toh(end.records), (__u64)le64toh(end.blocks),
			reader->records, reader->blocks);
		return 0;
	}

	got = trace_reader__read(reader, &byte, 1);
	if (got < 0)
		return read_failed(reader, got);
	if (got) {
		give_up(reader, TRACE_CORRUPT, "goes on at byte %llu after its end block",
			reader->offset - 1);
		return 0;
	}

	reader->state = TRACE_COMPLETE;
	return 0;
}

static bool type_known(const struct trace_block_header *header)
{
	__u32 type = le32toh(header->type);

	return type >= TRACE_BLOCK_FACTS && type <= TRACE_BLOCK_END;
}

int trace_reader__read_block(struct trace_reader *reader)
{
	struct trace_block_header header;
	int result;

	reader->block = reader->offset;
	result = read_block_header(reader, &header);
	if (result > 0)
		result = read_payload(reader, &header);
	/* Another type is of a newer minor version and may be skipped. */
	if (result > 0 && type_known(&header))
		result = decompress(reader, &header);
	if (result <= 0)
		return result;

	switch (le32toh(header.type)) {
	case TRACE_BLOCK_FACTS:
		result = take_facts(reader, &header);
		break;
	case TRACE_BLOCK_RECORDS:
		result = take_records(reader, &header);
		break;
	case TRACE_BLOCK_END:
		return take_end(reader, &header);
	}
	if (result > 0)
		reader->blocks++;
	return result;
}
