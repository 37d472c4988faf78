// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --perturb: busy delays where a race has its window.  Loaded only if asked for, by
 * cli/probe/perturb.c, as a second object with the first one's maps.
 *
 * Only functions that may sleep have a delay at their entry or return: none of them
 * holds a spinlock there, nor the xarray's lock, nor has interrupts off.  What is
 * called with these, dax_writeback_one's tracepoint and dax_disassociate_entry(), has
 * none, and neither has any tracepoint: those run with preemption off.  On a kernel
 * without preemption a BPF program's CPU is its own while it runs; hence rivals must be
 * on other CPUs, and hence the bound on a delay.
 *
 * No delay comes where it would put time between a change of an entry or a page table
 * and the record of it in which another task could change it too; so none at the return
 * of unmap_mapping_range().
 */
#include "bpf/daxtrace.bpf.h"
#include "bpf/perturb.h"

/* Set by user space before loading. */
const volatile __u64 perturb_seed = 0;
const volatile __u64 perturb_longest = 1;	/* ns */
const volatile __u64 perturb_burst = 0;		/* ns */
/* Of the CPU's time, what a ns of delay costs a place, and what it costs all. */
const volatile __u64 perturb_price = 1;
const volatile __u64 perturb_common_price = 1;

struct perturb_count perturb_counts[PERTURB_PLACES];
__u32 perturb_task_count;

struct perturb_task {
	__u32 number;		/* from 1: 0 is a task that was not here before */
	__u32 passed[PERTURB_PLACES];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct perturb_task);
} perturb_tasks SEC(".maps");

/* Of each place on each CPU: when what it has spent is paid for.  In ns, as bpf_ktime_get_ns(). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PERTURB_PLACES + 1);
	__type(key, __u32);
	__type(value, __u64);
} perturb_paid SEC(".maps");

/*
 * May the place delay for so long?  It may as long as it has no debt, and what it does not
 * use is not kept beyond the burst.  A task that is preempted here by another that
 * delays on this CPU does without.
 */
static __always_inline bool perturb__pay(__u64 *paid, __u64 price, __u64 now, __u64 length)
{
	__u64 before = *(volatile __u64 *)paid, from = before;
	__u64 credit = perturb_burst * price;

	if (from + credit < now)
		from = now - credit;
	return from <= now &&
	       __sync_val_compare_and_swap(paid, before, from + length * price) == before;
}

static long perturb__is_over(__u32 step, __u64 *end)
{
	return bpf_ktime_get_ns() >= *end;
}

#define PERTURB_STEPS	(1 << 23)	/* bpf_loop() allows no more; each reads the clock */

static __noinline int perturb__spin(__u32 place, __u64 length)
{
	struct perturb_count *count = &perturb_counts[place];
	__u64 begin = bpf_ktime_get_ns(), end = begin + length, over, price = perturb_price;
	__u64 *paid = bpf_map_lookup_elem(&perturb_paid, &place);
	__u32 common = PERTURB_COMMON;

	if (paid && !perturb__pay(paid, price, begin, length)) {
		paid = bpf_map_lookup_elem(&perturb_paid, &common);
		price = perturb_common_price;
		if (paid && !perturb__pay(paid, price, begin, length))
			paid = NULL;
	}
	if (!paid) {
		__sync_fetch_and_add(&count->refused, 1);
		return 0;
	}
	bpf_loop(PERTURB_STEPS, perturb__is_over, &end, 0);
	over = bpf_ktime_get_ns();
	/* An interrupt, or on kernels with preemption another task, may have come in between. */
	if (over > end)
		__sync_fetch_and_add(paid, (over - end) * price);
	__sync_fetch_and_add(&count->delayed, 1);
	__sync_fetch_and_add(&count->wanted, length);
	__sync_fetch_and_add(&count->spent, over - begin);
	return 0;
}

static __noinline int perturb__pass(__u32 place)
{
	struct perturb_task *task;
	__u64 length;

	if (place >= PERTURB_PLACES)
		return 0;
	task = bpf_task_storage_get(&perturb_tasks, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!task)
		return 0;
	if (!task->number)
		task->number = __sync_fetch_and_add(&perturb_task_count, 1) + 1;
	__sync_fetch_and_add(&perturb_counts[place].passed, 1);
	length = perturb__length(perturb_seed, task->number - 1, place, task->passed[place]++,
				 perturb_longest);
	if (length)
		perturb__spin(place, length);
	return 0;
}

/*
 * The inodes of which records are made, and no others.  other_modes: also those that are
 * not in DAX mode, on superblocks where that may change; as inode__followed().  From
 * addresses that the verifier knows nothing of, hence not by inode__wanted().
 */
static __noinline bool perturb__wanted(__u64 address, bool other_modes)
{
	struct inode *inode = (struct inode *)address;
	__u32 how = tracing, dev;

	if (!how)
		return false;
	dev = BPF_CORE_READ(inode, i_sb, s_dev);
	if (!(BPF_CORE_READ(inode, i_flags) & S_DAX) && !(other_modes && superblock__known(dev)))
		return false;
	return how == TRACING_ALL || filter__passes(dev, address);
}

static __always_inline int perturb__at(enum perturb_place place, struct inode *inode)
{
	if (perturb__wanted((__u64)inode, false))
		perturb__pass(place);
	return 0;
}

