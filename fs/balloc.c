// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block allocation: groups, their bitmaps, and where to put what.
 *
 * A group's spinlock covers the bits of its bitmaps, on disk and in g_busy.
 * Access to the buffer is asked of the journal before it is taken, because
 * that may sleep until a commit has written the buffer out.
 *
 * A damaged filesystem may have one block in two places. Where both are data of
 * files, one overwrites the other. Where one is metadata more is at stake: jbd2
 * asserts that a buffer which it is given as new is in no transaction, and a
 * revoke forgets changes that somebody else still needs. So g_metadata knows the blocks
 * that serve as metadata of an inode: to be one a block must be in use; while it is one
 * no file has it as data, and nobody but its owner frees it.
 */
#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "refdax.h"

/* 2 MiB: what a PMD maps on x86, and what group sizes are a multiple of. */
#define REFDAX_HUGE	512

static u32 refdax_first_meta(struct super_block *sb, u32 group)
{
	struct refdax_super *super = REFDAX_SB(sb)->s_super;

	return group ? 0 : REFDAX_JOURNAL_BLOCK + le32_to_cpu(super->s_journal_blocks);
}

u64 refdax_inode_block(struct super_block *sb, u64 ino, unsigned int *offset)
{
	u32 per_group = REFDAX_SB(sb)->s_inodes_per_group;
	u32 group = (ino - 1) / per_group, index = (ino - 1) % per_group;

	*offset = index % REFDAX_INODES_PER_BLOCK * REFDAX_INODE_SIZE;
	return refdax_group_start(group) + refdax_first_meta(sb, group) + 2 +
	       index / REFDAX_INODES_PER_BLOCK;
}

/* Every block of the range belongs to one group and to none of the filesystem's own structures. */
bool refdax_blocks_valid(struct super_block *sb, u64 start, u64 count)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group;
	u32 bit;

	if (!count || start >= sbi->s_blocks || count > sbi->s_blocks - start)
		return false;
	group = &sbi->s_groups[start / REFDAX_BLOCKS_PER_GROUP];
	bit = start % REFDAX_BLOCKS_PER_GROUP;
	return bit >= group->g_first_data && count <= group->g_blocks - bit;
}

static int refdax_group_load(struct super_block *sb, u32 number)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group = &sbi->s_groups[number];
	u64 start = refdax_group_start(number), meta = start + refdax_first_meta(sb, number);
	struct refdax_bitmap *bitmap;
	struct buffer_head *bh;
	unsigned int i, used;
	bool fresh;

	spin_lock_init(&group->g_lock);
	group->g_blocks = min_t(u64, REFDAX_BLOCKS_PER_GROUP, sbi->s_blocks - start);
	/* A backup superblock is none of the group's blocks: nothing may lead to it. */
	if (le64_to_cpu(sbi->s_super->s_compat) & REFDAX_COMPAT_BACKUP &&
	    refdax_group_has_backup(number, group->g_blocks))
		group->g_blocks--;
	group->g_first_data = meta - start + REFDAX_GROUP_OVERHEAD(sbi->s_inodes_per_group);

	bh = refdax_read_block(sb, meta, REFDAX_MAGIC_BLOCKS, number, 0, &fresh);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	group->g_block_bh = bh;
	bitmap = (struct refdax_bitmap *)bh->b_data;
	group->g_busy = kmalloc(sizeof(bitmap->b_bits), GFP_KERNEL);
	group->g_metadata = bitmap_zalloc(REFDAX_BLOCKS_PER_GROUP, GFP_KERNEL);
	if (!group->g_busy || !group->g_metadata)
		return -ENOMEM;
	for (i = 0; i < REFDAX_BLOCKS_PER_GROUP; i++) {
		bool bit = test_bit_le(i, bitmap->b_bits);

		if (!bit && (i < group->g_first_data || i >= group->g_blocks))
			return refdax_damage(sb, "block bitmap of group %u has block %u free, which is not available",
					     number, i);
		__assign_bit(i, group->g_busy, bit);
	}
	refdax_set_verified(bh);
	group->g_free = REFDAX_BLOCKS_PER_GROUP -
			bitmap_weight(group->g_busy, REFDAX_BLOCKS_PER_GROUP);
	percpu_counter_add(&sbi->s_free_blocks, group->g_free);
	sbi->s_data_blocks += group->g_blocks - group->g_first_data;

	bh = refdax_read_block(sb, meta + 1, REFDAX_MAGIC_INODES, number, 0, &fresh);
	if (IS_ERR(bh))
		return PTR_ERR(bh);
	group->g_inode_bh = bh;
	bitmap = (struct refdax_bitmap *)bh->b_data;
	for (i = 0; !number && i < REFDAX_FIRST_INO - 1; i++)
		if (!test_bit_le(i, bitmap->b_bits))
			return refdax_damage(sb, "inode bitmap of group 0 has the reserved inode %u free",
					     i + 1);
	for (i = used = 0; i < sbi->s_inodes_per_group / 8; i++)
		used += hweight8(bitmap->b_bits[i]);
	refdax_set_verified(bh);
	group->g_free_inodes = sbi->s_inodes_per_group - used;
	percpu_counter_add(&sbi->s_free_inodes, group->g_free_inodes);
	return 0;
}

