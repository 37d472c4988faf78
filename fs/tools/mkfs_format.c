// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* mkfs.refdax: the layout, and all metadata of an empty filesystem. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mkfs.h"

/* 1/32 of the device, 4 MiB to 64 MiB: transactions of a small one stay small. */
static uint32_t journal_blocks(const struct options *options, uint64_t blocks)
{
	uint64_t journal = options->journal ? options->journal : blocks / 32;

	if (journal < REFDAX_MIN_JOURNAL)
		journal = REFDAX_MIN_JOURNAL;
	if (journal > REFDAX_MAX_JOURNAL)
		journal = REFDAX_MAX_JOURNAL;
	return journal;
}

/* In whole blocks of the tables, the same in each group. */
static uint32_t inodes_per_group(const struct options *options, uint64_t blocks)
{
	uint64_t groups = (blocks + REFDAX_BLOCKS_PER_GROUP - 1) / REFDAX_BLOCKS_PER_GROUP, inodes;

	if (!options->inodes)
		return REFDAX_INODES_PER_GROUP;
	/* The reserved ones are no use to anybody. */
	inodes = (options->inodes + REFDAX_FIRST_INO - 2 + groups - 1) / groups;
	inodes = (inodes + REFDAX_INODES_PER_BLOCK - 1) / REFDAX_INODES_PER_BLOCK *
		 REFDAX_INODES_PER_BLOCK;
	if (inodes > REFDAX_MAX_INODES_PER_GROUP)
		fail(STATUS_USAGE, "-N: %" PRIu64 " inodes are too many, at most %" PRIu64 " fit",
		     options->inodes, groups * REFDAX_MAX_INODES_PER_GROUP - REFDAX_FIRST_INO + 2);
	return inodes;
}

void plan(struct mkfs *m)
{
	const struct options *options = m->options;
	uint64_t blocks = m->device_bytes / REFDAX_BLOCK_SIZE, last;
	struct refdax_super *super = &m->super;
	uint32_t journal, inodes;

	if (options->blocks > blocks)
		fail(STATUS_USAGE, "--size: %s has only %" PRIu64 " MiB", options->device,
		     m->device_bytes >> 20);
	if (options->blocks)
		blocks = options->blocks;
	if (blocks > (uint64_t)UINT32_MAX * REFDAX_BLOCKS_PER_GROUP)
		fail(STATUS_FAILED, "%s is too big", options->device);
	inodes = inodes_per_group(options, blocks ? blocks : 1);
	/* A tail that could not hold a group's metadata and something more is left alone. */
	last = blocks % REFDAX_BLOCKS_PER_GROUP;
	if (last < REFDAX_MIN_GROUP(inodes) && blocks > REFDAX_BLOCKS_PER_GROUP) {
		blocks -= last;
		inodes = inodes_per_group(options, blocks);
	}
	journal = journal_blocks(options, blocks);
	if (blocks < REFDAX_JOURNAL_BLOCK + (uint64_t)journal + REFDAX_MIN_GROUP(inodes))
		fail(STATUS_FAILED, "%s is too small: it has %" PRIu64 " KiB; the journal takes %u, and the rest must have %u",
		     options->device, m->device_bytes >> 10, journal * 4,
		     (REFDAX_MIN_GROUP(inodes) + 1) * 4);

	super->s_version = htole32(REFDAX_VERSION);
	super->s_block_size = htole32(REFDAX_BLOCK_SIZE);
	super->s_compat = htole64(REFDAX_COMPAT_BACKUP);
	super->s_incompat = htole64(REFDAX_INCOMPAT_HASHDIR);
	memcpy(super->s_uuid, options->uuid, sizeof(super->s_uuid));
	if (options->label)
		memcpy(super->s_label, options->label, strlen(options->label));
	super->s_blocks = htole64(blocks);
	super->s_journal_block = htole64(REFDAX_JOURNAL_BLOCK);
	super->s_journal_blocks = htole32(journal);
	super->s_blocks_per_group = htole32(REFDAX_BLOCKS_PER_GROUP);
	super->s_inodes_per_group = htole32(inodes);
	super->s_inode_size = htole32(REFDAX_INODE_SIZE);
	super->s_groups = htole32((blocks + REFDAX_BLOCKS_PER_GROUP - 1) / REFDAX_BLOCKS_PER_GROUP);
	super->s_state = htole32(REFDAX_STATE_CLEAN);
	super->s_hash_key[0] = htole64(options->hash_key[0]);
	super->s_hash_key[1] = htole64(options->hash_key[1]);
	super->s_mkfs_time = htole64(m->now);
	m->seed = refdax_seed(options->uuid);
	geometry_init(&m->geometry, super);
}

