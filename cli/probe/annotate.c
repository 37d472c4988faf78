// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/annotate.h"
#include "probe/lockname.h"
#include "probe/symbols.h"
#include "probe/usersyms.h"
#include "bpf/lock.bpf.h"	/* after the records */

/* Without memory for its table it can tell nothing any more. */
#include "common/log.h"
static void out_of_memory(void) __attribute__((noreturn));
#define uthash_fatal(message) out_of_memory()
#include <uthash.h>

/* Ids are below the size of the BPF map (bpf/daxtrace.bpf.h: stacks_map). */
#define STACK_IDS	4096
/* Addresses already named; a small power of two, since collisions cost a repeat only. */
#define NAMED		8192
/* How often it is asked what of locks was not followed: it takes a system call a program. */
#define LOCK_LOSS_NS	500000000ULL

/* A user stack that has been told: its addresses are one process's. */
struct user_stack {
	struct {
		__u32 tgid;
		__s32 id;	/* the BPF map's */
	} key;
	__s32 told;		/* the trace's */
	UT_hash_handle hh;
};

struct annotator {
	const struct probe *probe;
	probe_visit visit;
	void *context;
	struct symbols *symbols;
	struct lock_names *lock_names;
	__u64 edges;
	__u64 lost;
	__u64 newest;			/* time of the last record that came */
	__u64 quiet;			/* ns: up to then it was told that nothing was to be told */
	/* What waits for what was not followed up to now; when and what was told of that. */
	bool unsure;
	__u64 lock_loss_time;
	struct event_lock_loss lock_loss;
	unsigned char seen[STACK_IDS / 8];
	__u64 named[NAMED];
	struct user_symbols *user_symbols;	/* NULL: not asked for */
	struct user_stack *user_stacks;
	__s32 next_user_stack;
};

static void out_of_memory(void)
{
	log_error("out of memory: the records cannot be read any more; the result is unknown");
	exit(STATUS_INCONCLUSIVE);
}

struct annotator *annotator__new(const struct probe *probe, probe_visit visit, void *context)
{
	struct annotator *annotator = calloc(1, sizeof(*annotator));

	if (!annotator)
		return NULL;
	annotator->probe = probe;
	annotator->visit = visit;
	annotator->context = context;
	annotator->symbols = symbols__new(KALLSYMS, probe__name, probe);
	if (probe__has_user_stacks(probe))
		annotator->user_symbols = user_symbols__new();
	if (!annotator->symbols || (probe__has_user_stacks(probe) && !annotator->user_symbols)) {
		annotator__free(annotator);
		return NULL;
	}
	return annotator;
}

void annotator__free(struct annotator *annotator)
{
	struct user_stack *stack, *next;

	if (!annotator)
		return;
	HASH_ITER(hh, annotator->user_stacks, stack, next) {
		HASH_DEL(annotator->user_stacks, stack);
		free(stack);
	}
	user_symbols__free(annotator->user_symbols);
	symbols__free(annotator->symbols);
	lock_names__free(annotator->lock_names);
	free(annotator);
}

__u64 annotator__lost(const struct annotator *annotator)
{
	return annotator->lost;
}

static void fill_header(struct event_header *header, __u16 type, __u16 size, __u64 time)
{
	memset(header, 0, size);
	header->time = time;
	header->type = type;
	header->size = size;
}

static int name_address(struct annotator *annotator, __u64 address, __u64 time)
{
	__u64 *slot = &annotator->named[(address >> 2) % NAMED];
	struct event_symbol symbol;

	if (*slot == address)
		return 0;
	fill_header(&symbol.header, EVENT_SYMBOL, sizeof(symbol), time);
	symbol.address = address;
	if (!symbols__find(annotator->symbols, address, symbol.name, sizeof(symbol.name),
			   &symbol.offset))
		return 0;
	*slot = address;
	return annotator->visit(annotator->context, &symbol.header);
}

static int describe_stack(struct annotator *annotator, __s32 id, __u64 time)
{
	struct event_stack stack;
	unsigned int i;
	int err;

	fill_header(&stack.header, EVENT_STACK, sizeof(stack), time);
	stack.id = id;
	stack.depth = probe__stack(annotator->probe, id, stack.address);
	if (!stack.depth)
		return 0;
	err = annotator->visit(annotator->context, &stack.header);
	symbols__refresh(annotator->symbols);
	for (i = 0; i < stack.depth && err >= 0; i++)
		err = name_address(annotator, stack.address[i], time);
	return err;
}