/* Read all bitmaps. The journal has been replayed. On failure the caller calls refdax_groups_free(). */
int refdax_groups_load(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u32 i;
	int err;

	sbi->s_groups = kvcalloc(sbi->s_ngroups, sizeof(*sbi->s_groups), GFP_KERNEL);
	if (!sbi->s_groups)
		return -ENOMEM;
	for (i = 0; i < sbi->s_ngroups; i++) {
		err = refdax_group_load(sb, i);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

void refdax_groups_free(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u32 i;

	for (i = 0; sbi->s_groups && i < sbi->s_ngroups; i++) {
		brelse(sbi->s_groups[i].g_block_bh);
		brelse(sbi->s_groups[i].g_inode_bh);
		kfree(sbi->s_groups[i].g_busy);
		bitmap_free(sbi->s_groups[i].g_metadata);
	}
	kvfree(sbi->s_groups);
	sbi->s_groups = NULL;
}

/*
 * A free run of at least 2 MiB, and of up to @want blocks, that a PMD can map: the
 * block's number has the same remainder in the file and on the device. It ends at a
 * multiple of 2 MiB of the file if it does not reach what is wanted: a PMD cannot map
 * what two runs share. Returns its length, 0 if there is none.
 */
static u32 refdax_find_huge_run(struct refdax_group *group, u64 logical, u32 want, u32 *found)
{
	unsigned long *map = group->g_busy, offset = REFDAX_HUGE - logical % REFDAX_HUGE;
	u32 end = group->g_blocks, first = group->g_first_data, bit, count;

	bit = bitmap_find_next_zero_area_off(map, end, first, want, REFDAX_HUGE - 1, offset);
	if (bit >= end)
		bit = bitmap_find_next_zero_area_off(map, end, first, REFDAX_HUGE, REFDAX_HUGE - 1,
						     offset);
	if (bit >= end)
		return 0;
	*found = bit;
	count = find_next_bit(map, min(end, bit + want), bit) - bit;
	if (count < want)
		count -= (logical + count) % REFDAX_HUGE;
	return count;
}

/*
 * A free run in the group, of up to @want blocks: at @goal if that is free,
 * else where a PMD could map it, else the first run long enough, else (not
 * @whole) the first free block and what follows it. Returns its length, 0 if
 * there is none. g_lock is held.
 */
static u32 refdax_find_run(struct refdax_group *group, u32 goal, u64 logical, u32 want,
			   bool whole, u32 *found)
{
	unsigned long *map = group->g_busy;
	u32 end = group->g_blocks, first = group->g_first_data, bit;

	if (want >= REFDAX_HUGE && (goal - logical) % REFDAX_HUGE)
		goal = 0;
	if (goal && goal >= first && goal < end && !test_bit(goal, map)) {
		u32 stop = find_next_bit(map, min(end, goal + want), goal + 1);

		if (!whole || stop - goal == want) {
			*found = goal;
			return stop - goal;
		}
	}
	if (want >= REFDAX_HUGE) {
		u32 count = refdax_find_huge_run(group, logical, want, found);

		if (count || whole)
			return count;
	}
	bit = bitmap_find_next_zero_area(map, end, max(first, goal), want, 0);
	if (bit >= end)
		bit = bitmap_find_next_zero_area(map, end, first, want, 0);
	if (bit < end) {
		*found = bit;
		return want;
	}
	if (whole)
		return 0;
	bit = find_next_zero_bit(map, end, first);
	if (bit >= end)
		return 0;
	*found = bit;
	return find_next_bit(map, min(end, bit + want), bit) - bit;
}

static void refdax_set_disk_bits(struct refdax_group *group, u32 bit, u32 count, bool value)
{
	u8 *bits = ((struct refdax_bitmap *)group->g_block_bh->b_data)->b_bits;

	for (; count && bit % 8; count--, bit++)
		value ? __set_bit_le(bit, bits) : __clear_bit_le(bit, bits);
	memset(bits + bit / 8, value ? 0xff : 0, count / 8);
	for (bit += count / 8 * 8, count %= 8; count; count--, bit++)
		value ? __set_bit_le(bit, bits) : __clear_bit_le(bit, bits);
}

/* Whether all @count bits from @bit on are set on disk. */
static bool refdax_disk_bits_set(struct refdax_group *group, u32 bit, u32 count)
{
	u8 *bits = ((struct refdax_bitmap *)group->g_block_bh->b_data)->b_bits;

	for (; count; count--, bit++)
		if (!test_bit_le(bit, bits))
			return false;
	return true;
}

static int refdax_alloc_in_group(struct jbd2_journal_handle *handle, struct super_block *sb,
				 u32 number, u32 goal, u64 logical, u32 want, bool whole,
				 u64 *start, u32 *got)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group = &sbi->s_groups[number];
	u32 bit = 0, count;
	int err;

	/* A glance without the lock; the search decides. */
	if (!READ_ONCE(group->g_free))
		return -ENOSPC;
	spin_lock(&group->g_lock);
	count = refdax_find_run(group, goal, logical, want, whole, &bit);
	if (count) {
		bitmap_set(group->g_busy, bit, count);
		group->g_free -= count;
	}
	spin_unlock(&group->g_lock);
	if (!count)
		return -ENOSPC;

	err = refdax_journal_write_access(handle, group->g_block_bh);
	if (err) {
		spin_lock(&group->g_lock);
		bitmap_clear(group->g_busy, bit, count);
		group->g_free += count;
		spin_unlock(&group->g_lock);
		return err;
	}
	spin_lock(&group->g_lock);
	refdax_set_disk_bits(group, bit, count, true);
	spin_unlock(&group->g_lock);
	percpu_counter_sub(&sbi->s_free_blocks, count);
	*start = refdax_group_start(number) + bit;
	*got = count;
	return refdax_journal_dirty(handle, sb, group->g_block_bh);
}

int refdax_alloc_blocks(struct jbd2_journal_handle *handle, struct inode *inode, u64 goal,
			u64 logical, u32 want, u64 *start, u32 *got)
{
	struct super_block *sb = inode->i_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	u32 first, bit, i, pass;
	int err;

	if (goal && goal < sbi->s_blocks) {
		first = goal / REFDAX_BLOCKS_PER_GROUP;
		bit = goal % REFDAX_BLOCKS_PER_GROUP;
	} else {
		first = (inode->i_ino - 1) / sbi->s_inodes_per_group;
		bit = 0;
	}
	/* First a place for all of it, then any place. */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < sbi->s_ngroups; i++) {
			u32 number = first + i < sbi->s_ngroups ? first + i :
								  first + i - sbi->s_ngroups;

			err = refdax_alloc_in_group(handle, sb, number, i ? 0 : bit, logical, want,
						    !pass, start, got);
			if (err != -ENOSPC)
				return err;
		}
	}
	return -ENOSPC;
}

