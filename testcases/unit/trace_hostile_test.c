// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Traces that are cut off, damaged, from the future, or made to break the
 * reader.  None may pass for whole, and all that is good must be read.
 */
#include "testcases/unit/unit.h"

#include <endian.h>
#include <errno.h>
#include <zstd.h>

#include "testcases/unit/trace_craft.h"

static const char path_name[] = "hostile";

static struct outcome read_bytes(const struct bytes *file)
{
	const char *path = unit_path(path_name);
	struct outcome outcome;

	bytes__save(file, path);
	outcome = craft_read(path);
	unlink(path);

	/* What holds whatever the file is. */
	if (outcome.state == TRACE_READING) {
		assert_true(outcome.code < 0);
		assert_true(outcome.error[0]);
		assert_int_equal(outcome.count, 0);
	} else {
		assert_int_equal(outcome.code, 0);
		assert_string_equal(outcome.error, "");
		assert_int_equal(!outcome.problem[0], outcome.state == TRACE_COMPLETE);
	}
	return outcome;
}

static void assert_whole(const struct bytes *file, size_t count)
{
	struct outcome outcome = read_bytes(file);

	assert_string_equal(outcome.error, "");
	assert_string_equal(outcome.problem, "");
	assert_int_equal(outcome.state, TRACE_COMPLETE);
	assert_int_equal(outcome.count, count);
	outcome__free(&outcome);
}

/* Corrupt for this reason, after count records that could be read. */
static void assert_corrupt(const struct bytes *file, size_t count, const char *reason)
{
	struct outcome outcome = read_bytes(file);
	char records[32];

	assert_string_equal(outcome.error, "");
	assert_int_equal(outcome.state, TRACE_CORRUPT);
	assert_contains(outcome.problem, reason);
	snprintf(records, sizeof(records), "(records: %zu)", count);
	assert_contains(outcome.problem, records);
	assert_contains(outcome.problem, "a verdict can only be inconclusive; "
			"copy the file again or record again");
	assert_int_equal(outcome.count, count);
	outcome__free(&outcome);
}

static void assert_rejected(const struct bytes *file, int code, const char *reason)
{
	struct outcome outcome = read_bytes(file);

	assert_int_equal(outcome.state, TRACE_READING);
	assert_int_equal(outcome.code, code);
	assert_contains(outcome.error, reason);
}

/* A file header and nothing else. */
static struct bytes start_file(void)
{
	struct trace_file_header header = craft_header();
	struct bytes file = { 0 };

	bytes__add(&file, &header, sizeof(header));
	return file;
}

/* The header, and block 0 with three records. */
static struct bytes start_file_with_records(void)
{
	struct bytes file = start_file(), records = { 0 };
	__u32 seed = 77;

	craft_record(&records, EVENT_ENTER, 0, &seed);
	craft_record(&records, EVENT_FLUSH, 0, &seed);
	craft_record(&records, EVENT_EXIT, 0, &seed);
	craft_block(&file, TRACE_BLOCK_RECORDS, 0, records.data, records.length);
	bytes__free(&records);
	return file;
}

/* The offset of the block after start_file_with_records(). */
#define AFTER_RECORDS	(32 + 48 + 88 + 48 + 72)

static size_t compressed_blocks(const struct bytes *file)
{
	struct trace_block_header header;
	size_t position = sizeof(struct trace_file_header), count = 0;

	while (position < file->length) {
		memcpy(&header, file->data + position, sizeof(header));
		position += sizeof(header) + le32toh(header.stored);
		count += le32toh(header.flags) & TRACE_BLOCK_ZSTD;
	}
	return count;
}

/*
 * A small trace of all block types, compressed and not, as the writer makes
 * it; *records is what is in it.
 */
static struct bytes written_file(struct bytes *records)
{
	const char *path = unit_path(path_name);
	char error[TRACE_ERROR_LENGTH];
	struct trace_writer *writer;
	struct bytes file = { 0 };
	size_t position;
	__u32 seed = 5;
	int i;

	for (i = 0; i < 12; i++)
		craft_record(records, i < 8 ? EVENT_FLUSH : EVENT_GAP, 0, &seed);
	/* Compressible: the last four are the same but for a byte. */
	for (i = 0; i < 3; i++) {
		bytes__add(records, records->data + records->length - 40, 40);
		records->data[records->length - 1]++;
	}

