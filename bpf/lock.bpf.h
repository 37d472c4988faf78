/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a task holds, and what user space reads of it (cli/probe/locks.c).
 * Included by both sides, behind <linux/types.h> or vmlinux.h, and bpf/events.h.
 */
#ifndef DAXTRACE_LOCK_BPF_H
#define DAXTRACE_LOCK_BPF_H

#define LOCK_HELD_MAX	16	/* locks of one task at once; more are counted as lost */
#define LOCK_SEEN_SIZE	16	/* locks whose class a task remembers */
#define LOCK_MAX_CLASSES	4096
#define LOCK_MAX_EDGES	16384

/* A lock that the task holds, in the order of taking. */
struct lock_held {
	__u64 address;
	__u64 chain;	/* lock_task.chain before it was taken */
	__u32 class;
	__u32 frame;	/* how deep in the stack it was taken */
	union {
		struct {
			__u8 mode;	/* enum lock_mode */
			__u8 trylock;
			__u8 type;	/* enum lock_type */
			__u8 seen;	/* where lock_task.seen has it, if it still does */
		};
		__u32 how;	/* all four, to write them at once */
	};
	__u32 taking;	/* counts what the task has taken: tells one hold from the next */
};

/* What the task knows of a lock that it has taken before. */
struct lock_seen {
	__u64 key;	/* the lock's address; of pseudo-locks a number of their class */
	__u64 chain[2];	/* under these all its edges are known */
	__u32 epoch;	/* the class is believed until memory changes its type */
	__u32 class;	/* 0: of no interest */
	__u32 count;	/* times taken since it is here */
	__u32 depth;	/* locks held then, at most */
	__s32 stack;	/* where it was taken when its class was looked up */
	__u32 frame;	/* how deep that was */
	/* Where the function that takes the lock is part of the class; else 0. */
	__u64 caller;
	__u32 caller_at;	/* where its address is, from the program's context on */
	__u32 reserved;
};

/* What a task held on an inode when that was last told of (EVENT_LOCK_SET). */
struct lock_told {
	__u64 chain;
	__u64 inode;	/* address; 0: nothing was told */
	__u64 ino;
	__u32 generation;	/* all three: an inode's memory is another's in time */
	/* Of a fault also where lock_task.seen has the lock of its entries. */
	__u32 seen;
	__u64 key;		/* lock_seen.key and epoch, as long as they are the same */
	__u32 epoch;
	__u32 reserved;
};

enum { LOCK_TOLD_FAULT, LOCK_TOLD_RW, LOCK_TOLD_COUNT };

/* What a task waits for, since another has it: lock:contention_begin. */
struct lock_wait {
	__u64 lock;	/* address; 0: nothing */
	__u64 since;	/* ns */
	__u64 got;	/* a lock that it has waited for, and whose class comes with its return */
	__u64 waited;	/* ns, of that */
};

/*
 * A task's held locks.  These are in an array by task number, not in task
 * storage: that costs a lookup of some 60 instructions, twice for each lock, this
 * about 20.  A task that holds nothing loses nothing when another takes its
 * place.
 */
struct lock_task {
	__u64 owner;	/* generation of tracing << 32 | tid */
	__u64 chain;	/* hash of all that is held, in its order and modes */
	__u32 depth;
	__u32 overflow;	/* locks held beyond LOCK_HELD_MAX */
	__u32 handles;	/* of depth: jbd2 handles */
	__u32 takings;
	__u32 mapping;	/* not 0: between the beginning and the end of mmap_region() */
	__u32 noted_count;	/* locks taken since; more than LOCK_SET_MAX: some are not noted */
	__u64 number;	/* see lock__number() */
	struct lock_told told[LOCK_TOLD_COUNT];
	struct lock_wait wait;
	struct event_lock_held noted[LOCK_SET_MAX];	/* each once, in its strongest mode */
	struct lock_held held[LOCK_HELD_MAX];
	struct lock_seen seen[LOCK_SEEN_SIZE];
};

/* Of a class, by its id. */
struct lock_count {
	__u64 acquisitions;
	__u32 max_depth;
	__u32 stacks;	/* kept of its takings */
	__u64 contentions;	/* takings that had to wait */
	__u64 waited;	/* ns, in all */
	__u64 longest;	/* ns */
};

#endif /* DAXTRACE_LOCK_BPF_H */
