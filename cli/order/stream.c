// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/stream.h"

/* Ids count from 1; the BPF side makes far fewer (bpf/lock.bpf.c). */
#define MAX_IDS		(1U << 16)

/* What a stream calls a class: several ids may turn out to be one class. */
struct known_id {
	struct event_lock_class record;
	char name[ORDER_NAME_LENGTH];
	struct order_class *class;	/* NULL: not needed so far */
};

struct order_stream {
	struct order_graph *graph;
	struct order_loss loss;
	struct known_id *ids[MAX_IDS];	/* by id */
	bool seen;
};

struct order_stream *order_stream__new(void)
{
	struct order_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->graph = order_graph__new();
	if (!stream->graph) {
		free(stream);
		return NULL;
	}
	return stream;
}

void order_stream__free(struct order_stream *stream)
{
	unsigned int id;

	if (!stream)
		return;
	for (id = 0; id < MAX_IDS; id++)
		free(stream->ids[id]);
	order_graph__free(stream->graph);
	free(stream);
}

struct order_graph *order_stream__graph(const struct order_stream *stream)
{
	return stream->graph;
}

const struct order_loss *order_stream__loss(const struct order_stream *stream)
{
	return &stream->loss;
}

bool order_stream__seen(const struct order_stream *stream)
{
	return stream->seen;
}

const char *lock_type_name(__u32 type)
{
	static const char *const names[LOCK_TYPE_COUNT] = {
		[LOCK_RWSEM] = "rw_semaphore",
		[LOCK_MUTEX] = "mutex",
		[LOCK_PERCPU_RWSEM] = "percpu_rw_semaphore",
		[LOCK_HANDLE] = "jbd2_handle",
		[LOCK_DAX_ENTRY] = "dax_entry",
		[LOCK_LAYOUT_BREAK] = "layout_break",
		[LOCK_WRITEBACK] = "writeback",
		[LOCK_INVALIDATE] = "invalidate",
	};

	return type < LOCK_TYPE_COUNT && names[type] ? names[type] : "?";
}

/* Where no name was found: what is known of it all the same, "?" first. */
static void describe_unnamed(const struct event_lock_class *record, char *name, size_t length)
{
	switch (record->kind) {
	case LOCK_KIND_SLAB:
		snprintf(name, length, "?%.*s+%u", (int)sizeof(record->cache), record->cache,
			 record->offset);
		break;
	case LOCK_KIND_KMALLOC:
		snprintf(name, length, "?%.*s+%u@0x%llx", (int)sizeof(record->cache),
			 record->cache, record->offset, (unsigned long long)record->address);
		break;
	case LOCK_KIND_SUPERBLOCK:
		snprintf(name, length, "super_block+%u", record->offset);
		break;
	case LOCK_KIND_TYPE:
		snprintf(name, length, "%s", lock_type_name(record->type));
		break;
	default:
		snprintf(name, length, "?%s@0x%llx", lock_type_name(record->type),
			 (unsigned long long)record->address);
	}
}

static void make_label(const struct known_id *known, char *label)
{
	const struct event_lock_class *record = &known->record;
	bool directory = record->flags & LOCK_CLASS_DIRECTORY;
	size_t used;

	used = snprintf(label, ORDER_LABEL_LENGTH, "%s", known->name);
	if (*record->fstype || directory)
		used += snprintf(label + used, ORDER_LABEL_LENGTH - used, " (%.*s%s%s)",
				 EVENT_FSTYPE_LENGTH - 1, record->fstype,
				 *record->fstype && directory ? " " : "",
				 directory ? "directory" : "");
	/* As lockdep shows a subclass. */
	if (record->subclass)
		snprintf(label + used, ORDER_LABEL_LENGTH - used, "/%u", record->subclass);
}

static struct known_id *find_id(struct order_stream *stream, __u32 id)
{
	return id < MAX_IDS ? stream->ids[id] : NULL;
}