static struct refdax_group *refdax_block_group(struct super_block *sb, u64 block, u32 *bit)
{
	*bit = block % REFDAX_BLOCKS_PER_GROUP;
	return &REFDAX_SB(sb)->s_groups[block / REFDAX_BLOCKS_PER_GROUP];
}

int refdax_claim_metadata(struct super_block *sb, u64 block)
{
	struct refdax_group *group;
	bool in_use;
	u32 bit;

	if (!refdax_blocks_valid(sb, block, 1))
		return refdax_damage(sb, "block %llu cannot be metadata of an inode", block);
	group = refdax_block_group(sb, block, &bit);
	spin_lock(&group->g_lock);
	in_use = refdax_disk_bits_set(group, bit, 1);
	if (in_use)
		set_bit(bit, group->g_metadata);
	spin_unlock(&group->g_lock);
	return in_use ? 0 : refdax_damage(sb, "block %llu is metadata of an inode, and free in the bitmap",
					  block);
}

bool refdax_holds_metadata(struct super_block *sb, u64 start, u32 count)
{
	struct refdax_group *group;
	u32 bit;

	/* Without the lock: who makes or reads metadata there later finds the block in use. */
	group = refdax_block_group(sb, start, &bit);
	return find_next_bit(group->g_metadata, bit + count, bit) < bit + count;
}

