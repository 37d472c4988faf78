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

/* Top bits of a pfn_t hold flags (PFN_FLAGS_MASK); none in an unsigned long. */
#define PFN_MASK	((1ULL << 52) - 1)

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
	__u64 index = vmf->pgoff;
	__u64 last = index;

	if (!inode__wanted(inode)) {
		/* Whoever sent it here goes by a mode that the file does not have (any more). */
		if (inode__followed(inode))
			operation__record(inode, EVENT_OLD_MODE, OPERATION_FAULT, index, last,
					  fault__flags(vmf, huge), vmf->address, -1);
		return;
	}
	if (huge) {
		index &= ~((1ULL << PMD_ORDER) - 1);
		last = index + (1ULL << PMD_ORDER) - 1;
	}
	operation__enter(inode, OPERATION_FAULT, index, last,
			 fault__flags(vmf, huge), vmf->address, -1);
}

static __always_inline void fault__exit(struct inode *inode, __s64 result, __u64 fallback)
{
	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_FAULT, result, fallback);
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
	fault__exit(inode, (__u32)result, FALLBACK_NONE);
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
	fault__exit(inode, (__u32)result, result & VM_FAULT_FALLBACK ?
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
	fault__exit(vmf->vma->vm_file->f_mapping->host, result,
		    result & VM_FAULT_FALLBACK ? FALLBACK_OTHER : FALLBACK_NONE);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(rw__enter, struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	__u64 position = iocb->ki_pos, length = iter->count;
	__u32 type = EVENT_ENTER;

	if (!inode__wanted(inode)) {
		if (!inode__followed(inode))
			return 0;
		type = EVENT_OLD_MODE;
	}
	operation__record(inode, type, iter->data_source ? OPERATION_WRITE : OPERATION_READ,
			  position >> page_shift,
			  (position + length - (length ? 1 : 0)) >> page_shift,
			  position, length, -1);
	return 0;
}

SEC("fexit/dax_iomap_rw")
int BPF_PROG(rw__exit, struct kiocb *iocb, struct iov_iter *iter, void *ops, long result)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;

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
	struct inode *inode = iocb->ki_filp->f_mapping->host;
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
	     struct iomap_iter *iter, void *entry, __u64 pfn, unsigned long flags)
{
	struct inode *inode = iter->inode;
	struct event_entry *record;
	__u32 entry_flags = 0;

	if (!inode__wanted(inode))
		return 0;
	if (flags & DAX_ZERO_PAGE)
		entry_flags |= ENTRY_ZERO;
	if (iter->flags & IOMAP_WRITE) {
		entry_flags |= ENTRY_WRITE;
		if ((vmf->vma->vm_flags & VM_SYNC) && (iter->iomap.flags & IOMAP_F_DIRTY))
			entry_flags |= ENTRY_SYNC;
		else
			entry_flags |= ENTRY_DIRTY;
	}
	record = record__reserve_for(inode, sizeof(*record), EVENT_ENTRY_INSERT);
	if (!record)
		return 0;
	record->index = xas->xa_index;
	record->pfn = pfn & PFN_MASK;
	record->order = flags & DAX_PMD ? PMD_ORDER : 0;
	record->flags = entry_flags;
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
	record->pfn = 0;
	record->order = 0;
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
static __always_inline void entry_delete__begin(struct address_space *mapping, __u64 index)
{
	struct inode *inode = mapping->host;
	struct task_state *state;

	/* Not S_DAX: the entries of a file that has left DAX mode count as well. */
	if (!superblock__wanted(inode->i_sb->s_dev))
		return;
	state = task__state(EVENT_ENTRY_DELETE);
	if (!state)
		return;
	inode_id__fill(&state->inode, inode);
	state->index = index;
	state->deleting = 1;
}

static __always_inline void entry_delete__end(void)
{
	struct task_state *state;

	state = task__state(EVENT_ENTRY_DELETE);
	if (state)
		state->deleting = 0;
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
	record = record__reserve(sizeof(*record), EVENT_ENTRY_DELETE);
	if (!record)
		return;
	record->inode = state->inode;
	record->order = value & DAX_PMD ? PMD_ORDER : 0;
	record->index = state->index & ~((1ULL << record->order) - 1);
	record->pfn = value >> DAX_SHIFT;
	record->flags = value & DAX_ZERO_PAGE ? ENTRY_ZERO : 0;
	record__submit(record);
}

SEC("fentry/__dax_invalidate_entry")
int BPF_PROG(entry_delete__enter, struct address_space *mapping, unsigned long index)
{
	entry_delete__begin(mapping, index);
	return 0;
}

SEC("fexit/__dax_invalidate_entry")
int BPF_PROG(entry_delete__exit, struct address_space *mapping, unsigned long index, bool trunc,
	     int result)
{
	entry_delete__end();
	return 0;
}

SEC("fentry/dax_delete_mapping_range")
int BPF_PROG(entry_delete_range__enter, struct address_space *mapping)
{
	entry_delete__begin(mapping, 0);
	return 0;
}

SEC("fexit/dax_delete_mapping_range")
int BPF_PROG(entry_delete_range__exit, struct address_space *mapping)
{
	entry_delete__end();
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

SEC("fentry/dax_disassociate_entry")
int BPF_PROG(entry_delete__fentry, void *entry)
{
	entry_delete__now((__u64)entry);
	return 0;
}

/* The clone keeps its first argument in the first register. */
SEC("kprobe/dax_disassociate_entry.isra.0")
int BPF_KPROBE(entry_delete__kprobe, void *entry)
{
	entry_delete__now((__u64)entry);
	return 0;
}
