// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsck.refdax: inodes, what they claim, and the orphan list. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fsck.h"

bool read_inode(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	struct refdax_inode table[REFDAX_INODES_PER_BLOCK];
	unsigned int index;

	if (!read_block(f, geometry_inode_block(&f->geometry, ino, &index), table))
		return false;
	*raw = table[index];
	return true;
}

void write_inode(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	struct refdax_inode table[REFDAX_INODES_PER_BLOCK];
	unsigned int index;
	uint64_t block = geometry_inode_block(&f->geometry, ino, &index);

	if (raw->i_mode)
		raw->i_crc = htole32(refdax_inode_crc(f->seed, ino, raw));
	read_block(f, block, table);
	table[index] = *raw;
	write_block(f, block, table);
	f->changed = true;
}

static bool is_zero(const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size--)
		if (*p++)
			return false;
	return true;
}

static bool type_valid(uint16_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) ||
	       S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

static bool is_inline(const struct refdax_inode *raw)
{
	return le32toh(raw->i_flags) & REFDAX_FL_INLINE;
}

/* True if there was one that is to be corrected, and was. */
static bool check_times(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	struct refdax_time *times[] = { &raw->i_atime, &raw->i_mtime, &raw->i_ctime,
					&raw->i_crtime };
	bool dirty = false;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (le32toh(times[i]->t_nsec) < 1000000000)
			continue;
		if (problem(f, SAFE, "inode %" PRIu64 ": a time has %u nanoseconds", ino,
			    le32toh(times[i]->t_nsec))) {
			times[i]->t_nsec = 0;
			dirty = true;
		}
	}
	return dirty;
}

/* What refdax_inode.i_shift_count says, and i_parent of a file. The next mount does it. */
static bool check_shift(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	uint64_t count = le64toh(raw->i_shift_count), from = le64toh(raw->i_shift_from);

	if (count ? from >= count && from <= REFDAX_LOGICAL_MAX : !from) {
		if (count && f->round == 1)
			say(f, "inode %" PRIu64 ": moving its blocks was cut off at block %" PRIu64 "; the next mount finishes it",
			    ino, from);
		return false;
	}
	if (!problem(f, LOSSY, "inode %" PRIu64 ": its blocks cannot be moved by %" PRIu64 " from block %" PRIu64 " on",
		     ino, count, from))
		return false;
	raw->i_shift_count = 0;
	raw->i_shift_from = 0;
	return true;
}

/* What must be zero in an inode of this type. True: something was not, and now is. */
static bool check_zeroes(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	uint16_t mode = le16toh(raw->i_mode);
	bool device = S_ISCHR(mode) || S_ISBLK(mode), dirty = false;
	bool special = !S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode);

	if (raw->i_reserved &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has something in a reserved field", ino)) {
		raw->i_reserved = 0;
		dirty = true;
	}
	if (raw->i_rdev && !device &&
	    problem(f, SAFE, "inode %" PRIu64 ": it is no device, and has the number of one", ino)) {
		raw->i_rdev = 0;
		dirty = true;
	}
	if (special && (raw->i_size || !is_zero(raw->i_root, sizeof(raw->i_root))) &&
	    problem(f, SAFE, "inode %" PRIu64 ": a special file has no size and no data", ino)) {
		raw->i_size = 0;
		memset(raw->i_root, 0, sizeof(raw->i_root));
		dirty = true;
	}
	return dirty;
}

/* As ioctl.c and ialloc.c of the module have it. */
static uint32_t flags_allowed(uint16_t mode)
{
	uint32_t flags = REFDAX_FL_ALL;

	if (!S_ISLNK(mode))
		flags &= ~REFDAX_FL_INLINE;
	if (!S_ISDIR(mode))
		flags &= ~REFDAX_FL_DIRSYNC;
	if (!S_ISDIR(mode) && !S_ISREG(mode))
		flags &= ~(REFDAX_FL_JOURNAL_DATA | REFDAX_FL_DAX);
	return flags;
}

