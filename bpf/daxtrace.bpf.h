/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all BPF programs share: the maps, the filter, and how a record is made.
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
	__u32 deleting;		/* inside a function that deletes entries */
	__u32 writeback;	/* inside the writeback of an inode that is wanted: IN_* of persist.bpf.c */
	__u32 reserved;		/* 0 */
	__u64 writing;		/* inode of its last write(2) that may not have ended */
	__u64 position;		/* of that write, bytes */
	__u64 length;		/* the same */
	__u32 write_told;	/* EVENT_ENTER of it has been made */
	__u32 reserved2;	/* 0 */
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

/* dev_t of the superblocks to follow, if filter_devices is set. */
struct devices_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
};

/*
 * How inodes were accessed when last seen, by the inode's address: those that a
 * VMA maps or that an operation came by, until they are evicted.
 */
struct watched_inode {
	struct inode_id id;
	__u64 operations;	/* address_space.a_ops */
	__u32 flags;		/* MODE_DAX */
	__u32 reserved;		/* 0 */
};

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
extern struct inodes_map inodes SEC(".maps");
extern struct stacks_map stacks SEC(".maps");

/* Set by user space before loading. */
extern const volatile __u32 page_shift;		/* of the kernel's base page */
extern const volatile __u32 shard_mask;		/* shards - 1, of a power of two */
extern const volatile __u64 data_mask;		/* a shard's bytes of records - 1, the same */
extern const volatile bool filter_devices;	/* only what is in devices */
extern const volatile bool write_notes;		/* writes are told when they invalidate */
extern const volatile __u64 direct_map;		/* kernel address of physical 0 */

/*
 * Whether records are made: set by user space once every program is attached,
 * and taken back before the first is detached.  A stream that has faults but
 * not yet fsyncs would be a stream of false findings.
 */
extern __u32 tracing;

/*
 * Records lost so far, on any CPU: the task whose record is missing may go on
 * elsewhere, and what it does there must not be believed.  Each record carries
 * the count, so the next one of that task has it, whoever else made one
 * meanwhile; the reader tells the differences.
 */
extern __u32 lost_records;

/*
 * Counts what makes addresses mean something else, superblocks and inodes that
 * have gone, and changes of an inode's mode.  A word of struct shard that is older proves nothing.
 */
extern __u64 epoch;

/* The shard of this CPU. */
static __always_inline struct shard *shard__this(void)
{
	__u32 key = bpf_get_smp_processor_id() & shard_mask;

	return bpf_map_lookup_elem(&buffers, &key);
}

/* How often a task tries that is preempted by others which make records on its CPU. */
#define RESERVE_TRIES	4

/*
 * A record could not be made: count it, and let the next record say so at its
 * place.  A program may be preempted by another on the same CPU,
 * hence the atomic updates.
 */
static __always_inline void record__drop(struct shard *shard, __u32 type)
{
	__sync_fetch_and_add(&shard->sequence, 1);
	__sync_fetch_and_add(&lost_records, 1);
	__sync_fetch_and_add(&shard->dropped[type], 1);
}

