// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Fuzz target: any bytes as a trace.
 *
 * The first byte of an input says what is done to the rest before it is read:
 * checksums hide nearly everything behind them from a fuzzer, so that mostly
 * they are made right.
 */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "testcases/unit/fuzz_limit.h"
#include "testcases/unit/trace_craft.h"

#define KEEP_CHECKSUMS	0x1
#define KEEP_NUMBERS	0x2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static void require(int condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* Make the checksums right, and the numbers of the blocks as far as wanted. */
static void seal(uint8_t *data, size_t size, unsigned int how)
{
	struct trace_file_header file;
	struct trace_block_header block;
	__u32 number = 0;
	size_t position;

	if ((how & KEEP_CHECKSUMS) || size < sizeof(file))
		return;
	memcpy(&file, data, sizeof(file));
	position = le32toh(file.length);
	if (position < sizeof(file) || position > size)
		return;
	file.crc = htole32(trace_file_header__crc(data, position));
	memcpy(data, &file, sizeof(file));

	while (size - position >= sizeof(block)) {
		uint8_t *start = data + position;

		memcpy(&block, start, sizeof(block));
		position += sizeof(block);
		if (le32toh(block.stored) > size - position)
			break;
		if (!(how & KEEP_NUMBERS))
			block.number = htole32(number++);
		craft_block_seal(&block, data + position);
		memcpy(start, &block, sizeof(block));
		position += le32toh(block.stored);
	}
}

static void check_fact(const char *key, const char *value, void *context)
{
	require(key[0] && !strchr(key, '='), "a key that cannot be");
	*(size_t *)context += strlen(key) + strlen(value);
}

static void check_records(struct trace_reader *reader)
{
	const struct event_header *record;
	enum trace_state state;
	unsigned int sum = 0;
	int result;

	while ((result = trace_reader__next(reader, &record)) > 0) {
		size_t i;

		require(record->size >= trace_record__minimum(record->type) &&
			record->size % 8 == 0, "a record of impossible size");
		require((uintptr_t)record % 8 == 0, "a record that is not aligned");
		/* For the sanitizer: all of it can be read. */
		for (i = 0; i < record->size; i++)
			sum += ((const uint8_t *)record)[i];
	}
	/* A use of the sum, or no byte would be read. */
	require(sum != 0xdeadbeef, "a sum that is as likely as any other");
	require(result == 0, "reading failed");
	require(trace_reader__next(reader, &record) == 0, "a record after the end");

	state = trace_reader__state(reader);
	require(state != TRACE_READING, "no state at the end");
	require(!trace_reader__problem(reader)[0] == (state == TRACE_COMPLETE),
		"the problem and the state disagree");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], error[TRACE_ERROR_LENGTH];
	struct trace_reader *reader;
	size_t facts = 0;
	uint8_t *file;
	int fd;

	if (size < 1)
		return 0;
	fuzz_limit__set(FUZZ_LIMIT);
	file = malloc(size);
	require(file != NULL, "malloc");
	memcpy(file, data + 1, size - 1);
	seal(file, size - 1, data[0]);

	fd = memfd_create("trace", 0);
	require(fd >= 0 && write(fd, file, size - 1) == (ssize_t)(size - 1), "memfd");
	free(file);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (trace_reader__open(&reader, path, error) == 0) {
		check_records(reader);
		trace_reader__facts(reader, "", check_fact, &facts);
		require(facts <= TRACE_FACTS_MAX, "more facts than there can be");
		trace_reader__close(reader);
	} else {
		require(error[0], "an error without a sentence");
	}
	close(fd);
	fuzz_limit__set(0);
	return 0;
}

/* A whole trace to start from: all block types, records raw and compressed. */
static const struct bytes *sample(void)
{
	static struct bytes file;
	struct trace_file_header header = craft_header();
	struct trace_block_header block;
	struct bytes records = { 0 };
	char packed[8192];
	size_t length;
	__u32 seed = 1;
	int type;

	if (file.length)
		return &file;

	for (type = 1; type < EVENT_TYPE_COUNT; type++)
		craft_record(&records, type, 0, &seed);
	length = ZSTD_compress(packed, sizeof(packed), records.data, records.length, 1);
	require(!ZSTD_isError(length), "ZSTD_compress");

	bytes__add(&file, "", 1);
	bytes__add(&file, &header, sizeof(header));
	craft_block(&file, TRACE_BLOCK_FACTS, 0, "kernel=6.1\ncommand=a\\nb\n", 24);
	craft_block(&file, TRACE_BLOCK_RECORDS, 1, records.data, records.length);
	block = craft_block_header(TRACE_BLOCK_RECORDS, 2, records.data, records.length);
	block.flags = htole32(TRACE_BLOCK_ZSTD);
	block.stored = htole32(length);
	craft_block_seal(&block, packed);
	bytes__add(&file, &block, sizeof(block));
	bytes__add(&file, packed, length);
	craft_block(&file, 9, 3, "unknown", 7);
	craft_end(&file, 4, 2 * (EVENT_TYPE_COUNT - 1), 5);
	bytes__free(&records);
	return &file;
}

/* Without a corpus a fuzzer would have to find the header's magic by luck. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	const struct bytes *whole = sample();

	(void)seed;
	if (size < sizeof(struct trace_file_header) && max_size >= whole->length) {
		memcpy(data, whole->data, whole->length);
		size = whole->length;
	}
	return LLVMFuzzerMutate(data, size, max_size);
}
