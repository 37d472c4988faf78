/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which inodes are followed; that tasks, superblocks and modes of inodes are told
 * before the records that refer to them; and the records that operations share.
 * Part of daxtrace.bpf.h.
 */
#ifndef DAXTRACE_FOLLOW_BPF_H
#define DAXTRACE_FOLLOW_BPF_H

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

/* operations: a number. The verifier counts with no pointer that it knows as one. */
static __always_inline __u64 mode__word(__u64 operations, __u32 flags)
{
	return (operations & MODE_WORD_OPERATIONS) | (flags & S_DAX ? MODE_WORD_DAX : 0);
}

/* Before the inode itself is looked at. */
static __always_inline __u64 mode__told(struct watched_inode *told)
{
#ifdef __TARGET_ARCH_x86
	__u64 word = *(volatile __u64 *)&told->mode;

	/* Loads are done in their order. */
	asm volatile("" ::: "memory");
	return word;
#else
	return __sync_fetch_and_add(&told->mode, 0);
#endif
}

static __always_inline bool mode__differs(__u64 told, __u64 now)
{
	return (told ^ now) & (MODE_WORD_OPERATIONS | MODE_WORD_DAX);
}

/*
 * Claim to be the one that tells of this change: the time of it, or 0.  Whoever looked, and then
 * was kept from telling for so long that another has told of a change, has nothing to tell: the
 * mode that he saw may be that of long ago.  The time is one at which nobody had yet.
 */
static __always_inline __u64 mode__claim(struct watched_inode *told, __u64 before, __u64 now)
{
	__u64 time = bpf_ktime_get_ns();

	now |= (before + MODE_WORD_COUNT_ONE) & MODE_WORD_COUNT;
	return __sync_val_compare_and_swap(&told->mode, before, now) == before ? time : 0;
}

/* The record of a change, reserved, but for the inode and its new flags. */
static __always_inline void mode__fill(struct event_mode *record, __u64 before, __u64 now)
{
	record->old_operations = (before & MODE_WORD_OPERATIONS) | MODE_WORD_COUNT;
	record->new_operations = (now & MODE_WORD_OPERATIONS) | MODE_WORD_COUNT;
	record->old_flags = before & MODE_WORD_DAX ? MODE_DAX : 0;
	record->new_flags = now & MODE_WORD_DAX ? MODE_DAX : 0;
}

/*
 * Compare an inode's mode with what was seen of it before, and tell if it has
 * changed: also when nobody announced that.  Called for inodes that are
 * followed, before the record of what is done to them.
 */
static __always_inline void mode__compare(struct inode *inode, struct address_space *mapping,
					  __u32 how)
{
	struct watched_inode seen = {}, *told;
	struct event_mode *record;
	__u64 key = (__u64)inode, before, now, time;

	inode_id__fill(&seen.id, inode);
	told = bpf_map_lookup_elem(&inodes, &key);
	if (!told || told->id.ino != seen.id.ino || told->id.dev != seen.id.dev ||
	    told->id.generation != seen.id.generation) {
		seen.mode = mode__word((__u64)BPF_CORE_READ(mapping, a_ops), inode->i_flags);
		if (told)
			bpf_map_delete_elem(&inodes, &key);
		/* One that another has put there since is not older. */
		bpf_map_update_elem(&inodes, &key, &seen, BPF_NOEXIST);
		/* An inode that had this address before, and whose eviction went unseen. */
		if (told)
			shards__forget(key);
		return;
	}
	before = mode__told(told);
	now = mode__word((__u64)BPF_CORE_READ(mapping, a_ops), inode->i_flags);
	if (!mode__differs(before, now))
		return;
	/*
	 * Before the claim: who maps the file looks at its mode first (map__insert()), and would
	 * take the claim away.
	 */
	how |= (mapping->nrpages ? MODE_PAGES : 0) |
	       (mapping->i_mmap.rb_root.rb_node ? MODE_MAPPED : 0) |
	       (mapping->i_pages.xa_flags >> XA_MARKS_SHIFT ? MODE_DIRTY : 0);
	/* And this, too: the reader waits for a record that is reserved. */
	record = record__reserve(sizeof(*record), EVENT_MODE);
	time = mode__claim(told, before, now);
	if (record && time) {
		record->inode = seen.id;
		mode__fill(record, before, now);
		record->new_flags |= how;
		record__submit_at(record, time);
	} else if (record) {
		record__discard(record);
	}
	/* Another CPU may remember the mode that it has again when it changes back. */
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

#endif /* DAXTRACE_FOLLOW_BPF_H */
