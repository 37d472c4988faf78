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
extern struct processes_map processes SEC(".maps");
extern struct cgroup_map cgroup SEC(".maps");
extern struct chosen_map chosen SEC(".maps");
extern struct inodes_map inodes SEC(".maps");
extern struct stacks_map stacks SEC(".maps");

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
	__sync_fetch_and_add(&shard->lost, 1);
	__sync_fetch_and_add(&lost_records, 1);
	__sync_fetch_and_add(&shard->dropped[type], 1);
}

#define NO_ROOM		(~0ULL)

/*
 * Room for a record where the quick way does not find it: the position, or
 * NO_ROOM.  Past the limit so much has been written since the reader came by
 * that it had better not wait for its time: it is woken, once.
 */
static __noinline __u64 shard__reserve(struct shard *shard, __u64 size)
{
	__u64 head, tail, nothing = 0;
	int i;

	if (!shard)
		return NO_ROOM;
	for (i = 0; i < RESERVE_TRIES; i++) {
		head = *(volatile __u64 *)&shard->head;
		tail = *(volatile __u64 *)&shard->tail;
		/* Of several that pass this at once each has room: there is slack for a page. */
		if (head + size - tail > data_mask)
			return NO_ROOM;
		if (head + size > *(volatile __u64 *)&shard->limit) {
			/* The reader may set it just now, to more than this. */
			*(volatile __u64 *)&shard->limit = tail + data_mask;
			bpf_ringbuf_output(&wakeups, &nothing, sizeof(nothing),
					   BPF_RB_FORCE_WAKEUP);
		}
		if (__sync_val_compare_and_swap(&shard->head, head, head + size) == head)
			return head;
	}
	return NO_ROOM;
}

/*
 * Room for a record, all zero, with its header filled in but for the time, which
 * record__submit() writes, and what the reader fills in; or NULL: then the loss
 * has been counted.  task: bpf_get_current_pid_tgid().
 */
static __always_inline void *record__reserve_by(struct shard *shard, __u32 size, __u32 type,
						__u64 task)
{
	struct event_header *header;
	__u64 head, next, found;

	if (!shard)
		return NULL;
	head = *(volatile __u64 *)&shard->head;
	next = head + size;
	found = ~head;
	if (next <= *(volatile __u64 *)&shard->limit)
		found = __sync_val_compare_and_swap(&shard->head, head, next);
	barrier_var(found);	/* to compare is cheaper than what the compiler makes of it */
	if (found != head) {
		head = shard__reserve(shard, size);
		if (head == NO_ROOM) {
			if (type != RECORD_INODE)	/* one that is missing is made up for */
				record__drop(shard, type);
			return NULL;
		}
	}
	header = (void *)shard + SHARD_CONTROL + (head & data_mask);
	*(__u64 *)&header->type = type | (__u64)size << 16;
	*(__u64 *)&header->tid = task;
	header->lost = lost_records;
	return header;
}

static __always_inline void *record__reserve_in(struct shard *shard, __u32 size, __u32 type)
{
	return record__reserve_by(shard, size, type, bpf_get_current_pid_tgid());
}

