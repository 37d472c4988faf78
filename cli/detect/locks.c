// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * DX13, DX14, DX18 and DX19: what edges of the lock-order graph and locks that
 * were never released say.
 *
 * All need the taking and the release of rwsems and mutexes, and are silent where
 * a release may have been missed (LOCK_EDGE_UNSURE) until the end tells that none was.
 *
 * DX13 lock-order-inversion: the edges of different classes make a cycle, whenever each
 * was seen; or one goes against the ranks of a file.  Unknown is an edge for which
 * there is no room.  The window is an edge that is new, which is contested as well.
 * History: fb26a1cbed8c, and the usual mmap_lock inside of what the fault needs (the lock of
 * ea3d7209ca01).
 *
 * DX14 lock-self-deadlock: a task waits for the very lock that it holds; for reading
 * twice it is predicted, since that takes a writer in between.  Silent about two locks
 * of one class, and about modes that allow it (LOCK_MODE_READ_RECURSIVE).  The window is
 * two locks of one class; contested if they are one.  History: write(2) from a buffer
 * that is mapped from its own file; fffa281b48a9 is the same with the lock of an entry.
 *
 * DX18 lock-leak: a task ended, or went back to user mode, with a lock or a handle held.
 * Needs the ends of tasks as well; silent about a return to user mode before the next
 * fsync(2) or the end, where alone it is looked for.  The window is each lock that is
 * taken.  History: 9ba6873e1603, and error paths that return without unlocking.
 *
 * DX19 sync-in-handle: inside of a journal handle writeback or invalidation began, or a
 * lock was taken that the ranks place above the journal.  Needs the beginnings of
 * writeback and invalidation as well; silent where there is no journal: there are no
 * handles.  The window is whatever is taken or begun inside of a handle.  History: ext4
 * writes back before it starts the handle that changes a file's journalling mode
 * (c8585c6fcaf2).
 *
 * An edge is news once in a run (the kernel side absorbs the rest), so that all
 * this costs nothing where it matters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/private.h"

#define SIGNATURE_LENGTH	2048

static const char *comm_or(const char *comm)
{
	return *comm ? comm : "?";
}

/* The filesystem whose locks these are, or "-". */
static const char *fstype_of(const struct order_class *first, const struct order_class *second)
{
	if (*first->fstype)
		return first->fstype;
	return second && *second->fstype ? second->fstype : "-";
}

/*
 * Every run must give a cycle the same name, whichever edge closed it: begin
 * with the class whose label sorts first.
 */
static void name_cycle(const struct order_cycle *cycle, char *signature)
{
	unsigned int first = 0, i;
	size_t used;

	for (i = 1; i < cycle->length; i++)
		if (strcmp(cycle->edges[i]->from->label, cycle->edges[first]->from->label) < 0)
			first = i;
	used = snprintf(signature, SIGNATURE_LENGTH, "cycle");
	for (i = 0; i < cycle->length && used < SIGNATURE_LENGTH; i++)
		used += snprintf(signature + used, SIGNATURE_LENGTH - used, "|%s",
				 cycle->edges[(first + i) % cycle->length]->from->label);
}

static const char *cycle_fstype(const struct order_cycle *cycle)
{
	unsigned int i;

	for (i = 0; i < cycle->length; i++)
		if (*cycle->edges[i]->from->fstype)
			return cycle->edges[i]->from->fstype;
	return "-";
}

/* "A -> B -> A", shortened in the middle if it is too long for a summary. */
static void write_chain(const struct order_cycle *cycle, char *text, size_t length)
{
	size_t used;
	unsigned int i;

	used = snprintf(text, length, "%s", cycle->edges[0]->from->label);
	for (i = 0; i < cycle->length && used < length; i++)
		used += snprintf(text + used, length - used, " -> %s", cycle->edges[i]->to->label);
}

static void report_cycle(struct detector *detector, const struct order_cycle *cycle, __u64 time)
{
	char signature[SIGNATURE_LENGTH], chain[FINDING_SUMMARY - 64];
	const struct order_edge *edge;
	struct finding *finding;
	unsigned int i, k;

	name_cycle(cycle, signature);
	finding = finding__begin_lock(detector, RULE_LOCK_ORDER, cycle_fstype(cycle), time,
				      signature);
	if (!finding)
		return;
	finding->certainty = "predicted";
	finding->cycle = cycle;
	write_chain(cycle, chain, sizeof(chain));
	snprintf(finding->summary, sizeof(finding->summary),
		 "locks are taken in opposite orders: %s", chain);
	for (i = 0; i < cycle->length; i++) {
		edge = cycle->edges[i];
		for (k = 0; k < finding->actor_count; k++)
			if (finding->actors[k].tid == edge->first.tid)
				break;
		if (k == finding->actor_count)
			finding__actor(finding, detector, edge->first.tid, "takes locks");
	}
	finding__commit(detector, finding);
}

