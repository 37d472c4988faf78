/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which ways the kernel's BTF promises, for what was asked for.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_PROMISE_H
#define DAXTRACE_PROBE_PROMISE_H

#include "probe/resolve.h"

/* NULL, and a sentence in error (ERROR_LENGTH bytes): the kernel cannot be traced. */
struct resolver *promise__resolver(char *error);

/* Is the event not in the set that was asked for? */
bool promise__left_out(const struct probe_row *row, enum probe_events events, bool user_stacks);

/* The first way of each event that is promised, or why there is none. */
void promise__resolve(const struct resolver *resolver, struct probe_status status[OBSERVED_COUNT],
		      const struct probe_options *options, enum probe_locks_setting locks);

#endif /* DAXTRACE_PROBE_PROMISE_H */
