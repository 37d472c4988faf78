/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record ABI: what the BPF programs put into the ring buffer, what a
 * trace file stores, and what the model reads.  Both sides include this file:
 * bpf/ after vmlinux.h, cli/ after <linux/types.h>.
 *
 * Rules of the ABI (specified for users in daxtrace-trace(5)):
 *  - every record starts with struct event_header; ->size is the whole record
 *    in bytes, a multiple of 8, so that a reader skips a type it does not know;
 *  - only fixed-width integers in the host's byte order (little-endian on
 *    every architecture supported; the trace file's header says so);
 *  - fields are appended at the end of a record only, never moved: a reader
 *    accepts a record that is longer than the one it knows;
 *  - EVENTS_ABI_VERSION changes when a field changes its meaning.
 *
 * The events are semantic: each says what happened to a page, a mapping or an
 * operation, not which function said so.  Which function that is on this
 * kernel, the probe table (cli/probe/table.c) knows.
 */
#ifndef DAXTRACE_EVENTS_H
#define DAXTRACE_EVENTS_H

#define EVENTS_ABI_VERSION	1

/* Range end that means "to the end of the file", as in the kernel's own -1. */
#define INDEX_MAX		(~0ULL)

#define EVENT_COMM_LENGTH	16	/* TASK_COMM_LEN */
#define EVENT_FSTYPE_LENGTH	16
#define EVENT_SB_ID_LENGTH	32	/* super_block.s_id */
#define EVENT_STACK_DEPTH	32	/* frames kept of a kernel stack */

/* What a record says.  Numbers are part of the ABI: append only. */
enum event_type {
	EVENT_NONE		= 0,
	EVENT_TASK		= 1,	/* struct event_task */
	EVENT_SUPERBLOCK	= 2,	/* struct event_superblock */
	EVENT_ENTER		= 3,	/* struct event_enter: an operation begins */
	EVENT_EXIT		= 4,	/* struct event_exit: it has ended */
	EVENT_ENTRY_INSERT	= 5,	/* struct event_entry, under the entry lock */
	EVENT_ENTRY_DELETE	= 6,	/* struct event_entry, under the xarray's lock */
	EVENT_ENTRY_DIRTY	= 7,	/* struct event_entry: MAP_SYNC fault completed */
	EVENT_UNMAP		= 8,	/* struct event_range: page tables are clear */
	EVENT_MKCLEAN		= 9,	/* struct event_mkclean, in older traces event_range: write-protected */
	EVENT_FLUSH		= 10,	/* struct event_flush: CPU caches written back */
	EVENT_WRITEBACK_ONE	= 11,	/* struct event_range: dirty tag cleared */
	EVENT_STACK		= 12,	/* struct event_stack, made in user space */
	EVENT_SYMBOL		= 13,	/* struct event_symbol, made in user space */
	EVENT_GAP		= 14,	/* struct event_gap, made in user space */
	EVENT_MODE		= 15,	/* struct event_mode: the inode's mode has changed */
	EVENT_MAP		= 16,	/* struct event_map: a VMA maps the file */
	EVENT_MAP_END		= 17,	/* struct event_map: that VMA no longer does */
	EVENT_MAPPED		= 18,	/* struct event_mapped: a PTE or PMD is about to be set */
	EVENT_IOMAP		= 19,	/* struct event_iomap: ->iomap_begin has answered */
	EVENT_ENTRY_LOCK	= 20,	/* struct event_entry: a fault holds the entry's lock */
	EVENT_ENTRY_UNLOCK	= 21,	/* struct event_entry: it is about to let it go */
	EVENT_ENTRY_WAIT	= 22,	/* struct event_entry_wait: a task begins to wait */
	EVENT_ENTRY_WAKE	= 23,	/* struct event_entry_wait: a waiter is woken */
	EVENT_HANDLE_START	= 24,	/* struct event_handle: the task has a jbd2 handle */
	EVENT_HANDLE_STOP	= 25,	/* struct event_handle: it no longer has */
	EVENT_SB_ENTER		= 26,	/* struct event_sb: an operation on a superblock begins */
	EVENT_SB_EXIT		= 27,	/* struct event_sb: it has ended */
	EVENT_OLD_MODE		= 28,	/* struct event_enter: DAX is asked of a file not in DAX mode */
	EVENT_USER_STACK	= 29,	/* struct event_user_stack: from where in its program a task comes */
	EVENT_USER_FRAME	= 30,	/* struct event_user_frame, made in user space */
	/* Locks begin at 32, so that both kinds can grow. */
	EVENT_LOCK_CLASS	= 32,	/* struct event_lock_class */
	EVENT_LOCK_EDGE		= 33,	/* struct event_lock_edge */
	EVENT_LOCK_LEAK		= 34,	/* struct event_lock_leak */
	EVENT_LOCK_NAME		= 35,	/* struct event_lock_name, made in user space */
	EVENT_LOCK_COUNT	= 36,	/* struct event_lock_count, made in user space */
	EVENT_LOCK_LOSS		= 37,	/* struct event_lock_loss, made in user space */
	EVENT_LOCK_SET		= 38,	/* struct event_lock_set: what a task holds at a place that counts */
	EVENT_TYPE_COUNT
};

