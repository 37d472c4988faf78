// SPDX-License-Identifier: GPL-2.0-only
/* Mounting, unmounting, and what concerns the filesystem as a whole. */
#include <linux/blkdev.h>
#include <linux/fs_context.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "refdax.h"

static struct kmem_cache *refdax_inode_cache;

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
	ri->i_xattr_block = 0;
	ri->i_fresh = false;
	ri->i_next_orphan = 0;
	ri->i_shift_from = 0;
	ri->i_shift_count = 0;
	ri->i_sync_tid = 0;
	ri->i_datasync_tid = 0;
	ri->i_new_first = 1;
	ri->i_new_last = 0;
	ri->i_data_mode = REFDAX_MODE_CACHE;
	atomic_set(&ri->i_vmas, 0);
	ri->i_disk_size = 0;
	ri->i_map_seq = 0;
	INIT_WORK(&ri->i_ioend_work, refdax_end_io_work);
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
	init_rwsem(&ri->i_xattr_sem);
	spin_lock_init(&ri->i_raw_lock);
	INIT_LIST_HEAD(&ri->i_orphan);
	spin_lock_init(&ri->i_ioend_lock);
	INIT_LIST_HEAD(&ri->i_ioends);
	inode_init_once(&ri->vfs_inode);
}

static void refdax_put_super(struct super_block *sb)
{
	struct refdax_sb_info *sbi = REFDAX_SB(sb);
	bool writing = sbi->s_journal && !sb_rdonly(sb);
	int err;

	refdax_lab_umount(sb);
	destroy_workqueue(sbi->s_ioend_wq);
	err = refdax_journal_destroy(sb);
	if (writing && !refdax_is_shut_down(sb)) {
		if (err)
			refdax_msg(sb, KERN_ERR, "the journal could not be written back at unmount (error %d): the next mount replays it",
				   err);
		else
			refdax_write_super(sb, true);
	}
	WARN_ON_ONCE(!list_empty(&sbi->s_orphans) && !err && !refdax_is_shut_down(sb) &&
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
	if (refdax_is_shut_down(sb))
		return -EIO;
	return refdax_journal_sync(sb, wait);
}

/* The device then holds a filesystem that was unmounted cleanly: for snapshots. */
static int refdax_freeze_fs(struct super_block *sb)
{
	int err = refdax_journal_freeze(sb);

	if (!err && !sb_rdonly(sb))
		err = refdax_write_super(sb, true);
	return err;
}

static int refdax_unfreeze_fs(struct super_block *sb)
{
	if (sb_rdonly(sb) || refdax_is_shut_down(sb))
		return 0;
	return refdax_write_super(sb, false);
}

/* umount -f: threads held at a gate would keep the filesystem busy for ever. */
static void refdax_umount_begin(struct super_block *sb)
{
	refdax_lab_release_all(sb);
}

static int refdax_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct refdax_sb_info *sbi = REFDAX_SB(dentry->d_sb);

	if (refdax_is_shut_down(dentry->d_sb))
		return -EIO;
	buf->f_type = REFDAX_SUPER_MAGIC;
	buf->f_bsize = REFDAX_BLOCK_SIZE;
	buf->f_blocks = sbi->s_data_blocks;
	buf->f_bfree = percpu_counter_sum_positive(&sbi->s_free_blocks);
	buf->f_bavail = buf->f_bfree - min(buf->f_bfree, sbi->s_reserved_blocks);
	buf->f_files = sbi->s_max_ino;
	buf->f_ffree = percpu_counter_sum_positive(&sbi->s_free_inodes);
	buf->f_namelen = REFDAX_NAME_MAX;
	buf->f_fsid = uuid_to_fsid(sbi->s_super->s_uuid);
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

int refdax_start_writing(struct super_block *sb)
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
	sbi->s_dax_option = options->dax;
	sbi->s_errors = options->errors;
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
	sb->s_export_op = &refdax_export_operations;
	sb->s_xattr = refdax_xattr_handlers;
	sb->s_flags |= SB_POSIXACL;
	/* Whole blocks: the end of any range in a file can be rounded up. */
	sb->s_maxbytes = min_t(u64, MAX_LFS_FILESIZE, REFDAX_SIZE_MAX);
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
	/* For trees that grow when unwritten blocks become written: that must not fail. */
	sbi->s_reserved_blocks = min_t(u64, sbi->s_blocks / 64, 1024);
	err = -ENOMEM;
	/* Writeback on behalf of reclaim waits for it. */
	sbi->s_ioend_wq = alloc_workqueue("refdax-ioend/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
					   sb->s_id);
	if (!sbi->s_ioend_wq)
		goto out_groups;
	err = refdax_lab_mount(sb);
	if (err)
		goto out_wq;
	if (!sb_rdonly(sb)) {
		err = refdax_start_writing(sb);
		if (err)
			goto out_lab;
	}

	root = refdax_iget(sb, REFDAX_ROOT_INO, REFDAX_IGET_NAME);
	if (IS_ERR(root)) {
		err = PTR_ERR(root);
		if (err == -ESTALE)
			err = refdax_damage(sb, "the root, inode %d, is free", REFDAX_ROOT_INO);
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
out_wq:
	destroy_workqueue(sbi->s_ioend_wq);
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

int refdax_get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, refdax_fill_super);
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