/* Fields that mean something without any other block. */
static bool check_fields(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	uint16_t mode = le16toh(raw->i_mode);
	uint32_t flags = le32toh(raw->i_flags);
	uint64_t parent = le64toh(raw->i_parent);
	uint64_t next = le64toh(raw->i_next_orphan);
	bool dirty = check_times(f, ino, raw);

	if (check_zeroes(f, ino, raw))
		dirty = true;
	if (flags & ~flags_allowed(mode) &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has flags, 0x%x, that are unknown or not for its type",
		    ino, flags)) {
		raw->i_flags = htole32(flags & flags_allowed(mode));
		dirty = true;
	}
	if (S_ISREG(mode)) {
		dirty |= check_shift(f, ino, raw);
		parent = 0;
	} else if (raw->i_shift_count &&
		   problem(f, SAFE, "inode %" PRIu64 ": only blocks of files can be moved", ino)) {
		raw->i_shift_count = 0;
		dirty = true;
	}
	if (ino == REFDAX_ROOT_INO ? parent != ino : S_ISDIR(mode) ? !ino_valid(f, parent) : parent) {
		if (problem(f, SAFE, "inode %" PRIu64 ": its parent cannot be %" PRIu64, ino, parent)) {
			raw->i_parent = htole64(S_ISDIR(mode) ? REFDAX_ROOT_INO : 0);
			dirty = true;
		}
	}
	if (next && !ino_valid(f, next) &&
	    problem(f, SAFE, "inode %" PRIu64 ": %" PRIu64 " cannot follow it on the orphan list",
		    ino, next)) {
		raw->i_next_orphan = 0;
		dirty = true;
	}
	if (S_ISREG(mode) && le64toh(raw->i_size) > REFDAX_SIZE_MAX &&
	    problem(f, LOSSY, "inode %" PRIu64 ": no file can have %" PRIu64 " bytes", ino,
		    le64toh(raw->i_size))) {
		raw->i_size = 0;
		dirty = true;
	}
	return dirty;
}

static bool symlink_good(struct fsck *f, uint64_t ino, const struct refdax_inode *raw,
			 const struct extent_list *extents)
{
	struct refdax_symlink_block block;
	uint64_t size = le64toh(raw->i_size);

	if (is_inline(raw))
		return size && size <= REFDAX_SYMLINK_INLINE &&
		       strnlen((const char *)raw->i_root, REFDAX_ROOT_BYTES) == size;
	return size && size <= REFDAX_SYMLINK_MAX && extents->count == 1 &&
	       !extents->x[0].logical && extents->x[0].count == 1 &&
	       read_block(f, extents->x[0].physical, &block) &&
	       header_fits(&block.l_header, REFDAX_MAGIC_SYMLINK, extents->x[0].physical, ino,
			   le32toh(raw->i_generation)) &&
	       header_problem(f, &block.l_header) == NULL &&
	       strnlen((const char *)block.l_target, sizeof(block.l_target)) == size;
}

/* A block of a directory says whose it is; what does not is left to others to claim. */
static bool claim_directory(struct fsck *f, uint64_t ino, const struct refdax_inode *raw,
			    const struct extent_list *extents)
{
	struct refdax_header *header = zalloc(REFDAX_BLOCK_SIZE);
	bool alone = true;
	uint32_t j;
	size_t i;

	for (i = 0; i < extents->count; i++) {
		for (j = 0; j < extents->x[i].count; j++) {
			uint64_t block = extents->x[i].physical + j;

			if (read_block(f, block, header) &&
			    header_fits(header, REFDAX_MAGIC_DIR, block, ino,
					le32toh(raw->i_generation)) &&
			    !claim(f, block, 1))
				alone = false;
		}
	}
	free(header);
	return alone;
}

/* What the tree of a file, a directory or a long symlink claims. */
static bool check_blocks(struct fsck *f, uint64_t ino, struct refdax_inode *raw,
			 struct inode_state *state, uint64_t xattrs, bool *lost)
{
	uint64_t blocks = xattrs, size = 0;
	struct extent_list extents;
	struct block_list nodes;
	bool dirty = false, alone = true;
	const char *what;
	size_t i;

	what = walk_tree(f, ino, raw, &extents, &nodes);
	for (i = 0; i < extents.count; i++)
		size += extents.x[i].count;
	blocks += nodes.count + size;
	if (state->type == S_IFLNK >> 12 && !symlink_good(f, ino, raw, &extents)) {
		*lost = problem(f, LOSSY, "inode %" PRIu64 ": the target of this symbolic link is lost, it is to go",
				ino);
		/* For the rest of this round it is as if it had gone. */
		state->type = 0;
		goto out;
	}
	if (what && problem(f, LOSSY, "inode %" PRIu64 ": its extent tree is damaged (%s), %" PRIu64 " blocks remain",
			    ino, what, size))
		state->flags |= INODE_TREE;

