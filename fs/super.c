// SPDX-License-Identifier: GPL-2.0-only
/* Mounting, unmounting, and what concerns the filesystem as a whole. */
#include <linux/blkdev.h>
#include <linux/crc32c.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "refdax.h"

static struct kmem_cache *refdax_inode_cache;

/* Bits of jbd2 end before this one; journal.c asserts it. */
enum {
	BH_RefdaxVerified = BH_PrivateStart + 16,
};
BUFFER_FNS(RefdaxVerified, refdax_verified)

void refdax_set_verified(struct buffer_head *bh)
{
	set_buffer_refdax_verified(bh);
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
	return bh;
}

/*
 * Inodes.
 */

static struct inode *refdax_alloc_inode(struct super_block *sb)
{
	struct refdax_inode_info *ri = alloc_inode_sb(sb, refdax_inode_cache, GFP_NOFS);

	if (!ri)
		return NULL;
	ri->i_flags = 0;
	ri->i_parent = 0;
	ri->i_next_orphan = 0;
	ri->i_sync_tid = 0;
	ri->i_datasync_tid = 0;
	ri->i_new_first = 1;
	ri->i_new_last = 0;
	return &ri->vfs_inode;
}

static void refdax_free_inode_memory(struct inode *inode)
{
	struct refdax_inode_info *ri = REFDAX_I(inode);

	if (S_ISLNK(inode->i_mode) && inode->i_link != (char *)ri->i_root)
		kfree(inode->i_link);
	kmem_cache_free(refdax_inode_cache, ri);
}

static void refdax_inode_once(void *object)
{
	struct refdax_inode_info *ri = object;

	init_rwsem(&ri->i_extent_sem);
	spin_lock_init(&ri->i_raw_lock);
	INIT_LIST_HEAD(&ri->i_orphan);
	inode_init_once(&ri->vfs_inode);
}

/*
 * The superblock.
 */

static int refdax_check_super(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_super *super = sbi->s_super;
	u64 incompat = le64_to_cpu(super->s_incompat) & ~REFDAX_INCOMPAT_ALL;
	u64 ro_compat = le64_to_cpu(super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL;
	u64 blocks = le64_to_cpu(super->s_blocks), groups, last;
	u32 journal = le32_to_cpu(super->s_journal_blocks);

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
	    le32_to_cpu(super->s_inodes_per_group) != REFDAX_INODES_PER_GROUP ||
	    le32_to_cpu(super->s_inode_size) != REFDAX_INODE_SIZE ||
	    le64_to_cpu(super->s_journal_block) != REFDAX_JOURNAL_BLOCK ||
	    journal < REFDAX_MIN_JOURNAL || journal > REFDAX_MAX_JOURNAL ||
	    le32_to_cpu(super->s_groups) != groups || blocks > REFDAX_LOGICAL_MAX ||
	    (last && last < REFDAX_MIN_GROUP) ||
	    blocks < REFDAX_JOURNAL_BLOCK + journal + REFDAX_MIN_GROUP) {
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
	sbi->s_max_ino = groups * REFDAX_INODES_PER_GROUP;
	sbi->s_seed = crc32c(~0, super->s_uuid, sizeof(super->s_uuid));
	sbi->s_hash_key.key[0] = le64_to_cpu(super->s_hash_key[0]);
	sbi->s_hash_key.key[1] = le64_to_cpu(super->s_hash_key[1]);
	return 0;
}

/* Write the superblock at once. Only while no transaction can have it. */
static int refdax_write_super(struct super_block *sb, bool clean)
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

static void refdax_put_super(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	bool had_journal = sbi->s_journal;
	int err;

	refdax_lab_umount(sb);
	err = refdax_journal_destroy(sb);
	if (had_journal && !sb_rdonly(sb)) {
		if (err)
			refdax_msg(sb, KERN_ERR, "the journal could not be written back at unmount (error %d): the next mount replays it",
				   err);
		else
			refdax_write_super(sb, true);
	}
	WARN_ON_ONCE(!list_empty(&sbi->s_orphans) && !err &&
		     !test_bit(REFDAX_SB_DAMAGED, &sbi->s_flags));
	sync_blockdev(sb->s_bdev);
	refdax_groups_free(sb);
	brelse(sbi->s_bh);
	/* Blocks change between metadata and data: leave no buffer behind that could hide data. */
	invalidate_bdev(sb->s_bdev);
	percpu_counter_destroy(&sbi->s_free_blocks);
	percpu_counter_destroy(&sbi->s_free_inodes);
	percpu_free_rwsem(&sbi->s_writepages_rwsem);
	fs_put_dax(sbi->s_daxdev, NULL);
	sb->s_fs_info = NULL;
	kfree(sbi);
}

static int refdax_sync_fs(struct super_block *sb, int wait)
{
	return refdax_journal_sync(sb, wait);
}

static int refdax_freeze_fs(struct super_block *sb)
{
	return refdax_journal_freeze(sb);
}

static int refdax_unfreeze_fs(struct super_block *sb)
{
	return 0;
}

/* umount -f: threads held at a gate would keep the filesystem busy for ever. */
static void refdax_umount_begin(struct super_block *sb)
{
	refdax_lab_release_all(sb);
}

static int refdax_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct refdax_sb_info *sbi = REFDAX_SB(dentry->d_sb);

	buf->f_type = REFDAX_SUPER_MAGIC;
	buf->f_bsize = REFDAX_BLOCK_SIZE;
	buf->f_blocks = sbi->s_blocks - REFDAX_JOURNAL_BLOCK -
			le32_to_cpu(sbi->s_super->s_journal_blocks) -
			(u64)sbi->s_ngroups * REFDAX_GROUP_OVERHEAD;
	buf->f_bfree = percpu_counter_sum_positive(&sbi->s_free_blocks);
	buf->f_bavail = buf->f_bfree;
	buf->f_files = sbi->s_max_ino;
	buf->f_ffree = percpu_counter_sum_positive(&sbi->s_free_inodes);
	buf->f_namelen = REFDAX_NAME_MAX;
	buf->f_fsid = uuid_to_fsid(sbi->s_super->s_uuid);
	return 0;
}

