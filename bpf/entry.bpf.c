// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a fault does with its entry beyond inserting it: the entry lock, the
 * filesystem's answer, and the page table entry that is set.
 */
#include "bpf/daxtrace.bpf.h"

/* fs/dax.c: the entry's value; grab_mapping_entry() may return an internal entry instead. */
#define DAX_SHIFT	4
#define DAX_PMD		(1UL << 1)
#define DAX_ZERO_PAGE	(1UL << 2)
#define DAX_EMPTY	(1UL << 3)
#define PMD_ORDER	(21 - page_shift)

/* Top bits of a pfn_t hold flags (PFN_FLAGS_MASK); none in an unsigned long. */
#define PFN_MASK	((1ULL << 52) - 1)

static __always_inline void entry_lock__record(const struct inode_id *id, __u32 type, __u64 index,
					       __u64 entry)
{
	__u64 value = entry >> 1;	/* xa_to_value() */
	struct event_entry *record;

	record = record__reserve(sizeof(*record), type);
	if (!record)
		return;
	record->inode = *id;
	record->order = value & DAX_PMD ? PMD_ORDER : 0;
	record->index = index & ~((1ULL << record->order) - 1);
	record->pfn = value >> DAX_SHIFT;
	record->flags = (value & DAX_ZERO_PAGE ? ENTRY_ZERO : 0) |
			(value & DAX_EMPTY ? ENTRY_EMPTY : 0);
	record__submit(record);
}

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
	return superblock__wanted(id->dev);
}

/* The same, mostly without a look at the inode. */
static __always_inline bool xarray__inode_cached(struct xarray *xa, struct inode_id *id)
{
	struct shard *shard = shard__this();
	__u64 version;

	if (shard) {
		version = *(volatile __u64 *)&shard->version;
		if (shard->xarray == (__u64)xa && shard->state >> 1 == epoch &&
		    !(version & 1)) {
			((__u64 *)id)[0] = *(volatile __u64 *)&shard->id[0];
			((__u64 *)id)[1] = *(volatile __u64 *)&shard->id[1];
			if (*(volatile __u64 *)&shard->version == version)
				return superblock__wanted(id->dev);
		}
	}
	return xarray__inode(xa, id);
}

SEC("fexit/grab_mapping_entry")
int BPF_PROG(entry_lock__grab, struct xa_state *xas, struct address_space *mapping,
	     unsigned int order, void *entry)
{
	struct inode_id id;

	/* Not an entry: the fault falls back, fails or is retried. */
	if (((__u64)entry & 1) && xarray__inode_cached(&mapping->i_pages, &id))
		entry_lock__record(&id, EVENT_ENTRY_LOCK, xas->xa_index, (__u64)entry);
	return 0;
}

SEC("fentry/dax_unlock_entry")
int BPF_PROG(entry_lock__unlock, struct xa_state *xas, void *entry)
{
	struct inode_id id;

	if (xarray__inode_cached(xas->xa, &id))
		entry_lock__record(&id, EVENT_ENTRY_UNLOCK, xas->xa_index, (__u64)entry);
	return 0;
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
	record->reserved = 0;
	record__submit(record);
}

/*
 * Waiters on entries are those whose wait queue entry has this function, which
 * also is what wakes them.
 */
extern const void wake_exceptional_entry_func __ksym __weak;

static __always_inline void entry_wait__begin(struct wait_queue_entry *wait)
{
	struct wait_exceptional_entry_queue *entry = (void *)wait;
	struct inode_id id;

	if (!tracing || (void *)wait->func != &wake_exceptional_entry_func)
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

/* For a pointer of a fault, which is about to have its page table entry set. */
static __always_inline void mapped__record(struct vm_area_struct *vma, __u64 address, __u64 pfn,
					   __u32 order, __u32 flags)
{
	struct inode *inode = vma->vm_file->f_mapping->host;
	struct event_mapped *record;

	if (!inode__wanted(inode))
		return;
	record = record__reserve_for(inode, sizeof(*record), EVENT_MAPPED);
	if (!record)
		return;
	record->index = (((address - vma->vm_start) >> page_shift) + vma->vm_pgoff) &
			~((1ULL << order) - 1);
	record->pfn = pfn;
	record->order = order;
	record->flags = flags;
	record->vma = (__u64)vma;
	record__submit(record);
}

/* vma may be of anything: a driver's has no file, or no inode in DAX mode. */
SEC("fentry/vmf_insert_mixed")
int BPF_PROG(mapped__mixed, struct vm_area_struct *vma, unsigned long address, __u64 pfn)
{
	if (vma->vm_file)
		mapped__record(vma, address, pfn & PFN_MASK, 0, 0);
	return 0;
}

SEC("fentry/vmf_insert_mixed_mkwrite")
int BPF_PROG(mapped__mixed_mkwrite, struct vm_area_struct *vma, unsigned long address, __u64 pfn)
{
	if (vma->vm_file)
		mapped__record(vma, address, pfn & PFN_MASK, 0, ENTRY_WRITE);
	return 0;
}

static __always_inline void mapped__pmd(struct vm_fault *vmf, __u64 pfn, bool write)
{
	if (vmf->vma->vm_file)
		mapped__record(vmf->vma, vmf->address, pfn, PMD_ORDER, write ? ENTRY_WRITE : 0);
}

SEC("fentry/vmf_insert_pfn_pmd_prot")
int BPF_PROG(mapped__pmd_prot, struct vm_fault *vmf, __u64 pfn, unsigned long protection, bool write)
{
	mapped__pmd(vmf, pfn & PFN_MASK, write);
	return 0;
}

/* The same since 7b806d229ef1 ("mm: remove vmf_insert_pfn_xxx_prot() for huge page-table entries") */
SEC("fentry/vmf_insert_pfn_pmd")
int BPF_PROG(mapped__pmd_pfn, struct vm_fault *vmf, __u64 pfn, bool write)
{
	mapped__pmd(vmf, pfn & PFN_MASK, write);
	return 0;
}

/* Pages of DAX have references of their own from 6.15 on: a page and a folio, not a pfn. */
SEC("fentry/vmf_insert_page_mkwrite")
int BPF_PROG(mapped__page, struct vm_fault *vmf, struct page *page, bool write)
{
	if (vmf->vma->vm_file)
		mapped__record(vmf->vma, vmf->address, 0, 0, write ? ENTRY_WRITE : 0);
	return 0;
}

SEC("fentry/vmf_insert_folio_pmd")
int BPF_PROG(mapped__folio, struct vm_fault *vmf, struct folio *folio, bool write)
{
	mapped__pmd(vmf, 0, write);
	return 0;
}

/* The zero page of a hole; the entry's lock is held, and the page is mapped by now. */
static __always_inline void mapped__zero(struct inode *inode, struct vm_fault *vmf, __u32 order)
{
	__u64 index = vmf->pgoff;
	struct event_mapped *record;

	if (!inode__wanted(inode))
		return;
	record = record__reserve_for(inode, sizeof(*record), EVENT_MAPPED);
	if (!record)
		return;
	record->index = index & ~((1ULL << order) - 1);
	record->pfn = 0;
	record->order = order;
	record->flags = ENTRY_ZERO;
	record->vma = (__u64)vmf->vma;
	record__submit(record);
}

SEC("tp_btf/dax_pmd_load_hole")
int BPF_PROG(mapped__zero_pmd, struct inode *inode, struct vm_fault *vmf, struct page *zero,
	     void *entry)
{
	mapped__zero(inode, vmf, PMD_ORDER);
	return 0;
}
