// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsck.refdax: the superblock and its backups.
 *
 * What mkfs.refdax wrote never changes, so a superblock that disagrees with its backup
 * is damaged, or the backup is. Who is right, the bitmaps decide: their checksums depend on
 * the UUID, their places on the journal's length, and their last bits on the number of
 * blocks and inodes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsck.h"

const char *super_problem(const struct refdax_super *super, uint64_t device_blocks)
{
	const char *what = NULL;

	if (le32toh(super->s_header.h_magic) == REFDAX_MAGIC_SUPER &&
	    le32toh(super->s_header.h_crc) != refdax_block_crc(0, super))
		what = "has a wrong checksum";
	if (!what)
		what = super_layout_problem(super);
	if (!what && le64toh(super->s_blocks) > device_blocks)
		what = "describes more blocks than the device has";
	return what;
}

/* The copies say the same about where everything is. */
static bool same_layout(const struct refdax_super *a, const struct refdax_super *b)
{
	return !memcmp(a->s_uuid, b->s_uuid, sizeof(a->s_uuid)) && a->s_blocks == b->s_blocks &&
	       a->s_journal_blocks == b->s_journal_blocks &&
	       a->s_inodes_per_group == b->s_inodes_per_group &&
	       !((a->s_compat ^ b->s_compat) & htole64(REFDAX_COMPAT_BACKUP));
}

/* A bitmap of this filesystem, in whose group there is nothing from bit @end on. */
static bool bitmap_fits(struct fsck *f, const struct refdax_super *super, uint32_t magic,
			uint64_t block, uint32_t end)
{
	struct refdax_bitmap bitmap;
	uint32_t i;

	if (!read_block(f, block, &bitmap) || le32toh(bitmap.b_header.h_magic) != magic ||
	    le64toh(bitmap.b_header.h_block) != block ||
	    le32toh(bitmap.b_header.h_crc) !=
			refdax_block_crc(refdax_seed(super->s_uuid), &bitmap))
		return false;
	for (i = end; i < REFDAX_BLOCKS_PER_GROUP; i++)
		if (!(bitmap.b_bits[i / 8] >> i % 8 & 1))
			return false;
	return true;
}

/*
 * How well the layout fits the journal's superblock and the bitmaps of the first and the last
 * group. A larger filesystem of earlier may have left its last group whole, and the
 * bitmaps of its first one, behind a longer journal; but the journal's superblock is
 * always in the same block.
 */
#define SCORE_FIRST_GROUP	3
#define SCORE_JOURNAL		9

static int layout_score(struct fsck *f, const struct refdax_super *super)
{
	uint32_t groups[2] = { 0, le32toh(super->s_groups) - 1 };
	uint8_t journal[REFDAX_BLOCK_SIZE];
	struct geometry g;
	int i, score = 0;

	geometry_init(&g, super);
	if (read_block(f, REFDAX_JOURNAL_BLOCK, journal) && jbd2_super_is_of(journal, super->s_uuid))
		score = SCORE_JOURNAL;
	for (i = 0; i < (groups[1] ? 2 : 1); i++) {
		uint64_t meta = group_meta(&g, groups[i]);
		int fits = bitmap_fits(f, super, REFDAX_MAGIC_BLOCKS, meta, group_end(&g, groups[i])) +
			   bitmap_fits(f, super, REFDAX_MAGIC_INODES, meta + 1, g.inodes_per_group);

		score += i ? fits : fits * SCORE_FIRST_GROUP;
	}
	return score;
}

/* Whether a backup is there that makes sense, and is where it says that it should be. */
static bool read_backup(struct fsck *f, uint64_t block, struct refdax_super *super)
{
	struct geometry g;

	if (block >= f->device_blocks || !read_block(f, block, super) ||
	    le64toh(super->s_header.h_block) != block || super_problem(super, f->device_blocks))
		return false;
	geometry_init(&g, super);
	return group_backup(&g, block / REFDAX_BLOCKS_PER_GROUP) == block;
}

struct search {
	struct refdax_super best;
	int score;		/* of the best; -1: none was found */
};

static void consider(struct fsck *f, struct search *s, uint64_t block)
{
	struct refdax_super super;
	int score;

	if (!read_backup(f, block, &super))
		return;
	score = layout_score(f, &super);
	if (score > s->score) {
		s->score = score;
		s->best = super;
	}
}