/*
 * Mount options.
 */

enum {
	REFDAX_OPT_DAX,
	REFDAX_OPT_DAX_ENUM,
	REFDAX_OPT_WRITE_FIX,
};

enum {
	REFDAX_DAX_ALWAYS,
	REFDAX_DAX_NEVER,
	REFDAX_DAX_INODE,
};

static const struct constant_table refdax_dax_values[] = {
	{ "always", REFDAX_DAX_ALWAYS },
	{ "never", REFDAX_DAX_NEVER },
	{ "inode", REFDAX_DAX_INODE },
	{}
};

static const struct constant_table refdax_write_fix_values[] = {
	{ "entry", REFDAX_FIX_ENTRY },
	{ "flush", REFDAX_FIX_FLUSH },
	{ "exclusive", REFDAX_FIX_EXCLUSIVE },
	{}
};

static const struct fs_parameter_spec refdax_parameters[] = {
	fsparam_flag("dax", REFDAX_OPT_DAX),
	fsparam_enum("dax", REFDAX_OPT_DAX_ENUM, refdax_dax_values),
	fsparam_enum("write_fix", REFDAX_OPT_WRITE_FIX, refdax_write_fix_values),
	{}
};

struct refdax_options {
	enum refdax_write_fix write_fix;
	bool write_fix_given;
};

static int refdax_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct refdax_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, refdax_parameters, param, &result);

	switch (opt) {
	case REFDAX_OPT_DAX:
		return 0;
	case REFDAX_OPT_DAX_ENUM:
		if (result.uint_32 != REFDAX_DAX_ALWAYS)
			return invalf(fc, "refdax: dax=%s is not supported yet: every regular file is DAX (dax=always)",
				      refdax_dax_values[result.uint_32].name);
		return 0;
	case REFDAX_OPT_WRITE_FIX:
		options->write_fix = result.uint_32;
		options->write_fix_given = true;
		return 0;
	default:
		return opt;
	}
}

static int refdax_show_options(struct seq_file *seq, struct dentry *root)
{
	struct refdax_sb_info *sbi = REFDAX_SB(root->d_sb);

	seq_printf(seq, ",dax=always,write_fix=%s",
		   refdax_write_fix_values[sbi->s_write_fix].name);
	return 0;
}

static const struct super_operations refdax_super_operations = {
	.alloc_inode	= refdax_alloc_inode,
	.free_inode	= refdax_free_inode_memory,
	.dirty_inode	= refdax_dirty_inode,
	.write_inode	= refdax_write_inode,
	.evict_inode	= refdax_evict_inode,
	.put_super	= refdax_put_super,
	.sync_fs	= refdax_sync_fs,
	.freeze_fs	= refdax_freeze_fs,
	.unfreeze_fs	= refdax_unfreeze_fs,
	.statfs		= refdax_statfs,
	.show_options	= refdax_show_options,
	.umount_begin	= refdax_umount_begin,
};

