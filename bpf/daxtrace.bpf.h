/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all BPF programs share: the maps and what user space sets; how a record is
 * made (record.bpf.h), and for which inodes (follow.bpf.h).
 * Included first by every bpf/ source; bpf/task.bpf.c defines what is declared
 * extern here.
 *
 * Naming of programs: <event>__<way>, as cli/probe/table.c lists them.
 * Programs read kernel structures by CO-RE only, and ask what a kernel has,
 * never which version it is.
 */
#ifndef DAXTRACE_BPF_H
#define DAXTRACE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "bpf/events.h"
#include "bpf/buffer.h"

/*
 * Marks of an xarray are above the bits of gfp_t in its flags; a mapping's has
 * no bits of gfp_t there, and those of XA_FLAGS_* are below (include/linux/xarray.h).
 */
#define XA_MARKS_SHIFT	20

/* Macros of the kernel, which BTF does not carry; unchanged from 6.1 to 7.2. */
#define S_DAX		(1 << 13)	/* include/linux/fs.h */
#define ATTR_SIZE	(1 << 3)	/* include/linux/fs.h */
#define IOMAP_WRITE	(1 << 0)	/* include/linux/iomap.h */
#define IOMAP_F_DIRTY	(1 << 1)	/* include/linux/iomap.h */
#define VM_SHARED	0x00000008UL	/* include/linux/mm.h */
#define VM_SYNC		0x00800000UL	/* include/linux/mm.h */
#define LLONG_MAX	0x7fffffffffffffffLL

/* The shards: bpf/buffer.h.  Sized by user space before loading. */
struct buffers_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, SHARD_CONTROL + 4096 + SHARD_SLACK);
};

/* Carries nothing: what is put into it wakes the reader. */
struct wakeups_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/*
 * What a task is inside of, where one event is seen at several functions.  All
 * zero for a task that began before tracing: then its first ends are not seen.
 */
struct task_state {
	__u32 announced;	/* EVENT_TASK is in a buffer */
	__u32 syncs;		/* functions of a sync that it is inside of */
	__u32 unmapping;	/* inside unmap_mapping_range(), no record made yet */
	__u32 deleting;		/* inside a function that deletes entries: DELETING, DELETE_* */
	__u32 writeback;	/* inside the writeback of an inode that is wanted: IN_* of persist.bpf.c */
	__u32 reserved;		/* 0 */
	__u64 writing;		/* inode of its last write(2) that may not have ended */
	__u64 position;		/* of that write, bytes */
	__u64 length;		/* the same */
	__u32 write_told;	/* EVENT_ENTER of it has been made */
	__u32 resizing;		/* inside a call that frees blocks and was told: IN_* of range.bpf.c */
	struct inode_id synced;	/* whose sync it is inside of */
	struct inode_id inode;	/* whose entries it deletes */
	__u64 index;		/* which */
};

struct tasks_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
};

/* dev_t of the superblocks of which EVENT_SUPERBLOCK is in the ring buffer. */
struct superblocks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
};

/* dev_t of the superblocks to follow, with FILTER_DEVICES. */
struct devices_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
};

/* tgid of the processes to follow, with FILTER_TASKS; their children join them. */
struct processes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
};

/* The cgroup to follow, with FILTER_CGROUP. */
struct cgroup_map {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
};

/* Addresses of the inodes that a task to follow has come by, until they are evicted. */
struct chosen_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
};

/*
 * How inodes were accessed when last seen, by the inode's address: those that a
 * VMA maps or that an operation came by, until they are evicted.
 */
struct watched_inode {
	struct inode_id id;
	__u64 mode;		/* MODE_WORD_* */
};

/*
 * a_ops, S_DAX and how often they have changed, in one word: of several that look at an inode,
 * one is always the last to have looked, and may have waited long since.  The top byte of an
 * address of the kernel is all ones, and a_ops is aligned.
 */
#define MODE_WORD_DAX		0x1ULL
#define MODE_WORD_OPERATIONS	0x00fffffffffffff8ULL
#define MODE_WORD_COUNT		0xff00000000000000ULL
#define MODE_WORD_COUNT_ONE	0x0100000000000000ULL

struct inodes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct watched_inode);
};

struct stacks_map {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 4096);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, EVENT_STACK_DEPTH * sizeof(__u64));
};

extern struct buffers_map buffers SEC(".maps");
extern struct wakeups_map wakeups SEC(".maps");
extern struct tasks_map tasks SEC(".maps");
extern struct superblocks_map superblocks SEC(".maps");
extern struct devices_map devices SEC(".maps");
extern struct processes_map processes SEC(".maps");
extern struct cgroup_map cgroup SEC(".maps");
extern struct chosen_map chosen SEC(".maps");
extern struct inodes_map inodes SEC(".maps");
extern struct stacks_map stacks SEC(".maps");

#define EEXIST		17	/* <asm-generic/errno-base.h>, not in BTF */

/*
 * The id of the kernel stack, or negative.  The map has one place for a stack, by its
 * hash: where another is there, look without the newest frames, which are the program
 * and what calls it, and so at another place.
 */
static __always_inline __s32 stack__here(void *ctx)
{
	__s32 id = bpf_get_stackid(ctx, &stacks, 0);

	if (id == -EEXIST)
		id = bpf_get_stackid(ctx, &stacks, 1);
	return id == -EEXIST ? bpf_get_stackid(ctx, &stacks, 2) : id;
}

/* Bits of filters: which inodes are followed. */
#define FILTER_DEVICES	0x1	/* those on what is in devices */
#define FILTER_TASKS	0x2	/* those that a task in processes has come by */
#define FILTER_CGROUP	0x4	/* those that a task in cgroup has come by */

/* Set by user space before loading. */
extern const volatile __u32 page_shift;		/* of the kernel's base page */
extern const volatile __u32 shard_mask;		/* shards - 1, of a power of two */
extern const volatile __u64 data_mask;		/* a shard's bytes of records - 1, the same */
extern const volatile __u32 filters;		/* FILTER_*; 0: every inode is followed */
extern const volatile bool fault_untold;	/* faults of a page begin where they insert */
extern const volatile bool write_notes;		/* writes are told when they invalidate */
extern const volatile __u64 direct_map;		/* kernel address of physical 0 */

/*
 * Whether records are made: set by user space once every program is attached,
 * and taken back before the first is detached.  A stream that has faults but
 * not yet fsyncs would be a stream of false findings.
 */
#define TRACING_ALL		1	/* filters is 0 */
#define TRACING_FILTERED	2
extern __u32 tracing;

/*
 * Records lost so far, on any CPU: the task whose record is missing may go on
 * elsewhere, and what it does there must not be believed.  Each record carries
 * the count, so the next one of that task has it, whoever else made one
 * meanwhile; the reader tells the differences.
 */
extern __u32 lost_records;

/* Tasks that are inside of a function that deletes entries: task_state.deleting. */
extern __u32 deleters;

/* Times that an inode could not be added to chosen: what others do to it is not told. */
extern __u32 unfollowed;

#include "bpf/record.bpf.h"
#include "bpf/follow.bpf.h"

#endif /* DAXTRACE_BPF_H */
