/* SPDX-License-Identifier: GPL-2.0-only */
/* refdax in memory: what the files of the module share. */
#ifndef REFDAX_H
#define REFDAX_H

#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/fs_parser.h>
#include <linux/iomap.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu-rwsem.h>
#include <linux/percpu_counter.h>
#include <linux/rwsem.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "refdax_fs.h"

/* The kernel has no errno of this name; every filesystem uses EUCLEAN for it. */
#ifndef EFSCORRUPTED
#define EFSCORRUPTED	EUCLEAN
#endif

struct refdax_lab;
struct refdax_journal;
struct jbd2_journal_handle;
struct export_operations;
struct fs_context;
struct path;
struct posix_acl;
struct seq_file;

/* Mount options. */
enum refdax_write_fix {
	REFDAX_FIX_ENTRY,	/* DAX entry locks, and invalidation that keeps dirty entries */
	REFDAX_FIX_FLUSH,	/* flush and invalidate after the write, faults excluded meanwhile */
	REFDAX_FIX_EXCLUSIVE,	/* faults excluded for the whole write */
};

enum refdax_dax_option {
	REFDAX_DAX_INODE,	/* as each inode's REFDAX_FL_DAX says */
	REFDAX_DAX_ALWAYS,
	REFDAX_DAX_NEVER,
};

/* What finding damage leads to, besides the operation's failure. */
enum refdax_errors {
	REFDAX_ERRORS_CONTINUE,
	REFDAX_ERRORS_READ_ONLY,
	REFDAX_ERRORS_PANIC,
};

/*
 * How the data of a regular file is reached. S_DAX and the mapping's operations
 * follow it. It changes under i_rwsem, the invalidate_lock and s_writepages_rwsem,
 * all held exclusively, and only while no VMA of the file exists: whoever holds
 * one of the locks, or a VMA, can rely on what it has read. See mode.c.
 */
enum refdax_mode {
	REFDAX_MODE_DAX,
	REFDAX_MODE_CACHE,	/* page cache, written in place */
	REFDAX_MODE_JOURNAL,	/* page cache, written through the journal */
};

/*
 * A group of blocks. Bit n of a bitmap is block n of the group.
 *
 * g_busy is the bitmap that allocation looks at: what the on-disk bitmap has
 * in use, plus what was freed by a transaction that has not committed yet.
 * Reusing such a block at once would let a crash bring back its old owner with
 * the new owner's data in it.
 */
struct refdax_group {
	spinlock_t g_lock;		/* everything below, and the bits of both bitmaps */
	u32 g_blocks;			/* length of the group, in blocks */
	u32 g_first_data;		/* first bit that is not the filesystem's own metadata */
	u32 g_free;			/* zero bits in g_busy */
	u32 g_free_inodes;
	u32 g_inode_hint;		/* no free inode below this bit */
	unsigned long *g_busy;
	/* Blocks that were read or made as metadata of an inode in this mount: see balloc.c. */
	unsigned long *g_metadata;
	struct buffer_head *g_block_bh;	/* both pinned while mounted */
	struct buffer_head *g_inode_bh;
};

struct refdax_sb_info {
	struct super_block *s_sb;
	struct buffer_head *s_bh;	/* the superblock, journalled */
	struct refdax_super *s_super;	/* in s_bh */
	struct dax_device *s_daxdev;
	u64 s_dax_offset;		/* bytes from the DAX device's start to the partition's */
	struct refdax_journal *s_journal;	/* NULL: mounted read-only from a read-only device */
	u32 s_seed;			/* of every checksum but the superblock's */
	siphash_key_t s_hash_key;
	u64 s_blocks;
	u64 s_max_ino;
	u32 s_inodes_per_group;
	u32 s_ngroups;
	struct refdax_group *s_groups;
	struct percpu_counter s_free_blocks;	/* free on disk, committed or not */
	struct percpu_counter s_free_inodes;
	atomic64_t s_uncommitted;	/* blocks freed, but not yet reusable */
	u64 s_data_blocks;		/* of all groups: what can be free */

