// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DAX itself: faults, entries of the mapping, read(2) and write(2).
 */
#include "bpf/daxtrace.bpf.h"

/* fs/dax.c: flags in the low bits of an entry's value */
#define DAX_SHIFT	4
#define DAX_PMD		(1UL << 1)
#define DAX_ZERO_PAGE	(1UL << 2)
#define PMD_ORDER	(21 - page_shift)

static __always_inline __u64 fault__flags(struct vm_fault *vmf, __u64 huge)
{
	__u64 flags = huge;

	if (vmf->flags & FAULT_FLAG_WRITE) {
		flags |= FAULT_WRITE;
		if (!(vmf->vma->vm_flags & VM_SHARED))
			flags |= FAULT_PRIVATE;
	}
	return flags;
}

static __always_inline void fault__enter(struct inode *inode, struct vm_fault *vmf, __u64 huge)
{
	struct event_enter *record;
	__u64 index;

	if (!inode__wanted(inode)) {
		/* Whoever sent it here goes by a mode that the file does not have (any more). */
		if (inode__followed(inode))
			operation__record(inode, EVENT_OLD_MODE, OPERATION_FAULT, vmf->pgoff,
					  vmf->pgoff, fault__flags(vmf, huge), vmf->address, -1);
		return;
	}
	record = record__reserve_announced(inode, S_DAX, sizeof(*record), EVENT_ENTER);
	if (!record)
		return;
	index = vmf->pgoff;
	if (huge)
		index &= ~((1ULL << PMD_ORDER) - 1);
	record->first = index;
	record->last = huge ? index + (1ULL << PMD_ORDER) - 1 : index;
	record->argument[0] = fault__flags(vmf, huge);
	record->argument[1] = vmf->address;
	*(__u64 *)&record->operation = OPERATION_FAULT | (__u64)(__u32)-1 << 32;
	record__submit(record);
}

/* The file is not in DAX mode, but may have been when the fault began. */
static __noinline int fault__left(struct inode *inode, __u64 result)
{
	struct record_fault_exit *record;

	if ((inode->i_flags & S_DAX) || !inode__followed(inode))
		return 0;
	record = record__reserve_for(inode, sizeof(*record), EVENT_EXIT);
	if (!record)
		return 0;
	record->exit.result = result;
	record->exit.operation = OPERATION_FAULT;
	record->left = 1;
	record__submit(record);
	return 0;
}

static __always_inline void fault__exit(struct inode *inode, struct vm_fault *vmf, __u64 result,
					__u64 fallback)
{
	struct record_fault_exit *record;

	if (!inode__wanted(inode)) {
		fault__left(inode, result);
		return;
	}
	record = record__reserve_for(inode, sizeof(*record), EVENT_EXIT);
	if (!record)
		return;
	record->exit.result = result;
	record->exit.argument = fallback;
	record->exit.operation = OPERATION_FAULT;
	/* With it, it was told where it inserted its entry, or has found the page mapped. */
	if (fault_untold && !(result & VM_FAULT_NOPAGE)) {
		record->index = vmf->pgoff;
		record->address = vmf->address;
		record->flags = fault__flags(vmf, 0);
	}
	record__submit(record);
}

#define VM_FAULT_FALLBACK	0x0800	/* enum vm_fault_reason, unchanged from 6.1 to 7.2 */

/*
 * Why a huge fault was refused: what dax_fault_check_fallback() asks, in its
 * order.  If it had no objection, then either grab_mapping_entry() found an
 * entry or a page table of small pages, or the filesystem's answer did not do.
 */
static __always_inline __u64 fault__fallback(struct vm_fault *vmf, __u64 max_pgoff)
{
	__u64 color = (1ULL << PMD_ORDER) - 1, size = 1ULL << (PMD_ORDER + page_shift);
	__u64 address = vmf->address & ~(size - 1);
	struct vm_area_struct *vma = vmf->vma;

	if ((vmf->pgoff & color) != ((vmf->address >> page_shift) & color))
		return FALLBACK_ALIGNMENT;
	if ((vmf->flags & FAULT_FLAG_WRITE) && !(vma->vm_flags & VM_SHARED))
		return FALLBACK_PRIVATE;
	if (address < vma->vm_start || address + size > vma->vm_end)
		return FALLBACK_VMA;
	if ((vmf->pgoff | color) >= max_pgoff)
		return FALLBACK_END_OF_FILE;
	return FALLBACK_OTHER;
}