/* The inode whose invalidate_lock this is, or 0. */
static __always_inline __u64 perturb__locked_inode(struct rw_semaphore *lock)
{
	__u64 mapping = (__u64)lock - bpf_core_field_offset(struct address_space, invalidate_lock);
	__u64 host = 0;

	/* Of any other lock it is whatever stands there: hardly an inode that holds the lock. */
	bpf_probe_read_kernel(&host, sizeof(host), (void *)mapping +
			      bpf_core_field_offset(struct address_space, host));
	return host && host + bpf_core_field_offset(struct inode, i_data) == mapping ? host : 0;
}

SEC("fentry/down_read")
int BPF_PROG(perturb__fault_lock, struct rw_semaphore *lock)
{
	__u64 inode = perturb__locked_inode(lock);

	if (inode && perturb__wanted(inode, false))
		perturb__pass(PERTURB_FAULT_LOCK);
	return 0;
}

SEC("fentry/down_write")
int BPF_PROG(perturb__exclude, struct rw_semaphore *lock)
{
	__u64 inode = perturb__locked_inode(lock);

	if (inode && perturb__wanted(inode, false))
		perturb__pass(PERTURB_EXCLUDE);
	return 0;
}

SEC("fentry/handle_mm_fault")
int BPF_PROG(perturb__mm_fault, struct vm_area_struct *vma)
{
	struct file *file = vma->vm_file;

	/* Of a VMA without a file it is not NULL for the verifier, but reads as 0. */
	return file ? perturb__at(PERTURB_FAULT_LOCK, BPF_CORE_READ(file, f_mapping, host)) : 0;
}

SEC("fentry/dax_iomap_fault")
int BPF_PROG(perturb__fault, struct vm_fault *vmf)
{
	return perturb__at(PERTURB_FAULT, vmf->vma->vm_file->f_mapping->host);
}

/* Held: the entry's lock, for which others sleep. */
SEC("fentry/dax_insert_entry")
int BPF_PROG(perturb__insert, struct xa_state *xas, struct vm_fault *vmf, struct iomap_iter *iter)
{
	return perturb__at(PERTURB_INSERT, iter->inode);
}

SEC("fexit/dax_iomap_rw")
int BPF_PROG(perturb__write_end, struct kiocb *iocb, struct iov_iter *iter)
{
	return iter->data_source ? perturb__at(PERTURB_WRITE_END, iocb->ki_filp->f_inode) : 0;
}

SEC("fentry/invalidate_inode_pages2_range")
int BPF_PROG(perturb__invalidate, struct address_space *mapping)
{
	return perturb__at(PERTURB_INVALIDATE, mapping->host);
}

SEC("fexit/invalidate_inode_pages2_range")
int BPF_PROG(perturb__invalidated, struct address_space *mapping)
{
	return perturb__at(PERTURB_INVALIDATED, mapping->host);
}

/* Called by every ->writepages; dax_writeback_mapping_range() has places of its own. */
SEC("fentry/tag_pages_for_writeback")
int BPF_PROG(perturb__writepages, struct address_space *mapping)
{
	struct inode *inode = mapping->host;

	if (!(inode->i_flags & S_DAX) && perturb__wanted((__u64)inode, true))
		perturb__pass(PERTURB_WRITEPAGES);
	return 0;
}

SEC("fentry/dax_writeback_mapping_range")
int BPF_PROG(perturb__writeback, struct address_space *mapping)
{
	return perturb__at(PERTURB_WRITEBACK, mapping->host);
}

SEC("fexit/dax_writeback_mapping_range")
int BPF_PROG(perturb__written_back, struct address_space *mapping)
{
	return perturb__at(PERTURB_WRITTEN_BACK, mapping->host);
}

/* Held: the entry's lock, and i_mmap_rwsem shared. */
SEC("fexit/pfn_mkclean_range")
int BPF_PROG(perturb__mkclean, unsigned long pfn, unsigned long pages, unsigned long index,
	     struct vm_area_struct *vma)
{
	return perturb__at(PERTURB_MKCLEAN, vma->vm_file->f_mapping->host);
}

SEC("fexit/mapping_wrprotect_range")
int BPF_PROG(perturb__wrprotect, struct address_space *mapping)
{
	return perturb__at(PERTURB_MKCLEAN, mapping->host);
}

SEC("fentry/truncate_inode_pages_range")
int BPF_PROG(perturb__truncate, struct address_space *mapping)
{
	return perturb__at(PERTURB_TRUNCATE, mapping->host);
}

SEC("fexit/truncate_inode_pages_range")
int BPF_PROG(perturb__truncated, struct address_space *mapping)
{
	return perturb__at(PERTURB_TRUNCATED, mapping->host);
}

SEC("fexit/dax_layout_busy_page_range")
int BPF_PROG(perturb__layout, struct address_space *mapping)
{
	return perturb__at(PERTURB_LAYOUT, mapping->host);
}

/* An inode of which nothing was told is new: nobody can come between. */
SEC("fentry/inode_set_flags")
int BPF_PROG(perturb__flip, struct inode *inode, unsigned int flags, unsigned int mask)
{
	__u64 address = (__u64)inode;

	if ((mask & S_DAX) && ((inode->i_flags ^ flags) & S_DAX) &&
	    bpf_map_lookup_elem(&inodes, &address) && perturb__wanted(address, true))
		perturb__pass(PERTURB_FLIP);
	return 0;
}
