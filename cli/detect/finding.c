// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Findings: made, fingerprinted, kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/private.h"

/* Earlier events of the pages that a report shows before the race itself. */
#define PROLOGUE	4

/* Each takes about 4 KiB. */
#define MAX_FINDINGS	4096

/* FNV-1a, 64 bits: written down here so that fingerprints never change. */
static __u64 hash(__u64 value, const char *text)
{
	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3ULL;
	return (value ^ '|') * 0x100000001b3ULL;
}

/* The first finding of this fingerprint, on whatever inode. */
static struct finding *find_alike(struct detector *detector, __u64 fingerprint)
{
	struct finding *finding;

	for (finding = detector->first; finding; finding = finding->next)
		if (finding->key.fingerprint == fingerprint)
			return finding;
	return NULL;
}

static struct finding *begin(struct detector *detector, enum rule_index rule, const char *fstype,
			     const struct inode_id *id, __u64 time, const char *signature)
{
	struct finding_key key;
	__u64 fingerprint = 0xcbf29ce484222325ULL;
	struct finding *finding;

	fingerprint = hash(fingerprint, rule_table[rule]->id);
	fingerprint = hash(fingerprint, fstype);
	fingerprint = hash(fingerprint, signature);
	key.fingerprint = fingerprint;
	key.inode = *id;
	HASH_FIND(hh, detector->index, &key, sizeof(key), finding);
	if (!finding && detector->count + detector->waiting_count >= MAX_FINDINGS) {
		finding = find_alike(detector, fingerprint);
		if (!finding) {
			detector->unlisted++;
			return NULL;
		}
	}
	if (finding) {
		finding->occurrences++;
		return NULL;
	}
	finding = calloc(1, sizeof(*finding));
	if (!finding)
		model__out_of_memory();
	finding->rule = rule;
	finding->certainty = "observed";
	snprintf(finding->fstype, sizeof(finding->fstype), "%s", fstype);
	finding->key.inode = key.inode;
	finding->key.fingerprint = key.fingerprint;
	finding->time = time;
	finding->occurrences = 1;
	finding->moment = -1;
	return finding;
}

struct finding *finding__begin(struct detector *detector, enum rule_index rule,
			       const struct model_inode *inode, __u64 index, __u64 pages,
			       __u64 time, const char *signature)
{
	struct finding *finding = begin(detector, rule, inode->fstype, &inode->id, time, signature);

	if (finding) {
		finding->index = index;
		finding->pages = pages;
	}
	return finding;
}

struct finding *finding__begin_lock(struct detector *detector, enum rule_index rule,
				    const char *fstype, __u64 time, const char *signature)
{
	static const struct inode_id none;

	return begin(detector, rule, fstype, &none, time, signature);
}

void finding__actor(struct finding *finding, const struct detector *detector, __u32 tid,
		    const char *role)
{
	const struct model_task *task = model__task(detector->model, tid);
	struct finding_actor *actor;

	if (finding->actor_count == FINDING_MAX_ACTORS)
		return;
	actor = &finding->actors[finding->actor_count++];
	actor->tid = tid;
	actor->role = role;
	snprintf(actor->comm, sizeof(actor->comm), "%s", task ? task->comm : "?");
}

/*
 * How many operations of the actors the events so far show the end of, but not
 * the beginning.  The walk is backward: an end opens, a beginning closes.
 */
static int follow_nesting(const struct finding *finding, const struct model_event *event, int open)
{
	unsigned int i;

	for (i = 0; i < finding->actor_count; i++)
		if (finding->actors[i].tid == event->tid)
			break;
	if (i == finding->actor_count)
		return open;
	if (event->type == EVENT_EXIT)
		return open + 1;
	if (event->type == EVENT_ENTER && open)
		return open - 1;
	return open;
}