/*
 * Operations: what a task is inside of between EVENT_ENTER and EVENT_EXIT.
 * They nest.  ->first and ->last are page indexes, inclusive.
 *
 *  operation	argument[0]		argument[1]		result
 *  FAULT	FAULT_* flags		user address		vm_fault_t bits; argument: FALLBACK_*
 *  READ	file position, bytes	length, bytes		bytes or -errno
 *  WRITE	file position, bytes	length, bytes		bytes or -errno
 *  INVALIDATE	0			0			0 or -errno
 *  WRITEBACK	0			0			0 or -errno
 *  SYNC	1 if data only		0			0 or -errno
 *  FILEATTR	inode.i_flags before	0			0 or -errno; argument: i_flags after
 *  SETSIZE	old size, bytes		new size, bytes		0 or -errno
 *  FALLOCATE	mode (FALLOC_FL_*)	length, bytes		0 or -errno
 *  TRUNCATE	first byte		last byte		0
 *  EVICT	inode.i_nlink		0			0
 *  LAYOUT	0			0			0: free; 1: a page is in use
 *  WRITEPAGES	writeback_control's	0			0 or -errno; argument: WRITEPAGES_*
 *		sync_mode (1: WB_SYNC_ALL)
 *
 * LAYOUT is one look for pages that somebody else (get_user_pages) still
 * uses.  A result of 1 begins a wait, which the task's next LAYOUT ends.
 */
enum operation {
	OPERATION_NONE		= 0,
	OPERATION_FAULT		= 1,	/* dax_iomap_fault */
	OPERATION_READ		= 2,	/* dax_iomap_rw, to user */
	OPERATION_WRITE		= 3,	/* dax_iomap_rw, from user */
	OPERATION_INVALIDATE	= 4,	/* invalidate_inode_pages2_range */
	OPERATION_WRITEBACK	= 5,	/* dax_writeback_mapping_range */
	OPERATION_SYNC		= 6,	/* vfs_fsync_range: fsync, msync, O_SYNC */
	OPERATION_FILEATTR	= 7,	/* vfs_fileattr_set: SETFLAGS, FSSETXATTR */
	OPERATION_SETSIZE	= 8,	/* notify_change with ATTR_SIZE */
	OPERATION_FALLOCATE	= 9,	/* vfs_fallocate */
	OPERATION_TRUNCATE	= 10,	/* truncate_inode_pages_range */
	OPERATION_EVICT		= 11,	/* evict */
	OPERATION_LAYOUT	= 12,	/* dax_layout_busy_page_range */
	OPERATION_WRITEPAGES	= 13,	/* do_writepages, of DAX files and others */
	OPERATION_COUNT
};

/* event_enter.argument[0] of OPERATION_FAULT */
#define FAULT_WRITE	0x1	/* FAULT_FLAG_WRITE */
#define FAULT_PMD	0x2	/* asked for a huge page */
#define FAULT_PRIVATE	0x4	/* of a private mapping: a copy, not the file */

/*
 * event_exit.argument of OPERATION_FAULT, if the result has VM_FAULT_FALLBACK:
 * why a huge page was not possible.  In the order in which the kernel asks.
 */
