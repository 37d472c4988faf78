// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How a file is accessed changes: FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR, and the
 * inode itself.  The latter is looked at wherever an operation on it is told
 * (mode__check()) and, since nobody may come by, from time to time.
 */
#include "bpf/daxtrace.bpf.h"

SEC("fentry/vfs_fileattr_set")
int BPF_PROG(fileattr__enter, void *idmap, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	if (!inode__followed(inode))
		return 0;
	noted_write__forget();
	operation__enter(inode, OPERATION_FILEATTR, 0, INDEX_MAX, inode->i_flags, 0, -1);
	return 0;
}

SEC("fexit/vfs_fileattr_set")
int BPF_PROG(fileattr__exit, void *idmap, struct dentry *dentry, void *attributes, int result)
{
	struct inode *inode = dentry->d_inode;

	if (!inode__followed(inode))
		return 0;
	mode__check(inode, inode->i_mapping);
	operation__exit(inode, OPERATION_FILEATTR, result, inode->i_flags);
	return 0;
}

/*
 * What filesystems set S_DAX with.  The task that does so holds what keeps
 * others out; at the end of its system call it no longer does.
 */
SEC("fexit/inode_set_flags")
int BPF_PROG(mode__set, struct inode *inode, unsigned int flags, unsigned int mask)
{
	__u64 key = (__u64)inode;

	/* An inode of which nothing was told is new, or of no interest yet. */
	if (!(mask & S_DAX) || !inode__followed(inode) || !bpf_map_lookup_elem(&inodes, &key))
		return 0;
	task__announce();
	mode__compare(inode, inode->i_mapping, MODE_MOMENT);
	return 0;
}

/*
 * Look at one inode of the table.  mode__forget() takes it out before it is
 * freed; if that happens just now, it still has its numbers and its mode, or it
 * is another inode.
 */
static long mode__poll_one(struct bpf_map *map, __u64 *key, struct watched_inode *told, void *unused)
{
	struct inode *inode = (struct inode *)*key;
	struct address_space *mapping = BPF_CORE_READ(inode, i_mapping);
	struct event_mode *record;
	__u64 before, now, time;
	__u32 mapped;

	/*
	 * Before the mode, and again behind it: map__insert() has told of a change by the time
	 * that its VMA is in i_mmap, so who maps the file between the looks at both is not
	 * taken for one that was there when the mode changed; nor is who unmaps it first.
	 */
	mapped = BPF_CORE_READ(mapping, i_mmap.rb_root.rb_node) ? MODE_MAPPED : 0;
	before = mode__told(told);
	now = mode__word((__u64)BPF_CORE_READ(mapping, a_ops), BPF_CORE_READ(inode, i_flags));
	if (BPF_CORE_READ(inode, i_ino) != told->id.ino ||
	    BPF_CORE_READ(inode, i_generation) != told->id.generation ||
	    BPF_CORE_READ(inode, i_sb, s_dev) != told->id.dev)
		return 0;
	if (!mode__differs(before, now))
		return 0;
	if (!BPF_CORE_READ(mapping, i_mmap.rb_root.rb_node))
		mapped = 0;
	record = record__reserve(sizeof(*record), EVENT_MODE);
	/* A loss is told at the next look. */
	if (!record)
		return 0;
	time = mode__claim(told, before, now);
	if (!time) {
		record__discard(record);
		return 0;
	}
	record->inode = told->id;
	mode__fill(record, before, now);
	record->new_flags |= MODE_POLLED | mapped;
	record__submit_at(record, time);
	/* As in mode__compare() */
	shards__forget((__u64)inode);
	return 0;
}

/* Run by user space whenever it reads the records. */
SEC("syscall")
int mode__poll(void *unused)
{
	if (tracing)
		bpf_for_each_map_elem(&inodes, mode__poll_one, NULL, 0);
	return 0;
}
