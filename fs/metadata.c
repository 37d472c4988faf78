// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of metadata: headers, checksums, what is said about damage; and the superblock among them. */
#include <linux/blkdev.h>
#include <linux/crc32c.h>
#include <linux/ratelimit.h>

#include "refdax.h"

/* Bits of jbd2 end before this one; journal.c asserts it. */
enum {
	BH_RefdaxVerified = BH_PrivateStart + 16,
};
BUFFER_FNS(RefdaxVerified, refdax_verified)

void refdax_set_verified(struct buffer_head *bh)
{
	set_buffer_refdax_verified(bh);
}

void refdax_clear_verified(struct buffer_head *bh)
{
	clear_buffer_refdax_verified(bh);
}

void refdax_msg(struct super_block *sb, const char *level, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	printk("%srefdax (%s): %pV\n", level, sb->s_id, &vaf);
	va_end(args);
}

/* The mount option errors=. */
static void refdax_handle_damage(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);

	switch (READ_ONCE(sbi->s_errors)) {
	case REFDAX_ERRORS_CONTINUE:
		break;
	case REFDAX_ERRORS_READ_ONLY:
		/* Handles that are open go on, and their transaction is committed. */
		if (sb_rdonly(sb) || test_and_set_bit(REFDAX_SB_READ_ONLY, &sbi->s_flags))
			break;
		refdax_msg(sb, KERN_CRIT, "damaged: read-only from now on (errors=remount-ro)");
		/*
		 * Not SB_RDONLY, which is s_umount's: a thaw would think that nothing had been
		 * frozen (d3476f3dad4a, "ext4: don't set SB_RDONLY after filesystem errors").
		 */
		break;
	case REFDAX_ERRORS_PANIC:
		panic("refdax (%s): damaged, and mounted with errors=panic\n", sb->s_id);
	}
}

int refdax_damage(struct super_block *sb, const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	struct va_format vaf;
	va_list args;

	set_bit(REFDAX_SB_DAMAGED, &REFDAX_SB(sb)->s_flags);
	if (__ratelimit(&limit)) {
		va_start(args, fmt);
		vaf.fmt = fmt;
		vaf.va = &args;
		refdax_msg(sb, KERN_ERR, "damaged: %pV; unmount it and run fsck.refdax", &vaf);
		va_end(args);
	}
	refdax_handle_damage(sb);
	return -EFSCORRUPTED;
}

/* The superblock's own checksum cannot depend on the UUID that is in it. */
u32 refdax_block_crc(struct refdax_sb_info *sbi, const void *block)
{
	const struct refdax_header *header = block;
	size_t offset = offsetof(struct refdax_header, h_crc);
	__le32 zero = 0;
	u32 crc = header->h_magic == cpu_to_le32(REFDAX_MAGIC_SUPER) ? ~0U : sbi->s_seed;

	crc = crc32c(crc, block, offset);
	crc = crc32c(crc, &zero, sizeof(zero));
	offset += sizeof(zero);
	return crc32c(crc, block + offset, REFDAX_BLOCK_SIZE - offset);
}

void refdax_init_header(struct refdax_header *header, u32 magic, u64 block, u64 owner,
			u32 generation)
{
	header->h_magic = cpu_to_le32(magic);
	header->h_block = cpu_to_le64(block);
	header->h_owner = cpu_to_le64(owner);
	header->h_generation = cpu_to_le32(generation);
}

