// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What did not happen in this run, and will in another: two operations on the same
 * page or mode that must not overlap, and nothing that keeps them apart.
 *
 * Both were seen, whole, at whatever time.  User space decides when each begins
 * (system calls, and faults of a file that is mapped), so that one came long before
 * the other orders nothing: who wrote the program need not have been so kind.  What
 * may order them is in the kernel alone: a lock that both hold, one of them
 * exclusively, at the place that counts.  EVENT_LOCK_SET names the locks by their
 * address, so that two inodes' locks are two.
 *
 * A program that could not run may have left a lock out, so each waits until all are
 * known to have run.  Silent if either set is not known as a whole, or has a percpu_rw_semaphore, of
 * which readers are invisible.  Silent also about what other means may keep apart:
 *
 * DX06 flip-unserialised: a flip of S_DAX against a fault: what keeps faults out must
 * be held from the flip's writeback on, else they bring back what that has cleaned;
 * without a writeback, at the change.  A flip may be refused while the file is
 * mapped; but then mmap must be kept out, and only a filesystem whose faults hold
 * a lock of its inode, which the flip does not, is said to have forgotten it.
 * History: seeds of 2017 and 2020.
 *
 * DX07 flip-during-writepages: ->writepages of another task had begun before the flip,
 * called DAX after it (EVENT_OLD_MODE), and nothing that both hold made it wait:
 * this one is observed.  Without locks in the stream it is not judged.
 *
 * DX08 fault-maps-freed-block: a punch or collapse against a fault that had mapped one
 * of its blocks.  Not a truncate: i_size may do there.  History: B10, B12, B13.
 *
 * DX09 stale-mapping-after-write: a write removed a hole's entry, or unmapped its page,
 * before it asked for the block, then found one, and removed nothing any more; a
 * read fault between the two maps the hole again.  History: B3.
 *
 * DX10 range-op-dropped-write: collapse or insert flushed, then removed the entry of a
 * page that moves; nothing that would keep the fault out that had dirtied the page was
 * held all the way from its newest flush to the removal.  History: B11.
 *
 * Not predicted: DX01 and DX02, since today's kernel looks at the dirty tag under the
 * xarray's lock, and what would not is seen only when it does it; DX04 and DX05,
 * which a test under a lock that is not at these places may prevent.
 */
#include <stdio.h>
#include <string.h>

#include <utlist.h>

#include "detect/private.h"

#define MODE_PUNCH_OR_COLLAPSE	(0x02 | 0x08)	/* FALLOC_FL_* of <linux/falloc.h> */
#define MODE_INSERT_OR_COLLAPSE	(0x08 | 0x20)

#define PAGE_BYTES	4096ULL

/* Two operations, and what each holds. */
struct conflict {
	enum rule_index rule;
	const struct model_inode *inode;
	__u64 index;
	const char *first, *second;	/* what they are: "fault", "fallocate" */
	__u32 first_tid, second_tid;
	__u32 first_locks, second_locks;	/* ids */
	__u64 since;			/* event */
	const char *words;		/* what they do to one another */
	const char *schedule;
};

/* "inode.i_rwsem (W), mm_struct.mmap_lock (R)", or "no lock" */
static void name_locks(const struct detector *detector, __u32 id, char *text, size_t length)
{
	const struct model_locks *locks = model__locks(detector->model, id);
	const struct order_class *class;
	size_t used = 0;
	__u32 i;

	snprintf(text, length, "no lock");
	for (i = 0; locks && i < locks->count && used < length; i++) {
		class = order_stream__class(detector->order, locks->held[i].class);
		used += snprintf(text + used, length - used, "%s%s%s", used ? ", " : "",
				 class ? class->name : "?",
				 locks->held[i].mode == LOCK_MODE_WRITE ? "" : " (shared)");
	}
}

