/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs of bpf/lock.bpf.c, which come and go apart from the others.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_LOCKS_H
#define DAXTRACE_PROBE_LOCKS_H

#include "probe/probe.h"

struct bpf_link;
struct bpf_object;
struct bpf_program;
struct probe_locks;

/* NULL: no memory. */
struct probe_locks *probe_locks__new(enum probe_locks_setting setting);
void probe_locks__free(struct probe_locks *locks);

/*
 * Before the programs are loaded; remember: it is seen when memory changes its type;
 * skip: for tests, as if one run in so many were skipped, 0: none.
 */
int probe_locks__configure(struct bpf_object *object, enum probe_locks_setting setting,
			   bool remember, __u32 skip);

/* Is it one of those programs? */
bool probe_locks__owns(const struct bpf_program *program);

/* The link is theirs from now on. */
void probe_locks__add_link(struct probe_locks *locks, struct bpf_program *program,
			   struct bpf_link *link);
void probe_locks__detach(struct probe_locks *locks);

/* Begin to follow locks, or end; what is held at that moment counts as not seen. */
int probe_locks__switch(struct probe_locks *locks, struct bpf_object *object, bool on);

/* As in probe.h. */
int probe_locks__take_turns(struct probe_locks *locks, struct bpf_object *object, __u64 edges,
			    double seconds);
double probe_locks__share(const struct probe_locks *locks, double seconds);
int probe_locks__counts(struct bpf_object *object,
			int (*visit)(void *context, __u32 id, const struct lock_count *count),
			void *context);

#endif /* DAXTRACE_PROBE_LOCKS_H */