struct buffer_head *refdax_read_block(struct super_block *sb, u64 block, u32 magic, u64 owner,
				      u32 generation, bool *fresh)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_header *header;
	struct buffer_head *bh;
	const char *what;

	*fresh = false;
	if (block >= sbi->s_blocks)
		return ERR_PTR(refdax_damage(sb, "block %llu of owner %llu is behind the end",
					     block, owner));
	bh = sb_bread(sb, block);
	if (!bh) {
		refdax_msg(sb, KERN_ERR, "cannot read block %llu of owner %llu", block, owner);
		return ERR_PTR(-EIO);
	}
	header = (struct refdax_header *)bh->b_data;
	what = NULL;
	if (le32_to_cpu(header->h_magic) != magic)
		what = "magic number";
	else if (le64_to_cpu(header->h_block) != block)
		what = "block number";
	else if (le64_to_cpu(header->h_owner) != owner ||
		 le32_to_cpu(header->h_generation) != generation)
		what = "owner";
	/*
	 * A block is verified once, before anybody changes it; from then on its
	 * checksum is stale until the commit makes it anew. Those who change it
	 * hold a lock that keeps readers of it out.
	 */
	else if (!buffer_refdax_verified(bh)) {
		if (le32_to_cpu(header->h_crc) != refdax_block_crc(sbi, bh->b_data))
			what = "checksum";
		*fresh = true;
	}
	if (what) {
		refdax_damage(sb, "block %llu of owner %llu has a wrong %s", block, owner, what);
		brelse(bh);
		return ERR_PTR(-EFSCORRUPTED);
	}
	if (*fresh && magic != REFDAX_MAGIC_BLOCKS && magic != REFDAX_MAGIC_INODES) {
		int err = refdax_claim_metadata(sb, block);

		if (err) {
			brelse(bh);
			return ERR_PTR(err);
		}
	}
	return bh;
}

int refdax_check_super(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_super *super = sbi->s_super;
	u64 incompat = le64_to_cpu(super->s_incompat) & ~REFDAX_INCOMPAT_ALL;
	u64 ro_compat = le64_to_cpu(super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL;
	u64 blocks = le64_to_cpu(super->s_blocks), groups, last;
	u32 journal = le32_to_cpu(super->s_journal_blocks);
	u32 inodes = le32_to_cpu(super->s_inodes_per_group);

	if (le32_to_cpu(super->s_header.h_magic) != REFDAX_MAGIC_SUPER) {
		refdax_msg(sb, KERN_ERR, "no refdax filesystem here: block 0 has the magic number 0x%08x; mkfs.refdax makes one",
			   le32_to_cpu(super->s_header.h_magic));
		return -EINVAL;
	}
	if (le32_to_cpu(super->s_version) != REFDAX_VERSION || incompat) {
		refdax_msg(sb, KERN_ERR, "format version %u with features 0x%llx: this module knows version %d and features 0x%llx; a newer one is needed",
			   le32_to_cpu(super->s_version), le64_to_cpu(super->s_incompat),
			   REFDAX_VERSION, REFDAX_INCOMPAT_ALL);
		return -EINVAL;
	}
	if (le32_to_cpu(super->s_header.h_crc) != refdax_block_crc(sbi, super)) {
		refdax_msg(sb, KERN_ERR, "the superblock has a wrong checksum: it is damaged; run fsck.refdax");
		return -EFSCORRUPTED;
	}
	if (le32_to_cpu(super->s_block_size) != REFDAX_BLOCK_SIZE) {
		refdax_msg(sb, KERN_ERR, "block size %u: DAX maps whole pages, so it must be %d",
			   le32_to_cpu(super->s_block_size), REFDAX_BLOCK_SIZE);
		return -EINVAL;
	}
	if (ro_compat && !sb_rdonly(sb)) {
		refdax_msg(sb, KERN_ERR, "unknown read-only features 0x%llx: mount it with -o ro",
			   ro_compat);
		return -EROFS;
	}

	groups = DIV_ROUND_UP_ULL(blocks, REFDAX_BLOCKS_PER_GROUP);
	last = blocks % REFDAX_BLOCKS_PER_GROUP;
	if (le32_to_cpu(super->s_blocks_per_group) != REFDAX_BLOCKS_PER_GROUP ||
	    !inodes || inodes > REFDAX_MAX_INODES_PER_GROUP || inodes % REFDAX_INODES_PER_BLOCK ||
	    le32_to_cpu(super->s_inode_size) != REFDAX_INODE_SIZE ||
	    le64_to_cpu(super->s_journal_block) != REFDAX_JOURNAL_BLOCK ||
	    journal < REFDAX_MIN_JOURNAL || journal > REFDAX_MAX_JOURNAL ||
	    le32_to_cpu(super->s_groups) != groups || blocks > REFDAX_LOGICAL_MAX ||
	    (last && last < REFDAX_MIN_GROUP(inodes)) ||
	    blocks < REFDAX_JOURNAL_BLOCK + journal + REFDAX_MIN_GROUP(inodes)) {
		refdax_msg(sb, KERN_ERR, "the superblock describes an impossible layout: it is damaged; run fsck.refdax");
		return -EFSCORRUPTED;
	}
	if (blocks > bdev_nr_bytes(sb->s_bdev) >> REFDAX_BLOCK_BITS) {
		refdax_msg(sb, KERN_ERR, "the filesystem has %llu blocks and the device only %llu: it was cut off, or this is another device",
			   blocks, (u64)bdev_nr_bytes(sb->s_bdev) >> REFDAX_BLOCK_BITS);
		return -EINVAL;
	}
	sbi->s_blocks = blocks;
	sbi->s_ngroups = groups;
	sbi->s_inodes_per_group = inodes;
	sbi->s_max_ino = groups * inodes;
	sbi->s_seed = crc32c(~0, super->s_uuid, sizeof(super->s_uuid));
	sbi->s_hash_key.key[0] = le64_to_cpu(super->s_hash_key[0]);
	sbi->s_hash_key.key[1] = le64_to_cpu(super->s_hash_key[1]);
	return 0;
}

int refdax_write_super(struct super_block *sb, bool clean)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_super *super = sbi->s_super;
	u32 state = le32_to_cpu(super->s_state);

	lock_buffer(sbi->s_bh);
	state = clean ? state | REFDAX_STATE_CLEAN : state & ~REFDAX_STATE_CLEAN;
	if (test_bit(REFDAX_SB_DAMAGED, &sbi->s_flags))
		state |= REFDAX_STATE_ERRORS;
	super->s_state = cpu_to_le32(state);
	super->s_header.h_crc = cpu_to_le32(refdax_block_crc(sbi, super));
	mark_buffer_dirty(sbi->s_bh);
	unlock_buffer(sbi->s_bh);
	return sync_dirty_buffer(sbi->s_bh);
}