	for (i = 0; i < nodes.count; i++)
		if (!claim(f, nodes.block[i], 1))
			alone = false;
	if (state->type == S_IFDIR >> 12)
		alone = claim_directory(f, ino, raw, &extents) && alone;
	else
		for (i = 0; i < extents.count; i++)
			if (!claim(f, extents.x[i].physical, extents.x[i].count))
				alone = false;
	if (!alone && problem(f, LOSSY, "inode %" PRIu64 ": some of its blocks belong to others as well; it gets copies of its own",
			      ino))
		state->flags |= INODE_SHARED;

	if (!what && le64toh(raw->i_blocks) != blocks &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has %" PRIu64 " blocks, and says %" PRIu64, ino,
		    blocks, le64toh(raw->i_blocks))) {
		raw->i_blocks = htole64(blocks);
		dirty = true;
	}
	if (!what && state->type == S_IFDIR >> 12 &&
	    le64toh(raw->i_size) != size * REFDAX_BLOCK_SIZE &&
	    problem(f, SAFE, "directory %" PRIu64 ": it has %" PRIu64 " bytes, and says %" PRIu64,
		    ino, size * REFDAX_BLOCK_SIZE, le64toh(raw->i_size))) {
		raw->i_size = htole64(size * REFDAX_BLOCK_SIZE);
		dirty = true;
	}
out:
	free(extents.x);
	free(nodes.block);
	return dirty;
}

/* True: the inode was changed, and is to be written. */
static bool check_inode(struct fsck *f, uint64_t ino, struct refdax_inode *raw)
{
	uint16_t mode = le16toh(raw->i_mode);
	bool dirty, bad_crc, lost = false;
	struct inode_state *state;
	uint64_t xattrs;

	if (is_zero(raw, sizeof(*raw)))
		return false;
	if (!ino_valid(f, ino))
		lost = problem(f, LOSSY, "inode %" PRIu64 ": it is reserved, and in use", ino);
	else if (!mode)
		lost = problem(f, raw->i_nlink ? LOSSY : SAFE, "inode %" PRIu64 ": it is free, and not empty",
			       ino);
	else if (!type_valid(mode))
		lost = problem(f, LOSSY, "inode %" PRIu64 ": nothing has the type %o, it is to go",
			       ino, mode & S_IFMT);
	if (!ino_valid(f, ino) || !type_valid(mode)) {
		if (lost)
			memset(raw, 0, sizeof(*raw));
		return lost;
	}

	bad_crc = le32toh(raw->i_crc) != refdax_inode_crc(f->seed, ino, raw);
	dirty = check_fields(f, ino, raw);
	state = make_inode(f, ino);
	state->type = mode >> 12;
	state->parent = S_ISDIR(mode) ? le64toh(raw->i_parent) : 0;
	state->nlink = le32toh(raw->i_nlink);
	state->links = S_ISDIR(mode) ? 2 : 0;
	if (raw->i_next_orphan)
		state->flags |= INODE_FOLLOWED;
	if (raw->i_shift_count)
		state->flags |= INODE_SHIFTING;
	dirty |= check_xattrs(f, ino, raw, state, &xattrs);
	if (S_ISLNK(mode) && is_inline(raw)) {
		if (!symlink_good(f, ino, raw, NULL)) {
			lost = problem(f, LOSSY, "inode %" PRIu64 ": the target of this symbolic link is lost, it is to go",
				       ino);
			state->type = 0;
		}
	} else if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)) {
		dirty |= check_blocks(f, ino, raw, state, xattrs, &lost);
	}
	if ((is_inline(raw) || (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))) &&
	    state->type && le64toh(raw->i_blocks) != xattrs &&
	    problem(f, SAFE, "inode %" PRIu64 ": it has %" PRIu64 " blocks, and says %" PRIu64, ino,
		    xattrs, le64toh(raw->i_blocks))) {
		raw->i_blocks = htole64(xattrs);
		dirty = true;
	}
	if (lost) {
		memset(raw, 0, sizeof(*raw));
		return true;
	}
	if (bad_crc && state->type &&
	    problem(f, LOSSY, "inode %" PRIu64 ": it has a wrong checksum, and everything in it seems to be right",
		    ino))
		dirty = true;
	if (state->type)
		f->inodes_used++;
	return dirty;
}

