/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a record gets into the buffers, and what a task's programs keep between two of
 * them.  Part of daxtrace.bpf.h.
 */
#ifndef DAXTRACE_RECORD_BPF_H
#define DAXTRACE_RECORD_BPF_H

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
 * is the last that is written.  time: ns, since it was reserved.
 */
static __always_inline void record__submit_at(void *record, __u64 time)
{
	struct event_header *header = record;

#ifdef __TARGET_ARCH_x86
	/* Stores are seen in their order. */
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&header->time = time;
#else
	__sync_lock_test_and_set(&header->time, time);
#endif
}

static __always_inline void record__submit(void *record)
{
	record__submit_at(record, bpf_ktime_get_ns());
}

/* There is nothing to tell after all. */
static __always_inline void record__discard(void *record)
{
	struct event_header *header = record;

	header->type = RECORD_NOTHING;
	record__submit(record);
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

#endif /* DAXTRACE_RECORD_BPF_H */
