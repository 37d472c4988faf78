// SPDX-License-Identifier: GPL-2.0-only
/* Regular files: what is not specific to DAX. See fallocate.c for fallocate(2). */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/fiemap.h>
#include <linux/mman.h>
#include <linux/pagemap.h>

#include "refdax.h"
#include "trace.h"

static int refdax_open(struct inode *inode, struct file *file)
{
	file->f_mode |= FMODE_NOWAIT | FMODE_CAN_ODIRECT;
	return generic_file_open(inode, file);
}

static int refdax_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct inode *inode = file_inode(file);

	/* MAP_SYNC on a device whose writes are not durable by themselves. */
	if (!refdax_mapping_supported(vma, inode, REFDAX_SB(inode->i_sb)->s_daxdev))
		return -EOPNOTSUPP;
	file_accessed(file);
	vma->vm_ops = &refdax_dax_vm_ops;
	refdax_vm_flags_set(vma, VM_HUGEPAGE);
	return 0;
}

/*
 * For SEEK_DATA and SEEK_HOLE. Unwritten blocks are data where the page cache has
 * something for them. A DAX mapping has entries as well, but they say nothing: a
 * read fault made them, and whoever writes converts the block first.
 */
static int refdax_seek_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			     struct iomap *iomap, struct iomap *srcmap)
{
	int err;

	err = refdax_dax_iomap_ops.iomap_begin(inode, pos, length, flags, iomap, srcmap);
	if (!err && IS_DAX(inode) && iomap->type == IOMAP_UNWRITTEN)
		iomap->type = IOMAP_HOLE;
	return err;
}

static const struct iomap_ops refdax_seek_iomap_ops = {
	.iomap_begin	= refdax_seek_begin,
};

static loff_t refdax_llseek(struct file *file, loff_t offset, int whence)
{
	struct inode *inode = file_inode(file);

	switch (whence) {
	case SEEK_HOLE:
	case SEEK_DATA:
		inode_lock_shared(inode);
		if (whence == SEEK_HOLE)
			offset = iomap_seek_hole(inode, offset, &refdax_seek_iomap_ops);
		else
			offset = iomap_seek_data(inode, offset, &refdax_seek_iomap_ops);
		inode_unlock_shared(inode);
		if (offset < 0)
			return offset;
		return vfs_setpos(file, offset, inode->i_sb->s_maxbytes);
	default:
		return generic_file_llseek(file, offset, whence);
	}
}

static int refdax_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct refdax_inode_info *ri = REFDAX_I(inode);
	int err;

	trace_refdax_fsync_enter(inode, start, end == LLONG_MAX ? 0 : end - start + 1);
	err = file_write_and_wait_range(file, start, end);
	if (!err)
		err = refdax_journal_commit(inode->i_sb,
					    datasync ? ri->i_datasync_tid : ri->i_sync_tid);
	trace_refdax_fsync_exit(inode, err);
	return err;
}

static int refdax_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int err;

	inode_lock_shared(inode);
	err = iomap_fiemap(inode, info, start, len, &refdax_dax_iomap_ops);
	inode_unlock_shared(inode);
	return err;
}

const struct file_operations refdax_file_operations = {
	.open			= refdax_open,
	.llseek			= refdax_llseek,
	.read_iter		= refdax_dax_read,
	.write_iter		= refdax_dax_write,
	.mmap			= refdax_mmap,
	REFDAX_FOP_SYNC,
	.get_unmapped_area	= thp_get_unmapped_area,
	.fsync			= refdax_fsync,
	.splice_read		= REFDAX_SPLICE_READ,
	.splice_write		= iter_file_splice_write,
	.fallocate		= refdax_fallocate,
};

const struct inode_operations refdax_file_inode_operations = {
	.setattr	= refdax_setattr,
	.getattr	= refdax_getattr,
	.fiemap		= refdax_fiemap,
	.listxattr	= refdax_listxattr,
	REFDAX_ACL_OPERATIONS,
	.fileattr_get	= refdax_fileattr_get,
	.fileattr_set	= refdax_fileattr_set,
};
