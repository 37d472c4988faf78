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

/* Macros of the kernel, which BTF does not carry; unchanged from 6.1 to 7.2. */
#define S_DAX		(1 << 13)	/* include/linux/fs.h */
#define ATTR_SIZE	(1 << 3)	/* include/linux/fs.h */
#define IOMAP_WRITE	(1 << 0)	/* include/linux/iomap.h */
#define IOMAP_F_DIRTY	(1 << 1)	/* include/linux/iomap.h */
#define VM_SHARED	0x00000008UL	/* include/linux/mm.h */
#define VM_SYNC		0x00800000UL	/* include/linux/mm.h */
#define LLONG_MAX	0x7fffffffffffffffLL

struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);	/* sized by user space before loading */
};

/* Per CPU: what numbers the records and says how many are missing. */
struct cpu_state {
	__u32 sequence;		/* of the next record */
	__u32 reserved;		/* 0 */
	__u64 dropped[EVENT_TYPE_COUNT];	/* since tracing began */
};

struct cpu_states_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
};

/*
 * What a task is inside of, where one event is seen at several functions.  All
 * zero for a task that began before tracing: then its first ends are not seen.
 */
struct task_state {
	__u32 announced;	/* EVENT_TASK is in the ring buffer */
	__u32 dev;		/* of the superblock whose announcement was last seen to */
	__u64 shutdowns;	/* how many superblocks had gone by then */
	__u32 syncs;		/* functions of a sync that it is inside of */
	__u32 unmapping;	/* inside unmap_mapping_range(), no record made yet */
	__u32 deleting;		/* inside a function that deletes entries */
	__u32 writeback;	/* inside the writeback of an inode that is wanted */
	__u32 reserved;		/* 0 */
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

extern struct events_map events SEC(".maps");
extern struct cpu_states_map cpu_states SEC(".maps");
extern struct tasks_map tasks SEC(".maps");
extern struct superblocks_map superblocks SEC(".maps");
extern struct devices_map devices SEC(".maps");
extern struct inodes_map inodes SEC(".maps");
extern struct stacks_map stacks SEC(".maps");

/* Set by user space before loading. */
extern const volatile __u32 page_shift;		/* of the kernel's base page */
extern const volatile __u32 wakeup_bytes;	/* wake the reader at this fill */
extern const volatile bool filter_devices;	/* only what is in devices */
extern const volatile __u64 direct_map;		/* kernel address of physical 0 */

/*
 * Whether records are made: set by user space once every program is attached,
 * and taken back before the first is detached.  A stream that has faults but
 * not yet fsyncs would be a stream of false findings.
 */
extern __u32 tracing;

/*
 * Records lost since the last one that got through, on any CPU: the task whose
 * record is missing may go on elsewhere, and what it does there must not be
 * believed.
 */
extern __u32 lost_records;

/* Superblocks that have gone: a device may carry another filesystem since. */
extern __u64 shutdowns;

/*
 * A record could not be made: count it, and let the next record say so at its
 * place.  A program may be preempted by another on the same CPU,
 * hence the atomic updates.
 */
static __always_inline void record__drop(struct cpu_state *cpu, __u32 type)
{
	__sync_fetch_and_add(&cpu->sequence, 1);
	__sync_fetch_and_add(&lost_records, 1);
	__sync_fetch_and_add(&cpu->dropped[type], 1);
}

/*
 * Room for a record, with its header filled in, or NULL: then the loss has
 * been counted.
 */
static __always_inline void *record__reserve(__u32 size, __u32 type)
{
	struct event_header *header;
	struct cpu_state *cpu;
	__u64 id;
	__u32 zero = 0;

	cpu = bpf_map_lookup_elem(&cpu_states, &zero);
	if (!cpu)
		return NULL;
	header = bpf_ringbuf_reserve(&events, size, 0);
	if (!header) {
		record__drop(cpu, type);
		return NULL;
	}
	id = bpf_get_current_pid_tgid();
	header->time = bpf_ktime_get_ns();
	header->tid = (__u32)id;
	header->tgid = id >> 32;
	header->type = type;
	header->size = size;
	header->cpu = bpf_get_smp_processor_id();
	header->reserved = 0;
	header->sequence = __sync_fetch_and_add(&cpu->sequence, 1);
	header->lost = lost_records ? __sync_lock_test_and_set(&lost_records, 0) : 0;
	return header;
}

/*
 * Hand a record over.  The reader polls by time, so it is woken only at the
 * record with which the buffer becomes fuller than wakeup_bytes: a wake-up
 * costs the traced task an interrupt.
 */
static __always_inline void record__submit(void *record)
{
	__u64 size = ((struct event_header *)record)->size + BPF_RINGBUF_HDR_SZ;
	__u64 used = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);

