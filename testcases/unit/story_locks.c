// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stddef.h>
#include <stdio.h>

#include "testcases/unit/story_locks.h"

#define HEADER(type_, record) { .type = (type_), .size = sizeof(record) }

void story__lock_class(struct story *story, __u32 id, enum lock_type type, const char *name,
		       const char *fstype, __u32 flags)
{
	struct event_lock_class class = {
		.header = HEADER(EVENT_LOCK_CLASS, class), .id = id, .type = type,
		.kind = type >= LOCK_HANDLE ? LOCK_KIND_TYPE : LOCK_KIND_SLAB, .flags = flags,
		.inode_offset = -1,
	};
	struct event_lock_name naming = { .header = HEADER(EVENT_LOCK_NAME, naming), .id = id };

	snprintf(class.fstype, sizeof(class.fstype), "%s", fstype);
	snprintf(naming.name, sizeof(naming.name), "%s", name);
	story__record(story, &class.header, 1);
	story__record(story, &naming.header, 0);
}

void story__lock_edge(const struct story_task *task, __u32 from, enum lock_mode from_mode,
		      __u32 to, enum lock_mode to_mode, __u32 flags)
{
	struct event_lock_edge record = {
		.header = HEADER(EVENT_LOCK_EDGE, record), .from = from, .to = to,
		.from_mode = from_mode, .to_mode = to_mode, .flags = flags, .depth = 1,
		.from_stack = -1, .to_stack = -1,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__lock_waits(struct story *story, __u32 id, __u64 contentions, __u64 longest)
{
	struct event_lock_count record = {
		.header = HEADER(EVENT_LOCK_COUNT, record), .id = id, .max_depth = 1,
		.acquisitions = 1000, .contentions = contentions, .waited = contentions * longest,
		.longest = longest,
	};

	story__record(story, &record.header, 0);
}

void story__lock_waits_untold(struct story *story, __u32 id)
{
	struct event_lock_count record = {
		.header = HEADER(EVENT_LOCK_COUNT, record), .id = id, .max_depth = 1,
		.acquisitions = 1000,
	};

	record.header.size = offsetof(struct event_lock_count, contentions);
	story__record(story, &record.header, 0);
}

void story__lock_set(const struct story_task *task, const struct story_file *file,
		     enum lock_place place, const struct event_lock_held *held, __u32 count)
{
	struct event_lock_set record = {
		.header = HEADER(EVENT_LOCK_SET, record), .inode = file->id, .place = place,
		.count = count,
	};
	__u32 i;

	for (i = 0; i < count && i < LOCK_SET_MAX; i++)
		record.held[i] = held[i];
	story__record(task->story, &record.header, task->tid);
}

void story__lock_leak(const struct story_task *task, __u32 class, enum lock_mode mode)
{
	struct event_lock_leak record = {
		.header = HEADER(EVENT_LOCK_LEAK, record), .class = class, .stack = -1,
		.mode = mode, .ended = 1,
	};

	story__record(task->story, &record.header, task->tid);
}

void story__locks_end(struct story *story, __u64 overflow, __u64 missed)
{
	struct event_lock_loss record = {
		.header = HEADER(EVENT_LOCK_LOSS, record), .overflow = overflow, .missed = missed,
	};

	story__record(story, &record.header, 0);
}
