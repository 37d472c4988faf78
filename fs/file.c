// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files: what does not depend on how their data is reached, and the way
 * to what does (dax.c, aops.c, journal_data.c). See fallocate.c for fallocate(2).
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/fiemap.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "refdax.h"
#include "trace.h"

static int refdax_open(struct inode *inode, struct file *file)
{
	file->f_mode |= FMODE_NOWAIT | FMODE_CAN_ODIRECT;
	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	return generic_file_open(inode, file);
}

/*
 * Read and write. The mode is read once, with i_rwsem held, which keeps it as it
 * is until the I/O is done (see mode.c).
 */

static enum refdax_mode refdax_mode(struct inode *inode)
{
	return READ_ONCE(REFDAX_I(inode)->i_data_mode);
}

/*
 * The bug io_mode_twice: the mode is read before the lock is taken. Returns what
 * the I/O then goes by; @mode was read under the lock. Without the bug, @mode.
 */
static enum refdax_mode refdax_io_mode(struct inode *inode, enum refdax_mode early)
{
	enum refdax_mode mode = refdax_mode(inode);

	if (!refdax_bug(inode->i_sb, REFDAX_BUG_IO_MODE_TWICE))
		return mode;
	/* Other modes have no ->write_begin to call. */
	return early == REFDAX_MODE_JOURNAL && mode != early ? REFDAX_MODE_CACHE : early;
}

static bool refdax_lock_shared(struct inode *inode, bool nowait)
{
	if (nowait)
		return inode_trylock_shared(inode);
	inode_lock_shared(inode);
	return true;
}

static ssize_t refdax_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	enum refdax_mode mode = refdax_mode(inode);
	ssize_t ret;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	if (!iov_iter_count(to))
		return 0;
	/* Held: nothing. */
	refdax_gate(inode->i_sb, REFDAX_GATE_IO_MODE);
	if (!refdax_lock_shared(inode, iocb->ki_flags & IOCB_NOWAIT))
		return -EAGAIN;
	mode = refdax_io_mode(inode, mode);
	if (mode == REFDAX_MODE_DAX)
		ret = refdax_dax_read(iocb, to);
	/* Journalled data may be newer in the journal than on the device. */
	else if (mode == REFDAX_MODE_CACHE && (iocb->ki_flags & IOCB_DIRECT))
		ret = refdax_direct_read(iocb, to);
	else
		ret = filemap_read(iocb, to, 0);
	inode_unlock_shared(inode);
	return ret;
}

int refdax_zero_range(struct inode *inode, loff_t pos, loff_t length)
{
	loff_t size = i_size_read(inode);
	int err;

	if (!length)
		return 0;
	switch (refdax_mode(inode)) {
	case REFDAX_MODE_DAX:
		return dax_zero_range(inode, pos, length, NULL, &refdax_dax_iomap_ops);
	case REFDAX_MODE_JOURNAL:
		return refdax_journalled_zero(inode, pos, length);
	default:
		break;
	}
	/*
	 * iomap takes unwritten blocks for zeroes, without a look at the page cache,
	 * which may hold what will make them written ones: so let it do that first.
	 */
	err = filemap_write_and_wait_range(inode->i_mapping, pos, pos + length - 1);
	if (!err)
		err = refdax_iomap_zero_range(inode, pos, length, &refdax_cache_iomap_ops,
					      &refdax_cache_write_ops);
	/* Before 6.10 it moves i_size to where it has zeroed. */
	if (i_size_read(inode) > size) {
		spin_lock(&REFDAX_I(inode)->i_raw_lock);
		i_size_write(inode, size);
		spin_unlock(&REFDAX_I(inode)->i_raw_lock);
	}
	return err;
}

int refdax_zero_tail(struct inode *inode, loff_t size)
{
	loff_t end = i_size_read(inode);

	return refdax_zero_range(inode, end, min(size, round_up(end, REFDAX_BLOCK_SIZE)) - end);
}

/*
 * The write wanted to grow the file and is over; @complete: it wrote all that it
 * was asked to, up to @end. Under i_rwsem. Ends what refdax_allocate_for_write()
 * began.
 */
static int refdax_write_end(struct inode *inode, enum refdax_mode mode, loff_t end, bool complete)
{
	struct jbd2_journal_handle *handle;
	int err, err2;

	/* The page cache has moved i_size, and writeback will move the size on disk. */
	if (mode == REFDAX_MODE_DAX && end > i_size_read(inode))
		refdax_set_sizes(inode, end);
	else if (list_empty(&REFDAX_I(inode)->i_orphan))
		return 0;
	/* Blocks behind the end that it did not get to: nobody can have mapped them. */
	if (!complete) {
		err = refdax_free_beyond_eof(inode);
		if (err)
			return err;
	}
	handle = refdax_journal_start(inode, REFDAX_ORPHAN_CREDITS + REFDAX_INODE_CREDITS, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = refdax_orphan_done(handle, inode);
	if (!err)
		err = refdax_inode_update_data(handle, inode);
	err2 = refdax_journal_stop(inode, handle);
	return err ?: err2;
}

/* With i_rwsem held exclusively. */
static ssize_t refdax_write_locked(struct kiocb *iocb, struct iov_iter *from,
				   enum refdax_mode mode)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t size = i_size_read(inode), pos;
	size_t count;
	ssize_t ret;
	int err;

	err = refdax_writable(inode->i_sb);
	if (err)
		return err;
	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		return ret;
	pos = iocb->ki_pos;
	count = iov_iter_count(from);
	if ((iocb->ki_flags & IOCB_NOWAIT) && pos + count > size)
		return -EAGAIN;
	err = kiocb_modified(iocb);
	if (!err && pos > size)
		err = refdax_zero_tail(inode, pos);
	if (err)
		return err;

	if (mode == REFDAX_MODE_DAX)
		ret = refdax_dax_write(iocb, from);
	else if (mode == REFDAX_MODE_JOURNAL)
		ret = refdax_journalled_write(iocb, from);
	else if (iocb->ki_flags & IOCB_DIRECT)
		ret = refdax_direct_write(iocb, from);
	else
		ret = refdax_cache_write(iocb, from);

	/* Also a write that did not grow the file may have allocated the block that has its end. */
	if (pos + count > size || (inode->i_nlink && !list_empty(&REFDAX_I(inode)->i_orphan))) {
		err = refdax_write_end(inode, mode, iocb->ki_pos, ret == count);
		if (err)
			ret = err;
	}
	return ret;
}