/*
 * The backup that fits best. In whole groups its place is known. The only group of
 * a small filesystem ends where only the superblock knows, so look at all of it, from the end:
 * a copy in a file's data could only come later in the search.
 */
static bool find_backup(struct fsck *f, struct refdax_super *super)
{
	uint64_t groups = f->device_blocks / REFDAX_BLOCKS_PER_GROUP, group, block;
	struct search s = { .score = -1 };

	for (group = 0; group < groups && group <= UINT32_MAX; group++)
		if (refdax_group_has_backup(group, REFDAX_BLOCKS_PER_GROUP))
			consider(f, &s, (group + 1) * REFDAX_BLOCKS_PER_GROUP - 1);
	block = groups ? REFDAX_BLOCKS_PER_GROUP - 1 : f->device_blocks;
	while (s.score < SCORE_JOURNAL && block && --block > REFDAX_MIN_JOURNAL)
		consider(f, &s, block);
	if (s.score < 1)
		/* Nothing says that it is not what an earlier mkfs.refdax left. */
		return false;
	*super = s.best;
	return true;
}

void store_super(struct fsck *f)
{
	write_metadata(f, REFDAX_MAGIC_SUPER, REFDAX_SUPER_BLOCK, 0, 0, &f->super);
}

/* Take what mkfs.refdax wrote from the backup; the rest from the superblock, if it is one at all. */
static void take_backup(struct fsck *f, const struct refdax_super *backup)
{
	struct refdax_super *super = &f->super, old = *super;

	*super = *backup;
	super->s_header.h_block = htole64(REFDAX_SUPER_BLOCK);
	super->s_state = htole32(REFDAX_STATE_ERRORS);
	super->s_last_orphan = 0;
	if (!super_layout_problem(&old)) {
		/* Where it leads to is checked like any other. */
		super->s_last_orphan = old.s_last_orphan;
		super->s_mount_time = old.s_mount_time;
		super->s_mount_count = old.s_mount_count;
	}
	if (may_write(f))
		store_super(f);
}

/* What is wrong with the superblock, or that it and its backup disagree and the backup is right. */
static const char *judge_super(struct fsck *f, const char *what, struct refdax_super *backup,
			       bool *found)
{
	struct refdax_super *super = &f->super;
	struct geometry g;

	if (!what) {
		geometry_init(&g, super);
		if (g.backups && read_backup(f, group_backup(&g, 0), backup) &&
		    same_layout(super, backup)) {
			*found = true;
			return NULL;
		}
	}
	*found = find_backup(f, backup);
	if (!what && *found && !same_layout(super, backup)) {
		int other = layout_score(f, backup), own = layout_score(f, super);

		/*
		 * Where both fit, one of them counts as blocks or inodes in use what may as
		 * well not be there.
		 */
		if (other > own ||
		    (other == own && (le64toh(backup->s_blocks) < le64toh(super->s_blocks) ||
				      le32toh(backup->s_inodes_per_group) <
					      le32toh(super->s_inodes_per_group))))
			return "disagrees with the bitmaps";
	}
	return what;
}

