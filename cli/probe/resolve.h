/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which way of a row of the probe table this kernel's BTF promises. */
#ifndef DAXTRACE_RESOLVE_H
#define DAXTRACE_RESOLVE_H

#include "probe/probe.h"

/* The kernel's BTF, and its functions and tracepoints by their names. */
struct resolver;

/* NULL and errno: the kernel has no BTF, or there is no memory. */
struct resolver *resolver__new(void);
void resolver__free(struct resolver *resolver);

/*
 * The first way at or after index first whose targets exist with the arguments
 * that its programs read, and that is for the set of events asked for, or -1.
 * What was passed over is appended to reason.
 */
int resolve_way(const struct resolver *resolver, const struct probe_row *row, int first,
		const struct probe_options *options, char *reason, size_t length);

#endif /* DAXTRACE_RESOLVE_H */
