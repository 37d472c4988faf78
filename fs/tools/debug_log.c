// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* refdax-debug: the journal. */
#include <inttypes.h>
#include <string.h>

#include "debug.h"

static bool tail_good(uint32_t seed, const uint8_t *block)
{
	uint8_t copy[REFDAX_BLOCK_SIZE];
	uint32_t stored;

	memcpy(copy, block, sizeof(copy));
	memcpy(&stored, copy + sizeof(copy) - 4, 4);
	memset(copy + sizeof(copy) - 4, 0, 4);
	return be32toh(stored) == crc32c(seed, copy, sizeof(copy));
}

static bool commit_good(uint32_t seed, const uint8_t *block)
{
	uint8_t copy[REFDAX_BLOCK_SIZE];
	uint32_t stored;

	memcpy(copy, block, sizeof(copy));
	memcpy(&stored, copy + 16, 4);
	memset(copy + 16, 0, 4);
	return be32toh(stored) == crc32c(seed, copy, sizeof(copy));
}

/* The tags of a descriptor block: 16 bytes each, the UUID behind those that have it. */
static uint32_t show_tags(const uint8_t *block, bool show)
{
	size_t offset = 12;
	uint32_t tag[4], flags = 0, count = 0;

	while (!(flags & 8) && offset + sizeof(tag) <= REFDAX_BLOCK_SIZE - 4) {
		memcpy(tag, block + offset, sizeof(tag));
		flags = be32toh(tag[1]);
		offset += sizeof(tag) + (flags & 2 ? 0 : 16);
		count++;
		if (!show)
			continue;
		out_object(NULL);
		out_number("of_block", (uint64_t)be32toh(tag[2]) << 32 | be32toh(tag[0]));
		out_hex("flags", flags);
		out_end();
	}
	return count;
}

static void show_revoked(const uint8_t *block)
{
	uint32_t used, offset;
	uint64_t number;

	memcpy(&used, block + 12, 4);
	used = be32toh(used);
	for (offset = 16; offset + 8 <= used && offset + 8 <= REFDAX_BLOCK_SIZE - 4; offset += 8) {
		memcpy(&number, block + offset, 8);
		out_object(NULL);
		out_number("revoked_block", be64toh(number));
		out_end();
	}
}

static void show_log(struct device *d, const struct jbd2_super *super)
{
	uint32_t first = REFDAX_JOURNAL_BLOCK + 1;
	uint32_t end = REFDAX_JOURNAL_BLOCK + d->geometry.journal_blocks;
	uint32_t at = be32toh(super->s_start), sequence = be32toh(super->s_sequence);
	uint32_t seed = crc32c(~0U, super->s_uuid, sizeof(super->s_uuid)), left = end - first;
	uint8_t block[REFDAX_BLOCK_SIZE];
	uint32_t header[3], skip;

	if (at < first || at >= end) {
		out_problem(d, "the log starts outside of itself");
		return;
	}
	while (left && read_block(d, at, block)) {
		bool good;

		memcpy(header, block, sizeof(header));
		if (be32toh(header[0]) != JBD2_MAGIC || be32toh(header[2]) != sequence)
			break;
		good = be32toh(header[1]) == 2 ? commit_good(seed, block) : tail_good(seed, block);
		out_object(NULL);
		out_number("block", at);
		out_text("kind", be32toh(header[1]) == 1 ? "descriptor" :
				 be32toh(header[1]) == 2 ? "commit" :
				 be32toh(header[1]) == 5 ? "revocation" : "unknown");
		out_number("transaction", sequence);
		if (!good)
			out_problem(d, "its checksum is wrong");
		out_end();
		skip = 1;
		if (be32toh(header[1]) == 1)
			skip += show_tags(block, true);
		else if (be32toh(header[1]) == 5)
			show_revoked(block);
		else if (be32toh(header[1]) == 2)
			sequence++;
		if (!good)
			break;
		skip = skip < left ? skip : left;
		left -= skip;
		at += skip;
		if (at >= end)
			at -= end - first;
	}
}

void show_journal(struct device *d)
{
	uint8_t block[REFDAX_BLOCK_SIZE];
	const struct jbd2_super *super = (const void *)block;

	out_object("journal");
	out_number("block", REFDAX_JOURNAL_BLOCK);
	if (!read_block(d, REFDAX_JOURNAL_BLOCK, block)) {
		out_end();
		return;
	}
	if (be32toh(super->h_magic) != JBD2_MAGIC)
		out_problem(d, "its magic number is 0x%x", be32toh(super->h_magic));
	else if (super->s_checksum != jbd2_super_crc(super))
		out_problem(d, "its checksum is wrong");
	out_number("block_size", be32toh(super->s_blocksize));
	out_number("first", be32toh(super->s_first));
	out_number("maxlen", be32toh(super->s_maxlen));
	out_number("sequence", be32toh(super->s_sequence));
	out_number("start", be32toh(super->s_start));
	out_signed("errno", (int32_t)be32toh(super->s_errno));
	out_hex("feature_compat", be32toh(super->s_feature_compat));
	out_hex("feature_incompat", be32toh(super->s_feature_incompat));
	out_hex("feature_ro_compat", be32toh(super->s_feature_ro_compat));
	out_text("state", super->s_start ? "to be replayed" : "empty");
	if (super->s_start) {
		out_array("log");
		show_log(d, super);
		out_end();
	}
	out_end();
}
