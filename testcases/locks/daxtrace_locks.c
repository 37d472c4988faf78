// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes two locks of a file in one order or in the other, each in the task that
 * writes to /sys/kernel/debug/daxtrace_locks:
 *
 *	right PATH	i_rwsem, then invalidate_lock: as filesystems do
 *	wrong PATH	invalidate_lock, then i_rwsem
 *	nested PATH	i_rwsem of the folder, then of the file
 *
 * Nothing blocks: the two orders need never meet for the order to be wrong.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/slab.h>

static struct dentry *control;

static noinline void take_right(struct inode *inode)
{
	inode_lock(inode);
	filemap_invalidate_lock(inode->i_mapping);
	filemap_invalidate_unlock(inode->i_mapping);
	inode_unlock(inode);
}

static noinline void take_wrong(struct inode *inode)
{
	filemap_invalidate_lock(inode->i_mapping);
	inode_lock(inode);
	inode_unlock(inode);
	filemap_invalidate_unlock(inode->i_mapping);
}

static noinline void take_nested(struct inode *folder, struct inode *inode)
{
	inode_lock_nested(folder, I_MUTEX_PARENT);
	inode_lock(inode);
	inode_unlock(inode);
	inode_unlock(folder);
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t length,
			     loff_t *position)
{
	char *text, *name;
	struct path path;
	int err;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	text = memdup_user_nul(buffer, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	name = text;
	strsep(&name, " ");
	err = -EINVAL;
	if (!name)
		goto out;
	name[strcspn(name, "\n")] = '\0';
	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		goto out;
	if (!strcmp(text, "right"))
		take_right(d_inode(path.dentry));
	else if (!strcmp(text, "wrong"))
		take_wrong(d_inode(path.dentry));
	else if (!strcmp(text, "nested"))
		take_nested(d_inode(path.dentry->d_parent), d_inode(path.dentry));
	else
		err = -EINVAL;
	path_put(&path);
out:
	kfree(text);
	return err ? err : length;
}

static const struct file_operations control_operations = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int __init locks_init(void)
{
	control = debugfs_create_file("daxtrace_locks", 0200, NULL, NULL, &control_operations);
	return PTR_ERR_OR_ZERO(control);
}

static void __exit locks_exit(void)
{
	debugfs_remove(control);
}

module_init(locks_init);
module_exit(locks_exit);
MODULE_DESCRIPTION("Locks of a file in a given order, for tests of daxtrace");
MODULE_LICENSE("Dual BSD/GPL");
