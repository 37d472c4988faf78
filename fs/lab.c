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
	refdax_msg(inode->i_sb, KERN_NOTICE, "lab: inode %lu had %lu pages of another mode",
		   inode->i_ino, inode->i_data.nrpages);
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
