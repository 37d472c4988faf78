// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Does to a DAX file, behind the back of its filesystem, what no filesystem may; written
 * to /sys/kernel/debug/daxtrace_behind:
 *
 *	clear INDEX PATH	take the dirty mark off the entry of that page
 *	delete INDEX PATH	the same, and remove the entry
 *	forget INDEX PATH	take the entry out of the page cache without telling DAX
 *	lock INDEX PATH		lock the entry of that page, and go
 *	unlock INDEX PATH	unlock it; whoever waits for it is not woken before another
 *				task has locked and unlocked it
 *	dax 1|0 PATH		S_DAX into inode.i_flags, or out of it, and nothing else
 *
 * After "clear" and "delete" the page stays mapped, and what was stored to it is not
 * flushed: a power cut would lose the store. After "forget" it stays mapped too, and
 * nothing keeps a huge entry from being inserted where it is. A file in DAX mode whose S_DAX was taken
 * must be neither read, written nor faulted on: its operations know no page cache.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

/* fs/dax.c: of the value of an entry */
#define DAX_LOCKED	(1UL << 0)

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

/* Of one page: as dax_delete_mapping_entry(), but for dax_disassociate_entry(). */
static int forget(struct address_space *mapping, unsigned long index)
{
	XA_STATE(xas, &mapping->i_pages, index);
	int err = -ENOENT;

	xas_lock_irq(&xas);
	if (xas_load(&xas)) {
		xas_store(&xas, NULL);
		mapping->nrpages--;
		err = 0;
	}
	xas_unlock_irq(&xas);
	return err;
}

/* As dax_lock_entry() of fs/dax.c does it, and dax_unlock_entry() but for the wake-up. */
static int change_lock(struct address_space *mapping, unsigned long index, bool lock)
{
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned long value;
	void *entry;
	int err = 0;

	xas_lock_irq(&xas);
	entry = xas_load(&xas);
	value = xa_is_value(entry) ? xa_to_value(entry) : 0;
	if (!value)
		err = -ENOENT;
	else if (!(value & DAX_LOCKED) != lock)
		err = -EBUSY;
	else
		xas_store(&xas, xa_mk_value(value ^ DAX_LOCKED));
	xas_unlock_irq(&xas);
	return err;
}

static int do_to(struct inode *inode, const char *what, unsigned long number)
{
	struct address_space *mapping = inode->i_mapping;

	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	if (!strcmp(what, "dax")) {
		set_mask_bits(&inode->i_flags, S_DAX, number ? S_DAX : 0);
		return 0;
	}
	if (!IS_DAX(inode))
		return -EINVAL;
	if (!strcmp(what, "lock") || !strcmp(what, "unlock"))
		return change_lock(mapping, number, !strcmp(what, "lock"));
	if (!strcmp(what, "forget"))
		return forget(mapping, number);
	if (strcmp(what, "clear") && strcmp(what, "delete"))
		return -EINVAL;
	clear_marks(mapping, number);
	if (!strcmp(what, "delete"))
		return invalidate_inode_pages2_range(mapping, number, number);
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t length,
			     loff_t *position)
{
	char *text, *what, *argument, *name;
	unsigned long number;
	struct path path;
	int err = -EINVAL;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	text = memdup_user_nul(buffer, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	name = strim(text);
	what = strsep(&name, " ");
	argument = strsep(&name, " ");
	if (!argument || !name || kstrtoul(argument, 0, &number))
		goto out;
	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		goto out;
	err = do_to(d_inode(path.dentry), what, number);
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
MODULE_DESCRIPTION("What no filesystem may do to a DAX file, for the tests of daxtrace");
MODULE_LICENSE("Dual BSD/GPL");
