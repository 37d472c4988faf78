// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX12 entry-lock-stall: a task waits for the lock of an entry, and
 *  - it was let go, or the entry removed, STALL ago, nobody is known to hold it
 *    since, and the task was not woken, or did not come back: a lost wake-up; or
 *  - it has waited for LIMIT, whoever holds the lock.
 * Times are those of the trace, long enough for a machine under load.  Silent
 * about a lock whose release was not seen, up to LIMIT.  The window is an entry
 * that a fault locks; it is contested if somebody waits.  History:
 * 965d004af540, fffa281b48a9, 237388320def, 23c84eb78375.
 */
#include <stdio.h>

#include <utlist.h>

#include "detect/private.h"

#define SECOND		1000000000ULL
#define STALL		(10 * SECOND)
#define LIMIT		(120 * SECOND)	/* as the hung task detector's */

static void entry_locked(struct detector *detector, struct model_task *task,
			 struct model_inode *inode)
{
	(void)task;
	(void)inode;
	detector->coverage[RULE_ENTRY_LOCK_STALL].windows++;
}

static void entry_waits(struct detector *detector, struct model_task *task)
{
	struct coverage *coverage = &detector->coverage[RULE_ENTRY_LOCK_STALL];
	enum operation rival = task->depth ? task->operations[task->depth - 1].operation :
					     OPERATION_NONE;

	/* The holder may have locked it before tracing began. */
	if (coverage->contested < coverage->windows) {
		coverage->contested++;
		coverage->rivals[rival]++;
	}
}

/*
 * A fault that has not ended may hold the lock: it is told to do so only when it
 * inserts the entry, and to ask for blocks before that can take long.
 */
static bool may_be_held(const struct model_task *waiter, const struct model_wait *wait)
{
	const struct model_operation *operation;

	DL_FOREACH2(wait->inode->open, operation, open_next)
		if (operation->operation == OPERATION_FAULT && operation->task != waiter &&
		    operation->first <= wait->index && operation->last >= wait->index)
			return true;
	return false;
}

static void entry_still_waits(struct detector *detector, struct model_task *task, __u64 time)
{
	const struct model_wait *wait = &task->wait;
	const struct model_entry *entry;
	struct finding *finding;
	bool outlived, reported;
	char signature[96];

	if (!rule__judges(detector, RULE_ENTRY_LOCK_STALL))
		return;
	entry = model__entry(detector->model, wait->inode, wait->index);
	outlived = wait->released_at && time > wait->released_at &&
		   time - wait->released_at >= STALL && (!entry || !entry->holder) &&
		   !may_be_held(task, wait);
	if (!outlived && (time < wait->since || time - wait->since < LIMIT))
		return;
	reported = task->wait.reported;
	task->wait.reported = true;
	if (reported)
		return;
	snprintf(signature, sizeof(signature), "%s|%s", outlived ? "outlived the holder" : "too long",
		 wait->woken_at ? "woken" : "not woken");
	finding = finding__begin(detector, RULE_ENTRY_LOCK_STALL, wait->inode, wait->index, 1, time,
				 signature);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s[%u] has waited %llu s for the lock of the entry of page %llu, %s%s", task->comm,
		 task->tid, (unsigned long long)((time - wait->since) / SECOND),
		 (unsigned long long)wait->index,
		 outlived ? "which nobody is known to hold since it was let go" :
			    "longer than any operation should hold it",
		 wait->woken_at ? "; it was woken" : "; nobody has woken it");
	finding__actor(finding, detector, task->tid, "waits");
	if (wait->released_at && wait->released_by != task->tid)
		finding__actor(finding, detector, wait->released_by, "let it go");
	finding__history(finding, detector, wait->inode, wait->event);
	finding__commit(detector, finding);
}

const struct rule_hooks entry_lock_hooks = {
	.entry_locked = entry_locked,
	.entry_waits = entry_waits,
	.entry_still_waits = entry_still_waits,
};