void finding__history(struct finding *finding, const struct detector *detector,
		      const struct model_inode *inode, __u64 since)
{
	const struct model_event *event;
	unsigned int count = 0, before = 0;
	__u64 number = inode->last_event, last = finding->index + finding->pages - 1;
	int open = 0;

	while ((event = model__event(detector->model, number)) && count < FINDING_MAX_EVENTS) {
		number = event->previous;
		if (event->first > last || event->last < finding->index)
			continue;
		/* Whole operations, and then some of what went before. */
		if (event->number < since && !open && ++before > PROLOGUE)
			break;
		open = follow_nesting(finding, event, open);
		/* Filled from the end, and moved to the front below. */
		finding->events[FINDING_MAX_EVENTS - ++count] = *event;
	}
	memmove(finding->events, finding->events + FINDING_MAX_EVENTS - count,
		count * sizeof(*finding->events));
	/* How it began is worth more than any one event in between. */
	event = model__event(detector->model, since);
	if (event && count == FINDING_MAX_EVENTS && finding->events[0].number > since) {
		finding->events[0] = *event;
		finding->events_cut = true;
	}
	finding->event_count = count;
	finding->moment = count ? (int)count - 1 : -1;
}

bool finding__is_observed(const struct detector *detector, enum rule_index rule,
			  const struct model_inode *inode)
{
	const struct finding *finding;

	for (finding = detector->first; finding; finding = finding->next)
		if (finding->rule == rule && !*finding->schedule &&
		    !memcmp(&finding->key.inode, &inode->id, sizeof(inode->id)))
			return true;
	return false;
}

/* It cannot be told from one that misses what was lost. */
static void give_up(struct detector *detector, struct finding *finding)
{
	detector->coverage[finding->rule].unknown++;
	HASH_DEL(detector->index, finding);
	free(finding);
}

static void publish(struct detector *detector, struct finding *finding)
{
	finding->lost = model__loss(detector->model)->records;
	finding->next = NULL;
	*detector->last = finding;
	detector->last = &finding->next;
	detector->count++;
	if (finding->time > detector->newest)
		detector->newest = finding->time;
	if (detector->options.found)
		detector->options.found(detector->options.context, detector, finding);
}

/* What orders of locks rest on the kernel has been asked for. */
static bool is_doubtful(const struct finding *finding, __u64 since, __u64 until)
{
	return until && !finding__is_about_locks(finding) &&
	       finding->time >= since && finding->time <= until;
}

void finding__commit(struct detector *detector, struct finding *finding)
{
	held__note(detector, finding);
	HASH_ADD(hh, detector->index, key, sizeof(finding->key), finding);
	if (is_doubtful(finding, 0, detector->doubted_until) ||
	    (!finding__is_about_locks(finding) && detector->options.untold &&
	     detector->options.untold(detector->options.context)))
		give_up(detector, finding);
	else
		publish(detector, finding);
}

/* Of one list.  How many were given up. */
static size_t doubt(struct detector *detector, struct finding **link, __u64 since, __u64 until)
{
	struct finding *finding;
	size_t count = 0;

	while ((finding = *link)) {
		if (!is_doubtful(finding, since, until)) {
			link = &finding->next;
			continue;
		}
		*link = finding->next;
		give_up(detector, finding);
		count++;
	}
	return count;
}

void finding__doubt(struct detector *detector, __u64 since, __u64 until)
{
	if (until > detector->doubted_until)
		detector->doubted_until = until;
	detector->waiting_count -= doubt(detector, &detector->waiting, since, until);
	/* Live it has been asked for when the finding was made. */
	if (detector->options.untold || since > detector->newest)
		return;
	detector->count -= doubt(detector, &detector->first, since, until);
	detector->newest = 0;
	for (detector->last = &detector->first; *detector->last;) {
		if ((*detector->last)->time > detector->newest)
			detector->newest = (*detector->last)->time;
		detector->last = &(*detector->last)->next;
	}
}

void finding__commit_if_seen(struct detector *detector, struct finding *finding)
{
	held__note(detector, finding);
	HASH_ADD(hh, detector->index, key, sizeof(finding->key), finding);
	finding->next = detector->waiting;
	detector->waiting = finding;
	detector->waiting_count++;
}

void finding__settle(struct detector *detector, bool all_seen)
{
	struct finding *finding, *next, *oldest = NULL;

	for (finding = detector->waiting; finding; finding = next) {
		next = finding->next;
		finding->next = oldest;
		oldest = finding;
	}
	detector->waiting = NULL;
	detector->waiting_count = 0;
	for (finding = oldest; finding; finding = next) {
		next = finding->next;
		if (all_seen && !is_doubtful(finding, 0, detector->doubted_until)) {
			publish(detector, finding);
			continue;
		}
		give_up(detector, finding);
	}
}