/*
 * The four tracepoints bracket all that dax_iomap_fault() does, retries of
 * iomap included; the cheapest way in (a third of fentry + fexit).
 *
 * The default events do without the first: a fault of a page begins for them
 * where it inserts its entry (record_insert), or, if it does not, where it ends.
 */
SEC("tp_btf/dax_pte_fault")
int BPF_PROG(fault__pte_enter_tp, struct inode *inode, struct vm_fault *vmf, int result)
{
	fault__enter(inode, vmf, 0);
	return 0;
}

SEC("tp_btf/dax_pte_fault_done")
int BPF_PROG(fault__pte_exit_tp, struct inode *inode, struct vm_fault *vmf, int result)
{
	fault__exit(inode, vmf, (__u32)result, FALLBACK_NONE);
	return 0;
}

SEC("tp_btf/dax_pmd_fault")
int BPF_PROG(fault__pmd_enter_tp, struct inode *inode, struct vm_fault *vmf,
	     unsigned long max_pgoff, int result)
{
	fault__enter(inode, vmf, FAULT_PMD);
	return 0;
}

SEC("tp_btf/dax_pmd_fault_done")
int BPF_PROG(fault__pmd_exit_tp, struct inode *inode, struct vm_fault *vmf,
	     unsigned long max_pgoff, int result)
{
	fault__exit(inode, vmf, (__u32)result, result & VM_FAULT_FALLBACK ?
		    fault__fallback(vmf, max_pgoff) : FALLBACK_NONE);
	return 0;
}

/*
 * Where the tracepoints are missing.  The second argument was enum
 * page_entry_size (0 PTE, 1 PMD, 2 PUD) until 1d024e7a8dab ("mm: remove enum
 * page_entry_size") made it an order: zero means a PTE in both.
 */
SEC("fentry/dax_iomap_fault")
int BPF_PROG(fault__enter_fentry, struct vm_fault *vmf, unsigned int order)
{
	fault__enter(vmf->vma->vm_file->f_mapping->host, vmf, order ? FAULT_PMD : 0);
	return 0;
}