static ssize_t refdax_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	enum refdax_mode mode = refdax_mode(inode);
	ssize_t ret;

	trace_refdax_write_enter(inode, iocb->ki_pos, iov_iter_count(from));
	/* Held: nothing. */
	refdax_gate(inode->i_sb, REFDAX_GATE_IO_MODE);
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (!inode_trylock(inode)) {
			ret = -EAGAIN;
			goto out;
		}
	} else {
		inode_lock(inode);
	}
	ret = refdax_write_locked(iocb, from, refdax_io_mode(inode, mode));
	inode_unlock(inode);
	if (ret > 0)
		ret = generic_write_sync(iocb, ret);
out:
	trace_refdax_write_exit(inode, ret);
	return ret;
}

/*
 * The VFS asks IS_DAX() with nothing held, and not everywhere. Copying goes
 * through ->read_iter, which is right in every mode; folios are taken from the
 * page cache only while i_rwsem says that it is in use.
 */
static ssize_t refdax_splice_read(struct file *file, loff_t *pos, struct pipe_inode_info *pipe,
				  size_t length, unsigned int flags)
{
	struct inode *inode = file_inode(file);
	ssize_t ret;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	if (REFDAX_SPLICE_TAKES_LOCKS)
		return refdax_splice_copy(file, pos, pipe, length, flags);
	inode_lock_shared(inode);
	if (refdax_mode(inode) == REFDAX_MODE_DAX) {
		inode_unlock_shared(inode);
		return refdax_splice_copy(file, pos, pipe, length, flags);
	}
	ret = refdax_splice_page_cache(file, pos, pipe, length, flags);
	inode_unlock_shared(inode);
	return ret;
}

/*
 * Mappings.
 */

void refdax_vma_open(struct vm_area_struct *vma)
{
	atomic_inc(&REFDAX_I(file_inode(vma->vm_file))->i_vmas);
}

void refdax_vma_close(struct vm_area_struct *vma)
{
	atomic_dec(&REFDAX_I(file_inode(vma->vm_file))->i_vmas);
}

/*
 * The VMA counts from here on, so that the mode that it has been given stays. No
 * flag of the VMA may change here: the kernel would try to merge it then, and
 * drop it without ->close. DAX needs no VM_HUGEPAGE for huge faults since 6.0.
 * Lock order, see dax.c: mmap_lock > invalidate_lock.
 */
static int refdax_mmap(struct file *file, struct vm_area_struct *vma)
{
	static const struct vm_operations_struct *const operations[] = {
		[REFDAX_MODE_DAX]	= &refdax_dax_vm_ops,
		[REFDAX_MODE_CACHE]	= &refdax_cache_vm_ops,
		[REFDAX_MODE_JOURNAL]	= &refdax_journalled_vm_ops,
	};
	struct inode *inode = file_inode(file);
	bool lock = !refdax_bug(inode->i_sb, REFDAX_BUG_FLIP_DURING_MMAP);
	enum refdax_mode mode;
	int err = 0;

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	if (lock)
		filemap_invalidate_lock_shared(inode->i_mapping);
	mode = refdax_mode(inode);
	/* MAP_SYNC without DAX, or on a device whose writes are not durable by themselves. */
	if (!refdax_mapping_supported(vma, inode, REFDAX_SB(inode->i_sb)->s_daxdev)) {
		err = -EOPNOTSUPP;
	} else {
		/* Held: the mmap_lock, and the invalidate_lock shared, so flips must wait. */
		refdax_gate(inode->i_sb, REFDAX_GATE_MMAP_MODE);
		vma->vm_ops = operations[mode];
		refdax_vma_open(vma);
	}
	if (lock)
		filemap_invalidate_unlock_shared(inode->i_mapping);
	if (!err)
		file_accessed(file);
	return err;
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
		/* Reporting is the same in all modes; iomap looks into the page cache by itself. */
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

	if (refdax_is_shut_down(inode->i_sb))
		return -EIO;
	trace_refdax_fsync_enter(inode, start, end == LLONG_MAX ? 0 : end - start + 1);
	err = 0;
	if (!refdax_bug(inode->i_sb, REFDAX_BUG_FSYNC_SKIPS_DATA))
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
	.read_iter		= refdax_read,
	.write_iter		= refdax_write,
	.mmap			= refdax_mmap,
	.unlocked_ioctl		= refdax_ioctl,
	.compat_ioctl		= compat_ptr_ioctl,
	REFDAX_FOP_SYNC,
	.get_unmapped_area	= thp_get_unmapped_area,
	.fsync			= refdax_fsync,
	.splice_read		= refdax_splice_read,
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