	assert_int_equal(trace_writer__create(&writer, path, error), 0);
	assert_int_equal(trace_writer__fact(writer, "kernel", "6.1"), 0);
	for (position = 0, i = 0; position < records->length; i++) {
		const struct event_header *record = (void *)(records->data + position);

		if (i == 6 || i == 11)
			assert_int_equal(trace_writer__flush(writer), 0);
		assert_int_equal(trace_writer__record(writer, record), 0);
		position += record->size;
	}
	assert_int_equal(trace_writer__fact(writer, "probe.a", "missing: b\nc"), 0);
	assert_int_equal(trace_writer__close(writer, 3, error), 0);

	bytes__load(&file, path);
	unlink(path);
	assert_int_equal(compressed_blocks(&file), 1);
	return file;
}

static void cut_off_at_every_byte(void **unused)
{
	struct bytes records = { 0 }, whole = written_file(&records), part = whole;
	size_t most = 0;

	(void)unused;
	assert_whole(&whole, 15);

	for (part.length = 0; part.length < whole.length; part.length++) {
		struct outcome outcome = read_bytes(&part);

		if (part.length < sizeof(struct trace_file_header)) {
			assert_int_equal(outcome.code, -ENODATA);
			assert_contains(outcome.error, part.length ? "inside the trace's header" :
					"is empty: nothing was recorded to it");
			continue;
		}
		assert_int_equal(outcome.state, TRACE_TRUNCATED);
		assert_contains(outcome.problem, "copy the whole file");

		/* Never fewer records with more of the file, and never other ones. */
		assert_true(outcome.count >= most);
		most = outcome.count;
		assert_true(outcome.records.length <= records.length);
		if (outcome.count)
			assert_memory_equal(outcome.records.data, records.data,
					    outcome.records.length);
		outcome__free(&outcome);
	}
	assert_int_equal(most, 15);
	bytes__free(&whole);
	bytes__free(&records);
}

/* Read a file that was damaged: not whole, and only records that are right. */
static void assert_damage_noticed(const struct bytes *file, const struct bytes *records)
{
	struct outcome outcome = read_bytes(file);

	assert_int_not_equal(outcome.state, TRACE_COMPLETE);
	assert_true(outcome.records.length <= records->length);
	if (outcome.count)
		assert_memory_equal(outcome.records.data, records->data, outcome.records.length);
	outcome__free(&outcome);
}

static void every_bit_flipped(void **unused)
{
	struct bytes records = { 0 }, file = written_file(&records);
	size_t bit;

	(void)unused;
	for (bit = 0; bit < 8 * file.length; bit++) {
		file.data[bit / 8] ^= 1 << bit % 8;
		assert_damage_noticed(&file, &records);
		file.data[bit / 8] ^= 1 << bit % 8;
	}
	assert_whole(&file, 15);
	bytes__free(&file);
	bytes__free(&records);
}

/* What a crash of the machine or a bad copy leaves: a run of zeroes. */
static void runs_of_zeroes(void **unused)
{
	struct bytes records = { 0 }, file = written_file(&records), damaged = { 0 };
	size_t position;

	(void)unused;
	for (position = 0; position + 16 <= file.length; position += 7) {
		bytes__add(&damaged, file.data, file.length);
		memset(damaged.data + position, 0, 16);
		if (memcmp(damaged.data, file.data, file.length))
			assert_damage_noticed(&damaged, &records);
		bytes__free(&damaged);
	}
	bytes__free(&file);
	bytes__free(&records);
}

static void random_garbage(void **unused)
{
	struct bytes file = { 0 };
	__u32 seed = 99, i, j;

	(void)unused;
	for (i = 0; i < 2000; i++) {
		struct outcome outcome;
		bool header = i % 2;

		if (header)
			file = start_file();
		for (j = craft_random(&seed) % 600 + 1; j; j--) {
			unsigned char byte = craft_random(&seed) >> 8;

			bytes__add(&file, &byte, 1);
		}
		outcome = read_bytes(&file);
		assert_int_equal(outcome.count, 0);
		/* Behind a good header it may by chance begin as a block does. */
		if (header)
			assert_true(outcome.state == TRACE_CORRUPT ||
				    outcome.state == TRACE_TRUNCATED);
		else
			assert_int_equal(outcome.state, TRACE_READING);
		outcome__free(&outcome);
		bytes__free(&file);
	}
}

