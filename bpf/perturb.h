/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --perturb: what bpf/perturb.bpf.c and cli/probe/perturb.c share, and the tests with
 * them: one binary, no ABI.
 */
#ifndef DAXTRACE_PERTURB_H
#define DAXTRACE_PERTURB_H

/* Where a task may be delayed; cli/probe/table_perturb.c says what that is good for. */
enum perturb_place {
	PERTURB_FAULT_LOCK,	/* before the invalidate_lock is taken shared, as faults do */
	PERTURB_FAULT,		/* before a fault locks its entry and asks for the block */
	PERTURB_INSERT,		/* it knows the block, and has mapped nothing yet */
	PERTURB_WRITE_END,	/* a write(2) has allocated and copied */
	PERTURB_INVALIDATE,	/* before a range is invalidated */
	PERTURB_INVALIDATED,	/* after that */
	PERTURB_WRITEPAGES,	/* inside the ->writepages of a file not in DAX mode */
	PERTURB_WRITEBACK,	/* before a range's entries are flushed */
	PERTURB_WRITTEN_BACK,	/* after that */
	PERTURB_MKCLEAN,	/* an entry is write-protected, and not flushed yet */
	PERTURB_TRUNCATE,	/* a range is unmapped; before its entries go */
	PERTURB_TRUNCATED,	/* they are gone; before its blocks are freed */
	PERTURB_FLIP,		/* before S_DAX changes */
	PERTURB_EXCLUDE,	/* before the invalidate_lock is taken exclusively */
	PERTURB_LAYOUT,		/* pages in use were looked for; before others are, or the range goes */
	PERTURB_PLACES
};

/* Of each place. */
struct perturb_count {
	__u64 passed;		/* by tasks that it was for */
	__u64 delayed;
	__u64 refused;		/* the place's share of the CPU's time was used up */
	__u64 wanted;		/* ns that those delays were to last */
	__u64 spent;		/* ns that they did */
};

/*
 * Delays take no more than one part in so many of a CPU's time.  One half of that is
 * shared out among the places in use, so that one that is passed all the time leaves
 * something to the others; the other half is for whichever comes.
 */
#define PERTURB_SHARE	10
#define PERTURB_COMMON	PERTURB_PLACES	/* the other half, as if it were a place */
/* What each may spend at once, in ns, if that is not less than the longest delay. */
#define PERTURB_BURST	2000000ULL
/* Longest delays that may be asked for, and are without being asked for, in us. */
#define PERTURB_MAX	10000
#define PERTURB_DEFAULT	100

#define PERTURB_STEP	0x9e3779b97f4a7c15ULL	/* 2^64 / golden ratio */

/* As splitmix64 (Steele, Lea and Flood 2014) ends: each bit depends on all. */
static inline __attribute__((always_inline)) __u64 perturb__mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/*
 * How long the task with this number (by when tasks first came by any place, from 0)
 * is to be delayed at its so-manieth passing of the place (from 0): 0, of every other
 * one, or 1 to longest ns.
 */
static inline __attribute__((always_inline)) __u64 perturb__length(__u64 seed, __u32 task,
								   __u32 place, __u32 passing,
								   __u64 longest)
{
	__u64 x = perturb__mix(seed + PERTURB_STEP * (task + 1ULL));

	x = perturb__mix(x + PERTURB_STEP * (place + 1ULL));
	x = perturb__mix(x + PERTURB_STEP * (passing + 1ULL));
	return x & 1 ? 1 + (x >> 1) % longest : 0;
}

#endif /* DAXTRACE_PERTURB_H */
