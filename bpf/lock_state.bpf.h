/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of tasks, and of the locks that each holds.  Part of lock.bpf.c.
 */
#ifndef DAXTRACE_LOCK_STATE_BPF_H
#define DAXTRACE_LOCK_STATE_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);	/* sized by user space: lock_slots + 1 */
	__type(key, __u32);
	__type(value, struct lock_task);
} lock_tasks SEC(".maps");

struct lock_edge_key {
	__u32 from, to;
	__u8 from_mode, to_mode, flags, reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LOCK_MAX_EDGES);
	__type(key, struct lock_edge_key);
	__type(value, __u8);
} lock_edges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LOCK_MAX_CLASSES);
	__type(key, __u32);
	__type(value, struct lock_count);
} lock_counts SEC(".maps");

/* Set by user space: the size of lock_tasks less one, a power of two less one. */
const volatile __u32 lock_slots = 4095;
/* Only classes that DAX filesystems and address spaces use. */
const volatile bool lock_dax_only = false;
/* It is seen when memory changes its type, so that classes can be remembered. */
const volatile bool lock_remember = true;

/*
 * What lock_task.owner begins with: a number of this stretch of tracing, in the
 * upper half; 0: locks are not traced now.  What tasks held before does not
 * count.
 */
__u64 lock_generation;

/* See struct event_lock_loss. */
__u64 lock_unseen, lock_overflow, lock_room, lock_stale;

/* For tests: as if the kernel skipped one run in so many; 0: none. How often that was. */
const volatile __u32 lock_skip = 0;
__u64 lock_skipped;

/* Raised whenever memory may have changed its type: remembered classes expire. */
__u32 lock_epoch;

#define FREEZE_LEVELS	3	/* SB_FREEZE_LEVELS */

#define LOCK_TRY	0x100	/* it did not wait: no edge to it */
#define LOCK_MOMENT	0x200	/* waited for, and then not held */
#define LOCK_IN_HANDLE	0x400	/* of interest inside of a jbd2 handle only */
#define LOCK_GOT	0x800	/* it has been got, so nothing that excludes it is held */
#define LOCK_MODE(how)	((how) & 0xff)

static __always_inline void lock_lost(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

static __always_inline __u64 lock__chain(__u64 chain, __u32 class, __u32 mode, __u32 trylock)
{
	/* An odd number with its bits well spread, as in hash_64(). */
	return (chain + (class << 4 | mode << 1 | trylock)) * 0x61c8864680b583ebULL;
}

/* A jbd2 handle's filesystem; jbd2 is a module, whose types vmlinux.h lacks. */
struct journal_s {
	struct inode *j_inode;
	struct block_device *j_fs_dev;
} __attribute__((preserve_access_index));

struct transaction_s {
	struct journal_s *t_journal;
} __attribute__((preserve_access_index));

struct jbd2_journal_handle {
	struct transaction_s *h_transaction;
} __attribute__((preserve_access_index));

/* Of the handle that the task has; NULL: the journal is on a device of its own. */
static __always_inline struct super_block *handle__superblock(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct jbd2_journal_handle *handle = task->journal_info;
	struct journal_s *journal;
	struct inode *inode;

	if (!bpf_core_field_exists(struct jbd2_journal_handle, h_transaction) || !handle)
		return NULL;
	journal = BPF_CORE_READ(handle, h_transaction, t_journal);
	inode = BPF_CORE_READ(journal, j_inode);
	return inode ? BPF_CORE_READ(inode, i_sb) : NULL;
}

#include "bpf/lock_class.bpf.h"

static __always_inline bool lock__is_busy(const struct lock_task *task)
{
	return task->depth && task->owner >> 32 == lock_generation >> 32;
}

/* Add up what the task knows of a lock before the place is another's. */
static __always_inline void lock__flush(struct lock_seen *seen)
{
	struct lock_count *count;
	__u32 class = seen->class;

	if (!class || !seen->count)
		return;
	count = bpf_map_lookup_elem(&lock_counts, &class);
	if (count) {
		__sync_fetch_and_add(&count->acquisitions, seen->count);
		/* A race of two tasks for the maximum is of no account. */
		if (seen->depth > count->max_depth)
			count->max_depth = seen->depth;
	}
	seen->count = 0;
}

__noinline int lock__take_place(struct lock_task *task, __u64 owner)
{
	int i;

	if (!task)
		return 0;
	for (i = 0; i < LOCK_SEEN_SIZE; i++) {
		lock__flush(&task->seen[i]);
		task->seen[i].key = 0;
	}
	for (i = 0; i < LOCK_TOLD_COUNT; i++)
		task->told[i].inode = 0;
	task->wait.lock = 0;
	task->wait.got = 0;
	task->depth = 0;
	task->overflow = 0;
	task->handles = 0;
	task->mapping = 0;
	task->chain = 0;
	task->owner = owner;
	return 0;
}

/*
 * This task is not where its number says: it is new there, or another task of
 * the same lower bits holds locks and stays.  Each task has two places.
 */
static __noinline struct lock_task *lock__find_task(__u32 tid, __u32 create)
{
	__u32 first = tid & lock_slots, second = (tid ^ tid >> 7 ^ 0x5555) & lock_slots;
	struct lock_task *task = bpf_map_lookup_elem(&lock_tasks, &first);
	struct lock_task *other = bpf_map_lookup_elem(&lock_tasks, &second);
	__u64 owner = lock_generation | tid;

	if (!task || !other)
		return NULL;
	if (task->owner == owner)
		return task;
	if (other->owner == owner && (other->depth || lock__is_busy(task)))
		return other;
	if (!create)
		return NULL;
	if (lock__is_busy(task))
		task = other;
	if (lock__is_busy(task)) {
		lock_lost(&lock_room);
		return NULL;
	}
	lock__take_place(task, owner);
	return task;
}

/* The current task, or NULL: locks are not traced, or it has no place. */
static __always_inline struct lock_task *lock__task(bool create)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = tid & lock_slots;
	__u64 generation = lock_generation;
	struct lock_task *task;

	if (!generation)
		return NULL;
	if (lock_skip && bpf_get_prandom_u32() % lock_skip == 0) {
		__sync_fetch_and_add(&lock_skipped, 1);
		return NULL;
	}
	task = bpf_map_lookup_elem(&lock_tasks, &slot);
	if (task && task->owner == (generation | tid))
		return task;
	return lock__find_task(tid, create);
}