	struct mutex s_orphan_lock;	/* s_orphans, s_last_orphan and every i_next_orphan */
	struct list_head s_orphans;	/* newest first, as on disk */

	struct percpu_rw_semaphore s_writepages_rwsem;	/* read: ->writepages; write: mode flips */
	struct workqueue_struct *s_ioend_wq;	/* ends of writeback that need a handle */
	enum refdax_write_fix s_write_fix;
	enum refdax_dax_option s_dax_option;	/* fixed while mounted */
	u64 s_reserved_blocks;		/* of these only nodes of trees are made; see refdax_fill_hole() */
	enum refdax_errors s_errors;
	unsigned long s_flags;		/* bits REFDAX_SB_* */
#ifdef REFDAX_LAB
	struct refdax_lab *s_lab;
#endif
};

#define REFDAX_SB_DAMAGED	0	/* metadata failed a check; recorded on disk at umount */
#define REFDAX_SB_READ_ONLY	2	/* errors=remount-ro came true: see refdax_writable() */
#define REFDAX_SB_SHUT_DOWN	1	/* FS_IOC_SHUTDOWN: everything is an I/O error */

struct refdax_inode_info {
	struct rw_semaphore i_extent_sem;	/* i_root and all nodes of the tree below it */
	spinlock_t i_raw_lock;		/* copying this inode into its table block */
	struct rw_semaphore i_xattr_sem;	/* both lists of extended attributes */
	u64 i_xattr_block;		/* 0: none; i_xattr_sem */
	bool i_fresh;			/* the table block still holds what was there before */
	u32 i_flags;			/* REFDAX_FL_* */
	u64 i_parent;			/* directories; under i_rwsem of the directory */
	struct timespec64 i_crtime;
	struct list_head i_orphan;	/* in s_orphans; s_orphan_lock */
	u64 i_next_orphan;
	/* As on disk: a shift in progress. Under i_rwsem held exclusively. */
	u64 i_shift_from;
	u64 i_shift_count;
	/* Newest transaction that changed the inode; that changed what fdatasync(2) needs. */
	u32 i_sync_tid;
	u32 i_datasync_tid;
	enum refdax_mode i_data_mode;	/* regular files; see there */
	atomic_t i_vmas;		/* of the file; a flip of the mode refuses if there are any */
	/*
	 * Regular files: the size that a crash leaves. Behind i_size while data
	 * in the page cache waits for writeback. i_raw_lock.
	 */
	loff_t i_disk_size;
	unsigned int i_map_seq;		/* changes with the tree; i_extent_sem */
	spinlock_t i_ioend_lock;	/* i_ioends; taken in interrupts */
	struct list_head i_ioends;
	struct work_struct i_ioend_work;
	/*
	 * Under i_rwsem held exclusively: range of blocks that the write in
	 * progress allocated, none if first > last.
	 */
	u64 i_new_first;
	u64 i_new_last;
	union {
		struct refdax_node i_node;
		u8 i_root[REFDAX_ROOT_BYTES];
	};
	struct inode vfs_inode;
};