static void write_metadata(struct mkfs *m, uint32_t magic, uint64_t block, uint64_t owner,
			   void *data)
{
	struct refdax_header *header = data;

	header->h_magic = htole32(magic);
	header->h_block = htole64(block);
	header->h_owner = htole64(owner);
	header->h_crc = htole32(refdax_block_crc(m->seed, data));
	write_blocks(m, block, data, 1);
}

static void set_bits(uint8_t *bits, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8; from++)
		bits[from / 8] |= 1 << from % 8;
	memset(bits + from / 8, 0xff, (to - from) / 8);
	for (from += (to - from) / 8 * 8; from < to; from++)
		bits[from / 8] |= 1 << from % 8;
}

static void merge_bits(uint8_t *bits, const uint8_t *more)
{
	size_t i;

	for (i = 0; more && i < sizeof(((struct refdax_bitmap *)NULL)->b_bits); i++)
		bits[i] |= more[i];
}

void write_bitmaps(struct mkfs *m, uint32_t group)
{
	const struct geometry *g = &m->geometry;
	uint64_t meta = group_meta(g, group);
	struct refdax_bitmap bitmap;

	memset(&bitmap, 0, sizeof(bitmap));
	set_bits(bitmap.b_bits, 0, group_first_data(g, group));
	set_bits(bitmap.b_bits, group_end(g, group), REFDAX_BLOCKS_PER_GROUP);
	merge_bits(bitmap.b_bits, m->group[group].blocks);
	write_metadata(m, REFDAX_MAGIC_BLOCKS, meta, group, &bitmap);

	memset(&bitmap, 0, sizeof(bitmap));
	if (!group)
		set_bits(bitmap.b_bits, 0, REFDAX_FIRST_INO - 1);
	set_bits(bitmap.b_bits, g->inodes_per_group, REFDAX_BLOCKS_PER_GROUP);
	merge_bits(bitmap.b_bits, m->group[group].inodes);
	write_metadata(m, REFDAX_MAGIC_INODES, meta + 1, group, &bitmap);
}

void write_inode(struct mkfs *m, uint64_t ino, struct refdax_inode *raw)
{
	struct refdax_inode table[REFDAX_INODES_PER_BLOCK];
	unsigned int index;
	uint64_t block = geometry_inode_block(&m->geometry, ino, &index);

	if (pread(m->fd, table, sizeof(table), block * REFDAX_BLOCK_SIZE) != sizeof(table))
		fail(STATUS_FAILED, "cannot read block %" PRIu64 " of %s", block,
		     m->options->device);
	raw->i_crc = htole32(refdax_inode_crc(m->seed, ino, raw));
	table[index] = *raw;
	write_blocks(m, block, table, 1);
}

static void write_journal(struct mkfs *m)
{
	uint8_t block[REFDAX_BLOCK_SIZE] = { 0 };
	struct jbd2_super *super = (struct jbd2_super *)block;

	/* Old log blocks with a matching sequence number could be taken for new ones. */
	zero_blocks(m, REFDAX_JOURNAL_BLOCK, m->geometry.journal_blocks);
	jbd2_init_super(super, m->geometry.journal_blocks, m->options->uuid);
	super->s_checksum = jbd2_super_crc(super);
	write_blocks(m, REFDAX_JOURNAL_BLOCK, block, 1);
}

void write_layout(struct mkfs *m)
{
	const struct geometry *g = &m->geometry;
	struct refdax_time now = { .t_sec = htole64(m->now) };
	struct refdax_inode root = {
		.i_mode = htole16(S_IFDIR | 0755),
		.i_nlink = htole32(2),
		.i_parent = htole64(REFDAX_ROOT_INO),
		.i_atime = now, .i_mtime = now, .i_ctime = now, .i_crtime = now,
	};
	uint32_t group;

	/* The superblock goes first and comes last. */
	zero_blocks(m, REFDAX_SUPER_BLOCK, 1);
	flush_device(m);
	write_journal(m);
	for (group = 0; group < g->groups; group++) {
		write_bitmaps(m, group);
		zero_blocks(m, group_meta(g, group) + 2,
			    REFDAX_INODE_TABLE_BLOCKS(g->inodes_per_group));
	}
	write_inode(m, REFDAX_ROOT_INO, &root);
}

void write_supers(struct mkfs *m)
{
	uint32_t group;

	flush_device(m);
	for (group = 0; group < m->geometry.groups; group++) {
		uint64_t block = group_backup(&m->geometry, group);

		if (block)
			write_metadata(m, REFDAX_MAGIC_SUPER, block, 0, &m->super);
	}
	flush_device(m);
	write_metadata(m, REFDAX_MAGIC_SUPER, REFDAX_SUPER_BLOCK, 0, &m->super);
	flush_device(m);
}