static int name_operations(struct annotator *annotator, const struct event_mode *mode)
{
	int err;

	symbols__refresh(annotator->symbols);
	err = name_address(annotator, mode->old_operations, mode->header.time);
	return err < 0 ? err : name_address(annotator, mode->new_operations, mode->header.time);
}

static int need_stack(struct annotator *annotator, __s32 id, __u64 time)
{
	if (id < 0 || id >= STACK_IDS || annotator->seen[id / 8] & 1 << id % 8)
		return 0;
	annotator->seen[id / 8] |= 1 << id % 8;
	return describe_stack(annotator, id, time);
}

/* --- user stacks ------------------------------------------------------------ */

/* The frames, each in a record; how many, or a negative return of visit. */
static int describe_user_stack(struct annotator *annotator, const struct event_user_stack *record,
			       __s32 told)
{
	__u64 address[EVENT_STACK_DEPTH];
	struct event_user_frame frame;
	unsigned int depth, i;
	int err = 0;

	depth = probe__user_stack(annotator->probe, record->stack, address);
	for (i = 0; i < depth && err >= 0; i++) {
		fill_header(&frame.header, EVENT_USER_FRAME, sizeof(frame), record->header.time);
		frame.header.tid = record->header.tid;
		frame.header.tgid = record->header.tgid;
		frame.stack = told;
		frame.frame = i;
		frame.frames = depth;
		frame.address = address[i];
		user_symbols__find(annotator->user_symbols, record->header.tgid, &frame);
		err = annotator->visit(annotator->context, &frame.header);
	}
	return err < 0 ? err : (int)depth;
}

/* The record with a stack that is the trace's, whose frames have been told. */
static int visit_user_stack(struct annotator *annotator, const struct event_user_stack *given)
{
	struct event_user_stack record = *given;
	struct user_stack *stack, key;
	int depth;

	if (record.stack >= 0 && annotator->user_symbols) {
		memset(&key, 0, sizeof(key));
		key.key.tgid = record.header.tgid;
		key.key.id = record.stack;
		HASH_FIND(hh, annotator->user_stacks, &key.key, sizeof(key.key), stack);
		if (!stack) {
			depth = describe_user_stack(annotator, given, annotator->next_user_stack);
			if (depth < 0)
				return depth;
			stack = malloc(sizeof(*stack));
			if (!stack)
				out_of_memory();
			*stack = key;
			stack->told = depth ? annotator->next_user_stack++ : -1;
			HASH_ADD(hh, annotator->user_stacks, key, sizeof(stack->key), stack);
		}
		record.stack = stack->told;
	}
	return annotator->visit(annotator->context, &record.header);
}

/* It has another name; after an exec something else may be at its addresses. */
static void take_rename(struct annotator *annotator, __u32 tgid)
{
	struct user_stack *stack, *next;

	if (!user_symbols__renamed(annotator->user_symbols, tgid))
		return;
	HASH_ITER(hh, annotator->user_stacks, stack, next) {
		if (stack->key.tgid != tgid)
			continue;
		HASH_DEL(annotator->user_stacks, stack);
		free(stack);
	}
}

/* What a record refers to, before it. */
static int prepare(struct annotator *annotator, const struct event_header *record)
{
	const struct event_lock_edge *edge;
	int err;

	switch (record->type) {
	case EVENT_MODE:
		return name_operations(annotator, (const struct event_mode *)record);
	case EVENT_ENTER:
	case EVENT_OLD_MODE:
		return need_stack(annotator, ((const struct event_enter *)record)->stack,
				  record->time);
	case EVENT_LOCK_EDGE:
		annotator->edges++;
		edge = (const struct event_lock_edge *)record;
		if (edge->flags & LOCK_EDGE_UNSURE)
			annotator->unsure = true;
		err = need_stack(annotator, edge->from_stack, record->time);
		return err < 0 ? err : need_stack(annotator, edge->to_stack, record->time);
	case EVENT_LOCK_SET:
		annotator->unsure = true;
		return 0;
	case EVENT_LOCK_LEAK:
		return need_stack(annotator, ((const struct event_lock_leak *)record)->stack,
				  record->time);
	default:
		return 0;
	}
}

