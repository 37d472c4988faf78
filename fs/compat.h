/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between the kernels refdax builds for: 6.1 from
 * 6.1.159 on, 6.5 and later. No other file looks at the kernel's version. Where distributions
 * backport an interface the test is on the interface, made by fs/Kbuild with
 * a search in the headers (REFDAX_HAVE_*); elsewhere on the version.
 */
#ifndef REFDAX_COMPAT_H
#define REFDAX_COMPAT_H

#include <linux/version.h>
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mm.h>
/* 7.x: named for what it is since the pagevec has gone. */
#ifdef REFDAX_HAVE_FOLIO_BATCH
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif
#include <linux/posix_acl_xattr.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#include <linux/user_namespace.h>
#endif

/*
 * 6.5, and 6.1.159: direct_write_fallback() is there ("fs: factor out a direct_write_fallback
 * helper"), and with it generic_perform_write() moves ki_pos ("filemap: update ki_pos in
 * generic_perform_write"), which no header shows and journal_data.c relies on.
 */
#ifndef REFDAX_HAVE_DIRECT_WRITE_FALLBACK
#error "refdax needs Linux 6.1.159 or a later 6.1, or 6.5 or later: this one lacks direct_write_fallback()"
#endif

/*
 * 6.3: inode operations take a struct mnt_idmap instead of the mount's
 * struct user_namespace ("fs: port ->mkdir() to pass mnt_idmap" and its
 * neighbours).
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define refdax_idmap	user_namespace
#else
#define refdax_idmap	mnt_idmap
#endif

/*
 * 6.2: ->set_acl gets a dentry ("fs: pass dentry to set acl method"), ->get_acl is
 * called ->get_inode_acl ("fs: rename current get acl method"), and the VFS handles
 * access control lists without a struct xattr_handler.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
typedef struct inode refdax_acl_subject_t;
#define refdax_acl_inode(subject)	(subject)
#define REFDAX_ACL_OPERATIONS		.get_acl = refdax_get_acl, .set_acl = refdax_set_acl
#define REFDAX_ACL_HANDLERS		&posix_acl_access_xattr_handler, \
					&posix_acl_default_xattr_handler,
#define refdax_acl_chmod(idmap, dentry) \
	posix_acl_chmod(idmap, d_inode(dentry), d_inode(dentry)->i_mode)
#else
typedef struct dentry refdax_acl_subject_t;
#define refdax_acl_inode(subject)	d_inode(subject)
#define REFDAX_ACL_OPERATIONS		.get_inode_acl = refdax_get_acl, .set_acl = refdax_set_acl
#define REFDAX_ACL_HANDLERS
#define refdax_acl_chmod(idmap, dentry) \
	posix_acl_chmod(idmap, dentry, d_inode(dentry)->i_mode)
#endif

/*
 * The list as getxattr(2) shows it, and its length; the caller frees it. An ERR_PTR on failure.
 * In newer kernels posix_acl_to_xattr() allocates it by itself.
 */
static inline void *refdax_acl_to_xattr(const struct posix_acl *acl, size_t *size)
{
#ifdef REFDAX_HAVE_ACL_ALLOC
	void *value = posix_acl_to_xattr(&init_user_ns, acl, size, GFP_NOFS);

	return value ?: ERR_PTR(-ENOMEM);
#else
	void *value;
	int err;

	*size = posix_acl_xattr_size(acl->a_count);
	value = kmalloc(*size, GFP_NOFS);
	if (!value)
		return ERR_PTR(-ENOMEM);
	err = posix_acl_to_xattr(&init_user_ns, acl, value, *size);
	if (err < 0) {
		kfree(value);
		return ERR_PTR(err);
	}
	return value;
#endif
}

