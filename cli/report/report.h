/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reports: what the detector found, for a person (text, 80 columns) or for a
 * program (one JSON object a line).  Draws no conclusions of its own.
 */
#ifndef DAXTRACE_REPORT_H
#define DAXTRACE_REPORT_H

#include <stdio.h>

#include "detect/detect.h"

/* What is known of the stream, beside its records. */
struct report_facts {
	const char *kernel;		/* uname -r of the traced machine, or NULL */
	const char *source;		/* the trace file's name, or NULL: live */
	const char *scope;		/* what alone was followed, or NULL: everything */
	const char *problem;		/* why the stream is not whole, or NULL */
	__u64 missing;			/* OBSERVED_BIT()s not in the stream */
	const char *locks;		/* as --locks has them: "off", "dax", "all", "sampled" */
	double locks_share;		/* of the time, in which they were followed; 0: not known */
	size_t known;			/* findings that a baseline has */
	const char *perturb;		/* what --perturb was given, or NULL: no delays */
	__u64 delays, refused;		/* that were made, and not, for their share of the time */
	__u64 delayed;			/* ns that they have taken */
};

/* How records, findings and the rest are written. */
struct report_format {
	void (*finding)(FILE *file, const struct detector *detector,
			const struct finding *finding);
	void (*coverage)(FILE *file, const struct detector *detector);
	void (*verdict)(FILE *file, const struct detector *detector,
			const struct report_facts *facts, enum verdict verdict);
	/* Classes of locks, their order, cycles. */
	void (*locks)(FILE *file, const struct detector *detector);
};

extern const struct report_format report_text;
extern const struct report_format report_json;

/* The lock-order graph as dot(1) reads it; ranks (NULL: none) become layers. */
void report__dot(FILE *file, const struct order_graph *graph, const struct ranks *ranks);

/* What two streams do not share: how much there is of each. */
struct report_difference {
	size_t new_edges, gone_edges;
	size_t changed_edges;		/* seen in other modes */
	size_t new_cycles, gone_cycles;
	size_t new_findings, gone_findings;	/* that are not cycles, by fingerprint */
};

/*
 * Write what after has and before has not, and the other way round.  after may
 * be the same as before.
 */
void report__diff(FILE *file, const struct detector *before, const struct detector *after,
		  struct report_difference *difference);
void report__diff_json(FILE *file, const struct detector *before, const struct detector *after,
		       struct report_difference *difference);

/* Inside of report/: what findings on locks have instead of pages and events. */
struct json;
void report__locks(FILE *file, const struct detector *detector);
/* What makes the lock-order graph incomplete; nothing if it is whole. */
void report__lock_loss(FILE *file, int indent, const struct detector *detector);
void report__locks_json(FILE *file, const struct detector *detector);
void report__lock_finding(FILE *file, const struct detector *detector,
			  const struct finding *finding);
void report__lock_finding_json(struct json *json, const struct detector *detector,
			       const struct finding *finding);

/* What the actors held, if any of it is known; of one actor; what two have in common. */
void report__held(FILE *file, const struct detector *detector, const struct finding *finding);
void report__held_json(struct json *json, const struct detector *detector,
		       const struct finding_actor *actor);
void report__common_json(struct json *json, const struct detector *detector,
			 const struct finding *finding);

void report__sight(FILE *file, const struct model *model, const struct order_class *from,
		   const struct order_class *to, const struct order_sight *sight);
void report__cycle(FILE *file, const struct model *model, const struct order_cycle *cycle);
void report__edge_json(struct json *json, const struct model *model,
		       const struct order_edge *edge, const struct order_sight *sight);
void report__cycle_json(struct json *json, const struct order_cycle *cycle);

/*
 * What happened, in words, for one line: "write(2) 4096 bytes at 0".  Returns
 * text.
 */
const char *report__describe(const struct model_event *event, char *text, size_t length);

/*
 * Whether an event is inside an operation of its task that began before it, and
 * how deep: for indentation.  events: the list that holds it, up to its index.
 */
unsigned int report__depth(const struct model_event *events, unsigned int index);

/* What contested a rule's window: an operation's name, "mmap", or "?" if it is not known. */
const char *report__rival(enum rule_index rule, enum operation operation);

/* "259:0" */
const char *report__device(__u32 dev, char *text, size_t length);

#endif /* DAXTRACE_REPORT_H */
