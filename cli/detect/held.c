// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the tasks of a finding held where they did it, and whether that keeps one of them
 * out: EVENT_LOCK_SET tells it of the places of enum lock_place.
 */
#include <stdio.h>
#include <string.h>

#include "detect/private.h"

/* Where the sets of locks of what the event shows are told; 0: nowhere. */
static enum lock_place place_of(const struct model_event *event)
{
	static const enum lock_place places[OPERATION_COUNT] = {
		[OPERATION_FAULT] = LOCK_PLACE_FAULT,
		[OPERATION_READ] = LOCK_PLACE_RW,
		[OPERATION_WRITE] = LOCK_PLACE_RW,
		[OPERATION_INVALIDATE] = LOCK_PLACE_INVALIDATE,
		[OPERATION_WRITEBACK] = LOCK_PLACE_FLUSH,
		[OPERATION_TRUNCATE] = LOCK_PLACE_TRUNCATE,
		[OPERATION_WRITEPAGES] = LOCK_PLACE_WRITEPAGES,
	};

	switch (event->type) {
	case EVENT_ENTER:
		return event->operation < OPERATION_COUNT ? places[event->operation] : 0;
	case EVENT_MODE:
		/* Others find the mode changed, and tell it at what they do. */
		return event->flags & MODE_MOMENT ? LOCK_PLACE_FLIP : 0;
	case EVENT_MAP:
		return LOCK_PLACE_MAP;
	default:
		return 0;
	}
}

/* The id of what the task held at what the event shows; 0: not known. */
static __u32 locks_at(const struct detector *detector, const struct finding *finding,
		      const struct model_event *event, enum lock_place place)
{
	const struct model_task *task = model__task(detector->model, event->tid);
	__u64 after;

	if (!task)
		return 0;
	after = task->places[place].after;
	/* Of others each visit is told, just before its event or behind it. */
	if (place != LOCK_PLACE_FAULT && place != LOCK_PLACE_RW && after != event->number &&
	    after != event->task_previous)
		return 0;
	return model__locks_at(detector->model, task, place, &finding->key.inode);
}

/* Where the part that the task has in the race begins; 0: what it did last tells. */
static enum lock_place place_of_role(const char *role)
{
	if (strstr(role, "fault"))
		return LOCK_PLACE_FAULT;
	if (!strcmp(role, "mmap"))
		return LOCK_PLACE_MAP;
	if (!strcmp(role, "fileattr"))
		return LOCK_PLACE_FLIP;
	if (!strcmp(role, "writepages"))
		return LOCK_PLACE_WRITEPAGES;
	return 0;
}

/* Of the actor's newest event of its part, or else it is not known. */
static __u32 note_actor(const struct detector *detector, const struct finding *finding,
			struct finding_actor *actor)
{
	enum lock_place wanted = place_of_role(actor->role), place = 0;
	const struct model_event *event = NULL;
	const struct model_locks *locks;
	unsigned int i = finding->event_count;

	while (i-- && (!place || (wanted && place != wanted))) {
		event = &finding->events[i];
		place = event->tid == actor->tid ? place_of(event) : 0;
	}
	if (!place || (wanted && place != wanted))
		return 0;
	locks = model__locks(detector->model, locks_at(detector, finding, event, place));
	if (!locks)
		return 0;
	actor->held_at = place;
	actor->held_count = locks->count;
	memcpy(actor->held, locks->held, sizeof(actor->held));
	return locks->id;
}

void held__note(const struct detector *detector, struct finding *finding)
{
	__u32 ids[FINDING_MAX_ACTORS] = {};
	unsigned int i;

	/* What is predicted says itself which locks it compares, and of which moments. */
	if (*finding->schedule)
		return;
	for (i = 0; i < finding->actor_count; i++)
		ids[i] = note_actor(detector, finding, &finding->actors[i]);
	if (finding->actor_count < 2 || !ids[0] || !ids[1])
		return;
	if (model__nothing_excludes(detector->model, ids[0], ids[1])) {
		finding->common = FINDING_COMMON_NONE;
		return;
	}
	finding->common_class = model__common_class(detector->model, ids[0], ids[1]);
	if (finding->common_class)
		finding->common = FINDING_COMMON_LOCK;
}

void detector__name_held(const struct detector *detector, const struct event_lock_held *held,
			 __u32 count, char *text, size_t length)
{
	const struct order_class *class;
	size_t used = 0;
	__u32 i;

	*text = '\0';
	for (i = 0; i < count && used < length; i++) {
		class = detector__class(detector, held[i].class);
		used += snprintf(text + used, length - used, "%s%s%s", used ? ", " : "",
				 class ? class->name : "?",
				 held[i].mode == LOCK_MODE_WRITE ? "" : " (shared)");
	}
}