/* 6.7: the table of handlers is constant ("xattr: make the xattr array itself const"). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
typedef const struct xattr_handler *refdax_xattr_handlers_t;
#else
typedef const struct xattr_handler * const refdax_xattr_handlers_t;
#endif

/* 6.15: ->mkdir returns a dentry ("Change inode_operations.mkdir to return struct dentry *"). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define refdax_mkdir_t		int
#define refdax_mkdir_return(e)	(e)
#else
#define refdax_mkdir_t		struct dentry *
#define refdax_mkdir_return(e)	ERR_PTR(e)
#endif

/* 6.18: linux/fs.h has these for all filesystems; the numbers were XFS's and ext4's own. */
#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN			_IOR('X', 125, __u32)
#define FS_SHUTDOWN_FLAGS_DEFAULT	0	/* write everything back first */
#define FS_SHUTDOWN_FLAGS_LOGFLUSH	1	/* commit first */
#define FS_SHUTDOWN_FLAGS_NOLOGFLUSH	2
#endif

/* 6.8: freeze_bdev() is bdev_freeze() ("bdev: rename freeze and thaw helpers"). */
static inline int refdax_freeze_bdev(struct super_block *sb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return freeze_bdev(sb->s_bdev);
#else
	return bdev_freeze(sb->s_bdev);
#endif
}

static inline void refdax_thaw_bdev(struct super_block *sb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	thaw_bdev(sb->s_bdev);
#else
	bdev_thaw(sb->s_bdev);
#endif
}

/* 6.6: generic_fillattr() is told which attributes are wanted. */
static inline void refdax_fillattr(struct refdax_idmap *idmap, u32 request_mask,
				   struct inode *inode, struct kstat *stat)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	generic_fillattr(idmap, inode, stat);
#else
	generic_fillattr(idmap, request_mask, inode, stat);
#endif
}

/* 6.7: times are reached through functions only ("fs: rename inode i_atime and i_mtime fields"). */
#ifndef REFDAX_HAVE_INODE_TIMES
static inline struct timespec64 inode_get_atime(const struct inode *inode)
{
	return inode->i_atime;
}

static inline struct timespec64 inode_get_mtime(const struct inode *inode)
{
	return inode->i_mtime;
}

static inline void inode_set_atime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_atime = ts;
}

static inline void inode_set_mtime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_mtime = ts;
}
#endif

/* 6.6: the same for ctime; stable kernels have it earlier. */
#ifndef REFDAX_HAVE_INODE_CTIME
static inline struct timespec64 inode_get_ctime(const struct inode *inode)
{
	return inode->i_ctime;
}

static inline void inode_set_ctime_to_ts(struct inode *inode, struct timespec64 ts)
{
	inode->i_ctime = ts;
}

static inline struct timespec64 inode_set_ctime_current(struct inode *inode)
{
	inode->i_ctime = current_time(inode);
	return inode->i_ctime;
}
#endif

/* 6.3: vma->vm_flags is written through functions only. */
static inline void refdax_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef REFDAX_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/*
 * 6.5: filemap_splice_read() replaces generic_file_splice_read(), which goes
 * through ->read_iter. The new one looks into the page cache itself.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define refdax_splice_page_cache	generic_file_splice_read
#define refdax_splice_copy		generic_file_splice_read
#define REFDAX_SPLICE_TAKES_LOCKS	true
#else
#define refdax_splice_page_cache	filemap_splice_read
#define refdax_splice_copy		copy_splice_read
#define REFDAX_SPLICE_TAKES_LOCKS	false
#endif

/* 6.10: file_operations.fop_flags replaces mmap_supported_flags. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define REFDAX_FOP_SYNC		.mmap_supported_flags = MAP_SYNC
#else
#define REFDAX_FOP_SYNC		.fop_flags = FOP_MMAP_SYNC
#endif

/* 6.9: the length of the UUID is kept as well. */
static inline void refdax_set_uuid(struct super_block *sb, const u8 *uuid)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	memcpy(&sb->s_uuid, uuid, sizeof(sb->s_uuid));
#else
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
#endif
}

/* 6.19: inode->i_state is wrapped. */
static inline bool refdax_inode_is_new(struct inode *inode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	return inode->i_state & I_NEW;
#else
	return inode_state_read_once(inode) & I_NEW;
#endif
}