static void assert_header(const struct trace_file_header *header, int code, const char *reason)
{
	struct bytes file = { 0 };

	bytes__add(&file, header, sizeof(*header));
	craft_end(&file, 0, 0, 0);
	if (code)
		assert_rejected(&file, code, reason);
	else
		assert_whole(&file, 0);
	bytes__free(&file);
}

static void file_headers(void **unused)
{
	struct trace_file_header header = craft_header();

	(void)unused;
	assert_header(&header, 0, NULL);

	header.magic[7]++;
	craft_header_seal(&header);
	assert_header(&header, -EINVAL,
		      " is not a trace: name a file that daxtrace record has written");

	header = craft_header();
	header.major = htole16(2);
	header.minor = htole16(7);
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT,
		      " is a trace of format version 2.7 and this daxtrace reads version 1: "
		      "use the one that recorded it, or a newer one");
	header.major = 0;
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT,
		      " is a trace of format version 0.7 and this daxtrace reads version 1: "
		      "use the one that recorded it");

	header = craft_header();
	header.minor = htole16(9);
	header.compat = htole32(0xffffffff);
	craft_header_seal(&header);
	assert_header(&header, 0, NULL);

	header = craft_header();
	header.incompat = htole32(1U << 31 | 1U << 4 | 1);
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT,
		      " needs the trace format's incompatible feature bits 0, 4 and 31, which this "
		      "daxtrace does not know: use the one that recorded it, or a newer one");
	header.incompat = htole32(1U << 2);
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT, " feature bits 2, which");
	header.incompat = htole32(0xffffffff);
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT, " 29, 30 and 31, which");

	header = craft_header();
	header.record_abi = htole32(EVENTS_ABI_VERSION + 1);
	craft_header_seal(&header);
	assert_header(&header, -EPROTONOSUPPORT,
		      " has records of ABI version 2 and this daxtrace reads version 1: "
		      "use the one that recorded it");

	header = craft_header();
	header.crc ^= htole32(1);
	assert_header(&header, -EBADMSG, " is corrupt: the checksum of its header is wrong");
}

static void file_header_lengths(void **unused)
{
	static const __u32 impossible[] = { 0, 8, 31, TRACE_HEADER_MAX + 1, 0x7fffffff, 0xffffffff };
	struct {
		struct trace_file_header header;
		unsigned char appended[TRACE_HEADER_MAX - sizeof(struct trace_file_header)];
	} longest;
	struct bytes file = { 0 };
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(impossible); i++) {
		struct trace_file_header header = craft_header();

		header.length = htole32(impossible[i]);
		craft_header_seal(&header);
		assert_header(&header, -EBADMSG, ", which cannot be");
	}

	/* A newer minor version has more in it. */
	memset(&longest, 0xaa, sizeof(longest));
	longest.header = craft_header();
	longest.header.length = htole32(sizeof(longest));
	longest.header.crc = htole32(trace_file_header__crc(&longest, sizeof(longest)));
	bytes__add(&file, &longest, sizeof(longest));
	assert_int_equal(file.length, TRACE_HEADER_MAX);
	craft_end(&file, 0, 0, 0);
	assert_whole(&file, 0);

	file.data[4000] ^= 1;
	assert_rejected(&file, -EBADMSG, "the checksum of its header is wrong");
	file.length = 4095;
	assert_rejected(&file, -ENODATA, " ends at byte 4095, inside the trace's header");
	bytes__free(&file);
}

static void unknown_block_types_are_skipped(void **unused)
{
	static const __u32 type[] = { 0, TRACE_BLOCK_END + 1, 0xffffffff };
	struct bytes file = start_file_with_records();
	struct trace_block_header header;
	__u32 number = 1;
	size_t i;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(type); i++)
		craft_block(&file, type[i], number++, "of the future", 13);

	/* Whatever their flags mean. */
	header = craft_block_header(77, number++, "x", 1);
	header.flags = htole32(0xffffffff);
	header.raw = htole32(TRACE_BLOCK_MAX);
	craft_block_seal(&header, "x");
	bytes__add(&file, &header, sizeof(header));
	bytes__add(&file, "x", 1);

	craft_end(&file, number, 3, 0);
	assert_whole(&file, 3);

	/* Skipped, but not unchecked. */
	file.data[AFTER_RECORDS + 48] ^= 1;
	assert_corrupt(&file, 3, "has a block at byte 288 whose checksum is wrong");
	bytes__free(&file);
}

