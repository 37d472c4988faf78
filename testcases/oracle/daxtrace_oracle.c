// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a power cut would leave of a pmem device, in the worst case: a shadow of it, on a
 * second one, into which goes only what the kernel has explicitly made persistent.  A
 * store whose cache line was never written back is on the device as far as anybody who
 * reads it can tell, and not on the shadow.
 *
 * On x86-64 that is three functions: arch_wb_cache_pmem(), with which dax_flush() writes
 * caches back, of stores and of what it zeroes; __memcpy_flushcache(), with which the pmem
 * driver writes blocks: a filesystem's journal, log and metadata, and pages that DAX
 * zeroes (dax_zero_page_range()); and copy_user_flushcache(), __copy_user_flushcache() of
 * older kernels, with which write(2) copies from user space (_copy_from_iter_flushcache();
 * what it copies from the kernel's memory is __memcpy_flushcache() again).  After each has
 * returned, what it made persistent is copied.  Of a size that is a constant 4, 8 or 16
 * the compiler makes a store, which cannot be seen; pmem and DAX have none of those.  A
 * process that flushes what it has stored to a MAP_SYNC mapping does so unseen, too.
 *
 * Parameters: from, to: physical addresses of the two devices; size: of the smaller one,
 * in bytes.  Loading it makes the shadow equal to the device: nobody may be writing to that
 * then.  Writing "cut" to
 * /sys/kernel/debug/daxtrace_oracle stops the copying: nothing is copied any more when the
 * write returns.  Reading it says "N bytes persisted, M missed": calls that the kernel
 * could not report, which make the shadow worthless unless 0.
 */
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

static unsigned long from, to, size;
module_param(from, ulong, 0400);
MODULE_PARM_DESC(from, "physical address of the device");
module_param(to, ulong, 0400);
MODULE_PARM_DESC(to, "physical address of the shadow");
module_param(size, ulong, 0400);
MODULE_PARM_DESC(size, "bytes of both");

static bool running;
static atomic_long_t persisted;
static struct dentry *control;

struct stretch {
	unsigned long address, bytes;
};

/* All have the destination first; the size is second or third. */
static int note(struct kretprobe_instance *instance, unsigned long address, unsigned long bytes)
{
	struct stretch *stretch = (void *)instance->data;
	unsigned long begin = (unsigned long)__va(from);

	/* Not of the device: the return is of no interest. */
	if (!READ_ONCE(running) || address < begin || address >= begin + size)
		return 1;
	stretch->address = address;
	stretch->bytes = min(bytes, begin + size - address);
	return 0;
}

static int enter_second(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return note(instance, regs->di, regs->si);
}

static int enter_third(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return note(instance, regs->di, regs->dx);
}

/*
 * A copy from user space may have ended early: then more than was copied goes to the
 * shadow, of bytes that were there before and may not be persistent.  The tests'
 * copies do not fail.
 */
static int leave(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct stretch *stretch = (void *)instance->data;
	/* Caches are written back in whole lines. */
	unsigned long first = round_down(stretch->address, L1_CACHE_BYTES);
	unsigned long end = round_up(stretch->address + stretch->bytes, L1_CACHE_BYTES);

	if (!READ_ONCE(running))
		return 0;
	memcpy(__va(to) + (first - (unsigned long)__va(from)), (void *)first, end - first);
	atomic_long_add(stretch->bytes, &persisted);
	return 0;
}

#define PROBE(function, entry)							\
	{									\
		.kp.symbol_name = #function, .entry_handler = (entry), .handler = leave, \
		.data_size = sizeof(struct stretch), .maxactive = 128,		\
	}

enum { WRITE_BACK, COPY, COPY_USER };

static struct kretprobe probes[] = {
	[WRITE_BACK] = PROBE(arch_wb_cache_pmem, enter_second),
	[COPY] = PROBE(__memcpy_flushcache, enter_third),
	[COPY_USER] = PROBE(copy_user_flushcache, enter_third),
};

static int show(struct seq_file *seq, void *unused)
{
	unsigned long missed = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += probes[i].nmissed;
	seq_printf(seq, "%ld bytes persisted, %lu missed\n", atomic_long_read(&persisted), missed);
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t length,
			     loff_t *position)
{
	char text[8] = "";

	if (length >= sizeof(text) || copy_from_user(text, buffer, length))
		return -EINVAL;
	if (strcmp(strim(text), "cut"))
		return -EINVAL;
	WRITE_ONCE(running, false);
	/* Those that saw it running: kretprobes' handlers cannot be preempted. */
	synchronize_rcu();
	return length;
}

static const struct file_operations control_operations = {
	.owner = THIS_MODULE,
	.open = control_open,
	.read = seq_read,
	.write = control_write,
	.release = single_release,
};

static int __init oracle_init(void)
{
	size_t i;
	int err;

	if (!size || !from || !to || !pfn_valid(PHYS_PFN(from)) || !pfn_valid(PHYS_PFN(to)) ||
	    !pfn_valid(PHYS_PFN(from + size - 1)) || !pfn_valid(PHYS_PFN(to + size - 1))) {
		pr_err("daxtrace_oracle: from, to and size must name two pmem devices\n");
		return -EINVAL;
	}
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = register_kretprobe(&probes[i]);
		if (err == -ENOENT && i == COPY_USER) {
			/* Its name before the copies to uncached memory were renamed. */
			probes[i].kp.symbol_name = "__copy_user_flushcache";
			probes[i].kp.addr = NULL;
			err = register_kretprobe(&probes[i]);
		}
		if (err) {
			pr_err("daxtrace_oracle: %s: error %d\n", probes[i].kp.symbol_name, err);
			while (i--)
				unregister_kretprobe(&probes[i]);
			return err;
		}
	}
	memcpy(__va(to), __va(from), size);
	WRITE_ONCE(running, true);
	control = debugfs_create_file("daxtrace_oracle", 0600, NULL, NULL, &control_operations);
	return 0;
}

static void __exit oracle_exit(void)
{
	size_t i;

	debugfs_remove(control);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kretprobe(&probes[i]);
}

module_init(oracle_init);
module_exit(oracle_exit);
MODULE_DESCRIPTION("A shadow of a pmem device that has what was made persistent, for daxtrace's tests");
MODULE_LICENSE("Dual BSD/GPL");