/* 6.17: struct fileattr is struct file_kattr ("tree-wide: s/struct fileattr/struct file_kattr/g"). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define refdax_fileattr	fileattr
#else
#define refdax_fileattr	file_kattr
#endif

/*
 * The page cache through iomap. 6.17 took apart what a filesystem tells it ("iomap: hide
 * ioends from the generic writeback code" and its neighbours): the check of a map under a
 * locked folio is handed to each call that writes, not kept in the iomap; writeback asks for
 * maps and submits by two functions of the filesystem's; reading takes a context.
 * 6.14 to 6.16 had other forms on the way there, which are not here.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define refdax_iomap_write_ops	iomap_page_ops
#define refdax_iomap_set_write_ops(iomap, ops)	((iomap)->page_ops = (ops))
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define refdax_iomap_write_ops	iomap_folio_ops
#define refdax_iomap_set_write_ops(iomap, ops)	((iomap)->folio_ops = (ops))
#else
#define refdax_iomap_write_ops	iomap_write_ops
#define refdax_iomap_set_write_ops(iomap, ops)	do { } while (0)
#endif

/* 6.5: iomap_file_buffered_write() moves ki_pos itself; 6.12: it takes private data as well. */
static inline ssize_t refdax_iomap_write(struct kiocb *iocb, struct iov_iter *from,
					 const struct iomap_ops *ops,
					 const struct refdax_iomap_write_ops *write_ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	ssize_t ret = iomap_file_buffered_write(iocb, from, ops);

	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return iomap_file_buffered_write(iocb, from, ops);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return iomap_file_buffered_write(iocb, from, ops, NULL);
#else
	return iomap_file_buffered_write(iocb, from, ops, write_ops, NULL);
#endif
}

static inline int refdax_iomap_zero_range(struct inode *inode, loff_t pos, loff_t length,
					  const struct iomap_ops *ops,
					  const struct refdax_iomap_write_ops *write_ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return iomap_zero_range(inode, pos, length, NULL, ops);
#else
	return iomap_zero_range(inode, pos, length, NULL, ops, write_ops, NULL);
#endif
}

static inline vm_fault_t refdax_iomap_page_mkwrite(struct vm_fault *vmf,
						   const struct iomap_ops *ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return iomap_page_mkwrite(vmf, ops);
#else
	return iomap_page_mkwrite(vmf, ops, NULL);
#endif
}

static inline int refdax_iomap_read_folio(struct folio *folio, const struct iomap_ops *ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return iomap_read_folio(folio, ops);
#else
	iomap_bio_read_folio(folio, ops);
	return 0;
#endif
}

static inline void refdax_iomap_readahead(struct readahead_control *rac,
					  const struct iomap_ops *ops)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	iomap_readahead(rac, ops);
#else
	iomap_bio_readahead(rac, ops);
#endif
}

/* 6.9: the bio is inside the ioend ("iomap: move the iomap_sector sector calculation ..."). */
static inline struct bio *refdax_ioend_bio(struct iomap_ioend *ioend)
{
#ifdef REFDAX_HAVE_IOEND_INLINE_BIO
	return ioend->io_bio;
#else
	return &ioend->io_bio;
#endif
}

static inline struct iomap_ioend *refdax_bio_ioend(struct bio *bio)
{
#ifdef REFDAX_HAVE_IOEND_INLINE_BIO
	return bio->bi_private;
#else
	return iomap_ioend_from_bio(bio);
#endif
}

static inline bool refdax_ioend_unwritten(const struct iomap_ioend *ioend)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	return ioend->io_type == IOMAP_UNWRITTEN;
#else
	return ioend->io_flags & IOMAP_IOEND_UNWRITTEN;
#endif
}

