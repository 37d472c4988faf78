/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ranks: the order of locks that a filesystem documents, as a file that says
 * which class is taken before which.  An edge against it is a finding even
 * where no cycle has been seen.  The format is specified in daxtrace-ranks(5).
 */
#ifndef DAXTRACE_ORDER_RANKS_H
#define DAXTRACE_ORDER_RANKS_H

#include "order/graph.h"

#define RANKS_ERROR_LENGTH 512

struct ranks;

/*
 * Read PATH, or, where NAME has no slash and no such file exists, the one of
 * that name that daxtrace is installed with.  *ranks is NULL at first, or has
 * what earlier files said, to which this one's lists are added; the caller frees
 * it in any case.  False: one sentence in error.
 */
bool ranks__read(struct ranks **ranks, const char *name, char *error);

/* The same from text that need not end in NUL; path: for messages. */
bool ranks__parse(struct ranks **ranks, const char *path, const char *text, size_t length,
		  char *error);

/*
 * Leave out lists for other kernels than this release ("6.1.0-56-amd64"); NULL:
 * not known, then only lists for any kernel are kept.
 */
void ranks__set_kernel(struct ranks *ranks, const char *release);

/* Why an edge is against the ranks. */
struct rank_violation {
	const char *path;		/* the ranks file */
	const char *fstype;		/* of the list */
	unsigned int from_line, to_line;
};

/* Is `to` ranked above `from` in a list that has both? */
bool ranks__violated(const struct ranks *ranks, const struct order_class *from,
		     const struct order_class *to, struct rank_violation *violation);

/*
 * The rank of a class in the first list that has it: counts from 1 at the
 * outermost; 0: in none.
 */
unsigned int ranks__of(const struct ranks *ranks, const struct order_class *class);

void ranks__free(struct ranks *ranks);

#endif /* DAXTRACE_ORDER_RANKS_H */
