// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsck.refdax: groups: who claims which block, and the bitmaps. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fsck.h"

#define BITMAP_BYTES	sizeof_member(struct refdax_bitmap, b_bits)
#define sizeof_member(type, member) sizeof(((type *)NULL)->member)

static bool test_bit(const uint8_t *bits, uint32_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

static void set_bit(uint8_t *bits, uint32_t n)
{
	bits[n / 8] |= 1 << n % 8;
}

static uint8_t *need_bits(uint8_t **bits)
{
	if (!*bits)
		*bits = zalloc(BITMAP_BYTES);
	return *bits;
}

bool blocks_valid(const struct fsck *f, uint64_t start, uint64_t count)
{
	return geometry_blocks_valid(&f->geometry, start, count);
}

bool ino_valid(const struct fsck *f, uint64_t ino)
{
	return geometry_ino_valid(&f->geometry, ino);
}

struct inode_state *get_inode(struct fsck *f, uint64_t ino)
{
	uint32_t per_group = f->geometry.inodes_per_group;
	struct inode_state *inodes = f->group[(ino - 1) / per_group].inodes;

	return inodes ? &inodes[(ino - 1) % per_group] : NULL;
}

struct inode_state *make_inode(struct fsck *f, uint64_t ino)
{
	uint32_t per_group = f->geometry.inodes_per_group;
	struct group_state *group = &f->group[(ino - 1) / per_group];

	if (!group->inodes)
		group->inodes = zalloc(per_group * sizeof(*group->inodes));
	return get_inode(f, ino);
}

uint64_t next_inode(struct fsck *f, uint64_t ino)
{
	uint32_t per_group = f->geometry.inodes_per_group;

	while (++ino <= f->max_ino) {
		struct inode_state *state = get_inode(f, ino);

		if (!state)	/* to the end of the group */
			ino += per_group - 1 - (ino - 1) % per_group;
		else if (state->type)
			return ino;
	}
	return 0;
}

bool claim(struct fsck *f, uint64_t start, uint32_t count)
{
	struct group_state *group = &f->group[start / REFDAX_BLOCKS_PER_GROUP];
	uint32_t bit = start % REFDAX_BLOCKS_PER_GROUP, end = bit + count;
	uint8_t *claimed = need_bits(&group->claimed);
	bool alone = true;

	for (; bit < end; bit++) {
		/* Eight at once, where that is what it is. */
		if (!(bit % 8) && bit + 8 <= end && !claimed[bit / 8]) {
			claimed[bit / 8] = 0xff;
			bit += 7;
		} else if (!(bit % 8) && bit + 8 <= end && claimed[bit / 8] == 0xff) {
			need_bits(&group->shared)[bit / 8] = 0xff;
			alone = false;
			bit += 7;
		} else if (test_bit(claimed, bit)) {
			set_bit(need_bits(&group->shared), bit);
			alone = false;
		} else {
			set_bit(claimed, bit);
		}
	}
	return alone;
}

bool is_shared(struct fsck *f, uint64_t block)
{
	uint8_t *shared = f->group[block / REFDAX_BLOCKS_PER_GROUP].shared;

	return shared && test_bit(shared, block % REFDAX_BLOCKS_PER_GROUP);
}

bool visit(struct fsck *f, uint64_t block)
{
	uint8_t *visited = need_bits(&f->group[block / REFDAX_BLOCKS_PER_GROUP].visited);
	uint32_t bit = block % REFDAX_BLOCKS_PER_GROUP;

	if (test_bit(visited, bit))
		return false;
	set_bit(visited, bit);
	return true;
}

void unvisit(struct fsck *f, uint64_t block)
{
	uint32_t bit = block % REFDAX_BLOCKS_PER_GROUP;

	f->group[block / REFDAX_BLOCKS_PER_GROUP].visited[bit / 8] &= ~(1 << bit % 8);
}

uint64_t allocate_block(struct fsck *f)
{
	for (; f->cursor < f->geometry.blocks; f->cursor++) {
		struct group_state *group = &f->group[f->cursor / REFDAX_BLOCKS_PER_GROUP];
		uint32_t bit = f->cursor % REFDAX_BLOCKS_PER_GROUP;

		if (blocks_valid(f, f->cursor, 1) &&
		    !(group->claimed && test_bit(group->claimed, bit))) {
			claim(f, f->cursor, 1);
			return f->cursor++;
		}
	}
	return 0;
}

uint64_t allocate_inode(struct fsck *f)
{
	uint64_t ino;

	for (ino = REFDAX_FIRST_INO; ino <= f->max_ino; ino++) {
		struct inode_state *state = get_inode(f, ino);

		if (!state || !state->type)
			return ino;
	}
	return 0;
}

void reset_groups(struct fsck *f)
{
	uint32_t i;

	for (i = 0; f->group && i < f->geometry.groups; i++) {
		free(f->group[i].claimed);
		free(f->group[i].shared);
		free(f->group[i].visited);
		free(f->group[i].inodes);
	}
	free(f->group);
	f->group = zalloc(f->geometry.groups * sizeof(*f->group));
	f->cursor = 0;
	f->inodes_used = 0;
	f->blocks_used = 0;
	f->changed = false;
}

static uint32_t count_bits(const uint8_t *bits, uint32_t count)
{
	uint32_t i, sum = 0;

	for (i = 0; i < count; i++)
		sum += test_bit(bits, i);
	return sum;
}

/* Compare one bitmap with what it should be, and write that. */
static void check_bitmap(struct fsck *f, uint32_t group, uint64_t block, uint32_t magic,
			 const uint8_t *want)
{
	bool blocks = magic == REFDAX_MAGIC_BLOCKS;
	const char *what = blocks ? "block" : "inode";
	uint32_t i, missing = 0, extra = 0, first = 0;
	static const uint8_t zeroes[sizeof(((struct refdax_bitmap *)NULL)->b_reserved)];
	struct refdax_bitmap bitmap;
	uint32_t per_group = blocks ? REFDAX_BLOCKS_PER_GROUP :
				      f->geometry.inodes_per_group;
	bool yes = false;

	if (!read_block(f, block, &bitmap)) {
		yes = problem(f, SAFE, "group %u: its %s bitmap cannot be read", group, what);
	} else if (!header_fits(&bitmap.b_header, magic, block, group, 0) ||
		   header_problem(f, &bitmap.b_header) ||
		   memcmp(bitmap.b_reserved, zeroes, sizeof(zeroes))) {
		yes = problem(f, SAFE, "group %u: its %s bitmap, block %" PRIu64 ", has a wrong header or checksum",
			      group, what, block);
	} else if (memcmp(bitmap.b_bits, want, BITMAP_BYTES)) {
		for (i = 0; i < BITMAP_BYTES * 8; i++) {
			if (test_bit(bitmap.b_bits, i) == test_bit(want, i))
				continue;
			if (!missing && !extra)
				first = i;
			if (test_bit(want, i))
				missing++;
			else
				extra++;
		}
		yes = problem(f, SAFE, "group %u: its %s bitmap has %u in use that it calls free, and %u free that it calls in use; the first is %" PRIu64,
			      group, what, missing, extra,
			      (uint64_t)group * per_group + first + !blocks);
	}
	if (!yes)
		return;
	memset(&bitmap, 0, sizeof(bitmap));
	memcpy(bitmap.b_bits, want, BITMAP_BYTES);
	write_metadata(f, magic, block, group, 0, &bitmap);
}

void check_bitmaps(struct fsck *f)
{
	static uint8_t want[BITMAP_BYTES];
	uint32_t group, i, per_group = f->geometry.inodes_per_group;

	for (group = 0; group < f->geometry.groups; group++) {
		uint64_t meta = group_meta(&f->geometry, group);

		memset(want, 0xff, sizeof(want));
		for (i = group_first_data(&f->geometry, group);
		     i < group_end(&f->geometry, group); i++)
			if (!f->group[group].claimed || !test_bit(f->group[group].claimed, i))
				want[i / 8] &= ~(1 << i % 8);
		f->blocks_used += count_bits(want, group_length(&f->geometry, group));
		check_bitmap(f, group, meta, REFDAX_MAGIC_BLOCKS, want);

		memset(want, 0xff, sizeof(want));
		memset(want, 0, per_group / 8);
		for (i = 0; f->group[group].inodes && i < per_group; i++)
			if (f->group[group].inodes[i].type)
				set_bit(want, i);
		for (i = 0; !group && i < REFDAX_FIRST_INO - 1; i++)
			set_bit(want, i);
		check_bitmap(f, group, meta + 1, REFDAX_MAGIC_INODES, want);
	}
}