/*
 * Defines @name##_writepages(mapping, wbc) from what a filesystem has to say:
 *   int map(struct inode *, struct iomap *, loff_t pos): the map at @pos, in *iomap, which may
 *	have it already
 *   bool wanted(const struct iomap_ioend *): is end_bio to end it, not iomap?
 *   void end_bio(struct bio *)
 * 6.9: ->map_blocks is told a length ("iomap: pass the length of the dirty region to ->map_blocks").
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define REFDAX_MAP_BLOCKS_ARGS	struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t offset
#else
#define REFDAX_MAP_BLOCKS_ARGS	struct iomap_writepage_ctx *wpc, struct inode *inode, \
				loff_t offset, unsigned int len
#endif
#define REFDAX_DEFINE_WRITEPAGES(name, map, wanted, end_bio)				\
static int name##_map_blocks(REFDAX_MAP_BLOCKS_ARGS)					\
{											\
	return map(inode, &wpc->iomap, offset);						\
}											\
static int name##_prepare_ioend(struct iomap_ioend *ioend, int status)			\
{											\
	if (wanted(ioend))								\
		refdax_ioend_bio(ioend)->bi_end_io = end_bio;				\
	return status;									\
}											\
static const struct iomap_writeback_ops name##_ops = {					\
	.map_blocks	= name##_map_blocks,						\
	.prepare_ioend	= name##_prepare_ioend,						\
};											\
static int name##_writepages(struct address_space *mapping, struct writeback_control *wbc) \
{											\
	struct iomap_writepage_ctx wpc = { };						\
											\
	return iomap_writepages(mapping, wbc, &wpc, &name##_ops);			\
}
#else
#define REFDAX_DEFINE_WRITEPAGES(name, map, wanted, end_bio)				\
static ssize_t name##_range(struct iomap_writepage_ctx *wpc, struct folio *folio,	\
			    u64 pos, unsigned int len, u64 end_pos)			\
{											\
	int err = map(wpc->inode, &wpc->iomap, pos);					\
											\
	return err ?: iomap_add_to_ioend(wpc, folio, pos, end_pos, len);		\
}											\
static int name##_submit(struct iomap_writepage_ctx *wpc, int error)			\
{											\
	struct iomap_ioend *ioend = wpc->wb_ctx;					\
											\
	if (wanted(ioend))								\
		ioend->io_bio.bi_end_io = end_bio;					\
	return iomap_ioend_writeback_submit(wpc, error);				\
}											\
static const struct iomap_writeback_ops name##_ops = {					\
	.writeback_range	= name##_range,						\
	.writeback_submit	= name##_submit,					\
};											\
static int name##_writepages(struct address_space *mapping, struct writeback_control *wbc) \
{											\
	struct iomap_writepage_ctx wpc = {						\
		.inode	= mapping->host,						\
		.wbc	= wbc,								\
		.ops	= &name##_ops,							\
	};										\
											\
	return iomap_writepages(&wpc);							\
}
#endif

/* 6.17: ->write_begin and ->write_end are told of the kiocb, not of its file. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
typedef struct file refdax_write_context_t;
#else
typedef const struct kiocb refdax_write_context_t;
#endif

/* 6.12: ->write_begin and ->write_end work on folios. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
typedef struct page refdax_write_folio_t;
#define refdax_to_write_folio(folio)	(&(folio)->page)
#define refdax_from_write_folio(page)	page_folio(page)
#else
typedef struct folio refdax_write_folio_t;
#define refdax_to_write_folio(folio)	(folio)
#define refdax_from_write_folio(folio)	(folio)
#endif

/* 6.10: the page cache of a block device is reached without its inode. */
static inline struct address_space *refdax_bdev_mapping(struct block_device *bdev)
{
#ifdef REFDAX_HAVE_BD_MAPPING
	return bdev->bd_mapping;
#else
	return bdev->bd_inode->i_mapping;
#endif
}

/* 6.6: iomap tracks dirty parts of folios. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define REFDAX_DIRTY_FOLIO	filemap_dirty_folio
#else
#define REFDAX_DIRTY_FOLIO	iomap_dirty_folio
#endif

/* 6.8: ->error_remove_page takes a folio, and is called so. */
#ifdef REFDAX_HAVE_ERROR_REMOVE_FOLIO
#define REFDAX_ERROR_REMOVE	.error_remove_folio = generic_error_remove_folio
#else
#define REFDAX_ERROR_REMOVE	.error_remove_page = generic_error_remove_page
#endif