#define FALLBACK_NONE		0	/* it was */
#define FALLBACK_ALIGNMENT	1	/* file offset and address differ modulo PMD_SIZE */
#define FALLBACK_PRIVATE	2	/* a write to a private mapping */
#define FALLBACK_VMA		3	/* the VMA does not span the huge page */
#define FALLBACK_END_OF_FILE	4	/* the file ends within it */
#define FALLBACK_OTHER		5	/* an entry or a page table of small pages is in the way; if
				 * an EVENT_IOMAP was given: its blocks are too few, not aligned
				 * or not contiguous
				 */

/*
 * event_exit.argument of OPERATION_WRITEPAGES: whether anything in the mapping
 * is tagged when it ends: as dirty, under writeback or about to be.  0: of an older
 * trace, which does not say.
 */
#define WRITEPAGES_CLEAN	0x1
#define WRITEPAGES_TAGGED	0x2

/* event_entry.flags */
#define ENTRY_ZERO	0x1	/* the zero page of a hole */
#define ENTRY_WRITE	0x2	/* by a write fault: the mapping becomes writable */
#define ENTRY_DIRTY	0x4	/* PAGECACHE_TAG_DIRTY is set by this */
#define ENTRY_SYNC	0x8	/* MAP_SYNC: becomes dirty by EVENT_ENTRY_DIRTY */
#define ENTRY_EMPTY	0x10	/* locked to be filled: it stands for nothing yet */
#define ENTRY_REGARDLESS	0x20	/* ENTRY_DELETE: of a function that deletes dirty ones as well */

struct event_header {
	__u64 time;		/* ns, CLOCK_MONOTONIC, at the moment described */
	__u32 tid;		/* task_struct.pid */
	__u32 tgid;		/* task_struct.tgid */
	__u16 type;		/* enum event_type */
	__u16 size;		/* bytes, this header included */
	__u16 cpu;		/* modulo 1024 */
	__u16 reserved;		/* 0 */
	__u32 sequence;		/* counts its buffer's records, lost ones included */
	__u32 lost;		/* records lost, on any CPU, just before this one */
};

/* Names an inode.  Inode numbers are reused; the generation tells. */
struct inode_id {
	__u64 ino;
	__u32 dev;		/* dev_t as the kernel holds it: major << 20 | minor */
	__u32 generation;	/* inode.i_generation */
};

/* A task, before its first record and whenever it changes its name. */
struct event_task {
	struct event_header header;
	char comm[EVENT_COMM_LENGTH];		/* NUL-terminated */
	__u64 started;		/* ns, when the task was made: of the clock of ->time */
};

/* A superblock, before the first record of one of its inodes. */
struct event_superblock {
	struct event_header header;
	__u32 dev;
	__u32 reserved;				/* 0 */
	char fstype[EVENT_FSTYPE_LENGTH];	/* file_system_type.name, NUL-terminated */
	char id[EVENT_SB_ID_LENGTH];		/* super_block.s_id, NUL-terminated */
};

struct event_enter {
	struct event_header header;
	struct inode_id inode;
	__u64 first;		/* page index */
	__u64 last;		/* page index, inclusive; INDEX_MAX: to the end */
	__u64 argument[2];	/* see enum operation */
	__u32 operation;	/* enum operation */
	__s32 stack;		/* id of an EVENT_STACK, or negative: none */
};

struct event_exit {
	struct event_header header;
	struct inode_id inode;
	__s64 result;		/* see enum operation */
	__u64 argument;		/* see enum operation */
	__u32 operation;	/* enum operation */
	__u32 reserved;		/* 0 */
};

/*
 * One entry of the inode's mapping.
 *
 * EVENT_MAPPED: the fault's page table entry is about to be set, while the
 * entry is locked; ENTRY_WRITE says that it will be writable, ENTRY_ZERO that
 * it maps a huge zero page (of a small one the EVENT_ENTRY_INSERT before tells).  Whether it was set, the fault's result tells.
 * EVENT_ENTRY_LOCK, _UNLOCK: by a fault; index, order and flags (ENTRY_ZERO,
 * ENTRY_EMPTY) of the entry as it is then.  That it is locked is told where the
 * fault is about to insert it, though it has been before it asked for blocks; that it
 * is let go, where the fault ends, or where something shows it before.  A fault
 * that inserts nothing tells neither.  Of the short time for which writeback
 * holds the lock only EVENT_MKCLEAN to EVENT_WRITEBACK_ONE show.
 */