static void check_root(struct fsck *f)
{
	struct inode_state *state = get_inode(f, REFDAX_ROOT_INO);
	struct refdax_time now = { .t_sec = htole64(time(NULL)) };
	struct refdax_inode raw = {
		.i_mode = htole16(S_IFDIR | 0755),
		.i_nlink = htole32(2),
		.i_parent = htole64(REFDAX_ROOT_INO),
		.i_atime = now, .i_mtime = now, .i_ctime = now, .i_crtime = now,
	};

	if (state && state->type == S_IFDIR >> 12)
		return;
	if (problem(f, LOSSY, "there is no root directory; it is made again, and what was in it goes to lost+found"))
		write_inode(f, REFDAX_ROOT_INO, &raw);
	/* For this round: with nothing in it. */
	state = make_inode(f, REFDAX_ROOT_INO);
	memset(state, 0, sizeof(*state));
	state->type = S_IFDIR >> 12;
	state->parent = REFDAX_ROOT_INO;
	state->nlink = 2;
	state->links = 2;
}

/* One block of the table, with inodes from @ino on. True: it was changed. */
static bool check_table_block(struct fsck *f, uint64_t ino, struct refdax_inode *table)
{
	bool dirty = false;
	uint32_t i;

	for (i = 0; i < REFDAX_INODES_PER_BLOCK; i++) {
		if (!check_inode(f, ino + i, &table[i]))
			continue;
		if (table[i].i_mode)
			table[i].i_crc = htole32(refdax_inode_crc(f->seed, ino + i, &table[i]));
		dirty = true;
	}
	return dirty;
}

#define TABLE_BLOCKS	64	/* read at once */

void check_inodes(struct fsck *f)
{
	uint32_t length = REFDAX_INODE_TABLE_BLOCKS(f->geometry.inodes_per_group), group, i, j, some;
	struct refdax_inode (*table)[REFDAX_INODES_PER_BLOCK] = zalloc(TABLE_BLOCKS *
									REFDAX_BLOCK_SIZE);
	uint64_t ino = 1;

	for (group = 0; group < f->geometry.groups; group++) {
		uint64_t block = group_meta(&f->geometry, group) + 2;

		for (i = 0; i < length; i += some, block += some) {
			some = length - i < TABLE_BLOCKS ? length - i : TABLE_BLOCKS;
			if (!read_blocks(f, block, some, table))
				beyond_repair(f, "some of the inodes %" PRIu64 " to %" PRIu64 " cannot be read",
					      ino, ino + some * REFDAX_INODES_PER_BLOCK - 1);
			for (j = 0; j < some; j++, ino += REFDAX_INODES_PER_BLOCK) {
				if (!check_table_block(f, ino, table[j]))
					continue;
				write_block(f, block + j, table[j]);
				f->changed = true;
			}
		}
	}
	free(table);
	check_root(f);
}

/* Why inode @ino cannot be on the orphan list. */
static const char *orphan_problem(struct fsck *f, uint64_t ino, struct inode_state *state)
{
	if (!ino_valid(f, ino) || ino == REFDAX_ROOT_INO)
		return "which does not exist";
	if (!state || !state->type)
		return "which is not in use";
	if (state->flags & INODE_ORPHAN)
		return "which is on it already";
	if (state->nlink && state->type != S_IFREG >> 12)
		return "which has links and is not a file";
	return NULL;
}

void check_orphans(struct fsck *f)
{
	uint64_t ino = le64toh(f->super.s_last_orphan);
	struct refdax_inode raw;
	const char *what = NULL;

	while (ino) {
		struct inode_state *state = ino <= f->max_ino ? get_inode(f, ino) : NULL;

		what = orphan_problem(f, ino, state);
		if (what || !read_inode(f, ino, &raw))
			break;
		state->flags |= INODE_ORPHAN;
		ino = le64toh(raw.i_next_orphan);
	}
	if (what && problem(f, SAFE, "the orphan list leads to inode %" PRIu64 ", %s; the list is dropped",
			    ino, what)) {
		f->super.s_last_orphan = 0;
		store_super(f);
		f->changed = true;
		/* What was on it is found in the next round. */
		return;
	}
	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino)) {
		struct inode_state *state = get_inode(f, ino);

		if ((state->flags & (INODE_FOLLOWED | INODE_ORPHAN)) == INODE_FOLLOWED &&
		    problem(f, SAFE, "inode %" PRIu64 ": it is not on the orphan list, and has a successor there",
			    ino) && read_inode(f, ino, &raw)) {
			raw.i_next_orphan = 0;
			write_inode(f, ino, &raw);
		}
		if ((state->flags & (INODE_SHIFTING | INODE_ORPHAN)) == INODE_SHIFTING &&
		    problem(f, LOSSY, "inode %" PRIu64 ": its blocks were being moved, and it is not on the orphan list",
			    ino) && read_inode(f, ino, &raw)) {
			raw.i_shift_count = 0;
			raw.i_shift_from = 0;
			write_inode(f, ino, &raw);
		}
	}
}

