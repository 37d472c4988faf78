// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab, in debugfs, one folder per mount: /sys/kernel/debug/refdax/<device>/
 *
 * bugs         Reading lists the historic bugs, a line each: name, on or off,
 *              history. Writing "NAME on" or "NAME off" switches one.
 *
 * gates/NAME   Holds a thread at a point of the code. Write
 *
 *                hold [PID|COMM]  arm: the next thread that comes is held; with
 *                                 PID (a thread's own id) or COMM only that one
 *                wait [MS]        return when a thread is held; ETIMEDOUT after
 *                                 MS milliseconds, 10000 if not given; EINVAL if
 *                                 the gate is open
 *                release          let go who is held, and disarm
 *
 *              Reading says "open", "armed", "armed PID|COMM" or "held PID COMM".
 *
 * A gate holds one thread at a time; while it does, others pass. "hold" is
 * refused (EBUSY) while a thread is held, so that a script cannot lose it.
 * Held threads can be killed. umount -f (MNT_FORCE) lets all go and disarms;
 * a plain umount finds the filesystem busy as long as a thread is held in it.
 *
 * "hold" before the operation starts, then start it, then "wait": there is no
 * window in which the thread could pass unseen, and nothing to sleep for.
 */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "refdax.h"

#define REFDAX_WAIT_DEFAULT	10000	/* ms */
#define REFDAX_WAIT_MAX		600000
#define REFDAX_LINE		64	/* longest command */

struct refdax_gate_state {
	const char *g_name;
	struct refdax_lab *g_lab;
	spinlock_t g_lock;
	wait_queue_head_t g_wait;	/* held threads, and those that wait for one */
	bool g_armed;
	pid_t g_only_pid;		/* 0: any */
	char g_only_comm[TASK_COMM_LEN];	/* "": any */
	pid_t g_held;			/* 0: none */
	char g_held_comm[TASK_COMM_LEN];
	unsigned int g_generation;	/* of releases: a held thread leaves when it changes */
};

struct refdax_lab {
	struct dentry *l_dir;
	unsigned long l_bugs;
	bool l_dying;			/* unmounting: nobody is held, nobody waits */
	struct refdax_gate_state l_gates[REFDAX_GATE_COUNT];
};

static struct dentry *refdax_debugfs;

static const struct {
	const char *name;
	const char *history;
} refdax_bugs[REFDAX_BUG_COUNT] = {
	[REFDAX_BUG_DROP_DIRTY] = {
		"drop_dirty",
		"a write that allocated over a hole invalidates the range once more and drops entries that a fault has made dirty meanwhile; found 2016, fixed in 4.10 by c6dcf52c23d2 (mm: Invalidate DAX radix tree entries only if appropriate)",
	},
	[REFDAX_BUG_FLIP_UNLOCKED] = {
		"flip_unlocked",
		"a flip of S_DAX or journalling does not exclude page faults; ext4 until 2017 (\"ext4: prevent data corruption with journaling + DAX\")",
	},
	[REFDAX_BUG_FLIP_NO_WRITEBACK] = {
		"flip_no_writeback",
		"a flip writes nothing back: dirty pages of the old mode stay behind, and a DAX fault meets them; ext4 until 2017",
	},
	[REFDAX_BUG_FLIP_NO_INVALIDATE] = {
		"flip_no_invalidate",
		"a flip leaves clean pages, or DAX entries, of the old mode in the mapping, which then hide what the new mode writes; ext4 until 2017",
	},
	[REFDAX_BUG_FLIP_MAPPED] = {
		"flip_mapped",
		"a flip does not care that the file is mapped: page tables and VMAs of the old mode stay in use; ext4 until 2017, xfs until 742d84290739 (xfs: disable per-inode DAX flag)",
	},
	[REFDAX_BUG_FLIP_WRITEBACK_IN_HANDLE] = {
		"flip_writeback_in_handle",
		"a flip writes back inside a journal handle, which ranks below s_writepages_rwsem; what the 2017 mail on ext4's journal flag warns of",
	},
	[REFDAX_BUG_FLIP_LOCK_IN_HANDLE] = {
		"flip_lock_in_handle",
		"a flip takes the lock that excludes faults inside a journal handle, while faults start a handle inside that lock; from the same mail",
	},
	[REFDAX_BUG_FLIP_IN_WRITEPAGES] = {
		"flip_in_writepages",
		"a flip does not wait for ->writepages, which goes on as the old mode demands; fixed for ext4 in 4.7 by c8585c6fcaf2 (ext4: fix races between changing inode journal mode and ext4_writepages)",
	},
	[REFDAX_BUG_FLIP_DURING_MMAP] = {
		"flip_during_mmap",
		"->mmap reads the mode with nothing held, so a flip can happen while the file is being mapped; from the 2020 discussion of switching S_DAX",
	},
	[REFDAX_BUG_IO_MODE_TWICE] = {
		"io_mode_twice",
		"read and write choose their way by the mode before they take i_rwsem, and a flip comes between; from the same discussion",
	},
	[REFDAX_BUG_FAULT_MODE_UNLOCKED] = {
		"fault_mode_unlocked",
		"a fault tests S_DAX with nothing held, and a mapping does not keep it from changing; from the same discussion",
	},
	[REFDAX_BUG_DROP_DIRTY_FILE] = {
		"drop_dirty_file",
		"every write drops the dirty entries of the whole file, not only those of its range; xfs until 4.9, 8b2180b3bf03 (xfs: don't invalidate whole file on DAX read/write)",
	},
	[REFDAX_BUG_LAYOUT_DROPS_DIRTY] = {
		"layout_drops_dirty",
		"once no page of the file is pinned, hole punching deletes all entries of the file, dirty ones too, of what it frees and of what stays; what dax_break_layout() does to the range it is given since 6.15 (fs/dax: always remove DAX page-cache entries when breaking layouts)",
	},
	[REFDAX_BUG_INVALIDATE_EARLY] = {
		"invalidate_early",
		"a write invalidates before it allocates its blocks, so a fault between the two maps the hole again; fixed in 4.10 by e3fce68cdbed (dax: Avoid page invalidation races and unnecessary radix tree traversals)",
	},
	[REFDAX_BUG_NO_UNMAP] = {
		"no_unmap",
		"a write that allocated over a hole leaves the zero page in page tables, so mappings go on reading zeroes; fixed in 4.12 by cd656375f940 (mm: fix data corruption due to stale mmap reads)",
	},
	[REFDAX_BUG_STALE_MAP] = {
		"stale_map",
		"a fault asks for its block before it locks the entry, and maps what a write has replaced meanwhile; fixed in 4.12 by 13e451fdc1af (dax: fix data corruption when fault races with write)",
	},
	[REFDAX_BUG_FAULT_UNLOCKED] = {
		"fault_unlocked",
		"a fault does not take the lock that truncation and hole punching exclude faults with; ext2 until 4.4, 5726b27b09cc (ext2: Add locking for DAX faults)",
	},
	[REFDAX_BUG_PUNCH_UNLOCKED] = {
		"punch_unlocked",
		"hole punching does not exclude faults, which map the blocks that it is about to free; ext4 until 4.5, ea3d7209ca01 (ext4: fix races between page faults and hole punching)",
	},
	[REFDAX_BUG_TRUNCATE_SIZE_LATE] = {
		"truncate_size_late",
		"a truncate changes i_size after it has dropped the mappings, so the test of i_size that ends a fault passes; what the 2015 review of the ext2 fault handler asked for (check again after allocating)",
	},
	[REFDAX_BUG_CLEAN_WRITABLE] = {
		"clean_writable",
		"writeback takes the dirty mark off an entry and leaves its page table entries writable: later stores are not noticed; fixed for PMDs in 4.11 by f729c8c9b24f (dax: wrprotect pmd_t in dax_mapping_entry_mkclean)",
	},
	[REFDAX_BUG_NEVER_CLEAN] = {
		"never_clean",
		"writeback flushes entries and never takes their dirty mark off, so each sync flushes all that was ever stored; fs/dax.c of 4.5, because cleaning without write protection loses data",
	},
	[REFDAX_BUG_FSYNC_SKIPS_DATA] = {
		"fsync_skips_data",
		"fsync(2) commits the journal and flushes no data; DAX before 4.5, where stores had to be flushed by other means",
	},
	[REFDAX_BUG_SYNC_SKIPS_DAX] = {
		"sync_skips_dax",
		"sync(2) and syncfs(2) do not flush DAX data, only fsync(2) does; what the series \"dax: move writeback calls into the filesystems\" corrected in 4.5",
	},
	[REFDAX_BUG_SHIFT_FLUSH_UNLOCKED] = {
		"shift_flush_unlocked",
		"a collapse or insertion of a range writes back before it excludes faults, and then drops what they stored in between; ext4 until 4.5, 32ebffd3bbb4 (ext4: fix races between buffered IO and collapse / insert range)",
	},
	[REFDAX_BUG_LAYOUT_NOT_BROKEN] = {
		"layout_not_broken",
		"blocks are freed while a page of theirs is pinned for DMA; ext4 until 4.19, 430657b6be89 (ext4: handle layout changes to pinned DAX mappings)",
	},
	[REFDAX_BUG_LAYOUT_BROKEN_ONCE] = {
		"layout_broken_once",
		"after the first pinned page was given back the others are not looked at; ext4 until 4.19, b1f382178d15 (ext4: close race between direct IO and ext4_break_layouts())",
	},
	[REFDAX_BUG_SHORT_MAPPING] = {
		"short_mapping",
		"a fault is answered with less than a page; what the 2015 review of the ext2 fault handler wanted an error for",
	},
	[REFDAX_BUG_FAULT_I_RWSEM] = {
		"fault_i_rwsem",
		"a fault takes i_rwsem, which a write holds while it faults on user memory; what the same review asks about (\"what's preventing us from taking i_mutex?\")",
	},
	[REFDAX_BUG_HANDLE_IN_ENTRY] = {
		"handle_in_entry",
		"a fault of 4 KiB starts its journal handle with the entry locked, others before; ext4 of 4.12, fixed by fb26a1cbed8c (ext4: return to starting transaction in ext4_dax_huge_fault())",
	},
	[REFDAX_BUG_INVALIDATE_LOCK_FIRST] = {
		"invalidate_lock_first",
		"fallocate takes the invalidate_lock before i_rwsem, all others the other way round; the order that mm/filemap.c documents",
	},
};

static const char *const refdax_gate_names[REFDAX_GATE_COUNT] = {
	[REFDAX_GATE_WRITE_ALLOCATED]		= "write_allocated",
	[REFDAX_GATE_WRITE_BEFORE_INVALIDATE]	= "write_before_invalidate",
	[REFDAX_GATE_FAULT_ENTER]		= "fault_enter",
	[REFDAX_GATE_FAULT_MAPPED]		= "fault_mapped",
	[REFDAX_GATE_SHIFT_STEP]		= "shift_step",
	[REFDAX_GATE_FAULT_MODE]		= "fault_mode",
	[REFDAX_GATE_IO_MODE]			= "io_mode",
	[REFDAX_GATE_MMAP_MODE]			= "mmap_mode",
	[REFDAX_GATE_WRITEPAGES_ENTER]		= "writepages_enter",
	[REFDAX_GATE_FLIP_IN_HANDLE]		= "flip_in_handle",
	[REFDAX_GATE_FLIP_BEFORE]		= "flip_before",
	[REFDAX_GATE_FLIP_DONE]			= "flip_done",
	[REFDAX_GATE_FAULT_LOOKED_UP]		= "fault_looked_up",
	[REFDAX_GATE_FAULT_BLOCK_FOUND]		= "fault_block_found",
	[REFDAX_GATE_WRITE_BEFORE_ALLOCATION]	= "write_before_allocation",
	[REFDAX_GATE_PUNCH_UNMAPPED]		= "punch_unmapped",
	[REFDAX_GATE_TRUNCATE_UNMAPPED]		= "truncate_unmapped",
	[REFDAX_GATE_SHIFT_FLUSHED]		= "shift_flushed",
};

bool refdax_bug(struct super_block *sb, enum refdax_bug bug)
{
	return test_bit(bug, &REFDAX_SB(sb)->s_lab->l_bugs);
}

/*
 * A mapping in which page cache and DAX met: the page cache takes DAX entries for
 * traces of folios, and drops them without counting them off.
 */
void refdax_lab_evict(struct inode *inode)
{
	if (!inode->i_data.nrpages)
		return;
	refdax_msg(inode->i_sb, KERN_NOTICE, "lab: inode %llu had %lu pages of another mode",
		   (u64)inode->i_ino, inode->i_data.nrpages);
	inode->i_data.nrpages = 0;
}

bool refdax_gate_armed(struct super_block *sb, enum refdax_gate gate)
{
	return READ_ONCE(REFDAX_SB(sb)->s_lab->l_gates[gate].g_armed);
}

static bool refdax_gate_wants(struct refdax_gate_state *gate)
{
	if (!gate->g_armed || gate->g_held)
		return false;
	if (gate->g_only_pid)
		return gate->g_only_pid == task_pid_vnr(current) ||
		       gate->g_only_pid == task_pid_nr(current);
	return !gate->g_only_comm[0] || !strcmp(gate->g_only_comm, current->comm);
}

void refdax_gate_slow(struct super_block *sb, enum refdax_gate number)
{
	struct refdax_gate_state *gate = &REFDAX_SB(sb)->s_lab->l_gates[number];
	unsigned int generation;

	spin_lock(&gate->g_lock);
	if (!refdax_gate_wants(gate)) {
		spin_unlock(&gate->g_lock);
		return;
	}
	/* One thread for one "hold". */
	gate->g_armed = false;
	gate->g_held = task_pid_nr(current);
	get_task_comm(gate->g_held_comm, current);
	generation = gate->g_generation;
	spin_unlock(&gate->g_lock);
	wake_up_all(&gate->g_wait);

	/* The hung task detector looks at uninterruptible sleepers, not at killable ones. */
	wait_event_killable(gate->g_wait, READ_ONCE(gate->g_generation) != generation);

	spin_lock(&gate->g_lock);
	if (gate->g_generation == generation)
		gate->g_held = 0;
	spin_unlock(&gate->g_lock);
	wake_up_all(&gate->g_wait);
}

static void refdax_gate_release(struct refdax_gate_state *gate)
{
	spin_lock(&gate->g_lock);
	gate->g_armed = false;
	gate->g_held = 0;
	gate->g_generation++;
	spin_unlock(&gate->g_lock);
	wake_up_all(&gate->g_wait);
}

static int refdax_gate_hold(struct refdax_gate_state *gate, const char *who)
{
	pid_t pid = 0;
	int err = 0;

	if (isdigit(who[0]) && (kstrtoint(who, 10, &pid) || pid <= 0))
		return -EINVAL;
	if (strlen(who) >= TASK_COMM_LEN)
		return -EINVAL;
	spin_lock(&gate->g_lock);
	if (gate->g_held) {
		err = -EBUSY;
	} else {
		gate->g_only_pid = pid;
		strscpy(gate->g_only_comm, pid ? "" : who, sizeof(gate->g_only_comm));
		gate->g_armed = true;
	}
	spin_unlock(&gate->g_lock);
	return err;
}

static int refdax_gate_wait(struct refdax_gate_state *gate, const char *timeout)
{
	unsigned int ms = REFDAX_WAIT_DEFAULT;
	long left;

	if (timeout[0] && (kstrtouint(timeout, 10, &ms) || ms > REFDAX_WAIT_MAX))
		return -EINVAL;
	/* Neither armed nor held: nothing will ever be held. */
	left = wait_event_killable_timeout(gate->g_wait,
					   READ_ONCE(gate->g_held) || !READ_ONCE(gate->g_armed) ||
					   READ_ONCE(gate->g_lab->l_dying),
					   msecs_to_jiffies(ms));
	if (left < 0)
		return left;
	if (READ_ONCE(gate->g_held))
		return 0;
	return left ? -EINVAL : -ETIMEDOUT;
}

/*
 * One command line from user space, without its newline. @argument is what
 * follows the first word, "" if nothing does.
 */
static int refdax_lab_command(const char __user *buffer, size_t count, char *line,
			      char **argument)
{
	char *space;

	if (!count || count >= REFDAX_LINE)
		return -EINVAL;
	if (copy_from_user(line, buffer, count))
		return -EFAULT;
	line[count] = 0;
	*argument = strim(line);
	space = strchr(line, ' ');
	*argument = space ? skip_spaces(space) : line + strlen(line);
	if (space)
		*space = 0;
	return 0;
}

static ssize_t refdax_gate_write(struct file *file, const char __user *buffer, size_t count,
				 loff_t *pos)
{
	struct refdax_gate_state *gate = file_inode(file)->i_private;
	char line[REFDAX_LINE], *argument;
	int err;

	err = refdax_lab_command(buffer, count, line, &argument);
	if (err)
		return err;
	if (!strcmp(line, "hold")) {
		err = refdax_gate_hold(gate, argument);
	} else if (!strcmp(line, "wait")) {
		err = refdax_gate_wait(gate, argument);
	} else if (!strcmp(line, "release") && !argument[0]) {
		refdax_gate_release(gate);
	} else {
		pr_err("refdax: gate %s: \"%s\" is not a command; write \"hold [PID|COMM]\", \"wait [MS]\" or \"release\"\n",
		       gate->g_name, line);
		err = -EINVAL;
	}
	return err ?: count;
}

static int refdax_gate_show(struct seq_file *seq, void *unused)
{
	struct refdax_gate_state *gate = seq->private;

	spin_lock(&gate->g_lock);
	if (gate->g_held)
		seq_printf(seq, "held %d %s\n", gate->g_held, gate->g_held_comm);
	else if (!gate->g_armed)
		seq_puts(seq, "open\n");
	else if (gate->g_only_pid)
		seq_printf(seq, "armed %d\n", gate->g_only_pid);
	else
		seq_printf(seq, "armed%s%s\n", gate->g_only_comm[0] ? " " : "",
			   gate->g_only_comm);
	spin_unlock(&gate->g_lock);
	return 0;
}

static int refdax_gate_open(struct inode *inode, struct file *file)
{
	return single_open(file, refdax_gate_show, inode->i_private);
}

static const struct file_operations refdax_gate_fops = {
	.owner		= THIS_MODULE,
	.open		= refdax_gate_open,
	.read		= seq_read,
	.write		= refdax_gate_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int refdax_bugs_show(struct seq_file *seq, void *unused)
{
	struct refdax_lab *lab = seq->private;
	int i;

	for (i = 0; i < REFDAX_BUG_COUNT; i++)
		seq_printf(seq, "%s %s  %s\n", refdax_bugs[i].name,
			   test_bit(i, &lab->l_bugs) ? "on" : "off", refdax_bugs[i].history);
	return 0;
}

static int refdax_bugs_open(struct inode *inode, struct file *file)
{
	return single_open(file, refdax_bugs_show, inode->i_private);
}

static ssize_t refdax_bugs_write(struct file *file, const char __user *buffer, size_t count,
				 loff_t *pos)
{
	struct refdax_lab *lab = file_inode(file)->i_private;
	char line[REFDAX_LINE], *argument;
	int err, i;

	err = refdax_lab_command(buffer, count, line, &argument);
	if (err)
		return err;
	for (i = 0; i < REFDAX_BUG_COUNT; i++)
		if (!strcmp(line, refdax_bugs[i].name))
			break;
	if (i == REFDAX_BUG_COUNT) {
		pr_err("refdax: there is no bug \"%s\"; reading the file lists them\n", line);
		return -EINVAL;
	}
	if (!strcmp(argument, "on")) {
		set_bit(i, &lab->l_bugs);
	} else if (!strcmp(argument, "off")) {
		clear_bit(i, &lab->l_bugs);
	} else {
		pr_err("refdax: bug %s: \"%s\" is neither \"on\" nor \"off\"\n", line, argument);
		return -EINVAL;
	}
	return count;
}

static const struct file_operations refdax_bugs_fops = {
	.owner		= THIS_MODULE,
	.open		= refdax_bugs_open,
	.read		= seq_read,
	.write		= refdax_bugs_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

void refdax_lab_release_all(struct super_block *sb)
{
	struct refdax_lab *lab = REFDAX_SB(sb)->s_lab;
	int i;

	for (i = 0; i < REFDAX_GATE_COUNT; i++)
		refdax_gate_release(&lab->l_gates[i]);
}

/* debugfs may be missing: the lab is then out of reach, and the filesystem works. */
int refdax_lab_mount(struct super_block *sb)
{
	struct refdax_lab *lab = kzalloc(sizeof(*lab), GFP_KERNEL);
	struct dentry *gates;
	int i;

	if (!lab)
		return -ENOMEM;
	lab->l_dir = debugfs_create_dir(sb->s_id, refdax_debugfs);
	gates = debugfs_create_dir("gates", lab->l_dir);
	for (i = 0; i < REFDAX_GATE_COUNT; i++) {
		struct refdax_gate_state *gate = &lab->l_gates[i];

		gate->g_name = refdax_gate_names[i];
		gate->g_lab = lab;
		spin_lock_init(&gate->g_lock);
		init_waitqueue_head(&gate->g_wait);
	}
	for (i = 0; i < REFDAX_GATE_COUNT; i++)
		debugfs_create_file(refdax_gate_names[i], 0600, gates, &lab->l_gates[i],
				    &refdax_gate_fops);
	REFDAX_SB(sb)->s_lab = lab;
	debugfs_create_file("bugs", 0600, lab->l_dir, lab, &refdax_bugs_fops);
	return 0;
}

void refdax_lab_umount(struct super_block *sb)
{
	struct refdax_lab *lab = REFDAX_SB(sb)->s_lab;

	if (!lab)
		return;
	/* Removal waits for those inside a "wait". */
	WRITE_ONCE(lab->l_dying, true);
	refdax_lab_release_all(sb);
	debugfs_remove_recursive(lab->l_dir);
	REFDAX_SB(sb)->s_lab = NULL;
	kfree(lab);
}

int refdax_lab_init(void)
{
	refdax_debugfs = debugfs_create_dir("refdax", NULL);
	return 0;
}

void refdax_lab_exit(void)
{
	debugfs_remove_recursive(refdax_debugfs);
}