static void take_class(struct order_stream *stream, const struct event_lock_class *record)
{
	struct known_id *known;
	__u32 id = record->id;

	if (find_id(stream, id))
		return;
	if (id >= MAX_IDS || !(known = calloc(1, sizeof(*known)))) {
		stream->loss.room++;
		return;
	}
	memcpy(&known->record, record, sizeof(known->record));
	/* What a file holds need not end. */
	known->record.cache[sizeof(known->record.cache) - 1] = '\0';
	known->record.fstype[EVENT_FSTYPE_LENGTH - 1] = '\0';
	describe_unnamed(&known->record, known->name, sizeof(known->name));
	stream->ids[id] = known;
}

static void take_name(struct order_stream *stream, const struct event_lock_name *record)
{
	struct known_id *known = find_id(stream, record->id);

	/* A class that has edges keeps the name that it has in them. */
	if (known && !known->class && *record->name)
		snprintf(known->name, sizeof(known->name), "%.*s", (int)sizeof(record->name) - 1,
			 record->name);
}

struct order_class *order_stream__class(struct order_stream *stream, __u32 id)
{
	struct known_id *known = find_id(stream, id);
	char label[ORDER_LABEL_LENGTH];
	struct order_class *class;

	if (!known)
		return NULL;
	if (known->class)
		return known->class;
	make_label(known, label);
	class = order_graph__class(stream->graph, label);
	if (!class)
		return NULL;
	memcpy(class->name, known->name, sizeof(class->name));
	memcpy(class->fstype, known->record.fstype, sizeof(class->fstype));
	class->type = known->record.type;
	class->directory = known->record.flags & LOCK_CLASS_DIRECTORY;
	class->named = *known->name != '?';
	known->class = class;
	return class;
}

static void add(__u64 *sum, __u64 value)
{
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = ~0ULL;
}

static void take_count(struct order_stream *stream, const struct event_lock_count *record)
{
	struct order_class *class = order_stream__class(stream, record->id);

	if (!class)
		return;
	add(&class->acquisitions, record->acquisitions);
	if (record->max_depth > class->max_depth)
		class->max_depth = record->max_depth;
	if (record->header.size < sizeof(*record) || record->contentions == LOCK_CONTENTIONS_UNKNOWN)
		return;
	class->contention_known = true;
	add(&class->contentions, record->contentions);
	add(&class->waited, record->waited);
	if (record->longest > class->longest)
		class->longest = record->longest;
}

static void take_loss(struct order_stream *stream, const struct event_lock_loss *record)
{
	add(&stream->loss.unseen, record->unseen);
	add(&stream->loss.stale, record->stale);
	add(&stream->loss.overflow, record->overflow);
	add(&stream->loss.room, record->room);
	add(&stream->loss.missed, record->missed);
}

void order_stream__describe(struct order_stream *stream, const struct event_header *record)
{
	stream->seen = true;
	switch (record->type) {
	case EVENT_LOCK_CLASS:
		take_class(stream, (const void *)record);
		break;
	case EVENT_LOCK_NAME:
		take_name(stream, (const void *)record);
		break;
	case EVENT_LOCK_COUNT:
		take_count(stream, (const void *)record);
		break;
	case EVENT_LOCK_LOSS:
		take_loss(stream, (const void *)record);
		break;
	}
}

enum order_change order_stream__edge(struct order_stream *stream,
				     const struct event_lock_edge *record, const char *comm,
				     struct order_edge **edge)
{
	struct order_class *from = order_stream__class(stream, record->from);
	struct order_class *to = order_stream__class(stream, record->to);
	struct order_sight sight = {
		.time = record->header.time,
		.tid = record->header.tid,
		.from_mode = record->from_mode,
		.to_mode = record->to_mode,
		.flags = record->flags,
		.from_stack = record->from_stack,
		.to_stack = record->to_stack,
	};
	enum order_change change;

	stream->seen = true;
	*edge = NULL;
	if (!from || !to) {
		/* Its record was lost, which is counted elsewhere, or never made. */
		stream->loss.room++;
		return ORDER_NO_ROOM;
	}
	snprintf(sight.comm, sizeof(sight.comm), "%s", comm);
	change = order_graph__add(stream->graph, from, to, &sight, edge);
	if (change == ORDER_NO_ROOM)
		stream->loss.room++;
	return change;
}
