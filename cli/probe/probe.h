/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Observation of the running kernel: attaches the BPF programs that the probe
 * table chooses and hands out their records.  Knows nothing of what they mean.
 */
#ifndef DAXTRACE_PROBE_H
#define DAXTRACE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"
#include "probe/perturb.h"
#include "probe/table.h"

struct probe;
struct lock_count;

/* --events */
enum probe_events {
	PROBE_EVENTS_ALL,
	PROBE_EVENTS_DEFAULT,	/* what DX01 to DX05 and DX09 need */
};

/* Which locks are traced. */
enum probe_locks_setting {
	LOCKS_OFF,
	LOCKS_DAX,	/* those of filesystems on block devices and of address spaces */
	LOCKS_ALL,
	LOCKS_SAMPLED,	/* all, for a part of the time once no new edge comes */
};

struct probe_options {
	enum probe_events events;
	size_t buffer_bytes;		/* of the ring buffer; 0: chosen from memory */
	const __u32 *devices;		/* only these (major << 20 | minor); NULL: all */
	size_t device_count;
	const __u32 *processes;		/* only inodes that these or their descendants come by */
	size_t process_count;
	int cgroup_fd;			/* the same of this cgroup's; 0: of any */
	const char *scope;		/* what these two leave, for people; NULL: all */
	enum probe_locks_setting locks;
	bool user_stacks;		/* --user-stacks */
	__u32 skip;			/* for tests: as if one run in so many of locks' programs were skipped */
	struct perturb_options perturb;	/* --perturb */
	const char *const *hidden;	/* targets to treat as missing; NULL-terminated or NULL */
};

/* How an event is observed here. */
struct probe_status {
	int way;			/* index in the row's ways, or -1: missing */
	char reason[160];		/* why it is missing, or why an earlier way was not taken */
};

/*
 * Called for each record, in the order in which they were made.  The record is
 * valid during the call.  A negative return ends the reading with that value.
 */
typedef int (*probe_visit)(void *context, const struct event_header *record);

/*
 * Resolve the table against this kernel, load, attach.  Returns 0 and *probe
 * (the caller closes it), or a negative errno and one sentence in error
 * (ERROR_LENGTH bytes).  Events that are missing are no error: see the status.
 */
int probe__open(struct probe **probe, const struct probe_options *options, char *error);

/*
 * What BTF alone promises, without privilege and without attaching anything.
 * 0, or a negative errno and one sentence in error.
 */
int probe__promise(struct probe_status status[OBSERVED_COUNT],
		   const struct probe_options *options, char *error);

/* Of each event; valid until the probe is closed. */
const struct probe_status *probe__status(const struct probe *probe, enum observed observed);

/* Was it left out on request: it is not in the set of events that was asked for. */
bool probe__left_out(const struct probe *probe, enum observed observed);

/* Mask of the events that are not observed. */
__u64 probe__missing(const struct probe *probe);

/*
 * Did a module that was missing when tracing began come since?  What it tells is not
 * observed: then one sentence that says so is in text.
 */
bool probe__unseen_module(const struct probe *probe, char *text, size_t length);

/*
 * Wait up to timeout_ms for records and visit what there is.  Returns how many
 * were visited, or a negative errno (-EINTR: a signal came).
 */
int probe__poll(struct probe *probe, int timeout_ms, probe_visit visit, void *context);

/* Detach every program; what is in the buffer can still be polled. */
void probe__detach(struct probe *probe);

/* Records that were lost so far: no room, or a program that could not run. */
__u64 probe__lost(const struct probe *probe);

/*
 * Of these, those that no record tells of, nor one that is yet to be read: mostly of
 * programs that could not run.  told: what records have told of so far.  Asks the
 * kernel about each program: not for each poll.
 */
__u64 probe__lost_untold(const struct probe *probe, __u64 told);

/* Times that a program which follows locks could not run. */
__u64 probe__locks_missed(const struct probe *probe);

/*
 * Sampled locks: take their probes off or put them on again if it is time.
 * edges: how many have been seen up to now; seconds: of any clock.  Does nothing
 * for other settings.  A negative errno: they could not be put on again.
 */
int probe__take_turns(struct probe *probe, __u64 edges, double seconds);

/* Part of the time during which locks were traced, 0 to 1. */
double probe__locks_share(const struct probe *probe, double seconds);

/* What the tracing of locks has not followed; fields but the header. */
bool probe__lock_loss(const struct probe *probe, struct event_lock_loss *loss);

/* Of each class how often it was taken (bpf/lock.bpf.h); a negative return of visit ends it. */
int probe__lock_counts(const struct probe *probe,
		       int (*visit)(void *context, __u32 id, const struct lock_count *count),
		       void *context);

/* Bytes of the ring buffer. */
size_t probe__buffer_bytes(const struct probe *probe);

/*
 * The frames of a stack that a record names, innermost first.  Returns how
 * many, 0 if the kernel does not have it (any more).
 */
unsigned int probe__stack(const struct probe *probe, __s32 id, __u64 address[EVENT_STACK_DEPTH]);

/* The same of a user stack. */
unsigned int probe__user_stack(const struct probe *probe, __s32 id,
			       __u64 address[EVENT_STACK_DEPTH]);

/* Were they asked for? */
bool probe__has_user_stacks(const struct probe *probe);

/*
 * What the kernel calls an address of its own (kernelname.h).  probe: a struct probe; a
 * symbols_ask.
 */
int probe__name(const void *probe, __u64 address, char *text, size_t length);

/* What --perturb has done so far; once all is detached, all of it. */
void probe__perturbed(const struct probe *probe, struct perturb_result *result);

void probe__close(struct probe *probe);

#endif /* DAXTRACE_PROBE_H */
