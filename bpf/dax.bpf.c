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

/* include/linux/xarray.h: what xa_state.xa_node is beside a pointer */
#define XAS_BOUNDS	1UL

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

	if (!inode__wanted(inode))
		return;
	if (huge) {
		index &= ~((1ULL << PMD_ORDER) - 1);
		last = index + (1ULL << PMD_ORDER) - 1;
	}
	operation__enter(inode, OPERATION_FAULT, index, last,
			 fault__flags(vmf, huge), vmf->address, -1);
}

static __always_inline void fault__exit(struct inode *inode, __s64 result)
{
	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_FAULT, result, 0);
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
	fault__exit(inode, (__u32)result);
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
	fault__exit(inode, (__u32)result);
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
	fault__exit(vmf->vma->vm_file->f_mapping->host, result);
	return 0;
}

SEC("fentry/dax_iomap_rw")
int BPF_PROG(rw__enter, struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = iocb->ki_filp->f_mapping->host;
	__u64 position = iocb->ki_pos, length = iter->count;

	if (!inode__wanted(inode))
		return 0;
	operation__enter(inode, iter->data_source ? OPERATION_WRITE : OPERATION_READ,
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
	record = record__reserve(sizeof(*record), EVENT_ENTRY_INSERT);
	if (!record)
		return 0;
	inode_id__fill(&record->inode, inode);
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
	record = record__reserve(sizeof(*record), EVENT_ENTRY_DIRTY);
	if (!record)
		return 0;
	inode_id__fill(&record->inode, inode);
	record->index = vmf->pgoff;
	record->pfn = 0;
	record->order = 0;
	record->flags = ENTRY_WRITE | ENTRY_DIRTY;
	record__submit(record);
	return 0;
}

/* Has the slot that an xa_state stands on been emptied? */
static __always_inline bool xas__is_empty(struct xa_state *xas, struct xarray *xa)
{
	unsigned long node = (unsigned long)BPF_CORE_READ(xas, xa_node);
	struct xa_node *slots = (struct xa_node *)node;
	void *slot = NULL;
	__u8 offset;

	if (node == XAS_BOUNDS)		/* xas_delete_node() took the last node */
		return true;
	if (!node)			/* a single entry, in the head */
		return !BPF_CORE_READ(xa, xa_head);
	if (node & 3)			/* an error or a restart: not a place */
		return false;
	offset = BPF_CORE_READ(xas, xa_offset);
	if (offset >= 64)	/* XA_CHUNK_SIZE, at most */
		return false;
	bpf_core_read(&slot, sizeof(slot), &slots->slots[offset]);
	return !slot;
}

/*
 * An entry goes away in __dax_invalidate_entry(), in dax_delete_mapping_range()
 * and where grab_mapping_entry() breaks up a huge entry of a hole.  All of them
 * store NULL and then wake all waiters with the xarray's lock still held; a
 * probe on return from any of them would be too late: another CPU's fault could
 * have inserted, and reported, a new entry in between.  WAKE_ALL comes from no
 * other place but for an entry that was kept; there the slot is not empty.
 */
SEC("fentry/dax_wake_entry")
int BPF_PROG(entry_delete__fentry, struct xa_state *xas, void *entry, enum dax_wake_mode mode)
{
	struct address_space *mapping;
	struct event_entry *record;
	struct super_block *sb;
	struct inode *inode;
	struct xarray *xa;
	__u64 value;
	__u32 dev;

	if (mode != bpf_core_enum_value(enum dax_wake_mode, WAKE_ALL))
		return 0;
	xa = BPF_CORE_READ(xas, xa);
	if (!xas__is_empty(xas, xa))
		return 0;
	mapping = (void *)xa - bpf_core_field_offset(struct address_space, i_pages);
	inode = BPF_CORE_READ(mapping, host);
	sb = BPF_CORE_READ(inode, i_sb);
	dev = BPF_CORE_READ(sb, s_dev);
	if (!superblock__wanted(dev))
		return 0;
	record = record__reserve(sizeof(*record), EVENT_ENTRY_DELETE);
	if (!record)
		return 0;
	value = (unsigned long)entry >> 1;	/* xa_to_value() */
	record->inode.ino = BPF_CORE_READ(inode, i_ino);
	record->inode.dev = dev;
	record->inode.generation = BPF_CORE_READ(inode, i_generation);
	record->order = value & DAX_PMD ? PMD_ORDER : 0;
	record->index = BPF_CORE_READ(xas, xa_index) & ~((1ULL << record->order) - 1);
	record->pfn = value >> DAX_SHIFT;
	record->flags = value & DAX_ZERO_PAGE ? ENTRY_ZERO : 0;
	record__submit(record);
	return 0;
}
