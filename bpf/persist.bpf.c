// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What makes data durable: write-protection (mkclean), flush, writeback, fsync.
 */
#include "bpf/daxtrace.bpf.h"

static __always_inline void mkclean__record(struct inode *inode, __u64 first, __u64 last, __u64 pfn,
					    __u64 vma)
{
	struct event_mkclean *record;

	record = record__reserve_for(inode, sizeof(*record), EVENT_MKCLEAN);
	if (!record)
		return;
	record->first = first;
	record->last = last;
	record->pfn = pfn;
	record->vma = vma;
	record__submit(record);
}

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
		mkclean__record(inode, index, index + pages - 1, pfn, (__u64)vma);
	return 0;
}

/* The same for all VMAs at once, where dax_writeback_one() calls this. */
SEC("fexit/mapping_wrprotect_range")
int BPF_PROG(mkclean__mapping, struct address_space *mapping, unsigned long index,
	     unsigned long pages, unsigned long pfn)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		mkclean__record(inode, index, index + pages - 1, pfn, 0);
	return 0;
}

/*
 * Where no record depends on it: without the mark, flushes by a filesystem itself are not
 * told, but for those of dax_writeback_mapping_range(), which has a mark of its own.
 */
static __always_inline struct task_state *task__state_if_free(void)
{
	return bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* task_state.writeback */
#define IN_WRITEBACK	0x1	/* of dax_writeback_mapping_range() */
#define IN_WRITEPAGES	0x2	/* ->writepages of a file in DAX mode, which may flush by itself */

/*
 * CPU caches over a range are written back.  There is no inode here; the model
 * finds the pages by their frames.
 */
SEC("fentry/dax_flush")
int BPF_PROG(flush__dax, void *dax_dev, void *address, unsigned long bytes)
{
	struct event_flush *record;
	struct task_state *state;
	__u64 offset = (__u64)address - direct_map;

	if (!tracing)
		return 0;
	if (filters) {
		/* Of which inode it is, only the writeback around it knows. */
		state = task__state(EVENT_FLUSH);
		if (!state || !state->writeback)
			return 0;
	}
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
	struct task_state *state;

	if (!inode__wanted(inode))
		return 0;
	state = task__state(EVENT_FLUSH);
	if (state)
		state->writeback |= IN_WRITEBACK;
	operation__enter(inode, OPERATION_WRITEBACK, first, last, 0, 0, -1);
	return 0;
}

SEC("tp_btf/dax_writeback_range_done")
int BPF_PROG(writeback__exit, struct inode *inode, unsigned long first, unsigned long last)
{
	struct task_state *state;

	if (!inode__wanted(inode))
		return 0;
	state = task__state(EVENT_FLUSH);
	if (state)
		state->writeback &= ~IN_WRITEBACK;
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

/*
 * A sync is entered through any of three functions, of which compilers inline
 * one into another: the outermost makes the records.
 */
static __always_inline void sync__enter(struct inode *inode, __s64 start, __s64 end, int datasync)
{
	struct task_state *state;

	if (!tracing)
		return;
	state = task__state(EVENT_ENTER);
	/* One inside of another counts, wanted or not, so that the ends match. */
	if (!state || (state->syncs && state->syncs++) || !inode__wanted(inode))
		return;
	state->syncs = 1;
	inode_id__fill(&state->synced, inode);
	operation__enter(inode, OPERATION_SYNC, start >> page_shift,
			 end == LLONG_MAX ? INDEX_MAX : (__u64)end >> page_shift,
			 !!datasync, 0, -1);
}

/*
 * By what was remembered at the beginning: meanwhile the descriptor may have
 * been closed, and the inode may have left DAX mode.
 */
static __always_inline void sync__exit(int result)
{
	struct task_state *state = task__state(EVENT_EXIT);

	/* Syncs of 0: not wanted, or it began before tracing did. */
	if (!state || !state->syncs || --state->syncs)
		return;
	operation__exit_id(&state->synced, OPERATION_SYNC, result, 0);
}

SEC("fentry/vfs_fsync_range")
int BPF_PROG(sync__range_enter, struct file *file, __s64 start, __s64 end, int datasync)
{
	sync__enter(file->f_inode, start, end, datasync);
	return 0;
}

SEC("fexit/vfs_fsync_range")
int BPF_PROG(sync__range_exit, struct file *file, __s64 start, __s64 end, int datasync, int result)
{
	sync__exit(result);
	return 0;
}

SEC("fentry/vfs_fsync")
int BPF_PROG(sync__file_enter, struct file *file, int datasync)
{
	sync__enter(file->f_inode, 0, LLONG_MAX, datasync);
	return 0;
}

SEC("fexit/vfs_fsync")
int BPF_PROG(sync__file_exit, struct file *file, int datasync, int result)
{
	sync__exit(result);
	return 0;
}

/* Makes of any address a pointer that can be read as its type; from 6.2 on. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/* do_fsync() has a descriptor only; it looks the file up as we do. */
static __always_inline struct inode *inode_of(__u32 descriptor)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	if (!file)
		return NULL;
	return bpf_rdonly_cast(BPF_CORE_READ(file, f_inode), bpf_core_type_id_kernel(struct inode));
}

SEC("fentry/do_fsync")
int BPF_PROG(sync__call_enter, unsigned int descriptor, int datasync)
{
	struct inode *inode = inode_of(descriptor);

	if (inode)
		sync__enter(inode, 0, LLONG_MAX, datasync);
	return 0;
}

SEC("fexit/do_fsync")
int BPF_PROG(sync__call_exit, unsigned int descriptor, int datasync, int result)
{
	sync__exit(result);
	return 0;
}

/*
 * ->writepages as a whole, of files in DAX mode and of others on the same
 * superblock: what a flip of the mode must not overlap (DX07).
 */
SEC("fentry/do_writepages")
int BPF_PROG(writepages__enter, struct address_space *mapping, struct writeback_control *control)
{
	struct inode *inode = mapping->host;
	struct task_state *state;

	if (!inode__followed(inode))
		return 0;
	if (inode->i_flags & S_DAX) {
		state = task__state_if_free();
		if (state)
			state->writeback |= IN_WRITEPAGES;
	}
	operation__enter(inode, OPERATION_WRITEPAGES, control->range_start >> page_shift,
			 control->range_end == LLONG_MAX ? INDEX_MAX :
			 (__u64)control->range_end >> page_shift, control->sync_mode, 0, -1);
	return 0;
}

/* The tracepoint inside of it is not reached when nothing is left to be written. */
SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(writepages__old_mode, struct address_space *mapping, void *dax_dev,
	     struct writeback_control *control)
{
	struct inode *inode = mapping->host;

	if (!inode__wanted(inode) && inode__followed(inode))
		operation__record(inode, EVENT_OLD_MODE, OPERATION_WRITEBACK,
				  control->range_start >> page_shift,
				  control->range_end == LLONG_MAX ? INDEX_MAX :
				  (__u64)control->range_end >> page_shift, 0, 0, -1);
	return 0;
}

SEC("fexit/do_writepages")
int BPF_PROG(writepages__exit, struct address_space *mapping, struct writeback_control *control,
	     int result)
{
	struct inode *inode = mapping->host;
	struct task_state *state;

	if (!inode__followed(inode))
		return 0;
	state = task__state_if_free();
	if (state)
		state->writeback = 0;
	mode__check(inode, mapping);
	/* Any mark: which bit is PAGECACHE_TAG_DIRTY depends on the kernel's gfp_t. */
	operation__exit(inode, OPERATION_WRITEPAGES, result,
			mapping->i_pages.xa_flags >> XA_MARKS_SHIFT ? WRITEPAGES_TAGGED :
								      WRITEPAGES_CLEAN);
	return 0;
}