static struct finding *begin_edge(struct detector *detector, enum rule_index rule,
				  const char *kind, const struct order_edge *edge,
				  const struct order_sight *sight)
{
	char signature[SIGNATURE_LENGTH];
	struct finding *finding;

	snprintf(signature, sizeof(signature), "%s|%s|%s", kind, edge->from->label,
		 edge->to->label);
	finding = finding__begin_lock(detector, rule, fstype_of(edge->from, edge->to), sight->time,
				      signature);
	if (!finding)
		return NULL;
	finding->edge = edge;
	finding->sight = *sight;
	finding__actor(finding, detector, sight->tid, "takes locks");
	return finding;
}

/* A lock that ranks above the journal may not be taken inside of a handle: DX19. */
static void check_ranks(struct detector *detector, struct order_edge *edge,
			const struct order_sight *sight)
{
	bool handle = edge->from->type == LOCK_HANDLE;
	enum rule_index rule = handle ? RULE_SYNC_IN_HANDLE : RULE_LOCK_ORDER;
	struct rank_violation violation;
	struct finding *finding;

	if (edge->against_ranks || edge->from == edge->to || !rule__judges(detector, rule) ||
	    !ranks__violated(detector->options.ranks, edge->from, edge->to, &violation))
		return;
	edge->against_ranks = true;
	finding = begin_edge(detector, rule, "rank", edge, sight);
	if (!finding)
		return;
	finding->certainty = "predicted";
	finding->violation = violation;
	snprintf(finding->summary, sizeof(finding->summary),
		 "%s was taken inside of %s; the ranks of %s say the opposite order", edge->to->label,
		 edge->from->label, violation.fstype);
	finding__commit(detector, finding);
}

static void report_sync_in_handle(struct detector *detector, struct order_edge *edge,
				  const struct order_sight *sight)
{
	struct finding *finding;

	if (!rule__judges(detector, RULE_SYNC_IN_HANDLE))
		return;
	finding = begin_edge(detector, RULE_SYNC_IN_HANDLE, "in handle", edge, sight);
	if (!finding)
		return;
	snprintf(finding->summary, sizeof(finding->summary), "%s[%u] began %s with a journal handle "
		 "open", comm_or(sight->comm), sight->tid,
		 edge->to->type == LOCK_WRITEBACK ? "writeback" : "to invalidate pages");
	finding__commit(detector, finding);
}

/* The same lock, a second time, by the task that has it. */
static void report_self(struct detector *detector, struct order_edge *edge,
			const struct order_sight *sight)
{
	bool readers = sight->from_mode != LOCK_MODE_WRITE && sight->to_mode != LOCK_MODE_WRITE;
	struct finding *finding;
	char kind[64];

	if (!rule__judges(detector, RULE_SELF_DEADLOCK) || sight->to_mode == LOCK_MODE_READ_RECURSIVE)
		return;
	snprintf(kind, sizeof(kind), "self|%s|%s", lock_mode_name(sight->from_mode),
		 lock_mode_name(sight->to_mode));
	finding = begin_edge(detector, RULE_SELF_DEADLOCK, kind, edge, sight);
	if (!finding)
		return;
	/* Two readers get along until a writer queues up between them. */
	finding->certainty = readers ? "predicted" : "observed";
	snprintf(finding->summary, sizeof(finding->summary), "%s[%u] holds %s (%s) and waits for the "
		 "same lock (%s)%s", comm_or(sight->comm), sight->tid, edge->from->label,
		 lock_mode_name(sight->from_mode), lock_mode_name(sight->to_mode),
		 readers ? "; a writer that comes between the two stops it for ever" : "");
	finding__commit(detector, finding);
}

static void take_edge(struct detector *detector, const char *comm,
		      const struct event_lock_edge *record)
{
	struct order_sight sight = {
		.time = record->header.time, .tid = record->header.tid,
		.from_mode = record->from_mode, .to_mode = record->to_mode, .flags = record->flags,
		.from_stack = record->from_stack, .to_stack = record->to_stack,
	};
	struct order_edge *edge;
	enum order_change change;

	snprintf(sight.comm, sizeof(sight.comm), "%s", comm);
	change = order_stream__edge(detector->order, record, comm, &edge);
	if (!edge) {
		detector->coverage[RULE_LOCK_ORDER].unknown++;
		return;
	}
	if (edge->from->type == LOCK_HANDLE)
		detector->coverage[RULE_SYNC_IN_HANDLE].windows++;
	if (edge->from->type == LOCK_HANDLE &&
	    (edge->to->type == LOCK_WRITEBACK || edge->to->type == LOCK_INVALIDATE)) {
		detector->coverage[RULE_SYNC_IN_HANDLE].contested++;
		report_sync_in_handle(detector, edge, &sight);
		return;
	}
	if (edge->from == edge->to) {
		detector->coverage[RULE_SELF_DEADLOCK].windows++;
		if (record->flags & LOCK_EDGE_SAME) {
			detector->coverage[RULE_SELF_DEADLOCK].contested++;
			report_self(detector, edge, &sight);
		}
		return;
	}
	if (edge->sights == 1) {
		/* Each order that was seen could have been contradicted. */
		detector->coverage[RULE_LOCK_ORDER].windows++;
		detector->coverage[RULE_LOCK_ORDER].contested++;
	}
	if (change == ORDER_CYCLE && rule__judges(detector, RULE_LOCK_ORDER))
		report_cycle(detector,
			     order_graph__newest_cycle(order_stream__graph(detector->order)),
			     sight.time);
	check_ranks(detector, edge, &sight);
}