/* @metadata: they are what g_metadata says they are. */
static int refdax_free_bits(struct jbd2_journal_handle *handle, struct super_block *sb, u64 start,
			    u32 count, bool metadata)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group;
	u32 bit;
	int err;

	if (!refdax_blocks_valid(sb, start, count))
		return refdax_damage(sb, "blocks %llu to %llu are not there to be freed", start,
				     start + count - 1);
	group = &sbi->s_groups[start / REFDAX_BLOCKS_PER_GROUP];
	bit = start % REFDAX_BLOCKS_PER_GROUP;
	err = refdax_journal_write_access(handle, group->g_block_bh);
	if (err)
		return err;
	if (!metadata && refdax_holds_metadata(sb, start, count))
		return refdax_damage(sb, "blocks %llu to %llu are data of a file, and metadata of another inode",
				     start, start + count - 1);
	spin_lock(&group->g_lock);
	if (!refdax_disk_bits_set(group, bit, count)) {
		spin_unlock(&group->g_lock);
		return refdax_damage(sb, "blocks %llu to %llu are in use by a file, and free in the bitmap",
				     start, start + count - 1);
	}
	refdax_set_disk_bits(group, bit, count, false);
	if (metadata)
		clear_bit(bit, group->g_metadata);
	spin_unlock(&group->g_lock);
	err = refdax_journal_dirty(handle, sb, group->g_block_bh);
	if (err)
		return err;
	percpu_counter_add(&sbi->s_free_blocks, count);
	atomic64_add(count, &sbi->s_uncommitted);
	refdax_journal_defer(handle, sb, start, count);
	return 0;
}

int refdax_free_blocks(struct jbd2_journal_handle *handle, struct super_block *sb, u64 start,
		       u32 count)
{
	return refdax_free_bits(handle, sb, start, count, false);
}

/* Called by the commit thread, which must not sleep on anything a handle may hold. */
void refdax_blocks_reusable(struct super_block *sb, u64 start, u32 count)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_group *group = &sbi->s_groups[start / REFDAX_BLOCKS_PER_GROUP];

	spin_lock(&group->g_lock);
	bitmap_clear(group->g_busy, start % REFDAX_BLOCKS_PER_GROUP, count);
	group->g_free += count;
	spin_unlock(&group->g_lock);
	atomic64_sub(count, &sbi->s_uncommitted);
}

struct buffer_head *refdax_new_metadata(struct jbd2_journal_handle *handle, struct inode *inode,
					u64 goal, u32 magic)
{
	struct super_block *sb = inode->i_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct buffer_head *bh;
	u64 block;
	u32 got;
	int err;

	/* The reserve is for trees whose unwritten blocks become written: see refdax_fill_hole(). */
	if (magic != REFDAX_MAGIC_EXTENTS &&
	    percpu_counter_compare(&sbi->s_free_blocks, sbi->s_reserved_blocks) <= 0)
		return ERR_PTR(-ENOSPC);
	err = refdax_alloc_blocks(handle, inode, goal, 0, 1, &block, &got);
	if (err)
		return ERR_PTR(err);
	bh = sb_getblk(sb, block);
	if (!bh) {
		err = -ENOMEM;
		goto out_free;
	}
	/* What the block held before is of no interest: it is not read. */
	lock_buffer(bh);
	err = refdax_journal_create_access(handle, bh);
	if (err) {
		unlock_buffer(bh);
		brelse(bh);
		goto out_free;
	}
	memset(bh->b_data, 0, REFDAX_BLOCK_SIZE);
	refdax_init_header((struct refdax_header *)bh->b_data, magic, block, inode->i_ino,
			   inode->i_generation);
	set_buffer_uptodate(bh);
	refdax_set_verified(bh);
	unlock_buffer(bh);
	refdax_claim_metadata(sb, block);
	inode_add_bytes(inode, REFDAX_BLOCK_SIZE);
	return bh;

out_free:
	refdax_free_blocks(handle, sb, block, 1);
	return ERR_PTR(err);
}

/* Whether a block that is to be freed is another inode's, which still works with @bh. */
static int refdax_metadata_owned(struct inode *inode, u64 block, struct buffer_head *bh)
{
	const struct refdax_header *header;

	if (!bh || !buffer_uptodate(bh) || !refdax_holds_metadata(inode->i_sb, block, 1))
		return 0;
	header = (const struct refdax_header *)bh->b_data;
	if (le64_to_cpu(header->h_owner) == inode->i_ino &&
	    le32_to_cpu(header->h_generation) == inode->i_generation)
		return 0;
	return refdax_damage(inode->i_sb, "block %llu belongs to inode %llu, and to inode %llu",
			     block, (u64)inode->i_ino, le64_to_cpu(header->h_owner));
}

int refdax_free_metadata(struct jbd2_journal_handle *handle, struct inode *inode, u64 block,
			 struct buffer_head *bh)
{
	int err;

	/* jbd2_journal_revoke() forgets, and cleans, only a buffer that it is given. */
	if (!bh)
		bh = sb_find_get_block(inode->i_sb, block);
	err = refdax_metadata_owned(inode, block, bh);
	if (!err)
		err = refdax_free_bits(handle, inode->i_sb, block, 1, true);
	if (err) {
		brelse(bh);
		return err;
	}
	if (bh)
		refdax_clear_verified(bh);
	err = refdax_journal_revoke(handle, block, bh);
	if (!err)
		inode_sub_bytes(inode, REFDAX_BLOCK_SIZE);
	return err;
}
