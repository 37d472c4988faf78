// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Locks: what each task holds, and which order that makes.
 *
 * These programs run at every lock and unlock of the machine, so nearly always
 * they do the same few things: find the task, see that it takes a known lock
 * under known locks (lock_task.chain, as lockdep's chain key), and note it.  All
 * else is in functions that are not inlined: bpf/lock_class.bpf.h says what
 * class a lock is of, and below is how an edge becomes known.
 *
 * Waiting counts from its beginning (fentry), so that an order is told even when
 * it has just deadlocked; what may fail counts on return.
 */
#include "bpf/daxtrace.bpf.h"
#include "bpf/lock.bpf.h"

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

/* Raised whenever memory may have changed its type: remembered classes expire. */
__u32 lock_epoch;

#define FREEZE_LEVELS	3	/* SB_FREEZE_LEVELS */
#define EEXIST		17	/* <asm-generic/errno-base.h>, not in BTF */

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
	task->depth = 0;
	task->overflow = 0;
	task->handles = 0;
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

static __always_inline struct lock_seen *lock__seen(struct lock_task *task, __u64 key)
{
	return &task->seen[lock__place(key)];
}

/*
 * A lock has a second place: two that a task takes in turns would else push each other
 * out each time, and to find a class costs thousands of instructions.  With both taken,
 * now the one gives way and now the other, so that in the end all have theirs.
 */
static __always_inline struct lock_seen *lock__seen_either(struct lock_task *task, __u64 key)
{
	__u32 low = (__u32)key, first = lock__place(key);
	__u32 second = (first ^ ((low >> 6 ^ low >> 12 ^ low >> 18) | 1)) & (LOCK_SEEN_SIZE - 1);
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
 * released.  Asked before an edge is believed, not at each lock.
 */
static __always_inline enum lock_holding lock__is_held(const struct lock_held *held,
							struct task_struct *task)
{
	__u64 owner, count;

	switch (held->type) {
	case LOCK_MUTEX:
		owner = lock__read(held->address + bpf_core_field_offset(struct mutex, owner));
		return (owner & ~7ULL) == (__u64)task ? LOCK_IS_HELD : LOCK_NOT_HELD;
	case LOCK_RWSEM:
		owner = lock__read(held->address + bpf_core_field_offset(struct rw_semaphore, owner));
		if (held->mode == LOCK_MODE_WRITE)
			return (owner & ~7ULL) == (__u64)task ? LOCK_IS_HELD : LOCK_NOT_HELD;
		/* RWSEM_WRITER_LOCKED, and the readers above RWSEM_FLAG_READFAIL's other bits. */
		count = lock__read(held->address + bpf_core_field_offset(struct rw_semaphore, count));
		if ((count & 1) || !(count >> 8))
			return LOCK_NOT_HELD;
		/* Of several readers, owner names the last to come, and stays when it goes. */
		if ((owner & ~7ULL) == (__u64)task && count >> 8 == 1)
			return LOCK_IS_HELD;
		return LOCK_MAY_BE_HELD;
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

/*
 * The map has one place for a stack, by its hash: where another is there, look at
 * it without its newest frame, which is a function of ours, and so at another place.
 */
static __always_inline __s32 lock__stack_here(void *ctx)
{
	__s32 id = bpf_get_stackid(ctx, &stacks, 0);

	return id == -EEXIST ? bpf_get_stackid(ctx, &stacks, 1) : id;
}

enum edge_state {
	EDGE_IS_KNOWN,
	EDGE_IS_NONE,		/* the first is no longer held */
	EDGE_IS_UNSURE,		/* to be asked for again */
};

/*
 * One edge, from the lock at this place to class: tell of it if it is not known.
 * how: LOCK_*, and LOCK_EDGE_* from bit 24 on.  Returns enum edge_state.
 */
static __noinline int lock__edge(void *ctx, struct lock_task *task, __u32 at, __u32 class,
				 __u32 how)
{
	struct event_lock_edge *record;
	struct lock_edge_key key = {};
	struct lock_held *held;
	struct lock_seen *seen;
	__u8 holding, *told;

	if (!task || at >= LOCK_HELD_MAX)
		return 0;
	held = &task->held[at];
	key.from = held->class;
	key.to = class;
	key.from_mode = held->mode;
	key.to_mode = LOCK_MODE(how);
	key.flags = how >> 24;
	told = bpf_map_lookup_elem(&lock_edges, &key);
	if (told && *told == LOCK_IS_HELD)
		return EDGE_IS_KNOWN;
	holding = lock__is_held(held, bpf_get_current_task_btf());
	if (holding == LOCK_NOT_HELD) {
		lock_lost(&lock_stale);
		return EDGE_IS_NONE;
	}
	if (told && holding == LOCK_MAY_BE_HELD)
		return EDGE_IS_UNSURE;
	if (bpf_map_update_elem(&lock_edges, &key, &holding, told ? BPF_EXIST : BPF_NOEXIST)) {
		/* Told of by another task just now, or there is no room. */
		if (!bpf_map_lookup_elem(&lock_edges, &key))
			lock_lost(&lock_room);
		return EDGE_IS_KNOWN;
	}
	task__announce();
	record = record__reserve(sizeof(*record), EVENT_LOCK_EDGE);
	if (!record) {
		bpf_map_delete_elem(&lock_edges, &key);
		return EDGE_IS_KNOWN;
	}
	record->from = key.from;
	record->to = key.to;
	record->from_mode = key.from_mode;
	record->to_mode = key.to_mode;
	record->flags = key.flags | (held->trylock ? LOCK_EDGE_FROM_TRYLOCK : 0) |
			(holding == LOCK_MAY_BE_HELD ? LOCK_EDGE_UNSURE : 0);
	record->depth = task->depth;
	record->from_stack = -1;
	record->reserved = 0;
	seen = &task->seen[held->seen & (LOCK_SEEN_SIZE - 1)];
	if (seen->class == held->class) {
		record->from_stack = seen->stack;
		if (seen->frame != held->frame)
			record->flags |= LOCK_EDGE_FROM_EARLIER;
	}
	record->to_stack = lock__stack_here(ctx);
	record__submit(record);
	return holding == LOCK_IS_HELD ? EDGE_IS_KNOWN : EDGE_IS_UNSURE;
}

/* What is waited for, on its way through the locks that are held. */
struct lock_waiting {
	void *ctx;
	struct lock_task *task;
	__u64 address;
	__u32 class, how;
	__u32 depth;
	__u32 connected;	/* those below have an edge to one that has one */
	__u32 unsure;		/* an edge is not certain yet */
};

/* The next older one.  1: that is all. */
static long lock__wait_one(__u32 i, void *context)
{
	struct lock_waiting *waiting = context;
	struct lock_task *task = waiting->task;
	__u32 at = waiting->depth - 1 - i, how = waiting->how;
	struct lock_held *held;
	bool same;

	if (at >= LOCK_HELD_MAX)
		return 1;
	held = &task->held[at];
	same = held->address == waiting->address;
	if (how & LOCK_IN_HANDLE ? held->type != LOCK_HANDLE : waiting->connected && !same)
		return 0;
	if (same && how & LOCK_GOT &&
	    (held->mode == LOCK_MODE_WRITE || LOCK_MODE(how) == LOCK_MODE_WRITE)) {
		/* Its release was not seen. Its owner would not tell: the task has it again. */
		lock_lost(&lock_stale);
		lock__remove(task, at);
		return 0;
	}
	if (same)
		how |= LOCK_EDGE_SAME << 24;
	switch (lock__edge(waiting->ctx, task, at, waiting->class, how)) {
	case EDGE_IS_NONE:
		lock__remove(task, at);
		break;
	case EDGE_IS_UNSURE:
		waiting->unsure = true;
		break;
	default:
		if (!same && !held->trylock)
			waiting->connected = true;
	}
	return 0;
}

/*
 * What is waited for while locks are held.  From the newest down to the first
 * that was itself waited for: those below have an edge to it, and so to this one
 * (check_prevs_add() of lockdep).  bpf_loop(), since the verifier would follow
 * each way through each round of a loop.  1: an edge is not certain yet.
 */
static __noinline int lock__wait(void *ctx, struct lock_task *task, __u64 address, __u32 class,
				 __u32 how)
{
	struct lock_waiting waiting = {
		.ctx = ctx, .task = task, .address = address, .class = class, .how = how,
	};

	if (!task)
		return 0;
	waiting.depth = task->depth;
	bpf_loop(LOCK_HELD_MAX, lock__wait_one, &waiting, 0);
	return waiting.unsure;
}

/*
 * To the verifier an argument is a pointer, with which it allows next to no
 * arithmetic; what comes from memory is a number.
 */
static __always_inline __u64 lock__number(struct lock_task *task, __u64 pointer)
{
	*(volatile __u64 *)&task->number = pointer;
	return *(volatile __u64 *)&task->number;
}

/* Where a lock is taken: of each class the first few times. */
static __always_inline __s32 lock__stack(void *ctx, __u32 class)
{
	struct lock_count *count = bpf_map_lookup_elem(&lock_counts, &class);

	if (!count || count->stacks >= LOCK_STACKS)
		return -1;
	count->stacks++;
	return lock__stack_here(ctx);
}

static __always_inline void lock__push(void *ctx, struct lock_task *task, struct lock_seen *seen,
				       __u64 address, __u32 how)
{
	__u32 depth = task->depth, type = how >> 16 & 0xff;
	struct lock_held *held = &task->held[depth & (LOCK_HELD_MAX - 1)];

	held->address = address;
	held->chain = task->chain;
	held->class = seen->class;
	held->frame = (__u32)(__u64)ctx;
	held->mode = LOCK_MODE(how);
	held->trylock = !!(how & LOCK_TRY);
	held->type = type;
	held->seen = seen - task->seen;
	held->taking = task->takings++;
	task->chain = lock__chain(task->chain, seen->class, LOCK_MODE(how), !!(how & LOCK_TRY));
	task->depth = depth + 1;
	if (type == LOCK_HANDLE)
		task->handles++;
	seen->count++;
	if (depth > seen->depth)
		seen->depth = depth;
}

/* Is the class, which the caller is part of, still that of the last time? */
static __always_inline bool lock__same_caller(void *ctx, struct lock_task *task,
					      struct lock_seen *seen, __u32 epoch)
{
	return seen->caller_at && seen->epoch == epoch - 1 && lock_remember &&
	       lock__read(lock__number(task, (__u64)ctx) + seen->caller_at) == seen->caller;
}

/* A lock that the task has not seen, or not under what it holds now. */
static __noinline int lock__acquire_slow(void *ctx, struct lock_task *task, __u64 address,
					 __u64 key, __u32 how)
{
	__u32 class, epoch = lock_epoch;
	struct lock_seen *seen;
	int unsure = 0;

	if (!task)
		return 0;
	key = lock__number(task, key);
	address = lock__number(task, address);
	seen = lock__seen_either(task, key);
	if (seen->key != key || (seen->epoch != epoch && !lock__same_caller(ctx, task, seen, epoch))) {
		class = lock__class(ctx, key, how >> 16 & 0xff, seen);
		seen->caller_at = 0;
		if (seen->caller)
			seen->caller_at = lock__find_caller(lock__number(task, (__u64)ctx),
							    seen->caller);
		/* Where the class is not the memory's alone, it is asked for each time. */
		if ((class & LOCK_CLASS_PASSING) || !lock_remember)
			epoch--;
		class &= ~LOCK_CLASS_PASSING;
		if (seen->key != key || seen->class != class) {
			lock__flush(seen);
			seen->key = key;
			seen->class = class;
			seen->depth = 0;
			seen->count = 0;
			seen->frame = (__u32)(__u64)ctx;
			seen->stack = class ? lock__stack(ctx, class) : -1;
		}
		seen->epoch = epoch;
		seen->chain[0] = 0;
		seen->chain[1] = 0;
	}
	class = seen->class;
	if (!class)
		return 0;
	if (!(how & LOCK_TRY) && task->depth && seen->chain[how & 1] != task->chain)
		unsure = lock__wait(ctx, task, address, class, how);
	if (how & LOCK_MOMENT)
		return 0;
	if (task->depth >= LOCK_HELD_MAX) {
		task->overflow++;
		lock_lost(&lock_overflow);
		return 0;
	}
	if (!(how & LOCK_TRY) && !unsure)
		seen->chain[how & 1] = task->chain;
	lock__push(ctx, task, seen, address, how);
	return 0;
}

/*
 * A lock is waited for, or with LOCK_TRY was got.  key: as lock__class() has it.
 * The common case, inline: known lock, known locks held.
 */
static __always_inline void lock__acquire(void *ctx, __u64 address, __u64 key, __u32 type,
					  __u32 how)
{
	struct lock_task *task = lock__task(true);
	struct lock_seen *seen;

	if (!task)
		return;
	how |= type << 16;
	seen = lock__seen(task, key);
	if (seen->key != key || seen->epoch != lock_epoch || task->depth >= LOCK_HELD_MAX ||
	    (!(how & LOCK_TRY) && seen->chain[how & 1] != task->chain)) {
		lock__acquire_slow(ctx, task, address, key, how);
		return;
	}
	if (seen->class && !(how & LOCK_MOMENT))
		lock__push(ctx, task, seen, address, how);
}

static __noinline int lock__release_slow(struct lock_task *task, __u64 address, __u32 type)
{
	struct lock_seen *seen;
	__u32 i, at, depth;

	if (!task)
		return 0;
	depth = task->depth;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		at = depth - 1 - i;
		if (at >= LOCK_HELD_MAX)
			break;
		if (task->held[at].address != address)
			continue;
		lock__remove(task, at);
		return 0;
	}
	if (task->overflow) {
		task->overflow--;
		return 0;
	}
	seen = lock__seen_either(task, address);
	/* Not wanted, or, of a frozen filesystem, let go by whoever thaws it. */
	if ((seen->key == address && !seen->class) || type == LOCK_PERCPU_RWSEM)
		return 0;
	lock_lost(&lock_unseen);
	return 0;
}

static __always_inline void lock__release(__u64 address, __u32 type)
{
	struct lock_task *task = lock__task(false);
	struct lock_held *held;
	__u32 at;

	if (!task) {
		if (lock_generation && !lock_dax_only && type != LOCK_PERCPU_RWSEM)
			lock_lost(&lock_unseen);
		return;
	}
	at = task->depth - 1;
	if (at < LOCK_HELD_MAX) {
		held = &task->held[at];
		if (held->address == address) {
			task->chain = held->chain;
			task->depth = at;
			if (type == LOCK_HANDLE)
				task->handles--;
			return;
		}
	}
	lock__release_slow(task, address, type);
}

#define LOCK_ACQUIRE(lock, type, how) lock__acquire(ctx, (__u64)(lock), (__u64)(lock), type, how)

/* --- rw_semaphore --------------------------------------------------------- */

#define RWSEM_WAIT(function, how)						\
SEC("fentry/" #function)							\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem)			\
{										\
	LOCK_ACQUIRE(sem, LOCK_RWSEM, how);					\
	return 0;								\
}

/* Of those that can fail, only the ones that did not count, when that is known. */
#define RWSEM_TRY(function, got, how)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, int result)	\
{										\
	if (got)								\
		LOCK_ACQUIRE(sem, LOCK_RWSEM, how);				\
	return 0;								\
}

/* Where lockdep is built in, its own variants; theirs is a second argument. */
#define RWSEM_WAIT_NESTED(function, how)					\
SEC("fentry/" #function)							\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, unsigned long subclass) \
{										\
	LOCK_ACQUIRE(sem, LOCK_RWSEM, how);					\
	return 0;								\
}

#define RWSEM_TRY_NESTED(function, got, how)					\
SEC("fexit/" #function)								\
int BPF_PROG(lock_rwsem__##function, struct rw_semaphore *sem, unsigned long subclass, \
	     int result)							\
{										\
	if (got)								\
		LOCK_ACQUIRE(sem, LOCK_RWSEM, how);				\
	return 0;								\
}

RWSEM_WAIT(down_read, LOCK_MODE_READ)
RWSEM_WAIT(down_write, LOCK_MODE_WRITE)
RWSEM_TRY(down_read_interruptible, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY(down_read_killable, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY(down_write_killable, !result, LOCK_MODE_WRITE | LOCK_GOT)
RWSEM_TRY(down_read_trylock, result, LOCK_MODE_READ | LOCK_TRY)
RWSEM_TRY(down_write_trylock, result, LOCK_MODE_WRITE | LOCK_TRY)
RWSEM_WAIT_NESTED(down_read_nested, LOCK_MODE_READ)
RWSEM_WAIT_NESTED(down_write_nested, LOCK_MODE_WRITE)
RWSEM_WAIT_NESTED(_down_write_nest_lock, LOCK_MODE_WRITE)
RWSEM_TRY_NESTED(down_read_killable_nested, !result, LOCK_MODE_READ | LOCK_GOT)
RWSEM_TRY_NESTED(down_write_killable_nested, !result, LOCK_MODE_WRITE | LOCK_GOT)

SEC("fentry/up_read")
int BPF_PROG(lock_rwsem__up_read, struct rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_RWSEM);
	return 0;
}

SEC("fentry/up_write")
int BPF_PROG(lock_rwsem__up_write, struct rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_RWSEM);
	return 0;
}

/* From then on it is held as by down_read(), at the same place in the order. */
static __noinline int lock__downgrade(struct lock_task *task, __u64 address)
{
	struct lock_held *held;
	__u64 chain = 0;
	bool found = false;
	__u32 i;

	if (!task)
		return 0;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		if (i >= task->depth)
			break;
		held = &task->held[i];
		if (held->address == address) {
			held->mode = LOCK_MODE_READ;
			chain = held->chain;
			found = true;
		}
		if (!found)
			continue;
		held->chain = chain;
		chain = lock__chain(chain, held->class, held->mode, held->trylock);
	}
	if (found)
		task->chain = chain;
	return 0;
}

SEC("fentry/downgrade_write")
int BPF_PROG(lock_rwsem__downgrade_write, struct rw_semaphore *sem)
{
	lock__downgrade(lock__task(false), (__u64)sem);
	return 0;
}

/* --- mutex ---------------------------------------------------------------- */

#define MUTEX_WAIT(function)							\
SEC("fentry/" #function)							\
int BPF_PROG(lock_mutex__##function, struct mutex *lock)			\
{										\
	LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE);			\
	return 0;								\
}

#define MUTEX_TRY(function, got, how)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_mutex__##function, struct mutex *lock, int result)		\
{										\
	if (got)								\
		LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE | how);		\
	return 0;								\
}

#define MUTEX_TRY_NESTED(function)						\
SEC("fexit/" #function)								\
int BPF_PROG(lock_mutex__##function, struct mutex *lock, unsigned long subclass, int result) \
{										\
	if (!result)								\
		LOCK_ACQUIRE(lock, LOCK_MUTEX, LOCK_MODE_WRITE | LOCK_GOT);	\
	return 0;								\
}

MUTEX_WAIT(mutex_lock)
MUTEX_WAIT(mutex_lock_io)
MUTEX_WAIT(mutex_lock_nested)
MUTEX_WAIT(mutex_lock_io_nested)
MUTEX_WAIT(_mutex_lock_nest_lock)
MUTEX_TRY(mutex_lock_interruptible, !result, LOCK_GOT)
MUTEX_TRY(mutex_lock_killable, !result, LOCK_GOT)
MUTEX_TRY_NESTED(mutex_lock_interruptible_nested)
MUTEX_TRY_NESTED(mutex_lock_killable_nested)
MUTEX_TRY(mutex_trylock, result, LOCK_TRY)

SEC("fentry/mutex_unlock")
int BPF_PROG(lock_mutex__mutex_unlock, struct mutex *lock)
{
	lock__release((__u64)lock, LOCK_MUTEX);
	return 0;
}

/* --- percpu_rw_semaphore --------------------------------------------------- */

/* Readers are inlined everywhere and cannot be seen; writers are freezes. */
SEC("fentry/percpu_down_write")
int BPF_PROG(lock_percpu__down_write, struct percpu_rw_semaphore *sem)
{
	LOCK_ACQUIRE(sem, LOCK_PERCPU_RWSEM, LOCK_MODE_WRITE);
	return 0;
}

SEC("fentry/percpu_up_write")
int BPF_PROG(lock_percpu__up_write, struct percpu_rw_semaphore *sem)
{
	lock__release((__u64)sem, LOCK_PERCPU_RWSEM);
	return 0;
}

/*
 * A frozen filesystem keeps its levels locked when the task goes back to user
 * mode, and any task may thaw it: as lockdep_sb_freeze_release(), they are the
 * task's no longer.
 */
SEC("fexit/freeze_super")
int BPF_PROG(lock_percpu__freeze_super)
{
	struct lock_task *task = lock__task(false);
	__u32 i, at;

	if (!task)
		return 0;
	/* They are the newest: s_umount, taken before them, has been let go. */
	for (i = 0; i < FREEZE_LEVELS; i++) {
		at = task->depth - 1;
		if (at >= LOCK_HELD_MAX || task->held[at].type != LOCK_PERCPU_RWSEM)
			break;
		task->chain = task->held[at].chain;
		task->depth = at;
	}
	return 0;
}

/* --- jbd2 handles ----------------------------------------------------------- */

/*
 * A handle is a reader of the running transaction, and the commit its writer
 * (journal_s.j_trans_commit_map of lockdep).  Nested handles pass neither
 * tracepoint.  The number: not an address, and of one journal.
 */
static __always_inline __u64 handle__key(__u32 dev)
{
	return (__u64)dev << 8 | LOCK_HANDLE;
}

SEC("tp_btf/jbd2_handle_start")
int BPF_PROG(lock_handle__start, __u32 dev)
{
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE, LOCK_MODE_READ);
	return 0;
}

SEC("tp_btf/jbd2_handle_stats")
int BPF_PROG(lock_handle__stop, __u32 dev)
{
	lock__release(handle__key(dev), LOCK_HANDLE);
	return 0;
}

/* The handle lets its transaction go, and waits for the next one. */
SEC("tp_btf/jbd2_handle_restart")
int BPF_PROG(lock_handle__restart, __u32 dev)
{
	lock__release(handle__key(dev), LOCK_HANDLE);
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE, LOCK_MODE_READ);
	return 0;
}

SEC("fentry/jbd2_log_wait_commit")
int BPF_PROG(lock_handle__wait_commit, struct journal_s *journal)
{
	struct lock_task *task = lock__task(false);
	struct block_device *device;
	__u32 dev;

	/* Without a handle there is nothing that the commit could wait for. */
	if (!task || !task->handles)
		return 0;
	device = BPF_CORE_READ(journal, j_fs_dev);
	dev = BPF_CORE_READ(device, bd_dev);
	lock__acquire(ctx, handle__key(dev), handle__key(dev), LOCK_HANDLE,
		      LOCK_MODE_WRITE | LOCK_MOMENT);
	return 0;
}

/* --- DAX -------------------------------------------------------------------- */

/* A class of its own for each filesystem: the pointer's lowest bits are free. */
static __always_inline __u64 inode__lock_key(struct inode *inode, __u32 type)
{
	return (__u64)inode->i_sb->s_type + type - 1;
}

/*
 * The entry lock is a bit in the mapping's xarray.  A fault takes it in
 * grab_mapping_entry(), just behind the tracepoint with which it begins, and
 * has let it go at the one with which it ends: these two cost a third of the
 * functions themselves.
 */
static __always_inline __u64 entry__address(struct inode *inode, struct vm_fault *vmf)
{
	/* Odd, as no lock's address is. */
	return inode->i_ino << 32 | (__u32)vmf->pgoff << 1 | 1;
}

/* --- what is held where it counts ------------------------------------------- */

struct lock_place_key {
	__u32 tid, place;
};

struct lock_place_told {
	__u64 chain, owner;	/* as in struct lock_task */
	struct inode_id inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct lock_place_key);
	__type(value, struct lock_place_told);
} lock_places SEC(".maps");

/*
 * The chain stands for classes, not for locks; those of the inode that a task is at
 * work on are the inode's.
 */
static __noinline int lock__tell_set(struct inode *inode, __u32 place)
{
	struct lock_task *task = lock__task(true);
	struct lock_place_told *told, now = {};
	struct lock_place_key key = {};
	struct event_lock_set *record;
	__u32 i, depth;

	if (!task)
		return 0;
	key.tid = (__u32)bpf_get_current_pid_tgid();
	key.place = place;
	now.chain = task->chain;
	now.owner = task->owner;
	inode_id__fill(&now.inode, inode);
	told = bpf_map_lookup_elem(&lock_places, &key);
	/* Of the rarer places it matters whether a lock was let go since the last one. */
	if ((place == LOCK_PLACE_FAULT || place == LOCK_PLACE_RW) && told && told->chain == now.chain && told->owner == now.owner &&
	    told->inode.ino == now.inode.ino && told->inode.dev == now.inode.dev &&
	    told->inode.generation == now.inode.generation)
		return 0;
	task__announce();
	record = record__reserve(sizeof(*record), EVENT_LOCK_SET);
	if (!record)
		return 0;
	depth = task->depth;
	record->inode = now.inode;
	record->place = place;
	record->count = depth + task->overflow;
	for (i = 0; i < LOCK_SET_MAX; i++) {
		bool held = i < depth;

		record->held[i].lock = held ? task->held[i].address : 0;
		record->held[i].class = held ? task->held[i].class : 0;
		record->held[i].mode = held ? task->held[i].mode : 0;
		record->held[i].type = held ? task->held[i].type : 0;
		record->held[i].taking = held ? task->held[i].taking : 0;
	}
	record__submit(record);
	bpf_map_update_elem(&lock_places, &key, &now, BPF_ANY);
	return 0;
}

SEC("fentry/truncate_inode_pages_range")
int BPF_PROG(lock_set__truncate, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(inode, LOCK_PLACE_TRUNCATE);
	return 0;
}

SEC("fentry/inode_set_flags")
int BPF_PROG(lock_set__flip, struct inode *inode, unsigned int flags, unsigned int mask)
{
	if ((mask & S_DAX) && ((inode->i_flags ^ flags) & S_DAX) && inode__followed(inode))
		lock__tell_set(inode, LOCK_PLACE_FLIP);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(lock_set__rw, struct kiocb *iocb)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(inode, LOCK_PLACE_RW);
	return 0;
}

SEC("fentry/do_writepages")
int BPF_PROG(lock_set__writepages, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__followed(inode))
		lock__tell_set(inode, LOCK_PLACE_WRITEPAGES);
	return 0;
}

SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(lock_set__flush, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(inode, LOCK_PLACE_FLUSH);
	return 0;
}

SEC("tp_btf/dax_pte_fault")
int BPF_PROG(lock_entry__pte_begin, struct inode *inode, struct vm_fault *vmf)
{
	if (inode__wanted(inode))
		lock__tell_set(inode, LOCK_PLACE_FAULT);
	lock__acquire(ctx, entry__address(inode, vmf), inode__lock_key(inode, LOCK_DAX_ENTRY),
		      LOCK_DAX_ENTRY, LOCK_MODE_WRITE);
	return 0;
}

SEC("tp_btf/dax_pte_fault_done")
int BPF_PROG(lock_entry__pte_end, struct inode *inode, struct vm_fault *vmf)
{
	lock__release(entry__address(inode, vmf), LOCK_DAX_ENTRY);
	return 0;
}

SEC("tp_btf/dax_pmd_fault")
int BPF_PROG(lock_entry__pmd_begin, struct inode *inode, struct vm_fault *vmf)
{
	if (inode__wanted(inode))
		lock__tell_set(inode, LOCK_PLACE_FAULT);
	lock__acquire(ctx, entry__address(inode, vmf), inode__lock_key(inode, LOCK_DAX_ENTRY),
		      LOCK_DAX_ENTRY, LOCK_MODE_WRITE);
	return 0;
}

SEC("tp_btf/dax_pmd_fault_done")
int BPF_PROG(lock_entry__pmd_end, struct inode *inode, struct vm_fault *vmf)
{
	lock__release(entry__address(inode, vmf), LOCK_DAX_ENTRY);
	return 0;
}

/* What waits for something, and does not hold it after. */
static __always_inline void wait__moment(void *ctx, struct address_space *mapping, __u32 type,
					 __u32 how)
{
	struct inode *inode = mapping->host;

	lock__acquire(ctx, type, inode__lock_key(inode, type), type,
		      LOCK_MODE_WRITE | LOCK_MOMENT | how);
}

SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(lock_wait__writeback_entries, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_DAX_ENTRY, 0);
	return 0;
}

SEC("fentry/__dax_invalidate_entry")
int BPF_PROG(lock_wait__invalidate_entry, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_DAX_ENTRY, 0);
	return 0;
}

/* Asked before each wait for pinned pages; what waits is not the same everywhere. */
SEC("fentry/dax_layout_busy_page_range")
int BPF_PROG(lock_wait__layout, struct address_space *mapping)
{
	wait__moment(ctx, mapping, LOCK_LAYOUT_BREAK, 0);
	return 0;
}

static __always_inline bool task__has_handle(void)
{
	struct lock_task *task = lock__task(false);

	return task && task->handles;
}

SEC("fentry/do_writepages")
int BPF_PROG(lock_wait__writeback, struct address_space *mapping)
{
	if (task__has_handle())
		wait__moment(ctx, mapping, LOCK_WRITEBACK, LOCK_IN_HANDLE);
	return 0;
}

SEC("fentry/invalidate_inode_pages2_range")
int BPF_PROG(lock_wait__invalidate, struct address_space *mapping)
{
	if (task__has_handle())
		wait__moment(ctx, mapping, LOCK_INVALIDATE, LOCK_IN_HANDLE);
	return 0;
}

/* --- tasks ------------------------------------------------------------------- */

/* A task that is gone can hold nothing. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(lock_task__free, struct task_struct *gone)
{
	__u32 tid = gone->pid, i;
	struct event_lock_leak *record;
	struct lock_task *task;
	struct lock_seen *seen;
	struct lock_held *held;

	if (!lock_generation)
		return 0;
	task = lock__find_task(tid, 0);
	if (!task || !task->depth)
		return 0;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		if (i >= task->depth)
			break;
		held = &task->held[i];
		if (lock__is_held(held, gone) != LOCK_IS_HELD) {
			lock_lost(&lock_stale);
			continue;
		}
		record = record__reserve(sizeof(*record), EVENT_LOCK_LEAK);
		if (!record)
			break;
		record->header.tid = tid;
		record->header.tgid = gone->tgid;
		record->class = held->class;
		seen = &task->seen[held->seen & (LOCK_SEEN_SIZE - 1)];
		record->stack = seen->class == held->class ? seen->stack : -1;
		record->mode = held->mode;
		record->ended = 1;
		__builtin_memset(record->reserved, 0, sizeof(record->reserved));
		record__submit(record);
	}
	task->depth = 0;
	task->chain = 0;
	task->handles = 0;
	task->overflow = 0;
	return 0;
}