/* Append a stretch, as part of the last extent if it can be. */
static void append(struct extent_list *list, struct extent x)
{
	struct extent *last = list->count ? &list->x[list->count - 1] : NULL;

	if (last && last->logical + last->count == x.logical &&
	    last->physical + last->count == x.physical && last->flags == x.flags &&
	    last->count + x.count <= REFDAX_EXTENT_MAX) {
		last->count += x.count;
		return;
	}
	append_extent(list, &x);
}

/*
 * Give each block that others claim as well a copy. When the space is used up
 * what cannot be copied becomes a hole.
 */
static void unshare(struct fsck *f, uint64_t ino, const struct extent_list *from,
		    struct extent_list *to, bool *full)
{
	uint8_t data[REFDAX_BLOCK_SIZE];
	uint64_t holes = 0;
	uint32_t j;
	size_t i;

	for (i = 0; i < from->count; i++) {
		for (j = 0; j < from->x[i].count; j++) {
			struct extent x = from->x[i];

			x.logical += j;
			x.physical += j;
			x.count = 1;
			if (is_shared(f, x.physical)) {
				uint64_t copy = *full ? 0 : allocate_block(f);

				if (!copy) {
					*full = true;
					holes += from->x[i].count - j;
					break;
				}
				if (!x.flags) {
					read_block(f, x.physical, data);
					write_block(f, copy, data);
				}
				x.physical = copy;
			}
			append(to, x);
		}
	}
	if (holes)
		say(f, "inode %" PRIu64 ": no space for copies of %" PRIu64 " blocks, they read as zeroes now",
		    ino, holes);
}

/* A long symlink whose block is not its own. */
static void copy_symlink(struct fsck *f, uint64_t ino, struct extent *x, uint32_t generation)
{
	uint8_t data[REFDAX_BLOCK_SIZE];
	uint64_t copy = allocate_block(f);

	if (!copy || !read_block(f, x->physical, data))
		return;
	write_metadata(f, REFDAX_MAGIC_SYMLINK, copy, ino, generation, data);
	x->physical = copy;
}

static void repair_tree(struct fsck *f, uint64_t ino, struct inode_state *state, bool *full)
{
	struct extent_list extents, own = { 0 };
	struct block_list nodes;
	struct refdax_inode raw;

	if (!read_inode(f, ino, &raw))
		return;
	walk_tree(f, ino, &raw, &extents, &nodes);
	if (state->type == S_IFREG >> 12)
		unshare(f, ino, &extents, &own, full);
	else if (extents.count && is_shared(f, extents.x[0].physical))
		copy_symlink(f, ino, &extents.x[0], le32toh(raw.i_generation));
	if (rebuild_tree(f, ino, &raw, state->type == S_IFREG >> 12 ? &own : &extents))
		write_inode(f, ino, &raw);
	else
		beyond_repair(f, "inode %" PRIu64 ": no space to build its extent tree anew", ino);
	free(extents.x);
	free(nodes.block);
	free(own.x);
}

/* Everything is claimed that anything reaches: from here on blocks can be allocated. */
void repair_trees(struct fsck *f)
{
	struct refdax_inode raw;
	bool full = false;
	uint64_t ino;

	for (ino = next_inode(f, 0); ino; ino = next_inode(f, ino)) {
		struct inode_state *state = get_inode(f, ino);

		if (state->flags & INODE_XATTR_SHARED && read_inode(f, ino, &raw)) {
			repair_xattrs(f, ino, &raw);
			write_inode(f, ino, &raw);
		}
		/* Directories are built anew with their entries. */
		if (state->flags & (INODE_TREE | INODE_SHARED) && state->type != S_IFDIR >> 12)
			repair_tree(f, ino, state, &full);
	}
}
