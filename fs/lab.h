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
	/* Below: what faults, writes, writeback, truncation leave out. */
	REFDAX_BUG_DROP_DIRTY_FILE,
	REFDAX_BUG_LAYOUT_DROPS_DIRTY,
	REFDAX_BUG_INVALIDATE_EARLY,
	REFDAX_BUG_NO_UNMAP,
	REFDAX_BUG_STALE_MAP,
	REFDAX_BUG_FAULT_UNLOCKED,
	REFDAX_BUG_PUNCH_UNLOCKED,
	REFDAX_BUG_TRUNCATE_SIZE_LATE,
	REFDAX_BUG_CLEAN_WRITABLE,
	REFDAX_BUG_NEVER_CLEAN,
	REFDAX_BUG_FSYNC_SKIPS_DATA,
	REFDAX_BUG_SYNC_SKIPS_DAX,
	REFDAX_BUG_SHIFT_FLUSH_UNLOCKED,
	REFDAX_BUG_LAYOUT_NOT_BROKEN,
	REFDAX_BUG_LAYOUT_BROKEN_ONCE,
	REFDAX_BUG_SHORT_MAPPING,
	REFDAX_BUG_FAULT_I_RWSEM,
	REFDAX_BUG_HANDLE_IN_ENTRY,
	REFDAX_BUG_INVALIDATE_LOCK_FIRST,
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
	REFDAX_GATE_FAULT_LOOKED_UP,
	REFDAX_GATE_FAULT_BLOCK_FOUND,
	REFDAX_GATE_WRITE_BEFORE_ALLOCATION,
	REFDAX_GATE_PUNCH_UNMAPPED,
	REFDAX_GATE_TRUNCATE_UNMAPPED,
	REFDAX_GATE_SHIFT_FLUSHED,
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

/* lab_bugs.c, see there */
void refdax_lab_drop_dirty(struct inode *inode, u64 first, u64 last);
void refdax_lab_drop_all(struct inode *inode);
int refdax_lab_writepages(struct address_space *mapping, struct writeback_control *wbc, bool clean);
void refdax_lab_stale_begin(struct inode *inode, u64 logical, u64 count);
bool refdax_lab_stale_map(struct inode *inode, struct refdax_map *map);
void refdax_lab_stale_end(void);

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

static inline void refdax_lab_drop_dirty(struct inode *inode, u64 first, u64 last)
{
}

static inline void refdax_lab_drop_all(struct inode *inode)
{
}

static inline int refdax_lab_writepages(struct address_space *mapping,
					struct writeback_control *wbc, bool clean)
{
	return 0;
}

static inline void refdax_lab_stale_begin(struct inode *inode, u64 logical, u64 count)
{
}

static inline bool refdax_lab_stale_map(struct inode *inode, struct refdax_map *map)
{
	return false;
}

static inline void refdax_lab_stale_end(void)
{
}

static inline void refdax_gate(struct super_block *sb, enum refdax_gate gate)
{
}
#endif

#endif
