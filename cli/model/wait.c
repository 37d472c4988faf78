// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Tasks that wait for the lock of an entry.  A wait ends with the next record
 * of the task, whatever it is but another wait.
 */
#include <utlist.h>

#include "model/private.h"

/* How long a wait lasts before the listener is asked, and how often then. */
#define WAIT_LOOK	1000000000ULL	/* ns */

/* Tasks looked at for one record, of those that wait. */
#define WAIT_TRIES	4

void wait__begin(struct model *model, struct model_task *task, struct model_inode *inode,
		 const struct event_entry_wait *record, __u64 event)
{
	/* Woken in vain, it waits once more: the same wait. */
	if (task->waiting && task->wait.inode == inode && task->wait.index == record->index) {
		task->wait.woken_at = 0;
		return;
	}
	wait__end(model, task);
	memset(&task->wait, 0, sizeof(task->wait));
	task->wait.inode = inode;
	task->wait.index = record->index;
	task->wait.since = record->header.time;
	task->wait.looked_at = record->header.time;
	task->wait.event = event;
	task->waiting = true;
	inode->waiters++;
	DL_APPEND2(model->waiting, task, wait_prev, wait_next);
	if (model->listener.entry_waits)
		model->listener.entry_waits(model->context, task);
}

void wait__end(struct model *model, struct model_task *task)
{
	if (!task->waiting)
		return;
	DL_DELETE2(model->waiting, task, wait_prev, wait_next);
	task->wait.inode->waiters--;
	task->waiting = false;
}

void wait__woken(struct model *model, const struct event_entry_wait *record)
{
	struct model_task *task;
	__u32 tid = record->waiter;

	HASH_FIND(hh, model->tasks, &tid, sizeof(tid), task);
	if (task && task->waiting && task->epoch == model->epoch)
		task->wait.woken_at = record->header.time;
}

/* The lock of an entry was let go, or the entry has gone. */
void wait__released(struct model *model, const struct model_inode *inode, __u64 index,
		    __u32 order, __u32 tid, __u64 time)
{
	struct model_task *task;

	if (!inode->waiters)
		return;
	DL_FOREACH2(model->waiting, task, wait_next) {
		if (task->wait.inode != inode || task->wait.index < index ||
		    task->wait.index - index >= 1ULL << order)
			continue;
		task->wait.released_at = time;
		task->wait.released_by = tid;
	}
}

void wait__look(struct model *model, __u64 time)
{
	struct model_task *task;
	int tries;

	for (tries = 0; tries < WAIT_TRIES && model->waiting; tries++) {
		task = model->waiting;
		if (time < task->wait.looked_at || time - task->wait.looked_at < WAIT_LOOK)
			return;
		task->wait.looked_at = time;
		/* The list stays in the order of the newest look. */
		DL_DELETE2(model->waiting, task, wait_prev, wait_next);
		DL_APPEND2(model->waiting, task, wait_prev, wait_next);
		if (task->epoch == model->epoch && model->listener.entry_still_waits)
			model->listener.entry_still_waits(model->context, task, time);
	}
}

void wait__forget_inode(struct model *model, const struct model_inode *inode)
{
	struct model_task *task, *next;

	if (!inode->waiters)
		return;
	DL_FOREACH_SAFE2(model->waiting, task, next, wait_next)
		if (task->wait.inode == inode)
			wait__end(model, task);
}