static void unknown_records_are_handed_out(void **unused)
{
	struct bytes file = start_file(), records = { 0 };
	struct outcome outcome;
	__u32 seed = 3;

	(void)unused;
	craft_record_sized(&records, EVENT_NONE, 32, &seed);
	craft_record_sized(&records, EVENT_TYPE_COUNT, 32, &seed);
	craft_record_sized(&records, 0xffff, 65528, &seed);
	/* Of a known type, with fields of the future. */
	craft_record(&records, EVENT_ENTER, 64, &seed);
	craft_block(&file, TRACE_BLOCK_RECORDS, 0, records.data, records.length);
	craft_end(&file, 1, 4, 0);

	assert_whole(&file, 4);
	outcome = read_bytes(&file);
	assert_int_equal(outcome.records.length, records.length);
	assert_memory_equal(outcome.records.data, records.data, records.length);
	outcome__free(&outcome);
	bytes__free(&records);
	bytes__free(&file);
}

/*
 * Block 1 has a good record, then one of this type that says it has size
 * bytes, and room bytes are left for it.
 */
static void assert_record_rejected(unsigned int type, size_t size, size_t room)
{
	struct bytes file = start_file_with_records(), records = { 0 };
	struct event_header header;
	__u32 seed = 8;

	craft_record(&records, EVENT_GAP, 0, &seed);
	craft_record_sized(&records, type, room, &seed);
	if (room >= sizeof(header)) {
		memcpy(&header, records.data + 40, sizeof(header));
		header.size = size;
		memcpy(records.data + 40, &header, sizeof(header));
	}
	craft_block(&file, TRACE_BLOCK_RECORDS, 1, records.data, records.length);
	craft_end(&file, 2, 5, 0);

	/* Nothing of a block that is wrong somewhere. */
	assert_corrupt(&file, 3,
		       "has a block at byte 288 whose record 1 has an impossible size");
	bytes__free(&records);
	bytes__free(&file);
}

static void records_of_impossible_size(void **unused)
{
	unsigned int type;
	size_t size;

	(void)unused;
	for (type = 0; type <= EVENT_TYPE_COUNT; type++) {
		size_t minimum = trace_record__minimum(type);

		assert_true(minimum >= sizeof(struct event_header));
		for (size = 0; size < minimum; size += 8)
			assert_record_rejected(type, size, 512);
		for (size = minimum + 1; size < minimum + 8; size++)
			assert_record_rejected(type, size, 512);
		/* Beyond the end of the block, by little and by much. */
		assert_record_rejected(type, minimum, minimum - 8);
		assert_record_rejected(type, 65528, minimum);
	}
	/* Not even a header. */
	for (size = 8; size < sizeof(struct event_header); size++)
		assert_record_rejected(EVENT_GAP, 40, size);
}

/* What happens, happens at a time: two records that are the same in a row are one and its copy. */
static void record_once_more(void **unused)
{
	struct bytes file = start_file_with_records(), records = { 0 };
	__u32 seed = 9;

	(void)unused;
	craft_record(&records, EVENT_FLUSH, 0, &seed);
	craft_record(&records, EVENT_ENTER, 0, &seed);
	bytes__add(&records, records.data + trace_record__minimum(EVENT_FLUSH),
		   trace_record__minimum(EVENT_ENTER));
	craft_block(&file, TRACE_BLOCK_RECORDS, 1, records.data, records.length);
	craft_end(&file, 2, 6, 0);
	assert_corrupt(&file, 3,
		       "has a block at byte 288 whose record 2 is the one before it once more");
	bytes__free(&records);
	bytes__free(&file);
}

/* Block 1 with this header and stored payload, sealed, after three records. */
static void assert_block_corrupt(struct trace_block_header header, const void *payload,
				 const char *reason)
{
	struct bytes file = start_file_with_records();

	header.number = htole32(1);
	if (le32toh(header.stored) <= TRACE_BLOCK_MAX)
		craft_block_seal(&header, payload);
	bytes__add(&file, &header, sizeof(header));
	if (le32toh(header.stored) <= TRACE_BLOCK_MAX)
		bytes__add(&file, payload, le32toh(header.stored));
	craft_end(&file, 2, 3, 0);
	assert_corrupt(&file, 3, reason);
	bytes__free(&file);
}