/* "function" of "function+0x12 [module]" */
static void function_of(const struct model *model, __s32 stack, char *text, size_t length)
{
	const __u64 *address;
	unsigned int depth = model__stack(model, stack, &address), i;
	const char *name;

	text[0] = '\0';
	for (i = 0; i < depth; i++) {
		name = model__symbol(model, address[i]);
		/* Not the tracing itself, nor the function that takes any lock. */
		if (!name || !strncmp(name, "bpf_", 4) || !strncmp(name, "__bpf_", 6) ||
		    !strncmp(name, "down_", 5) || !strncmp(name, "mutex_", 6))
			continue;
		snprintf(text, length, "%.*s", (int)strcspn(name, "+"), name);
		return;
	}
}

static void take_leak(struct detector *detector, const struct model_task *task,
		      const struct event_lock_leak *record)
{
	struct order_class *class = order_stream__class(detector->order, record->class);
	char signature[SIGNATURE_LENGTH], function[128];
	struct finding *finding;

	if (!class) {
		detector->coverage[RULE_LOCK_LEAK].unknown++;
		return;
	}
	if (!rule__judges(detector, RULE_LOCK_LEAK))
		return;
	function_of(detector->model, record->stack, function, sizeof(function));
	snprintf(signature, sizeof(signature), "leak|%s|%s", class->label, function);
	finding = finding__begin_lock(detector, RULE_LOCK_LEAK, fstype_of(class, NULL),
				      record->header.time, signature);
	if (!finding)
		return;
	finding->class = class;
	finding->sight.from_mode = record->mode;
	finding->sight.from_stack = record->stack;
	finding->sight.to_stack = -1;
	finding->sight.tid = record->header.tid;
	finding__actor(finding, detector, record->header.tid, "holds it");
	snprintf(finding->summary, sizeof(finding->summary), "%s[%u] %s with %s held (%s)%s%s",
		 comm_or(task->comm), task->tid,
		 record->ended ? "ended" : "went back to user mode", class->label,
		 lock_mode_name(record->mode), *function ? ", taken in " : "", function);
	finding__commit(detector, finding);
}

/* Kept for the end; without room for it the graph is not whole. */
static void keep_unsure(struct detector *detector, const struct event_lock_edge *record)
{
	struct unsure_edges *unsure = &detector->unsure;

	if (!unsure->edges)
		unsure->edges = calloc(MAX_UNSURE, sizeof(*unsure->edges));
	if (!unsure->edges || unsure->count == MAX_UNSURE) {
		detector->coverage[RULE_LOCK_ORDER].unknown++;
		return;
	}
	unsure->edges[unsure->count++] = *record;
}

/* All that could not run until now has been told, and so whether a release may be missing. */
static void settle_unsure(struct detector *detector)
{
	const struct order_loss *loss = order_stream__loss(detector->order);
	struct unsure_edges *unsure = &detector->unsure;
	const struct model_task *task;
	size_t i, count = unsure->count;

	unsure->count = 0;
	finding__settle(detector, !loss->missed);
	if (loss->missed) {
		detector->coverage[RULE_LOCK_ORDER].unknown += count;
		return;
	}
	for (i = 0; i < count; i++) {
		task = model__task(detector->model, unsure->edges[i].header.tid);
		take_edge(detector, task ? task->comm : "?", &unsure->edges[i]);
	}
}

static void lock(struct detector *detector, const struct model_task *task,
		 const struct event_header *record)
{
	const struct event_lock_edge *edge = (const void *)record;
	const struct event_lock_count *count = (const void *)record;
	struct coverage *leaks = &detector->coverage[RULE_LOCK_LEAK];

	switch (record->type) {
	case EVENT_LOCK_EDGE:
		if (edge->flags & LOCK_EDGE_UNSURE)
			keep_unsure(detector, edge);
		else
			take_edge(detector, task->comm, edge);
		break;
	case EVENT_LOCK_LEAK:
		take_leak(detector, task, (const void *)record);
		break;
	case EVENT_LOCK_COUNT:
		/* Whatever is taken can leak; it needs no rival. */
		leaks->windows += count->acquisitions;
		leaks->contested += count->acquisitions;
		break;
	case EVENT_LOCK_LOSS:
		settle_unsure(detector);
		break;
	}
}

const struct rule_hooks lock_hooks = {
	.lock = lock,
};
