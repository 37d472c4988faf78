/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --perturb: delays at the windows of rules.  Programs of their own, loaded and attached
 * only if asked for; that one of them could not run is no loss.
 */
#ifndef DAXTRACE_PROBE_PERTURB_H
#define DAXTRACE_PROBE_PERTURB_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/perturb.h"
#include "probe/table.h"

struct perturb_row {
	const char *rules;	/* their ids, with a blank in between */
	struct probe_row row;	/* name, what and ways */
};

/* Indexed by enum perturb_place. */
extern const struct perturb_row perturb_table[PERTURB_PLACES];

/* What was asked for. */
struct perturb_options {
	__u32 places;		/* a bit for each enum perturb_place; 0: no delays */
	__u32 longest;		/* of one delay, us */
	__u64 seed;
	char rules[96];		/* as they were named, for people: "all", "DX01,DX08" */
};

/* What came of it. */
struct perturb_result {
	struct perturb_options asked;
	__u64 delays, refused;	/* refused: for their share of a CPU's time */
	__u64 nanoseconds;	/* that the delays have taken */
};

/* The places of a rule; 0: it has none. */
__u32 perturb__places(const char *rule);

/* Inside of probe/. */
struct bpf_object;
struct resolver;
struct probe_options;
struct perturb;

/* Of the first object, before it is loaded: its maps and constants.  0 or a negative errno. */
int perturb__configure(struct bpf_object *first, const struct perturb_options *asked);

/*
 * Attach, with the maps of the first.  open: opens another object of the same file.  0 and
 * *perturb (NULL if nothing was asked for), or a negative errno; there may be a sentence in error.
 */
int perturb__attach(struct perturb **perturb, struct bpf_object *first, const struct resolver *resolver,
		    const struct probe_options *options, struct bpf_object *(*open)(void), char *error);

void perturb__detach(struct perturb *perturb);

void perturb__result(const struct perturb *perturb, struct perturb_result *result);

void perturb__free(struct perturb *perturb);

#endif /* DAXTRACE_PROBE_PERTURB_H */
