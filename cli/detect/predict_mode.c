// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Predictions about changes of the mode; see predict.c.
 *
 * DX04 flip-while-mapped: a flip of S_DAX against mmap: what keeps mmap out must be held
 * from the flip's writeback on, else the file is mapped when the mode changes, or has
 * been, and what was stored meanwhile is left behind.  Only a filesystem whose ->mmap takes a lock
 * of its inode, which the flip does not hold, is said to have forgotten it: others may
 * count their VMAs, or look once more, under what is not seen.
 *
 * DX06 flip-unserialised: a flip of S_DAX against a fault: what keeps faults out must
 * be held from the flip's writeback on, else they bring back what that has cleaned;
 * without a writeback, at the change.  A flip may be refused while the file is
 * mapped; but then mmap must be kept out, and only a filesystem whose faults hold
 * a lock of its inode, which the flip does not, is said to have forgotten it.
 * History: the talks of 2017 and 2020.
 *
 * DX07 flip-during-writepages: ->writepages of another task had begun before the flip,
 * called DAX after it (EVENT_OLD_MODE), and nothing that both hold made it wait:
 * this one is observed.  Without locks in the stream it is not judged.
 */
#include <stdio.h>

#include "detect/predict.h"

/* Does the set have a lock of a filesystem's, other than its journal's? */
static bool has_own_lock(const struct detector *detector, __u32 id)
{
	const struct model_locks *locks = model__locks(detector->model, id);
	const struct order_class *class;
	__u32 i;

	for (i = 0; locks && i < locks->count; i++) {
		class = order_stream__class(detector->order, locks->held[i].class);
		if (class && *class->fstype && (class->type == LOCK_RWSEM || class->type == LOCK_MUTEX))
			return true;
	}
	return false;
}

/* The newest mmap, and the flip from its writeback on. */
static void judge_mmap(struct detector *detector, const struct model_operation *flip,
		       const struct event_mode *record)
{
	struct conflict conflict = {
		.rule = RULE_FLIP_WHILE_MAPPED, .inode = flip->inode,
		.first = "mmap", .second = "fileattr",
		.first_tid = flip->inode->mmap.tid, .second_tid = flip->task->tid,
		.first_locks = flip->inode->mmap.locks, .second_locks = flip->notes.own_locks,
		.since = flip->inode->mmap.event,
		.words = "changes the mode that the mapping is made for",
		.schedule = "The change writes everything back; the file is mapped, and stored to; the mode "
			    "changes, and the mapping is of the old one.",
	};

	if (!((record->old_flags ^ record->new_flags) & MODE_DAX) ||
	    !(flip->notes.flags & NOTE_FLUSHED) || !rule__judges(detector, RULE_FLIP_WHILE_MAPPED))
		return;
	if (has_own_lock(detector, conflict.first_locks) &&
	    model__nothing_excludes(detector->model, conflict.first_locks, conflict.second_locks))
		predict(detector, &conflict, record->header.time);
}

static void mode_changed(struct detector *detector, struct model_task *task,
			 struct model_inode *inode, const struct event_mode *record)
{
	struct conflict conflict = {
		.rule = RULE_FLIP_UNSERIALISED, .inode = inode, .index = inode->fault.index,
		.first = "fault", .second = "fileattr",
		.first_tid = inode->fault.tid, .second_tid = task->tid,
		.first_locks = inode->fault.locks,
		.second_locks = model__locks_at(detector->model, task, LOCK_PLACE_FLIP, &inode->id),
		.since = inode->fault.event,
		.words = "changes the mode that the fault goes by",
		.schedule = "The file is mapped while the change is under way; a fault reads the old mode; "
			    "the mode changes; the fault goes on as the old mode demands.",
	};

	const struct model_operation *flip = operation__around(task, inode, OPERATION_FILEATTR);

	if (!(record->new_flags & MODE_MOMENT))
		return;
	if (flip)
		judge_mmap(detector, flip, record);
	inode->mode.flip_locks = conflict.second_locks;
	if (flip && (flip->notes.flags & NOTE_FLUSHED))
		conflict.second_locks = flip->notes.own_locks;
	if (inode->fault.event && rule__judges(detector, RULE_FLIP_UNSERIALISED) &&
	    has_own_lock(detector, conflict.first_locks) &&
	    model__nothing_excludes(detector->model, conflict.first_locks, conflict.second_locks))
		predict(detector, &conflict, record->header.time);
}

static void old_mode_used(struct detector *detector, struct model_task *task,
			  struct model_inode *inode, const struct event_enter *record)
{
	const struct model_operation *operation = operation__around(task, inode, OPERATION_WRITEPAGES);
	__u32 flip = inode->mode.flip_locks;
	struct finding *finding;

	if (record->operation != OPERATION_WRITEBACK || !operation ||
	    operation->event > inode->mode.changed_event || inode->mode.changed_by == task->tid ||
	    !rule__judges(detector, RULE_FLIP_DURING_WRITEPAGES) ||
	    !model__nothing_excludes(detector->model, flip,
				     model__locks_at(detector->model, task, LOCK_PLACE_WRITEPAGES,
						     &inode->id)))
		return;
	finding = finding__begin(detector, RULE_FLIP_DURING_WRITEPAGES, inode, operation->first, 1,
				 record->header.time, "out of DAX|old mode|writepages");
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s[%u] changed the mode of the file (out of DAX) while writepages of %s[%u], which went on as "
		 "the old one demands, was under way", comm_of(detector, inode->mode.changed_by),
		 inode->mode.changed_by, task->comm, task->tid);
	finding__actor(finding, detector, task->tid, "writepages");
	finding__actor(finding, detector, inode->mode.changed_by, "fileattr");
	finding__history(finding, detector, inode, operation->event);
	finding__commit_if_seen(detector, finding);
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_operation *flip;

	(void)result;
	(void)time;
	if (operation->operation != OPERATION_WRITEPAGES)
		return;
	flip = operation__around(operation->task, operation->inode, OPERATION_FILEATTR);
	if (!flip)
		return;
	flip->notes.flags |= NOTE_FLUSHED;
	flip->notes.own_locks = model__locks_at(detector->model, operation->task,
						LOCK_PLACE_WRITEPAGES, &operation->inode->id);
}

const struct rule_hooks predict_mode_hooks = {
	.operation_ended = operation_ended,
	.mode_changed = mode_changed,
	.old_mode_used = old_mode_used,
};
