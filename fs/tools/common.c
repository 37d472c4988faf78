// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What mkfs.refdax, fsck.refdax and refdax-debug share: checksums, hashes, an empty
 * journal, and where everything is.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define CRC32C_POLYNOMIAL	0x82f63b78	/* Castagnoli, reflected */

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	static uint32_t table[256];
	const uint8_t *p = data;
	unsigned int i, bit;

	if (!table[1]) {
		for (i = 0; i < 256; i++) {
			uint32_t value = i;

			for (bit = 0; bit < 8; bit++)
				value = value >> 1 ^ (value & 1 ? CRC32C_POLYNOMIAL : 0);
			table[i] = value;
		}
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t refdax_block_crc(uint32_t seed, const void *block)
{
	const struct refdax_header *header = block;
	size_t offset = offsetof(struct refdax_header, h_crc);
	uint32_t zero = 0, crc;

	crc = le32toh(header->h_magic) == REFDAX_MAGIC_SUPER ? ~0U : seed;
	crc = crc32c(crc, block, offset);
	crc = crc32c(crc, &zero, sizeof(zero));
	offset += sizeof(zero);
	return crc32c(crc, (const uint8_t *)block + offset, REFDAX_BLOCK_SIZE - offset);
}

uint32_t refdax_inode_crc(uint32_t seed, uint64_t ino, const struct refdax_inode *raw)
{
	uint64_t number = htole64(ino);
	uint32_t zero = 0, crc;

	crc = crc32c(seed, &number, sizeof(number));
	crc = crc32c(crc, &zero, sizeof(zero));
	return crc32c(crc, (const uint8_t *)raw + sizeof(zero), sizeof(*raw) - sizeof(zero));
}

uint32_t refdax_seed(const uint8_t uuid[16])
{
	return crc32c(~0U, uuid, 16);
}

uint32_t jbd2_super_crc(const struct jbd2_super *super)
{
	struct jbd2_super copy = *super;

	copy.s_checksum = 0;
	return htobe32(crc32c(~0U, &copy, sizeof(copy)));
}

void jbd2_init_super(struct jbd2_super *super, uint32_t blocks, const uint8_t uuid[16])
{
	super->h_magic = htobe32(JBD2_MAGIC);
	super->h_blocktype = htobe32(JBD2_SUPERBLOCK_V2);
	super->s_blocksize = htobe32(REFDAX_BLOCK_SIZE);
	/* Block numbers count from the start of the device, see journal.c of the module. */
	super->s_maxlen = htobe32(REFDAX_JOURNAL_BLOCK + blocks);
	super->s_first = htobe32(REFDAX_JOURNAL_BLOCK + 1);
	super->s_sequence = htobe32(1);
	super->s_feature_incompat = htobe32(JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT |
					    JBD2_INCOMPAT_CSUM_V3);
	super->s_checksum_type = JBD2_CRC32C;
	memcpy(super->s_uuid, uuid, sizeof(super->s_uuid));
	super->s_nr_users = htobe32(1);
}

bool jbd2_super_is_of(const void *block, const uint8_t uuid[16])
{
	const struct jbd2_super *super = block;

	return super->h_magic == htobe32(JBD2_MAGIC) &&
	       super->s_checksum == jbd2_super_crc(super) &&
	       !memcmp(super->s_uuid, uuid, sizeof(super->s_uuid));
}

void fail(int status, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program.name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(status);
}

void *zalloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		fail(program.failed, "not enough memory: %zu bytes were wanted", size);
	return p;
}

void *grow(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	array = reallocarray(array, *room, size);
	if (!array)
		fail(program.failed, "not enough memory: %zu times %zu bytes were wanted", *room,
		     size);
	return array;
}

/*
 * Geometry.
 */