static inline struct refdax_sb_info *REFDAX_SB(struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct refdax_inode_info *REFDAX_I(struct inode *inode)
{
	return container_of(inode, struct refdax_inode_info, vfs_inode);
}

static inline bool refdax_is_shut_down(struct super_block *sb)
{
	return unlikely(test_bit(REFDAX_SB_SHUT_DOWN, &REFDAX_SB(sb)->s_flags));
}

/* A stretch of a file's blocks that are all in the same state. */
enum refdax_map_state {
	REFDAX_HOLE,
	REFDAX_UNWRITTEN,	/* allocated, reads as zeroes */
	REFDAX_MAPPED,
};

struct refdax_map {
	u64 m_logical;		/* blocks */
	u64 m_physical;		/* blocks; 0 for a hole */
	u64 m_count;		/* blocks, at least 1 */
	enum refdax_map_state m_state;
	bool m_new;		/* was a hole or unwritten until this call */
	unsigned int m_seq;	/* i_map_seq of the answer */
};

/* metadata.c */
__printf(3, 4) void refdax_msg(struct super_block *sb, const char *level, const char *fmt, ...);
/* Say once in a while that metadata is damaged, remember it, return -EFSCORRUPTED. */
__printf(2, 3) int refdax_damage(struct super_block *sb, const char *fmt, ...);
u32 refdax_block_crc(struct refdax_sb_info *sbi, const void *block);
/* Fill in everything of a new metadata block's header except for its checksum. */
void refdax_init_header(struct refdax_header *header, u32 magic, u64 block, u64 owner,
			u32 generation);
/*
 * Read a metadata block and check its header; its checksum as well when it was
 * really read (*@fresh is then true, and the caller checks the contents and
 * calls refdax_set_verified()). An ERR_PTR on failure, after a message.
 */
struct buffer_head *refdax_read_block(struct super_block *sb, u64 block, u32 magic, u64 owner,
				      u32 generation, bool *fresh);
void refdax_set_verified(struct buffer_head *bh);
void refdax_clear_verified(struct buffer_head *bh);
/* Whether the superblock can be mounted as sb_rdonly() says; takes what it says into the sb_info. */
int refdax_check_super(struct super_block *sb);
/* Write the superblock at once. Only while no transaction can have it. */
int refdax_write_super(struct super_block *sb, bool clean);
/* Copy label, features and geometry into the superblock's backups. Waits. */
int refdax_write_backups(struct super_block *sb);

/* options.c: of a mount or remount, in fc->fs_private. */
struct refdax_options {
	enum refdax_write_fix write_fix;
	enum refdax_dax_option dax;
	bool write_fix_given;
	bool dax_given;
	enum refdax_errors errors;
	bool errors_given;
};

extern const struct fs_parameter_spec refdax_parameters[];
int refdax_init_fs_context(struct fs_context *fc);
int refdax_show_options(struct seq_file *seq, struct dentry *root);

/* super.c */
int refdax_get_tree(struct fs_context *fc);
/* From here on the filesystem is in use for writing: a mount, or a remount from read-only. */
int refdax_start_writing(struct super_block *sb);

/* What leads to an inode. One without links that is not in memory must be on the orphan list. */
enum refdax_iget_by {
	REFDAX_IGET_NAME,
	REFDAX_IGET_ORPHAN,
	REFDAX_IGET_HANDLE,	/* from outside: may lead anywhere */
};

/* file.c */
extern const struct file_operations refdax_file_operations;
extern const struct inode_operations refdax_file_inode_operations;
/* Every vm_operations_struct of a regular file has these: they count VMAs. */
void refdax_vma_open(struct vm_area_struct *vma);
void refdax_vma_close(struct vm_area_struct *vma);
/*
 * Let [@pos, @pos + @length) of the file read as zeroes, without freeing or
 * allocating anything. With i_rwsem held exclusively. Takes journal handles.
 */
int refdax_zero_range(struct inode *inode, loff_t pos, loff_t length);
/*
 * What a mapping stored behind the end must not become part of a file that grows
 * to @size: zero the rest of the last block.
 */
int refdax_zero_tail(struct inode *inode, loff_t size);

/* mode.c */
/* What the flags and the mount ask for. */
enum refdax_mode refdax_mode_wanted(struct inode *inode, u32 flags);
/* Regular files. Nobody else can use the inode yet, or the locks above are held. */
void refdax_mode_set(struct inode *inode, enum refdax_mode mode);
/*
 * Give a regular file new flags (a whole set of REFDAX_FL_*) whose mode differs
 * from what it has. The caller has i_rwsem and no handle. -EBUSY if it is
 * mapped, or cannot be made safe.
 */
int refdax_mode_flip(struct inode *inode, u32 flags);

/* inode.c */
/*
 * The inode, or an ERR_PTR: -ESTALE if it is not in use, which only a handle may lead to.
 * One without links is read for the orphan list alone (@by), as it is deleted when it leaves
 * memory; while it is in memory, because it is open, a handle may lead to it too.
 */
struct inode *refdax_iget(struct super_block *sb, u64 ino, enum refdax_iget_by by);
void refdax_set_inode_operations(struct inode *inode);
void refdax_set_vfs_flags(struct inode *inode);
/* The file has this size, in memory and, with the next update of the inode, on disk. */
void refdax_set_sizes(struct inode *inode, loff_t size);
/* Data is on the device up to @end. Whether the size on disk was less; then update the inode. */
bool refdax_disk_size_reached(struct inode *inode, loff_t end);
/* Copy the inode into its table block, in the handle. Needs REFDAX_INODE_CREDITS. */
int refdax_inode_update(struct jbd2_journal_handle *handle, struct inode *inode);
/* The same, and fdatasync(2) must wait for it. */
int refdax_inode_update_data(struct jbd2_journal_handle *handle, struct inode *inode);
void refdax_dirty_inode(struct inode *inode, int flags);
int refdax_write_inode(struct inode *inode, struct writeback_control *wbc);
void refdax_evict_inode(struct inode *inode);
int refdax_setattr(struct refdax_idmap *idmap, struct dentry *dentry, struct iattr *attr);
int refdax_getattr(struct refdax_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int query_flags);
/* Free all blocks from byte i_size on. The inode is on the orphan list or has no blocks there yet. */
int refdax_free_beyond_eof(struct inode *inode);
/* Free the blocks of [@first, @end). Nobody can fault or do I/O there. Not inside a handle. */
int refdax_punch_blocks(struct inode *inode, u64 first, u64 end);

/* orphan.c */
int refdax_orphan_add(struct jbd2_journal_handle *handle, struct inode *inode);
int refdax_orphan_del(struct jbd2_journal_handle *handle, struct inode *inode);
/* The same once what was to be guarded is done; but what has no links stays, to be deleted. */
int refdax_orphan_done(struct jbd2_journal_handle *handle, struct inode *inode);
/*
 * The inode leaves memory and could not be taken off the list on disk: take it off in memory
 * only. Whoever comes behind it on disk loses sight of it, so fsck.refdax must look for it.
 */
void refdax_orphan_forget(struct inode *inode);
int refdax_orphan_cleanup(struct super_block *sb);

/* dir.c */
extern const struct file_operations refdax_dir_operations;
int refdax_dir_find(struct inode *dir, const struct qstr *name, u64 *ino);
int refdax_dir_add(struct jbd2_journal_handle *handle, struct inode *dir,
		   const struct qstr *name, struct inode *inode);
int refdax_dir_delete(struct jbd2_journal_handle *handle, struct inode *dir,
		      const struct qstr *name);
int refdax_dir_replace(struct jbd2_journal_handle *handle, struct inode *dir,
		       const struct qstr *name, struct inode *inode);
/* 1 empty, 0 not, or an error. */
int refdax_dir_is_empty(struct inode *dir);

/* namei.c */
extern const struct inode_operations refdax_dir_inode_operations;
extern const struct inode_operations refdax_symlink_inode_operations;
extern const struct inode_operations refdax_special_inode_operations;
/*
 * Ends an operation on names in @dir and @dir2 (may be NULL): with -o sync or
 * dirsync it is durable when this returns. Stops the handle; returns @err if not 0.
 */
int refdax_name_stop(struct inode *dir, struct inode *dir2, struct jbd2_journal_handle *handle,
		     int err);
/* A new inode did not get its name: leave it to evict. Inside the handle. */
void refdax_drop_new_inode(struct jbd2_journal_handle *handle, struct inode *inode);
/* Before a name of the inode goes: -EFSCORRUPTED if there are fewer links than names. */
int refdax_check_link(struct inode *inode);
/* @dir has a subdirectory: -EFSCORRUPTED if none of its links can be that one's "..". */
int refdax_check_subdir_link(struct inode *dir);
/* The inode lost a name. Inside the handle. */
int refdax_drop_link(struct jbd2_journal_handle *handle, struct inode *inode);
/* Load the target of a long symlink into inode->i_link. */
int refdax_symlink_load(struct inode *inode);

/*
 * xattr.c. @type is REFDAX_XATTR_*, @name what follows the type's prefix, "" for
 * access control lists.
 */
extern refdax_xattr_handlers_t refdax_xattr_handlers[];
/* Length of the value, copied to @buffer unless that is NULL; -ENODATA, -ERANGE. */
int refdax_xattr_get(struct inode *inode, unsigned int type, const char *name, void *buffer,
		     size_t size);
/*
 * Set, or remove if @value is NULL, in a handle with REFDAX_XATTR_CREDITS and
 * REFDAX_XATTR_REVOKES. @flags: XATTR_CREATE, XATTR_REPLACE.
 */
int refdax_xattr_set_in(struct jbd2_journal_handle *handle, struct inode *inode,
			unsigned int type, const char *name, const void *value, size_t size,
			int flags);
/* The inode is being deleted: free its block. Needs REFDAX_XATTR_CREDITS and _REVOKES. */
int refdax_xattr_free(struct jbd2_journal_handle *handle, struct inode *inode);
ssize_t refdax_listxattr(struct dentry *dentry, char *buffer, size_t size);
/* Access control lists and labels of a new inode; the same credits. May change its mode. */
int refdax_init_xattrs(struct jbd2_journal_handle *handle, struct inode *inode,
		       struct inode *dir, const struct qstr *name);

/* acl.c */
struct posix_acl *refdax_get_acl(struct inode *inode, int type, bool rcu);
int refdax_set_acl(struct refdax_idmap *idmap, refdax_acl_subject_t *subject,
		   struct posix_acl *acl, int type);
int refdax_init_acl(struct jbd2_journal_handle *handle, struct inode *inode, struct inode *dir);

/* rename.c */
int refdax_rename(struct refdax_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
		  struct inode *new_dir, struct dentry *new_dentry, unsigned int flags);

/* export.c */
extern const struct export_operations refdax_export_operations;

/* control.c */
long refdax_ioctl(struct file *file, unsigned int command, unsigned long argument);

/* ioctl.c */
int refdax_fileattr_get(struct dentry *dentry, struct refdax_fileattr *fa);
int refdax_fileattr_set(struct refdax_idmap *idmap, struct dentry *dentry,
			struct refdax_fileattr *fa);

/* fallocate.c */
long refdax_fallocate(struct file *file, int mode, loff_t offset, loff_t len);

/* dax.c */
extern const struct address_space_operations refdax_dax_aops;
extern const struct iomap_ops refdax_dax_iomap_ops;
extern const struct vm_operations_struct refdax_dax_vm_ops;
int refdax_zero_blocks(struct super_block *sb, u64 start, u64 count);
void refdax_fill_iomap(struct inode *inode, struct iomap *iomap, struct refdax_map *map,
		       unsigned int flags);
/* i_rwsem is held: shared for reads, exclusively for writes, which have been checked. */
ssize_t refdax_dax_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t refdax_dax_write(struct kiocb *iocb, struct iov_iter *from);
int refdax_prepare_removal(struct inode *inode, loff_t start, loff_t end);

/* One step of a big write: bounds the time that a handle stays open. */
#define REFDAX_ALLOC_MAX	1024

/* aops.c */
extern const struct address_space_operations refdax_cache_aops;
extern const struct iomap_ops refdax_cache_iomap_ops;
extern const struct refdax_iomap_write_ops refdax_cache_write_ops;
extern const struct vm_operations_struct refdax_cache_vm_ops;
/*
 * Whether to try again after @err, outside any handle: what is free but not
 * reusable before a commit may suffice. *@retries, first 0, bounds it.
 */
bool refdax_may_retry(struct super_block *sb, int err, int *retries);
/*
 * Allocate for write(2) where there is a hole, in a handle of its own. Blocks
 * behind the end put the inode on the orphan list: refdax_write_end() takes it
 * off. For refdax_map_allocate(): @state. With i_rwsem held.
 */
int refdax_allocate_for_write(struct inode *inode, u64 logical, u64 count,
			      enum refdax_map_state state, struct refdax_map *map);
/* The same for a store through a mapping: a block inside the file. With the invalidate_lock. */
int refdax_allocate_for_fault(struct inode *inode, u64 logical);
/* Data of [@pos, @pos + @length) is on the device: make its blocks written ones, and the size. */
int refdax_data_written(struct inode *inode, loff_t pos, loff_t length);
void refdax_end_io_work(struct work_struct *work);
/* i_rwsem is held as above. */
ssize_t refdax_cache_write(struct kiocb *iocb, struct iov_iter *from);
ssize_t refdax_direct_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t refdax_direct_write(struct kiocb *iocb, struct iov_iter *from);

/* journal_data.c */
extern const struct address_space_operations refdax_journalled_aops;
extern const struct vm_operations_struct refdax_journalled_vm_ops;
/* i_rwsem is held exclusively. */
ssize_t refdax_journalled_write(struct kiocb *iocb, struct iov_iter *from);
int refdax_journalled_zero(struct inode *inode, loff_t pos, loff_t length);

/* extents.c, extents_insert.c, extents_remove.c */
void refdax_init_root(struct inode *inode);
int refdax_check_root(struct inode *inode);
/* What lies at @logical; at most @count blocks. */
int refdax_map_blocks(struct inode *inode, u64 logical, u64 count, struct refdax_map *map);
/*
 * The same, and allocate or convert so that it is mapped (@state MAPPED: the
 * blocks are zeroed first) or at least allocated (@state UNWRITTEN). May do
 * less than @count. Needs REFDAX_ALLOC_CREDITS.
 */
int refdax_map_allocate(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
			u64 count, enum refdax_map_state state, struct refdax_map *map);
/*
 * Make unwritten blocks written ones: their data is on the device, or in this
 * handle. At most @count; holes and written blocks stay what they are. Needs
 * REFDAX_ALLOC_CREDITS.
 */
int refdax_map_written(struct jbd2_journal_handle *handle, struct inode *inode, u64 logical,
		       u64 count, struct refdax_map *map);
/*
 * Free the blocks of [@first, @end), as many as the handle's credits allow.
 * Returns 1 if there is more to do, 0 if not. Needs REFDAX_UNMAP_CREDITS and
 * REFDAX_UNMAP_REVOKES.
 */
int refdax_unmap_blocks(struct jbd2_journal_handle *handle, struct inode *inode, u64 first,
			u64 end);
/*
 * extents_shift.c: with i_rwsem and the invalidate_lock held exclusively, and
 * nothing cached or mapped of the file from @first on. Not inside a handle.
 * After a power cut either all of it was done, or nothing.
 */
/* Take the blocks of [@first, @first + @count) out; what follows moves down. The size becomes @size. */
int refdax_collapse_blocks(struct inode *inode, u64 first, u64 count, loff_t size);
/* Make a hole of @count blocks at @first; what was there moves up. The size becomes @size. */
int refdax_insert_blocks(struct inode *inode, u64 first, u64 count, loff_t size);
/* At mount, for an inode on the orphan list: a power cut ended one of the above. */
int refdax_shift_finish(struct inode *inode);
/* For directories: the block with the greatest key <= @key. -ENOENT if there is none. */
int refdax_map_floor(struct inode *inode, u64 key, u64 *found, u64 *physical);
/* The block with the smallest key >= @key. -ENOENT if there is none. */
int refdax_map_ceiling(struct inode *inode, u64 key, u64 *found, u64 *physical);
/* A new block of metadata at @logical, a hole until now: zeroed, with a header, in the handle. */
struct buffer_head *refdax_map_insert(struct jbd2_journal_handle *handle, struct inode *inode,
				      u64 logical, u32 magic);

/* balloc.c */
int refdax_groups_load(struct super_block *sb);
void refdax_groups_free(struct super_block *sb);
bool refdax_blocks_valid(struct super_block *sb, u64 start, u64 count);
/*
 * Allocate up to @want adjacent blocks near @goal (0: near the inode), in the
 * place that a PMD could map if the file's block is @logical. At least one, or
 * -ENOSPC. Needs one credit.
 */
int refdax_alloc_blocks(struct jbd2_journal_handle *handle, struct inode *inode, u64 goal,
			u64 logical, u32 want, u64 *start, u32 *got);
/* They may be reused when the handle's transaction has committed. Needs one credit. */
int refdax_free_blocks(struct jbd2_journal_handle *handle, struct super_block *sb, u64 start,
		       u32 count);
/* What refdax_free_blocks() freed in a transaction that has now committed. */
void refdax_blocks_reusable(struct super_block *sb, u64 start, u32 count);
/*
 * A block was read that describes itself as metadata of an inode. 0, or
 * -EFSCORRUPTED if it is free: then it could be given to somebody else.
 */
int refdax_claim_metadata(struct super_block *sb, u64 block);
/* Whether any block of the range, which is valid, is known to hold metadata of an inode. */
bool refdax_holds_metadata(struct super_block *sb, u64 start, u32 count);
/* Allocate a block for metadata of @inode and return it zeroed, with a header, in the handle. */
struct buffer_head *refdax_new_metadata(struct jbd2_journal_handle *handle, struct inode *inode,
					u64 goal, u32 magic);
/* Free a block of metadata; uses one credit and one revoke. Releases @bh if not NULL. */
int refdax_free_metadata(struct jbd2_journal_handle *handle, struct inode *inode, u64 block,
			 struct buffer_head *bh);

/* ialloc.c */
struct inode *refdax_new_inode(struct jbd2_journal_handle *handle, struct refdax_idmap *idmap,
			       struct inode *dir, umode_t mode, dev_t rdev);
int refdax_free_inode(struct jbd2_journal_handle *handle, struct inode *inode);
bool refdax_ino_valid(struct super_block *sb, u64 ino);
/* Address of the inode's table block, and its offset there in bytes. */
u64 refdax_inode_block(struct super_block *sb, u64 ino, unsigned int *offset);

/*
 * journal.c, the only file that knows jbd2. Credits are blocks that a handle
 * may dirty: each number counts distinct blocks in the worst case.
 */
/* The inode's table block. */
#define REFDAX_INODE_CREDITS	1
#define REFDAX_SUPER_CREDITS	1
/* Adding to or taking from the orphan list: superblock, this inode, the one before it. */
#define REFDAX_ORPHAN_CREDITS	(2 + REFDAX_INODE_CREDITS)
/*
 * Inserting into an extent tree: on each level the node, its new sibling and
 * the bitmap that the sibling came from; once more for a new level below the root.
 */
#define REFDAX_INSERT_CREDITS	(3 * (REFDAX_MAX_DEPTH + 1))
/* Allocating data: a bitmap, one insertion, the inode; extending writes join the orphan list. */
#define REFDAX_ALLOC_CREDITS	(1 + REFDAX_INSERT_CREDITS + REFDAX_INODE_CREDITS + \
				 REFDAX_ORPHAN_CREDITS)