struct event_entry {
	struct event_header header;
	struct inode_id inode;
	__u64 index;		/* page index, aligned to the order */
	__u64 pfn;		/* page frame; of the zero page for ENTRY_ZERO */
	__u32 order;		/* 0: a page, 9: 512 pages */
	__u32 flags;		/* ENTRY_* */
};

/* EVENT_MAPPED: as an entry, and the VMA whose page table it is. */
struct event_mapped {
	struct event_header header;
	struct inode_id inode;
	__u64 index;
	__u64 pfn;
	__u32 order;
	__u32 flags;
	__u64 vma;		/* its kernel address, as in event_map; 0: not known */
};

struct event_range {
	struct event_header header;
	struct inode_id inode;
	__u64 first;		/* page index */
	__u64 last;		/* page index, inclusive */
	__u64 pfn;		/* of first, for EVENT_MKCLEAN; else 0 */
};

/* EVENT_MKCLEAN: a range, and the VMA through which it can no longer be stored to. */
struct event_mkclean {
	struct event_header header;
	struct inode_id inode;
	__u64 first;
	__u64 last;
	__u64 pfn;
	__u64 vma;		/* its kernel address, as in event_map; 0: all that map the range */
};

struct event_flush {
	struct event_header header;
	__u64 pfn;		/* first page frame */
	__u64 pages;
};

/* event_mode.old_flags, .new_flags */
#define MODE_DAX	0x1	/* S_DAX in inode.i_flags */
#define MODE_MAPPED	0x2	/* some VMA maps the file, as the inode's i_mmap says */
#define MODE_POLLED	0x4	/* new_flags: found by looking from time to time, so the flip came
				 * any time since that inode's last record; else an operation on
				 * the inode that is about to be told found it
				 */
#define MODE_DIRTY	0x8	/* new_flags: pages or entries of the mapping are tagged as dirty, under
				 * writeback or about to be written
				 */
#define MODE_PAGES	0x10	/* new_flags: the mapping is not empty: pages or entries are in it */
#define MODE_MOMENT	0x20	/* new_flags: told by the function that has changed S_DAX, just then and
				 * by its task
				 */

/*
 * How the file is accessed, as its inode says, differs from what was seen of it
 * before.  The journalled-data mode shows in the operations (of ext4:
 * ext4_journalled_aops).  Whoever changed it need not be the task of the header.
 */
struct event_mode {
	struct event_header header;
	struct inode_id inode;
	__u64 old_operations;	/* address_space.a_ops; an EVENT_SYMBOL names it */
	__u64 new_operations;
	__u32 old_flags;	/* MODE_* */
	__u32 new_flags;
};

/* event_map.flags */
#define MAP_SHARED_FILE	0x1	/* VM_SHARED: stores go to the file */
#define MAP_WRITABLE	0x2	/* VM_WRITE now; mprotect(2) can change it, untold */
#define MAP_MAY_WRITE	0x4	/* VM_MAYWRITE: mprotect(2) may make it writable */
#define MAP_SYNCHRONOUS	0x8	/* VM_SYNC: MAP_SYNC */
#define MAP_FORK	0x10	/* a copy that fork(2) makes of the parent's */

/*
 * A VMA was added to the mapping's i_mmap, or removed from it once its page
 * tables were cleared: mmap, munmap, fork, exec, exit.  Where the kernel changes
 * or splits a VMA it removes it and adds what it has become.
 */
struct event_map {
	struct event_header header;
	struct inode_id inode;
	__u64 vma;		/* names it while it is there: its kernel address */
	__u64 mm;		/* the process's mm_struct: its kernel address */
	__u64 address;		/* user address, bytes */
	__u64 first;		/* page index in the file */
	__u64 last;		/* page index, inclusive */
	__u32 flags;		/* MAP_* above */
	__u32 reserved;		/* 0 */
};

