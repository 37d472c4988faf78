// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Waits for the lock of an entry.
 *
 * That a fault has locked its entry, mapped the page and let the entry go again
 * makes no records of its own: cli/probe/expand.c tells it from where the
 * entry is inserted, with the lock held, and where the fault ends.  Probes at
 * grab_mapping_entry(), dax_unlock_entry() and vmf_insert_mixed() cost a write
 * fault 900 instructions more, a sixth of what it takes without tracing.
 */
#include "bpf/daxtrace.bpf.h"

/* The inode whose mapping has this xarray, and whether it is wanted. */
static __always_inline bool xarray__inode(struct xarray *xa, struct inode_id *id)
{
	struct address_space *mapping = (void *)xa - bpf_core_field_offset(struct address_space,
									   i_pages);
	struct inode *inode = BPF_CORE_READ(mapping, host);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	id->ino = BPF_CORE_READ(inode, i_ino);
	id->generation = BPF_CORE_READ(inode, i_generation);
	id->dev = BPF_CORE_READ(sb, s_dev);
	return !filters || filter__passes(id->dev, (__u64)inode);
}

static __always_inline void entry_wait__record(__u32 type, const struct inode_id *id, __u64 index,
					       __u32 waiter)
{
	struct event_entry_wait *record;

	record = record__reserve(sizeof(*record), type);
	if (!record)
		return;
	record->inode = *id;
	record->index = index;
	record->waiter = waiter;
	record__submit(record);
}

/*
 * Waiters on entries are those whose wait queue entry has this function, which
 * also is what wakes them.
 */
__u64 entry_wait_function;

/*
 * Run by user space before the others are attached.  As "__ksym" it would have
 * libbpf read all of /proc/kallsyms, also where no program that needs it is loaded.
 */
SEC("syscall")
int entry_wait__find(void *unused)
{
	static const char name[] = "wake_exceptional_entry_func";

	return bpf_kallsyms_lookup_name(name, sizeof(name), 0, &entry_wait_function);
}

static __always_inline void entry_wait__begin(struct wait_queue_entry *wait)
{
	struct wait_exceptional_entry_queue *entry = (void *)wait;
	struct inode_id id;

	if (!tracing || (__u64)wait->func != entry_wait_function)
		return;
	if (xarray__inode(BPF_CORE_READ(entry, key.xa), &id))
		entry_wait__record(EVENT_ENTRY_WAIT, &id, BPF_CORE_READ(entry, key.entry_start),
				   (__u32)bpf_get_current_pid_tgid());
}

/* get_unlocked_entry() waits so, wait_entry_unlocked() by the next. */
SEC("fentry/prepare_to_wait_exclusive")
int BPF_PROG(entry_wait__exclusive, struct wait_queue_head *head, struct wait_queue_entry *wait)
{
	entry_wait__begin(wait);
	return 0;
}

SEC("fentry/prepare_to_wait")
int BPF_PROG(entry_wait__shared, struct wait_queue_head *head, struct wait_queue_entry *wait)
{
	entry_wait__begin(wait);
	return 0;
}

/* A wait queue serves many entries: the key says whose waiters are meant. */
SEC("fentry/wake_exceptional_entry_func")
int BPF_PROG(entry_wait__wake, struct wait_queue_entry *wait, unsigned int mode, int sync,
	     void *waker)
{
	struct wait_exceptional_entry_queue *entry = (void *)wait;
	struct task_struct *task = wait->private;
	struct exceptional_entry_key *key = waker;
	struct inode_id id;

	if (!tracing || BPF_CORE_READ(key, xa) != BPF_CORE_READ(entry, key.xa) ||
	    BPF_CORE_READ(key, entry_start) != BPF_CORE_READ(entry, key.entry_start))
		return 0;
	if (xarray__inode(BPF_CORE_READ(key, xa), &id))
		entry_wait__record(EVENT_ENTRY_WAKE, &id, BPF_CORE_READ(key, entry_start),
				   BPF_CORE_READ(task, pid));
	return 0;
}