static int refdax_write_backup(struct super_block *sb, u64 block)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_super *copy;
	struct buffer_head *bh;
	int err;

	bh = sb_getblk(sb, block);
	if (!bh)
		return -ENOMEM;
	copy = (struct refdax_super *)bh->b_data;
	lock_buffer(bh);
	lock_buffer(sbi->s_bh);
	memcpy(copy, sbi->s_super, sizeof(*copy));
	unlock_buffer(sbi->s_bh);
	/* All else is as mkfs.refdax made it: what changes with each mount is not to be had from it. */
	copy->s_header.h_block = cpu_to_le64(block);
	copy->s_state = cpu_to_le32(REFDAX_STATE_CLEAN);
	copy->s_last_orphan = 0;
	copy->s_mount_time = 0;
	copy->s_mount_count = 0;
	copy->s_header.h_crc = cpu_to_le32(refdax_block_crc(sbi, copy));
	set_buffer_uptodate(bh);
	mark_buffer_dirty(bh);
	unlock_buffer(bh);
	err = sync_dirty_buffer(bh);
	brelse(bh);
	return err;
}

int refdax_write_backups(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	int err = 0;
	u32 i;

	if (!(le64_to_cpu(sbi->s_super->s_compat) & REFDAX_COMPAT_BACKUP))
		return 0;
	for (i = 0; i < sbi->s_ngroups && !err; i++) {
		u64 start = refdax_group_start(i);
		u32 length = min_t(u64, REFDAX_BLOCKS_PER_GROUP, sbi->s_blocks - start);

		if (refdax_group_has_backup(i, length))
			err = refdax_write_backup(sb, start + length - 1);
	}
	return err;
}