/* event_iomap.type: include/linux/iomap.h */
#define IOMAP_TYPE_HOLE		0
#define IOMAP_TYPE_DELALLOC	1
#define IOMAP_TYPE_MAPPED	2
#define IOMAP_TYPE_UNWRITTEN	3
#define IOMAP_TYPE_INLINE	4

/* event_iomap.flags: the same there */
#define IOMAP_FLAG_NEW		0x1	/* blocks were allocated for this */
#define IOMAP_FLAG_DIRTY	0x2	/* metadata must be synced for O_SYNC and MAP_SYNC */
#define IOMAP_FLAG_SHARED	0x4	/* blocks shared with another file: copy on write */

/* event_iomap.purpose: what the task asked for; IOMAP_* flags of that file */
#define IOMAP_PURPOSE_WRITE	0x1
#define IOMAP_PURPOSE_ZERO	0x2	/* to zero, not to store */
#define IOMAP_PURPOSE_REPORT	0x4	/* to tell: fiemap, SEEK_HOLE */
#define IOMAP_PURPOSE_FAULT	0x8
#define IOMAP_PURPOSE_DIRECT	0x10
#define IOMAP_PURPOSE_UNSHARE	0x80
#define IOMAP_PURPOSE_DAX	0x100

/*
 * What the filesystem answered to the operation that the task is inside of.
 * Where the blocks were there before (IOMAP_TYPE_MAPPED without IOMAP_FLAG_NEW and
 * IOMAP_FLAG_SHARED, whole pages), it is told to faults alone: to one of a page when it
 * inserts the entry, and not if it inserts none.
 */
struct event_iomap {
	struct event_header header;
	struct inode_id inode;
	__u64 position;		/* in the file, bytes: what was asked for from here */
	__u64 wanted;		/* bytes asked for */
	__u64 offset;		/* in the file, bytes: what the answer covers from here */
	__u64 length;		/* bytes that the answer covers */
	__u64 address;		/* on the device, bytes; ~0: none */
	__u16 type;		/* IOMAP_TYPE_* */
	__u16 flags;		/* IOMAP_FLAG_*; other bits may be set */
	__u32 purpose;		/* IOMAP_PURPOSE_*; other bits may be set */
};

/*
 * A task waits for an entry's lock, or is woken by who lets it go.  One that is
 * woken looks again, and may have to wait once more.
 */
struct event_entry_wait {
	struct event_header header;
	struct inode_id inode;
	__u64 index;		/* page index of the entry */
	__u32 waiter;		/* tid: the header's in EVENT_ENTRY_WAIT */
	__u32 reserved;		/* 0 */
};

/*
 * A handle of a jbd2 journal: from start_this_handle() to jbd2_journal_stop().
 * A nested start, which gives the same handle, makes no record.
 */
struct event_handle {
	struct event_header header;
	__u32 dev;		/* dev_t of the journalled filesystem */
	__u32 transaction;	/* tid of it */
	__u32 type;		/* the filesystem's number for its purpose */
	__u32 line;		/* of the filesystem's source: who started it */
	__u32 blocks;		/* credits asked for; when it stops: blocks made dirty */
	__u32 reserved;		/* 0 */
};

/* event_sb.operation */
enum sb_operation {
	SB_NONE		= 0,
	SB_SYNC		= 1,	/* sync_filesystem: syncfs(2), umount(2), a freeze */
	SB_SYNC_ALL	= 2,	/* ksys_sync: sync(2), of all superblocks; dev is 0 */
	SB_FREEZE	= 3,	/* freeze_super */
	SB_THAW		= 4,	/* thaw_super */
	SB_UMOUNT	= 5,	/* generic_shutdown_super: the last mount has gone */
	SB_OPERATION_COUNT
};

/* An operation on a whole superblock. */
struct event_sb {
	struct event_header header;
	__u32 dev;		/* as in an inode; 0 in SB_SYNC_ALL */
	__u32 operation;	/* enum sb_operation */
	__s64 result;		/* 0 or -errno; 0 in EVENT_SB_ENTER */
};