static void block_headers(void **unused)
{
	const struct trace_block_header good = craft_block_header(TRACE_BLOCK_FACTS, 1, "a=b\n", 4);
	struct trace_block_header header;

	(void)unused;
	header = good;
	header.magic[0] = 'd';
	assert_block_corrupt(header, "a=b\n", "has no block at byte 288, where one must begin");

	header = good;
	header.stored = htole32(TRACE_BLOCK_MAX + 1);
	assert_block_corrupt(header, NULL, "says it is larger than a block can be");
	header.stored = htole32(0xffffffff);
	assert_block_corrupt(header, NULL, "says it is larger than a block can be");
	header = good;
	header.raw = htole32(TRACE_BLOCK_MAX + 1);
	assert_block_corrupt(header, "a=b\n", "says it is larger than a block can be");

	header = good;
	header.raw = htole32(5);
	assert_block_corrupt(header, "a=b\n", "says it holds 5 bytes but does not");
	header.raw = htole32(3);
	assert_block_corrupt(header, "a=b\n", "says it holds 3 bytes but does not");
	header.raw = 0;
	assert_block_corrupt(header, "a=b\n", "says it holds 0 bytes but does not");

	header = good;
	header.flags = htole32(0x12);
	assert_block_corrupt(header, "a=b\n", "with the unknown flags 0x12");

	header = good;
	header.flags = htole32(TRACE_BLOCK_ZSTD);
	assert_block_corrupt(header, "a=b\n", "has a block at byte 288 that cannot be decompressed");
}

static void zstd_bombs(void **unused)
{
	static unsigned char zeroes[1 << 26], packed[1 << 14];
	struct trace_block_header header;
	size_t length;

	(void)unused;
	length = ZSTD_compress(packed, sizeof(packed), zeroes, sizeof(zeroes), 1);
	assert_false(ZSTD_isError(length));

	/* 64 MiB that say they are less. */
	header = craft_block_header(TRACE_BLOCK_RECORDS, 1, packed, length);
	header.records = htole32(1);
	header.flags = htole32(TRACE_BLOCK_ZSTD);
	header.raw = htole32(1000);
	assert_block_corrupt(header, packed, "that cannot be decompressed");
	header.raw = htole32(TRACE_BLOCK_MAX);
	assert_block_corrupt(header, packed, "that cannot be decompressed");
	header.raw = 0;
	assert_block_corrupt(header, packed, "that cannot be decompressed");
	header.raw = htole32(sizeof(zeroes));
	assert_block_corrupt(header, packed, "says it is larger than a block can be");

	/* 1000 bytes that say they are more: nothing old may fill the rest. */
	length = ZSTD_compress(packed, sizeof(packed), zeroes, 1000, 1);
	header = craft_block_header(TRACE_BLOCK_RECORDS, 1, packed, length);
	header.flags = htole32(TRACE_BLOCK_ZSTD);
	header.raw = htole32(1001);
	assert_block_corrupt(header, packed, "says it holds 1001 bytes but does not");

	/* As many as they say, but zeroes are no records. */
	header.raw = htole32(1000);
	assert_block_corrupt(header, packed, "whose record 0 has an impossible size");
}

static void largest_block(void **unused)
{
	struct bytes file = start_file(), records = { 0 };
	size_t count = TRACE_BLOCK_MAX / 64;
	__u32 seed = 10;
	size_t i;

	(void)unused;
	for (i = 0; i < count; i++)
		craft_record_sized(&records, 500, 64, &seed);
	assert_int_equal(records.length, TRACE_BLOCK_MAX);
	craft_block(&file, TRACE_BLOCK_RECORDS, 0, records.data, records.length);
	craft_end(&file, 1, count, 0);
	assert_whole(&file, count);
	bytes__free(&file);

	/* Filled but for what is too short for a record's header. */
	file = start_file();
	memset(records.data + TRACE_BLOCK_MAX - 64, 0, 64);
	((struct event_header *)(records.data + TRACE_BLOCK_MAX - 64))->size = 56;
	craft_block(&file, TRACE_BLOCK_RECORDS, 0, records.data, records.length);
	assert_corrupt(&file, 0, "whose record 16384 has an impossible size");
	bytes__free(&records);
	bytes__free(&file);
}

