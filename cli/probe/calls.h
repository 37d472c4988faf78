/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that run where one kernel function calls another.  Inside of probe/. */
#ifndef DAXTRACE_PROBE_CALLS_H
#define DAXTRACE_PROBE_CALLS_H

#include <stddef.h>

#include "probe/table.h"

struct bpf_link;
struct bpf_object;
struct bpf_program;

/* Before loading: what looks for the calls.  0 or a negative errno. */
int calls__set_programs(struct bpf_object *object);

/*
 * Attach a PROBE_CALL in front of each of the calls: how many links were made, or a
 * negative errno.  -ENOENT: in one of the functions there is no call.
 */
int calls__attach(struct bpf_object *object, struct bpf_program *program,
		  const struct probe_program *what, struct bpf_link **links, size_t room);

#endif /* DAXTRACE_PROBE_CALLS_H */