SEC("fexit/dax_iomap_fault")
int BPF_PROG(fault__exit_fexit, struct vm_fault *vmf, unsigned int order, void *pfn,
	     void *error, void *ops, unsigned int result)
{
	fault__exit(vmf->vma->vm_file->f_mapping->host, vmf, result,
		    result & VM_FAULT_FALLBACK ? FALLBACK_OTHER : FALLBACK_NONE);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(rw__enter, struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = iocb->ki_filp->f_inode;
	struct event_enter *record;
	__u64 position, length;

	if (inode__wanted(inode))
		record = record__reserve_announced(inode, S_DAX, sizeof(*record), EVENT_ENTER);
	else if (inode__followed(inode))
		record = record__reserve_announced(inode, 0, sizeof(*record), EVENT_OLD_MODE);
	else
		return 0;
	if (!record)
		return 0;
	position = iocb->ki_pos;
	length = iter->count;
	record->first = position >> page_shift;
	record->last = (position + length - !!length) >> page_shift;
	record->argument[0] = position;
	record->argument[1] = length;
	*(__u64 *)&record->operation = (iter->data_source ? OPERATION_WRITE : OPERATION_READ) |
				       (__u64)(__u32)-1 << 32;
	record__submit(record);
	return 0;
}

SEC("fexit/dax_iomap_rw")
int BPF_PROG(rw__exit, struct kiocb *iocb, struct iov_iter *iter, void *ops, long result)
{
	struct inode *inode = iocb->ki_filp->f_inode;

	if (inode__wanted(inode))
		operation__exit(inode, iter->data_source ? OPERATION_WRITE : OPERATION_READ,
				result, 0);
	return 0;
}

/*
 * In place of the two, where they cost too much: a write is noted, and told
 * only if it invalidates its range, because it has allocated blocks.
 */
SEC("fentry/dax_iomap_rw")
int BPF_PROG(rw__note, struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = iocb->ki_filp->f_inode;
	struct task_state *state;

	if (!inode__wanted(inode))
		return 0;
	state = task__state(EVENT_ENTER);
	if (!state)
		return 0;
	state->writing = iter->data_source ? (__u64)inode : 0;
	state->position = iocb->ki_pos;
	state->length = iter->count;
	return 0;
}

/*
 * dax_insert_entry() holds the entry's lock.  The dirty tag is set by it
 * unless the fault is synchronous (dax_fault_is_synchronous()): then
 * dax_finish_sync_fault() does so after the filesystem's fsync.
 */
SEC("fentry/dax_insert_entry")
int BPF_PROG(entry_insert__fentry, struct xa_state *xas, struct vm_fault *vmf,
	     struct iomap_iter *iter)
{
	struct inode *inode = iter->inode;
	struct record_insert *record;
	struct vm_area_struct *vma;

	if (!inode__wanted(inode))
		return 0;
	record = record__reserve_for(inode, sizeof(*record), EVENT_ENTRY_INSERT);
	if (!record)
		return 0;
	vma = vmf->vma;
	record->index = xas->xa_index;
	/* Straight from the context: they need not be kept until here. */
	record->locked = ctx[3];	/* void *entry */
	record->pfn = ctx[4];
	record->flags = ctx[5];
	record->vma = (__u64)vma;
	record->purpose = iter->flags;
	if ((vma->vm_flags & VM_SYNC) && (iter->iomap.flags & IOMAP_F_DIRTY))
		record->synchronous = 1;
	record->offset = iter->iomap.offset;
	record->length_or_address = iter->iomap.length;
	record->address = iter->iomap.addr;
	record->type = iter->iomap.type;
	record->iomap_flags = iter->iomap.flags;
	record__submit(record);
	return 0;
}

/* The file is not in DAX mode, or the inode is not followed: as in fault__enter(). */
static __noinline int fault__insert_old_mode(struct inode *inode, struct vm_fault *vmf)
{
	if (fault_untold && !(inode->i_flags & S_DAX) && inode__followed(inode))
		operation__record(inode, EVENT_OLD_MODE, OPERATION_FAULT, vmf->pgoff, vmf->pgoff,
				  fault__flags(vmf, 0), vmf->address, -1);
	return 0;
}

/*
 * For the default events: the same without what the other events are told by.  This
 * and fault__end() are what they cost a fault, and so are short: arguments are read
 * where they are needed, not kept on the stack, and what is rare is out of line.
 */
static __always_inline void fault__insert_fill(struct record_insert *record,
					       unsigned long long *ctx)
{
	struct iomap_iter *iter = (void *)ctx[2];
	struct vm_fault *vmf = (void *)ctx[1];
	struct xa_state *xas = (void *)ctx[0];

	record->index = xas->xa_index;
	record->pfn = ctx[4];
	record->flags = ctx[5];
	record->purpose = iter->flags;
	/* In this order: mostly there is nothing to sync. */
	if ((iter->iomap.flags & IOMAP_F_DIRTY) && (vmf->vma->vm_flags & VM_SYNC))
		record->synchronous = 1;
	record->length_or_address = vmf->address;
	record__submit(record);
}

/* This CPU does not remember the inode, or its mode was another. */
static __noinline int fault__insert_anew(unsigned long long *ctx)
{
	struct iomap_iter *iter = (void *)ctx[2];
	struct inode *inode = iter->inode;
	struct record_insert *record;

	if (!inode__wanted(inode)) {
		fault__insert_old_mode(inode, (void *)ctx[1]);
		return 0;
	}
	announce_all(inode, shard__this());
	record = record__reserve_for(inode, sizeof(*record), EVENT_ENTRY_INSERT);
	if (record)
		fault__insert_fill(record, ctx);
	return 0;
}

/*
 * An inode that the CPU remembers has been found wanted, and the reader knows its
 * address; whether it still is in DAX mode, announce() asks here.
 */
SEC("fentry/dax_insert_entry")
int fault__insert(unsigned long long *ctx)
{
	__u64 task = bpf_get_current_pid_tgid();
	struct shard *shard = shard__this();
	struct record_insert *record;
	struct iomap_iter *iter;
	struct inode *inode;

	if (!tracing || !shard)
		return 0;
	iter = (void *)ctx[2];
	inode = iter->inode;
	if (shard->task != task || shard->inode != (__u64)inode ||
	    shard->operations != (__u64)inode->i_data.a_ops || !(inode->i_flags & S_DAX)) {
		fault__insert_anew(ctx);
		return 0;
	}
	record = record__reserve_by(shard, sizeof(*record), EVENT_ENTRY_INSERT, task);
	if (!record)
		return 0;
	record->inode.ino = (__u64)inode;
	fault__insert_fill(record, ctx);
	return 0;
}

static __noinline int fault__end_otherwise(unsigned long long *ctx)
{
	fault__exit((void *)ctx[0], (void *)ctx[1], (__u32)ctx[2], FALLBACK_NONE);
	return 0;
}

/*
 * The end of such a fault.  If the file has left DAX mode meanwhile, nobody need ask:
 * the fault began before that.
 */
SEC("tp_btf/dax_pte_fault_done")
int fault__end(unsigned long long *ctx)
{
	struct shard *shard = shard__this();
	struct record_fault_exit *record;

	if (!tracing || !shard)
		return 0;
	if (shard->inode != ctx[0] || !(ctx[2] & VM_FAULT_NOPAGE)) {
		fault__end_otherwise(ctx);
		return 0;
	}
	record = record__reserve_in(shard, sizeof(*record), EVENT_EXIT);
	if (!record)
		return 0;
	record->exit.inode.ino = ctx[0];
	record->exit.result = (__u32)ctx[2];
	record->exit.operation = OPERATION_FAULT;
	record__submit(record);
	return 0;
}

/* A MAP_SYNC fault: the metadata is durable, the page becomes writable. */
SEC("tp_btf/dax_insert_pfn_mkwrite")
int BPF_PROG(entry_dirty__tp, struct inode *inode, struct vm_fault *vmf, int result)
{
	struct event_entry *record;

	if (!inode__wanted(inode))
		return 0;
	record = record__reserve_for(inode, sizeof(*record), EVENT_ENTRY_DIRTY);
	if (!record)
		return 0;
	record->index = vmf->pgoff;
	record->flags = ENTRY_WRITE | ENTRY_DIRTY;
	record__submit(record);
	return 0;
}

/*
 * An entry goes away in __dax_invalidate_entry() and, since 7.x, in
 * dax_delete_mapping_range().  Both call dax_disassociate_entry() once it is
 * certain, with the xarray's lock held; a probe on their return would be too
 * late: another CPU's fault could have inserted, and reported, a new entry in
 * between.  So the functions around it say which entry, and it says when.
 * (grab_mapping_entry() breaks up a huge entry of a hole by the same call, and
 * dax_insert_entry() replaces one; those are not inside of the two.)
 */
/* task_state.deleting */
#define DELETING	0x1
#define DELETE_TOLD	0x2	/* and of an entry it has been told */
#define DELETE_REGARDLESS	0x4	/* ENTRY_REGARDLESS */

static __always_inline void entry_delete__begin(struct address_space *mapping, __u64 index,
						bool regardless)
{
	struct inode *inode = mapping->host;
	struct task_state *state;

	/* Not S_DAX: the entries of a file that has left DAX mode count as well. */
	if (!inode__chosen(inode))
		return;
	state = task__state(EVENT_ENTRY_DELETE);
	if (!state)
		return;
	inode_id__fill(&state->inode, inode);
	state->index = index;
	if (!state->deleting)
		__sync_fetch_and_add(&deleters, 1);
	state->deleting = DELETING | (regardless ? DELETE_REGARDLESS : 0);
}

/* deleted: an entry, for certain. */
static __always_inline void entry_delete__end(bool deleted)
{
	struct task_state *state;
	struct shard *shard;

	if (!deleters)
		return;
	state = task__state(EVENT_ENTRY_DELETE);
	if (!state || !state->deleting)
		return;
	/* A kprobe's program is skipped, uncounted, where bpf(2) has been preempted. */
	if (deleted && !(state->deleting & DELETE_TOLD)) {
		shard = shard__this();
		if (shard)
			record__drop(shard, EVENT_ENTRY_DELETE);
	}
	state->deleting = 0;
	__sync_fetch_and_add(&deleters, -1);
}

/* entry: the value that is about to be replaced by NULL. */
static __always_inline void entry_delete__now(__u64 entry)
{
	struct event_entry *record;
	struct task_state *state;
	__u64 value = entry >> 1;	/* xa_to_value() */

	state = task__state(EVENT_ENTRY_DELETE);
	if (!state || !state->deleting)
		return;
	/* If there is no room for it, that is a loss which has been counted. */
	state->deleting |= DELETE_TOLD;
	record = record__reserve(sizeof(*record), EVENT_ENTRY_DELETE);
	if (!record)
		return;
	record->inode = state->inode;
	record->order = value & DAX_PMD ? PMD_ORDER : 0;
	record->index = state->index & ~((1ULL << record->order) - 1);
	record->pfn = value >> DAX_SHIFT;
	record->flags = (value & DAX_ZERO_PAGE ? ENTRY_ZERO : 0) |
			(state->deleting & DELETE_REGARDLESS ? ENTRY_REGARDLESS : 0);
	record__submit(record);
}

SEC("fentry/__dax_invalidate_entry")
int BPF_PROG(entry_delete__enter, struct address_space *mapping, unsigned long index, bool truncate)
{
	entry_delete__begin(mapping, index, truncate);
	return 0;
}

SEC("fexit/__dax_invalidate_entry")
int BPF_PROG(entry_delete__exit, struct address_space *mapping, unsigned long index, bool trunc,
	     int result)
{
	entry_delete__end(result);
	return 0;
}

SEC("fentry/dax_delete_mapping_range")
int BPF_PROG(entry_delete_range__enter, struct address_space *mapping)
{
	entry_delete__begin(mapping, 0, true);
	return 0;
}

SEC("fexit/dax_delete_mapping_range")
int BPF_PROG(entry_delete_range__exit, struct address_space *mapping)
{
	entry_delete__end(false);
	return 0;
}

/* Called for each entry of the range just before it goes. */
SEC("fentry/wait_entry_unlocked_exclusive")
int BPF_PROG(entry_delete_range__one, struct xa_state *xas)
{
	struct task_state *state;

	state = task__state(EVENT_ENTRY_DELETE);
	if (state && state->deleting)
		state->index = xas->xa_index;
	return 0;
}

/*
 * In front of the calls of it in those functions, and nowhere else: user space finds
 * them (cli/probe/calls.c).  Each first fault of a page calls it as well, which costs
 * 150 instructions wherever a program is attached to it itself.
 */
SEC("kprobe")
int BPF_KPROBE(entry_delete__call, void *entry)
{
	if (deleters)
		entry_delete__now((__u64)entry);
	return 0;
}

/* Out of line: mostly faults come by, and need no more of the stack for it. */
static __noinline int entry_delete__if_deleting(void *entry)
{
	entry_delete__now((__u64)entry);
	return 0;
}

SEC("fentry/dax_disassociate_entry")
int BPF_PROG(entry_delete__fentry, void *entry)
{
	if (deleters)
		entry_delete__if_deleting(entry);
	return 0;
}

/* The clone keeps its first argument in the first register. */
SEC("kprobe/dax_disassociate_entry.isra.0")
int BPF_KPROBE(entry_delete__kprobe, void *entry)
{
	if (deleters)
		entry_delete__if_deleting(entry);
	return 0;
}
