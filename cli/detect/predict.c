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
 * known to have run.  Silent if either set is not known as a whole, or has a
 * percpu_rw_semaphore, of which readers are invisible.
 *
 * Which two, and what else may keep them apart: predict_lost.c (DX01), predict_blocks.c
 * (DX08 to DX10), predict_mode.c (DX04, DX06, DX07).  Predicted without locks: stale.c
 * (DX09), layout.c (DX11), and DX01 in part.
 *
 * Not predicted: DX02 and DX03, since the kernel write-protects and flushes or not, and is
 * seen to; DX05, since a flip may refuse what is dirty instead of writing it back, by a look
 * at the tags that is not seen.
 */
#include <stdio.h>
#include <string.h>

#include "detect/predict.h"

/* Or "no lock" */
static void name_locks(const struct detector *detector, __u32 id, char *text, size_t length)
{
	const struct model_locks *locks = model__locks(detector->model, id);

	if (locks && locks->count)
		detector__name_held(detector, locks->held, locks->count, text, length);
	else
		snprintf(text, length, "no lock");
}

/* How it was in this run, which orders nothing. */
static void tell_order(const struct detector *detector, const struct conflict *conflict, __u64 time,
		       char *text, size_t length)
{
	const struct model_event *event = model__event(detector->model, conflict->since);

	*text = '\0';
	if (conflict->first_tid == conflict->second_tid)
		snprintf(text, length, "  In this run one task did both; of two nothing in the kernel "
			 "makes one wait.");
	else if (event && event->time <= time)
		snprintf(text, length, "  In this run the %s came %.3f s earlier, which user space saw "
			 "to, or luck.", conflict->first, (time - event->time) / 1e9);
}

static void tell_schedule(const struct detector *detector, const struct conflict *conflict, __u64 time,
			  struct finding *finding)
{
	char first[160], second[160], order[128];

	tell_order(detector, conflict, time, order, sizeof(order));
	if (!conflict->first_locks) {
		snprintf(finding->schedule, sizeof(finding->schedule), "%s%s", conflict->schedule, order);
		return;
	}
	name_locks(detector, conflict->first_locks, first, sizeof(first));
	name_locks(detector, conflict->second_locks, second, sizeof(second));
	snprintf(finding->schedule, sizeof(finding->schedule),
		 "%s  The %s holds %s; the %s holds %s: %s.%s", conflict->schedule, conflict->first,
		 first, conflict->second, second,
		 model__nothing_excludes(detector->model, conflict->first_locks,
					 conflict->second_locks) ?
		 "no lock in common keeps one out while the other is at it" :
		 "but it lets go between the two steps what would keep the other out", order);
}

void predict(struct detector *detector, const struct conflict *conflict, __u64 time)
{
	char signature[160];
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
	tell_schedule(detector, conflict, time, finding);
	finding__actor(finding, detector, conflict->first_tid, conflict->first);
	if (conflict->second_tid != conflict->first_tid)
		finding__actor(finding, detector, conflict->second_tid, conflict->second);
	finding__history(finding, detector, conflict->inode, conflict->since);
	/* Nothing has happened, so there is no moment. */
	finding->moment = -1;
	if (conflict->first_locks)
		finding__commit_if_seen(detector, finding);
	else
		finding__commit(detector, finding);
}

void predict__note(struct model_operation *operation, const struct model_entry *entry,
		   __u32 tid, __u64 event, __u32 rival_locks, __u32 own_locks)
{
	operation->notes.rival = tid;
	operation->notes.rival_index = entry->key.index;
	operation->notes.rival_event = event;
	operation->notes.rival_locks = rival_locks;
	operation->notes.own_locks = own_locks;
}