static __always_inline void *record__reserve(__u32 size, __u32 type)
{
	return record__reserve_in(shard__this(), size, type);
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
 * The same in a record.  An inode that this CPU has told the reader of
 * (announce()) is named by its address, with a dev of 0, and the reader fills
 * in the rest: each load through an inode costs.
 */
static __always_inline void inode_id__tell(struct inode_id *id, struct inode *inode,
					   const struct shard *shard)
{
	if (*(volatile __u64 *)&shard->inode == (__u64)inode)
		id->ino = (__u64)inode;
	else
		inode_id__fill(id, inode);
}

/* A record that begins with an inode: reserved, and the inode filled in. */
static __always_inline void *record__reserve_for(struct inode *inode, __u32 size, __u32 type)
{
	struct shard *shard = shard__this();
	struct event_header *header = record__reserve_in(shard, size, type);

	if (header)
		inode_id__tell((struct inode_id *)(header + 1), inode, shard);
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

/*
 * Filters.  They choose inodes, never single records: where a task or a cgroup
 * is asked for, an inode is followed from the moment that such a task has come
 * by, whoever it is that does something to it.  Records of some tasks alone
 * would be a stream of false findings: a page that another one flushed would
 * look as if it had been missed.
 */
static __noinline int filter__passes(__u32 dev, __u64 inode)
{
	__u32 key = 0;
	__u32 tgid;
	__u8 one = 1;

	if ((filters & FILTER_DEVICES) && !bpf_map_lookup_elem(&devices, &dev))
		return 0;
	if (!(filters & (FILTER_TASKS | FILTER_CGROUP)) || bpf_map_lookup_elem(&chosen, &inode))
		return 1;
	tgid = bpf_get_current_pid_tgid() >> 32;
	if (!((filters & FILTER_TASKS) && bpf_map_lookup_elem(&processes, &tgid)) &&
	    !((filters & FILTER_CGROUP) && bpf_current_task_under_cgroup(&cgroup, key) == 1))
		return 0;
	if (bpf_map_update_elem(&chosen, &inode, &one, BPF_ANY))
		__sync_fetch_and_add(&unfollowed, 1);
	return 1;
}

/* Whether records are made for this inode if it is in DAX mode. */
static __always_inline bool inode__chosen(struct inode *inode)
{
	__u32 how = tracing;

	if (how == TRACING_ALL)
		return true;
	return how && filter__passes(inode->i_sb->s_dev, (__u64)inode);
}

/*
 * Whether records are made for this inode: it is in DAX mode, and passes the
 * filters.  S_DAX is only ever set on regular files.
 */
static __always_inline bool inode__wanted(struct inode *inode)
{
	return (inode->i_flags & S_DAX) && inode__chosen(inode);
}

/* A superblock of which a DAX inode has been seen, or that --fs alone names. */
static __always_inline bool superblock__known(__u32 dev)
{
	if (!tracing)
		return false;
	if (filters & FILTER_DEVICES)
		return bpf_map_lookup_elem(&devices, &dev);
	return bpf_map_lookup_elem(&superblocks, &dev);
}

/*
 * Whether an inode's mode is followed: it is in DAX mode, or on a superblock
 * that can do so.  Either may be what a flip leaves or enters.
 */
static __always_inline bool inode__followed(struct inode *inode)
{
	/* In this order: what tasks to follow come by elsewhere is not chosen. */
	if (!(inode->i_flags & S_DAX) && !superblock__known(inode->i_sb->s_dev))
		return false;
	if (filters & (FILTER_TASKS | FILTER_CGROUP))
		return inode__chosen(inode);
	return !(inode->i_flags & S_DAX) || inode__chosen(inode);
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

/* No CPU believes any more what it remembers of this inode. */
static __noinline int shards__forget(__u64 address)
{
	struct shard *shard;
	__u32 i, key;

	for (i = 0; i < SHARD_COUNT_MAX && i <= shard_mask; i++) {
		key = i;
		shard = bpf_map_lookup_elem(&buffers, &key);
		if (shard && shard->inode == address)
			__sync_val_compare_and_swap(&shard->inode, address, 0);
	}
	return 0;
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
	/*
	 * Another CPU may remember the mode that it has again when it changes back; or an
	 * inode that had this address before, and whose eviction went unseen.
	 */
	if (before)
		shards__forget(key);
}

static __always_inline void mode__check(struct inode *inode, struct address_space *mapping)
{
	mode__compare(inode, mapping, 0);
}

/*
 * Remember on this CPU that the reader knows which inode this address is, and
 * that all that announce() looks at has been looked at.  A task that is
 * preempted here has the words to itself until it goes on; others do without.
 */
static __always_inline void shard__remember(struct shard *shard, struct inode *inode, __u64 task)
{
	__u64 version = *(volatile __u64 *)&shard->version;

	if ((version & 1) ||
	    __sync_val_compare_and_swap(&shard->version, version, version + 1) != version)
		return;
	/* Nothing of this is believed of another task, or another inode. */
	shard->task = 0;
	barrier();
	shard->inode = (__u64)inode;
	shard->operations = (__u64)inode->i_data.a_ops;
	shard->flags = inode->i_flags & S_DAX;
	shard->dev = inode->i_sb->s_dev;
	barrier();
	shard->task = task;
	*(volatile __u64 *)&shard->version = version + 2;
}

static __noinline int announce_all(struct inode *inode, struct shard *shard)
{
	struct address_space *mapping = inode->i_mapping;
	struct record_inode *record;

	superblock__announce(inode->i_sb);
	task__announce();
	mode__check(inode, mapping);
	if (!shard)
		return 0;
	if (shard->inode != (__u64)inode) {
		record = record__reserve(sizeof(*record), RECORD_INODE);
		if (!record)
			return 0;
		inode_id__fill(&record->inode, inode);
		record->address = (__u64)inode;
		record__submit(record);
	}
	shard__remember(shard, inode, bpf_get_current_pid_tgid());
	return 0;
}

/*
 * Before the first record of what a task does to an inode: who the task is,
 * what the superblock is, whether the inode's mode is still the same.  Mostly
 * the last operation on this CPU has found out all that.  dax: S_DAX of its
 * flags.
 */
static __always_inline void announce(struct inode *inode, __u64 dax, struct shard *shard,
				     __u64 task)
{
	if (shard && shard->task == task && shard->inode == (__u64)inode &&
	    shard->operations == (__u64)inode->i_data.a_ops && shard->flags == dax)
		return;
	announce_all(inode, shard);
}

/* As record__reserve_for(), with what announce() does in front of it. */
static __always_inline void *record__reserve_announced(struct inode *inode, __u64 dax, __u32 size,
						       __u32 type)
{
	__u64 task = bpf_get_current_pid_tgid();
	struct shard *shard = shard__this();
	struct event_header *header;

	announce(inode, dax, shard, task);
	header = record__reserve_by(shard, size, type, task);
	if (header)
		inode_id__tell((struct inode_id *)(header + 1), inode, shard);
	return header;
}

static __always_inline void operation__record(struct inode *inode, __u32 type, __u32 operation,
					      __u64 first, __u64 last,
					      __u64 argument0, __u64 argument1, __s32 stack)
{
	struct event_enter *record;

	record = record__reserve_announced(inode, inode->i_flags & S_DAX, sizeof(*record), type);
	if (!record)
		return;
	record->first = first;
	record->last = last;
	record->argument[0] = argument0;
	record->argument[1] = argument1;
	*(__u64 *)&record->operation = operation | (__u64)(__u32)stack << 32;
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

/*
 * It is evicted: its address may become another inode's.  Nobody uses it any
 * more, so no CPU remembers it anew.
 */
static __always_inline void mode__forget(struct inode *inode)
{
	__u64 address = (__u64)inode;

	bpf_map_delete_elem(&inodes, &address);
	if (filters & (FILTER_TASKS | FILTER_CGROUP))
		bpf_map_delete_elem(&chosen, &address);
	shards__forget(address);
}

#endif /* DAXTRACE_BPF_H */
