/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking a lock and letting it go.  Part of lock.bpf.c.
 */
#ifndef DAXTRACE_LOCK_HOLD_BPF_H
#define DAXTRACE_LOCK_HOLD_BPF_H

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
	return stack__here(ctx);
}

static __noinline int lock__count_wait(struct lock_task *task, __u32 class, __u64 waited)
{
	struct lock_count *count = bpf_map_lookup_elem(&lock_counts, &class);

	if (!task || !count)
		return 0;
	__sync_fetch_and_add(&count->contentions, 1);
	__sync_fetch_and_add(&count->waited, waited);
	/* A race of two tasks for the maximum is of no account. */
	if (waited > count->longest)
		count->longest = waited;
	return 0;
}

/*
 * A lock that has just been taken, while the task maps a file: noted once, in its
 * strongest mode.  Not a handle, whose number is no address.  Not static, as
 * lock__remove().
 */
__noinline int lock__note_mapped(struct lock_task *task, __u32 at)
{
	struct event_lock_held *noted;
	struct lock_held *held;
	__u32 i;

	if (!task)
		return 0;
	held = &task->held[at & (LOCK_HELD_MAX - 1)];
	if ((__s64)held->address >= 0)
		return 0;
	for (i = 0; i < LOCK_SET_MAX; i++) {
		noted = &task->noted[i];
		if (i >= task->noted_count) {
			noted->lock = held->address;
			noted->class = held->class;
			noted->mode = held->mode;
			noted->type = held->type;
			noted->taking = 0;
			break;
		}
		if (noted->lock == held->address && noted->class == held->class) {
			if (held->mode == LOCK_MODE_WRITE)
				noted->mode = LOCK_MODE_WRITE;
			return 0;
		}
	}
	task->noted_count = i + 1;
	return 0;
}

/* place: of seen, in task->seen. */
static __always_inline void lock__push(void *ctx, struct lock_task *task, struct lock_seen *seen,
				       __u32 place, __u64 address, __u32 how)
{
	__u32 depth = task->depth, type = how >> 16 & 0xff;
	struct lock_held *held = &task->held[depth & (LOCK_HELD_MAX - 1)];

	held->address = address;
	held->chain = task->chain;
	held->class = seen->class;
	held->frame = (__u32)(__u64)ctx;
	held->how = LOCK_MODE(how) | !!(how & LOCK_TRY) << 8 | type << 16 | place << 24;
	held->taking = task->takings++;
	task->chain = lock__chain(task->chain, seen->class, LOCK_MODE(how), !!(how & LOCK_TRY));
	task->depth = depth + 1;
	if (type == LOCK_HANDLE)
		task->handles++;
	seen->count++;
	if (task->mapping)
		lock__note_mapped(task, depth);
	/* What may fail is known on its return only, behind the end of the wait. */
	if ((how & LOCK_GOT) && task->wait.got == address) {
		task->wait.got = 0;
		lock__count_wait(task, seen->class, task->wait.waited);
	}
}

static __always_inline void lock__note_depth(const struct lock_task *task, struct lock_seen *seen)
{
	if (task->depth > seen->depth)
		seen->depth = task->depth;
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
		lock__wait(ctx, task, address, class, how);
	if (how & LOCK_MOMENT)
		return 0;
	if (task->depth >= LOCK_HELD_MAX) {
		task->overflow++;
		lock_lost(&lock_overflow);
		return 0;
	}
	if (!(how & LOCK_TRY))
		seen->chain[how & 1] = task->chain;
	lock__note_depth(task, seen);
	lock__push(ctx, task, seen, seen - task->seen, address, how);
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
	__u32 place;

	if (!task)
		return;
	how |= type << 16;
	place = lock__place(key);
	seen = &task->seen[place];
	/* Of two hot ones that want the same place each would else be slow each time. */
	if (seen->key != key) {
		place = lock__second_place(key, place);
		seen = &task->seen[place];
	}
	if (seen->key != key || seen->epoch != lock_epoch || task->depth >= LOCK_HELD_MAX ||
	    (!(how & LOCK_TRY) && seen->chain[how & 1] != task->chain)) {
		lock__acquire_slow(ctx, task, address, key, how);
		return;
	}
	if (!seen->class || (how & LOCK_MOMENT))
		return;
	/* Under the same locks it has been as deep already. */
	if (how & LOCK_TRY)
		lock__note_depth(task, seen);
	lock__push(ctx, task, seen, place, address, how);
}

static __noinline int lock__release_slow(struct lock_task *task, __u64 address, __u32 type)
{
	struct lock_seen *seen;
	__u32 i, at, depth, entry = LOCK_HELD_MAX;

	if (!task)
		return 0;
	depth = task->depth;
	for (i = 0; i < LOCK_HELD_MAX; i++) {
		at = depth - 1 - i;
		if (at >= LOCK_HELD_MAX)
			break;
		if (task->held[at].address != address) {
			if (task->held[at].type == LOCK_DAX_ENTRY)
				entry = at;
			continue;
		}
		/*
		 * A fault lets go of nothing that it found locked (mmap_lock,
		 * invalidate_lock) before its entry: that fault's end was not seen.
		 */
		if (entry < LOCK_HELD_MAX) {
			lock_lost(&lock_stale);
			lock__remove(task, entry);
		}
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

#endif /* DAXTRACE_LOCK_HOLD_BPF_H */
