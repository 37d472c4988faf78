/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The trace file: records (bpf/events.h) in compressed, checksummed blocks,
 * between a header that says how they were made and an end block that says
 * that nothing is missing.  The format is specified in daxtrace-trace(5).
 *
 * This room knows records only by their header (type, size); it does not know
 * what they mean, and knows neither BPF nor the model.
 */
#ifndef DAXTRACE_TRACE_H
#define DAXTRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "bpf/events.h"

struct trace_writer;
struct trace_reader;

/* Facts about the recording, one "key=value" each; see daxtrace-trace(5). */
#define TRACE_KEY_KERNEL	"kernel"	/* uname -r */
#define TRACE_KEY_MACHINE	"machine"	/* uname -m */
#define TRACE_KEY_VERSION	"daxtrace"	/* version of the program that wrote it */
#define TRACE_KEY_COMMAND	"command"	/* the traced command, if any */
#define TRACE_KEY_STATUS	"command.status" /* its exit status, or 128 + signal */
#define TRACE_KEY_PROBLEM	"problem"	/* why the trace does not show all, a sentence; none: it does */
#define TRACE_KEY_STARTED	"started"	/* CLOCK_REALTIME, ns, decimal */
#define TRACE_KEY_CLOCK		"clock"		/* CLOCK_MONOTONIC at the same moment, ns */
#define TRACE_KEY_PAGE_SIZE	"page.size"	/* bytes; what indexes count */
#define TRACE_KEY_PROBE		"probe."	/* + event name: the way it is observed, or "missing: reason" */

#define TRACE_KEY_SCOPE		"scope"		/* what alone was followed, for people; none: all */
#define TRACE_KEY_PERTURB	"perturb"	/* as --perturb takes it; none: no delays were made */
#define TRACE_KEY_DELAYS	"perturb.delays"	/* how many were made, decimal, at the end */
#define TRACE_KEY_REFUSED	"perturb.refused"	/* how many not, for their share of the time */
#define TRACE_KEY_DELAYED	"perturb.time"	/* what they have taken, ns */
#define TRACE_KEY_LOCKS_SHARE	"locks.share"	/* of sampled: thousandths of the time, decimal */
#define TRACE_KEY_LOCKS		"locks"		/* "off", "dax", "all", "sampled"; none: off */

/*
 * All functions that can fail return 0 (or a positive count where said) or a
 * negative errno, and leave one sentence in the buffer that the caller gave
 * (TRACE_ERROR_LENGTH bytes): what failed, why, what it means.  Those that
 * write and are given no buffer leave it to trace_writer__close(): once
 * writing has failed, they and it return the same error.
 */
#define TRACE_ERROR_LENGTH	512

/*
 * Create PATH (emptied if it exists, "-": standard output) and write the
 * header.  On success *writer is the caller's to close.  Refuses directories,
 * devices and terminals.  The caller ignores SIGPIPE and SIGXFSZ if these
 * failures shall be reported rather than kill it.
 */
int trace_writer__create(struct trace_writer **writer, const char *path, char *error);

/*
 * Add a fact.  Those known at the start belong before the first record, where
 * a reader finds them before it has read any; those known at the end just
 * before closing.  A key that is given again replaces its value.
 * -EINVAL: the key is empty or has a character other than printable ASCII, or
 * a space, '=' or a backslash.  -E2BIG: the fact is longer than 64 KiB or there
 * are too many (format.h); it is left out.  Neither is an error of the writing.
 */
int trace_writer__fact(struct trace_writer *writer, const char *key, const char *value);

/*
 * Append one record (header->size bytes).  Buffered: nothing is allocated, and
 * a block is compressed and written when it is full.  -EINVAL: the size is not
 * a multiple of 8 or too small for the type; it is left out.
 */
int trace_writer__record(struct trace_writer *writer, const struct event_header *record);

/* Write out the block in progress, so that a reader sees all records so far. */
int trace_writer__flush(struct trace_writer *writer);

/*
 * Flush, write the end block (records, lost) and close; frees the writer in
 * every case.  lost: records that the kernel side dropped in all.  After a
 * failure the file has no end block and holds the blocks written before it.
 */
int trace_writer__close(struct trace_writer *writer, __u64 lost, char *error);

/* What a reader found out about the file's wholeness. */
enum trace_state {
	TRACE_READING,		/* more may come */
	TRACE_COMPLETE,		/* the end block was read and its counts agree */
	TRACE_TRUNCATED,	/* the file ends without an end block */
	TRACE_CORRUPT,		/* a checksum, a length or a count is wrong */
};

/* Open PATH ("-": standard input) and check its header. */
int trace_reader__open(struct trace_reader **reader, const char *path, char *error);

/*
 * The next record: 1 and *record (valid until the next call), 0 at the end of
 * what can be read, negative errno on an I/O error (after which the state is
 * TRACE_TRUNCATED).  The record is at least as large as its type requires
 * (struct of bpf/events.h); a type that this program does not know is handed
 * out as well, for the caller to skip.
 *
 * Only the size is checked: a file may hold any values.  A string may lack its
 * NUL, event_stack.depth may be larger than the array, a CPU number, a range
 * or an enum may be anything, and time may go backwards.
 */
int trace_reader__next(struct trace_reader *reader, const struct event_header **record);

/* Whether all of it was read; once trace_reader__next() returned 0. */
enum trace_state trace_reader__state(const struct trace_reader *reader);

/* One sentence on a file that is not whole ("" if it is). */
const char *trace_reader__problem(const struct trace_reader *reader);

/*
 * A fact from the file, or NULL.  The reader owns it until it is closed.  It
 * may hold any bytes but NUL, such as a terminal's control characters.
 */
const char *trace_reader__fact(const struct trace_reader *reader, const char *key);

/* Call visit for every fact whose key begins with prefix. */
void trace_reader__facts(const struct trace_reader *reader, const char *prefix,
			 void (*visit)(const char *key, const char *value, void *context),
			 void *context);

/* Records lost in the kernel as the end block says; 0 before it was read. */
__u64 trace_reader__lost(const struct trace_reader *reader);

void trace_reader__close(struct trace_reader *reader);

#endif /* DAXTRACE_TRACE_H */
