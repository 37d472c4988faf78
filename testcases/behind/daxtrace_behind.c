// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does to a DAX file's entries, behind the back of its filesystem, what no filesystem
 * may; written to /sys/kernel/debug/daxtrace_behind:
 *
 *	clear INDEX PATH	take the dirty mark off the entry of that page
 *	delete INDEX PATH	the same, and remove the entry
 *
 * The page stays mapped, and what was stored to it is not flushed. Nothing here harms
 * the kernel; a power cut would lose the store.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

static struct dentry *control;

static void clear_marks(struct address_space *mapping, unsigned long index)
{
	XA_STATE(xas, &mapping->i_pages, index);

	xas_lock_irq(&xas);
	if (xas_load(&xas)) {
		xas_clear_mark(&xas, PAGECACHE_TAG_DIRTY);
		xas_clear_mark(&xas, PAGECACHE_TAG_TOWRITE);
	}
	xas_unlock_irq(&xas);
}

static int do_to(struct inode *inode, const char *what, unsigned long index)
{
	if (!IS_DAX(inode))
		return -EINVAL;
	if (strcmp(what, "clear") && strcmp(what, "delete"))
		return -EINVAL;
	clear_marks(inode->i_mapping, index);
	if (!strcmp(what, "delete"))
		return invalidate_inode_pages2_range(inode->i_mapping, index, index);
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t length,
			     loff_t *position)
{
	char *text, *what, *number, *name;
	unsigned long index;
	struct path path;
	int err = -EINVAL;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	text = memdup_user_nul(buffer, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	name = strim(text);
	what = strsep(&name, " ");
	number = strsep(&name, " ");
	if (!number || !name || kstrtoul(number, 0, &index))
		goto out;
	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		goto out;
	err = do_to(d_inode(path.dentry), what, index);
	path_put(&path);
out:
	kfree(text);
	return err ?: length;
}

static const struct file_operations control_operations = {
	.owner = THIS_MODULE,
	.write = control_write,
};

static int __init behind_init(void)
{
	control = debugfs_create_file("daxtrace_behind", 0200, NULL, NULL, &control_operations);
	return PTR_ERR_OR_ZERO(control);
}

static void __exit behind_exit(void)
{
	debugfs_remove(control);
}

module_init(behind_init);
module_exit(behind_exit);
MODULE_DESCRIPTION("What no filesystem may do to a DAX entry, for the tests of daxtrace");
MODULE_LICENSE("Dual BSD/GPL");