/*
 * A kernel stack, once, before the first record that refers to it in a trace
 * file.  The innermost frame is first.
 */
struct event_stack {
	struct event_header header;
	__s32 id;
	__u32 depth;		/* frames in use */
	__u64 address[EVENT_STACK_DEPTH];
};

/* The name of a kernel address, once, after the stack that has it. */
struct event_symbol {
	struct event_header header;
	__u64 address;
	__u64 offset;		/* of address in the function, bytes */
	char name[128];		/* "function" or "function [module]", NUL-terminated */
};

/*
 * From where in its program the task of the header comes to an operation, just before
 * or just after the record that begins it; if it was asked for (--user-stacks).
 */
struct event_user_stack {
	struct event_header header;
	__u64 vma;		/* of an EVENT_MAP: its vma; else 0 */
	__s32 stack;		/* of event_user_frame; negative: not known */
	__u32 operation;	/* enum operation; 0: an EVENT_MAP */
};

/*
 * A frame of such a stack, once, before the first record that names it: all frames of
 * a stack together, from the innermost on.  header.tgid: the process.
 */
struct event_user_frame {
	struct event_header header;
	__s32 stack;		/* unique in a trace */
	__u16 frame;		/* from 0 */
	__u16 frames;		/* of the stack */
	__u64 address;		/* in the process */
	__u64 function_offset;	/* of address in the function, bytes */
	__u64 file_offset;	/* of address in the file, bytes */
	__u8 build_id[20];	/* of the file; padded with 0 */
	__u8 build_id_length;	/* 0: not known */
	__u8 reserved[3];	/* 0 */
	char function[128];	/* "": not known */
	char file[128];		/* its end, if the path is longer; "": not known, or no file */
};

/*
 * Records that are missing and whose place in the stream is not in a later
 * record's ->lost: what the counters say now and then, and at the end of tracing.
 * Its time is its place in the stream, which may be behind: records of before until come
 * after this one, and may be next to what is missing as well.
 * With nothing lost it says that time has passed, in which nothing was told.
 */
struct event_gap {
	struct event_header header;
	__u64 lost;		/* records */
	__u64 since;		/* ns: none of them is from before that; 0: not known */
	__u64 until;		/* ns: when the counters were read */
};

/*
 * Locks.  A class is a type and a field, not an address; its record comes
 * before the first edge that has it.
 */
enum lock_type {
	LOCK_RWSEM		= 1,	/* struct rw_semaphore */
	LOCK_MUTEX		= 2,	/* struct mutex */
	LOCK_PERCPU_RWSEM	= 3,	/* struct percpu_rw_semaphore; writers only */
	LOCK_HANDLE		= 4,	/* a jbd2 handle: a reader of the running transaction */
	LOCK_DAX_ENTRY		= 5,	/* the lock bit of a DAX entry */
	/* Not locks, but what must not be begun while certain locks are held. */
	LOCK_LAYOUT_BREAK	= 6,	/* wait for pinned pages */
	LOCK_WRITEBACK		= 7,	/* ->writepages of a mapping */
	LOCK_INVALIDATE		= 8,	/* invalidate_inode_pages2_range */
	LOCK_TYPE_COUNT
};

/* How a class was found. */
enum lock_kind {
	LOCK_KIND_UNKNOWN	= 0,	/* in no slab, no symbol: by the function that takes it */
	LOCK_KIND_SLAB		= 1,	/* by slab cache and offset in the object */
	LOCK_KIND_KMALLOC	= 2,	/* by cache, offset and the function that takes it */
	LOCK_KIND_STATIC	= 3,	/* by the address of a symbol */
	LOCK_KIND_SUPERBLOCK	= 4,	/* by offset in struct super_block */
	LOCK_KIND_TYPE		= 5,	/* by its type alone: LOCK_HANDLE and what follows */
};

enum lock_mode {
	LOCK_MODE_WRITE		= 0,
	LOCK_MODE_READ		= 1,	/* lets readers in, but none behind a waiting writer */
	LOCK_MODE_READ_RECURSIVE	= 2,	/* lets readers in always */
};

/* event_lock_class.flags */
#define LOCK_CLASS_DIRECTORY	0x1	/* in the object of a directory's inode */

