// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who maps a DAX file: VMAs that enter and leave its mapping's i_mmap.
 *
 * These three functions see every VMA of a file, whatever made it: mmap, fork,
 * a split, mremap, exec and exit.  The mapping's i_mmap_rwsem is held for
 * writing, so the order of the records is the order in i_mmap.  A VMA leaves
 * once its page tables are clear (free_pgtables() after unmap_vmas()).
 */
#include "bpf/daxtrace.bpf.h"

#define VM_WRITE	0x00000002UL	/* include/linux/mm.h */
#define VM_MAYWRITE	0x00000020UL	/* include/linux/mm.h */

static __always_inline void map__record(struct vm_area_struct *vma, __u32 type, __u32 flags)
{
	struct inode *inode = vma->vm_file->f_mapping->host;
	__u64 vm_flags = vma->vm_flags, pages;
	struct event_map *record;

	if (!inode__followed(inode))
		return;
	record = record__reserve_announced(inode, inode->i_flags & S_DAX, sizeof(*record), type);
	if (!record)
		return;
	if (vm_flags & VM_SHARED)
		flags |= MAP_SHARED_FILE;
	if (vm_flags & VM_WRITE)
		flags |= MAP_WRITABLE;
	if (vm_flags & VM_MAYWRITE)
		flags |= MAP_MAY_WRITE;
	if (vm_flags & VM_SYNC)
		flags |= MAP_SYNCHRONOUS;
	pages = (vma->vm_end - vma->vm_start) >> page_shift;
	record->vma = (__u64)vma;
	record->mm = (__u64)vma->vm_mm;
	record->address = vma->vm_start;
	record->first = vma->vm_pgoff;
	record->last = record->first + pages - 1;
	record->flags = flags;
	record__submit(record);
}

SEC("fentry/vma_interval_tree_insert")
int BPF_PROG(map__insert, struct vm_area_struct *vma)
{
	map__record(vma, EVENT_MAP, 0);
	return 0;
}

/* dup_mmap() alone calls this. */
SEC("fentry/vma_interval_tree_insert_after")
int BPF_PROG(map__fork, struct vm_area_struct *vma)
{
	map__record(vma, EVENT_MAP, MAP_FORK);
	return 0;
}

SEC("fentry/vma_interval_tree_remove")
int BPF_PROG(map__remove, struct vm_area_struct *vma)
{
	map__record(vma, EVENT_MAP_END, 0);
	return 0;
}