	/* used counts this record. */
	if (used >= wakeup_bytes && used - size < wakeup_bytes)
		bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	else
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* For a pointer that the verifier trusts: an argument, or loaded from one. */
static __always_inline void inode_id__fill(struct inode_id *id, struct inode *inode)
{
	id->ino = inode->i_ino;
	id->dev = inode->i_sb->s_dev;
	id->generation = inode->i_generation;
}

/*
 * This task's state, made at first use.  NULL: no memory, or another program
 * was preempted while it had the storage; then a record of this type cannot be
 * made, and counts as lost.
 */
static __always_inline struct task_state *task__state(__u32 type)
{
	struct task_state *state;
	struct cpu_state *cpu;
	__u32 zero = 0;

	state = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		cpu = bpf_map_lookup_elem(&cpu_states, &zero);
		if (cpu)
			record__drop(cpu, type);
	}
	return state;
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

/* Say who the current task is, once. */
static __always_inline void announce_task(struct task_state *state)
{
	struct event_task *record;

	if (!state || state->announced)
		return;
	record = record__reserve(sizeof(*record), EVENT_TASK);
	if (!record)
		return;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	record__submit(record);
	state->announced = 1;
}

/* Say what an inode's superblock is, and who the task is, once each. */
static __always_inline void announce(struct inode *inode)
{
	struct task_state *state = task__state(EVENT_TASK);
	struct super_block *sb = inode->i_sb;
	__u32 dev = sb->s_dev;

	announce_task(state);
	/* Nearly always it is the one of this task's operation before. */
	if (state && state->dev == dev && state->shutdowns == shutdowns)
		return;
	if (!bpf_map_lookup_elem(&superblocks, &dev)) {
		struct event_superblock *record;
		__u8 one = 1;

		/* Of several tasks that come here at once, one announces it. */
		if (bpf_map_update_elem(&superblocks, &dev, &one, BPF_NOEXIST))
			return;
		record = record__reserve(sizeof(*record), EVENT_SUPERBLOCK);
		if (!record) {
			bpf_map_delete_elem(&superblocks, &dev);
		} else {
			record->dev = dev;
			record->reserved = 0;
			__builtin_memset(record->fstype, 0, sizeof(record->fstype));
			__builtin_memset(record->id, 0, sizeof(record->id));
			bpf_probe_read_kernel_str(record->fstype, sizeof(record->fstype),
						  BPF_CORE_READ(sb, s_type, name));
			bpf_probe_read_kernel_str(record->id, sizeof(record->id), sb->s_id);
			record__submit(record);
		}
	} else if (state) {
		state->shutdowns = shutdowns;
		state->dev = dev;
	}
}

static __always_inline void operation__enter(struct inode *inode, __u32 operation,
					     __u64 first, __u64 last,
					     __u64 argument0, __u64 argument1, __s32 stack)
{
	struct event_enter *record;

	announce(inode);
	record = record__reserve(sizeof(*record), EVENT_ENTER);
	if (!record)
		return;
	inode_id__fill(&record->inode, inode);
	record->first = first;
	record->last = last;
	record->argument[0] = argument0;
	record->argument[1] = argument1;
	record->operation = operation;
	record->stack = stack;
	record__submit(record);
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
	struct inode_id id;

	inode_id__fill(&id, inode);
	operation__exit_id(&id, operation, result, argument);
}

static __always_inline void range__record(struct inode *inode, __u32 type,
					  __u64 first, __u64 last, __u64 pfn)
{
	struct event_range *record;

	record = record__reserve(sizeof(*record), type);
	if (!record)
		return;
	inode_id__fill(&record->inode, inode);
	record->first = first;
	record->last = last;
	record->pfn = pfn;
	record__submit(record);
}

/*
 * Compare an inode's mode with what was seen of it before, and tell if it has
 * changed: also when nobody announced that.  Called for inodes that are
 * followed, before the record of what is done to them.
 */
static __always_inline void mode__check(struct inode *inode, struct address_space *mapping)
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
			record->new_flags = seen.flags |
				(mapping->i_mmap.rb_root.rb_node ? MODE_MAPPED : 0);
			record__submit(record);
		}
	}
	bpf_map_update_elem(&inodes, &key, &seen, BPF_ANY);
}

/* It is evicted: its address may become another inode's. */
static __always_inline void mode__forget(struct inode *inode)
{
	__u64 key = (__u64)inode;

	bpf_map_delete_elem(&inodes, &key);
}

#endif /* DAXTRACE_BPF_H */