struct event_lock_class {
	struct event_header header;
	__u32 id;		/* from 1, unique in a trace */
	__u32 type;		/* enum lock_type */
	__u32 kind;		/* enum lock_kind */
	__u32 flags;		/* LOCK_CLASS_* */
	__u64 address;		/* STATIC: of the lock; KMALLOC, UNKNOWN: in the taking function */
	__u32 object_size;	/* bytes, of the cache's objects; 0: no slab */
	__u32 offset;		/* bytes, of the lock in its object */
	__s32 inode_offset;	/* bytes, of struct inode in the object; negative: none */
	__u32 subclass;		/* lockdep's, where a *_nested function was seen; else 0 */
	char cache[32];		/* kmem_cache.name, NUL-terminated, "" if none */
	char fstype[EVENT_FSTYPE_LENGTH];	/* of the inode or superblock, "" if none */
};

/* event_lock_edge.flags */
#define LOCK_EDGE_SAME		0x1	/* both are one and the same lock */
#define LOCK_EDGE_FROM_EARLIER	0x2	/* from_stack: of an earlier time this task took it */
#define LOCK_EDGE_FROM_TRYLOCK	0x4	/* the first was taken by a trylock */
/*
 * The first is held by readers, and the kernel does not tell whether this task
 * is one of them; or the first is a DAX entry, and it does not tell whether the task
 * is still in that fault.  True unless a release was missed: no event_lock_loss.missed
 * up to the next such record.
 */
#define LOCK_EDGE_UNSURE	0x8

/*
 * A task that holds one lock waits for another, and such a pair was not seen
 * before.  header: who waits, and when.
 */
struct event_lock_edge {
	struct event_header header;
	__u32 from, to;		/* ids of classes */
	__u8 from_mode, to_mode;	/* enum lock_mode */
	__u8 flags;		/* LOCK_EDGE_* */
	__u8 depth;		/* locks held, the first included */
	__s32 from_stack;	/* where the first was taken; id, or negative: not known */
	__s32 to_stack;		/* where the second is waited for */
	__u32 reserved;		/* 0 */
};

/* A task ended, or went back to user mode, with a lock held. */
struct event_lock_leak {
	struct event_header header;
	__u32 class;		/* id */
	__s32 stack;		/* where it was taken; id, or negative */
	__u8 mode;		/* enum lock_mode */
	__u8 ended;		/* 1: the task ended; 0: it went back to user mode */
	__u8 reserved[6];	/* 0 */
};

/* The name of a class, after its record and before its first edge. */
struct event_lock_name {
	struct event_header header;
	__u32 id;
	__u32 reserved;		/* 0 */
	char name[96];		/* "struct.member" or a symbol, NUL-terminated */
};

/* At the end of tracing: how often a class was taken, and how often that had to wait. */
struct event_lock_count {
	struct event_header header;
	__u32 id;
	__u32 max_depth;	/* locks that a task held when it took it, at most */
	__u64 acquisitions;
	/* Older traces have none of these. */
	__u64 contentions;	/* of lock:contention_begin; LOCK_CONTENTIONS_UNKNOWN */
	__u64 waited;		/* ns, in all */
	__u64 longest;		/* ns, of one */
};

#define LOCK_CONTENTIONS_UNKNOWN	(~0ULL)

/*
 * What the tracing of locks did not follow since the last such record: at the end, and
 * when there are edges of which it decides whether they are certain.
 */
struct event_lock_loss {
	struct event_header header;
	__u64 unseen;		/* releases of a lock whose taking was not seen */
	__u64 overflow;		/* locks beyond those that can be held at once */
	__u64 room;		/* no room for a task, a class or an edge */
	__u64 stale;		/* holds that turned out to have ended unseen */
	__u64 missed;		/* times a program could not run, the CPU being in it */
};

