// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testcases/unit/trace_craft.h"

/* A test that cannot have its files is no test: stop, loudly. */
static void die(const char *what)
{
	perror(what);
	abort();
}

void bytes__add(struct bytes *bytes, const void *data, size_t length)
{
	if (!length)
		return;
	if (length > bytes->room - bytes->length) {
		bytes->room = 2 * (bytes->length + length);
		bytes->data = realloc(bytes->data, bytes->room);
		if (!bytes->data)
			die("realloc");
	}
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void bytes__free(struct bytes *bytes)
{
	free(bytes->data);
	memset(bytes, 0, sizeof(*bytes));
}

void bytes__save(const struct bytes *bytes, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes->data, bytes->length) != (ssize_t)bytes->length)
		die(path);
	close(fd);
}

void bytes__load(struct bytes *bytes, const char *path)
{
	int fd = open(path, O_RDONLY);
	char buffer[65536];
	ssize_t got;

	if (fd < 0)
		die(path);
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		bytes__add(bytes, buffer, got);
	close(fd);
}

__u32 craft_random(__u32 *seed)
{
	/* xorshift32; the seed must not be 0 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

void craft_record_sized(struct bytes *bytes, unsigned int type, size_t size, __u32 *seed)
{
	union {
		struct event_header header;
		unsigned char byte[1 << 16];
	} record;
	size_t i;

	for (i = 0; i < size; i++)
		record.byte[i] = craft_random(seed) >> 8;
	record.header.type = type;
	record.header.size = size;
	record.header.reserved = 0;
	bytes__add(bytes, &record, size);
}

void craft_record(struct bytes *bytes, unsigned int type, size_t extra, __u32 *seed)
{
	craft_record_sized(bytes, type, trace_record__minimum(type) + extra, seed);
}

struct trace_file_header craft_header(void)
{
	struct trace_file_header header = {
		.magic = "DAXTRACE",
		.major = htole16(1),
		.minor = htole16(0),
		.length = htole32(32),
		.record_abi = htole32(1),
	};

	craft_header_seal(&header);
	return header;
}

void craft_header_seal(struct trace_file_header *header)
{
	header->crc = htole32(trace_file_header__crc(header, sizeof(*header)));
}

struct trace_block_header craft_block_header(unsigned int type, __u32 number,
					     const void *payload, size_t length)
{
	struct trace_block_header header = {
		.magic = "DXBK",
		.type = htole32(type),
		.stored = htole32(length),
		.raw = htole32(length),
		.number = htole32(number),
	};
	struct event_header record;
	size_t position = 0;

	if (type == TRACE_BLOCK_RECORDS) {
		/* Ends at what is not a record, so that a test may have such. */
		while (length - position >= sizeof(record)) {
			memcpy(&record, (const char *)payload + position, sizeof(record));
			header.records = htole32(le32toh(header.records) + 1);
			if (!record.size || record.size > length - position)
				break;
			position += record.size;
		}
	}
	craft_block_seal(&header, payload);
	return header;
}

void craft_block_seal(struct trace_block_header *header, const void *payload)
{
	header->crc = htole32(trace_block_header__crc(header, payload, le32toh(header->stored)));
}

void craft_block(struct bytes *file, unsigned int type, __u32 number,
		 const void *payload, size_t length)
{
	struct trace_block_header header = craft_block_header(type, number, payload, length);

	bytes__add(file, &header, sizeof(header));
	bytes__add(file, payload, length);
}

void craft_end(struct bytes *file, __u32 number, __u64 records, __u64 lost)
{
	struct trace_end end = {
		.records = htole64(records),
		.blocks = htole64(number),
		.lost = htole64(lost),
	};

	craft_block(file, TRACE_BLOCK_END, number, &end, sizeof(end));
}

struct outcome craft_read(const char *path)
{
	struct outcome outcome = { .state = TRACE_READING };
	const struct event_header *record;
	struct trace_reader *reader;
	int result;

	outcome.code = trace_reader__open(&reader, path, outcome.error);
	if (outcome.code)
		return outcome;

	while ((result = trace_reader__next(reader, &record)) > 0) {
		bytes__add(&outcome.records, record, record->size);
		outcome.count++;
	}
	outcome.code = result;
	outcome.state = trace_reader__state(reader);
	outcome.lost = trace_reader__lost(reader);
	snprintf(outcome.problem, sizeof(outcome.problem), "%s", trace_reader__problem(reader));

	trace_reader__close(reader);
	return outcome;
}

void outcome__free(struct outcome *outcome)
{
	bytes__free(&outcome->records);
}
