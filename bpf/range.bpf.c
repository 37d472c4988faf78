// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Operations on ranges of a mapping: invalidate, truncate, punch, unmap, and
 * eviction, which is a truncate of everything.
 */
#include "bpf/daxtrace.bpf.h"

static __always_inline __u64 page_of(__u64 bytes)
{
	return bytes >> page_shift;
}

static __always_inline __u64 page_after(__u64 bytes)
{
	return (bytes + (1ULL << page_shift) - 1) >> page_shift;
}

/*
 * The write that was noted (rw__note) and now invalidates: it begins here, and
 * ends with the invalidation.  Its result is what it was asked to write.
 */
static __always_inline void noted_write__enter(struct inode *inode)
{
	struct task_state *state = task__state(EVENT_ENTER);
	__u64 position, length;

	if (!state || state->writing != (__u64)inode)
		return;
	position = state->position;
	length = state->length;
	state->write_told = 1;
	operation__enter(inode, OPERATION_WRITE, page_of(position),
			 page_of(position + length - (length ? 1 : 0)), position, length, -1);
}

static __always_inline void noted_write__exit(struct inode *inode)
{
	struct task_state *state = task__state(EVENT_EXIT);

	if (!state || !state->write_told)
		return;
	state->write_told = 0;
	operation__exit(inode, OPERATION_WRITE, state->length, 0);
}

SEC("fentry/invalidate_inode_pages2_range")
int BPF_PROG(invalidate__enter, struct address_space *mapping,
	     unsigned long first, unsigned long last)
{
	struct inode *inode = mapping->host;

	if (!inode__wanted(inode))
		return 0;
	if (write_notes)
		noted_write__enter(inode);
	/* Who calls it is what a lost entry's report is about: keep the stack. */
	operation__enter(inode, OPERATION_INVALIDATE, first, last, 0, 0, stack__here(ctx));
	return 0;
}

SEC("fexit/invalidate_inode_pages2_range")
int BPF_PROG(invalidate__exit, struct address_space *mapping,
	     unsigned long first, unsigned long last, int result)
{
	struct inode *inode = mapping->host;

	if (!inode__wanted(inode))
		return 0;
	operation__exit(inode, OPERATION_INVALIDATE, result, 0);
	if (write_notes)
		noted_write__exit(inode);
	return 0;
}

/* Whole pages only go: a partial one at either end is zeroed in place. */
SEC("fentry/truncate_inode_pages_range")
int BPF_PROG(truncate__enter, struct address_space *mapping, __s64 start, __s64 end)
{
	struct inode *inode = mapping->host;
	__u64 last = end == -1 ? INDEX_MAX : page_of(end + 1) - 1;

	if (inode__wanted(inode))
		operation__enter(inode, OPERATION_TRUNCATE, page_after(start), last, start, end,
				 stack__here(ctx));
	return 0;
}

SEC("fexit/truncate_inode_pages_range")
int BPF_PROG(truncate__exit, struct address_space *mapping, __s64 start, __s64 end)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_TRUNCATE, 0, 0);
	return 0;
}

/*
 * On return, since only then no page table maps the range any more.  Compilers
 * may inline unmap_mapping_pages() into unmap_mapping_range(): the latter makes
 * the record if the former was not seen inside of it.
 */
SEC("fexit/unmap_mapping_pages")
int BPF_PROG(unmap__pages_exit, struct address_space *mapping, unsigned long first,
	     unsigned long count, bool even_cows)
{
	struct inode *inode = mapping->host;
	struct task_state *state;
	__u64 last = first + count - 1;

	if (!inode__wanted(inode))
		return 0;
	if (!count || last < first)	/* unmap_mapping_pages(): 0 means all */
		last = INDEX_MAX;
	state = task__state(EVENT_UNMAP);
	if (state)
		state->unmapping = 0;
	range__record(inode, EVENT_UNMAP, first, last, 0);
	return 0;
}

SEC("fentry/unmap_mapping_range")
int BPF_PROG(unmap__range_enter, struct address_space *mapping, __u64 start, __u64 length)
{
	struct task_state *state;

	if (!inode__wanted(mapping->host))
		return 0;
	state = task__state(EVENT_UNMAP);
	if (state)
		state->unmapping = 1;
	return 0;
}

