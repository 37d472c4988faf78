// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsck.refdax: the superblock and its backup. */
#include <inttypes.h>
#include <string.h>

#include "fsck.h"

uint64_t backup_block(const struct refdax_super *super)
{
	if (!(le64toh(super->s_compat) & REFDAX_COMPAT_BACKUP))
		return 0;
	return refdax_backup_block(le64toh(super->s_blocks));
}

/* Everything but the checksum. */
static const char *layout_problem(const struct refdax_super *super)
{
	uint64_t blocks = le64toh(super->s_blocks), last = blocks % REFDAX_BLOCKS_PER_GROUP;
	uint32_t journal = le32toh(super->s_journal_blocks);

	if (le32toh(super->s_header.h_magic) != REFDAX_MAGIC_SUPER)
		return "has a wrong magic number";
	if (le32toh(super->s_version) != REFDAX_VERSION)
		return "has an unknown version";
	if (le32toh(super->s_block_size) != REFDAX_BLOCK_SIZE ||
	    le32toh(super->s_blocks_per_group) != REFDAX_BLOCKS_PER_GROUP ||
	    le32toh(super->s_inodes_per_group) != REFDAX_INODES_PER_GROUP ||
	    le32toh(super->s_inode_size) != REFDAX_INODE_SIZE ||
	    le64toh(super->s_journal_block) != REFDAX_JOURNAL_BLOCK ||
	    journal < REFDAX_MIN_JOURNAL || journal > REFDAX_MAX_JOURNAL ||
	    blocks > (uint64_t)UINT32_MAX * REFDAX_BLOCKS_PER_GROUP ||
	    le32toh(super->s_groups) !=
			(blocks + REFDAX_BLOCKS_PER_GROUP - 1) / REFDAX_BLOCKS_PER_GROUP ||
	    (last && last < REFDAX_MIN_GROUP) ||
	    blocks < REFDAX_JOURNAL_BLOCK + (uint64_t)journal + REFDAX_MIN_GROUP)
		return "describes an impossible layout";
	return NULL;
}

const char *super_problem(const struct refdax_super *super, uint64_t device_blocks)
{
	const char *what = NULL;

	if (le32toh(super->s_header.h_magic) == REFDAX_MAGIC_SUPER &&
	    le32toh(super->s_header.h_crc) != refdax_block_crc(0, super))
		what = "has a wrong checksum";
	if (!what)
		what = layout_problem(super);
	if (!what && le64toh(super->s_blocks) > device_blocks)
		what = "describes more blocks than the device has";
	return what;
}

/*
 * A backup may also be what an earlier mkfs.refdax left. The bitmaps of the first
 * group know: their checksums depend on the UUID.
 */
static bool backup_fits(struct fsck *f, const struct refdax_super *super)
{
	uint64_t block = REFDAX_JOURNAL_BLOCK + le32toh(super->s_journal_blocks);
	uint32_t seed = refdax_seed(super->s_uuid);
	struct refdax_bitmap bitmap;
	int i;

	for (i = 0; i < 2; i++, block++)
		if (read_block(f, block, &bitmap) &&
		    le32toh(bitmap.b_header.h_magic) ==
				(i ? REFDAX_MAGIC_INODES : REFDAX_MAGIC_BLOCKS) &&
		    le64toh(bitmap.b_header.h_block) == block &&
		    le32toh(bitmap.b_header.h_crc) == refdax_block_crc(seed, &bitmap))
			return true;
	return false;
}

/*
 * A backup is the last block of the first group. Where that is, only the
 * superblock knows; so look at all of it, from the end: a copy in a file's data
 * could only come later in the search.
 */
static bool find_backup(struct fsck *f, struct refdax_super *super)
{
	uint64_t block = f->device_blocks < REFDAX_BLOCKS_PER_GROUP ? f->device_blocks :
								      REFDAX_BLOCKS_PER_GROUP;

	while (--block > REFDAX_MIN_JOURNAL) {
		if (read_block(f, block, super) &&
		    le64toh(super->s_header.h_block) == block &&
		    !super_problem(super, f->device_blocks) && backup_block(super) == block &&
		    backup_fits(f, super))
			return true;
	}
	return false;
}

void store_super(struct fsck *f)
{
	write_metadata(f, REFDAX_MAGIC_SUPER, REFDAX_SUPER_BLOCK, 0, 0, &f->super);
}

void load_super(struct fsck *f)
{
	struct refdax_super *super = &f->super, backup;
	const char *what = "cannot be read";
	uint64_t unknown;

	if (read_block(f, REFDAX_SUPER_BLOCK, super))
		what = super_problem(super, f->device_blocks);
	if (what) {
		if (!find_backup(f, &backup)) {
			if (le32toh(super->s_header.h_magic) != REFDAX_MAGIC_SUPER)
				fail(STATUS_FAILED, "%s holds no refdax filesystem: its superblock %s, and there is no backup of one",
				     f->device, what);
			fail(STATUS_LEFT | STATUS_FAILED, "%s: the superblock %s, and there is no backup of it",
			     f->device, what);
		}
		if (!problem(f, LOSSY, "the superblock %s; there is a backup in block %" PRIu64,
			     what, backup_block(&backup)) && f->mode != MODE_NO)
			fail(STATUS_LEFT, "nothing can be checked without a superblock");
		*super = backup;
		super->s_header.h_block = htole64(REFDAX_SUPER_BLOCK);
		/* Not what mkfs knew. */
		super->s_state = htole32(REFDAX_STATE_ERRORS);
		super->s_last_orphan = 0;
		if (may_write(f))
			store_super(f);
	}
	unknown = (le64toh(super->s_incompat) & ~REFDAX_INCOMPAT_ALL) |
		  (le64toh(super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL) |
		  (le64toh(super->s_compat) & ~REFDAX_COMPAT_ALL);
	if (unknown)
		fail(STATUS_FAILED, "%s has features that this program does not know (0x%" PRIx64 "): it needs a newer one",
		     f->device, unknown);
	f->seed = refdax_seed(super->s_uuid);
	f->blocks = le64toh(super->s_blocks);
	f->groups = le32toh(super->s_groups);
	f->max_ino = (uint64_t)f->groups * REFDAX_INODES_PER_GROUP;
	f->journal_blocks = le32toh(super->s_journal_blocks);
}