static int name_lock(struct annotator *annotator, const struct event_lock_class *class)
{
	struct event_lock_name name;

	if (!annotator->lock_names)
		annotator->lock_names = lock_names__new();
	if (!annotator->lock_names)
		return 0;
	fill_header(&name.header, EVENT_LOCK_NAME, sizeof(name), class->header.time);
	name.id = class->id;
	lock_names__find(annotator->lock_names, annotator->symbols, class, name.name,
			 sizeof(name.name));
	return annotator->visit(annotator->context, &name.header);
}

int annotator__visit(void *context, const struct event_header *record)
{
	struct annotator *annotator = context;
	int err;

	annotator->lost += record->lost;
	annotator->newest = record->time;
	if (record->type == EVENT_USER_STACK)
		return visit_user_stack(annotator, (const struct event_user_stack *)record);
	if (record->type == EVENT_TASK && annotator->user_symbols && record->tid == record->tgid)
		take_rename(annotator, record->tgid);
	err = prepare(annotator, record);
	if (err < 0)
		return err;
	err = annotator->visit(annotator->context, record);
	if (err >= 0 && record->type == EVENT_LOCK_CLASS)
		err = name_lock(annotator, (const struct event_lock_class *)record);
	return err;
}

__u64 annotator__edges(const struct annotator *annotator)
{
	return annotator->edges;
}

__u64 annotator__now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int visit_count(void *context, __u32 id, const struct lock_count *count)
{
	struct annotator *annotator = context;
	struct event_lock_count record;

	fill_header(&record.header, EVENT_LOCK_COUNT, sizeof(record), annotator__now());
	record.id = id;
	record.acquisitions = count->acquisitions;
	record.max_depth = count->max_depth;
	record.contentions = count->contentions;
	record.waited = count->waited;
	record.longest = count->longest;
	if (probe__missing(annotator->probe) & OBSERVED_BIT(OBSERVED_LOCK_CONTENTION))
		record.contentions = LOCK_CONTENTIONS_UNKNOWN;
	return annotator->visit(annotator->context, &record.header);
}

/* What was lost since the last time; also if nothing was. */
static int tell_lock_loss(struct annotator *annotator, __u64 time)
{
	struct event_lock_loss *told = &annotator->lock_loss, now, loss;

	memset(&now, 0, sizeof(now));
	if (!probe__lock_loss(annotator->probe, &now))
		return 0;
	fill_header(&loss.header, EVENT_LOCK_LOSS, sizeof(loss), time);
	loss.unseen = now.unseen - told->unseen;
	loss.overflow = now.overflow - told->overflow;
	loss.room = now.room - told->room;
	loss.stale = now.stale - told->stale;
	loss.missed = now.missed - told->missed;
	*told = now;
	annotator->unsure = false;
	return annotator->visit(annotator->context, &loss.header);
}

int annotator__locks_now(struct annotator *annotator)
{
	__u64 now = annotator__now();

	if (!annotator->unsure || now - annotator->lock_loss_time < LOCK_LOSS_NS)
		return 0;
	annotator->lock_loss_time = now;
	/* Not now: records from before now may still come. */
	return tell_lock_loss(annotator, annotator->newest);
}

int annotator__locks_end(struct annotator *annotator)
{
	int err = probe__lock_counts(annotator->probe, visit_count, annotator);

	return err < 0 ? err : tell_lock_loss(annotator, annotator__now());
}

/* A record that a preempted program makes may come late, but not so late. */
#define QUIET_NS	5000000000ULL
#define LATE_NS		2000000000ULL

int annotator__quiet(struct annotator *annotator)
{
	__u64 now = annotator__now(), told = annotator->newest;
	struct event_gap gap;

	told = annotator->quiet > told ? annotator->quiet : told;
	if (!told || now < told + QUIET_NS)
		return 0;
	fill_header(&gap.header, EVENT_GAP, sizeof(gap), now - LATE_NS);
	annotator->quiet = gap.header.time;
	return annotator->visit(annotator->context, &gap.header);
}

int annotator__gap(struct annotator *annotator, __u64 lost, __u64 since)
{
	struct event_gap gap;
	__u64 now = annotator__now();

	/* Not now: records from before now may still come. */
	fill_header(&gap.header, EVENT_GAP, sizeof(gap), annotator->newest ?: now);
	gap.lost = lost;
	gap.since = since;
	gap.until = now;
	annotator->lost += lost;
	return annotator->visit(annotator->context, &gap.header);
}
