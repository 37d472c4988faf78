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
	EVENT_MKCLEAN		= 9,	/* struct event_range: write-protected */
	EVENT_FLUSH		= 10,	/* struct event_flush: CPU caches written back */
	EVENT_WRITEBACK_ONE	= 11,	/* struct event_range: dirty tag cleared */
	EVENT_STACK		= 12,	/* struct event_stack, made in user space */
	EVENT_SYMBOL		= 13,	/* struct event_symbol, made in user space */
	EVENT_GAP		= 14,	/* struct event_gap, made in user space */
	EVENT_TYPE_COUNT
};

/*
 * Operations: what a task is inside of between EVENT_ENTER and EVENT_EXIT.
 * They nest.  ->first and ->last are page indexes, inclusive.
 *
 *  operation	argument[0]		argument[1]		result
 *  FAULT	FAULT_* flags		user address		vm_fault_t bits
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
	OPERATION_COUNT
};

/* event_enter.argument[0] of OPERATION_FAULT */
#define FAULT_WRITE	0x1	/* FAULT_FLAG_WRITE */
#define FAULT_PMD	0x2	/* asked for a huge page */
#define FAULT_PRIVATE	0x4	/* of a private mapping: a copy, not the file */

/* event_entry.flags */
#define ENTRY_ZERO	0x1	/* the zero page of a hole */
#define ENTRY_WRITE	0x2	/* by a write fault: the mapping becomes writable */
#define ENTRY_DIRTY	0x4	/* PAGECACHE_TAG_DIRTY is set by this */
#define ENTRY_SYNC	0x8	/* MAP_SYNC: becomes dirty by EVENT_ENTRY_DIRTY */

struct event_header {
	__u64 time;		/* ns, CLOCK_MONOTONIC, at the moment described */
	__u32 tid;		/* task_struct.pid */
	__u32 tgid;		/* task_struct.tgid */
	__u16 type;		/* enum event_type */
	__u16 size;		/* bytes, this header included */
	__u16 cpu;
	__u16 reserved;		/* 0 */
	__u32 sequence;		/* counts this CPU's records, lost ones included */
	__u32 lost;		/* records lost on this CPU just before this one */
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

/* One entry of the inode's mapping. */
struct event_entry {
	struct event_header header;
	struct inode_id inode;
	__u64 index;		/* page index, aligned to the order */
	__u64 pfn;		/* page frame; of the zero page for ENTRY_ZERO */
	__u32 order;		/* 0: a page, 9: 512 pages */
	__u32 flags;		/* ENTRY_* */
};

struct event_range {
	struct event_header header;
	struct inode_id inode;
	__u64 first;		/* page index */
	__u64 last;		/* page index, inclusive */
	__u64 pfn;		/* of first, for EVENT_MKCLEAN; else 0 */
};

struct event_flush {
	struct event_header header;
	__u64 pfn;		/* first page frame */
	__u64 pages;
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
 * Records that are missing and whose place in the stream is not in a later
 * record's ->lost: what the counters say at the end of tracing.
 */
struct event_gap {
	struct event_header header;
	__u64 lost;		/* records */
};

#ifndef __bpf__
_Static_assert(sizeof(struct event_header) == 32, "event_header");
_Static_assert(sizeof(struct inode_id) == 16, "inode_id");
_Static_assert(sizeof(struct event_task) == 48, "event_task");
_Static_assert(sizeof(struct event_superblock) == 88, "event_superblock");
_Static_assert(sizeof(struct event_enter) == 88, "event_enter");
_Static_assert(sizeof(struct event_exit) == 72, "event_exit");
_Static_assert(sizeof(struct event_entry) == 72, "event_entry");
_Static_assert(sizeof(struct event_range) == 72, "event_range");
_Static_assert(sizeof(struct event_flush) == 48, "event_flush");
_Static_assert(sizeof(struct event_stack) == 40 + 8 * EVENT_STACK_DEPTH, "event_stack");
_Static_assert(sizeof(struct event_symbol) == 176, "event_symbol");
_Static_assert(sizeof(struct event_gap) == 40, "event_gap");
#endif

#endif /* DAXTRACE_EVENTS_H */