static int refdax_load_journal(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	int err;

	if (bdev_read_only(sb->s_bdev)) {
		if (!sb_rdonly(sb)) {
			refdax_msg(sb, KERN_ERR, "the device is read-only: mount it with -o ro");
			return -EROFS;
		}
		if (le32_to_cpu(sbi->s_super->s_state) & REFDAX_STATE_CLEAN)
			return 0;
		refdax_msg(sb, KERN_ERR, "the filesystem was not unmounted cleanly and its device is read-only: its journal cannot be replayed");
		return -EROFS;
	}
	err = refdax_journal_load(sb);
	/* The replay may have brought another superblock. */
	return err ?: refdax_check_super(sb);
}

/* From here on the filesystem is in use for writing. */
static int refdax_start_writing(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	int err;

	if (le32_to_cpu(sbi->s_super->s_state) & REFDAX_STATE_ERRORS)
		refdax_msg(sb, KERN_WARNING, "damage was found in an earlier mount: run fsck.refdax");
	sbi->s_super->s_mount_time = cpu_to_le64(ktime_get_real_seconds());
	le32_add_cpu(&sbi->s_super->s_mount_count, 1);
	err = refdax_write_super(sb, false);
	return err ?: refdax_orphan_cleanup(sb);
}

static int refdax_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct refdax_options *options = fc->fs_private;
	struct refdax_sb_info *sbi;
	struct inode *root;
	int err;

	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sbi->s_sb = sb;
	sbi->s_write_fix = options->write_fix;
	mutex_init(&sbi->s_orphan_lock);
	INIT_LIST_HEAD(&sbi->s_orphans);

	err = percpu_counter_init(&sbi->s_free_blocks, 0, GFP_KERNEL);
	if (err)
		goto out_free;
	err = percpu_counter_init(&sbi->s_free_inodes, 0, GFP_KERNEL);
	if (err)
		goto out_blocks;
	err = percpu_init_rwsem(&sbi->s_writepages_rwsem);
	if (err)
		goto out_inodes;

	err = -EINVAL;
	if (PAGE_SIZE != REFDAX_BLOCK_SIZE) {
		refdax_msg(sb, KERN_ERR, "pages have %lu bytes here and blocks %d: DAX needs them to be equal",
			   PAGE_SIZE, REFDAX_BLOCK_SIZE);
		goto out_rwsem;
	}
	if (!sb_set_blocksize(sb, REFDAX_BLOCK_SIZE)) {
		refdax_msg(sb, KERN_ERR, "the device cannot have blocks of %d bytes",
			   REFDAX_BLOCK_SIZE);
		goto out_rwsem;
	}
	sbi->s_daxdev = fs_dax_get_by_bdev(sb->s_bdev, &sbi->s_dax_offset, NULL, NULL);
	if (!sbi->s_daxdev) {
		refdax_msg(sb, KERN_ERR, "the device does not support DAX: refdax needs persistent memory in fsdax mode (or memmap=)");
		err = -EOPNOTSUPP;
		goto out_rwsem;
	}
	sbi->s_bh = sb_bread(sb, REFDAX_SUPER_BLOCK);
	if (!sbi->s_bh) {
		refdax_msg(sb, KERN_ERR, "cannot read the superblock");
		err = -EIO;
		goto out_dax;
	}
	sbi->s_super = (struct refdax_super *)sbi->s_bh->b_data;
	err = refdax_check_super(sb);
	if (err)
		goto out_super;

	sb->s_magic = REFDAX_SUPER_MAGIC;
	sb->s_op = &refdax_super_operations;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_max_links = REFDAX_LINK_MAX;
	sb->s_time_gran = 1;
	sb->s_time_min = S64_MIN;
	sb->s_time_max = S64_MAX;
	refdax_set_uuid(sb, sbi->s_super->s_uuid);

	err = refdax_load_journal(sb);
	if (err)
		goto out_super;
	err = refdax_groups_load(sb);
	if (err)
		goto out_groups;
	err = refdax_lab_mount(sb);
	if (err)
		goto out_groups;
	if (!sb_rdonly(sb)) {
		err = refdax_start_writing(sb);
		if (err)
			goto out_lab;
	}

	root = refdax_iget(sb, REFDAX_ROOT_INO, false);
	if (IS_ERR(root)) {
		err = PTR_ERR(root);
		goto out_lab;
	}
	if (!S_ISDIR(root->i_mode)) {
		err = refdax_damage(sb, "the root is not a directory");
		iput(root);
		goto out_lab;
	}
	sb->s_root = d_make_root(root);
	if (!sb->s_root) {
		err = -ENOMEM;
		goto out_lab;
	}
	refdax_msg(sb, KERN_INFO, "mounted %pU", sbi->s_super->s_uuid);
	return 0;

