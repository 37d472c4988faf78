// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Cut a stretch out of a trace: the records of that time, and those from before that
 * they refer to. How the traces in the folders of the races were made, from one of
 * them all: none refers to what happened before its own.
 *
 * Usage: cut TRACE OUTPUT SINCE UNTIL [edges]	(seconds; edges: all from the beginning)
 * Exit status: 0, 1 if something failed, 2 usage.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

#define IDS		65536
#define ADDRESSES	65536

static bool stacks[IDS], classes[IDS];
static __u32 tids[IDS];
static size_t tid_count, address_count;
static __u64 addresses[ADDRESSES];
static __u64 since, until;
static bool edges;
static struct trace_writer *writer;

static void want_stack(__s32 id)
{
	if (id >= 0 && id < IDS)
		stacks[id] = true;
}

static void want_class(__u32 id)
{
	if (id < IDS)
		classes[id] = true;
}

static bool has_tid(__u32 tid)
{
	size_t i;

	for (i = 0; i < tid_count; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

static bool has_address(__u64 address)
{
	size_t i;

	for (i = 0; i < address_count; i++)
		if (addresses[i] == address)
			return true;
	return false;
}

static bool is_of_the_time(const struct event_header *record)
{
	return record->time <= until &&
	       (record->time >= since || (edges && record->type == EVENT_LOCK_EDGE));
}

/* What it refers to. */
static void refer(const struct event_header *record)
{
	const struct event_lock_edge *edge = (const void *)record;
	const struct event_lock_set *set = (const void *)record;
	__u32 i;

	if (!has_tid(record->tid) && tid_count < IDS)
		tids[tid_count++] = record->tid;
	switch (record->type) {
	case EVENT_ENTER:
	case EVENT_OLD_MODE:
		want_stack(((const struct event_enter *)record)->stack);
		break;
	case EVENT_LOCK_EDGE:
		want_stack(edge->from_stack);
		want_stack(edge->to_stack);
		want_class(edge->from);
		want_class(edge->to);
		break;
	case EVENT_LOCK_LEAK:
		want_stack(((const struct event_lock_leak *)record)->stack);
		want_class(((const struct event_lock_leak *)record)->class);
		break;
	case EVENT_LOCK_SET:
		for (i = 0; i < set->count && i < LOCK_SET_MAX; i++)
			want_class(set->held[i].class);
		break;
	}
}

static bool is_wanted(const struct event_header *record)
{
	const struct event_stack *stack = (const void *)record;

	switch (record->type) {
	case EVENT_TASK:
		return record->time <= until && has_tid(record->tid);
	case EVENT_SUPERBLOCK:
		return record->time <= until;
	case EVENT_STACK:
		return stack->id >= 0 && stack->id < IDS && stacks[stack->id];
	case EVENT_SYMBOL:
		return has_address(((const struct event_symbol *)record)->address);
	case EVENT_LOCK_CLASS:
		return classes[((const struct event_lock_class *)record)->id & (IDS - 1)];
	case EVENT_LOCK_NAME:
		return classes[((const struct event_lock_name *)record)->id & (IDS - 1)];
	case EVENT_LOCK_COUNT:
		return false;
	/* Findings wait for it. */
	case EVENT_LOCK_LOSS:
		return true;
	default:
		return is_of_the_time(record);
	}
}

static void visit_first(const struct event_header *record)
{
	if (is_of_the_time(record))
		refer(record);
}

static void visit_stacks(const struct event_header *record)
{
	const struct event_stack *stack = (const void *)record;
	__u32 i;

	if (record->type != EVENT_STACK || !is_wanted(record))
		return;
	for (i = 0; i < stack->depth && i < EVENT_STACK_DEPTH; i++)
		if (!has_address(stack->address[i]) && address_count < ADDRESSES)
			addresses[address_count++] = stack->address[i];
}

static void visit_last(const struct event_header *record)
{
	if (is_wanted(record))
		trace_writer__record(writer, record);
}

static void copy_fact(const char *key, const char *value, void *context)
{
	(void)context;
	trace_writer__fact(writer, key, value);
}

static void pass(const char *path, void (*visit)(const struct event_header *record), bool facts)
{
	char error[TRACE_ERROR_LENGTH];
	const struct event_header *record;
	struct trace_reader *reader;
	bool first = true;

	if (trace_reader__open(&reader, path, error))
		errx(1, "%s", error);
	while (trace_reader__next(reader, &record) > 0) {
		if (first && facts)
			trace_reader__facts(reader, "", copy_fact, NULL);
		first = false;
		visit(record);
	}
	if (trace_reader__state(reader) != TRACE_COMPLETE || trace_reader__lost(reader))
		errx(1, "%s is not whole", path);
	trace_reader__close(reader);
}

int main(int argc, char **argv)
{
	char error[TRACE_ERROR_LENGTH];

	if (argc < 5) {
		fprintf(stderr, "usage: cut TRACE OUTPUT SINCE UNTIL [edges]\n");
		return 2;
	}
	since = strtod(argv[3], NULL) * 1e9;
	until = strtod(argv[4], NULL) * 1e9;
	edges = argc > 5;
	pass(argv[1], visit_first, false);
	pass(argv[1], visit_stacks, false);
	if (trace_writer__create(&writer, argv[2], error))
		errx(1, "%s", error);
	pass(argv[1], visit_last, true);
	if (trace_writer__close(writer, 0, error))
		errx(1, "%s", error);
	return 0;
}