SEC("fexit/unmap_mapping_range")
int BPF_PROG(unmap__range_exit, struct address_space *mapping, __u64 start, __u64 length)
{
	struct inode *inode = mapping->host;
	struct task_state *state;

	if (!inode__wanted(inode))
		return 0;
	state = task__state(EVENT_UNMAP);
	if (!state || !state->unmapping)
		return 0;
	state->unmapping = 0;
	range__record(inode, EVENT_UNMAP, page_of(start),
		      length ? page_after(start + length) - 1 : INDEX_MAX, 0);
	return 0;
}

/* Of task_state's resizing */
#define IN_SETSIZE	0x1
#define IN_FALLOCATE	0x2

/*
 * The end is told of what was told to begin, whatever has become of it meanwhile: a flip takes
 * S_DAX before vfs_fallocate() has the lock that keeps it out, and xfs_setattr_size() takes
 * ATTR_SIZE out of ia_valid where an empty file stays so.
 */
static __always_inline void resize__enter(struct inode *inode, __u32 in, __u32 operation, __u64 first,
					  __u64 last, __u64 argument0, __u64 argument1)
{
	struct task_state *state = task__state(EVENT_ENTER);

	noted_write__forget();
	if (state)
		state->resizing |= in;
	operation__enter(inode, operation, first, last, argument0, argument1, -1);
}

static __always_inline void resize__exit(struct inode *inode, __u32 in, __u32 operation, int result)
{
	struct task_state *state;

	/* Where it was wanted when it began it is still followed. */
	if (!inode__followed(inode))
		return;
	state = task__state(EVENT_EXIT);
	if (!state || !(state->resizing & in))
		return;
	state->resizing &= ~in;
	operation__exit(inode, operation, result, 0);
}

SEC("fentry/notify_change")
int BPF_PROG(setsize__enter, void *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = dentry->d_inode;
	__u64 size;

	if (!(attr->ia_valid & ATTR_SIZE) || !inode__wanted(inode))
		return 0;
	size = attr->ia_size;
	resize__enter(inode, IN_SETSIZE, OPERATION_SETSIZE, page_after(size), INDEX_MAX,
		      inode->i_size, size);
	return 0;
}

SEC("fexit/notify_change")
int BPF_PROG(setsize__exit, void *idmap, struct dentry *dentry, struct iattr *attr,
	     void *delegated, int result)
{
	resize__exit(dentry->d_inode, IN_SETSIZE, OPERATION_SETSIZE, result);
	return 0;
}

SEC("fentry/vfs_fallocate")
int BPF_PROG(fallocate__enter, struct file *file, int mode, __s64 offset, __s64 length)
{
	struct inode *inode = file->f_inode;

	if (inode__wanted(inode))
		resize__enter(inode, IN_FALLOCATE, OPERATION_FALLOCATE, page_of(offset),
			      page_of(offset + length - 1), mode, length);
	return 0;
}

SEC("fexit/vfs_fallocate")
int BPF_PROG(fallocate__exit, struct file *file, int mode, __s64 offset, __s64 length,
	     int result)
{
	resize__exit(file->f_inode, IN_FALLOCATE, OPERATION_FALLOCATE, result);
	return 0;
}

SEC("fentry/evict")
int BPF_PROG(evict__enter, struct inode *inode)
{
	if (inode__wanted(inode))
		operation__enter(inode, OPERATION_EVICT, 0, INDEX_MAX, inode->i_nlink, 0, -1);
	return 0;
}

/*
 * evict() frees the inode before it returns.  clear_inode() is what every
 * ->evict_inode calls once the mapping is empty, while the inode still stands.
 */
SEC("fentry/clear_inode")
int BPF_PROG(evict__exit, struct inode *inode)
{
	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_EVICT, 0, 0);
	/* Another inode may get its address. */
	if (inode__followed(inode))
		mode__forget(inode);
	return 0;
}

/*
 * Blocks may go only when nobody else uses their pages, such as a device that
 * reads or writes them.  Where one does, the filesystem waits and asks again.
 */
SEC("fentry/dax_layout_busy_page_range")
int BPF_PROG(layout__enter, struct address_space *mapping, __s64 start, __s64 end)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		operation__enter(inode, OPERATION_LAYOUT, page_of(start),
				 end == LLONG_MAX ? INDEX_MAX : page_of(end), 0, 0, -1);
	return 0;
}

SEC("fexit/dax_layout_busy_page_range")
int BPF_PROG(layout__exit, struct address_space *mapping, __s64 start, __s64 end,
	     struct page *busy)
{
	struct inode *inode = mapping->host;

	if (inode__wanted(inode))
		operation__exit(inode, OPERATION_LAYOUT, busy ? 1 : 0, 0);
	return 0;
}
