/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a task holds where it counts: the sets of locks that prediction compares and that a
 * finding shows.  Of faults see entry__begin_slow().  Part of lock.bpf.c.
 */
#ifndef DAXTRACE_LOCK_SET_BPF_H
#define DAXTRACE_LOCK_SET_BPF_H

/* What the task holds now, or NULL: there is no room.  The caller submits it. */
static __always_inline struct event_lock_set *lock_set__make(struct lock_task *task,
							     struct inode *inode, __u32 place)
{
	struct event_lock_set *record;
	__u32 i, depth;

	task__announce();
	record = record__reserve(sizeof(*record), EVENT_LOCK_SET);
	if (!record)
		return NULL;
	depth = task->depth;
	inode_id__fill(&record->inode, inode);
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
	return record;
}

/*
 * Has the task this rw_semaphore without our knowing?  Taken before locks were followed, or by a
 * program that the kernel skipped.  Of readers owner names the newest alone, also when it has
 * gone: an earlier one is not noticed, and one that has gone may be thought to have the lock
 * that another has.  That costs a prediction.
 */
static __noinline int lock_set__lacks(struct lock_task *task, __u64 lock)
{
	__u64 owner = lock__read(lock + bpf_core_field_offset(struct rw_semaphore, owner));
	__u64 count;
	__u32 i;

	if (!task || (owner & ~7ULL) != (__u64)bpf_get_current_task_btf())
		return 0;
	/* RWSEM_WRITER_LOCKED, or readers, without RWSEM_FLAG_READFAIL */
	count = lock__read(lock + bpf_core_field_offset(struct rw_semaphore, count));
	if (!(count & 1) && !(count << 1 >> 9))
		return 0;
	for (i = 0; i < LOCK_HELD_MAX && i < task->depth; i++)
		if (task->held[i].address == lock)
			return 0;
	return 1;
}

/*
 * Is it known of the two locks that keep others out of an inode's pages whether the task has
 * them?  A conflict is predicted from what is not held.
 */
static __always_inline bool lock_set__is_whole(struct lock_task *task, struct inode *inode)
{
	return !lock_set__lacks(task, (__u64)&inode->i_rwsem) &&
	       !lock_set__lacks(task, (__u64)&inode->i_mapping->invalidate_lock);
}

/* 0: there is no room, or it is not the whole. */
static __noinline int lock__tell_set(struct lock_task *task, struct inode *inode, __u32 place)
{
	struct event_lock_set *record;
	bool whole;

	if (!task)
		return 0;
	whole = lock_set__is_whole(task, inode);
	record = lock_set__make(task, inode, place);
	if (!record)
		return 0;
	if (!whole)
		record->count = LOCK_SET_MAX + 1;
	record__submit(record);
	return whole;
}

/*
 * Of the two places where tasks come all the time only what is not as it was the last
 * time.  The chain stands for classes, not for locks; those of the inode that a task is
 * at work on are the inode's.
 */
static __always_inline bool lock__is_told(const struct lock_task *task,
					  const struct lock_told *told, struct inode *inode)
{
	return told->inode == (__u64)inode && told->chain == task->chain &&
	       told->ino == inode->i_ino && told->generation == inode->i_generation;
}

static __always_inline void lock__tell_set_once(struct lock_task *task, struct lock_told *told,
						struct inode *inode, __u32 place)
{
	if (lock__is_told(task, told, inode))
		return;
	if (!lock__tell_set(task, inode, place)) {
		told->inode = 0;
		return;
	}
	told->chain = task->chain;
	told->inode = lock__number(task, (__u64)inode);
	told->ino = inode->i_ino;
	told->generation = inode->i_generation;
}

SEC("fentry/truncate_inode_pages_range")
int BPF_PROG(lock_set__truncate, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(lock__task(true), inode, LOCK_PLACE_TRUNCATE);
	return 0;
}

SEC("fentry/invalidate_inode_pages2_range")
int BPF_PROG(lock_set__invalidate, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(lock__task(true), inode, LOCK_PLACE_INVALIDATE);
	return 0;
}

SEC("fentry/inode_set_flags")
int BPF_PROG(lock_set__flip, struct inode *inode, unsigned int flags, unsigned int mask)
{
	if ((mask & S_DAX) && ((inode->i_flags ^ flags) & S_DAX) && inode__followed(inode))
		lock__tell_set(lock__task(true), inode, LOCK_PLACE_FLIP);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(lock_set__rw, struct kiocb *iocb)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	struct lock_task *task;

	if (!inode__wanted(inode))
		return 0;
	task = lock__task(true);
	if (task)
		lock__tell_set_once(task, &task->told[LOCK_TOLD_RW], inode, LOCK_PLACE_RW);
	return 0;
}

SEC("fentry/do_writepages")
int BPF_PROG(lock_set__writepages, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__followed(inode))
		lock__tell_set(lock__task(true), inode, LOCK_PLACE_WRITEPAGES);
	return 0;
}

SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(lock_set__flush, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		lock__tell_set(lock__task(true), inode, LOCK_PLACE_FLUSH);
	return 0;
}

#endif /* DAXTRACE_LOCK_SET_BPF_H */