/* 6.6: vmf_fs_error(), which block_page_mkwrite_return() was before. */
static inline vm_fault_t refdax_fault_error(int err)
{
	switch (err) {
	case 0:
		return VM_FAULT_LOCKED;
	case -EFAULT:
	case -EAGAIN:
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * 6.6: ->huge_fault and dax_iomap_fault() take an order instead of an enum
 * page_entry_size ("mm: remove enum page_entry_size").
 * 6.17: the pfn of a synchronous fault is a plain number ("mm:
 * remove callers of pfn_t functionality").
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
typedef enum page_entry_size refdax_order_t;
#define REFDAX_ORDER_PTE	PE_SIZE_PTE
static inline unsigned int refdax_order(refdax_order_t order)
{
	return order == PE_SIZE_PTE ? 0 : order == PE_SIZE_PMD ? PMD_SHIFT - PAGE_SHIFT :
						PUD_SHIFT - PAGE_SHIFT;
}
#else
typedef unsigned int refdax_order_t;
#define REFDAX_ORDER_PTE	0
static inline unsigned int refdax_order(refdax_order_t order)
{
	return order;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
typedef pfn_t refdax_pfn_t;
#else
typedef unsigned long refdax_pfn_t;
#endif

/*
 * What daxdev_mapping_supported() says: 6.17 and 7.2 changed what it takes, and a
 * ->mmap has no struct vm_area_desc.
 */
static inline bool refdax_mapping_supported(struct vm_area_struct *vma, struct inode *inode,
					    struct dax_device *dax_dev)
{
	return !(vma->vm_flags & VM_SYNC) || (IS_DAX(inode) && dax_synchronous(dax_dev));
}

/* Called by the wait below with the invalidate_lock held; returns with it held. */
static inline void refdax_layout_wait(struct inode *inode)
{
	filemap_invalidate_unlock(inode->i_mapping);
	schedule();
	filemap_invalidate_lock(inode->i_mapping);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	/* Next dax_break_layout() deletes the entries, and what faults have made dirty meanwhile. */
	mapping_set_error(inode->i_mapping, filemap_write_and_wait(inode->i_mapping));
#endif
}

/*
 * Wait until no page of the range is pinned by anybody (DMA, gup). The caller
 * holds i_rwsem and the invalidate_lock exclusively; the latter is dropped
 * while waiting. Offsets in bytes, @end inclusive. 0 or -ERESTARTSYS.
 *
 * Before 6.15 each filesystem had this loop of its own: an unpinned page then
 * has a reference count of 1. Then dax_break_layout() took it over, which then also
 * deletes the entries ("fs/dax: always remove DAX page-cache entries when breaking
 * layouts"): see refdax_prepare_removal().
 */
static inline int refdax_break_layouts(struct inode *inode, loff_t start, loff_t end)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	struct page *page;
	int err;

	do {
		page = dax_layout_busy_page_range(inode->i_mapping, start, end);
		if (!page)
			return 0;
		err = ___wait_var_event(&page->_refcount, atomic_read(&page->_refcount) == 1,
					TASK_INTERRUPTIBLE, 0, 0, refdax_layout_wait(inode));
	} while (!err);
	return err;
#else
	return dax_break_layout(inode, start, end, refdax_layout_wait);
#endif
}

/*
 * As it was wrong: after the first wait no other page is looked at. For the lab's
 * bug layout_broken_once.
 */
static inline int refdax_break_layouts_once(struct inode *inode, loff_t start, loff_t end)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	struct page *page = dax_layout_busy_page_range(inode->i_mapping, start, end);

	if (!page)
		return 0;
	return ___wait_var_event(&page->_refcount, atomic_read(&page->_refcount) == 1,
				 TASK_INTERRUPTIBLE, 0, 0, refdax_layout_wait(inode));
#else
	/* The wait is inside of dax_break_layout(): there is no way to leave it early. */
	return dax_break_layout(inode, start, end, refdax_layout_wait);
#endif
}

/* 6.15: entries must be gone before the last reference to the inode is (as above). */
static inline void refdax_break_layouts_final(struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	dax_break_layout_final(inode);
#endif
}

/*
 * Whether a page of the device is mapped, and by another file, or at another place of this
 * one. Pages of DAX files have folios of their own since 6.15 (38607c62b34b, "fs/dax:
 * properly refcount fs dax pages").
 */
static inline bool refdax_page_is_others(struct page *page, struct address_space *mapping,
					 pgoff_t index)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	struct address_space *owner = READ_ONCE(page->mapping);

	return owner && (owner != mapping || page->index != index);
#else
	struct folio *folio = page_folio(page);
	struct address_space *owner = READ_ONCE(folio->mapping);

	return owner && (owner != mapping || folio->index + folio_page_idx(folio, page) != index);
#endif
}

#endif