/* event_lock_set.place: where the task is, and so what another must not do meanwhile */
enum lock_place {
	LOCK_PLACE_FAULT	= 1,	/* begins dax_iomap_fault(); the entry's lock not included */
	LOCK_PLACE_TRUNCATE	= 2,	/* begins truncate_inode_pages_range() */
	LOCK_PLACE_FLUSH	= 3,	/* begins dax_writeback_mapping_range() */
	LOCK_PLACE_FLIP		= 4,	/* changes S_DAX: inode_set_flags() */
	LOCK_PLACE_RW		= 5,	/* begins dax_iomap_rw() */
	LOCK_PLACE_WRITEPAGES	= 6,	/* begins do_writepages() */
	LOCK_PLACE_MAP		= 7,	/* ends mmap_region(): held, and taken since it began */
	LOCK_PLACE_INVALIDATE	= 8,	/* begins invalidate_inode_pages2_range() */
	LOCK_PLACE_COUNT
};

#define LOCK_SET_MAX	8

/* event_lock_set.held[] */
struct event_lock_held {
	__u64 lock;		/* names it while its inode is in memory: its kernel address */
	__u32 class;		/* id */
	__u8 mode;		/* enum lock_mode */
	__u8 type;		/* enum lock_type */
	__u16 taking;		/* a count of what the task takes: the same hold has the same */
};

/*
 * The locks that the task of the header holds when it comes to a place, on that
 * inode.  Of faults, reads and writes told only when they are not what the task held
 * when it came there last, but for the taking: until another record of this task and
 * place, they are the same.
 * Of a mapping (LOCK_PLACE_MAP) also the locks that were let go again before it was
 * made, each once, in the strongest mode; but not mapping.i_mmap_rwsem.
 */
struct event_lock_set {
	struct event_header header;
	struct inode_id inode;
	__u32 place;		/* enum lock_place */
	__u32 count;		/* of held; more than LOCK_SET_MAX: some are not told */
	struct event_lock_held held[LOCK_SET_MAX];	/* in the order of taking; the rest is 0 */
};

#ifndef __bpf__
_Static_assert(sizeof(struct event_lock_set) == 184, "event_lock_set");
_Static_assert(sizeof(struct event_header) == 32, "event_header");
_Static_assert(sizeof(struct inode_id) == 16, "inode_id");
_Static_assert(sizeof(struct event_task) == 56, "event_task");
_Static_assert(sizeof(struct event_superblock) == 88, "event_superblock");
_Static_assert(sizeof(struct event_enter) == 88, "event_enter");
_Static_assert(sizeof(struct event_exit) == 72, "event_exit");
_Static_assert(sizeof(struct event_entry) == 72, "event_entry");
_Static_assert(sizeof(struct event_range) == 72, "event_range");
_Static_assert(sizeof(struct event_flush) == 48, "event_flush");
_Static_assert(sizeof(struct event_stack) == 40 + 8 * EVENT_STACK_DEPTH, "event_stack");
_Static_assert(sizeof(struct event_symbol) == 176, "event_symbol");
_Static_assert(sizeof(struct event_user_stack) == 48, "event_user_stack");
_Static_assert(sizeof(struct event_user_frame) == 344, "event_user_frame");
_Static_assert(sizeof(struct event_gap) == 56, "event_gap");
_Static_assert(sizeof(struct event_mapped) == 80, "event_mapped");
_Static_assert(sizeof(struct event_mkclean) == 80, "event_mkclean");
_Static_assert(sizeof(struct event_mode) == 72, "event_mode");
_Static_assert(sizeof(struct event_map) == 96, "event_map");
_Static_assert(sizeof(struct event_iomap) == 96, "event_iomap");
_Static_assert(sizeof(struct event_entry_wait) == 64, "event_entry_wait");
_Static_assert(sizeof(struct event_handle) == 56, "event_handle");
_Static_assert(sizeof(struct event_sb) == 48, "event_sb");
_Static_assert(sizeof(struct event_lock_class) == 120, "event_lock_class");
_Static_assert(sizeof(struct event_lock_edge) == 56, "event_lock_edge");
_Static_assert(sizeof(struct event_lock_leak) == 48, "event_lock_leak");
_Static_assert(sizeof(struct event_lock_name) == 136, "event_lock_name");
_Static_assert(sizeof(struct event_lock_count) == 72, "event_lock_count");
_Static_assert(sizeof(struct event_lock_loss) == 72, "event_lock_loss");
#endif

#endif /* DAXTRACE_EVENTS_H */