out_lab:
	refdax_lab_umount(sb);
out_groups:
	/* Its last commit still uses the groups. */
	refdax_journal_destroy(sb);
	refdax_groups_free(sb);
out_super:
	refdax_journal_destroy(sb);
	brelse(sbi->s_bh);
out_dax:
	fs_put_dax(sbi->s_daxdev, NULL);
out_rwsem:
	percpu_free_rwsem(&sbi->s_writepages_rwsem);
out_inodes:
	percpu_counter_destroy(&sbi->s_free_inodes);
out_blocks:
	percpu_counter_destroy(&sbi->s_free_blocks);
out_free:
	sb->s_fs_info = NULL;
	kfree(sbi);
	return err;
}

static int refdax_get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, refdax_fill_super);
}

static int refdax_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	struct refdax_options *options = fc->fs_private;
	bool ro = fc->sb_flags & SB_RDONLY;
	int err;

	err = sync_filesystem(sb);
	if (err)
		return err;
	if (ro && !sb_rdonly(sb)) {
		err = refdax_journal_freeze(sb);
		if (err)
			return err;
		refdax_write_super(sb, true);
	} else if (!ro && sb_rdonly(sb)) {
		if (!sbi->s_journal) {
			errorf(fc, "refdax: the journal was not opened because the device is read-only: unmount, then mount again");
			return -EROFS;
		}
		if (le64_to_cpu(sbi->s_super->s_ro_compat) & ~REFDAX_RO_COMPAT_ALL) {
			errorf(fc, "refdax: unknown read-only features 0x%llx forbid writing",
			       le64_to_cpu(sbi->s_super->s_ro_compat));
			return -EROFS;
		}
		sb->s_flags &= ~SB_RDONLY;
		err = refdax_start_writing(sb);
		if (err) {
			sb->s_flags |= SB_RDONLY;
			return err;
		}
	}
	/* Writes read it once each, so that it may change between two. */
	if (options->write_fix_given)
		WRITE_ONCE(sbi->s_write_fix, options->write_fix);
	return 0;
}

static void refdax_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations refdax_context_operations = {
	.parse_param	= refdax_parse_param,
	.get_tree	= refdax_get_tree,
	.reconfigure	= refdax_reconfigure,
	.free		= refdax_free_fc,
};

static int refdax_init_fs_context(struct fs_context *fc)
{
	fc->fs_private = kzalloc(sizeof(struct refdax_options), GFP_KERNEL);
	if (!fc->fs_private)
		return -ENOMEM;
	fc->ops = &refdax_context_operations;
	return 0;
}

static struct file_system_type refdax_type = {
	.owner			= THIS_MODULE,
	.name			= "refdax",
	.init_fs_context	= refdax_init_fs_context,
	.parameters		= refdax_parameters,
	.kill_sb		= kill_block_super,
	.fs_flags		= FS_REQUIRES_DEV | FS_ALLOW_IDMAP,
};
MODULE_ALIAS_FS("refdax");

static int __init refdax_init(void)
{
	int err;

	/* readlink(2) copies short targets straight from i_root. */
	refdax_inode_cache = kmem_cache_create_usercopy("refdax_inode",
			sizeof(struct refdax_inode_info), 0, SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
			offsetof(struct refdax_inode_info, i_root),
			sizeof_field(struct refdax_inode_info, i_root), refdax_inode_once);
	if (!refdax_inode_cache)
		return -ENOMEM;
	err = refdax_lab_init();
	if (err)
		goto out_cache;
	err = register_filesystem(&refdax_type);
	if (err)
		goto out_lab;
	return 0;

out_lab:
	refdax_lab_exit();
out_cache:
	kmem_cache_destroy(refdax_inode_cache);
	return err;
}

static void __exit refdax_exit(void)
{
	unregister_filesystem(&refdax_type);
	refdax_lab_exit();
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(refdax_inode_cache);
}

module_init(refdax_init);
module_exit(refdax_exit);

MODULE_DESCRIPTION("Reference DAX filesystem of daxtrace");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: crc32c");