static void record_counts(void **unused)
{
	struct trace_block_header header;
	struct bytes records = { 0 };
	__u32 seed = 11;

	(void)unused;
	craft_record(&records, EVENT_GAP, 0, &seed);
	craft_record(&records, EVENT_GAP, 0, &seed);
	header = craft_block_header(TRACE_BLOCK_RECORDS, 1, records.data, records.length);
	assert_int_equal(le32toh(header.records), 2);

	header.records = htole32(3);
	assert_block_corrupt(header, records.data, "that says it has 3 records but has 2");
	header.records = htole32(1);
	assert_block_corrupt(header, records.data, "that says it has 1 records but has 2");
	bytes__free(&records);
}

static void end_blocks(void **unused)
{
	struct {
		struct trace_end end;
		__le64 appended;
	} longer = { .end = { .records = htole64(3), .blocks = htole64(1) } };
	struct bytes file;

	(void)unused;
	file = start_file_with_records();
	craft_end(&file, 1, 4, 0);
	assert_corrupt(&file, 3, "has an end block at byte 288 that counts 4 records in 1 blocks, "
		       "but it has 3 in 1");
	bytes__free(&file);

	file = start_file_with_records();
	longer.end.blocks = htole64(2);
	craft_block(&file, TRACE_BLOCK_END, 1, &longer, sizeof(longer.end));
	assert_corrupt(&file, 3, "that counts 3 records in 2 blocks, but it has 3 in 1");
	bytes__free(&file);

	file = start_file_with_records();
	craft_block(&file, TRACE_BLOCK_END, 1, "too short", 9);
	assert_corrupt(&file, 3, "has an end block at byte 288 that is too short");
	bytes__free(&file);

	/* Of a newer minor version. */
	file = start_file_with_records();
	longer.end.blocks = htole64(1);
	craft_block(&file, TRACE_BLOCK_END, 1, &longer, sizeof(longer));
	assert_whole(&file, 3);

	/* Something comes after it: another trace, or one byte. */
	bytes__add(&file, "", 1);
	assert_corrupt(&file, 3, "goes on at byte 368 after its end block");
	bytes__free(&file);
}

/* Whole blocks that are missing, repeated or in another order. */
static void blocks_out_of_place(void **unused)
{
	struct bytes block[3] = { 0 }, records = { 0 }, file;
	__u32 seed = 12;
	int i;

	(void)unused;
	craft_record(&records, EVENT_GAP, 0, &seed);
	for (i = 0; i < 3; i++)
		craft_block(&block[i], TRACE_BLOCK_RECORDS, i, records.data, records.length);

	file = start_file();
	bytes__add(&file, block[0].data, block[0].length);
	bytes__add(&file, block[2].data, block[2].length);
	craft_end(&file, 2, 2, 0);
	assert_corrupt(&file, 1, "has block 2 at byte 120, where block 1 must be: "
		       "a part of it is missing or repeated");
	bytes__free(&file);

	file = start_file();
	bytes__add(&file, block[0].data, block[0].length);
	bytes__add(&file, block[1].data, block[1].length);
	bytes__add(&file, block[1].data, block[1].length);
	craft_end(&file, 3, 3, 0);
	assert_corrupt(&file, 2, "has block 1 at byte 208, where block 2 must be");
	bytes__free(&file);

	file = start_file();
	bytes__add(&file, block[1].data, block[1].length);
	bytes__add(&file, block[0].data, block[0].length);
	craft_end(&file, 2, 2, 0);
	assert_corrupt(&file, 0, "has block 1 at byte 32, where block 0 must be");
	bytes__free(&file);

	for (i = 0; i < 3; i++)
		bytes__free(&block[i]);
	bytes__free(&records);
}

static void assert_facts_corrupt(const char *text, size_t length, const char *reason)
{
	assert_block_corrupt(craft_block_header(TRACE_BLOCK_FACTS, 1, text, length), text, reason);
}

