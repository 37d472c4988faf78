// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DX13, DX14, DX18, DX19: what the rules of locks.c claim. */
#include "detect/private.h"
#include "probe/table.h"

/* A lock of which a hold or its end is not seen makes edges that are none. */
#define HELD_LOCKS	(OBSERVED_BIT(OBSERVED_LOCK_RWSEM) | OBSERVED_BIT(OBSERVED_LOCK_MUTEX))

const struct rule rule_lock_order = {
	.id = "DX13",
	.name = "lock-order-inversion",
	.severity = "error",
	.needs = HELD_LOCKS,
	.claim = "Locks are taken in opposite orders, or against the ranks that a file gives.",
	.meaning = "Tasks that take them at the same time wait for one another for ever. It need not "
		   "have happened in this run: each order was seen, at whatever time.",
	.history = "The usual case is mmap_lock against i_rwsem or a journal handle: memory of user space "
		   "is copied that is mapped from the same filesystem, and the fault takes mmap_lock "
		   "inside. ea3d7209ca01 (\"ext4: fix races between page faults and hole punching\", "
		   "4.5) added a lock to faults, which therefore ranks below mmap_lock.",
	.advice = "Compare the two stacks of each edge with the order that the filesystem documents; "
		  "the edge that few callers share is the wrong one.",
	.lock = "none more: those that are taken must be taken in one order by all",
};

const struct rule rule_self_deadlock = {
	.id = "DX14",
	.name = "lock-self-deadlock",
	.severity = "error",
	.needs = HELD_LOCKS,
	.claim = "A task waits for a lock that it holds, in modes that exclude each other.",
	.meaning = "It waits for ever, and with it whoever needs the lock. Twice for reading works "
		   "until a writer queues up between the two.",
	.history = "Writing to a file from a buffer that is mapped from it takes mmap_lock, and with it "
		   "the fault lock, inside of the write: why iov_iter_fault_in_readable() is called "
		   "before the locks are taken.",
	.advice = "Look at who calls the second taking with the lock held; a helper that takes the lock "
		  "needs a variant for callers that have it.",
	.lock = "none: what needs the lock a second time must come before it is taken, or go without",
};

/*
 * That a task is back in user mode is seen at its end and at its next fsync(2) alone: a
 * program at each return to user mode, or at each system call, would cost all tasks of the
 * machine more than the locks do (75 instructions each, before it has done anything).
 */
const struct rule rule_lock_leak = {
	.id = "DX18",
	.name = "lock-leak",
	.severity = "error",
	.needs = HELD_LOCKS | OBSERVED_BIT(OBSERVED_LOCK_TASK),
	.claim = "A task ended, or went back to user mode, with a lock or a journal handle held.",
	.meaning = "Whoever needs the lock next waits for ever; a handle that is never stopped stops "
		   "the journal's commit.",
	.history = "Error paths that return without unlocking.",
	.advice = "Look at the error paths of the function that took it.",
	.lock = "none: the one that is held must be released on every path",
};

const struct rule rule_sync_in_handle = {
	.id = "DX19",
	.name = "sync-in-handle",
	.severity = "error",
	/* Without jbd2 there are no handles: its row may be missing, nothing is. */
	.needs = HELD_LOCKS | OBSERVED_BIT(OBSERVED_LOCK_WAIT),
	.claim = "Inside of a journal handle a task began writeback or invalidation, or took a lock that "
		 "ranks above the journal.",
	.meaning = "Writeback may need a handle of its own, or wait for the commit, which waits for "
		   "this handle: a deadlock that needs a full journal or a racing commit.",
	.history = "ext4 changes a file's journalling mode only after filemap_write_and_wait() and "
		   "with the journal locked, outside of any handle (ext4_change_inode_journal_flag()).",
	.advice = "Write back and invalidate before the handle is started.",
	.lock = "none inside of the handle: what must exclude others until the handle is stopped is "
		"taken before it is started",
};
