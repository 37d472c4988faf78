/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which inodes the programs follow: see filter__passes() in bpf/follow.bpf.h. */
#ifndef DAXTRACE_PROBE_FILTER_H
#define DAXTRACE_PROBE_FILTER_H

#include "probe/probe.h"

struct bpf_object;

/* Is there one? */
bool filter__any(const struct probe_options *options);

/* Before loading.  0 or a negative errno. */
int filter__set_programs(struct bpf_object *object, const struct probe_options *options);
int filter__configure(struct bpf_object *object, const struct probe_options *options);

/* Once all is attached, and before tracing is switched on.  0 or a negative errno. */
int filter__fill(struct bpf_object *object, const struct probe_options *options);

#endif /* DAXTRACE_PROBE_FILTER_H */