static void predict(struct detector *detector, const struct conflict *conflict, __u64 time)
{
	char signature[160], first[160], second[160];
	struct finding *finding;

	if (finding__is_observed(detector, conflict->rule, conflict->inode))
		return;
	snprintf(signature, sizeof(signature), "predicted|%s|%s", conflict->first, conflict->second);
	finding = finding__begin(detector, conflict->rule, conflict->inode, conflict->index, 1, time,
				 signature);
	if (!finding)
		return;
	finding->certainty = "predicted";
	snprintf(finding->summary, sizeof(finding->summary),
		 "nothing orders the %s of %s[%u] and the %s of %s[%u], which %s", conflict->first,
		 comm_of(detector, conflict->first_tid), conflict->first_tid, conflict->second,
		 comm_of(detector, conflict->second_tid), conflict->second_tid, conflict->words);
	name_locks(detector, conflict->first_locks, first, sizeof(first));
	name_locks(detector, conflict->second_locks, second, sizeof(second));
	snprintf(finding->schedule, sizeof(finding->schedule),
		 "%s  The %s holds %s; the %s holds %s: %s.", conflict->schedule, conflict->first, first,
		 conflict->second, second,
		 model__nothing_excludes(detector->model, conflict->first_locks,
					 conflict->second_locks) ?
		 "no lock in common keeps one out while the other is at it" :
		 "but it lets go between the two steps what would keep the other out");
	finding__actor(finding, detector, conflict->first_tid, conflict->first);
	if (conflict->second_tid != conflict->first_tid)
		finding__actor(finding, detector, conflict->second_tid, conflict->second);
	finding__history(finding, detector, conflict->inode, conflict->since);
	/* Nothing has happened, so there is no moment. */
	finding->moment = -1;
	finding__commit_if_seen(detector, finding);
}

/* The task's outermost operation of this kind on the inode, or NULL. */
static struct model_operation *around(struct model_task *task, const struct model_inode *inode,
				      enum operation kind)
{
	unsigned int i;

	for (i = 0; i < task->depth; i++)
		if (task->operations[i].operation == kind && task->operations[i].inode == inode)
			return &task->operations[i];
	return NULL;
}

static void note_rival(struct model_operation *operation, const struct model_entry *entry,
		       __u32 tid, __u64 event, __u32 rival_locks, __u32 own_locks)
{
	operation->notes.rival = tid;
	operation->notes.rival_index = entry->key.index;
	operation->notes.rival_event = event;
	operation->notes.rival_locks = rival_locks;
	operation->notes.own_locks = own_locks;
}

/* --- DX08, DX10 ------------------------------------------------------------- */

static void fallocate_deletes(struct detector *detector, struct model_task *task,
			      struct model_entry *entry, enum model_removal removal)
{
	struct model_operation *operation = around(task, entry->key.inode, OPERATION_FALLOCATE);
	const struct inode_id *id = &entry->key.inode->id;
	__u32 own;

	if (!operation || operation->notes.flags & NOTE_PREDICTED)
		return;
	if (removal == REMOVAL_FREED && (operation->argument[0] & MODE_PUNCH_OR_COLLAPSE)) {
		own = model__locks_at(detector->model, task, LOCK_PLACE_TRUNCATE, id);
		if (!model__nothing_excludes(detector->model, entry->fault_locks, own))
			return;
		note_rival(operation, entry, entry->faulted_by, entry->inserted_event,
			   entry->fault_locks, own);
	} else if (removal == REMOVAL_MOVED && (operation->notes.flags & NOTE_FLUSHED)) {
		own = model__locks_at(detector->model, task, LOCK_PLACE_FLUSH, id);
		if (!model__nothing_excludes_throughout(detector->model, task, id, LOCK_PLACE_FLUSH,
							LOCK_PLACE_TRUNCATE, entry->write_locks))
			return;
		note_rival(operation, entry, entry->faulted_by, entry->inserted_event,
			   entry->write_locks, own);
		operation->notes.flags |= NOTE_MOVED;
	} else {
		return;
	}
	operation->notes.flags |= NOTE_PREDICTED;
}

