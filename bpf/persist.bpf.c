// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What makes data durable: write-protection (mkclean), flush, writeback, fsync.
 */
#include "bpf/daxtrace.bpf.h"

/*
 * Write-protects one VMA's mapping of a range; the caller, dax_writeback_one(),
 * holds the entry's lock, so no fault can undo it before the flush.  Seen on
 * entry: cheaper than on return, and nothing that the model knows lies between.
 */
SEC("fentry/pfn_mkclean_range")
int BPF_PROG(mkclean__pfn, unsigned long pfn, unsigned long pages, unsigned long index,
	     struct vm_area_struct *vma)
{
	struct inode *inode = vma->vm_file->f_mapping->host;

	if (inode__wanted(inode))
		range__record(inode, EVENT_MKCLEAN, index, index + pages - 1, pfn);
	return 0;
}

/* The same for all VMAs at once, where dax_writeback_one() calls this. */
SEC("fexit/mapping_wrprotect_range")
int BPF_PROG(mkclean__mapping, struct address_space *mapping, unsigned long index,
	     unsigned long pages, unsigned long pfn)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		range__record(inode, EVENT_MKCLEAN, index, index + pages - 1, pfn);
	return 0;
}

/* Where the direct map begins; an address in it, less this, is physical. */
extern const void page_offset_base __ksym __weak;

#define PAGE_OFFSET_FIXED 0xffff888000000000ULL	/* without CONFIG_RANDOMIZE_MEMORY */

/*
 * CPU caches over a range are written back.  There is no inode here; the model
 * finds the pages by their frames.
 */
SEC("fentry/dax_flush")
int BPF_PROG(flush__dax, void *dax_dev, void *address, unsigned long bytes)
{
	struct event_flush *record;
	__u64 base = PAGE_OFFSET_FIXED, offset;

	if (&page_offset_base)
		bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base);
	offset = (__u64)address - base;
	record = record__reserve(sizeof(*record), EVENT_FLUSH);
	if (!record)
		return 0;
	record->pfn = offset >> page_shift;
	record->pages = ((offset & ((1ULL << page_shift) - 1)) + bytes +
			 (1ULL << page_shift) - 1) >> page_shift;
	record__submit(record);
	return 0;
}

SEC("tp_btf/dax_writeback_range")
int BPF_PROG(writeback__enter, struct inode *inode, unsigned long first, unsigned long last)
{
	if (inode__wanted(inode))
		operation__enter(inode, OPERATION_WRITEBACK, first, last, 0, 0, -1);
	return 0;
}

SEC("tp_btf/dax_writeback_range_done")
int BPF_PROG(writeback__exit, struct inode *inode, unsigned long first, unsigned long last)
{
	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_WRITEBACK, 0, 0);
	return 0;
}

/* Flushed, and its dirty tag cleared; the xarray's lock is held. */
SEC("tp_btf/dax_writeback_one")
int BPF_PROG(writeback_one__tp, struct inode *inode, unsigned long index, unsigned long pages)
{
	if (inode__wanted(inode))
		range__record(inode, EVENT_WRITEBACK_ONE, index, index + pages - 1, 0);
	return 0;
}

SEC("fentry/vfs_fsync_range")
int BPF_PROG(sync__enter, struct file *file, __s64 start, __s64 end, int datasync)
{
	struct inode *inode = file->f_inode;

	if (inode__wanted(inode))
		operation__enter(inode, OPERATION_SYNC, start >> page_shift,
				 end == LLONG_MAX ? INDEX_MAX : (__u64)end >> page_shift,
				 !!datasync, 0, -1);
	return 0;
}

SEC("fexit/vfs_fsync_range")
int BPF_PROG(sync__exit, struct file *file, __s64 start, __s64 end, int datasync, int result)
{
	struct inode *inode = file->f_inode;

	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_SYNC, result, 0);
	return 0;
}