/*
 * Freeing one extent: its bitmap and the inode; either it is cut in two, an
 * insertion, or it goes and leaves a chain of empty nodes: each level's parent
 * and the bitmap of the freed node.
 */
#define REFDAX_UNMAP_CREDITS	(1 + REFDAX_INSERT_CREDITS + REFDAX_INODE_CREDITS)
/* Blocks of metadata freed by one step: nodes of one path, or this many blocks of a directory. */
#define REFDAX_UNMAP_REVOKES	8
/* One handle of a truncate: several steps, so that big files need few handles. */
#define REFDAX_TRUNCATE_CREDITS	(2 * REFDAX_UNMAP_CREDITS)
#define REFDAX_TRUNCATE_REVOKES	(4 * REFDAX_UNMAP_REVOKES)
/* Shifting the keys of one leaf: it, the bounds above it, the inode. */
#define REFDAX_SHIFT_CREDITS	(REFDAX_MAX_DEPTH + REFDAX_INODE_CREDITS)
/* Adding a name: a directory block, perhaps split (new block, its bitmap, an insertion); the directory. */
#define REFDAX_DIR_ADD_CREDITS	(3 + REFDAX_INSERT_CREDITS + REFDAX_INODE_CREDITS)
/* Removing one: the directory block, perhaps freed. */
#define REFDAX_DIR_DEL_CREDITS	(1 + REFDAX_UNMAP_CREDITS)
/* A new inode: inode bitmap, table block. */
#define REFDAX_NEW_INODE_CREDITS	(1 + REFDAX_INODE_CREDITS)
/* Extended attributes: the inode, the block, the bitmap that it comes from or goes to. */
#define REFDAX_XATTR_CREDITS	(2 + REFDAX_INODE_CREDITS)
#define REFDAX_XATTR_REVOKES	1
#define REFDAX_FREE_INODE_CREDITS	(1 + REFDAX_XATTR_CREDITS + REFDAX_ORPHAN_CREDITS)

