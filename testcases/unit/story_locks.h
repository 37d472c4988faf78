/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stories about locks, as story.h has them about pages. */
#ifndef DAXTRACE_UNIT_STORY_LOCKS_H
#define DAXTRACE_UNIT_STORY_LOCKS_H

#include "testcases/unit/story.h"

/* A class and its name; fstype "" for none. */
void story__lock_class(struct story *story, __u32 id, enum lock_type type, const char *name,
		       const char *fstype, __u32 flags);

/* The task waits for one lock while it holds another.  flags: LOCK_EDGE_*. */
void story__lock_edge(const struct story_task *task, __u32 from, enum lock_mode from_mode,
		      __u32 to, enum lock_mode to_mode, __u32 flags);

/* Tracing ends: a class was taken 1000 times, and so often had to wait, for at most so long. */
void story__lock_waits(struct story *story, __u32 id, __u64 contentions, __u64 longest);

/* The same by a version that did not say who had to wait. */
void story__lock_waits_untold(struct story *story, __u32 id);

/* The task comes to a place with these held. */
void story__lock_set(const struct story_task *task, const struct story_file *file,
		     enum lock_place place, const struct event_lock_held *held, __u32 count);

/* The task ended with a lock held. */
void story__lock_leak(const struct story_task *task, __u32 class, enum lock_mode mode);

/* Tracing ends: locks beyond those that can be held, programs that could not run. */
void story__locks_end(struct story *story, __u64 overflow, __u64 missed);

#endif /* DAXTRACE_UNIT_STORY_LOCKS_H */
