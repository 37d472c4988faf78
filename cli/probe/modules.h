/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Modules that have functions of the probe table and were not there when it was
 * resolved.  Without them there is nothing to see; if they come later, what they do
 * is not seen.  Inside of probe/.
 */
#ifndef DAXTRACE_PROBE_MODULES_H
#define DAXTRACE_PROBE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

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

#endif /* DAXTRACE_PROBE_MODULES_H */
