/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lab: historic bugs that can be switched on, and gates that hold a thread
 * at a named point. See lab.c. Without REFDAX_LAB all of it is constant and
 * the compiler leaves nothing of it.
 */
#ifndef REFDAX_LAB_H
#define REFDAX_LAB_H

enum refdax_bug {
	REFDAX_BUG_DROP_DIRTY,
	REFDAX_BUG_FLIP_UNLOCKED,
	REFDAX_BUG_FLIP_NO_WRITEBACK,
	REFDAX_BUG_FLIP_NO_INVALIDATE,
	REFDAX_BUG_FLIP_MAPPED,
	REFDAX_BUG_FLIP_WRITEBACK_IN_HANDLE,
	REFDAX_BUG_FLIP_LOCK_IN_HANDLE,
	REFDAX_BUG_FLIP_IN_WRITEPAGES,
	REFDAX_BUG_FLIP_DURING_MMAP,
	REFDAX_BUG_IO_MODE_TWICE,
	REFDAX_BUG_FAULT_MODE_UNLOCKED,
	REFDAX_BUG_COUNT,
};

enum refdax_gate {
	REFDAX_GATE_WRITE_ALLOCATED,
	REFDAX_GATE_WRITE_BEFORE_INVALIDATE,
	REFDAX_GATE_FAULT_ENTER,
	REFDAX_GATE_FAULT_MAPPED,
	REFDAX_GATE_SHIFT_STEP,
	REFDAX_GATE_FAULT_MODE,
	REFDAX_GATE_IO_MODE,
	REFDAX_GATE_MMAP_MODE,
	REFDAX_GATE_WRITEPAGES_ENTER,
	REFDAX_GATE_FLIP_IN_HANDLE,
	REFDAX_GATE_FLIP_BEFORE,
	REFDAX_GATE_FLIP_DONE,
	REFDAX_GATE_COUNT,
};

#ifdef REFDAX_LAB
int refdax_lab_init(void);
void refdax_lab_exit(void);
int refdax_lab_mount(struct super_block *sb);
void refdax_lab_umount(struct super_block *sb);
/* Let every held thread go; held again only after a new "hold". */
void refdax_lab_release_all(struct super_block *sb);
bool refdax_bug(struct super_block *sb, enum refdax_bug bug);
/* After its pages were truncated: what bugs have left would trip clear_inode(). */
void refdax_lab_evict(struct inode *inode);
void refdax_gate_slow(struct super_block *sb, enum refdax_gate gate);
bool refdax_gate_armed(struct super_block *sb, enum refdax_gate gate);

/* May sleep for long: the caller says in a comment which locks it holds here. */
static inline void refdax_gate(struct super_block *sb, enum refdax_gate gate)
{
	if (unlikely(refdax_gate_armed(sb, gate)))
		refdax_gate_slow(sb, gate);
}
#else
static inline int refdax_lab_init(void)
{
	return 0;
}

static inline void refdax_lab_exit(void)
{
}

static inline int refdax_lab_mount(struct super_block *sb)
{
	return 0;
}

static inline void refdax_lab_umount(struct super_block *sb)
{
}

static inline void refdax_lab_release_all(struct super_block *sb)
{
}

static inline void refdax_lab_evict(struct inode *inode)
{
}

static inline bool refdax_bug(struct super_block *sb, enum refdax_bug bug)
{
	return false;
}

static inline void refdax_gate(struct super_block *sb, enum refdax_gate gate)
{
}
#endif

#endif