static void refuse_unknown_features(struct fsck *f)
{
	const struct refdax_super *super = &f->super;
	uint64_t unknown = (le64toh(super->s_incompat) & ~REFDAX_INCOMPAT_ALL) |
			   (le64toh(super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL) |
			   (le64toh(super->s_compat) & ~REFDAX_COMPAT_ALL);

	if (unknown)
		fail(STATUS_FAILED, "%s has features that this program does not know (0x%" PRIx64 "): it needs a newer one",
		     f->device, unknown);
}

void load_super(struct fsck *f)
{
	struct refdax_super *super = &f->super, backup;
	const char *what = "cannot be read";
	bool found;

	if (read_block(f, REFDAX_SUPER_BLOCK, super))
		what = super_problem(super, f->device_blocks);
	/* Of what a newer program made, nothing is to be restored. */
	if (!what)
		refuse_unknown_features(f);
	what = judge_super(f, what, &backup, &found);
	if (what) {
		if (!found) {
			if (le32toh(super->s_header.h_magic) != REFDAX_MAGIC_SUPER)
				fail(STATUS_FAILED, "%s holds no refdax filesystem: its superblock %s, and there is no backup of one",
				     f->device, what);
			fail(STATUS_LEFT | STATUS_FAILED, "%s: the superblock %s, and there is no backup of it",
			     f->device, what);
		}
		if (!problem(f, LOSSY, "the superblock %s; there is a backup in block %" PRIu64,
			     what, le64toh(backup.s_header.h_block)) && f->mode != MODE_NO)
			fail(STATUS_LEFT, "nothing can be checked without a superblock");
		take_backup(f, &backup);
		refuse_unknown_features(f);
	}
	f->seed = refdax_seed(super->s_uuid);
	geometry_init(&f->geometry, super);
	f->max_ino = (uint64_t)f->geometry.groups * f->geometry.inodes_per_group;
}

/* Whether the root directory's first name, if it has any, has the hash that this key gives. */
static bool hash_key_fits(struct fsck *f, const struct refdax_super *super)
{
	struct extent_list extents;
	struct refdax_dir_block db;
	struct block_list nodes;
	struct refdax_inode raw;
	bool fits = true;

	if (!read_inode(f, REFDAX_ROOT_INO, &raw))
		return true;
	walk_tree(f, REFDAX_ROOT_INO, &raw, &extents, &nodes);
	if (extents.count && read_block(f, extents.x[0].physical, &db) &&
	    le32toh(db.db_header.h_magic) == REFDAX_MAGIC_DIR && db.db_count) {
		const struct refdax_dirent *d = (const void *)db.db_data;

		fits = le64toh(d->d_hash) ==
		       refdax_hash_name(super, (const char *)d->d_name, d->d_name_len);
	}
	free(extents.x);
	free(nodes.block);
	return fits;
}

/* The rest of the superblock, after the journal's replay. */
static void check_super(struct fsck *f)
{
	struct refdax_super *super = &f->super, backup;
	uint64_t block = group_backup(&f->geometry, 0);
	bool dirty = false;
	size_t i;

	if (block && read_backup(f, block, &backup) && same_layout(super, &backup) &&
	    memcmp(super->s_hash_key, backup.s_hash_key, sizeof(super->s_hash_key)) &&
	    !hash_key_fits(f, super) && hash_key_fits(f, &backup) &&
	    problem(f, LOSSY, "the superblock's hash key is not that of the directories; the backup's is")) {
		memcpy(super->s_hash_key, backup.s_hash_key, sizeof(super->s_hash_key));
		dirty = true;
	}
	for (i = 0; i < sizeof(super->s_reserved) && !super->s_reserved[i]; )
		i++;
	if ((i < sizeof(super->s_reserved) || super->s_header.h_block ||
	     super->s_header.h_owner || super->s_header.h_generation ||
	     super->s_header.h_reserved ||
	     le32toh(super->s_state) & ~(REFDAX_STATE_CLEAN | REFDAX_STATE_ERRORS)) &&
	    problem(f, SAFE, "the superblock has something where there must be nothing")) {
		memset(super->s_reserved, 0, sizeof(super->s_reserved));
		super->s_state &= htole32(REFDAX_STATE_CLEAN | REFDAX_STATE_ERRORS);
		dirty = true;
	}
	if (dirty)
		store_super(f);
}

/* What mkfs.refdax wrote there. A label can be changed without that. */
static bool backup_good(struct fsck *f, uint64_t block, const struct refdax_super *want)
{
	struct refdax_super copy;

	if (!read_backup(f, block, &copy))
		return false;
	memcpy(copy.s_label, want->s_label, sizeof(copy.s_label));
	copy.s_header.h_crc = want->s_header.h_crc;
	copy.s_header.h_block = want->s_header.h_block;
	return !memcmp(&copy, want, sizeof(copy));
}

void check_supers(struct fsck *f)
{
	struct refdax_super want;
	uint32_t group;

	reset_groups(f);
	check_super(f);
	want = f->super;
	want.s_state = htole32(REFDAX_STATE_CLEAN);
	want.s_last_orphan = 0;
	want.s_mount_time = 0;
	want.s_mount_count = 0;
	memset(&want.s_header.h_owner, 0, sizeof(want.s_header) -
	       offsetof(struct refdax_header, h_owner));
	memset(want.s_reserved, 0, sizeof(want.s_reserved));
	for (group = 0; group < f->geometry.groups; group++) {
		uint64_t block = group_backup(&f->geometry, group);

		if (block && !backup_good(f, block, &want) &&
		    problem(f, SAFE, "the backup superblock in block %" PRIu64 " is damaged", block))
			write_metadata(f, REFDAX_MAGIC_SUPER, block, 0, 0, &want);
	}
}