const char *super_layout_problem(const struct refdax_super *super)
{
	uint64_t blocks = le64toh(super->s_blocks), last = blocks % REFDAX_BLOCKS_PER_GROUP;
	uint32_t journal = le32toh(super->s_journal_blocks);
	uint32_t inodes = le32toh(super->s_inodes_per_group);

	if (le32toh(super->s_header.h_magic) != REFDAX_MAGIC_SUPER)
		return "has a wrong magic number";
	if (le32toh(super->s_version) != REFDAX_VERSION)
		return "has an unknown version";
	if (le32toh(super->s_block_size) != REFDAX_BLOCK_SIZE ||
	    le32toh(super->s_blocks_per_group) != REFDAX_BLOCKS_PER_GROUP ||
	    !inodes || inodes > REFDAX_MAX_INODES_PER_GROUP || inodes % REFDAX_INODES_PER_BLOCK ||
	    le32toh(super->s_inode_size) != REFDAX_INODE_SIZE ||
	    le64toh(super->s_journal_block) != REFDAX_JOURNAL_BLOCK ||
	    journal < REFDAX_MIN_JOURNAL || journal > REFDAX_MAX_JOURNAL ||
	    blocks > (uint64_t)UINT32_MAX * REFDAX_BLOCKS_PER_GROUP ||
	    le32toh(super->s_groups) !=
			(blocks + REFDAX_BLOCKS_PER_GROUP - 1) / REFDAX_BLOCKS_PER_GROUP ||
	    (last && last < REFDAX_MIN_GROUP(inodes)) ||
	    blocks < REFDAX_JOURNAL_BLOCK + (uint64_t)journal + REFDAX_MIN_GROUP(inodes))
		return "describes an impossible layout";
	if (!(le64toh(super->s_incompat) & REFDAX_INCOMPAT_HASHDIR))
		return "lacks a feature that every refdax filesystem has";
	return NULL;
}

void geometry_init(struct geometry *g, const struct refdax_super *super)
{
	g->blocks = le64toh(super->s_blocks);
	g->groups = le32toh(super->s_groups);
	g->journal_blocks = le32toh(super->s_journal_blocks);
	g->inodes_per_group = le32toh(super->s_inodes_per_group);
	g->backups = le64toh(super->s_compat) & REFDAX_COMPAT_BACKUP;
}

uint64_t group_meta(const struct geometry *g, uint32_t group)
{
	return group ? (uint64_t)group * REFDAX_BLOCKS_PER_GROUP :
		       REFDAX_JOURNAL_BLOCK + g->journal_blocks;
}

uint32_t group_length(const struct geometry *g, uint32_t group)
{
	uint64_t left = g->blocks - (uint64_t)group * REFDAX_BLOCKS_PER_GROUP;

	return left < REFDAX_BLOCKS_PER_GROUP ? left : REFDAX_BLOCKS_PER_GROUP;
}

uint64_t group_backup(const struct geometry *g, uint32_t group)
{
	uint32_t length = group_length(g, group);

	if (!g->backups || !refdax_group_has_backup(group, length))
		return 0;
	return (uint64_t)group * REFDAX_BLOCKS_PER_GROUP + length - 1;
}

uint32_t group_end(const struct geometry *g, uint32_t group)
{
	return group_length(g, group) - (group_backup(g, group) ? 1 : 0);
}

uint32_t group_first_data(const struct geometry *g, uint32_t group)
{
	return group_meta(g, group) - (uint64_t)group * REFDAX_BLOCKS_PER_GROUP +
	       REFDAX_GROUP_OVERHEAD(g->inodes_per_group);
}

bool geometry_blocks_valid(const struct geometry *g, uint64_t start, uint64_t count)
{
	uint32_t group, bit;

	if (!count || start >= g->blocks || count > g->blocks - start)
		return false;
	group = start / REFDAX_BLOCKS_PER_GROUP;
	bit = start % REFDAX_BLOCKS_PER_GROUP;
	return bit >= group_first_data(g, group) && bit < group_end(g, group) &&
	       count <= group_end(g, group) - bit;
}

bool geometry_ino_valid(const struct geometry *g, uint64_t ino)
{
	return (ino == REFDAX_ROOT_INO || ino >= REFDAX_FIRST_INO) &&
	       ino <= (uint64_t)g->groups * g->inodes_per_group;
}

uint64_t geometry_inode_block(const struct geometry *g, uint64_t ino, unsigned int *index)
{
	uint32_t group = (ino - 1) / g->inodes_per_group, bit = (ino - 1) % g->inodes_per_group;

	*index = bit % REFDAX_INODES_PER_BLOCK;
	return group_meta(g, group) + 2 + bit / REFDAX_INODES_PER_BLOCK;
}

/*
 * Names.
 */

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012), as the kernel's siphash(). */
static uint64_t siphash(const char *data, size_t size, const uint64_t key[2])
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};
	uint64_t word;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, data + i, 8);
		word = le64toh(word);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, data + i, size - i);
	word = le64toh(word) | (uint64_t)size << 56;
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t refdax_hash_name(const struct refdax_super *super, const char *name, size_t size)
{
	uint64_t key[2] = { le64toh(super->s_hash_key[0]), le64toh(super->s_hash_key[1]) };

	return siphash(name, size, key) >> REFDAX_HASH_SHIFT;
}
