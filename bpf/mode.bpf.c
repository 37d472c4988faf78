// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How a file is accessed changes: FS_IOC_SETFLAGS and FS_IOC_FSSETXATTR.
 */
#include "bpf/daxtrace.bpf.h"

/*
 * Either mode may be the one that a flip leaves or enters, so S_DAX does not
 * tell: any inode of a superblock on which a DAX inode has been seen counts.
 */
static __always_inline bool fileattr__wanted(struct inode *inode)
{
	__u32 dev = inode->i_sb->s_dev;

	return superblock__wanted(dev) &&
	       ((inode->i_flags & S_DAX) || bpf_map_lookup_elem(&superblocks, &dev));
}

SEC("fentry/vfs_fileattr_set")
int BPF_PROG(fileattr__enter, void *idmap, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	if (fileattr__wanted(inode))
		operation__enter(inode, OPERATION_FILEATTR, 0, INDEX_MAX, inode->i_flags, 0, -1);
	return 0;
}

SEC("fexit/vfs_fileattr_set")
int BPF_PROG(fileattr__exit, void *idmap, struct dentry *dentry, void *attributes, int result)
{
	struct inode *inode = dentry->d_inode;

	if (fileattr__wanted(inode))
		operation__exit(inode, OPERATION_FILEATTR, result, inode->i_flags);
	return 0;
}