static void fallocate_ended(struct detector *detector, const struct model_operation *operation,
			    __u64 time)
{
	bool moved = operation->notes.flags & NOTE_MOVED;
	struct conflict conflict = {
		.rule = moved ? RULE_DROPPED_WRITE : RULE_FAULT_MAPS_FREED,
		.inode = operation->inode, .index = operation->notes.rival_index,
		.first = "fault", .second = "fallocate",
		.first_tid = operation->notes.rival, .second_tid = operation->task->tid,
		.first_locks = operation->notes.rival_locks,
		.second_locks = operation->notes.own_locks,
		.since = operation->notes.rival_event,
		.words = moved ? "moves the block of the page" : "frees the block of the page",
		.schedule = moved ?
			"fallocate flushes; a store makes the page dirty; fallocate removes its entry, and the "
			"store is never flushed." :
			"fallocate drops the mappings; the fault maps the block again; fallocate frees the "
			"block, which is mapped still.",
	};

	if (rule__judges(detector, conflict.rule))
		predict(detector, &conflict, time);
}

/* --- DX09 ------------------------------------------------------------------- */

/* A hole's entry goes, or its page is unmapped: 6.1 leaves the entries of holes there. */
static void write_invalidates(struct detector *detector, struct model_operation *write,
			      const struct model_entry *hole)
{
	/* Afterwards it is how it should be: the block is there already. */
	if (hole->state != ENTRY_HOLE || hole->order || write->iomap.answered ||
	    write->notes.flags & NOTE_EARLY ||
	    !operation__covers(write, hole->key.index, hole->key.index))
		return;
	note_rival(write, hole, hole->inserted_by, hole->inserted_event, hole->hole_locks,
		   model__locks_at(detector->model, write->task, LOCK_PLACE_RW,
				   &write->inode->id));
	write->notes.flags |= NOTE_EARLY;
}

static void iomap_answered(struct detector *detector, struct model_operation *operation,
			   const struct event_iomap *record)
{
	__u64 at = operation->notes.rival_index * PAGE_BYTES;

	(void)detector;
	if (operation->operation != OPERATION_WRITE || !(operation->notes.flags & NOTE_EARLY) ||
	    record->offset > at || record->length <= at - record->offset)
		return;
	if (record->type == IOMAP_TYPE_MAPPED || record->type == IOMAP_TYPE_UNWRITTEN)
		operation->notes.flags |= NOTE_ALLOCATED;
}

/* What is removed now is removed in time. */
static void write_removes(struct model_operation *write, __u64 first, __u64 last)
{
	if (write->notes.rival_index >= first && write->notes.rival_index <= last)
		write->notes.flags &= ~NOTE_ALLOCATED;
}

static void write_ended(struct detector *detector, const struct model_operation *write, __u64 time)
{
	struct conflict conflict = {
		.rule = RULE_STALE_MAPPING, .inode = write->inode,
		.index = write->notes.rival_index, .first = "fault", .second = "write",
		.first_tid = write->notes.rival, .second_tid = write->task->tid,
		.first_locks = write->notes.rival_locks, .second_locks = write->notes.own_locks,
		.since = write->notes.rival_event,
		.words = "removed the page's hole before it had a block, and not afterwards",
		.schedule = "The write removes the hole's entry; the fault maps the hole again; the write "
			    "allocates the block, and the zero page stays mapped.",
	};

	if (rule__judges(detector, RULE_STALE_MAPPING) &&
	    model__nothing_excludes(detector->model, conflict.first_locks, conflict.second_locks))
		predict(detector, &conflict, time);
}

/* --- DX06, DX07 --------------------------------------------------------------- */

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

	const struct model_operation *flip = around(task, inode, OPERATION_FILEATTR);

	if (!(record->new_flags & MODE_MOMENT))
		return;
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
	const struct model_operation *operation = around(task, inode, OPERATION_WRITEPAGES);
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