static __always_inline __u32 lock__place(__u64 key)
{
	__u32 low = (__u32)key;

	/* Members of an object differ in the lower bits, objects in the upper ones. */
	return (low >> 3 ^ low >> 8 ^ low >> 13) & (LOCK_SEEN_SIZE - 1);
}

static __always_inline __u32 lock__second_place(__u64 key, __u32 first)
{
	__u32 low = (__u32)key;

	return (first ^ ((low >> 6 ^ low >> 12 ^ low >> 18) | 1)) & (LOCK_SEEN_SIZE - 1);
}

/*
 * A lock has a second place: two that a task takes in turns would else push each other
 * out each time, and to find a class costs thousands of instructions.  With both taken,
 * now the one gives way and now the other, so that in the end all have theirs.
 */
static __always_inline struct lock_seen *lock__seen_either(struct lock_task *task, __u64 key)
{
	__u32 first = lock__place(key), second = lock__second_place(key, first);
	__u64 there = task->seen[first].key;

	if (there && there != key) {
		there = task->seen[second].key;
		if (there == key || !there || (bpf_get_prandom_u32() & 1))
			first = second;
	}
	return &task->seen[first];
}

enum lock_holding { LOCK_NOT_HELD, LOCK_IS_HELD, LOCK_MAY_BE_HELD };

/*
 * Is the lock still held?  A program that the kernel skipped (recursion), or an
 * owner that is another task by now, would make edges of a lock that is long
 * released.  Asked before an edge is believed, not at each lock.  ctx: NULL, or of a
 * program that runs for this task, on its kernel stack.
 */
static __always_inline enum lock_holding lock__is_held(const struct lock_held *held,
							struct task_struct *task, void *ctx)
{
	__u64 owner, count;

	switch (held->type) {
	case LOCK_MUTEX:
		owner = lock__read(held->address + bpf_core_field_offset(struct mutex, owner));
		return (owner & ~7ULL) == (__u64)task ? LOCK_IS_HELD : LOCK_NOT_HELD;
	case LOCK_RWSEM:
		owner = lock__read(held->address + bpf_core_field_offset(struct rw_semaphore, owner));
		/* RWSEM_READER_OWNED: downgraded, or another's, and this one's end was not seen. */
		if (held->mode == LOCK_MODE_WRITE)
			return (owner & ~7ULL) == (__u64)task && !(owner & 1) ? LOCK_IS_HELD :
									       LOCK_NOT_HELD;
		/*
		 * RWSEM_WRITER_LOCKED, and the readers above RWSEM_FLAG_READFAIL's other bits.
		 * owner names the last reader to come, also once that one has gone and
		 * an earlier one is still there.
		 */
		count = lock__read(held->address + bpf_core_field_offset(struct rw_semaphore, count));
		return (count & 1) || !(count >> 8) ? LOCK_NOT_HELD : LOCK_MAY_BE_HELD;
	case LOCK_PERCPU_RWSEM:
		/* Taken by some writer: it does not tell by whom. */
		count = lock__read(held->address + bpf_core_field_offset(struct percpu_rw_semaphore, block));
		return (__u32)count ? LOCK_MAY_BE_HELD : LOCK_NOT_HELD;
	case LOCK_HANDLE:
		/* From before jbd2__journal_start() tells of it to the end of jbd2_journal_stop(). */
		return BPF_CORE_READ(task, journal_info) ? LOCK_IS_HELD : LOCK_NOT_HELD;
	case LOCK_DAX_ENTRY:
		/* While that fault goes on, all else is further down the stack. */
		return ctx && (__u32)(__u64)ctx < held->frame ? LOCK_MAY_BE_HELD : LOCK_NOT_HELD;
	default:
		return LOCK_IS_HELD;
	}
}

/*
 * Take a lock out of the middle, and make the chain of those above anew.  Not
 * static: so it is verified once, for any argument, not at each call.
 */
__noinline int lock__remove(struct lock_task *task, __u32 at)
{
	struct lock_held *held;
	__u64 chain;
	__u32 i;

	if (!task || at >= LOCK_HELD_MAX)
		return 0;
	if (task->held[at].type == LOCK_HANDLE)
		task->handles--;
	chain = task->held[at].chain;
	for (i = 0; i < LOCK_HELD_MAX - 1; i++) {
		if (i < at)
			continue;
		if (i + 1 >= task->depth)
			break;
		task->held[i] = task->held[i + 1];
		held = &task->held[i];
		held->chain = chain;
		chain = lock__chain(chain, held->class, held->mode, held->trylock);
	}
	task->chain = chain;
	task->depth--;
	return 0;
}

#endif /* DAXTRACE_LOCK_STATE_BPF_H */
