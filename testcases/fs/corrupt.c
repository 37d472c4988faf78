// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Damages a refdax image as an attacker would: changes fields of its metadata
 * and corrects the checksums, mostly. The same seed does the same.
 * Usage: corrupt SEED CHANGES IMAGE
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../fs/tools/common.c"

const struct program program = { "corrupt", 2 };

#define MAX_BLOCKS	65536

static uint64_t state;

/* xorshift64* (Vigna, 2014) */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d;
}

static uint64_t below(uint64_t bound)
{
	return (next() >> 16) % bound;
}

static bool is_metadata(const uint8_t *block)
{
	uint32_t magic;

	memcpy(&magic, block, 4);
	magic = le32toh(magic);
	return magic == REFDAX_MAGIC_BLOCKS || magic == REFDAX_MAGIC_INODES ||
	       magic == REFDAX_MAGIC_EXTENTS || magic == REFDAX_MAGIC_DIR ||
	       magic == REFDAX_MAGIC_SYMLINK || magic == REFDAX_MAGIC_SUPER;
}

/* Something that is likely to mean something: a number of this filesystem, or an extreme. */
static uint64_t interesting(uint64_t blocks, const uint64_t *metadata, size_t count)
{
	static const uint64_t extremes[] = {
		0, 1, 2, 3, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 1ULL << 62,
		INT64_MAX, UINT64_MAX,
	};

	switch (below(4)) {
	case 0:
		return extremes[below(sizeof(extremes) / sizeof(*extremes))];
	case 1:
		return metadata[below(count)];
	case 2:
		return below(64);
	default:
		return below(blocks + 8);
	}
}

static void change(uint8_t *data, size_t size, uint64_t blocks, const uint64_t *metadata,
		   size_t count)
{
	static const size_t widths[] = { 1, 2, 4, 8 };
	size_t width = widths[below(4)], at = below(size / width) * width;
	uint64_t value = htole64(interesting(blocks, metadata, count));

	if (!below(3))
		data[below(size)] ^= 1 << below(8);
	else
		memcpy(data + at, &value, width);
}

static void change_inode(uint8_t *block, uint64_t first, uint32_t seed, uint64_t blocks,
			 const uint64_t *metadata, size_t count)
{
	struct refdax_inode *raw = NULL;
	uint64_t i = 0;
	int tries;

	for (tries = 0; tries < 32 && (!raw || !raw->i_mode); tries++) {
		i = below(REFDAX_INODES_PER_BLOCK);
		raw = (struct refdax_inode *)block + i;
	}
	change((uint8_t *)raw + 4, sizeof(*raw) - 4, blocks, metadata, count);
	if (below(8))
		raw->i_crc = htole32(refdax_inode_crc(seed, first + i, raw));
}

static void change_block(uint8_t *block, uint32_t seed, uint64_t blocks, const uint64_t *metadata,
			 size_t count)
{
	struct refdax_header *header = (struct refdax_header *)block;
	size_t end = REFDAX_BLOCK_SIZE;

	/* Half of the changes where most of the meaning is. */
	if (below(2))
		end = 32 + 256;
	if (below(8))
		change(block + 32, end - 32, blocks, metadata, count);
	else
		change(block, 32, blocks, metadata, count);
	if (below(8))
		header->h_crc = htole32(refdax_block_crc(seed, block));
}

int main(int argc, char **argv)
{
	static uint64_t metadata[MAX_BLOCKS];
	uint8_t block[REFDAX_BLOCK_SIZE];
	struct refdax_super super;
	uint64_t i, blocks, journal;
	uint32_t seed;
	size_t count = 0;
	int fd, changes;

	if (argc != 4)
		errx(2, "usage: corrupt SEED CHANGES IMAGE");
	state = strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15 + 1;
	changes = atoi(argv[2]);
	fd = open(argv[3], O_RDWR);
	if (fd < 0 || pread(fd, &super, sizeof(super), 0) != sizeof(super))
		err(2, "%s", argv[3]);
	seed = refdax_seed(super.s_uuid);
	blocks = le64toh(super.s_blocks);
	journal = REFDAX_JOURNAL_BLOCK + le32toh(super.s_journal_blocks);
	metadata[count++] = 0;
	for (i = journal; i < blocks && count < MAX_BLOCKS; i++) {
		uint64_t bit = i % REFDAX_BLOCKS_PER_GROUP, start = i < REFDAX_BLOCKS_PER_GROUP ? journal : 0;
		bool table = bit >= start + 2 && bit < start + REFDAX_GROUP_OVERHEAD(REFDAX_INODES_PER_GROUP);
		struct refdax_inode *raw = (struct refdax_inode *)block;

		if (pread(fd, block, sizeof(block), i * sizeof(block)) != sizeof(block))
			break;
		if (table ? raw[0].i_mode || raw[1].i_mode || raw[REFDAX_INODES_PER_BLOCK - 1].i_mode : is_metadata(block))
			metadata[count++] = i;
	}
	while (changes--) {
		uint64_t at = metadata[below(count)], bit = at % REFDAX_BLOCKS_PER_GROUP;
		uint64_t start = at < REFDAX_BLOCKS_PER_GROUP ? journal : 0;

		/* Not always, or nothing else would ever be looked at. */
		if (!at && below(8))
			continue;
		if (pread(fd, block, sizeof(block), at * sizeof(block)) != sizeof(block))
			err(2, "%s", argv[3]);
		if (at && bit >= start + 2 && bit < start + REFDAX_GROUP_OVERHEAD(REFDAX_INODES_PER_GROUP))
			change_inode(block, at / REFDAX_BLOCKS_PER_GROUP * REFDAX_INODES_PER_GROUP +
				     (bit - start - 2) * REFDAX_INODES_PER_BLOCK + 1, seed, blocks,
				     metadata, count);
		else
			change_block(block, seed, blocks, metadata, count);
		if (pwrite(fd, block, sizeof(block), at * sizeof(block)) != sizeof(block))
			err(2, "%s", argv[3]);
	}
	return 0;
}
