/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How an edge becomes known: one lock is held while another is taken, for the first
 * time.  Part of lock.bpf.c.
 */
#ifndef DAXTRACE_LOCK_EDGE_BPF_H
#define DAXTRACE_LOCK_EDGE_BPF_H

/*
 * One edge, from the lock at this place to class: tell of it if it is not known.
 * how: LOCK_*, and LOCK_EDGE_* from bit 24 on.  0: there is none, that lock is not held.
 */
static __noinline int lock__edge(void *ctx, struct lock_task *task, __u32 at, __u32 class,
				 __u32 how)
{
	struct event_lock_edge *record;
	struct lock_edge_key key = {};
	struct lock_held *held;
	struct lock_seen *seen;
	__u8 holding;

	if (!task || at >= LOCK_HELD_MAX)
		return 0;
	held = &task->held[at];
	key.from = held->class;
	key.to = class;
	key.from_mode = held->mode;
	key.to_mode = LOCK_MODE(how);
	key.flags = how >> 24;
	if (bpf_map_lookup_elem(&lock_edges, &key))
		return 1;
	holding = lock__is_held(held, bpf_get_current_task_btf(), ctx);
	if (holding == LOCK_NOT_HELD) {
		lock_lost(&lock_stale);
		return 0;
	}
	if (bpf_map_update_elem(&lock_edges, &key, &holding, BPF_NOEXIST)) {
		/* Told of by another task just now, or there is no room. */
		if (!bpf_map_lookup_elem(&lock_edges, &key))
			lock_lost(&lock_room);
		return 1;
	}
	task__announce();
	record = record__reserve(sizeof(*record), EVENT_LOCK_EDGE);
	if (!record) {
		bpf_map_delete_elem(&lock_edges, &key);
		return 1;
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
	record->to_stack = stack__here(ctx);
	record__submit(record);
	return 1;
}

/* What is waited for, on its way through the locks that are held. */
struct lock_waiting {
	void *ctx;
	struct lock_task *task;
	__u64 address;
	__u32 class, how;
	__u32 depth;
	__u32 connected;	/* those below have an edge to one that has one */
};

/*
 * Of what a task has one at a time, this is the next: the end of the one that is
 * held was not seen.  A handle is current->journal_info, an entry is locked by a fault.
 */
static __always_inline bool lock__is_another(const struct lock_held *held, __u32 how)
{
	__u32 type = how >> 16 & 0xff;

	return held->type == type && (type == LOCK_HANDLE || type == LOCK_DAX_ENTRY) &&
	       !(how & LOCK_MOMENT);
}

/* It has been got: can it be held from before as well? Only by readers, and then it has two. */
static __always_inline bool lock__is_held_twice(const struct lock_held *held, __u32 how)
{
	if (held->mode == LOCK_MODE_WRITE || LOCK_MODE(how) == LOCK_MODE_WRITE)
		return false;
	return lock__read(held->address + bpf_core_field_offset(struct rw_semaphore, count)) >> 8 > 1;
}

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
	if (lock__is_another(held, how)) {
		lock_lost(&lock_stale);
		lock__remove(task, at);
		return 0;
	}
	if (how & LOCK_IN_HANDLE ? held->type != LOCK_HANDLE : waiting->connected && !same)
		return 0;
	if (same && how & LOCK_GOT && !lock__is_held_twice(held, how)) {
		/* Its release was not seen. Its owner would not tell: the task has it again. */
		lock_lost(&lock_stale);
		lock__remove(task, at);
		return 0;
	}
	if (same)
		how |= LOCK_EDGE_SAME << 24;
	if (!lock__edge(waiting->ctx, task, at, waiting->class, how))
		lock__remove(task, at);
	else if (!same && !held->trylock)
		waiting->connected = true;
	return 0;
}

/*
 * What is waited for while locks are held.  From the newest down to the first
 * that was itself waited for: those below have an edge to it, and so to this one
 * (check_prevs_add() of lockdep).  bpf_loop(), since the verifier would follow
 * each way through each round of a loop.
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
	return 0;
}

#endif /* DAXTRACE_LOCK_EDGE_BPF_H */