static void facts_that_are_wrong(void **unused)
{
	(void)unused;
	assert_facts_corrupt("", 0, "with a fact that does not end");
	assert_facts_corrupt("a=b", 3, "with a fact that does not end");
	assert_facts_corrupt("a=b\n\n", 5, "with a fact without '='");
	assert_facts_corrupt("a=b\nc\n", 6, "with a fact without '='");
	assert_facts_corrupt("=b\n", 3, "with a fact whose key is empty");
	assert_facts_corrupt("a b=c\n", 6, "with a fact whose key");
	assert_facts_corrupt("a=b\\t\n", 6, "with a fact with an unknown escape");
	assert_facts_corrupt("a=b\\\n", 5, "with a fact with an unknown escape");
	assert_facts_corrupt("a=b\0c\n", 6, "with a fact with a NUL byte");
}

/* Facts are kept, so there may be only so many: in one block and in all. */
static void too_many_facts(void **unused)
{
	struct bytes file = start_file_with_records(), facts = { 0 };
	__u32 number;
	size_t i;

	(void)unused;
	for (i = 0; i < TRACE_FACT_COUNT_MAX; i++)
		bytes__add(&facts, "k=\n", 3);
	craft_block(&file, TRACE_BLOCK_FACTS, 1, facts.data, facts.length);
	craft_block(&file, TRACE_BLOCK_FACTS, 2, "k=\n", 3);
	assert_corrupt(&file, 3, "with more facts than a trace may have");
	bytes__free(&file);

	bytes__add(&facts, "k=\n", 3);
	assert_facts_corrupt((char *)facts.data, facts.length,
			     "with more facts than a trace may have");
	bytes__free(&facts);

	file = start_file_with_records();
	bytes__add(&facts, "k=", 2);
	while (facts.length < TRACE_FACTS_MAX / 4 - 1)
		bytes__add(&facts, "v", 1);
	bytes__add(&facts, "\n", 1);
	for (number = 1; number <= 4; number++)
		craft_block(&file, TRACE_BLOCK_FACTS, number, facts.data, facts.length);
	craft_block(&file, TRACE_BLOCK_FACTS, number, "k=\n", 3);
	assert_corrupt(&file, 3, "with more facts than a trace may have");
	bytes__free(&facts);
	bytes__free(&file);
}

/* What was good before a bad block stays: facts and records. */
static void damage_before_the_first_record(void **unused)
{
	const char *path = unit_path(path_name);
	const struct event_header *record;
	char error[TRACE_ERROR_LENGTH];
	struct bytes file = start_file();
	struct trace_reader *reader;

	(void)unused;
	craft_block(&file, TRACE_BLOCK_FACTS, 0, "kernel=6.1\n", 11);
	craft_block(&file, TRACE_BLOCK_FACTS, 1, "kernel=7.2\nbroken\n", 18);
	bytes__save(&file, path);

	assert_int_equal(trace_reader__open(&reader, path, error), 0);
	assert_string_equal(trace_reader__fact(reader, "kernel"), "6.1");
	assert_int_equal(trace_reader__next(reader, &record), 0);
	assert_int_equal(trace_reader__next(reader, &record), 0);
	assert_int_equal(trace_reader__state(reader), TRACE_CORRUPT);
	assert_contains(trace_reader__problem(reader),
			"has a block at byte 91 with a fact without '='");
	trace_reader__close(reader);
	bytes__free(&file);
	unlink(path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_off_at_every_byte),
		cmocka_unit_test(every_bit_flipped),
		cmocka_unit_test(runs_of_zeroes),
		cmocka_unit_test(random_garbage),
		cmocka_unit_test(file_headers),
		cmocka_unit_test(file_header_lengths),
		cmocka_unit_test(unknown_block_types_are_skipped),
		cmocka_unit_test(unknown_records_are_handed_out),
		cmocka_unit_test(records_of_impossible_size),
		cmocka_unit_test(record_once_more),
		cmocka_unit_test(block_headers),
		cmocka_unit_test(zstd_bombs),
		cmocka_unit_test(largest_block),
		cmocka_unit_test(record_counts),
		cmocka_unit_test(end_blocks),
		cmocka_unit_test(blocks_out_of_place),
		cmocka_unit_test(facts_that_are_wrong),
		cmocka_unit_test(too_many_facts),
		cmocka_unit_test(damage_before_the_first_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
