/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a stream needs to be read elsewhere: before the first record that names
 * a kernel stack, the stack itself and its functions' names; behind that of a
 * lock's class its name.
 */
#ifndef DAXTRACE_ANNOTATE_H
#define DAXTRACE_ANNOTATE_H

#include "probe/probe.h"

struct annotator;

/* Records go on to visit.  NULL: out of memory. */
struct annotator *annotator__new(const struct probe *probe, probe_visit visit, void *context);

/* Hand on a record and, before it, what it needs.  A probe_visit; the context is the annotator. */
int annotator__visit(void *annotator, const struct event_header *record);

/* Hand on a record that says how many more were lost than the stream shows, none before since. */
int annotator__gap(struct annotator *annotator, __u64 lost, __u64 since);

/*
 * Now and then, while tracing goes on: if there was nothing to tell for seconds, that they
 * have passed.  Who waits for ever is found by that.
 */
int annotator__quiet(struct annotator *annotator);

/*
 * Now and then, while tracing goes on: if lock edges wait for it, what was not followed
 * up to now, which says whether they are certain.
 */
int annotator__locks_now(struct annotator *annotator);

/* At the end: how often each lock class was taken, and what was not followed. */
int annotator__locks_end(struct annotator *annotator);

/* The time as records have it: ns, CLOCK_MONOTONIC. */
__u64 annotator__now(void);

/* Lock edges so far. */
__u64 annotator__edges(const struct annotator *annotator);

/* Records lost so far, as the stream shows them. */
__u64 annotator__lost(const struct annotator *annotator);

void annotator__free(struct annotator *annotator);

#endif /* DAXTRACE_ANNOTATE_H */
