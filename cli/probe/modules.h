/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Modules that have functions of the probe table and were not there when it was
 * resolved.  Without them there is nothing to see; if they come later, what they do
 * is not seen until programs are attached to them as well.  Inside of probe/.
 */
#ifndef DAXTRACE_PROBE_MODULES_H
#define DAXTRACE_PROBE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "probe/probe.h"

struct bpf_object;

/*
 * Before loading: wait for the modules of these events (a mask of OBSERVED_BIT()s).
 * 0 or a negative errno.
 */
int modules__await(struct bpf_object *object, __u64 events);

/*
 * Is a module of these events there, or was it meanwhile?  Then a sentence that
 * says so is in text.
 */
bool modules__arrived(struct bpf_object *object, __u64 events, char *text, size_t length);

/* Are they all there now, and ready? */
bool modules__are_there(__u64 events);

/*
 * Before object is loaded: it is to have the maps of the first, whose programs run already.
 * Both come of the same file.  0 or a negative errno.
 */
int modules__share_maps(struct bpf_object *object, struct bpf_object *first);

/* What was attached to modules that came late. */
struct late;

/*
 * Load and attach the programs of these events from object, which has just been opened
 * and is the callee's from now on, with the maps of the first, which has been loaded
 * from the same file.  NULL: that is not possible.
 */
struct late *late__attach(struct bpf_object *object, struct bpf_object *first, __u64 events,
			  const struct probe_status *status);
void late__detach(struct late *late);
struct bpf_object *late__object(const struct late *late);
void late__free(struct late *late);

#endif /* DAXTRACE_PROBE_MODULES_H */