/* So much has been written that the reader had better not wait for its time. */
static __noinline int wake_reader(void)
{
	__u64 nothing = 0;

	return bpf_ringbuf_output(&wakeups, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

/*
 * Room for a record, with its header filled in but for the time, which
 * record__submit() writes; or NULL: then the loss has been counted.
 */
static __always_inline void *record__reserve_in(struct shard *shard, __u32 cpu, __u32 size,
						__u32 type)
{
	struct event_header *header;
	__u64 head;
	int i;

	if (!shard)
		return NULL;
#pragma unroll
	for (i = 0; i < RESERVE_TRIES; i++) {
		head = *(volatile __u64 *)&shard->head;
		/* Of several that pass this at once each has room: there is slack for a page. */
		if (head + size - *(volatile __u64 *)&shard->tail > data_mask + 1)
			break;
		if (__sync_val_compare_and_swap(&shard->head, head, head + size) != head)
			continue;
		header = (void *)shard + SHARD_CONTROL + (head & data_mask);
		*(__u64 *)&header->tid = bpf_get_current_pid_tgid();
		*(__u64 *)&header->type = type | (__u64)size << 16 |
					  (__u64)cpu << 32;
		header->sequence = __sync_fetch_and_add(&shard->sequence, 1);
		header->lost = lost_records;
		/* At each quarter of the buffer. */
		if ((head ^ (head + size)) & ((data_mask + 1) >> 2))
			wake_reader();
		return header;
	}
	record__drop(shard, type);
	return NULL;
}

static __always_inline void *record__reserve(__u32 size, __u32 type)
{
	__u32 cpu = bpf_get_smp_processor_id(), key = cpu & shard_mask;

	return record__reserve_in(bpf_map_lookup_elem(&buffers, &key), cpu, size, type);
}

/*
 * Hand a record over: the time is what tells the reader that it is whole, and
 * is the last that is written.
 */
static __always_inline void record__submit(void *record)
{
	struct event_header *header = record;
	__u64 time = bpf_ktime_get_ns();

#ifdef __TARGET_ARCH_x86
	/* Stores are seen in their order. */
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&header->time = time;
#else
	__sync_lock_test_and_set(&header->time, time);
#endif
}

/* For a pointer that the verifier trusts: an argument, or loaded from one. */
static __always_inline void inode_id__fill(struct inode_id *id, struct inode *inode)
{
	id->ino = inode->i_ino;
	id->dev = inode->i_sb->s_dev;
	id->generation = inode->i_generation;
}

/*
 * The same from what the last operation on this CPU has found out, if it was on
 * this inode: each load through an inode costs ten instructions on 6.1, which
 * checks the address first.
 */
static __always_inline void inode_id__fill_cached(struct inode_id *id, struct inode *inode,
						  struct shard *shard)
{
	__u64 version = *(volatile __u64 *)&shard->version;

	/* Since then another inode may have come to its address: mode__forget(). */
	if (shard->inode == (__u64)inode && shard->state >> 1 == epoch && !(version & 1)) {
		((__u64 *)id)[0] = *(volatile __u64 *)&shard->id[0];
		((__u64 *)id)[1] = *(volatile __u64 *)&shard->id[1];
		if (*(volatile __u64 *)&shard->version == version)
			return;
	}
	inode_id__fill(id, inode);
}

/* A record that begins with an inode: reserved, and the inode filled in. */
static __always_inline void *record__reserve_for(struct inode *inode, __u32 size, __u32 type)
{
	__u32 cpu = bpf_get_smp_processor_id(), key = cpu & shard_mask;
	struct shard *shard = bpf_map_lookup_elem(&buffers, &key);
	struct event_header *header = record__reserve_in(shard, cpu, size, type);

	if (header)
		inode_id__fill_cached((struct inode_id *)(header + 1), inode, shard);
	return header;
}

/*
 * This task's state, made at first use.  NULL: no memory, or another program
 * was preempted while it had the storage; then a record of this type cannot be
 * made, and counts as lost.
 */
static __always_inline struct task_state *task__state(__u32 type)
{
	struct task_state *state;
	struct shard *shard;

	state = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		shard = shard__this();
		if (shard)
			record__drop(shard, type);
	}
	return state;
}

/* Another operation than a write begins: the write that was noted has ended. */
static __always_inline void noted_write__forget(void)
{
	struct task_state *state;

	if (!write_notes)
		return;
	state = task__state(EVENT_ENTER);
	if (state)
		state->writing = 0;
}

static __always_inline bool superblock__wanted(__u32 dev)
{
	return tracing && (!filter_devices || bpf_map_lookup_elem(&devices, &dev));
}

/*
 * Whether records are made for this inode: it is in DAX mode, and on a
 * superblock that --fs names, if any.  S_DAX is only ever set on regular files.
 */
static __always_inline bool inode__wanted(struct inode *inode)
{
	return (inode->i_flags & S_DAX) && superblock__wanted(inode->i_sb->s_dev);
}

/* A superblock of which a DAX inode has been seen, or that --fs names. */
static __always_inline bool superblock__known(__u32 dev)
{
	if (!tracing)
		return false;
	if (filter_devices)
		return bpf_map_lookup_elem(&devices, &dev);
	return bpf_map_lookup_elem(&superblocks, &dev);
}

/*
 * Whether an inode's mode is followed: it is in DAX mode, or on a superblock
 * that can do so.  Either may be what a flip leaves or enters.
 */
static __always_inline bool inode__followed(struct inode *inode)
{
	return inode__wanted(inode) || superblock__known(inode->i_sb->s_dev);
}

/* Who the task is, once until it changes its name. */
static __always_inline void task__announce(void)
{
	struct task_state *state = task__state(EVENT_TASK);
	struct event_task *record;

	if (!state || state->announced)
		return;
	record = record__reserve(sizeof(*record), EVENT_TASK);
	if (!record)
		return;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record->started = bpf_get_current_task_btf()->start_time;
	record__submit(record);
	state->announced = 1;
}

/* What the superblock is, once a mount. */
static __always_inline void superblock__announce(struct super_block *sb)
{
	struct event_superblock *record;
	__u32 dev = sb->s_dev;
	__u8 one = 1;

	/* Of several tasks that come here at once, one announces it. */
	if (bpf_map_lookup_elem(&superblocks, &dev) ||
	    bpf_map_update_elem(&superblocks, &dev, &one, BPF_NOEXIST))
		return;
	record = record__reserve(sizeof(*record), EVENT_SUPERBLOCK);
	if (!record) {
		bpf_map_delete_elem(&superblocks, &dev);
		return;
	}
	record->dev = dev;
	record->reserved = 0;
	__builtin_memset(record->fstype, 0, sizeof(record->fstype));
	__builtin_memset(record->id, 0, sizeof(record->id));
	bpf_probe_read_kernel_str(record->fstype, sizeof(record->fstype),
				  BPF_CORE_READ(sb, s_type, name));
	bpf_probe_read_kernel_str(record->id, sizeof(record->id), sb->s_id);
	record__submit(record);
}

/*
 * Compare an inode's mode with what was seen of it before, and tell if it has
 * changed: also when nobody announced that.  Called for inodes that are
 * followed, before the record of what is done to them.
 */
static __always_inline void mode__compare(struct inode *inode, struct address_space *mapping,
					  __u32 how)
{
	struct watched_inode seen = {}, *before;
	struct event_mode *record;
	__u64 key = (__u64)inode;

	inode_id__fill(&seen.id, inode);
	seen.operations = (__u64)mapping->a_ops;
	seen.flags = inode->i_flags & S_DAX ? MODE_DAX : 0;
	before = bpf_map_lookup_elem(&inodes, &key);
	if (before && before->id.ino == seen.id.ino && before->id.dev == seen.id.dev &&
	    before->id.generation == seen.id.generation) {
		if (before->operations == seen.operations && before->flags == seen.flags)
			return;
		record = record__reserve(sizeof(*record), EVENT_MODE);
		if (record) {
			record->inode = seen.id;
			record->old_operations = before->operations;
			record->new_operations = seen.operations;
			record->old_flags = before->flags;
			record->new_flags = seen.flags | how |
				(mapping->nrpages ? MODE_PAGES : 0) |
				(mapping->i_mmap.rb_root.rb_node ? MODE_MAPPED : 0) |
				(mapping->i_pages.xa_flags >> XA_MARKS_SHIFT ? MODE_DIRTY : 0);
			record__submit(record);
		}
	}
	bpf_map_update_elem(&inodes, &key, &seen, BPF_ANY);
	/* Another CPU may remember the mode that it has again when it changes back. */
	if (before)
		__sync_fetch_and_add(&epoch, 1);
}

static __always_inline void mode__check(struct inode *inode, struct address_space *mapping)
{
	mode__compare(inode, mapping, 0);
}

/*
 * Before the first record of what a task does to an inode: who the task is,
 * what the superblock is, whether the inode's mode is still the same.  Mostly
 * the last operation on this CPU has found out all that.
 */
static __always_inline void announce(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;
	__u64 state = epoch << 1 | !!(inode->i_flags & S_DAX);
	__u64 task = bpf_get_current_task();
	struct shard *shard = shard__this();
	struct inode_id id;
	__u64 version;

	if (!shard || (shard->task == task && shard->inode == (__u64)inode &&
		       shard->state == state && shard->operations == (__u64)mapping->a_ops))
		return;
	superblock__announce(inode->i_sb);
	task__announce();
	mode__check(inode, mapping);
	inode_id__fill(&id, inode);
	version = *(volatile __u64 *)&shard->version;
	/* A task that was preempted right here has it: then do without. */
	if ((version & 1) ||
	    __sync_val_compare_and_swap(&shard->version, version, version + 1) != version)
		return;
	shard->task = task;
	shard->inode = (__u64)inode;
	shard->operations = (__u64)mapping->a_ops;
	shard->state = state;
	shard->xarray = (__u64)&mapping->i_pages;
	shard->id[0] = id.ino;
	shard->id[1] = id.dev | (__u64)id.generation << 32;
	*(volatile __u64 *)&shard->version = version + 2;
}

static __always_inline void operation__record(struct inode *inode, __u32 type, __u32 operation,
					      __u64 first, __u64 last,
					      __u64 argument0, __u64 argument1, __s32 stack)
{
	struct event_enter *record;

	announce(inode);
	record = record__reserve_for(inode, sizeof(*record), type);
	if (!record)
		return;
	record->first = first;
	record->last = last;
	record->argument[0] = argument0;
	record->argument[1] = argument1;
	record->operation = operation;
	record->stack = stack;
	record__submit(record);
}

static __always_inline void operation__enter(struct inode *inode, __u32 operation,
					     __u64 first, __u64 last,
					     __u64 argument0, __u64 argument1, __s32 stack)
{
	operation__record(inode, EVENT_ENTER, operation, first, last, argument0, argument1, stack);
}

static __always_inline void operation__exit_id(const struct inode_id *id, __u32 operation,
					       __s64 result, __u64 argument)
{
	struct event_exit *record;

	record = record__reserve(sizeof(*record), EVENT_EXIT);
	if (!record)
		return;
	record->inode = *id;
	record->result = result;
	record->argument = argument;
	record->operation = operation;
	record->reserved = 0;
	record__submit(record);
}

static __always_inline void operation__exit(struct inode *inode, __u32 operation,
					    __s64 result, __u64 argument)
{
	struct event_exit *record;

	record = record__reserve_for(inode, sizeof(*record), EVENT_EXIT);
	if (!record)
		return;
	record->result = result;
	record->argument = argument;
	record->operation = operation;
	record->reserved = 0;
	record__submit(record);
}

static __always_inline void range__record(struct inode *inode, __u32 type,
					  __u64 first, __u64 last, __u64 pfn)
{
	struct event_range *record;

	record = record__reserve_for(inode, sizeof(*record), type);
	if (!record)
		return;
	record->first = first;
	record->last = last;
	record->pfn = pfn;
	record__submit(record);
}

/* It is evicted: its address may become another inode's. */
static __always_inline void mode__forget(struct inode *inode)
{
	__u64 key = (__u64)inode;

	if (!bpf_map_delete_elem(&inodes, &key))
		__sync_fetch_and_add(&epoch, 1);
}

#endif /* DAXTRACE_BPF_H */
