/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the records of the programs (bpf/buffer.h), which say each thing once
 * and as shortly as they can, to those of the ABI.
 */
#ifndef DAXTRACE_PROBE_EXPAND_H
#define DAXTRACE_PROBE_EXPAND_H

#include <stdbool.h>

#include "probe/buffer.h"

struct expander;

/* Events that are told beside what they are told by. */
struct expand_options {
	bool entry_locks;	/* EVENT_ENTRY_LOCK and _UNLOCK, of faults */
	bool mapped;		/* EVENT_MAPPED */
	bool answers;		/* EVENT_IOMAP of faults, of blocks that were there */
	bool faults;		/* EVENT_ENTER of faults */
	unsigned int page_shift;
};

/* NULL: no memory. */
struct expander *expander__new(const struct expand_options *options);

/* Whom the records of the ABI are given to. */
void expander__set_visit(struct expander *expander, buffer_visit visit, void *context);

/*
 * Take a record; it is changed.  As visit of buffer__read(), with the expander as
 * context: a negative return of the visit above is handed through.
 */
int expander__visit(void *expander, const struct event_header *record);

/* Records that were lost here: what they are about could not be told. */
__u64 expander__lost(const struct expander *expander);

/* Records that the programs dropped, as those that were taken so far say. */
__u64 expander__dropped(const struct expander *expander);
/*
 * Ends of faults that programs have missed, told in their place.  The kernel counts them as
 * well, and may have done so, and been told, long before.
 */
__u64 expander__missed_ends(const struct expander *expander);

/* Lost records of which the next one that is handed out will tell. */
__u64 expander__carried(const struct expander *expander);

void expander__free(struct expander *expander);

#endif /* DAXTRACE_PROBE_EXPAND_H */