int refdax_journal_load(struct super_block *sb);
int refdax_journal_destroy(struct super_block *sb);
/*
 * 0 if something may be changed, also what needs no handle; -EROFS if the filesystem is
 * read-only, by errors=remount-ro among others, or the journal was aborted; -EIO after
 * FS_IOC_SHUTDOWN.
 */
int refdax_writable(struct super_block *sb);
/*
 * Starts a handle, or joins the one that the task already has. An ERR_PTR on
 * failure: as refdax_writable().
 */
struct jbd2_journal_handle *refdax_journal_start(struct inode *inode, int credits, int revokes);
int refdax_journal_stop(struct inode *inode, struct jbd2_journal_handle *handle);
struct jbd2_journal_handle *refdax_journal_current(void);
bool refdax_journal_has(struct jbd2_journal_handle *handle, int credits, int revokes);
int refdax_journal_write_access(struct jbd2_journal_handle *handle, struct buffer_head *bh);
int refdax_journal_create_access(struct jbd2_journal_handle *handle, struct buffer_head *bh);
/* For a block that begins with a struct refdax_header: its checksum is made at commit. */
int refdax_journal_dirty(struct jbd2_journal_handle *handle, struct super_block *sb,
			 struct buffer_head *bh);
/* For a block of journalled data, whatever the block was before. */
int refdax_journal_dirty_data(struct jbd2_journal_handle *handle, struct buffer_head *bh);
/* For a block that takes care of its checksums itself. */
int refdax_journal_dirty_raw(struct jbd2_journal_handle *handle, struct buffer_head *bh);
/* The block is no longer metadata: it must not be replayed over what comes next. Releases @bh. */
int refdax_journal_revoke(struct jbd2_journal_handle *handle, u64 block, struct buffer_head *bh);
/* FS_IOC_SHUTDOWN: nothing more is committed, and that is no damage. */
void refdax_journal_shut_down(struct super_block *sb);
void refdax_journal_abort(struct super_block *sb, int err);
/* Whether one of the two happened, or jbd2 aborted it: nothing more reaches the device. */
bool refdax_journal_aborted(struct super_block *sb);
u32 refdax_journal_tid(struct jbd2_journal_handle *handle);
/* The newest transaction that can have anything in it. */
u32 refdax_journal_latest(struct super_block *sb);
bool refdax_journal_committed(struct super_block *sb, u32 tid);
/* Wait until the transaction has committed; then, whatever it did, the device's cache is flushed. */
int refdax_journal_commit(struct super_block *sb, u32 tid);
int refdax_journal_sync(struct super_block *sb, bool wait);
/* Commit what is running, to make freed blocks reusable. Not inside a handle. */
int refdax_journal_force(struct super_block *sb);
int refdax_journal_freeze(struct super_block *sb);
/*
 * Wait until no handle is open, and let nobody open one. Not inside a handle.
 * Between the two, refdax_journal_flush_locked() brings home all that the journal holds.
 */
void refdax_journal_lock(struct super_block *sb);
/* Whether the buffer is in a transaction, or waits to be brought home. */
bool refdax_journal_uses(struct buffer_head *bh);
int refdax_journal_flush_locked(struct super_block *sb);
void refdax_journal_unlock(struct super_block *sb);
/* Call refdax_blocks_reusable() when the handle's transaction has committed. */
void refdax_journal_defer(struct jbd2_journal_handle *handle, struct super_block *sb, u64 start,
			  u32 count);

static inline u64 refdax_group_start(u32 group)
{
	return (u64)group * REFDAX_BLOCKS_PER_GROUP;
}

#include "lab.h"

#endif