/* --- all of them -------------------------------------------------------------- */

static void entry_deleted(struct detector *detector, struct model_task *task,
			  struct model_entry *entry, enum model_removal removal, __u64 time)
{
	struct model_operation *write;

	(void)time;
	if (!task->depth || !model__known(detector->model, entry))
		return;
	write = around(task, entry->key.inode, OPERATION_WRITE);
	if (write)
		write_invalidates(detector, write, entry);
	else if (entry->state != ENTRY_HOLE)
		fallocate_deletes(detector, task, entry, removal);
}

static void operation_begun(struct detector *detector, struct model_operation *operation)
{
	struct model_operation *write;

	(void)detector;
	if (operation->operation != OPERATION_INVALIDATE)
		return;
	write = around(operation->task, operation->inode, OPERATION_WRITE);
	if (!write)
		return;
	if (write->notes.flags & NOTE_EARLY && operation__covers(operation, write->notes.rival_index,
								write->notes.rival_index))
		write->notes.flags |= NOTE_LATE;
	write_removes(write, operation->first, operation->last);
}

/*
 * Blocks that were there are answered without a record (IOMAP_IS_SETTLED of bpf/buffer.h),
 * those that were not with one, behind which the write removes what it must.
 */
static void write_invalidated(struct model_operation *write)
{
	if ((write->notes.flags & (NOTE_EARLY | NOTE_LATE)) == NOTE_EARLY)
		write->notes.flags |= NOTE_ALLOCATED;
}

#define SOME_PAGES	16

static void range_unmapped(struct detector *detector, struct model_task *task,
			   struct model_inode *inode, const struct event_range *record)
{
	struct model_operation *write = around(task, inode, OPERATION_WRITE);
	const struct model_entry *entry;
	__u64 index;

	if (!write)
		return;
	write_removes(write, record->first, record->last);
	if (!inode->hole_count || write->iomap.answered)
		return;
	for (index = write->first; index <= write->last && index - write->first < SOME_PAGES; index++) {
		entry = index >= record->first && index <= record->last ?
			model__entry(detector->model, inode, index) : NULL;
		if (entry && model__known(detector->model, entry))
			write_invalidates(detector, write, entry);
	}
}

static void operation_ended(struct detector *detector, struct model_operation *operation,
			    __s64 result, __u64 time)
{
	struct model_operation *outer;

	switch (operation->operation) {
	case OPERATION_WRITEBACK:
		outer = around(operation->task, operation->inode, OPERATION_FALLOCATE);
		if (outer && (outer->argument[0] & MODE_INSERT_OR_COLLAPSE))
			outer->notes.flags |= NOTE_FLUSHED;
		break;
	case OPERATION_WRITEPAGES:
		outer = around(operation->task, operation->inode, OPERATION_FILEATTR);
		if (outer) {
			outer->notes.flags |= NOTE_FLUSHED;
			outer->notes.own_locks =
				model__locks_at(detector->model, operation->task,
						LOCK_PLACE_WRITEPAGES, &operation->inode->id);
		}
		break;
	case OPERATION_INVALIDATE:
		outer = around(operation->task, operation->inode, OPERATION_WRITE);
		if (outer)
			write_invalidated(outer);
		break;
	case OPERATION_FALLOCATE:
		if (!result && (operation->notes.flags & NOTE_PREDICTED))
			fallocate_ended(detector, operation, time);
		break;
	case OPERATION_WRITE:
		if (result > 0 && (operation->notes.flags & NOTE_ALLOCATED))
			write_ended(detector, operation, time);
		break;
	default:
		break;
	}
}

const struct rule_hooks predict_hooks = {
	.operation_begun = operation_begun,
	.operation_ended = operation_ended,
	.entry_deleted = entry_deleted,
	.range_unmapped = range_unmapped,
	.iomap_answered = iomap_answered,
	.mode_changed = mode_changed,
	.old_mode_used = old_mode_used,
};
