/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Facts: the "key=value\n" lines of a trace's FACTS blocks.  A newline or a
 * backslash in a value is written as \n or \\; a key is printable ASCII
 * without space, '=' and backslash.
 */
#ifndef DAXTRACE_TRACE_FACTS_H
#define DAXTRACE_TRACE_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/format.h"

/* The facts that a reader has found.  All zero: none. */
struct trace_facts {
	struct trace_fact {
		const char *key;
		const char *value;
	} *fact;			/* sorted by nothing: in order of appearance */
	size_t count;			/* of fact[] */
	size_t lines;			/* seen, <= TRACE_FACT_COUNT_MAX */
	size_t bytes;			/* seen, <= TRACE_FACTS_MAX */
	struct trace_facts_text *text;	/* owns the strings, until free */
};

bool trace_facts__key_valid(const char *key);

/*
 * Write the line of one fact, without a NUL, to line, which has room for
 * TRACE_FACT_MAX bytes.  Returns its length, or 0 if it would be longer.
 */
size_t trace_facts__format(char *line, const char *key, const char *value);

/*
 * Add the facts of one block's payload.  A key seen before gets the new value;
 * the pointers to the old one remain valid.  Returns 0, -ENOMEM, or -EBADMSG
 * with *why naming the fault in the block, of which then nothing is added.
 */
int trace_facts__parse(struct trace_facts *facts, const char *payload, size_t length,
		       const char **why);

const char *trace_facts__get(const struct trace_facts *facts, const char *key);

void trace_facts__free(struct trace_facts *facts);

#endif /* DAXTRACE_TRACE_FACTS_H */
